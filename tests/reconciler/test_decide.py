"""One person at a time: state, scope and difference to actions."""

from typing import Any

import msgspec
import pytest

from reconciler.decide import actions_for, decide, member_id
from reconciler.match import Subject
from reconciler.model import Evidence, UserState
from reconciler.policy import Scope, TeamMapping
from tests.builders import brief, by_hand, context, gone, member, subject, suspended, user, view


def decided(who: Subject, groups: Any = None, **fields: Any) -> list[tuple[Any, ...]]:
    return [brief(action) for action in actions_for(context(groups, **fields), who)]


def reasons(who: Subject, groups: Any = None, **fields: Any) -> list[tuple[Any, ...]]:
    found = actions_for(context(groups, **fields), who)
    return [(action.kind, action.evidence and action.evidence.value, action.cause, action.code) for action in found]


# -- order and causes ---------------------------------------------------------------------------------------------


def test_actions_of_a_person_come_in_the_order_of_a_plan() -> None:
    """Teams by name, and what is given before what is taken."""
    teams = tuple(TeamMapping("Eng", team) for team in ("Zeta", "Alpha", "Mid"))
    asked = decided(subject("ada", "Eng", member=member("ada", active=False)), teams=teams)
    assert asked == [("reactivate", "ada", True), *[("join_team", "ada", team) for team in ("Alpha", "Mid", "Zeta")]]
    two = decided(subject("ada", member=member("ada", teams={"Old"}, granted={"Old"}), user=user("ada", title="Chief")))
    assert [kind for kind, *_ in two] == ["update", "leave_team"]


def test_leaving_a_team_whose_mapping_was_removed_says_so() -> None:
    removed = (TeamMapping("Eng", "Engineering", "remove"),)
    who = subject("ada", "Eng", member=member("ada", teams={"Engineering"}, granted={"Engineering"}))
    assert reasons(who, teams=(), retired=removed) == [
        ("leave_team", "scope", "the mapping of group Eng to team Engineering was removed", "planned")
    ]


def test_a_demotion_that_is_withheld_gives_the_reason_and_not_the_source() -> None:
    groups = view("Admins", "Eng", unknown=["Admins"])
    (found,) = reasons(subject("ada", member=member("ada", roles={"role": "admin"})), groups)
    assert (found[0], found[3]) == ("set_role", "not_read_whole")
    assert "from" not in found[2]


# -- standing -----------------------------------------------------------------------------------------------------

ADA = member("ada")


@pytest.mark.parametrize(
    ("state", "is_member", "kinds"),
    [
        (UserState.ACTIVE, None, ["create"]),
        (UserState.ACTIVE, True, []),
        (UserState.ACTIVE, False, ["reactivate"]),
        (UserState.SUSPENDED, None, []),
        (UserState.SUSPENDED, True, ["deactivate"]),
        (UserState.SUSPENDED, False, []),
        (UserState.PENDING, None, []),
        (UserState.PENDING, True, []),
        (UserState.PENDING, False, []),
        (UserState.UNKNOWN, None, []),
        (UserState.UNKNOWN, True, []),
        (UserState.UNKNOWN, False, []),
        (UserState.GONE, None, []),
        (UserState.GONE, True, ["deactivate"]),
        (UserState.GONE, False, []),
    ],
)
def test_every_state_for_a_stranger_a_member_and_a_former_member(
    state: UserState, is_member: bool | None, kinds: list[str]
) -> None:
    linked = None if is_member is None else member("ada", active=is_member)
    found = actions_for(context(), subject("ada", user=user("ada", state), member=linked))
    assert [action.kind for action in found] == kinds


@pytest.mark.parametrize(
    ("who", "evidence", "cause"),
    [
        (subject("ada", user=suspended("ada"), member=ADA), "status", "suspended in the directory"),
        (
            subject("ada", user=gone("ada"), evidence=Evidence.TOMBSTONE, member=ADA),
            "tombstone",
            "no longer in the directory",
        ),
        (
            subject("ada", user=gone("ada"), evidence=Evidence.ABSENCE, member=ADA),
            "absence",
            "no longer in the directory",
        ),
        (subject("ada", user=user("ada", guest=True), member=ADA), "scope", "guest accounts are not synced"),
    ],
)
def test_a_removal_says_why_it_is_believed(who: Subject, evidence: str, cause: str) -> None:
    assert reasons(who) == [("deactivate", evidence, cause, "planned")]


def test_a_member_of_whom_the_directory_said_nothing_stays() -> None:
    unseen = subject("ada", user=None, member=ADA)
    (action,) = actions_for(context(), unseen)
    assert (action.state, action.code, action.evidence) == ("skipped", "not_read_whole", None)
    assert decided(subject("ada", user=None)) == []


