"""The control door: the world changes through it, requests are counted, nonsense is refused."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World, control
from tests.simulators.clients import client


@pytest.fixture
def google_world() -> World:
    return World.generate("google", 10, 5)


@pytest.fixture
def simulator(google_world: World) -> Iterator[Simulator]:
    with Simulator("google", google_world) as running:
        yield running


def change(simulator: Simulator, *operations: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{simulator.url}/_control/world", json=list(operations))


def test_every_change_of_a_world_is_an_operation(simulator: Simulator) -> None:
    methods = {"hire", "suspend", "resume", "delete", "purge", "set_status", "rename", "set_attribute", "join", "leave"}
    assert set(control.CHANGES) == methods | {"add_group", "delete_group", "rename_group"}
    assert all(callable(getattr(World, name)) for name in control.CHANGES)


def test_a_day_in_the_directory(simulator: Simulator) -> None:
    done = change(
        simulator,
        {"op": "hire", "given_name": "Ada", "family_name": "Lovelace", "attributes": {"jamie_role": "admin"}},
        {"op": "add_group", "name": "Poets"},
        {"op": "join", "group": "Poets", "member": "ada.lovelace@example.com"},
        {"op": "rename", "person": "ada.lovelace@example.com", "family_name": "King"},
        {"op": "suspend", "person": "ada.lovelace@example.com"},
    ).raise_for_status()
    ada = simulator.world.person("ada.lovelace@example.com")
    assert (ada.family_name, ada.status, ada.attributes) == ("King", "suspended", {"jamie_role": "admin"})
    assert list(simulator.world.group("Poets").members) == [ada.id]
    assert done.json()["results"][-1] == {"op": "suspend", "id": ada.id, "email": ada.email, "status": "suspended"}
    assert done.json()["revision"] == simulator.world.revision
    one = httpx.post(f"{simulator.url}/_control/world", json={"op": "delete_group", "group": "Poets"})
    assert one.json()["results"][0]["name"] == "Poets"


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"op": "fire"}, "unknown op 'fire'; known: hire, suspend,"),
        ({}, "unknown op None"),
        ({"op": "hire"}, "hire: missing a required argument: 'given_name'"),
        ({"op": "hire", "given_name": "A", "shoe": 43}, "got an unexpected keyword argument 'shoe'"),
        ({"op": "hire", "given_name": 5}, "Expected `str`, got `int`"),
        ({"op": "suspend", "person": "nobody"}, "suspend: no person 'nobody'"),
        ({"op": "set_status", "person": "x", "status": "odd"}, "set_status: no person 'x'"),
        ({"op": "save", "path": "x"}, "unknown op 'save'"),
    ],
)
def test_nonsense_is_refused(simulator: Simulator, operation: dict[str, Any], text: str) -> None:
    answer = change(simulator, operation)
    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_a_body_that_is_not_json(simulator: Simulator) -> None:
    assert httpx.post(f"{simulator.url}/_control/world", content=b"{").status_code == 400


def test_requests_are_counted_by_route_and_tokens_apart(simulator: Simulator) -> None:
    users = "/admin/directory/v1/users"
    with client(simulator) as http:
        http.get(f"{users}?customer=my_customer")
        http.get(f"{users}/x")
        http.get(f"{users}/y")
        http.get("/elsewhere")
    counted = httpx.get(f"{simulator.url}/_control/requests").json()
    api = {f"GET {users}": 1, f"GET {users}/{{userKey}}": 2, "GET (no such route)": 1}
    assert counted == {"api": api, "token": {"POST /token": 1}}
    assert (simulator.requests, simulator.token_requests) == (api, {"POST /token": 1})
    httpx.post(f"{simulator.url}/_control/reset-counters").raise_for_status()
    assert httpx.get(f"{simulator.url}/_control/requests").json() == {"api": {}, "token": {}}


def test_the_summary(simulator: Simulator) -> None:
    change(simulator, {"op": "suspend", "person": next(iter(simulator.world.people))})
    found = httpx.get(f"{simulator.url}/_control/world").json()
    assert (found["kind"], found["people"], found["statuses"]) == ("google", 10, {"suspended": 1, "active": 9})
    assert found["groups"]["Rosterd Admins"] == 2


def test_access_can_be_taken_away_and_given(simulator: Simulator) -> None:
    scope = "https://www.googleapis.com/auth/admin.directory.user.readonly"
    with client(simulator) as http:
        change(simulator, {"op": "revoke_tokens"}, {"op": "revoke_grant", "name": scope}).raise_for_status()
        assert http.get("/admin/directory/v1/users?customer=my_customer").status_code == 401
    with pytest.raises(httpx.HTTPStatusError), client(simulator):
        pass
    change(simulator, {"op": "grant", "name": scope}).raise_for_status()
    with client(simulator) as http:
        assert http.get("/admin/directory/v1/users?customer=my_customer").status_code == 200


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 403)])
def test_the_door_answers_loopback_only(simulator: Simulator, address: str, status: int) -> None:
    async def knock() -> int:
        app = simulator.vendor.starlette(*control.routes(simulator.vendor))
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as http:
            return (await http.get("/_control/world")).status_code

    assert asyncio.run(knock()) == status
