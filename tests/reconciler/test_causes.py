"""The sentence that losses by groups share: it names the group where one explains them."""

import msgspec
import pytest

from reconciler.causes import role_cause, scope_cause, team_cause
from reconciler.context import Context
from reconciler.decide import actions_for
from reconciler.policy import OUTSIDE_GROUPS, GroupView, Policy, RoleRule, RoleSource, Scope, TeamMapping
from reconciler.roles import Grant
from tests.builders import ROLE, member, policy, subject

GONE = GroupView(gone=frozenset({"g-1", "Ops"}), names={"g-1": "eng-all"})
LISTED = GroupView(names={"g-1": "eng-all"})
DEFAULT = Grant("member", "default: no source grants more")


@pytest.mark.parametrize(
    ("groups", "seen", "cause"),
    [
        (("g-1",), GONE, "group eng-all is no longer visible"),
        (("g-1", "Staff"), GONE, "group eng-all is no longer visible"),
        (("Ops", "g-1"), GONE, "groups Ops, eng-all are no longer visible"),
        (("g-1",), LISTED, "not in group eng-all"),
        (("g-1", "Staff"), LISTED, OUTSIDE_GROUPS),
    ],
)
def test_a_loss_of_scope(groups: tuple[str, ...], seen: GroupView, cause: str) -> None:
    asked = policy(scope=Scope(groups=groups))
    assert scope_cause(asked, seen, OUTSIDE_GROUPS) == cause
    assert scope_cause(asked, seen, "guest accounts are not synced") == "guest accounts are not synced"


@pytest.mark.parametrize(
    ("groups", "seen", "cause"),
    [
        (("g-1", "Staff"), GONE, "group eng-all is no longer visible"),
        (("g-1",), LISTED, "no longer in group eng-all"),
        (("g-1", "Staff"), LISTED, "no longer in a group mapped to team Eng"),
        ((), GONE, "no longer in a group mapped to team Eng"),
    ],
)
def test_a_loss_of_a_team(groups: tuple[str, ...], seen: GroupView, cause: str) -> None:
    mapped = tuple(TeamMapping(group, "Eng") for group in groups)
    assert team_cause(policy(teams=(*mapped, TeamMapping("Ops", "Other"))), seen, "Eng") == cause


def roles(*groups: tuple[str, str], attribute: str = "") -> Policy:
    return policy(sources=(RoleSource("role", attribute, groups),))


@pytest.mark.parametrize(
    ("asked", "seen", "grant", "cause"),
    [
        (roles(("g-1", "admin")), GONE, DEFAULT, "group eng-all is no longer visible"),
        (roles(("g-1", "admin"), attribute="r"), GONE, DEFAULT, "group eng-all is no longer visible"),
        (roles(("g-1", "admin")), LISTED, DEFAULT, "not in group eng-all"),
        (roles(("g-1", "admin"), attribute="r"), LISTED, DEFAULT, ""),
        (roles(("g-1", "admin"), ("b", "admin")), LISTED, DEFAULT, ""),
        (roles(("g-1", "member")), GONE, DEFAULT, ""),
        (roles(("g-1", "admin")), GONE, Grant("member", "rule: a is b"), ""),
        (roles(("g-1", "admin")), GONE, Grant("admin", "kept", withheld="member"), ""),
    ],
)
def test_a_loss_of_a_role(asked: Policy, seen: GroupView, grant: Grant, cause: str) -> None:
    assert role_cause(asked, seen, ROLE, "admin", grant) == cause


def test_a_value_that_was_switched_off_is_not_lost_with_a_group() -> None:
    off = msgspec.structs.replace(ROLE, disabled=frozenset({"admin"}))
    assert role_cause(roles(("g-1", "admin")), GONE, off, "admin", DEFAULT) == ""
    assert role_cause(roles(("g-1", "admin")), GONE, ROLE, None, DEFAULT) == ""


def test_every_loss_by_one_group_is_told_alike_whatever_it_took() -> None:
    asked = policy(
        sources=(RoleSource("role", groups=(("g-1", "admin"),)),), teams=(TeamMapping("g-1", "Eng"),),
        rules=(RoleRule((("other", "x"),), (("role", "member"),)),),
    )  # fmt: skip
    ada = member("ada", "admin", teams=frozenset({"Eng"}), granted=frozenset({"Eng"}))
    actions = actions_for(Context(asked, GONE), subject("ada", member=ada))
    assert {(a.kind, a.cause) for a in actions} == {
        ("set_role", "group eng-all is no longer visible"),
        ("leave_team", "group eng-all is no longer visible"),
    }
