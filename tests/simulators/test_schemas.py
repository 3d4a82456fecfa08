"""Every kind of answer held against the vendor's own description, both ways: nothing wrong, nothing undocumented.

Where reality differs from the description, by the fact sheet, it says so here (`DEVIATIONS`).
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.entra_objects import ELSEWHERE, GROUP, USER, known
from rosterd.simulators.google_fields import NAMES
from rosterd.simulators.world import STATUSES, Kind
from tests.simulators.clients import GOOGLE, client
from tests.simulators.specs import (
    google_document,
    google_problems,
    graph_problems,
    graph_properties,
    okta_problems,
)

# What the simulators send although the description does not have it, and the section of the fact sheet.
DEVIATIONS = {
    "okta": {
        "'ACTIVATING' is not one of": "§2: the status is described in prose but missing from the enumeration",
        "'' should be non-empty": "§8: firstName may be empty although minLength is 1",
    },
}


def busy_world(kind: Kind) -> World:
    """Somebody of every status, a guest, a manager, custom attributes, a nested group, and everybody as a member."""
    world = World.generate(kind, 60, 16)
    people = list(world.people.values())
    boss = world.hire("Grace", "Hopper", title="Admiral")
    world.hire("Ada", "Lovelace", manager=boss.id, guest=True, attributes={"jamie_role": "admin"})
    for person, status in zip(people, ("suspended", "archived", "staged", "provisioned", "recovery", "locked_out",
                                       "password_expired", "deprovisioned", "deleted"), strict=False):  # fmt: skip
        if person is not people[0] and status in STATUSES[kind]:
            world.set_status(person.id, status)
    if kind == "google":
        world.join("Sales", world.tenant)
        world.rename(people[20].id, email=f"renamed@{world.domain}")
    return world


@pytest.fixture(scope="module", params=["okta", "entra", "google"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Simulator, httpx.Client]]:
    with Simulator(request.param, busy_world(request.param)) as simulator, client(simulator) as http:
        yield simulator, http


def get(http: httpx.Client, path: str) -> Any:
    return http.get(path).raise_for_status().json()


def problems(http: httpx.Client, simulator: Simulator) -> Iterator[str]:
    """Everything that a connector may read, checked."""
    group = simulator.world.group("Product").id
    person = simulator.world.person(f"ada.lovelace@{simulator.world.domain}").id
    yield from {"okta": _okta, "entra": _entra, "google": _google}[simulator.kind](http, group, person)


def _okta(http: httpx.Client, group: str, person: str) -> Iterator[str]:
    everybody = get(http, "/api/v1/users?search=status pr")
    assert {"ACTIVE", "SUSPENDED", "STAGED", "LOCKED_OUT", "DEPROVISIONED"} <= {user["status"] for user in everybody}
    yield from okta_problems(everybody, "User")
    yield from okta_problems(get(http, "/api/v1/users?fields=status,profile:(login)"), "User")
    yield from okta_problems(get(http, f"/api/v1/users/{person}"), "UserGetSingleton")
    yield from okta_problems(get(http, "/api/v1/groups"), "Group")
    yield from okta_problems(get(http, "/api/v1/groups?expand=stats"), "Group")
    yield from okta_problems(get(http, f"/api/v1/groups/{group}"), "Group")
    members = get(http, f"/api/v1/groups/{group}/users")
    yield from okta_problems(members, "User")
    of_one = get(http, f"/api/v1/users/{members[0]['id']}/groups")
    assert group in [shown["id"] for shown in of_one]
    yield from okta_problems(of_one, "Group")
    yield from okta_problems(get(http, "/api/v1/meta/schemas/user/default"), "UserSchema")
    for path in ("/api/v1/users/nobody", "/api/v1/users?limit=0", "/api/v1/groups?filter=x"):
        yield from okta_problems(http.get(path).json(), "Error")


def _entra(http: httpx.Client, group: str, person: str) -> Iterator[str]:
    everything = ",".join(sorted(known(USER)))
    for path in ("/users", f"/users?$select={everything}", "/directory/deletedItems/microsoft.graph.user",
                 f"/groups/{group}/members/microsoft.graph.user", "/users?$expand=manager"):  # fmt: skip
        for user in get(http, f"/v1.0{path}")["value"]:
            yield from graph_problems(user, USER)
    for item in get(http, "/v1.0/users?$expand=manager")["value"]:
        yield from graph_problems(item.get("manager", {}), USER)
    yield from graph_problems(get(http, f"/v1.0/users/{person}"), USER)
    for shown in get(http, f"/v1.0/groups?$select={','.join(sorted(known(GROUP)))}")["value"]:
        yield from graph_problems(shown, GROUP)
    yield from graph_problems(get(http, f"/v1.0/groups/{group}"), GROUP)
    members = get(http, f"/v1.0/groups/{group}/members")["value"]
    found = get(http, f"/v1.0/groups/{group}/members?$filter=id eq '{members[0]['id']}'")["value"]
    assert found == members[:1]
    for member in members:
        yield from graph_problems(member, member["@odata.type"].removeprefix("#"))


def _google(http: httpx.Client, group: str, person: str) -> Iterator[str]:
    whole = "customer=my_customer&projection=full&maxResults=500"
    yield from google_problems(get(http, f"{GOOGLE}/users?{whole}"), "Users")
    yield from google_problems(get(http, f"{GOOGLE}/users?{whole}&showDeleted=true"), "Users")
    yield from google_problems(get(http, f"{GOOGLE}/users/{person}?projection=full"), "User")
    yield from google_problems(get(http, f"{GOOGLE}/groups?customer=my_customer"), "Groups")
    yield from google_problems(get(http, f"{GOOGLE}/groups/{group}"), "Group")
    members = get(http, f"{GOOGLE}/groups/{group}/members")
    yield from google_problems(members, "Members")
    one = get(http, f"{GOOGLE}/groups/{group}/members/{members['members'][0]['id']}")
    assert one == members["members"][0]
    yield from google_problems(one, "Member")
    yield from google_problems(get(http, f"{GOOGLE}/groups/sales@example.com/members"), "Members")
    yield from google_problems(get(http, f"{GOOGLE}/customer/my_customer/schemas"), "Schemas")


def test_answers_are_what_the_vendor_describes(served: tuple[Simulator, httpx.Client]) -> None:
    simulator, http = served
    assert list(problems(http, simulator)) == []


def test_each_deviation_is_one_that_the_description_refuses() -> None:
    world = World("okta")
    world.hire("", "Mononym", email="mononym@example.com")
    world.hire("Ada", "Lovelace", status="activating")
    with Simulator("okta", world) as okta, client(okta) as http:
        found = okta_problems(get(http, "/api/v1/users"), "User")
    assert len(found) == 2
    assert all(any(known in problem for problem in found) for known in DEVIATIONS["okta"])


def test_graph_properties_are_those_of_the_metadata() -> None:
    for kind in (USER, GROUP):
        assert known(kind) | ELSEWHERE[kind] == set(graph_properties(kind))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_google_field_names_are_those_of_the_discovery_document(name: str) -> None:
    assert NAMES[name] == set(google_document()["schemas"][name]["properties"])


def test_the_checks_find_what_is_wrong() -> None:
    assert okta_problems({"id": 1, "status": "ON", "shoe": 43}, "User")[2] == "User.shoe is not documented"
    assert len(graph_problems({"id": None, "accountEnabled": "yes", "shoe": 43}, USER)) == 3
    assert len(google_problems({"id": 1, "suspended": "no", "shoe": 43}, "User")) == 3
