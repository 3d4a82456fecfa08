"""What a PATCH makes of a resource. Tests are named by the row of the quirk sheet whose operations they hold."""
# ruff: noqa: N802

from typing import Any

import pytest

from connectors.scim.errors import ScimError
from connectors.scim.filters import parse_filter
from connectors.scim.leniencies import LENIENCIES
from connectors.scim.patch import Membership, Patched, operations, patched
from connectors.scim.schema import ENTERPRISE
from reconciler.query import Has, Kind

OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WORK, HOME = {"type": "work", "value": "w@example.com"}, {"type": "home", "value": "h@example.com"}
ADA: dict[str, Any] = {
    "userName": "ada",
    "title": "Dr",
    "name": {"givenName": "Ada", "familyName": "L"},
    "emails": [WORK, HOME],
}


def op(name: str, path: str | None = None, /, *value: Any) -> dict[str, Any]:
    """One operation: without a value when none is given."""
    path_member = {} if path is None else {"path": path}
    return {"op": name, **path_member, **({"value": value[0]} if value else {})}


def patch(
    body: dict[str, Any], *ops: dict[str, Any], kind: Kind = "User", strict: bool = False, codes: set[str] | None = None
) -> Patched:
    heard: set[str] = set() if codes is None else codes
    message = {"schemas": [OP], "Operations": list(ops)}
    found = patched(
        body, operations(message, strict=strict, note=heard.add), kind=kind, id="2819", strict=strict, note=heard.add
    )
    assert heard <= set(LENIENCIES)
    assert not (strict and heard)
    return found


def body(before: dict[str, Any], *ops: dict[str, Any], strict: bool = False) -> dict[str, Any]:
    return patch(before, *ops, strict=strict).body


def user(**more: Any) -> dict[str, Any]:
    return {"userName": "ada", **more}


def refused(before: dict[str, Any], *ops: dict[str, Any], kind: Kind = "User", strict: bool = False) -> str:
    with pytest.raises(ScimError) as caught:
        patch(before, *ops, kind=kind, strict=strict)
    assert caught.value.status == 400
    return caught.value.scim_type


def members(*ops: dict[str, Any], strict: bool = False, codes: set[str] | None = None) -> list[Membership]:
    found = patch({"displayName": "g"}, *ops, kind="Group", strict=strict, codes=codes)
    assert found.body == {"displayName": "g"}
    assert not found.changed
    return list(found.memberships)


BOTH = pytest.mark.parametrize("strict", [True, False])


# -- RFC 7644 §3.5.2, in both modes -----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("ops", "changed"),
    [
        # §3.5.2.1 add
        ([op("add", "nickName", "A")], {"nickName": "A"}),
        ([op("add", "title", "Prof")], {"title": "Prof"}),
        ([op("add", "name", {"givenName": "Augusta"})], {"name": {"givenName": "Augusta", "familyName": "L"}}),
        ([op("add", "name.middleName", "K")], {"name": {"givenName": "Ada", "familyName": "L", "middleName": "K"}}),
        ([op("add", None, {"nickName": "A", "title": "Prof"})], {"nickName": "A", "title": "Prof"}),
        ([op("add", "emails", [{"value": "x"}])], {"emails": [WORK, HOME, {"value": "x"}]}),
        ([op("add", f"{ENTERPRISE}:department", "R")], {ENTERPRISE: {"department": "R"}}),
        ([op("add", None, {ENTERPRISE: {"department": "R"}})], {ENTERPRISE: {"department": "R"}}),
        ([op("add", ENTERPRISE, {"department": "R"})], {ENTERPRISE: {"department": "R"}}),
        # §3.5.2.2 remove
        ([op("remove", "title")], {"title": None}),
        ([op("remove", "nickName")], {}),
        ([op("remove", "name.familyName")], {"name": {"givenName": "Ada"}}),
        ([op("remove", "name.familyName"), op("remove", "name.givenName")], {"name": None}),
        ([op("remove", "emails")], {"emails": None}),
        ([op("remove", 'emails[type eq "work"]')], {"emails": [HOME]}),
        ([op("remove", 'emails[type eq "work" or value ew "example.com"]')], {"emails": None}),
        # §3.5.2.3 replace
        ([op("replace", "title", "Prof")], {"title": "Prof"}),
        ([op("replace", "nickName", "A")], {"nickName": "A"}),
        ([op("replace", "emails", [{"value": "x"}])], {"emails": [{"value": "x"}]}),
        ([op("replace", 'emails[type eq "work"].value', "x")], {"emails": [{"type": "work", "value": "x"}, HOME]}),
        (
            [op("replace", 'emails[type eq "work"]', {"type": "other", "value": "x"})],
            {"emails": [{"type": "other", "value": "x"}, HOME]},
        ),
        ([op("replace", "name", {"familyName": "B"})], {"name": {"givenName": "Ada", "familyName": "B"}}),
        ([op("replace", None, {"title": "Prof", "name": {"familyName": "B"}})],
         {"title": "Prof", "name": {"givenName": "Ada", "familyName": "B"}}),
        # in order
        ([op("remove", "title"), op("add", "title", "A"), op("replace", "title", "B")], {"title": "B"}),
        ([op("add", "title", "B"), op("remove", "title")], {"title": None}),
    ],
)  # fmt: skip
def test_what_the_RFC_says(ops: list[dict[str, Any]], changed: dict[str, Any], strict: bool) -> None:
    found = patch(ADA, *ops, strict=strict)
    assert found.body == {key: value for key, value in {**ADA, **changed}.items() if value is not None}
    assert found.changed is bool(changed)


