"""What bodies of POST and PUT are read as. Tests are named by the row of the quirk sheet whose body they hold."""
# ruff: noqa: N802

from typing import Any

import pytest

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import LENIENCIES
from connectors.scim.lenient import normal
from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.query import Kind


def read(kind: Kind = "User", /, **body: Any) -> dict[str, Any]:
    """The body as lenient mode reads it; without its userName or displayName when the test gives none."""
    return leniently(body, kind)[0]


def leniently(body: dict[str, Any], kind: Kind = "User") -> tuple[dict[str, Any], set[str]]:
    """The body as lenient mode reads it, and the leniencies that took."""
    codes: set[str] = set()
    name = "userName" if kind == "User" else "displayName"
    given = any(key.lower() == name.lower() for key in body)
    found = normal(body if given else {name: "ada", **body}, kind, strict=False, note=codes.add)
    assert codes <= set(LENIENCIES)
    return (found if given else {key: found[key] for key in found if key != name}), codes - {"missing-schemas"}


def refused(body: object, kind: Kind = "User", *, strict: bool = False) -> str:
    """The scimType of the refusal."""
    with pytest.raises(ScimError) as caught:
        normal(body, kind, strict=strict)
    assert caught.value.status == 400
    assert caught.value.detail
    return caught.value.scim_type


def user(**more: Any) -> dict[str, Any]:
    """A body that strict mode accepts."""
    return {"schemas": [USER], "userName": "ada", **more}


# -- what the RFC says, in both modes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False])
def test_a_right_body_is_kept_as_it_is_without_what_the_server_says(strict: bool) -> None:
    codes: list[str] = []
    body = {
        "schemas": [USER, ENTERPRISE],
        "id": "1",
        "meta": {"resourceType": "User"},
        "groups": [{"value": "g"}],
        "externalId": "e",
        "userName": "ada",
        "name": {"familyName": "L", "middleName": ""},
        "active": False,
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": True},
            {"value": "a@b.c", "type": "untyped"},
        ],
        ENTERPRISE: {"department": "R", "manager": {"value": "m"}},
    }
    found = normal(body, "User", strict=strict, note=codes.append)
    assert found == {key: body[key] for key in body if key not in ("schemas", "id", "meta", "groups")}
    assert codes == []


@pytest.mark.parametrize("strict", [True, False])
def test_names_have_no_case(strict: bool) -> None:
    body = {"SCHEMAS": [USER.upper()], "USERNAME": "ada", "Name": {"FAMILYNAME": "L"}, "eMails": [{"VALUE": "x"}]}
    assert normal(body, "User", strict=strict) == {
        "userName": "ada",
        "name": {"familyName": "L"},
        "emails": [{"value": "x"}],
    }


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("empty", [None, []])
def test_null_and_empty_lists_are_unassigned(empty: object, strict: bool) -> None:
    body = user(title=None, emails=empty, name={"givenName": None})
    assert normal(body, "User", strict=strict) == {"userName": "ada"}


@pytest.mark.parametrize("strict", [True, False])
def test_a_password_is_dropped(strict: bool) -> None:
    assert normal(user(password="s3cret"), "User", strict=strict) == {"userName": "ada"}


def test_a_password_is_dropped_where_no_schema_has_one() -> None:
    sent = {
        "urn:acme:User": {"Password": "s3cret"},
        "urn:b:User:password": "s3cret",
        f"{ENTERPRISE}:password": "s3cret",
    }
    assert read(**sent) == {}
    assert read("Group", password="s3cret") == {}


@pytest.mark.parametrize(
    "body",
    [{}, {"userName": None}, {"userName": ""}, {"userName": "  "}, {"displayName": "x"}],
)
def test_a_user_needs_a_user_name(body: dict[str, Any]) -> None:
    assert refused(body) == "invalidValue"


