"""Bulk through the listener (RFC 7644 §3.7): references, circles, errors, limits."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.scim.schema import ENTERPRISE, USER
from connectors.scim.sequence import Sequence, Step, names_in
from reconciler.model import GroupGone, GroupsSeen, MembersSeen, UserGone, UsersSeen
from tests.connectors.scim.client import BASE, PATCH_OP, Answer, Client, op, person, team

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


@pytest.fixture(params=[False, True], ids=["lenient", "strict"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(strict=request.param)


def bulk(client: Client, *operations: dict[str, Any], **more: Any) -> Answer:
    return client.post("/Bulk", {"schemas": [BULK], "Operations": list(operations), **more})


def made(path: str, bulk_id: str, data: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def statuses(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [each["status"] for each in answer.json["Operations"]]


def place(answer: Answer, number: int) -> str:
    """The id of what an operation made."""
    return str(answer.json["Operations"][number]["location"]).rpartition("/")[2]


def test_operations_of_every_method(client: Client) -> None:
    """RFC 7644 §3.7.3, with its example's operations."""
    bob, eve = client.user("bob"), client.user("eve")
    patch = {"schemas": [PATCH_OP], "Operations": [op("replace", "title", "Boss")]}
    answer = bulk(
        client,
        made("/Users", "qwerty", person("alice")),
        {"method": "PUT", "path": f"/Users/{bob}", "version": 'W/"1"', "data": person("bob", title="x")},
        {"method": "PATCH", "path": f"/Users/{bob}", "version": 'W/"2"', "data": patch},
        {"method": "DELETE", "path": f"/Users/{eve}", "version": 'W/"1"'},
    )
    alice = place(answer, 0)
    assert answer.json == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": [
            {"location": f"{BASE}/Users/{alice}", "method": "POST", "bulkId": "qwerty", "version": 'W/"1"',
             "status": "201"},
            {"location": f"{BASE}/Users/{bob}", "method": "PUT", "version": 'W/"2"', "status": "200"},
            {"location": f"{BASE}/Users/{bob}", "method": "PATCH", "version": 'W/"3"', "status": "200"},
            {"location": f"{BASE}/Users/{eve}", "method": "DELETE", "status": "204"},
        ],
    }  # fmt: skip
    assert answer.changed
    assert [type(each) for each in answer.told] == [UsersSeen, UsersSeen, UsersSeen, UserGone]


def test_a_group_names_a_user_of_the_same_request(client: Client) -> None:
    """RFC 7644 §3.7.2; in whatever order."""
    answer = bulk(
        client,
        made("/Groups", "ytrewq", team("Tour Guides", "bulkId:qwerty")),
        made("/Users", "qwerty", person("alice")),
    )
    assert statuses(answer) == ["201", "201"]
    assert client.members(place(answer, 0)) == [place(answer, 1)]
    assert answer.leniencies == ()


def test_circles(client: Client) -> None:
    """RFC 7644 §3.7.1: groups that are members of each other; and managers of each other."""
    manager: dict[str, Any] = {ENTERPRISE: {"manager": {"value": "bulkId:b"}}}
    answer = bulk(
        client,
        made("/Groups", "one", team("One", "bulkId:two", "bulkId:a")),
        made("/Groups", "two", team("Two", "bulkId:one")),
        made("/Users", "a", person("ada", **manager)),
        made("/Users", "b", person("bob", **{ENTERPRISE: {"manager": {"value": "bulkId:a"}}})),
    )
    assert statuses(answer) == ["201"] * 4
    one, two, ada, bob = (place(answer, number) for number in range(4))
    assert set(client.members(one)) == {two, ada}
    assert client.members(two) == [one]
    assert client.get(f"/Users/{ada}").json[ENTERPRISE]["manager"]["value"] == bob
    assert client.get(f"/Users/{bob}").json[ENTERPRISE]["manager"]["value"] == ada
    assert answer.json["Operations"][0]["version"] == client.get(f"/Groups/{one}").headers["ETag"]