@BOTH
@pytest.mark.parametrize(
    ("ops", "scim_type"),
    [
        ([op("remove")], "noTarget"),
        ([op("remove", "userName")], "mutability"),
        ([op("replace", "userName", None)], "mutability"),
        ([op("replace", "userName", "")], "invalidValue"),
        ([op("replace", "id", "other")], "mutability"),
        ([op("remove", "id")], "mutability"),
        ([op("add", "groups", [{"value": "g"}])], "mutability"),
        ([op("replace", "meta.created", "x")], "mutability"),
        ([op("add", "title")], "invalidValue"),
        ([op("replace")], "invalidValue"),
        ([op("replace", None, "x")], "invalidValue"),
        ([op("replace", None, [{"title": "x"}])], "invalidValue"),
        ([op("replace", "active", "maybe")], "invalidValue"),
        ([op("replace", "title", ["a", "b"])], "invalidValue"),
        ([op("replace", "emails[type eq", "x")], "invalidFilter"),
        ([op("replace", "emails[]", "x")], "invalidFilter"),
        ([op("replace", 'emails[nick eq "x"]', "x")], "invalidFilter"),
        ([op("replace", 'title[value eq "x"]', "x")], "invalidPath"),
        ([op("replace", 'name[givenName eq "x"]', "x")], "invalidPath"),
        ([op("replace", 'emails[type eq "work"].nick', "x")], "invalidPath"),
        ([op("replace", "a..b", "x")], "invalidPath"),
        ([op("replace", "title.x", "x")], "invalidPath"),
        ([op("move", "title", "x")], "invalidSyntax"),
        ([{"path": "title", "value": "x"}], "invalidSyntax"),
        ([{"op": "add", "path": 5, "value": "x"}], "invalidPath"),
        ([op("add", "title", "a\0b")], "invalidValue"),
        ([op("add", 'emails[type eq "a" or type eq "b"].value', "x")], "noTarget"),
        ([op("add", 'emails[not (type eq "work") and type eq "x"].value', "x")], "noTarget"),
    ],
)
def test_what_is_refused(ops: list[dict[str, Any]], scim_type: str, strict: bool) -> None:
    assert refused(ADA, *ops, strict=strict) == scim_type


@BOTH
def test_one_refused_operation_leaves_everything_as_it_was(strict: bool) -> None:
    before = {**ADA, "emails": [dict(WORK), dict(HOME)]}
    assert (
        refused(before, op("replace", 'emails[type eq "work"].value', "x"), op("remove"), strict=strict) == "noTarget"
    )
    assert before == ADA


@BOTH
@pytest.mark.parametrize(
    "ops",
    [
        [op("add", "emails", [WORK])],
        [op("add", "title", "Dr")],
        [op("replace", None, {"name": {"givenName": "Ada"}})],
        [op("replace", 'emails[type eq "work"].value', "w@example.com")],
        [op("add", "emails", [{"value": "new"}]), op("remove", 'emails[value eq "new"]')],
        [op("replace", "id", "2819")],
        [op("add", "password", "s3cret")],
        [op("replace", None, {"schemas": ["x"], "id": "2819", "password": "s3cret"})],
    ],
)
def test_what_is_there_already_is_no_change(ops: list[dict[str, Any]], strict: bool) -> None:
    assert patch(ADA, *ops, strict=strict) == Patched(ADA, changed=False)


@BOTH
@pytest.mark.parametrize(
    "operation",
    [
        op("add", "emails", [{"value": "x", "primary": True}]),
        op("replace", 'emails[value eq "x"].primary', True),
        op("replace", 'emails[value eq "x"]', {"value": "x", "primary": True}),
    ],
)
def test_a_new_primary_value_ends_that_of_the_others(operation: dict[str, Any], strict: bool) -> None:
    before = user(emails=[{**WORK, "primary": True}])
    if operation["op"] == "replace":
        before["emails"].append({"value": "x"})
    emails = body(before, operation, strict=strict)["emails"]
    assert emails == [{**WORK, "primary": False}, {"value": "x", "primary": True}]