def test_a_group_needs_a_name() -> None:
    assert refused({"members": []}, "Group") == "invalidValue"


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        ([], "invalidSyntax"),
        ("text", "invalidSyntax"),
        (None, "invalidSyntax"),
        ({"userName": True}, "invalidValue"),
        ({"userName": ["a", "b"]}, "invalidValue"),
        ({"userName": {"nick": "a"}}, "invalidValue"),
        ({"userName": "a", "active": "yes"}, "invalidValue"),
        ({"userName": "a", "active": 1}, "invalidValue"),
        ({"userName": "a", "emails": [["x"]]}, "invalidValue"),
        ({"userName": "a", "emails": [True]}, "invalidValue"),
        ({"userName": "a", "name": ["x", "y"]}, "invalidValue"),
        ({"userName": "a", "name": 5}, "invalidValue"),
        ({"userName": "a\0"}, "invalidValue"),
        ({"userName": "a", "title": "\ud800"}, "invalidValue"),
        ({"userName": "a", "custom": float("inf")}, "invalidValue"),
        ({"userName": "a", "custom": 10**5000}, "invalidValue"),
        ({"userName": "a", "employeeNumber": float("nan")}, "invalidValue"),
        ({"userName": "a", "employeeNumber": 10**5000}, "invalidValue"),
        ({"userName": "a", 'emails[type eq "work"].value': "x"}, "invalidPath"),
        ({"userName": "a", ENTERPRISE: "x"}, "invalidValue"),
        ({"userName": "a", "": "x"}, "invalidPath"),
        ({"userName": "a", "a.b.c": "x"}, "invalidPath"),
        ({"userName": "a", "emails": [{"value": str(n)} for n in range(1001)]}, "invalidValue"),
    ],
)
def test_what_cannot_be_read_is_refused_in_lenient_mode_too(body: object, scim_type: str) -> None:
    assert refused(body) == scim_type


def test_endless_nesting_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert refused({"userName": "a", "custom": deep}) == "invalidSyntax"


# -- strict -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "scim_type"),
    [
        ({"schemas": []}, "invalidSyntax"),
        ({"schemas": [USER, "urn:acme:2.0:User"]}, "invalidSyntax"),
        ({ENTERPRISE: {"department": "R"}}, "invalidSyntax"),  # its URN is not in schemas
        ({"nick": "x"}, "invalidSyntax"),
        ({"department": "x"}, "invalidSyntax"),
        ({"name.givenName": "x"}, "invalidSyntax"),
        ({"urn:scim:schemas:core:1.0:title": "x"}, "invalidSyntax"),
        ({"name": {"nick": "x"}}, "invalidSyntax"),
        ({"roles": [{"value": "x", "displayName": "X"}]}, "invalidSyntax"),
        ({"active": "true"}, "invalidValue"),
        ({"emails": {"value": "x"}}, "invalidValue"),
        ({"roles": ["x"]}, "invalidValue"),
        ({"title": 5}, "invalidValue"),
        ({"title": ["x"]}, "invalidValue"),
        ({"name": ""}, "invalidValue"),
        ({"emails": [{"value": "x", "primary": True}, {"value": "y", "primary": True}]}, "invalidValue"),
        ({"TITLE": "x", "title": "y"}, "invalidSyntax"),
    ],
)
def test_strict_mode_refuses_what_lenient_mode_reads(more: dict[str, Any], scim_type: str) -> None:
    assert refused(user(**more), strict=True) == scim_type
    normal(user(**more), "User", strict=False)


def test_strict_mode_takes_the_name_of_a_manager_from_nobody() -> None:
    body = {"schemas": [USER, ENTERPRISE], "userName": "a", ENTERPRISE: {"manager": {"value": "m", "displayName": "M"}}}
    assert normal(body, "User", strict=True)[ENTERPRISE] == {"manager": {"value": "m"}}
    assert normal(body, "User", strict=False)[ENTERPRISE] == {"manager": {"value": "m", "displayName": "M"}}


