"""The policy as a value."""

from typing import Any

import pytest

from reconciler.model import Wanted
from reconciler.policy import AttributeMapping, Flap, Limit, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from tests.builders import policy


@pytest.mark.parametrize(
    "change",
    [
        {"workspace": "globex"},
        {"directory": "entra"},
        {"match": "user_name"},
        {"nested": False},
        {"scope": Scope(guests=True)},
        {"protected": frozenset({"a@b.c"})},
        {"attributes": (AttributeMapping("x", "title"),)},
        {"axes": (RoleAxis("role", ("member", "admin"), "member"),)},
        {"sources": (RoleSource("role", groups=(("Ops", "admin"),)),)},
        {"rules": (RoleRule((("role", "admin"),), (("role", "member"),)),)},
        {"teams": ()},
        {"teams": (TeamMapping("Ops", "Engineering"),)},
        {"teams": (TeamMapping("Eng", "Operations"),)},
        {"retired": (TeamMapping("Ops", "Operations"),)},
        {"retired": (TeamMapping("Ops", "Operations", "remove"),)},
    ],
    ids=" ".join,
)
def test_the_digest_changes_with_what_can_alter_a_plan(change: dict[str, Any]) -> None:
    assert policy(**change).digest != policy().digest


@pytest.mark.parametrize(
    "change",
    [
        {"limits": {"deactivate": Limit(count=1)}},
        {"flap": Flap(4, 50)},
        {"teams": (TeamMapping("Eng", "Engineering", "remove"),)},
    ],
    ids=" ".join,
)
def test_the_digest_does_not_change_with_what_cannot(change: dict[str, Any]) -> None:
    """Limits judge plans; what would become of a mapping that is in force alters none."""
    assert policy(**change).digest == policy().digest


def test_the_digest_does_not_depend_on_the_order_of_sets() -> None:
    names = [f"p{n}@acme.com" for n in range(20)]
    assert policy(protected=frozenset(names)).digest == policy(protected=frozenset(reversed(names))).digest


def test_what_a_connector_has_to_read() -> None:
    asked = policy(
        attributes=(AttributeMapping("costCenter", "cost_center"),), scope=Scope(groups=("Staff",)),
        retired=(TeamMapping("Old", "Old", "keep"),), nested=False,
    )  # fmt: skip
    groups = frozenset({"Admins", "Eng", "Staff", "Old"})
    attributes = frozenset({"jamie_role", "costCenter"})
    assert asked.wanted({"Eng": "g1"}, "here") == Wanted(groups, {"Eng": "g1"}, attributes, nested=False, cursor="here")
    assert asked.wanted({}).cursor == ""
    assert asked.configured == groups - {"Old"}, "a retired mapping is read, and is not configured"
