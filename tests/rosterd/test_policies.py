"""From settings to policies, owners and turns."""

from pathlib import Path

from reconciler.guard import CHANGES
from reconciler.policy import Limit, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from rosterd.policies import ownership_of, policy_of, turn_of, workspace_of
from rosterd.settings.limits import EVIDENCE
from tests.rosterd.files import WORKSPACE, directory, loaded

FULL = """\
[[workspace]]
id = "acme"
email_domains = ["Acme.COM"]
protected = ["Owner@Acme.com"]
[[workspace.role]]
axis = "primary"
values = ["listener", "analyst", "pilot"]
default = "analyst"
when_absent = "keep"
protect_last = "pilot"
disabled_values = ["listener"]
[[workspace.role]]
axis = "permission"
values = ["user", "admin"]
[[workspace.role_rule]]
when = { primary = "listener" }
force = { permission = "user" }
[workspace.limits]
deactivate = { count = 7 }
update = false
"""
MAPPED = """\
match = "user_name"
nested_groups = false
guests = true
scope_groups = ["Everyone"]
[[directory.role]]
axis = "permission"
attribute = "jamie_role"
groups = { "Admins" = "admin" }
[[directory.team]]
group = "Design"
team = "Designers"
"""


def test_a_policy_says_what_the_file_says(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL + directory("okta", MAPPED))
    policy = policy_of(settings, settings.directory[0])
    assert (policy.workspace, policy.directory, policy.match, policy.nested) == ("acme", "okta", "user_name", False)
    assert policy.scope == Scope(frozenset({"acme.com"}), ("Everyone",), guests=True)
    assert policy.protected == {"owner@acme.com"}
    primary = RoleAxis("primary", ("listener", "analyst", "pilot"), "analyst", "keep", "pilot", frozenset({"listener"}))
    assert policy.axes == (primary, RoleAxis("permission", ("user", "admin"), "user"))
    assert policy.sources == (RoleSource("permission", "jamie_role", (("Admins", "admin"),)),)
    assert policy.rules == (RoleRule((("primary", "listener"),), (("permission", "user"),)),)
    assert policy.teams == (TeamMapping("Design", "Designers"),)
    assert policy.limits["deactivate"] == Limit(count=7)
    assert "update" not in policy.limits


def test_safeguards_are_on_when_nothing_is_written(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WORKSPACE + directory())
    limits = policy_of(settings, settings.directory[0]).limits
    assert set(CHANGES) - set(limits) == {"create"}
    assert {f"deactivate_{evidence}" for evidence in EVIDENCE} <= set(limits)
    assert (limits["deactivate"].percent, limits["deactivate_absence"].percent) == (10, 5)
    assert (limits["deactivate_24h"].percent, limits["leave_team_each"].percent) == (25, 50)


def test_one_that_audits_is_read_for_what_it_is_compared_with_and_owns_nobody(tmp_path: Path) -> None:
    told = 'scope_groups = ["Crew"]\nexclude = ["svc-*"]\nmatch = "user_name"\n'
    team = '[[directory.team]]\ngroup = "Design"\nteam = "Design"'
    own = 'audits = "told"\nscope_groups = ["App"]\nexclude = ["bot-*"]'
    text = WORKSPACE + directory("scim", told + team, name="told") + directory("okta", own)
    settings = loaded(tmp_path, text)
    policy = policy_of(settings, settings.directory[1])
    assert (policy.directory, policy.match) == ("okta", "user_name")
    assert policy.scope == Scope(groups=("App",), exclude=("bot-*", "svc-*"))
    assert policy.configured == {"App", "Crew", "Design"}
    assert (policy.axes, policy.sources, policy.limits) == ((), (), {})
    assert [each.directory for each in ownership_of(settings, "acme").directories] == ["told"]
    assert [turn_of(each) for each in settings.directory] == ["acme", "audit:okta"]
    assert [workspace_of(settings, turn_of(each)) for each in settings.directory] == ["acme", "acme"]
