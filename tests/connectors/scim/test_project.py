"""Which attributes a client sees (RFC 7644 §3.9)."""

from typing import Any

import pytest

from connectors.scim.errors import ScimError
from connectors.scim.project import projection
from connectors.scim.schema import ENTERPRISE, USER

CUSTOM = "urn:acme:2.0:User"
ADA: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "id": "2819",
    "userName": "ada",
    "password": "never kept, and still",
    "name": {"givenName": "Ada", "familyName": "L"},
    "emails": [{"type": "work", "value": "w"}, {"type": "home"}],
    "favourite": "tree",
    "meta": {"resourceType": "User", "location": "/Users/2819"},
    ENTERPRISE: {"department": "R", "manager": {"value": "m", "displayName": "M"}},
    CUSTOM: {"jamie_role": "ops", "n": 1},
}
ALWAYS = {"schemas": ADA["schemas"], "id": "2819"}
ALL = {name: value for name, value in ADA.items() if name != "password"}


def without(*names: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ALL, **changed}.items() if name not in names}


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (None, ALL),
        ("", ALL),
        ("userName", {"userName": "ada"}),
        ("USERNAME , id", {"userName": "ada"}),
        (f"{USER}:userName", {"userName": "ada"}),
        ("name.givenName", {"name": {"givenName": "Ada"}}),
        ("name,name.givenName", {"name": ADA["name"]}),
        ("name.givenName,name", {"name": ADA["name"]}),
        ("emails.value", {"emails": [{"value": "w"}]}),
        ("emails.display", {}),
        ("meta.location", {"meta": {"location": "/Users/2819"}}),
        (ENTERPRISE, {ENTERPRISE: ADA[ENTERPRISE]}),
        (f"{ENTERPRISE}:department", {ENTERPRISE: {"department": "R"}}),
        (f"{ENTERPRISE.upper()}:Manager.displayName", {ENTERPRISE: {"manager": {"displayName": "M"}}}),
        ("department", {ENTERPRISE: {"department": "R"}}),
        (f"{CUSTOM}:jamie_role", {CUSTOM: {"jamie_role": "ops"}}),
        ("favourite", {"favourite": "tree"}),
        ("nothing", {}),
        ("password", {}),
        (USER, {name: ADA[name] for name in ("userName", "name", "emails", "meta")}),
    ],
)
def test_attributes(attributes: str | None, shown: dict[str, Any]) -> None:
    assert projection(attributes, None, "User").of(ADA) == (shown if shown is ALL else {**ALWAYS, **shown})


@pytest.mark.parametrize(
    ("excluded", "shown"),
    [
        ("userName", without("userName")),
        ("id,schemas", ALL),
        ("name.givenName", without(name={"familyName": "L"})),
        ("name.givenName,name.familyName", without("name")),
        ("emails.type", without(emails=[{"value": "w"}])),
        (ENTERPRISE, without(ENTERPRISE)),
        (f"{ENTERPRISE}:manager", without(**{ENTERPRISE: {"department": "R"}})),
        (f"{CUSTOM}:jamie_role", without(**{CUSTOM: {"n": 1}})),
        ("members", ALL),
    ],
)
def test_excluded_attributes(excluded: str, shown: dict[str, Any]) -> None:
    assert projection(None, excluded, "User").of(ADA) == shown
    assert projection(None, excluded.split(","), "User").of(ADA) == shown


def test_both() -> None:
    assert projection("userName,name", "name.givenName", "User").of(ADA) == {
        **ALWAYS,
        "userName": "ada",
        "name": {"familyName": "L"},
    }


@pytest.mark.parametrize(
    ("attributes", "excluded", "wanted"),
    [
        (None, None, True),
        (None, "members", False),
        (None, "MEMBERS", False),
        (None, "members.display", True),
        ("displayName", None, False),
        ("members", None, True),
        ("members.value", None, True),
        ("members", "members", False),
    ],
)
def test_E13_members_that_nobody_wants_are_never_read(  # noqa: N802
    attributes: str | None, excluded: str | None, wanted: bool
) -> None:
    assert projection(attributes, excluded, "Group").wants("members") is wanted


def test_what_cannot_be_a_name() -> None:
    with pytest.raises(ScimError) as caught:
        projection("emails[type eq]", None, "User")
    assert caught.value.scim_type == "invalidPath"