# -- the quirk sheet --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["True", "true", "TRUE", "true "])
def test_E2_booleans_as_text(sent: str) -> None:
    roles = [{"primary": sent, "value": "admin", "type": "WindowsAzureActiveDirectoryRole"}]
    found, codes = leniently({"active": "False", "roles": roles})
    assert found == {"active": False, "roles": [{**roles[0], "primary": True}]}
    assert codes == {"boolean-text"}


def test_E3_dotted_keys_are_never_stored() -> None:
    sent = {
        "name.givenName": "Ada",
        "name": {"familyName": "L"},
        f"{ENTERPRISE}:employeeNumber": "7",
        "manager.value": "m",
    }
    found, codes = leniently(sent)
    assert found == {
        "name": {"givenName": "Ada", "familyName": "L"},
        ENTERPRISE: {"employeeNumber": "7", "manager": {"value": "m"}},
    }
    assert codes == {"key-path", "unqualified-extension"}


def test_E6_display_name_of_a_role() -> None:
    role = {"primary": False, "type": "WindowsAzureActiveDirectoryRole", "displayName": "Admin", "value": "admin"}
    found, codes = leniently({"roles": [role]})
    assert found["roles"] == [
        {"primary": False, "type": "WindowsAzureActiveDirectoryRole", "display": "Admin", "value": "admin"}
    ]
    assert codes == {"display-name"}


def test_E6_roles_as_JSON_in_a_text() -> None:
    packed = '{"id":"18d1","value":"admin","displayName":"Admin"}'
    found, codes = leniently({"roles": [{"value": packed}]})
    assert found["roles"] == [{"id": "18d1", "value": "admin", "display": "Admin"}]
    assert codes == {"json-text", "display-name", "unknown-attribute"}


@pytest.mark.parametrize("sent", ["{", "{not json}", '{"a":' * 2000, "[1]"])
def test_E6_a_role_that_only_looks_like_JSON_is_its_own_name(sent: str) -> None:
    assert read(roles=[{"value": sent}])["roles"] == [{"value": sent}]


@pytest.mark.parametrize("sent", ["m", {"value": "m"}, [{"value": "m"}], {"$ref": None, "value": "m"}, '{"value":"m"}'])
def test_E7_a_manager_in_every_shape(sent: object) -> None:
    assert read(**{ENTERPRISE: {"manager": sent}})[ENTERPRISE] == {"manager": {"value": "m"}}
    assert read(manager=sent)[ENTERPRISE] == {"manager": {"value": "m"}}


@pytest.mark.parametrize("sent", ["", None, {}, [], {"value": ""}, {"value": None}, [{"value": ""}]])
def test_E7_no_manager_in_every_shape(sent: object) -> None:
    assert read(manager=sent) == {}


