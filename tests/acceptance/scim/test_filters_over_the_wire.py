"""Filters of every kind over real HTTP, on both databases: what is asked in a query finds whom it should."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.daemon import serving, told

pytestmark = pytest.mark.acceptance
OWN = "urn:acme:params:scim:schemas:extension:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
USERS: dict[str, dict[str, Any]] = {
    "ada": {"name": {"givenName": "Ada", "familyName": "Lovelace"}, "active": True, OWN: {"badge": "A7", "tags": ["x"]},
            "emails": [{"value": "ada@acme.com", "type": "work", "primary": True}]},
    "bob": {"active": False, OWN: {"badge": "b8"}, ENTERPRISE: {"department": "R&D", "manager": {"value": "m1"}}},
    "eve": {"title": "50%_a", "emails": [{"value": "eve@home.org", "type": "home"}]},
}  # fmt: skip
FOUND = {
    'schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"': "ada bob eve",
    f'schemas eq "{ENTERPRISE}"': "bob",
    f'schemas co "{OWN}"': "ada bob",
    'meta.resourceType eq "User"': "ada bob eve",
    'meta.resourceType eq "Group"': "",
    'meta.created gt "<bob.created>"': "eve",
    'meta.created le "<bob.created>"': "ada bob",
    'meta.lastModified gt "<eve.lastModified>"': "",
    'meta.lastModified ge "<eve.lastModified>"': "eve",
    'meta.lastModified gt "2026-01-01T00:00:00+02:00"': "ada bob eve",
    'groups.value eq "<inner>"': "ada",
    'groups.value eq "<outer>"': "ada eve",
    'groups eq "<outer>" and not (groups.type eq "direct")': "",
    'active eq "True"': "ada",
    'active eq "false"': "bob",
    "active ne true": "bob eve",
    'not (userName eq "ADA")': "bob eve",
    'NOT (userName eq "ada" or userName eq "bob")': "eve",
    "name pr": "ada",
    "emails pr and not (name pr)": "eve",
    "emails[type eq \"work\"] pr": None,
    'emails[type eq "work" and value ew "@acme.com"]': "ada",
    'emails[type eq "work"].value eq "ADA@acme.com"': "ada",
    f"{ENTERPRISE}:manager pr": "bob",
    f'{ENTERPRISE}:manager eq "m1"': "bob",
    f'{CORE}:userName sw "E"': "eve",
    'title co "%_"': "eve",
    'title co "%a"': "",
    f'{OWN}:badge eq "a7"': "ada",
    f'{OWN}:badge sw "B"': "bob",
    f'{OWN}:tags eq "x"': "ada",
    f'{OWN}:badge eq "6f1c0a5e-2d0b-4a41-9f1e-0c8f3c8f9a11"': "",
    f"not ({OWN}:badge pr)": "eve",
    f'{OWN}:badge eq "a7" or userName eq "eve"': "ada eve",
    'jamie_role eq "admin"': None,
}  # fmt: skip


@pytest.fixture
def asked(tmp_path: Any, store_url: str) -> Iterator[httpx.Client]:
    with serving(told(tmp_path, store=store_url)) as daemon:
        yield daemon.client("acme-scim")


def test_filters(asked: httpx.Client) -> None:
    """`active ne true` holds for who has no such attribute (RFC 7643 §2.5); None: refused with invalidFilter."""
    said = fill(asked)
    for form, names in FOUND.items():
        text = re.sub(r"<(.+?)>", lambda place: said[place[1]], form)
        answer = asked.get("/Users", params={"filter": text})
        if names is None:
            assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), text
            continue
        assert answer.status_code == 200, (text, answer.text)
        assert " ".join(each["userName"] for each in answer.json()["Resources"]) == names, text
        searched = asked.post("/Users/.search", json={"schemas": [], "filter": text, "count": 0})
        assert searched.json()["totalResults"] == len(names.split()), text


def fill(client: httpx.Client) -> dict[str, str]:
    """The users, at different times, and who is in which group; what can be asked for."""
    said: dict[str, str] = {}
    for name, attributes in USERS.items():
        made = client.post("/Users", json={"schemas": [CORE], "userName": name, **attributes})
        assert made.status_code == 201, made.text
        said |= {name: made.json()["id"], **{f"{name}.{key}": made.json()["meta"][key]
                                             for key in ("created", "lastModified")}}  # fmt: skip
        time.sleep(0.01)  # times are kept to the millisecond
    inner = client.post("/Groups", json={"displayName": "Inner", "members": [{"value": said["ada"]}]}).json()["id"]
    members = [{"value": inner}, {"value": said["eve"]}]
    outer = client.post("/Groups", json={"displayName": "Outer", "members": members}).json()["id"]
    return said | {"inner": inner, "outer": outer}
