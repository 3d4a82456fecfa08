"""What a PATCH makes of what clients send. Tests are named by the row of the quirk sheet whose operations they hold."""
# ruff: noqa: N802

from typing import Any

import pytest

from connectors.scim.patch import Membership, Patched
from connectors.scim.schema import ENTERPRISE
from tests.connectors.scim.patching import ADA, BOTH, HOME, WORK, body, members, op, patch, refused, user


@pytest.mark.parametrize("name", ["Add", "Replace", "REPLACE"])
def test_E1_operations_in_upper_case(name: str) -> None:
    codes: set[str] = set()
    assert patch(user(), op(name, "DisplayName", "A"), codes=codes).body == user(displayName="A")
    assert codes == {"op-case"}
    assert body(user(title="x"), op("Remove", "TITLE")) == user()


@pytest.mark.parametrize(("sent", "meant"), [("False", False), ("false", False), ("True", True)])
def test_E2_booleans_as_text(sent: str, meant: bool) -> None:
    assert body(user(), op("Replace", "active", sent)) == user(active=meant)
    assert body(user(), op("Replace", None, {"active": sent})) == user(active=meant)
    assert body(user(), op("Add", "roles", [{"value": "x", "primary": sent}])) == user(
        roles=[{"value": "x", "primary": meant}]
    )


def test_E3_one_operation_with_paths_as_keys() -> None:
    value = {
        "displayName": "Ada",
        "name.givenName": "Augusta",
        f"{ENTERPRISE}:employeeNumber": "7",
        'emails[type eq "work"].value': "new@example.com",
        'phoneNumbers[type eq "mobile"].value': "1",
        f"{ENTERPRISE}:manager": "m",
    }
    codes: set[str] = set()
    found = patch(ADA, op("replace", None, value), codes=codes)
    assert found.body == {
        **ADA,
        "displayName": "Ada",
        "name": {"givenName": "Augusta", "familyName": "L"},
        "emails": [{"type": "work", "value": "new@example.com"}, HOME],
        "phoneNumbers": [{"type": "mobile", "value": "1"}],
        ENTERPRISE: {"employeeNumber": "7", "manager": {"value": "m"}},
    }
    assert codes == {"key-path", "value-made", "plain-value"}


@pytest.mark.parametrize("name", ["Add", "Replace"])
def test_E4_values_that_are_not_there_are_made_once(name: str) -> None:
    codes: set[str] = set()
    ops = [
        op(name, 'addresses[type eq "work"].streetAddress', "1 Main St"),
        op(name, 'addresses[type eq "work"].locality', "Berlin"),
        op(name, 'emails[type eq "work"].value', "a@example.com"),
        op(name, 'phoneNumbers[type eq "fax" and primary eq true].value', "2"),
    ]
    assert patch(user(), *ops, codes=codes).body == user(
        addresses=[{"type": "work", "streetAddress": "1 Main St", "locality": "Berlin"}],
        emails=[{"type": "work", "value": "a@example.com"}],
        phoneNumbers=[{"type": "fax", "primary": True, "value": "2"}],
    )
    assert codes == {"op-case", "value-made"}


@pytest.mark.parametrize("empty", [None, ""])
def test_E4_the_other_way_round(empty: object) -> None:
    assert body(user(emails=[WORK, HOME]), op("Replace", 'emails[type eq "work"].value', empty)) == user(emails=[HOME])
    assert body(user(emails=[WORK]), op("Remove", 'emails[type eq "work"].value')) == user()
    assert body(user(), op("Replace", 'emails[type eq "work"].value', empty)) == user()


def test_E5_the_primary_role() -> None:
    ops = [
        op("Add", 'roles[primary eq "True"].display', "Admin"),
        op("Add", 'roles[primary eq "True"].value', "admin"),
        op("Add", 'roles[primary eq "True"].type', "WindowsAzureActiveDirectoryRole"),
    ]
    role = {"primary": True, "display": "Admin", "value": "admin", "type": "WindowsAzureActiveDirectoryRole"}
    assert body(user(), *ops) == user(roles=[role])
    before = user(roles=[{"value": "old"}, role])
    assert body(before, op("Replace", 'roles[primary eq "True"].value', "ops")) == user(
        roles=[{"value": "old"}, {**role, "value": "ops"}]
    )


