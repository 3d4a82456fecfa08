"""One membership asked for by id, as each vendor answers it: direct ones only, whatever a listing leaves out."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.clients import GOOGLE, client


def in_okta(http: httpx.Client, group: str, member: str) -> bool:
    return group in [found["id"] for found in http.get(f"/api/v1/users/{member}/groups").raise_for_status().json()]


def in_entra(http: httpx.Client, group: str, member: str) -> bool:
    path = f"/v1.0/groups/{group}/members?$select=id&$filter=id eq '{member}'"
    return [member] == [found["id"] for found in http.get(path).raise_for_status().json()["value"]]


def in_google(http: httpx.Client, group: str, member: str) -> bool:
    answer = http.get(f"{GOOGLE}/groups/{group}/members/{member}")
    if answer.status_code == 404:
        assert answer.json()["error"]["message"] == "Resource Not Found: memberKey"
        return False
    return bool(answer.raise_for_status().json()["id"] == member)


ASK: dict[Kind, Callable[[httpx.Client, str, str], bool]] = {"okta": in_okta, "entra": in_entra, "google": in_google}


@dataclass
class Placed:
    """Ada is in Eng, Bob only in Core; where groups nest, Core is in Eng."""

    kind: Kind
    world: World
    eng: str
    ada: str
    bob: str
    core: str


@pytest.fixture(params=KINDS)
def placed(request: pytest.FixtureRequest) -> Placed:
    world = World(request.param)
    ada, bob = world.hire("Ada"), world.hire("Bob")
    core, eng = world.add_group("Core"), world.add_group("Eng")
    world.join(eng.id, ada.id)
    world.join(core.id, bob.id)
    if request.param != "okta":
        world.join(eng.id, core.id)
    return Placed(request.param, world, eng.id, ada.id, bob.id, core.id)


@pytest.mark.parametrize("fault", ["", "half_members", "group_members_empty"])
def test_direct_members_are_in_and_others_are_not(placed: Placed, fault: str) -> None:
    with Simulator(placed.kind, placed.world) as simulator, client(simulator) as http:
        if fault:
            simulator.fault(fault)
        ask = ASK[placed.kind]
        assert ask(http, placed.eng, placed.ada)
        assert not ask(http, placed.eng, placed.bob)
        assert placed.kind == "okta" or ask(http, placed.eng, placed.core)
        placed.world.leave(placed.eng, placed.ada)
        assert not ask(http, placed.eng, placed.ada)


def test_a_group_that_is_not_there_is_named_by_its_parameter() -> None:
    world = World("google")
    ada = world.hire("Ada")
    with Simulator("google", world) as simulator, client(simulator) as http:
        answer = http.get(f"{GOOGLE}/groups/nothing/members/{ada.id}")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Resource Not Found: groupKey")


def test_graph_finds_members_by_id_and_by_nothing_else() -> None:
    world = World("entra")
    eng, ada = world.add_group("Eng"), world.hire("Ada")
    world.join(eng.id, ada.id)
    with Simulator("entra", world) as simulator, client(simulator) as http:
        answer = http.get(f"/v1.0/groups/{eng.id}/members?$filter=department eq 'x'")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
