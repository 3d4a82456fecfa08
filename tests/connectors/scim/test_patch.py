"""What a PATCH makes of a resource, as RFC 7644 §3.5.2 has it, and of the members of a group."""
# ruff: noqa: N802

from typing import Any

import pytest

from connectors.scim.errors import ScimError
from connectors.scim.filters import parse_filter
from connectors.scim.patch import Membership, Patched, operations, patched
from connectors.scim.schema import ENTERPRISE
from reconciler.query import Has
from tests.connectors.scim.patching import ADA, BOTH, HOME, WORK, body, members, op, patch, refused, user

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
