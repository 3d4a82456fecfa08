"""Graph's delta queries as delta-query-overview describes them, and the ways in which they go wrong (facts §4.1)."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.entra_objects import GROUP, USER
from tests.simulators.clients import client
from tests.simulators.specs import graph_problems

USERS = "/v1.0/users/delta?$select=id,displayName,accountEnabled"
GROUPS = "/v1.0/groups/delta?$select=displayName,members"
LATEST = "&$deltatoken=latest"


@contextmanager
def tenant(*people: str, groups: tuple[str, ...] = ()) -> Iterator[tuple[World, httpx.Client]]:
    world = World("entra")
    for name in people:
        world.hire(name)
    for name in groups:
        world.add_group(name)
    with Simulator("entra", world) as simulator, client(simulator) as http:
        yield world, http


def pages(http: httpx.Client, url: str, **headers: str) -> tuple[list[list[dict[str, Any]]], str]:
    """The items on every page of a round, and the delta link at its end."""
    found: list[list[dict[str, Any]]] = []
    while True:
        body = http.get(url, headers=headers).raise_for_status().json()
        found.append(body["value"])
        if "@odata.deltaLink" in body:
            assert "@odata.nextLink" not in body
            return found, body["@odata.deltaLink"]
        url = body["@odata.nextLink"]


def round_(http: httpx.Client, url: str, **headers: str) -> tuple[list[dict[str, Any]], str]:
    found, link = pages(http, url, **headers)
    return [item for page in found for item in page], link


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def person(world: World, name: str) -> str:
    return world.person(f"{name}@example.com").id


# -- users --------------------------------------------------------------------------------------------------------


def test_an_initial_round_shows_everybody_then_only_changes() -> None:
    with tenant(*(f"p{n}" for n in range(450))) as (world, http):
        found, link = pages(http, USERS)
        assert [len(page) for page in found] == [200, 200, 50]
        assert [item["id"] for page in found for item in page] == list(world.people)
        assert round_(http, link)[0] == []
        world.rename(person(world, "p3"), given_name="Ada")
        world.suspend(person(world, "p4"))
        changed, link = round_(http, link)
        assert changed == [
            {"id": person(world, "p3"), "displayName": "Ada", "accountEnabled": True},
            {"id": person(world, "p4"), "displayName": "p4", "accountEnabled": False},
        ]
        assert round_(http, link)[0] == []


@pytest.mark.parametrize("form", ["delta", "delta()", "microsoft.graph.delta()"])
@pytest.mark.parametrize("collection", ["users", "groups"])
def test_every_form_of_the_function_has_the_same_rounds(collection: str, form: str) -> None:
    with tenant("ada", groups=("Design",)) as (_, http):
        items, link = round_(http, f"/v1.0/{collection}/{form}")
        assert (len(items), link.partition("?")[0].endswith(f"/v1.0/{collection}/{form}")) == (1, True)
        assert round_(http, link)[0] == []


@pytest.mark.parametrize("word", ["$deltatoken=latest", "$deltaToken=latest", "$deltaToken=LATEST"])
def test_from_now_on(word: str) -> None:
    with tenant("ada") as (world, http):
        items, link = round_(http, f"{USERS}&{word}")
        assert items == []
        ben = world.hire("ben").id
        assert [item["id"] for item in round_(http, link.replace("$deltatoken", "$deltaToken"))[0]] == [ben]


def test_only_selected_properties_trigger() -> None:
    with tenant("ada", "ben") as (world, http):
        _, link = round_(http, "/v1.0/users/delta?$select=displayName" + LATEST)
        world.suspend(person(world, "ada"))
        world.rename(person(world, "ben"), title="Poet")
        items, link = round_(http, link)
        assert items == []
        world.rename(person(world, "ben"), family_name="Ames")
        assert [item["displayName"] for item in round_(http, link)[0]] == ["ben Ames"]


def test_changes_that_change_nothing_are_none() -> None:
    with tenant("ada") as (world, http):
        _, link = round_(http, USERS + LATEST)
        world.rename(person(world, "ada"), given_name="ada")
        world.suspend(person(world, "ada"))
        world.resume(person(world, "ada"))
        assert [item["accountEnabled"] for item in round_(http, link)[0]] == [True]  # folded: as they are now


def test_removed_restored_and_gone_for_good() -> None:
    with tenant("ada", "ben") as (world, http):
        ada, ben = person(world, "ada"), person(world, "ben")
        _, link = round_(http, USERS + LATEST)
        world.delete(ada)
        items, link = round_(http, link)
        assert items == [{"id": ada, "@removed": {"reason": "changed"}}]
        assert round_(http, USERS)[0][0] == items[0]  # it can be in an initial round too
        world.resume(ada)
        world.purge(ben)
        items, link = round_(http, link)
        assert items == [
            {"id": ada, "displayName": "ada", "accountEnabled": True},
            {"id": ben, "@removed": {"reason": "deleted"}},
        ]


def test_what_was_never_set_is_left_out_and_what_was_cleared_is_null() -> None:
    with tenant("ada") as (world, http):
        ada = person(world, "ada")
        select = "/v1.0/users/delta?$select=jobTitle,department"
        items, link = round_(http, select)
        assert items == [{"id": ada}]
        world.rename(ada, title="Poet")
        items, link = round_(http, link)
        assert items == [{"id": ada, "jobTitle": "Poet"}]
        world.rename(ada, title="")
        assert round_(http, link)[0] == [{"id": ada, "jobTitle": None}]


def test_extensions_are_followed() -> None:
    with tenant("ada") as (world, http):
        ada = person(world, "ada")
        with Simulator("entra", world) as entra:
            name = f"extension_{entra.credentials['client_id'].replace('-', '')}_jamie_role"
        _, link = round_(http, f"/v1.0/users/delta?$select={name},onPremisesExtensionAttributes{LATEST}")
        world.set_attribute(ada, "jamie_role", "admin")
        items, link = round_(http, link)
        assert items[0][name] == "admin"
        world.set_attribute(ada, "jamie_role", None)
        items, link = round_(http, link)
        assert (name in items[0], items[0][name]) == (True, None)
        world.set_attribute(ada, "extensionAttribute1", "blue")
        assert round_(http, link)[0][0]["onPremisesExtensionAttributes"]["extensionAttribute1"] == "blue"


def test_only_what_changed_when_that_is_preferred() -> None:
    with tenant("ada") as (world, http):
        ada = person(world, "ada")
        _, link = round_(http, USERS + LATEST)
        world.suspend(ada)
        minimal = {"prefer": "return=minimal"}
        assert round_(http, link, **minimal)[0] == [{"id": ada, "accountEnabled": False}]
        assert http.get(link, headers=minimal).headers["preference-applied"] == "return=minimal"
        assert round_(http, link)[0] == [{"id": ada, "displayName": "ada", "accountEnabled": False}]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/users/delta?$top=5", 400, "Request_UnsupportedQuery"),
        ("/users/delta?$expand=manager", 400, "Request_UnsupportedQuery"),
        ("/users/delta?$orderby=displayName", 400, "Request_UnsupportedQuery"),
        ("/users/delta?$filter=displayName eq 'x'", 400, "Request_UnsupportedQuery"),
        ("/groups/delta?$filter=" + " or ".join(["id eq 'x'"] * 51), 400, "Request_UnsupportedQuery"),
        ("/users/delta?$select=shoeSize", 400, "Request_BadRequest"),
        ("/users/delta?$select=skills", 501, "NotImplemented"),
        ("/users/delta?pageSize=5", 400, "Request_BadRequest"),
        ("/users/delta?$deltatoken=nonsense", 400, "Request_BadRequest"),
        ("/users/delta?$skiptoken=nonsense", 400, "Request_BadRequest"),
        ("/groups/delta?$expand=members", 400, "Request_UnsupportedQuery"),
    ],
)
def test_requests_that_delta_refuses(path: str, status: int, word: str) -> None:
    with tenant("ada") as (_, http):
        assert code(http.get(f"/v1.0{path}")) == (status, word)


def test_a_token_belongs_to_its_query() -> None:
    with tenant("ada") as (_, http):
        token = round_(http, USERS)[1].partition("=")[2]
        assert code(http.get(f"/v1.0/groups/delta?$deltatoken={token}"))[1] == "Request_BadRequest"
        assert code(http.get(f"/v1.0/users/delta?$skiptoken={token}"))[1] == "Request_BadRequest"
        other = http.get(f"/v1.0/users/delta?$select=mail&$deltatoken={token}")
        assert code(other)[1] == "Request_BadRequest"
        assert round_(http, f"/v1.0/users/delta?$deltatoken={token}")[0] == []


def test_a_token_lives_for_seven_days() -> None:
    with tenant("ada") as (world, http):
        _, link = round_(http, USERS)
        day = world.now
        world.clock = lambda: day + dt.timedelta(days=6, hours=23)
        assert http.get(link).status_code == 200
        world.clock = lambda: day + dt.timedelta(days=7, seconds=1)
        assert code(http.get(link)) == (400, "syncStateNotFound")


def test_a_token_that_the_journal_does_not_reach_back_to() -> None:
    with tenant("ada") as (world, http):
        _, link = round_(http, USERS)
        world.hire("ben")
        world.journal.forget()
        assert code(http.get(link)) == (400, "syncStateNotFound")


def test_a_token_of_another_tenant_like_this_one() -> None:
    with tenant("ada") as (_, http):
        path = httpx.URL(round_(http, USERS)[1]).raw_path.decode()
    with tenant("ada") as (_, http):
        assert code(http.get(path)) == (400, "syncStateNotFound")


def test_a_saved_world_still_knows_its_tokens(tmp_path: Path) -> None:
    with tenant("ada") as (world, http):
        path = httpx.URL(round_(http, USERS)[1]).raw_path.decode()
        ben = world.hire("ben").id
        world.save(tmp_path / "world.json")
    with Simulator("entra", World.load(tmp_path / "world.json")) as entra, client(entra) as http:
        assert [item["id"] for item in round_(http, path)[0]] == [ben]


def test_delta_needs_the_permission_of_the_listing() -> None:
    with Simulator("entra", World.generate("entra", 3, 1)) as entra, client(entra) as http:
        entra.vendor.granted.clear()
        for path in (USERS, GROUPS):
            assert code(http.get(path)) == (403, "Authorization_RequestDenied")


# -- groups -------------------------------------------------------------------------------------------------------


def joined(*ids: str, kind: str = USER) -> list[dict[str, Any]]:
    return [{"@odata.type": f"#{kind}", "id": i} for i in ids]


def left(*ids: str, kind: str = USER) -> list[dict[str, Any]]:
    return [{**member, "@removed": {"reason": "deleted"}} for member in joined(*ids, kind=kind)]


def test_groups_come_with_their_members_and_later_with_who_joined_and_left() -> None:
    with tenant("ada", "ben", groups=("Design", "Studio")) as (world, http):
        ada, ben = world.people
        design, studio = world.groups
        world.join(design, ada)
        world.join(design, studio)
        items, link = round_(http, GROUPS)
        assert items == [
            {"id": design, "displayName": "Design", "members@delta": joined(ada) + joined(studio, kind=GROUP)},
            {"id": studio, "displayName": "Studio"},
        ]
        world.join(studio, ben)
        world.leave(design, ada)
        world.leave(design, studio)
        items, link = round_(http, link)
        assert items == [
            {"id": studio, "displayName": "Studio", "members@delta": joined(ben)},
            {"id": design, "displayName": "Design", "members@delta": left(ada) + left(studio, kind=GROUP)},
        ]
        world.delete_group(studio)
        world.rename_group(design, "Product")
        items, _ = round_(http, link)
        assert items == [
            {"id": studio, "@removed": {"reason": "deleted"}}, {"id": design, "displayName": "Product"}]  # fmt: skip


def test_members_do_not_trigger_where_they_are_not_selected() -> None:
    with tenant("ada", groups=("Design",)) as (world, http):
        _, link = round_(http, "/v1.0/groups/delta?$select=displayName" + LATEST)
        (ada,), (design,) = world.people, world.groups
        world.join(design, ada)
        assert round_(http, link)[0] == []
        assert "members@delta" in round_(http, "/v1.0/groups/delta")[0][0]  # without $select they are


def test_deleting_a_user_does_not_show_in_their_groups() -> None:
    with tenant("ada", "ben", groups=("Design",)) as (world, http):
        (ada, ben), (design,) = world.people, world.groups
        for member in (ada, ben):
            world.join(design, member)
        _, link = round_(http, GROUPS + LATEST)
        world.delete(ada)
        world.purge(ben)
        assert world.groups[design].members == {}
        assert round_(http, link)[0] == []


def test_a_large_group_comes_again_on_page_after_page() -> None:
    with tenant(*(f"p{n}" for n in range(1203)), groups=("Small", "Large", "Other")) as (world, http):
        small, large, other = world.groups
        _, link = round_(http, GROUPS + LATEST)
        for member in world.people:
            world.join(large, member)
        world.join(small, next(iter(world.people)))
        world.join(other, next(iter(world.people)))
        for url in (GROUPS, link):
            found, _ = pages(http, url)
            sizes = [[len(item["members@delta"]) for item in page] for page in found]
            assert max(sum(page) for page in sizes) <= 500
            parts = [item for page in found for item in page if item["id"] == large]
            assert {part["displayName"] for part in parts} == {"Large"}
            assert len(parts) == 3
            assert [member["id"] for part in parts for member in part["members@delta"]] == list(world.people)
            assert {item["id"] for page in found for item in page} == {small, large, other}


@pytest.mark.parametrize("collection", ["users", "groups"])
def test_a_filter_by_ids(collection: str) -> None:
    with tenant("ada", "ben", "cid", groups=("A", "B", "C")) as (world, http):
        first, second, third = world.people if collection == "users" else world.groups
        asked = f"/v1.0/{collection}/delta?$filter=id eq '{first}' or id eq '{third}'"
        items, link = round_(http, asked)
        assert [item["id"] for item in items] == [first, third]
        change = world.delete if collection == "users" else world.delete_group
        change(second)
        change(third)
        assert [item["id"] for item in round_(http, link)[0]] == [third]


def test_answers_are_what_the_metadata_describes() -> None:
    with Simulator("entra", World.generate("entra", 30, 6)) as entra, client(entra) as http:
        for path, kind in (("/v1.0/users/delta", USER), ("/v1.0/groups/delta", GROUP)):
            answer = http.get(path)
            assert answer.json()["@odata.context"].endswith(f"$metadata#{path.split('/')[2]}")
            assert answer.headers["x-ms-resource-unit"] == "1"
            for item in answer.json()["value"]:
                plain = {name: value for name, value in item.items() if name != "members@delta"}
                assert graph_problems(plain, kind) == []
                assert None not in plain.values()
                for member in item.get("members@delta", ()):
                    assert set(member) == {"@odata.type", "id"}


# -- faults -------------------------------------------------------------------------------------------------------


@contextmanager
def broken(name: str) -> Iterator[tuple[Simulator, httpx.Client, str]]:
    """A tenant, and a delta link from before the fault."""
    with Simulator("entra", World.generate("entra", 9, 3)) as entra, client(entra) as http:
        _, link = round_(http, USERS)
        entra.fault(name)
        yield entra, http, link


def test_the_state_is_gone_with_a_place_to_begin_again() -> None:
    with broken("delta_410") as (entra, http, link):
        refused = http.get(link)
        assert refused.status_code == 410
        location = refused.headers["location"]
        assert location == f"{entra.url}/v1.0/users/delta?$select=id,displayName,accountEnabled&$deltatoken="
        assert len(round_(http, location)[0]) == 9
        assert round_(http, USERS + LATEST)[0] == []


def test_the_state_is_not_found() -> None:
    with broken("delta_state_not_found") as (_, http, link):
        assert code(http.get(link)) == (400, "syncStateNotFound")
        assert len(round_(http, USERS)[0]) == 9


def test_a_round_never_ends() -> None:
    with broken("delta_loop") as (entra, http, link):
        seen = [link]
        for _ in range(10):
            body = http.get(seen[-1]).raise_for_status().json()
            assert "@odata.deltaLink" not in body
            seen.append(body["@odata.nextLink"])
        assert len(set(seen)) == 11
        assert round_(http, USERS + LATEST)[0] == []
        entra.no_fault()
        assert code(http.get(seen[-1])) == (400, "Request_BadRequest")


def test_a_round_brings_everything_again() -> None:
    with broken("delta_replay") as (entra, http, link):
        first, second, third, *_ = entra.world.people
        entra.world.delete(first)
        entra.world.suspend(second)
        _, later = round_(http, link)
        entra.world.suspend(third)
        assert [item["id"] for item in round_(http, later)[0]] == [first, first, second, second, third, third]
        entra.no_fault()
        assert [item["id"] for item in round_(http, later)[0]] == [third]


@pytest.mark.parametrize("name", ["empty_page", "missing_next", "repeated_token", "expired_page_token"])
def test_faults_of_listings_are_faults_of_rounds(name: str) -> None:
    with broken(name) as (entra, http, link):
        for each in list(entra.world.people):
            entra.world.rename(each, family_name="New")
        for url in (USERS, link):
            entra.no_fault()
            entra.fault(name)
            first = http.get(url).json()
            second = http.get(first["@odata.nextLink"])
            found = second.json()
            if name == "empty_page":
                assert found["value"] == []
                assert len(round_(http, url)[0]) == 9
            elif name == "missing_next":
                assert not {"@odata.nextLink", "@odata.deltaLink"} & set(found)
            elif name == "repeated_token":
                assert http.get(found["@odata.nextLink"]).json() == found
            else:
                assert code(second) == (400, "Directory_ExpiredPageToken")
