"""A SCIM User as a directory user."""

from typing import Any

import pytest

from connectors.scim.observe import ENTERPRISE, observed
from reconciler.model import JSON, DirectoryUser, UserState
from reconciler.resources import Resource
from reconciler.roles import values_of


def person(**body: Any) -> Resource:
    """A User with these attributes."""
    return Resource("User", "2819", {"userName": "ada@acme.com", **body}, "2026-11-21T08:00:00.000Z", "")


def work(address: str, **more: Any) -> dict[str, Any]:
    return {"value": address, "type": "work", **more}


def test_a_whole_person() -> None:
    resource = person(
        name={"givenName": " Ada", "familyName": "Doe "}, displayName="Ada Doe", title="Engineer",
        emails=[work("ada@acme.com", primary=True)],
        **{ENTERPRISE: {"department": "R&D", "manager": {"value": "26118915", "displayName": "Bob"}}},
    )  # fmt: skip
    assert observed(resource, frozenset()) == DirectoryUser(
        "2819", UserState.ACTIVE, "ada@acme.com", "ada@acme.com", "Ada", "Doe", "Ada Doe", "Engineer", "R&D", "Bob"
    )


@pytest.mark.parametrize(("body", "state"), [
    ({}, UserState.ACTIVE), ({"active": True}, UserState.ACTIVE), ({"active": False}, UserState.SUSPENDED),
])  # fmt: skip
def test_standing(body: dict[str, Any], state: UserState) -> None:
    assert observed(person(**body), frozenset()).state is state


@pytest.mark.parametrize(("emails", "address"), [
    ([], ""),
    ([{"type": "work"}], ""),
    ([{"value": "home@x.org", "type": "home", "primary": True}, work("ada@acme.com")], "ada@acme.com"),
    ([work("old@acme.com"), work("ada@acme.com", primary=True)], "ada@acme.com"),
    ([work("ada@acme.com"), work("also@acme.com")], "ada@acme.com"),
    ([{"value": "a@x.org"}, {"value": "b@x.org", "primary": True}], "b@x.org"),
    ([{"value": "a@x.org", "type": "home"}, {"value": "b@x.org", "type": "Work"}], "b@x.org"),
    ([{"value": "untyped@x.org", "type": "untyped"}], "untyped@x.org"),
])  # fmt: skip
def test_the_address_is_the_primary_work_address_else_the_next_best(emails: JSON, address: str) -> None:
    assert observed(person(emails=emails), frozenset()).email == address


def test_a_manager_without_a_name_is_called_by_the_id() -> None:
    assert observed(person(**{ENTERPRISE: {"manager": {"value": "26118915"}}}), frozenset()).manager == "26118915"


CUSTOM = "urn:acme:params:scim:schemas:extension:jamie:2.0:User"
BODY = {
    "userType": "Employee", "roles": [{"value": "admin", "primary": True}], "name": {"givenName": "Ada"},
    "emails": [work("ada@acme.com")], "x509Certificates": [],
    ENTERPRISE: {"costCenter": "4130"}, CUSTOM: {"jamie_role": "admin", "seat": {"kind": "full"}},
}  # fmt: skip


@pytest.mark.parametrize(("path", "value"), [
    ("userType", "Employee"),
    ("USERTYPE", "Employee"),
    ("urn:ietf:params:scim:schemas:core:2.0:User:userType", "Employee"),
    ("name.givenName", "Ada"),
    ("id", "2819"),
    ("roles", BODY["roles"]),
    ("emails.value", ["ada@acme.com"]),
    (f"{ENTERPRISE}:costCenter", "4130"),
    (f"{ENTERPRISE}:costCenter".upper(), "4130"),
    ("urn:scim:schemas:extension:enterprise:1.0:costCenter", "4130"),
    (f"{CUSTOM}:jamie_role", "admin"),
    (f"{CUSTOM}:seat.kind", "full"),
    ("jamie_role", "admin"),  # unambiguous
    ("x509Certificates", None),
    ("nickName", None),
    (f"{CUSTOM}:nothing", None),
    ("urn:other:User:jamie_role", None),
    ("userType.value", None),
])  # fmt: skip
def test_attributes_by_path(path: str, value: JSON) -> None:
    attributes = observed(person(**BODY), frozenset({path})).attributes
    assert attributes == ({} if value is None else {path: value})


def test_a_bare_name_that_two_extensions_have_means_neither() -> None:
    two = {"urn:a:User": {"level": "1"}, "urn:b:User": {"level": "2"}}
    assert observed(person(**two), frozenset({"level"})).attributes == {}


@pytest.mark.parametrize("roles", [["admin"], [{"value": "admin"}], [{"value": "admin", "display": "Admins"}]])
def test_roles_are_objects_or_texts(roles: JSON) -> None:
    assert values_of(observed(person(roles=roles), frozenset({"roles"})).attributes["roles"]) == ("admin",)
