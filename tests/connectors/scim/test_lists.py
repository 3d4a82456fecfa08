"""Lists and searches through the listener (RFC 7644 §3.4.2, §3.4.3; RFC 9865), to the letter and leniently alike."""

from typing import Any

import pytest

from connectors.scim.schema import ENTERPRISE, USER
from tests.connectors.scim.client import Answer, Client, person

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@pytest.fixture(params=[False, True], ids=["lenient", "strict"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(strict=request.param)


def several(client: Client, *names: str) -> list[str]:
    return [client.user(name) for name in names or ("ada", "bob", "eve", "dan", "kim")]


def search(client: Client, target: str, **asked: Any) -> Answer:
    return client.post(target, {"schemas": [SEARCH], **asked})


def test_an_empty_list_has_resources_and_numbers(client: Client) -> None:
    """E14, O3, E23: `Resources: []`, and JSON integers."""
    assert client.get('/Users?filter=userName eq "d5b1"&startIndex=1&count=100').json == {
        "schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
    }  # fmt: skip


@pytest.mark.parametrize(("query", "page", "start"), [
    ("", [0, 1, 2, 3, 4], 1),
    ("startIndex=2&count=2", [1, 2], 2),
    ("startIndex=5&count=100", [4], 5),
    ("startIndex=6", [], 6),
    ("startIndex=0", [0, 1, 2, 3, 4], 1),  # < 1 is 1
    ("startIndex=-7&count=1", [0], 1),
    ("count=0", [], 1),  # the total alone
    ("count=-3", [], 1),  # negative is 0
    ("count=5000", [0, 1, 2, 3, 4], 1),
    ("startIndex=99999999999999999999999&count=1", [], 2**53),
])  # fmt: skip
def test_paging_by_index(client: Client, query: str, page: list[int], start: int) -> None:
    ids = several(client)
    answer = client.get(f"/Users?{query}")
    assert answer.ids == [ids[each] for each in page]
    assert (answer.json["totalResults"], answer.json["itemsPerPage"]) == (5, len(page))
    assert answer.json["startIndex"] == start


@pytest.mark.parametrize("query", [
    "count=x", "count=1_0", "count=١", "startIndex=1.5", "startIndex=x", "count=" + "9" * 5000,
    "sortBy=userName&sortOrder=upwards",
])  # fmt: skip
def test_parameters_that_mean_nothing(client: Client, query: str) -> None:
    answer = client.get(f"/Users?{query}")
    assert (answer.status, answer.scim_type) == (400, "invalidValue")


def test_pages_are_bounded(client: Client) -> None:
    several(client, *(f"user{number}" for number in range(130)))
    assert len(client.get("/Users").ids) == 100
    assert len(client.get("/Users?count=1000").ids) == len(client.get("/Users?count=999999").ids) == 130


# -- cursors ----------------------------------------------------------------------------------------------------------


def test_paging_by_cursor(client: Client) -> None:
    ids = several(client)
    pages = [client.get("/Users?cursor=&count=2")]
    while (following := pages[-1].json.get("nextCursor")) is not None:
        pages.append(client.get(f"/Users?cursor={following}&count=2"))
    assert [page.ids for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    assert {page.json["totalResults"] for page in pages} == {5}
    assert not any("startIndex" in page.json for page in pages)


@pytest.mark.parametrize(("query", "scim_type"), [
    ("cursor=nonsense", "invalidCursor"), ("cursor=@99", "invalidCursor"), ("cursor=&count=x", "invalidCount"),
])  # fmt: skip
def test_cursors_that_are_none(client: Client, query: str, scim_type: str) -> None:
    several(client)
    assert client.get(f"/Users?{query}").scim_type == scim_type


def test_count_0_by_cursor_is_the_total_alone(client: Client) -> None:
    several(client)
    answer = client.get("/Users?cursor=&count=0")
    assert (answer.ids, answer.json["totalResults"], "nextCursor" in answer.json) == ([], 5, False)


def test_two_ways_of_paging_at_once_are_refused_to_the_letter() -> None:
    assert Client(strict=True).get("/Users?cursor=&startIndex=1").scim_type == "invalidValue"
    assert Client().get("/Users?cursor=&startIndex=1").status == 200


# -- filters and orders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("filter", "names"), [
    ('userName eq "ADA@acme.com"', ["ada"]),  # not caseExact (E17)
    ('userName eq "bjensen@acme.com"', []),
    ('externalId eq "701984"', ["ada"]),
    ('externalId eq "701984" and active eq true', ["ada"]),
    ('emails[type eq "work" and value co "@acme"]', ["ada", "bob"]),
    (f'{USER}:userName sw "b"', ["bob"]),
    (f'{ENTERPRISE}:department eq "R&D"', ["bob"]),
    ('not (userName sw "a")', ["bob"]),
    ('userName sw "x" or userName sw "a" and active pr', ["ada"]),
    ('meta.resourceType eq "User"', ["ada", "bob"]),
    ("title pr", []),
])  # fmt: skip
def test_filters(client: Client, filter: str, names: list[str]) -> None:  # noqa: A002
    client.user("ada", externalId="701984", active=True, emails=[{"value": "ada@acme.com", "type": "work"}])
    more: dict[str, Any] = {ENTERPRISE: {"department": "R&D"}}
    client.user("bob", emails=[{"value": "bob@acme.com", "type": "work"}], **more)
    by_get = client.ask("GET", "/Users?filter=" + filter.replace("&", "%26"))
    assert by_get.names == [f"{name}@acme.com" for name in names]
    assert search(client, "/Users/.search", filter=filter).ids == by_get.ids


def test_references_by_id(client: Client) -> None:
    """E12: `members eq` and `manager eq` compare the value."""
    bob = client.user("bob")
    more: dict[str, Any] = {ENTERPRISE: {"manager": {"value": bob}}}
    ada = client.user("ada", **more)
    eng = client.group("Eng", ada)
    manager = f"{ENTERPRISE}:manager" if client.strict else "manager"
    if client.strict:
        manager += ".value"
    assert client.get(f'/Users?filter=id eq "{ada}" and {manager} eq "{bob}"&attributes=id').ids == [ada]
    assert client.get(f'/Groups?filter=id eq "{eng}" and members eq "{ada}"&attributes=id').ids == [eng]
    assert client.get(f'/Groups?filter=id eq "{eng}" and members.value eq "{bob}"').ids == []


@pytest.mark.parametrize("filter", ["userName", 'userName xx "a"', "userName eq", "(userName pr", 'active co "t"'])
def test_filters_that_are_none(client: Client, filter: str) -> None:  # noqa: A002
    for answer in (client.get(f"/Users?filter={filter}"), search(client, "/.search", filter=filter)):
        assert (answer.status, answer.scim_type) == (400, "invalidFilter")


def test_sorting(client: Client) -> None:
    client.user("bob", title="A")
    client.user("ada", title="b")
    client.user("eve")
    assert client.get("/Users?sortBy=userName").names == ["ada@acme.com", "bob@acme.com", "eve@acme.com"]
    assert client.get("/Users?sortBy=title").names == ["bob@acme.com", "ada@acme.com", "eve@acme.com"]
    assert client.get("/Users?sortBy=title&sortOrder=descending").names[:2] == ["ada@acme.com", "bob@acme.com"]
    assert client.get("/Users?sortBy=nothing").scim_type == "invalidPath"


def test_sort_order_in_any_case_unless_strict() -> None:
    assert Client().get("/Users?sortBy=userName&SORTORDER=Descending").status == 200
    assert Client(strict=True).get("/Users?sortBy=userName&sortOrder=Descending").status == 400


def test_the_order_is_that_of_creation(client: Client) -> None:
    """O11: stable, whatever changes."""
    ids = several(client)
    client.put(f"/Users/{ids[0]}", person("ada", title="x"))
    assert client.get("/Users").ids == ids


# -- searches ---------------------------------------------------------------------------------------------------------


def test_search_is_a_list_told_in_a_body(client: Client) -> None:
    ids = several(client)
    asked = {"filter": "userName pr", "startIndex": 2, "count": 2, "attributes": ["userName"], "sortBy": "id"}
    answer = search(client, "/Users/.search", **asked)
    assert (answer.status, answer.ids, answer.changed) == (200, ids[1:3], False)
    assert set(answer.json["Resources"][0]) == {"schemas", "id", "userName"}
    pages = search(client, "/Users/.search", cursor="", count=3)
    assert search(client, "/Users/.search", cursor=pages.json["nextCursor"], count=3).ids == ids[3:]


@pytest.mark.parametrize("asked", [
    {"count": True}, {"count": 1.5}, {"count": []}, {"filter": 1}, {"attributes": [1]}, {"attributes": {"a": 1}},
    {"sortBy": []}, {"cursor": 1, "count": 1},
])  # fmt: skip
def test_search_requests_that_mean_nothing(client: Client, asked: dict[str, Any]) -> None:
    assert search(client, "/Users/.search", **asked).scim_type == "invalidValue"


def test_to_the_letter_a_search_request_names_its_schema() -> None:
    assert Client(strict=True).post("/.search", {"count": 1}).scim_type == "invalidSyntax"
    assert Client().post("/.search", {"COUNT": 0}).json["itemsPerPage"] == 0


# -- the root ---------------------------------------------------------------------------------------------------------


def test_the_root_lists_users_and_then_groups(client: Client) -> None:
    users = several(client)
    groups = [client.group("Eng"), client.group("Ops")]
    assert client.get("/").ids == [*users, *groups]
    for start in range(1, 9):
        page = search(client, "/.search", startIndex=start, count=3)
        assert page.ids == [*users, *groups][start - 1 : start + 2]
        assert page.json["totalResults"] == 7
    assert client.get("/?count=0").json["totalResults"] == 7


def test_the_root_by_cursor(client: Client) -> None:
    everything = [*several(client), client.group("Eng"), client.group("Ops")]
    pages = [client.get("/?cursor=&count=2")]
    while (following := pages[-1].json.get("nextCursor")) is not None:
        pages.append(client.get(f"/?cursor={following}&count=2"))
    assert [each for page in pages for each in page.ids] == everything
    assert {page.json["totalResults"] for page in pages} == {7}
    assert client.get("/?cursor=Role:").scim_type == client.get("/?cursor=User").scim_type == "invalidCursor"


@pytest.mark.parametrize(("filter", "names"), [
    ('userName eq "ada@acme.com"', ["ada@acme.com"]),
    ('displayName eq "Eng"', ["Eng"]),
    ('userName sw "a" or displayName eq "Eng"', ["ada@acme.com", "Eng"]),
    ('meta.resourceType eq "Group"', ["Eng"]),
])  # fmt: skip
def test_at_the_root_what_a_kind_lacks_holds_for_none(client: Client, filter: str, names: list[str]) -> None:  # noqa: A002
    """RFC 7644 §3.4.2.1."""
    client.user("ada")
    client.group("Eng")
    assert client.get(f"/?filter={filter}").names == names
    assert client.get("/?sortBy=userName").names == ["ada@acme.com", "Eng"]