# -- scope --------------------------------------------------------------------------------------------------------

DOMAINS = {"scope": Scope(domains=frozenset({"acme.com", "acme.io"}))}
STAFF = {"scope": Scope(groups=("Staff", "Board"))}
SERVICES = {"scope": Scope(exclude=("svc-*@acme.com", "*-BOT@*", "run[0-9]"))}
WITH_STAFF = view("Admins", "Eng", "Staff", "Board")


@pytest.mark.parametrize(
    ("who", "fields", "outside"),
    [
        (user("ada"), {}, ""),
        (user("ada", guest=True), {}, "guest accounts are not synced"),
        (user("ada", guest=True), {"scope": Scope(guests=True)}, ""),
        (user("ada", email="ada@ACME.io"), DOMAINS, ""),
        (user("ada", email="ada@notacme.com"), DOMAINS, "address outside the workspace's domains"),
        (user("ada", email="ada@acme.com.evil.org"), DOMAINS, "address outside the workspace's domains"),
        (user("ada", email="ada@mail.acme.com"), DOMAINS, "address outside the workspace's domains"),
        (user("ada", email='"ada@acme.com"@evil.org'), DOMAINS, "address outside the workspace's domains"),
        (user("ada", email="", user_name="ada@acme.io"), DOMAINS, ""),
        (user("ada", email="", user_name="ada"), DOMAINS, "address outside the workspace's domains"),
        (user("ada"), STAFF, "not in any of the synced groups"),
        (user("ada", email="svc-ada@acme.com"), SERVICES, 'excluded by the pattern "svc-*@acme.com"'),
        (user("ada", email="SVC-Ada@Acme.com "), SERVICES, 'excluded by the pattern "svc-*@acme.com"'),
        (user("ada", email="svc-ada@acme.org"), SERVICES, ""),
        (user("ada", email="a.svc-ada@acme.com"), SERVICES, ""),
        (user("ada", email="svc-ada@acme.com.evil.org"), SERVICES, ""),
        (user("ada", user_name="ADA-Bot@corp"), SERVICES, 'excluded by the pattern "*-BOT@*"'),
        (user("ada", email="", user_name="ada-bot@acme.com"), SERVICES, 'excluded by the pattern "*-BOT@*"'),
        (user("ada", user_name="run7"), SERVICES, 'excluded by the pattern "run[0-9]"'),
        (user("ada", user_name="runs"), SERVICES, ""),
        (user("ada", user_name="ｒｕｎ７"), SERVICES, 'excluded by the pattern "run[0-9]"'),
    ],
)
def test_scope(who: Any, fields: dict[str, Any], outside: str) -> None:
    asked = context(WITH_STAFF, **fields)
    stranger = decide(asked, subject("ada", user=who))
    assert (bool(stranger.actions), stranger.in_scope) == (not outside, not outside)
    linked = subject("ada", user=who, member=member("ada"))
    removed = [action.cause for action in actions_for(asked, linked) if action.kind == "deactivate"]
    assert removed == ([outside] if outside else [])


@pytest.mark.parametrize(
    ("groups", "unknown", "expected"),
    [
        (("Staff",), (), []),
        (("Board",), ("Staff",), []),
        ((), (), [("deactivate", "ada", False)]),
        ((), ("Staff",), [("deactivate", "ada", "not_read_whole")]),
        ((), ("Eng",), [("deactivate", "ada", False)]),
    ],
)
def test_a_synced_group_that_was_not_read_whole_removes_nobody(
    groups: tuple[str, ...], unknown: tuple[str, ...], expected: list[Any]
) -> None:
    seen = view("Admins", "Eng", "Staff", "Board", unknown=unknown)
    assert decided(subject("ada", *groups, member=ADA), seen, **STAFF) == expected


def test_a_stranger_of_unknown_scope_is_not_let_in() -> None:
    assert decided(subject("ada"), view("Staff", "Board", unknown=("Staff",)), **STAFF) == []


# -- differences --------------------------------------------------------------------------------------------------


def test_a_newcomer_gets_everything_at_once() -> None:
    found = actions_for(context(), subject("ada", "Admins", "Eng", user=user("ada", title="Countess")))
    created, joined = found
    assert created.after == {
        "email": "ada@acme.com", "user_name": "ada@acme.com", "given_name": "Ada", "family_name": "Doe",
        "display_name": "Ada Doe", "title": "Countess", "roles": {"role": "admin"},
    }  # fmt: skip
    assert created.member == joined.member == member_id("acme", "okta", "ada")
    assert brief(joined) == ("join_team", "ada", "Engineering")