@BOTH
def test_another_manager_has_another_name(strict: bool) -> None:
    before = user(**{ENTERPRISE: {"manager": {"value": "m", "$ref": "../Users/m", "displayName": "M"}}})
    after = {ENTERPRISE: {"manager": {"value": "n"}}}
    assert body(before, op("replace", f"{ENTERPRISE}:manager", {"value": "n"}), strict=strict) == user(**after)
    assert body(before, op("replace", f"{ENTERPRISE}:manager.value", "n"), strict=strict) == user(**after)
    assert body(before, op("replace", f"{ENTERPRISE}:manager.value", "m"), strict=strict) == before
    assert body(before, op("remove", f"{ENTERPRISE}:manager"), strict=strict) == user()
    assert body(before, op("remove", ENTERPRISE), strict=strict) == user()


@pytest.mark.parametrize(
    ("ops", "scim_type"),
    [
        ([op("Add", "title", "x")], "invalidSyntax"),
        ([op("replace", 'emails[type eq "other"].value', "x")], "noTarget"),
        ([op("add", 'emails[type eq "other"].value', "x")], "noTarget"),
        ([op("remove", 'emails[type eq "other"]')], "noTarget"),
        ([op("remove", "emails", [WORK])], "invalidValue"),
        ([op("add", "title", None)], "invalidValue"),
        ([op("add", "emails", None)], "invalidValue"),
        ([op("replace", "department", "x")], "invalidPath"),
        ([op("replace", "custom", "x")], "invalidPath"),
        ([op("replace", None, {"custom": "x"})], "invalidSyntax"),
        ([op("replace", None, {"name.givenName": "x"})], "invalidSyntax"),
        ([op("replace", None, {'emails[type eq "work"].value': "x"})], "invalidSyntax"),
        ([op("replace", None, {"groups": []})], "mutability"),
        ([op("replace", "active", "False")], "invalidValue"),
        ([op("replace", "roles", ["x"])], "invalidValue"),
        ([op("replace", f"{ENTERPRISE}:manager", "m")], "invalidValue"),
        ([op("replace", f"{ENTERPRISE}:manager.displayName", "M")], "mutability"),
        ([op("replace", "", {"title": "x"})], "invalidPath"),
        ([], "invalidValue"),
    ],
)
def test_what_only_strict_mode_refuses(ops: list[dict[str, Any]], scim_type: str) -> None:
    assert refused(ADA, *ops, strict=True) == scim_type
    patch(ADA, *ops)


@pytest.mark.parametrize("message", [None, [], {}, {"Operations": 5}, {"Operations": [5]}, {"Operations": None}])
def test_what_is_no_patch(message: object) -> None:
    for strict in (True, False):
        with pytest.raises(ScimError) as caught:
            operations(message, strict=strict)
        assert caught.value.scim_type == "invalidSyntax"


def test_generic_operations_in_lower_case_without_schemas() -> None:
    codes: list[str] = []
    found = operations({"operations": [{"OP": "add", "Path": "title", "Value": "x"}]}, strict=False, note=codes.append)
    assert [(each.op, each.path, each.value) for each in found] == [("add", "title", "x")]
    assert codes == ["missing-schemas"]


def test_too_many_operations_are_refused_before_the_first() -> None:
    with pytest.raises(ScimError) as caught:
        operations({"Operations": [op("add", "title", "x")] * 10_001}, strict=False)
    assert caught.value.status == 413


def test_the_work_of_one_request_is_bounded() -> None:
    before = user(roles=[{"value": str(number)} for number in range(1000)])
    ops = operations({"Operations": [op("add", 'roles[value eq "7"].display', "x")] * 2000}, strict=False)
    with pytest.raises(ScimError) as caught:
        patched(before, ops, kind="User", strict=False)
    assert caught.value.status == 413


# -- the quirk sheet --------------------------------------------------------------------------------------------------


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


# -- members ----------------------------------------------------------------------------------------------------------


@BOTH
def test_members_selected_by_id(strict: bool) -> None:
    assert members(op("remove", 'members[value eq "a" or VALUE eq "b"]'), strict=strict) == [
        Membership("remove", ("a", "b"), target=strict)
    ]


def test_members_selected_by_anything_else_are_left_to_who_knows_them() -> None:
    where = parse_filter('members[type eq "Group"]', "Group", strict=True)
    assert isinstance(where, Has)
    assert members(op("remove", 'members[type eq "Group"]')) == [Membership("remove", (), where.where)]


@BOTH
@pytest.mark.parametrize("path", ["members.value", 'members[value eq "a"].value', "members.display"])
def test_a_member_cannot_be_changed(path: str, strict: bool) -> None:
    assert refused({"displayName": "g"}, op("replace", path, "b"), kind="Group", strict=strict) == "mutability"


@BOTH
def test_a_group_keeps_a_name(strict: bool) -> None:
    assert refused({"displayName": "g"}, op("remove", "displayName"), kind="Group", strict=strict) == "mutability"
