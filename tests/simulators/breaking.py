"""Simulators with faults switched on, and what their listings show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.faults import FAULTS
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.clients import GOOGLE, client

PEOPLE = 9
LISTS: dict[str, dict[str, str]] = {
    "google": {
        "users": f"{GOOGLE}/users?customer=my_customer",
        "groups": f"{GOOGLE}/groups?customer=my_customer",
        "members": GOOGLE + "/groups/{}/members",
        "user": GOOGLE + "/users/{}",
    },
    "entra": {
        "users": "/v1.0/users?$select=id,accountEnabled",
        "groups": "/v1.0/groups?$select=id",
        "members": "/v1.0/groups/{}/members?$select=id",
        "user": "/v1.0/users/{}?$select=id,accountEnabled",
    },
    "okta": {
        "users": "/api/v1/users",
        "groups": "/api/v1/groups",
        "members": "/api/v1/groups/{}/users",
        "user": "/api/v1/users/{}",
    },
}
KEYS = {"google": "pageToken", "entra": "$skiptoken", "okta": "after"}


def world(kind: Kind) -> World:
    made = World(kind)
    for number in range(PEOPLE):
        made.hire(f"Given{number}")
    for name in ("Everyone", "Design", "Unused", "Studio"):
        group = made.add_group(name)
        for person in list(made.people):
            made.join(group.id, person)
    return made


@contextmanager
def broken(kind: Kind, *names: str, **how: Any) -> Iterator[tuple[Simulator, httpx.Client]]:
    """A simulator whose client has signed in before the faults are switched on."""
    with Simulator(kind, world(kind)) as simulator, client(simulator) as http:
        for name in names:
            simulator.fault(name, **how)
        yield simulator, http


def items(kind: Kind, holds: str, answer: httpx.Response) -> list[dict[str, Any]]:
    body = answer.raise_for_status().json()
    found: list[dict[str, Any]] = body if kind == "okta" else body["value"] if kind == "entra" else body.get(holds, [])
    return found


def following(kind: Kind, answer: httpx.Response) -> str | None:
    """The address of the next page."""
    if kind == "okta":
        return answer.links.get("next", {}).get("url")
    body: dict[str, Any] = answer.json()
    if kind == "entra":
        return body.get("@odata.nextLink")
    token = body.get("nextPageToken")
    return f"{answer.request.url.copy_remove_param('pageToken')}&pageToken={token}" if token else None


def listing(kind: Kind, http: httpx.Client, holds: str = "users", key: str = "", cap: int = 12) -> list[list[str]]:
    """The ids on every page, `cap` pages at most."""
    url: str | None = LISTS[kind][holds].format(key)
    found: list[list[str]] = []
    while url and len(found) < cap:
        answer = http.get(url)
        found.append([item["id"] for item in items(kind, holds, answer)])
        url = following(kind, answer)
    return found


def flat(pages: list[list[str]]) -> list[str]:
    return [i for page in pages for i in page]


def fitting(*names: str) -> list[Any]:
    """(kind, fault) for every kind that each of these faults fits."""
    return [
        pytest.param(kind, fault.name, id=f"{kind}-{fault.name}")
        for fault in FAULTS
        if fault.name in names
        for kind in KINDS
        if kind in fault.kinds
    ]


def code(answer: httpx.Response) -> str:
    """The vendor's word for the error."""
    body = answer.json()
    if "errorCode" in body:
        return str(body["errorCode"])
    error = body["error"]
    return str(
        error if isinstance(error, str) else error["errors"][0]["reason"] if "errors" in error else error["code"]
    )