def test_a_circle_that_cannot_be_closed(client: Client) -> None:
    """What was to be a member is refused: so is the group, and nothing of it stays."""
    answer = bulk(
        client,
        made("/Groups", "one", team("One", "bulkId:two")),
        made("/Groups", "two", {**team("", "bulkId:one")}),
    )
    assert statuses(answer) == ["400", "400"]
    assert client.get("/Groups").json["totalResults"] == 0
    assert [type(each) for each in answer.told] == [GroupsSeen, GroupGone]


def test_paths_may_name_what_is_made(client: Client) -> None:
    patch = {"schemas": [PATCH_OP], "Operations": [op("add", "members", [{"value": "bulkId:u"}])]}
    answer = bulk(
        client,
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": patch},
        made("/Groups", "g", team("Eng")),
        made("/Users", "u", person("ada")),
    )
    assert statuses(answer) == ["204", "201", "201"]
    assert client.members(place(answer, 1)) == [place(answer, 2)]
    assert isinstance(answer.told[-1], MembersSeen)


def test_one_that_is_refused_does_not_undo_the_others(client: Client) -> None:
    client.user("ada")
    answer = bulk(
        client,
        made("/Users", "1", person("bob")),
        made("/Users", "2", person("ADA")),
        {"method": "DELETE", "path": "/Users/0"},
        made("/Groups", "3", team("Eng", "bulkId:2")),
        made("/Groups", "4", team("Ops", "bulkId:1")),
    )
    assert statuses(answer) == ["201", "409", "404", "400", "201"]
    refused = answer.json["Operations"][1]
    assert (refused["response"]["status"], refused["response"]["scimType"]) == ("409", "uniqueness")
    assert "location" not in refused
    assert answer.json["Operations"][2]["location"] == f"{BASE}/Users/0"
    assert client.get("/Users").names == ["ada@acme.com", "bob@acme.com"]
    assert client.get("/Groups").names == ["Ops"]


def test_fail_on_errors_stops(client: Client) -> None:
    """RFC 7644 §3.7.3: what was not tried has no answer."""
    gone = {"method": "DELETE", "path": "/Users/0"}
    bob = made("/Users", "1", person("bob"))
    assert statuses(bulk(client, gone, gone, bob, failOnErrors=1)) == ["404"]
    assert statuses(bulk(client, gone, gone, bob, failOnErrors=2)) == ["404", "404"]
    assert statuses(bulk(client, gone, gone, bob, failOnErrors=3)) == ["404", "404", "201"]
    assert statuses(bulk(client, gone, gone, bob)) == ["404", "404", "409"]


def test_a_request_that_changes_nothing_says_so(client: Client) -> None:
    assert not bulk(client, {"method": "DELETE", "path": "/Users/0"}).changed
    assert not bulk(client).changed


@pytest.mark.parametrize(("operation", "status"), [
    ({"method": "GET", "path": "/Users/0"}, "400"),
    ({"method": "POST", "path": "/Users/0", "bulkId": "1", "data": {}}, "400"),
    ({"method": "PUT", "path": "/Users", "data": {}}, "400"),
    ({"method": "POST", "path": "/Bulk", "bulkId": "1", "data": {}}, "400"),
    ({"method": "POST", "path": "/Users/.search", "bulkId": "1", "data": {}}, "400"),
    ({"method": "POST", "path": "/Nothing", "bulkId": "1", "data": {}}, "404"),
    ({"method": "DELETE", "path": "/Me"}, "501"),
    ({"method": "POST", "path": "/Users", "bulkId": "1"}, "400"),
    ({"method": "POST", "path": "/Users", "bulkId": "1", "data": [1]}, "400"),
    ({"method": "POST", "path": "/Users", "bulkId": "1", "data": {"schemas": [USER]}}, "400"),
    ({"method": "PATCH", "path": "/Users/0", "data": {}}, "404"),
    ({"path": "/Users"}, "400"),
    ({}, "400"),
])  # fmt: skip
def test_operations_that_mean_nothing(client: Client, operation: dict[str, Any], status: str) -> None:
    answer = bulk(client, operation)
    assert statuses(answer) == [status]
    assert answer.json["Operations"][0]["response"]["status"] == status
    assert not answer.changed