def test_E6_roles_as_JSON_in_a_text_are_added_only() -> None:
    packed = '{"id":"18d1","value":"admin","displayName":"Admin"}'
    admin = {"id": "18d1", "value": "admin", "display": "Admin"}
    found = patch(user(roles=[{"value": "ops"}]), op("Add", "roles", [{"value": packed}]))
    assert found.body == user(roles=[{"value": "ops"}, admin])
    assert not patch(found.body, op("Add", "roles", [{"value": packed}])).changed


def test_E6_replaced_roles_are_the_whole_collection() -> None:
    sent = [{"primary": False, "type": "T", "displayName": "Admin", "value": "admin"}]
    assert body(user(roles=[{"value": "ops"}]), op("replace", "roles", sent)) == user(
        roles=[{"primary": False, "type": "T", "display": "Admin", "value": "admin"}]
    )
    assert body(user(roles=[{"value": "ops"}]), op("replace", "roles", [])) == user()


@pytest.mark.parametrize("path", ["manager", f"{ENTERPRISE}:manager"])
@pytest.mark.parametrize("sent", ["m", {"value": "m"}, [{"$ref": "../Users/m", "value": "m"}]])
def test_E7_a_manager_in_every_shape(path: str, sent: object) -> None:
    for name in ("Add", "Replace"):
        found = body(user(), op(name, path, sent))
        assert found[ENTERPRISE]["manager"]["value"] == "m"


@pytest.mark.parametrize(
    "operation",
    [
        op("Remove", "manager"),
        op("Remove", f"{ENTERPRISE}:manager", "m"),
        op("Replace", f"{ENTERPRISE}:manager", ""),
        op("Add", f"{ENTERPRISE}:manager", ""),
        op("Replace", "manager", None),
        op("Replace", "manager", {}),
        op("Replace", "manager", {"value": ""}),
        op("Replace", "manager", {"value": None}),
        op("Replace", "manager.value", ""),
        op("Replace", None, {ENTERPRISE: {"manager": None}}),
        op("Replace", None, {f"{ENTERPRISE}:manager": ""}),
    ],
)
def test_E7_no_manager_in_every_shape(operation: dict[str, Any]) -> None:
    before = user(**{ENTERPRISE: {"manager": {"value": "m", "displayName": "M"}}})
    assert body(before, operation) == user()


@pytest.mark.parametrize("sent", [[{"$ref": None, "value": "a"}], {"value": "a"}, ["a"], "a"])
def test_E8_member_removal_with_value(sent: object) -> None:
    codes: set[str] = set()
    assert members(op("Remove", "members", sent), codes=codes) == [Membership("remove", ("a",))]
    assert "removal-value" in codes
    assert refused({"displayName": "g"}, op("remove", "members", sent), kind="Group", strict=True) == "invalidValue"


@BOTH
def test_E8_member_removal_without_value_removes_all(strict: bool) -> None:
    assert members(op("remove", "members"), strict=strict) == [Membership("set", ())]


def test_E8_an_empty_value_removes_nobody() -> None:
    assert members(op("remove", "members", [])) == [Membership("remove", ())]


def test_E8_removal_with_value_of_other_attributes() -> None:
    before = user(emails=[WORK, HOME], roles=[{"value": "a"}, {"value": "b", "type": "x"}])
    assert body(before, op("remove", "emails", [{"value": "w@example.com"}]), op("remove", "roles", ["b"])) == user(
        emails=[HOME], roles=[{"value": "a"}]
    )
    assert body(before, op("remove", "emails", [{"value": "other"}])) == before


