"""The attributes as data, and the leniencies as a table."""

import re
from pathlib import Path

import pytest

from connectors.scim.leniencies import LENIENCIES, Tolerance
from connectors.scim.names import attr, place
from connectors.scim.schema import COMMON, ENTERPRISE, GROUP, SCHEMAS, USER
from reconciler.query import Attr, Kind

SOURCE = Path(__file__).parents[3] / "connectors" / "scim"


USER_ATTRIBUTES = """
    userName name displayName nickName profileUrl title userType preferredLanguage locale timezone active password
    emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates
"""


def test_schemas_have_the_attributes_of_rfc_7643_section_8_7_1() -> None:
    assert [attribute.name for attribute in SCHEMAS[USER].attributes.values()] == USER_ATTRIBUTES.split()
    assert [*SCHEMAS[GROUP].attributes] == ["displayname", "members"]
    enterprise = ["employeenumber", "costcenter", "organization", "division", "department", "manager"]
    assert [*SCHEMAS[ENTERPRISE].attributes] == enterprise
    assert [*COMMON] == ["schemas", "id", "externalid", "meta"]


@pytest.mark.parametrize(
    ("name", "kind", "keys"),
    [
        ("userName", "User", Attr(("userName",))),
        ("USERNAME", "User", Attr(("userName",))),
        ("externalId", "Group", Attr(("externalId",), exact=True)),
        ("name.familyName", "User", Attr(("name", "familyName"))),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.FAMILYNAME", "User", Attr(("name", "familyName"))),
        ("emails", "User", Attr(("emails",), "complex", many=0)),
        ("emails.value", "User", Attr(("emails", "value"), many=0)),
        ("roles.primary", "User", Attr(("roles", "primary"), "boolean", many=0)),
        (f"{ENTERPRISE}:department", "User", Attr((ENTERPRISE, "department"))),
        (f"{ENTERPRISE.upper()}:manager.value", "User", Attr((ENTERPRISE, "manager", "value"), exact=True)),
        ("meta.lastModified", "Group", Attr(("meta", "lastModified"), "dateTime")),
        ("members.value", "Group", Attr(("members", "value"), exact=True, many=0)),
    ],
)
def test_a_name_means_an_attribute_in_any_case(name: str, kind: Kind, keys: Attr) -> None:
    found = place(name, kind, Tolerance(strict=True))
    assert found is not None
    assert attr(found) == keys


@pytest.mark.parametrize(
    ("name", "kind"), [("members", "User"), ("userName", "Group"), ("name.nick", "User"), ("", "User")]
)
def test_an_attribute_of_another_kind_is_none(name: str, kind: Kind) -> None:
    assert place(name, kind, Tolerance(strict=False)) is None


def test_every_leniency_that_is_used_is_explained_and_the_other_way_round() -> None:
    """As it is read, a code stands in quotes: `allow("…"` or `note("…"`, or as a place's `leniency`."""
    text = "".join(path.read_text() for path in SOURCE.glob("*.py") if path.name != "leniencies.py")
    told = set(re.findall(r'(?:allow|note)\(\s*"([a-z-]+)"', text))
    told |= set(re.findall(r'leniency="([a-z-]+)"', text)) | set(re.findall(r', "(display-name)"', text))
    assert told <= set(LENIENCIES)
