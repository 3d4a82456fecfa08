"""What people may change by hand: one table of refusals, one of what is allowed."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from reconciler.errors import ChangeRefused
from reconciler.manual import (
    Ownership,
    check_deactivate,
    check_edit,
    check_leave,
    check_reactivate,
    falls,
    invited,
    last,
    unknown,
    with_role,
)
from reconciler.model import Member
from reconciler.policy import AttributeMapping, RoleAxis, RoleRule, RoleSource, TeamMapping
from tests.builders import ROLE, by_hand, member, policy

PRIMARY = RoleAxis("primary", ("analyst", "listener"), "analyst", when_absent="keep")
PERMISSION = RoleAxis("permission", ("user", "admin"), "user", when_absent="keep", protect_last="admin")
SILENT = RoleAxis("seat", ("none", "full"), "none")
AXES = (ROLE, PRIMARY, PERMISSION, SILENT)
LISTENERS = RoleRule((("primary", "listener"),), (("permission", "user"),))
OPEN = Ownership("acme", AXES, (LISTENERS,))
OKTA = policy(axes=AXES)
MANAGED = msgspec.structs.replace(OPEN, directories=(OKTA,))
BOTH = msgspec.structs.replace(OPEN, directories=(OKTA, msgspec.structs.replace(OKTA, directory="google")))
ADA, OWNER = member("ada"), by_hand("owner")
LEAVER = member("ada", active=False)
STRANGER = msgspec.structs.replace(ADA, directory="retired-directory")

Change = Callable[[], Any]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda: invited(MANAGED, "x@acme.com", {}), "managed_workspace", "in the directory okta"),
        (lambda: invited(BOTH, "x@acme.com", {}), "managed_workspace", "in the directories okta, google"),
        (lambda: invited(OPEN, "x@acme.com", {"rule": "admin"}), "unknown_axis", 'no axis "rule"'),
        (lambda: invited(OPEN, "x@acme.com", {"role": "amdin"}), "unknown_value", 'no value "amdin"'),
        (
            lambda: invited(OPEN, "x@acme.com", {"primary": "listener", "permission": "admin"}),
            "role_rule",
            "permission cannot be admin while primary is listener",
        ),
        (lambda: check_edit(MANAGED, ADA, ["title", "email"]), "managed_by_directory", "okta, which owns email, title"),
        (lambda: with_role(MANAGED, ADA, "role", "admin"), "managed_by_directory", "okta, which owns the role role"),
        (lambda: with_role(MANAGED, ADA, "seat", "full"), "managed_by_directory", "okta, which owns the role seat"),
        (lambda: with_role(OPEN, OWNER, "role", "chief"), "unknown_value", 'no value "chief"'),
        (
            lambda: with_role(OPEN, by_hand("owner", roles={"primary": "listener"}), "permission", "admin"),
            "role_rule",
            "a rule makes it user",
        ),
        (
            lambda: check_leave(MANAGED, ADA, "Engineering", {"okta", ""}),
            "managed_by_directory",
            "in team Engineering through the directory okta: group Eng of it",
        ),
        (lambda: check_leave(MANAGED, ADA, "Old", {"okta"}), "managed_by_directory", "through the directory okta"),
        (
            lambda: check_deactivate(MANAGED, ADA, emergency=False),
            "managed_by_directory",
            "okta, which owns whether they are active",
        ),
        (lambda: check_reactivate(MANAGED, LEAVER), "managed_by_directory", "okta, which owns whether they are active"),
    ],
)
def test_what_a_directory_owns_is_refused_with_its_name(change: Change, code: str, said: str) -> None:
    with pytest.raises(ChangeRefused) as caught:
        change()
    assert caught.value.code == code
    assert said in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (
            lambda: invited(OPEN, "x@acme.com", {"role": "ADMIN"}),
            {"role": "admin", "primary": "analyst", "permission": "user", "seat": "none"},
        ),
        (lambda: check_edit(MANAGED, OWNER, ["title"]), None),
        (lambda: check_edit(OPEN, ADA, ["title"]), None),
        (lambda: check_edit(MANAGED, STRANGER, ["title"]), None),
        (lambda: with_role(MANAGED, ADA, "primary", "listener"), {"primary": "listener", "permission": "user"}),
        (lambda: with_role(MANAGED, ADA, "role", "member"), {}),
        (lambda: with_role(MANAGED, OWNER, "role", "Admin"), {"role": "admin"}),
        (lambda: with_role(MANAGED, STRANGER, "seat", "full"), {"seat": "full"}),
        (lambda: check_leave(MANAGED, ADA, "Choir", {""}), None),
        (lambda: check_leave(MANAGED, ADA, "Engineering", {"retired-directory"}), None),
        (lambda: check_deactivate(MANAGED, ADA, emergency=True), None),
        (lambda: check_deactivate(MANAGED, OWNER, emergency=False), None),
        (lambda: check_deactivate(MANAGED, LEAVER, emergency=False), None),
        (lambda: check_reactivate(MANAGED, by_hand("owner", active=False)), None),
        (lambda: check_reactivate(MANAGED, ADA), None),
        (lambda: check_reactivate(OPEN, LEAVER), None),
    ],
)
def test_the_rest_is_allowed(change: Change, result: object) -> None:
    assert change() == result


@pytest.mark.parametrize(
    ("axis", "who", "after", "falling"),
    [
        (ROLE, member("ada", "admin"), {"role": "member"}, True),
        (ROLE, member("ada", "admin"), {"role": ""}, True),
        (ROLE, member("ada", "admin"), {"role": "admin"}, False),
        (ROLE, member("ada", "admin"), {"primary": "listener"}, False),
        (ROLE, member("ada", "admin", active=False), {"role": "member"}, False),
        (ROLE, member("ada"), {"role": ""}, False),
        (SILENT, member("ada", roles={"seat": "full"}), {"seat": "none"}, False),
    ],
)
def test_who_loses_a_protected_value(axis: RoleAxis, who: Member, after: dict[str, str], falling: bool) -> None:
    assert falls(axis, who, after) is falling


def test_a_refusal_says_where_a_role_comes_from() -> None:
    with pytest.raises(ChangeRefused) as fed:
        with_role(MANAGED, ADA, "role", "admin")
    assert fed.value.fix == "it comes from group Admins and attribute jamie_role of okta: change it there"
    sources = (RoleSource("role", groups=(("Admins", "admin"), ("Leads", "admin"))),)
    grouped = msgspec.structs.replace(OPEN, directories=(msgspec.structs.replace(OKTA, sources=sources),))
    with pytest.raises(ChangeRefused) as by_groups:
        with_role(grouped, ADA, "role", "admin")
    assert by_groups.value.fix == "it comes from groups Admins, Leads of okta: change it there"
    with pytest.raises(ChangeRefused) as silent:
        with_role(MANAGED, ADA, "seat", "full")
    assert 'when_absent = "keep" in the axis seat' in silent.value.fix


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        (
            lambda: invited(BOTH, "x@acme.com", {}),
            "add them in okta or google, where they are synced from; the next sync brings them",
        ),
        (lambda: check_edit(MANAGED, ADA, ["title"]), "change it in okta; the next sync brings it"),
        (
            lambda: check_deactivate(MANAGED, ADA, emergency=False),
            (
                "suspend them in okta; in an emergency deactivate them here too, which lasts until the next sync "
                "unless they are suspended there by then"
            ),
        ),
        (
            lambda: check_reactivate(MANAGED, LEAVER),
            "let them in again in okta; the next sync brings them back with their roles and teams",
        ),
        (
            lambda: check_leave(MANAGED, ADA, "Old", {"okta"}),
            "take them out of the group in okta, or remove the mapping; the next sync takes them out",
        ),
        (
            lambda: with_role(MANAGED, ADA, "seat", "full"),
            (
                "okta says nothing about it, which means none; roles that are set by hand stay with "
                'when_absent = "keep" in the axis seat'
            ),
        ),
        (
            lambda: with_role(OPEN, by_hand("owner", roles={"primary": "listener"}), "permission", "admin"),
            "change primary first",
        ),
    ],
)
def test_every_refusal_says_the_way_out(change: Change, fix: str) -> None:
    with pytest.raises(ChangeRefused) as caught:
        change()
    assert caught.value.fix == fix


FULL_LISTENERS = RoleRule((("primary", "listener"), ("seat", "full")), (("permission", "user"),))


def test_a_rule_with_several_conditions_names_them_all() -> None:
    ownership = Ownership("acme", AXES, (FULL_LISTENERS,))
    with pytest.raises(ChangeRefused) as caught:
        invited(ownership, "x@acme.com", {"primary": "listener", "seat": "full", "permission": "admin"})
    assert caught.value.message == (
        "permission cannot be admin while primary is listener and seat is full: a rule makes it user"
    )
    assert caught.value.fix == "change primary and seat first"


def test_a_rule_that_does_not_apply_does_not_keep_the_next_from_applying() -> None:
    ownership = Ownership("acme", AXES, (FULL_LISTENERS, LISTENERS))
    owner = by_hand("owner", roles={"primary": "analyst", "permission": "admin", "seat": "none"})
    assert with_role(ownership, owner, "primary", "listener") == {"primary": "listener", "permission": "user"}


@pytest.mark.parametrize(
    ("team", "said"),
    [
        ("Old", "ada@acme.com is in team Old through the directory okta"),
        (
            "Engineering",
            "ada@acme.com is in team Engineering through the directory okta: group Eng of it means this team",
        ),
        ("Both", "ada@acme.com is in team Both through the directory okta: groups Art, Ops of it means this team"),
    ],
)
def test_a_team_that_a_directory_gives_is_refused_with_its_groups(team: str, said: str) -> None:
    teams = (*OKTA.teams, TeamMapping("Ops", "Both"), TeamMapping("Art", "Both"))
    ownership = msgspec.structs.replace(OPEN, directories=(msgspec.structs.replace(OKTA, teams=teams),))
    with pytest.raises(ChangeRefused) as caught:
        check_leave(ownership, ADA, team, {"okta"})
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("known", "fix"),
    [
        (["admin", "member"], 'did you mean "admin"?'),
        (["admit", "admin"], 'did you mean "admin"?'),
        (["editor", "viewer"], "there is: editor, viewer"),
        ([f"v{n}" for n in range(10)], "there is: v0, v1, v2, v3, v4, v5, v6, v7, v8, v9"),
        ([f"v{n}" for n in range(11)], "there is: v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 …"),
        ([], "there is no value yet"),
    ],
)
def test_a_name_that_nothing_has_is_answered_with_the_nearest_or_with_what_there_is(known: list[str], fix: str) -> None:
    refused = unknown("value", "Amdin", known)
    assert (refused.code, refused.message, refused.fix) == ("unknown_value", 'there is no value "Amdin"', fix)


def test_the_last_holder_is_refused_with_what_to_do_first() -> None:
    refused = last(member("ada", "admin"), ROLE)
    assert (refused.code, refused.message, refused.fix) == (
        "last_holder", "ada@acme.com is the last active admin of the workspace", "make somebody else admin first",
    )  # fmt: skip


def test_the_fields_that_directories_fill_from_attributes() -> None:
    google = policy(attributes=(AttributeMapping("HR.badge", "badge"), AttributeMapping("HR.title", "title")))
    okta = policy(attributes=(AttributeMapping("badge", "badge"),))
    assert msgspec.structs.replace(OPEN, directories=(okta, google)).fields == {"badge", "title"}
    assert OPEN.fields == frozenset()
