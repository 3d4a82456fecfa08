"""An explanation key by key, as docs/why.md describes its JSON, and what of it is easily mixed up."""

from typing import Any

import msgspec
import pytest

from reconciler.known import Known
from reconciler.policy import AttributeMapping, GroupView, RoleAxis, RoleSource, Scope, TeamMapping
from reconciler.report import Complete
from reconciler.why import explain
from tests.builders import ROLE, TEAM, by_hand, member, policy, suspended, user
from tests.reconciler.standings import ADA, CONFLICT, LATER, RUN, place, recorded, standing, told

COUNTESS = member(
    "ada", "admin", teams=frozenset({"Chess", "Engineering"}), granted=frozenset({"Engineering"}), active=True
)
LEAVING = recorded(
    "leave_team", "held", LATER, before={"team": "Engineering"}, evidence="scope", cause="left group Eng",
    sentence="1 departure", limit="leave_team", cluster="leave_team-1",
)  # fmt: skip
FAILED = recorded(
    "update", "failed", LATER, before={"title": ""}, after={"title": "Duchess"}, cause="changed in the directory",
    code="store_error", error="disk full",
)  # fmt: skip
PROMOTED = recorded(
    "set_role", before={"role": "member"}, after={"role": "admin"}, cause="admin from group Admins", code="applied"
)
WHOLE = Known(
    "ada@acme.com",
    "acme",
    COUNTESS,
    standings=(
        standing(
            "Ops",
            asked=policy(
                teams=(TEAM, TeamMapping("Ops", "Operations")),
                protected=frozenset({"ada@acme.com"}),
                attributes=(AttributeMapping("costCenter", "cost_center"),),
            ),
            linked=COUNTESS,
            who=user("ada", title="Countess", attributes={"jamie_role": "boss", "costCenter": 7}),
            complete=Complete(users=True, groups=False, memberships=False, incomplete_groups=("Sales",)),
            recorded=(LEAVING, FAILED),
        ),
    ),
    history=(PROMOTED,),
)
HELD = {
    "kind": "leave_team", "before": {"team": "Engineering"}, "after": {}, "cause": "left group Eng",
    "evidence": "scope", "state": "held", "code": "held", "sentence": "1 departure", "run": "run2",
    "limit": "leave_team", "cluster": "leave_team-1", "planned_only": False,
}  # fmt: skip
PROTECTED = {
    "kind": "set_role", "before": {"role": "admin"}, "after": {"role": "member"},
    "cause": "member from default: no source grants more", "evidence": None, "state": "skipped", "code": "protected",
    "sentence": "ada@acme.com is protected by configuration", "run": "", "limit": "", "cluster": "",
    "planned_only": False,
}  # fmt: skip