@pytest.mark.parametrize("name", ["nobody", "", "group"])
def test_what_nothing_makes_cannot_be_named(client: Client, name: str) -> None:
    answer = bulk(client, made("/Groups", "group", team("Eng", f"bulkId:{name}")))
    assert statuses(answer) == ["400" if name != "group" or client.strict else "201"]


def test_a_bulk_id_is_one_operations(client: Client) -> None:
    answer = bulk(client, made("/Users", "1", person("ada")), made("/Users", "1", person("bob")))
    assert statuses(answer) == ["201", "400"]


@pytest.mark.parametrize("version", ['W/"9"', '"0"'])
def test_versions_are_conditions(client: Client, version: str) -> None:
    ada = client.user()
    answer = bulk(client, {"method": "DELETE", "path": f"/Users/{ada}", "version": version})
    assert statuses(answer) == ["412"]


def test_limits(client: Client) -> None:
    """RFC 7644 §3.7.4."""
    gone = {"method": "DELETE", "path": "/Users/0"}
    assert len(statuses(bulk(client, *[gone] * 1000))) == 1000
    assert bulk(client, *[gone] * 1001).status == 413
    assert bulk(client, made("/Users", "1", person(title="x" * 1024 * 1024))).status == 413


@pytest.mark.parametrize("body", [
    {"schemas": [BULK]}, {"schemas": [BULK], "Operations": {}}, {"schemas": [BULK], "Operations": 1},
])  # fmt: skip
def test_a_bulk_request_has_operations(client: Client, body: dict[str, Any]) -> None:
    assert client.post("/Bulk", body).scim_type == "invalidSyntax"


@pytest.mark.parametrize("most", [-1, "1", 1.5, True])
def test_fail_on_errors_is_a_number(client: Client, most: Any) -> None:
    assert bulk(client, failOnErrors=most).scim_type == "invalidValue"


def test_to_the_letter_a_bulk_request_names_its_schema_and_its_posts() -> None:
    strict, lenient = Client(strict=True), Client()
    unnamed = {"method": "post", "path": "/users", "data": person()}
    assert strict.post("/Bulk", {"Operations": []}).scim_type == "invalidSyntax"
    assert statuses(lenient.post("/Bulk", {"operations": [unnamed]})) == ["201"]
    assert statuses(bulk(strict, unnamed)) == ["400"]
    assert statuses(bulk(strict, {**unnamed, "method": "POST", "path": "/Users"})) == ["400"]


# -- the order --------------------------------------------------------------------------------------------------------


@given(st.data())
def test_every_operation_comes_once_and_after_what_it_names_unless_in_a_circle(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 12))
    names = st.frozensets(st.sampled_from([str(each) for each in range(size)] or ["x"]), max_size=3)
    steps = [
        Step(number, data.draw(st.sampled_from(["POST", "PATCH"])), "/Users", str(number), "", {}, data.draw(names))
        for number in range(size)
    ]
    run = Sequence(steps)
    order = {step.place: number for number, step in zip(count(), run.in_order(), strict=False)}
    assert set(order) == {step.place for step in steps}
    for step in steps:
        for name in step.names & set(run.makers):
            maker = run.makers[name]
            assert maker is step or name in step.loose or order[maker.place] < order[step.place]
        assert not step.loose or reaches(run, step, step), "only who is in a circle goes ahead"
    if not any(step.names for step in steps):
        assert list(order) == sorted(order), "the request's order"


def reaches(run: Sequence, start: Step, end: Step) -> bool:
    """Whether a step names another, over others."""
    left, seen = [start], set[int]()
    while left:
        for name in left.pop().names:
            if (maker := run.makers.get(name)) is not None:
                if maker is end:
                    return True
                if maker.place not in seen:
                    seen.add(maker.place)
                    left.append(maker)
    return False


@pytest.mark.parametrize(("value", "names"), [
    ("bulkId:a", {"a"}), ("/Users/bulkId:a", {"a"}), ({"x": [{"value": "bulkId:a"}, "bulkId:b"]}, {"a", "b"}),
    ("not a bulkId:a", set()), ("", set()), (None, set()), (1, set()),
])  # fmt: skip
def test_names_in_values(value: Any, names: set[str]) -> None:
    assert names_in(value) == names