def test_E9_several_members_in_one_operation() -> None:
    assert members(op("Add", "members", [{"$ref": None, "value": "a"}, {"$ref": None, "value": "b"}])) == [
        Membership("add", ("a", "b"))
    ]


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        (op("Replace", "title", None), {"title": None}),
        (op("Replace", None, {"title": None}), {"title": None}),
        (op("Replace", "emails", None), {"emails": None}),
        (op("Replace", "name.familyName", None), {"name": {"givenName": "Ada"}}),
        (op("Replace", None, {"name": {"familyName": None}}), {"name": {"givenName": "Ada"}}),
        (op("Replace", None, {"name": {"familyName": None, "givenName": "A"}}), {"name": {"givenName": "A"}}),
        (op("Replace", "name", None), {"name": None}),
        (op("Add", "title", None), {}),
    ],
)
def test_E19_null_unassigns(operation: dict[str, Any], after: dict[str, Any]) -> None:
    assert body(ADA, operation) == {key: value for key, value in {**ADA, **after}.items() if value is not None}


@pytest.mark.parametrize("empty", [None, []])
def test_E19_null_members_are_none(empty: object) -> None:
    assert members(op("Replace", "members", empty)) == [Membership("set", ())]


@BOTH
def test_O5_deactivation(strict: bool) -> None:
    assert body(user(active=True), op("replace", None, {"active": False}), strict=strict) == user(active=False)


def test_O7_group_push() -> None:
    rename = op("replace", None, {"id": "2819", "displayName": "new"})
    change = [op("remove", 'members[value eq "a"]'), op("add", "members", [{"value": "b", "display": "B"}])]
    found = patch({"displayName": "old"}, rename, *change, kind="Group")
    assert found == Patched(
        {"displayName": "new"}, changed=True, memberships=(Membership("remove", ("a",)), Membership("add", ("b",)))
    )
    assert refused({"displayName": "g"}, op("replace", None, {"id": "1"}), kind="Group") == "mutability"
    assert members(op("replace", "members", [{"value": "a"}, {"value": "b"}, {"value": "a"}])) == [
        Membership("set", ("a", "b"))
    ]
    assert members(op("replace", "members", [])) == [Membership("set", ())]


def test_JumpCloud_members_added_again_and_removed_without_a_filter() -> None:
    add, remove = op("add", "members", [{"value": "a"}]), op("remove", "members", [{"value": "a"}])
    assert members(add, add, remove) == [Membership("add", ("a",)), Membership("remove", ("a",))]


def test_Rippling_members_without_a_path() -> None:
    assert members(op("add", None, {"members": {"value": "a"}})) == [Membership("add", ("a",))]
    assert members(op("replace", None, {"members": [{"value": "a"}]})) == [Membership("set", ("a",))]


def test_authentik_renames_with_the_whole_group() -> None:
    sent = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "2819",
        "externalId": "e",
        "displayName": "n",
    }
    found = patch({"displayName": "o"}, op("replace", None, sent), kind="Group")
    assert found == Patched({"displayName": "n", "externalId": "e"}, changed=True)


def test_authentik_a_thousand_removals_are_one() -> None:
    ops = [op("remove", "members", [{"value": str(number)}]) for number in range(1000)]
    assert members(*ops) == [Membership("remove", tuple(map(str, range(1000))))]


def test_generic_custom_attributes() -> None:
    urn = "urn:acme:params:2.0:User"
    made = body(user(), op("add", f"{urn}:jamie_role", "ops"), op("add", "favourite", {"tree": "Larch"}))
    assert made == user(favourite={"tree": "Larch"}, **{urn: {"jamie_role": "ops"}})
    again = op("replace", f"{urn.upper()}:JAMIE_ROLE", "dev")
    assert body(made, again, op("replace", "FAVOURITE.tree", "Oak"), op("replace", None, {urn: {"n": 1}})) == user(
        favourite={"tree": "Oak"}, **{urn: {"jamie_role": "dev", "n": 1}}
    )
    assert body(made, op("remove", f"{urn}:jamie_role"), op("remove", "favourite")) == user()


def test_generic_read_only_attributes_are_ignored_where_they_come_along() -> None:
    codes: set[str] = set()
    sent = {"title": "x", "groups": [{"value": "g"}], "meta": {"version": "1"}}
    assert patch(user(), op("replace", None, sent), codes=codes).body == user(title="x")
    assert codes == {"read-only"}
