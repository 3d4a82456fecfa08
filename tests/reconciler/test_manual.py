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
    with_role,
)
from reconciler.model import Member
from reconciler.policy import RoleAxis, RoleRule
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
    with pytest.raises(ChangeRefused) as silent:
        with_role(MANAGED, ADA, "seat", "full")
    assert 'when_absent = "keep" in the axis seat' in silent.value.fix
