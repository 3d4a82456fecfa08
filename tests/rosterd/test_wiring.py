"""From settings to policies, connectors and runs."""

import asyncio
from pathlib import Path

import pytest

from connectors.base import Refused
from reconciler.guard import CHANGES
from reconciler.policy import Limit, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from rosterd.settings import ConfigError, Settings
from rosterd.settings.limits import EVIDENCE
from rosterd.simulators import World
from rosterd.simulators.world import Kind
from rosterd.wiring import (
    CannotSimulate,
    NotPulled,
    check_directory,
    connect,
    open_store,
    ownership_of,
    policy_of,
    require_pulled,
    require_secrets,
    run_directory,
    turn_of,
    workspace_of,
)
from tests.rosterd.files import CONNECTIONS, WORKSPACE, directory, loaded

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


def simulated(folder: Path, kind: Kind, more: str = "", users: int = 10) -> Settings:
    """A directory of a kind whose world is a file."""
    World.generate(kind, users, 2).save(folder / "world.json")
    return loaded(folder, WORKSPACE + directory(kind, f'simulate = "world.json"\n{more}'))


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


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_a_simulated_directory_is_served_while_it_is_read_and_needs_no_secret(kind: Kind, tmp_path: Path) -> None:
    settings = simulated(tmp_path, kind)
    require_secrets(settings, settings.directory)
    store = open_store(settings)
    report = asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    findings = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert (report.state, report.counts.seen) == ("succeeded", 10)
    assert {finding.severity for finding in findings} == {"ok"}


ENTRA, OKTA = 'tenant_id = "t"\n', 'url = "https://acme.okta.com"\n'


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("entra", f"{ENTRA}managed_identity = true"),
        ("entra", f'{ENTRA}client_id = "c"\nfederated_token_file = "token"'),
        ("entra", f'{ENTRA}client_id = "c"\ncertificate = {{ file = "entra.pem" }}'),
        ("okta", f'{OKTA}client_id = "c"\nprivate_key = {{ file = "okta.pem" }}'),
    ],
)
def test_a_simulated_directory_is_reached_whichever_way_in_is_configured(
    kind: Kind, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: with managed_identity a simulated tenant asked the machine it ran on for a token."""
    monkeypatch.setitem(CONNECTIONS, kind, f"{way}\n")
    settings = simulated(tmp_path, kind)
    store = open_store(settings)
    findings = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert {finding.severity for finding in findings} == {"ok"}


def test_a_missing_secret_is_found_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OKTA_TOKEN", raising=False)
    settings = loaded(tmp_path, WORKSPACE + directory())
    with pytest.raises(ConfigError, match="OKTA_TOKEN"):
        require_secrets(settings, settings.directory)
    require_secrets(settings, ())


def test_a_missing_secret_is_a_finding_of_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OKTA_TOKEN", raising=False)
    settings = loaded(tmp_path, WORKSPACE + directory())
    store = open_store(settings)
    (finding,) = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert (finding.severity, finding.code) == ("error", Refused.code)
    assert "OKTA_TOKEN" in finding.message


def test_a_scim_directory_is_told_not_asked(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WORKSPACE + directory("scim"))
    with pytest.raises(NotPulled, match="it is told, not asked"):
        require_pulled(settings.directory[0])
    store = open_store(settings)
    found = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert [(finding.severity, finding.code) for finding in found] == [
        ("ok", "told"), ("warning", "never_heard"), ("warning", "no_token"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), ("{}", "missing required field"), ("no JSON", "malformed"), ("entra", "of kind entra")],
)
def test_a_world_that_cannot_be_served_names_its_file(content: str | None, says: str, tmp_path: Path) -> None:
    settings = simulated(tmp_path, "okta")
    file = tmp_path / "world.json"
    if content is None:
        file.unlink()
    elif content == "entra":
        World.generate("entra", 1, 0).save(file)
    else:
        file.write_text(content)

    async def opened() -> None:
        async with connect(settings.directory[0]):
            raise AssertionError("it opened")

    with pytest.raises(CannotSimulate, match=says) as caught:
        asyncio.run(opened())
    assert caught.value.where == str(file)


def test_a_run_that_is_told_to_stop_stops_between_two_batches(tmp_path: Path) -> None:
    settings = simulated(tmp_path, "okta", users=50)
    store = open_store(settings)
    phases: list[str] = []

    async def run() -> None:
        def stop(phase: str, done: int, total: int | None) -> None:
            phases.append(phase)
            if phase == "apply":
                task.cancel()

        task = asyncio.ensure_future(run_directory(settings, store, settings.directory[0], progress=stop))
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert phases.count("apply") == 1
    report = asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    store.close()
    assert report.state == "succeeded"


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_a_check_knows_the_domains_and_what_the_last_whole_read_saw(kind: Kind, tmp_path: Path) -> None:
    settings = simulated(tmp_path, kind)
    store = open_store(settings)
    asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    World.generate(kind, 4, 1, domain="beta.com").save(tmp_path / "world.json")
    workspace = WORKSPACE.replace('id = "acme"', 'id = "acme"\nemail_domains = ["Acme.com"]')
    narrowed = loaded(tmp_path, workspace + directory(kind, 'simulate = "world.json"'))
    found = asyncio.run(check_directory(narrowed, store, narrowed.directory[0]))
    store.close()
    texts = {each.code: each.message for each in found if each.severity != "ok"}
    assert texts["fewer_people"].startswith("4 people are seen, 10 were")
    assert texts["nobody_in_domains"].startswith("4 of 4 people have addresses outside acme.com: beta.com (4)")


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