def whole(known: Known = WHOLE) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the explanation, its first directory), as JSON has them."""
    found = msgspec.to_builtins(explain(known))
    return found, found["directories"][0]


def test_the_member_as_json() -> None:
    found, _ = whole()
    assert found["member"] == {
        "id": COUNTESS.id, "email": "ada@acme.com", "active": True, "managed": True, "directory": "okta",
        "external_id": "ada", "roles": {"role": "admin"}, "teams": ("Chess", "Engineering"), "by_hand": ("Chess",),
        "profile": {
            "email": "ada@acme.com", "user_name": "ada@acme.com", "given_name": "Ada", "family_name": "Doe",
            "display_name": "Ada Doe", "title": "", "department": "", "manager": "",
        },
        "uncertain": (),
    }  # fmt: skip
    doubted, _ = whole(msgspec.structs.replace(WHOLE, at=RUN, uncertain=("title",)))
    assert doubted["member"]["uncertain"] == ("title",)


def test_somebody_added_by_hand_follows_no_account() -> None:
    found = msgspec.to_builtins(explain(Known("ada@acme.com", "acme", by_hand("ada"))))
    assert (found["member"]["directory"], found["member"]["external_id"], found["member"]["managed"]) == (
        None, None, False,
    )  # fmt: skip


def test_the_account_as_json() -> None:
    _, account = whole()
    assert {name: account[name] for name in ("directory", "run", "began", "external_id", "state", "linked")} == {
        "directory": "okta", "run": "run1", "began": RUN.began, "external_id": "ada", "state": "active", "linked": True,
    }  # fmt: skip
    assert account["evidence"] is None
    assert (account["user"]["title"], account["user"]["attributes"]) == (
        "Countess", {"jamie_role": "boss", "costCenter": 7},
    )  # fmt: skip
    assert account["groups"] == ({"id": "Ops", "name": "Ops", "direct": True, "path": ("Ops",), "mapped": True},)
    assert account["incomplete"] == ("groups", "members of group Sales")
    assert account["scope"] == {"inside": True, "sentence": "everybody in the directory is"}


def test_the_role_as_json_with_everything_that_was_considered() -> None:
    _, account = whole()
    assert account["roles"] == (
        {
            "axis": "role", "value": "admin", "because": "group Admins, by run run1", "wanted": "member",
            "wanted_because": "default: no source grants more",
            "considered": (
                {"source": "group Admins", "offered": "admin", "value": "admin", "lost": "not_a_member"},
                {"source": "attribute jamie_role", "offered": "boss", "value": "", "lost": "not_a_value"},
            ),
            "waits": "ada@acme.com is protected by configuration", "code": "protected",
        },
    )  # fmt: skip


def test_the_teams_as_json_and_who_is_held_there_has_not_left() -> None:
    _, account = whole()
    assert account["teams"] == (
        {"team": "Chess", "member": True, "paths": (), "why": "by_hand"},
        {"team": "Engineering", "member": True, "paths": (), "why": "kept"},
        {"team": "Operations", "member": False, "paths": (("Ops",),), "why": "to_join"},
    )


def test_the_fields_as_json_where_member_and_directory_differ() -> None:
    _, account = whole()
    assert [each for each in account["profile"] if each["value"] != each["wanted"]] == [
        {"name": "title", "value": "", "wanted": "Countess", "source": "title"},
        {"name": "cost_center", "value": None, "wanted": "7", "source": "attribute costCenter"},
    ]
    assert account["profile"][2] == {"name": "given_name", "value": "Ada", "wanted": "Ada", "source": "given name"}


def test_a_field_that_the_directory_has_no_longer_is_told() -> None:
    boss = msgspec.structs.replace(COUNTESS.profile, title="Boss", attributes=(("badge", "4"),))
    found = {each.name: (each.value, each.wanted) for each in place(linked=member("ada", profile=boss)).profile}
    assert (found["title"], found["badge"]) == (("Boss", ""), ("4", ""))


def test_the_changes_as_json() -> None:
    """`recorded`: what the newest plan said; `next`: what the next sync would do; `waiting`: what of both is decided
    and not done. What failed and would not be tried so again does not wait."""
    _, account = whole()
    failed = {
        "kind": "update", "before": {"title": ""}, "after": {"title": "Duchess"}, "cause": "changed in the directory",
        "evidence": None, "state": "failed", "code": "store_error", "sentence": "disk full", "run": "run2",
        "limit": "", "cluster": "", "planned_only": False,
    }  # fmt: skip
    assert account["recorded"] == (HELD, failed)
    assert [(each["kind"], each["state"], each["evidence"], each["cause"]) for each in account["next"]] == [
        ("update", "planned", None, "changed in the directory: title, cost_center"),
        ("join_team", "planned", None, "in a group mapped to team Operations"),
        ("leave_team", "planned", "scope", "no longer in group Eng"),
        ("set_role", "skipped", None, "member from default: no source grants more"),
    ]
    assert account["next"][-1] == PROTECTED
    assert account["waiting"] == (HELD, PROTECTED)


def test_after_a_run_what_it_left_waits_and_nothing_is_to_come() -> None:
    _, account = whole(msgspec.structs.replace(WHOLE, at=RUN))
    assert account["next"] == ()
    assert [each["kind"] for each in account["waiting"]] == ["leave_team", "update"]


def test_what_a_plan_only_showed_is_marked_so() -> None:
    shown = msgspec.structs.replace(LEAVING, run=msgspec.structs.replace(LATER, planned_only=True))
    assert place(recorded=(shown,)).recorded[0].planned_only


def test_what_was_skipped_waits_as_the_rules_say_now_and_not_as_they_said_then() -> None:
    old = recorded("leave_team", "skipped", LATER, before={"team": "Engineering"}, code="not_read_whole")
    found = place(linked=COUNTESS, recorded=(old,))
    assert "leave_team" in [each.kind for each in found.next]
    assert [each for each in found.waiting if each.kind == "leave_team"] == []


def test_the_history_as_json() -> None:
    found, _ = whole()
    assert found["history"] == (
        {
            "run": "run1", "began": RUN.began, "directory": "okta", "kind": "set_role", "email": "ada@acme.com",
            "before": {"role": "member"}, "after": {"role": "admin"}, "cause": "admin from group Admins",
            "evidence": None, "state": "applied", "code": "applied", "sentence": "", "times": 1, "since": RUN.began,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("complete", "short"),
    [
        (None, ()),
        (Complete(users=True, groups=True, memberships=True), ()),
        (Complete(users=False, groups=True, memberships=True), ("people",)),
        (Complete(users=True, groups=False, memberships=True), ("groups",)),
        (Complete(users=True, groups=True, memberships=False), ("memberships",)),
        (
            Complete(users=False, groups=True, memberships=False, incomplete_groups=("Eng", "Ops")),
            ("people", "members of group Eng", "members of group Ops"),
        ),
    ],
)
def test_what_was_not_read_whole(complete: Complete | None, short: tuple[str, ...]) -> None:
    assert place(complete=complete).incomplete == short


def test_an_account_that_no_run_was_about_yet() -> None:
    found = told(msgspec.structs.replace(standing(), newest=None)).directories[0]
    assert (found.run, found.began, found.external_id) == ("", "", "ada")


def test_nobody_was_called_so_at_the_time() -> None:
    known = Known("old@acme.com", "acme", ADA, standings=(standing(linked=ADA),), at=RUN)
    assert explain(known).notes == ("nobody is called old@acme.com then: this is who was at another time",)


def test_names_of_groups_that_are_configured_by_id() -> None:
    """What people read are names, also where configuration has the ids."""
    named = {"g1": "Designers", "g2": "Staff"}
    shown = GroupView({"g1": frozenset({"g1"}), "g2": frozenset({"g2"})}, names=named)
    about: dict[str, Any] = {"view": shown, "ids": {"g1": "g1", "g2": "g2"}, "names": named}
    asked = policy(
        scope=Scope(groups=("g2",)), teams=(TeamMapping("g1", "Design"),),
        sources=(RoleSource("role", groups=(("g1", "admin"),)),),
    )  # fmt: skip
    found = place("g1", "g2", asked=asked, linked=member("ada", "admin"), **about)
    assert found.scope is not None
    assert found.scope.sentence == "in synced group Staff"
    assert found.teams[0].paths == (("Designers",),)
    assert [group.name for group in found.groups] == ["Designers", "Staff"]
    assert found.ways == ("to become member: leave group Designers",)
    assert place(asked=asked, **about).ways == ("to come into scope: join group Staff",)
    assert place("g2", asked=asked, **about).ways == ("to become admin: join group Designers",)


def test_a_group_that_only_its_reach_tells_of_is_named_by_what_configuration_calls_it() -> None:
    """A mapped group that no edge leads to any more still counts until the view is made anew."""
    reached = GroupView({"Sub": frozenset({"Eng"})}, names={"Eng": "Engineers"})
    found = place("Sub", view=reached, ids={}, names={"Sub": "Platform"})
    assert [(line.team, line.paths) for line in found.teams] == [("Engineering", (("Engineers",),))]


def test_who_would_be_adopted_is_explained_with_the_member_they_will_be() -> None:
    hand = by_hand("ada", "admin", teams=frozenset({"Chess"}))
    known = Known("ada@acme.com", "acme", hand, standings=(standing(about={"other": hand}),))
    (found,) = explain(known).directories
    assert (found.linked, found.roles[0].value, [line.team for line in found.teams]) == (False, "admin", ["Chess"])
    suspended_twin = standing(who=suspended("ada"), about={"other": hand})
    (apart,) = explain(msgspec.structs.replace(known, standings=(suspended_twin,))).directories
    assert (apart.roles[0].value, apart.teams) == (None, ())
    taken = standing(about={"other": member("ada", directory="entra")})
    (elsewhere,) = explain(msgspec.structs.replace(known, standings=(taken,))).directories
    assert (elsewhere.roles[0].value, elsewhere.roles[0].because) == (None, "")


def test_a_conflict_is_told_with_its_code() -> None:
    for one, code in (
        (standing(about={"rivals": ("eve",)}), "email_conflict"),
        (standing(recorded=(recorded("create", "skipped", code="linked_elsewhere"),)), "linked_elsewhere"),
    ):
        matching = told(one).directories[0].matching
        assert matching is not None
        assert (matching.how, matching.code) == ("conflict", code)
        assert matching.sentence in (CONFLICT, "")


def test_nobody_who_is_out_of_scope_is_matched() -> None:
    matching = place(who=user("ada", guest=True), about={"rivals": ("eve",)}).matching
    assert matching is not None
    assert matching.how == "none"


def test_a_change_of_another_axis_that_waits_is_not_this_ones() -> None:
    seats = RoleAxis("seat", ("none", "full"), "none")
    asked = policy(axes=(ROLE, seats), protected=frozenset({"ada@acme.com"}))
    linked = member("ada", roles={"role": "member", "seat": "full"})
    role, seat = place(asked=asked, linked=linked).roles
    assert (role.axis, role.waits, role.code) == ("role", "", "")
    assert (seat.axis, seat.code) == ("seat", "protected")


def test_a_person_is_explained_as_configuration_reads_them() -> None:
    """The address that counts is the mapped one, for scope and matching as for the member."""
    asked = policy(attributes=(AttributeMapping("work_mail", "email"),), scope=Scope(frozenset({"acme.com"})))
    who = user("ada", email="ada@home.org", user_name="ada", attributes={"work_mail": "ada@acme.com"})
    found = place(who=who, asked=asked)
    assert found.scope is not None
    assert (found.scope.inside, [each.kind for each in found.next]) == (True, ["create"])
    assert {each.name: each.wanted for each in found.profile}["email"] == "ada@acme.com"
    without = place(who=user("ada", attributes={}), asked=policy(attributes=(AttributeMapping("work_mail", "email"),)))
    assert without.profile[0].source == "attribute work_mail"
