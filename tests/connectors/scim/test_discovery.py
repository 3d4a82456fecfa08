"""What the service says about itself (RFC 7643 §5–8.7, RFC 7644 §4, RFC 9865 §4)."""

from typing import Any

import pytest

from connectors.scim.schema import ENTERPRISE, GROUP, USER
from tests.connectors.scim.client import BASE, Client

DOCUMENTS = ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/ResourceTypes/Group", "/Schemas",
             *(f"/Schemas/{urn}" for urn in (USER, GROUP, ENTERPRISE))]  # fmt: skip


def test_the_service_is_honest() -> None:
    config = Client().get("/ServiceProviderConfig").json
    said = ("patch", "bulk", "filter", "changePassword", "sort", "etag")
    assert {name: config[name]["supported"] for name in said} == {
        "patch": True, "bulk": True, "filter": True, "changePassword": False, "sort": True, "etag": True,
    }  # fmt: skip
    assert config["pagination"] == {
        "cursor": True, "index": True, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 1000,
    }  # fmt: skip
    assert [each["type"] for each in config["authenticationSchemes"]] == ["oauthbearertoken"]
    assert config["bulk"]["maxOperations"] >= 100, "authentik sends as many operations in one PATCH"


def test_the_page_size_is_the_one_that_is_used() -> None:
    config = Client("pingfederate").get("/ServiceProviderConfig").json
    assert config["pagination"]["defaultPageSize"] == config["pagination"]["maxPageSize"] == 1000


@pytest.mark.parametrize("name", ["User", "Group"])
def test_a_resource_type_is_found_by_its_name(name: str) -> None:
    """CyberArk: /ResourceTypes/User and /ResourceTypes/Group; RFC 7643 §6."""
    found = Client("cyberark", strict=True).get(f"/ResourceTypes/{name}").json
    assert found["id"] == found["name"] == name
    assert found["endpoint"] == f"/{name}s"
    assert found["meta"]["location"] == f"{BASE}/ResourceTypes/{name}"
    assert [each["schema"] for each in found["schemaExtensions"]] == ([ENTERPRISE] if name == "User" else [])


@pytest.mark.parametrize("urn", [USER, GROUP, ENTERPRISE])
def test_a_schema_is_found_by_its_urn(urn: str) -> None:
    client = Client(strict=True)
    found = client.get(f"/Schemas/{urn}").json
    assert (found["id"], found["meta"]["location"]) == (urn, f"{BASE}/Schemas/{urn}")
    assert found in client.get("/Schemas").json["Resources"]
    assert Client().get(f"/Schemas/{urn.upper()}").json == found
    assert client.get(f"/Schemas/{urn.upper()}").status == 404


def test_attributes_have_their_characteristics() -> None:
    """RFC 7643 §7; canonical values are published (interop draft), and no value is null (E20)."""
    schema = Client().get(f"/Schemas/{USER}").json
    attributes = {each["name"]: each for each in schema["attributes"]}
    assert attributes["userName"] == {
        "name": "userName", "type": "string", "multiValued": False, "required": True, "caseExact": False,
        "mutability": "readWrite", "returned": "default", "uniqueness": "server",
        "description": attributes["userName"]["description"],
    }  # fmt: skip
    assert (attributes["password"]["returned"], attributes["password"]["mutability"]) == ("never", "writeOnly")
    assert attributes["groups"]["mutability"] == "readOnly"
    emails = {each["name"]: each for each in attributes["emails"]["subAttributes"]}
    assert emails["type"]["canonicalValues"] == ["work", "home", "other"]
    assert not {"id", "externalId", "meta", "schemas"} & set(attributes), "the common ones are no schema's own"


@pytest.mark.parametrize("target", DOCUMENTS)
def test_documents(target: str) -> None:
    """Parameters are ignored, a filter is 403, other methods 405; nothing is null."""
    client = Client(strict=True)
    found = client.get(target)
    assert found.status == 200
    assert client.get(f"{target}?sortBy=id&count=1&startIndex=2&attributes=id").json == found.json
    assert client.get(f'{target}?filter=id eq "User"').status == 403
    assert {client.ask(method, target).status for method in ("POST", "PUT", "PATCH", "DELETE")} == {405}
    assert not nulls(found.json)


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(nulls(each) for each in value.values())
    return any(nulls(each) for each in value) if isinstance(value, list) else value is None


def test_every_directory_has_its_own_addresses() -> None:
    for document in ("/ResourceTypes", "/Schemas"):
        for each in Client().get(document).json["Resources"]:
            assert each["meta"]["location"].startswith(BASE)


def test_optional_types_are_not_there() -> None:
    """O15: an entitlement application reads ResourceTypes first, and asks for what they name."""
    assert [each["name"] for each in Client("okta").get("/ResourceTypes").json["Resources"]] == ["User", "Group"]