def test_E9_group_with_the_schema_of_another_product() -> None:
    sent = {
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "displayName",
        "meta": {"resourceType": "Group"},
    }
    found, codes = leniently(sent, "Group")
    assert found == {"externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "displayName"}
    assert codes == {"unknown-schema"}


def test_E10_nulls_of_other_schemas_and_a_misspelt_one() -> None:
    misspelt = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"
    sent = {
        "schemas": [USER, misspelt],
        "userName": "ada",
        "department": None,
        "manager": None,
        "addresses": None,
        "phoneNumbers": None,
        "roles": [],
        "meta": {"resourceType": "User"},
    }
    assert leniently(sent)[0] == {"userName": "ada"}
    assert read(**{misspelt: {"department": "R"}}) == {ENTERPRISE: {"department": "R"}}


def test_E11_custom_attributes_without_their_schema_are_kept_under_it() -> None:
    sent = {"urn:ietf:params:scim:schemas:extension:acme:2.0:User:jamie_role": "ops", "urn:acme:2.0:User": {"a": [1]}}
    found, codes = leniently(sent)
    assert found == {
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User": {"jamie_role": "ops"},
        "urn:acme:2.0:User": {"a": [1]},
    }
    assert codes == {"unknown-attribute"}


def test_O4_password_groups_and_locale_of_a_new_user() -> None:
    sent = {
        "schemas": [USER],
        "userName": "test.user@okta.local",
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": "test.user@okta.local", "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    found, codes = leniently(sent)
    assert found == {key: sent[key] for key in sent if key not in ("schemas", "groups", "password")}
    assert codes == set()


def test_O6_put_of_what_was_got() -> None:
    sent = {
        "schemas": [USER],
        "id": "23a35c27-23d3-4c03-b4c5-6443c09e7173",
        "userName": "ada",
        "name": {"givenName": "Ada", "middleName": "", "familyName": "L"},
        "emails": [{"primary": True, "value": "a@example.com", "type": "work", "display": "a@example.com"}],
        "groups": [{"value": "g", "display": "G"}],
        "meta": {"resourceType": "User"},
    }
    found, codes = leniently(sent)
    assert found == {key: sent[key] for key in ("userName", "name", "emails")}
    assert codes == set()


def test_OneLogin_legacy_schemas_and_template() -> None:
    sent = {
        "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"],
        "id": None,
        "userName": "ada",
        "active": "true",
        "urn:scim:schemas:extension:enterprise:2.0": {"manager": {"managerId": "7", "displayName": "Bo"}},
        "urn:scim:schemas:core:2.0": {"title": "Dr"},
    }
    found, codes = leniently(sent)
    assert found == {
        "userName": "ada",
        "active": True,
        "title": "Dr",
        ENTERPRISE: {"manager": {"managerId": "7", "displayName": "Bo"}},
    }
    assert codes == {"legacy-urn", "boolean-text", "unknown-attribute"}


def test_Google_legacy_schema() -> None:
    sent = {"schemas": ["urn:scim:schemas:core:1.0", USER], "userName": "ada"}
    assert leniently(sent) == ({"userName": "ada"}, {"legacy-urn"})


def test_Rippling_single_object_for_a_list() -> None:
    assert leniently({"members": {"value": "1"}}, "Group") == ({"members": [{"value": "1"}]}, {"single-value"})


@pytest.mark.parametrize("sent", [["admin", "ops"], [{"value": "admin"}, {"value": "ops"}], '["admin","ops"]'])
def test_generic_roles_as_plain_text(sent: object) -> None:
    assert read(roles=sent) == {"roles": [{"value": "admin"}, {"value": "ops"}]}


def test_generic_numbers_for_text() -> None:
    assert leniently({"employeeNumber": 12345})[0] == {ENTERPRISE: {"employeeNumber": "12345"}}


def test_generic_unknown_attributes_are_kept_as_sent() -> None:
    found, codes = leniently({"Favourite Tree": {"kind": "Larch", "n": 1.5}, "name": {"nick": "A"}, "x.y": None})
    assert found == {"Favourite Tree": {"kind": "Larch", "n": 1.5}, "name": {"nick": "A"}}
    assert codes == {"unknown-attribute"}


def test_the_first_of_several_primary_values_stays_primary() -> None:
    sent = [{"value": "x", "primary": True}, {"value": "y", "primary": "true"}]
    found, codes = leniently({"emails": sent})
    assert found["emails"] == [{"value": "x", "primary": True}, {"value": "y", "primary": False}]
    assert codes == {"boolean-text", "many-primary"}


def test_members_by_reference_only() -> None:
    found, codes = leniently({"members": [{"$ref": "https://sync.example.com/scim/v2/acme/Users/42"}]}, "Group")
    assert [member["value"] for member in found["members"]] == ["42"]
    assert codes == {"member-reference"}
    assert refused({"displayName": "g", "members": [{"display": "Ada"}]}, "Group") == "invalidValue"


def test_an_email_without_a_value_is_none() -> None:
    assert read(emails=[{"value": "", "type": "work", "primary": True}]) == {}