def test_a_rename_is_an_update_of_the_same_member_with_only_what_differs() -> None:
    renamed = subject("ada", user=user("ada", email="a.lovelace@acme.com", family_name="Lovelace"), member=ADA)
    (action,) = actions_for(context(), renamed)
    assert (action.kind, action.member) == ("update", ADA.id)
    assert action.before == {"email": "ada@acme.com", "family_name": "Doe"}
    assert action.after == {"email": "a.lovelace@acme.com", "family_name": "Lovelace"}
    assert action.cause == "changed in the directory: email, family_name"


def test_a_cleared_field_is_cleared() -> None:
    titled = member("ada", profile=msgspec.structs.replace(ADA.profile, title="Countess"))
    (action,) = actions_for(context(), subject("ada", member=titled))
    assert (action.before, action.after) == ({"title": "Countess"}, {"title": ""})


def test_a_change_of_case_is_a_change_of_the_address_and_of_nobody() -> None:
    found = decided(subject("ada", user=user("ada", email="Ada@Acme.com"), member=ADA))
    assert found == [("update", "ada", "Ada@Acme.com")]


def test_a_returning_person_is_the_same_member_with_roles_and_teams_recomputed() -> None:
    former = member("ada", "admin", active=False, teams=frozenset({"Design"}), granted=frozenset({"Design"}))
    found = decided(subject("ada", "Eng", member=former))
    assert found == [
        ("reactivate", "ada", True), ("join_team", "ada", "Engineering"), ("leave_team", "ada", "-"),
        ("set_role", "ada", "member"),
    ]  # fmt: skip


def test_adopting_links_and_follows() -> None:
    found = decided(subject("ada", "Eng", user=user("ada"), other=by_hand("ada", "admin", active=False)))
    assert [kind for kind, *_ in found] == ["adopt", "reactivate", "update", "join_team", "set_role"]
    assert found[0] == ("adopt", "ada", True, "okta", "ada")


def test_teams_joined_by_hand_are_never_touched() -> None:
    both = member("ada", teams=frozenset({"Engineering", "Choir"}), granted=frozenset({"Engineering"}))
    assert decided(subject("ada", member=both)) == [("leave_team", "ada", "-")]
    own = member("ada", teams=frozenset({"Engineering", "Choir"}))
    assert decided(subject("ada", member=own)) == []
    assert decided(subject("ada", "Eng", member=own)) == []


def test_a_team_with_a_group_that_was_not_read_whole_is_not_left() -> None:
    inside = member("ada", teams=frozenset({"Engineering", "Choir"}), granted=frozenset({"Engineering", "Choir"}))
    asked = (TeamMapping("Eng", "Engineering"), TeamMapping("Singers", "Choir"))
    found = decided(subject("ada", member=inside), view("Eng", "Singers", unknown=("Eng",)), teams=asked)
    assert found == [("leave_team", "ada", "-"), ("leave_team", "ada", "not_read_whole")]


@pytest.mark.parametrize(
    "who",
    [
        subject("ada", user=suspended("ada"), member=member("ada", "admin")),
        subject("ada", user=gone("ada"), member=member("ada", "admin")),
        subject("ada", user=user("ada"), member=member("ada", "admin")),
        subject("ada", user=user("ada", guest=True), member=member("ada", "admin")),
    ],
)
def test_a_protected_person_is_never_deactivated_or_demoted(who: Subject) -> None:
    (action,) = actions_for(context(protected=frozenset({"ada@acme.com"})), who)
    assert (action.state, action.code) == ("skipped", "protected")
    assert "ada@acme.com is protected" in action.detail


def test_a_protected_person_may_still_be_updated_and_promoted() -> None:
    found = decided(
        subject("ada", "Admins", user=user("ada", title="Countess"), member=ADA), protected=frozenset({"ada@acme.com"})
    )
    assert found == [("update", "ada", "Countess"), ("set_role", "ada", "admin")]


def test_a_protected_person_keeps_the_address_that_protects_them() -> None:
    """Regression: a directory could rename the owner, and then put out whom nothing protected any more."""
    renamed = subject("ada", user=user("ada", email="eve@acme.com", title="Chief"), member=ADA)
    owner = context(protected=frozenset({"ada@acme.com"}))
    refused, kept = sorted(actions_for(owner, renamed), key=lambda action: action.state, reverse=True)
    assert (refused.code, refused.after) == ("protected", {"email": "eve@acme.com"})
    assert (kept.state, kept.after) == ("planned", {"title": "Chief"})


def test_a_member_id_is_stable_and_takes_all_three_parts() -> None:
    ids = {member_id(*parts) for parts in [("a", "b", "c"), ("a", "b", "d"), ("a", "x", "c"), ("x", "b", "c")]}
    assert len(ids | {member_id("ab", "", "c"), member_id("a", "bc", "")}) == 6
    assert member_id("acme", "okta", "ada") == member_id("acme", "okta", "ada")
