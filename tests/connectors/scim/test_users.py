"""Users through the listener (RFC 7644 §3.3, §3.4.1, §3.5, §3.6), to the letter and leniently alike."""

from typing import Any

import pytest

from connectors.scim.schema import ENTERPRISE, USER
from reconciler.model import DirectoryUser, UserGone, UsersSeen, UserState
from tests.connectors.scim.client import BASE, Client, op, person, team


@pytest.fixture(params=[False, True], ids=["lenient", "strict"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(strict=request.param)


def seen(*users: DirectoryUser) -> list[Any]:
    return [UsersSeen(users)]


# -- POST -------------------------------------------------------------------------------------------------------------


def test_post_answers_201_with_the_resource_its_address_and_its_version(client: Client) -> None:
    answer = client.post("/Users", person("ada", externalId="701984", displayName="Ada Doe"))
    made = answer.json["id"]
    assert answer.status == 201
    assert answer.headers["Location"] == answer.json["meta"]["location"] == f"{BASE}/Users/{made}"
    assert answer.headers["ETag"] == answer.json["meta"]["version"] == 'W/"1"'
    assert answer.json["meta"]["resourceType"] == "User"
    assert answer.json["meta"]["created"] == answer.json["meta"]["lastModified"]
    assert (answer.json["userName"], answer.json["externalId"]) == ("ada@acme.com", "701984")
    assert answer.changed
    assert answer.told == seen(
        DirectoryUser(made, UserState.ACTIVE, "ada@acme.com", display_name="Ada Doe"),
    )


def test_what_the_server_says_itself_is_not_listened_to(client: Client) -> None:
    """RFC 7644 §3.3: readOnly attributes SHALL be ignored."""
    made = client.post("/Users", person(id="mine", meta={"version": "9"}, groups=[{"value": "g"}]))
    assert made.id != "mine"
    assert made.json["meta"]["version"] == 'W/"1"'
    assert "groups" not in made.json


def test_a_password_is_neither_kept_nor_shown_nor_told(client: Client) -> None:
    made = client.post("/Users", person(password="t1meMa$heen"))
    shown = client.get(f"/Users/{made.id}?attributes=password,userName")
    kept = [repr(each) for each in (*client.memory.resources.values(), *made.told)]
    assert not any("t1meMa" in text for text in (*kept, made.text.decode(), shown.text.decode()))


@pytest.mark.parametrize("sent", [{}, {"userName": ""}, {"userName": "  "}, {"userName": None}])
def test_a_user_needs_a_user_name(client: Client, sent: dict[str, Any]) -> None:
    answer = client.post("/Users", {"schemas": [USER], **sent})
    assert (answer.status, answer.scim_type) == (400, "invalidValue")


@pytest.mark.parametrize("name", ["ada", "ADA", "Ada"])
def test_a_user_name_that_is_taken_is_409_in_any_case(client: Client, name: str) -> None:
    ada = client.user("ada")
    answer = client.post("/Users", person(name))
    assert (answer.status, answer.scim_type) == (409, "uniqueness")
    assert ada in answer.json["detail"], "the detail says whose it is (E22)"
    assert answer.told == []


def test_put_and_patch_cannot_take_a_user_name_either(client: Client) -> None:
    client.user("ada")
    bob = client.user("bob")
    for answer in (
        client.put(f"/Users/{bob}", person("ADA")),
        client.patch(f"/Users/{bob}", op("replace", "userName", "Ada@acme.com")),
    ):
        assert (answer.status, answer.scim_type) == (409, "uniqueness")
    assert client.patch(f"/Users/{bob}", op("replace", "userName", "BOB@acme.com")).status == 200


def test_the_address_that_a_test_asked_for_may_have_two_users(client: Client) -> None:
    """externalId and emails are not unique (RFC 7643 §8.7.1)."""
    same: dict[str, Any] = {"externalId": "1", "emails": [{"value": "team@acme.com", "type": "work"}]}
    assert client.user("ada", **same) != client.user("bob", **same)


# -- GET --------------------------------------------------------------------------------------------------------------


def test_get_shows_what_was_sent_and_the_groups(client: Client) -> None:
    sent = person("ada", nickName="A", **{ENTERPRISE: {"department": "R&D"}})
    ada = client.post("/Users", sent).id
    eng = client.group("Eng", ada)
    shown = client.get(f"/Users/{ada}").json
    assert {name: shown[name] for name in sent} == sent
    assert shown["groups"] == [{"value": eng, "$ref": f"{BASE}/Groups/{eng}", "display": "Eng", "type": "direct"}]


def test_groups_that_are_reached_through_others_are_indirect(client: Client) -> None:
    ada = client.user("ada")
    inner = client.group("Inner", ada)
    client.group("Outer", inner)
    shown = {each["display"]: each["type"] for each in client.get(f"/Users/{ada}").json["groups"]}
    assert shown == {"Inner": "direct", "Outer": "indirect"}


@pytest.mark.parametrize(("query", "names"), [
    ("attributes=userName", {"schemas", "id", "userName"}),
    ("attributes=name.givenName", {"schemas", "id", "name"}),
    ("attributes=title", {"schemas", "id"}),
    (f"attributes={USER}:userName,{ENTERPRISE}:department", {"schemas", "id", "userName", ENTERPRISE}),
    ("excludedAttributes=name,emails,meta", {"schemas", "id", "userName", "groups", ENTERPRISE}),
    ("excludedAttributes=id", {"schemas", "id", "userName", "name", "emails", "groups", "meta", ENTERPRISE}),
])  # fmt: skip
def test_projection(client: Client, query: str, names: set[str]) -> None:
    more: dict[str, Any] = {ENTERPRISE: {"department": "R&D"}}
    more |= {"name": {"givenName": "Ada", "familyName": "Doe"}, "emails": [{"value": "ada@acme.com"}]}
    ada = client.post("/Users", person("ada") | more | {"schemas": [USER, ENTERPRISE]}).id
    client.group("Eng", ada)
    shown = client.get(f"/Users/{ada}?{query}").json
    assert set(shown) == names
    if "givenName" in query:
        assert shown["name"] == {"givenName": "Ada"}


def test_projection_holds_for_every_method(client: Client) -> None:
    """RFC 7644 §3.9."""
    query = "?attributes=userName"
    made = client.post(f"/Users{query}", person("ada", title="Engineer"))
    shown = [
        made,
        client.put(f"/Users/{made.id}{query}", person("ada", title="Boss")),
        client.patch(f"/Users/{made.id}{query}", op("replace", "title", "Engineer")),
        client.get(f"/Users/{made.id}{query}"),
    ]
    assert [set(each.json) for each in shown] == [{"schemas", "id", "userName"}] * 4


def test_groups_that_are_not_shown_are_not_read(client: Client) -> None:
    ada = client.user()
    assert "groups_of" not in client.get(f"/Users/{ada}?attributes=userName").read
    assert "groups_of" not in client.get("/Users?excludedAttributes=groups").read


# -- PUT --------------------------------------------------------------------------------------------------------------


def test_put_clears_what_it_leaves_out(client: Client) -> None:
    ada = client.user("ada", title="Engineer", **{ENTERPRISE: {"department": "R&D"}})
    answer = client.put(f"/Users/{ada}", person("ada", displayName="Ada"))
    assert answer.status == 200
    assert {"title", ENTERPRISE}.isdisjoint(answer.json)
    assert answer.json["meta"]["version"] == answer.headers["ETag"] == 'W/"2"'
    assert answer.json["meta"]["created"] < answer.json["meta"]["lastModified"]
    assert answer.told == seen(DirectoryUser(ada, UserState.ACTIVE, "ada@acme.com", display_name="Ada"))


def test_put_of_nobody_makes_nobody(client: Client) -> None:
    assert client.put("/Users/0", person()).status == 404
    assert client.get("/Users").json["totalResults"] == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "GET"])
def test_a_group_is_no_user(client: Client, method: str) -> None:
    eng = client.group()
    assert client.ask(method, f"/Users/{eng}", None if method in {"GET", "DELETE"} else person()).status == 404


# -- PATCH ------------------------------------------------------------------------------------------------------------


def test_patch_answers_200_with_the_user(client: Client) -> None:
    ada = client.user("ada")
    answer = client.patch(f"/Users/{ada}", op("add", "title", "Engineer"), op("replace", "active", False))
    assert (answer.status, answer.json["title"], answer.json["active"]) == (200, "Engineer", False)
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.told == seen(DirectoryUser(ada, UserState.SUSPENDED, "ada@acme.com", title="Engineer"))


def test_patch_is_all_or_nothing(client: Client) -> None:
    ada = client.user("ada")
    answer = client.patch(f"/Users/{ada}", op("add", "title", "Engineer"), op("remove", "userName"))
    assert (answer.status, answer.told) == (400, [])
    assert "title" not in client.get(f"/Users/{ada}").json


def test_what_changes_nothing_moves_nothing(client: Client) -> None:
    """RFC 7644 §3.5.2.1: no change of the modify timestamp; 2xx all the same (generic)."""
    ada = client.user("ada", title="Engineer")
    before = client.get(f"/Users/{ada}").json
    for answer in (
        client.patch(f"/Users/{ada}", op("add", "title", "Engineer")),
        client.patch(f"/Users/{ada}", op("replace", value={"title": "Engineer"})),
        client.put(f"/Users/{ada}", before),
    ):
        assert (answer.status, answer.json, answer.changed, answer.told) == (200, before, False, [])


@pytest.mark.parametrize("body", [
    {}, {"Operations": "x"}, {"Operations": None}, {"Operations": [1]}, {"Operations": [{}]},
    {"Operations": [{"op": "explode", "path": "title"}]},
])  # fmt: skip
def test_a_patch_needs_operations(client: Client, body: dict[str, Any]) -> None:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    answer = client.ask("PATCH", f"/Users/{client.user()}", {"schemas": schemas, **body})
    assert (answer.status, answer.scim_type) == (400, "invalidSyntax")


def test_a_patch_without_operations_changes_nothing() -> None:
    lenient, strict = Client(), Client(strict=True)
    answer = lenient.patch(f"/Users/{lenient.user()}")
    assert (answer.status, answer.changed, answer.leniencies) == (200, False, ("nothing-asked",))
    assert strict.patch(f"/Users/{strict.user()}").scim_type == "invalidValue"


def test_a_patch_of_more_operations_than_anybody_needs_is_413(client: Client) -> None:
    ada = client.user()
    assert client.patch(f"/Users/{ada}", *[op("add", "title", "x")] * 10_001).status == 413


# -- DELETE -----------------------------------------------------------------------------------------------------------


def test_delete_is_real(client: Client) -> None:
    """E16, the interop draft, RFC 7644 §3.6: 404 from then on, out of all groups, and the userName is free."""
    ada, bob = client.user("ada"), client.user("bob")
    eng = client.group("Eng", ada, bob)
    before = client.get(f"/Groups/{eng}").json["meta"]["version"]
    gone = client.delete(f"/Users/{ada}")
    assert (gone.status, gone.text, gone.changed, gone.told) == (204, b"", True, [UserGone(ada)])
    assert client.delete(f"/Users/{ada}").status == 404
    assert client.get(f"/Users/{ada}").status == 404
    assert client.patch(f"/Users/{ada}", op("replace", "active", False)).status == 404
    assert client.members(eng) == [bob]
    assert client.get(f"/Groups/{eng}").json["meta"]["version"] != before
    assert client.get('/Users?filter=userName eq "ada@acme.com"').json["totalResults"] == 0
    assert client.user("ada") != ada


# -- ETags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tag", "meets"), [
    ('W/"1"', True), ('"1"', True), ("1", True), ("*", True), ('W/"7", W/"1"', True), ('W/"2"', False), ('""', False),
])  # fmt: skip
def test_conditions(client: Client, tag: str, meets: bool) -> None:
    """RFC 7644 §3.14, RFC 9110 §13.1."""
    ada = client.user("ada")
    assert client.get(f"/Users/{ada}", if_none_match=tag).status == (304 if meets else 200)
    assert client.patch(f"/Users/{ada}", op("add", "title", "x"), if_match=tag).status == (200 if meets else 412)
    other = client.user("bob")
    assert client.put(f"/Users/{other}", person("bob", title="x"), if_match=tag).status == (200 if meets else 412)
    third = client.user("eve")
    assert client.delete(f"/Users/{third}", if_match=tag).status == (204 if meets else 412)


def test_304_has_the_version_and_no_body(client: Client) -> None:
    ada = client.user()
    answer = client.get(f"/Users/{ada}", if_none_match='W/"1"')
    assert (answer.status, answer.text, answer.headers) == (304, b"", {"ETag": 'W/"1"'})


# -- strict only ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_to_the_letter_messages_name_their_schema(method: str) -> None:
    strict, lenient = Client(strict=True), Client()
    for client, refused in ((strict, True), (lenient, False)):
        ada = client.user("ada")
        place = "/Users" if method == "POST" else f"/Users/{ada}"
        body = {"Operations": [op("add", "title", "x")]} if method == "PATCH" else {"userName": f"{method}@acme.com"}
        answer = client.ask(method, place, body)
        assert (answer.status == 400) is refused
        assert not refused or answer.scim_type == "invalidSyntax"


def test_a_group_without_a_name_or_with_the_wrong_body(client: Client) -> None:
    assert client.post("/Groups", person()).status == 400
    assert client.post("/Users", team()).status == 400


@pytest.mark.parametrize("strict", [False, True])
def test_an_extension_that_names_its_own_schema_says_nothing_by_it(strict: bool) -> None:
    """scim2-models writes `schemas` into extensions."""
    client = Client(strict=strict)
    said = {"schemas": [ENTERPRISE], "department": "R&D"}
    ada = client.post("/Users", person("ada") | {ENTERPRISE: said, "schemas": [USER, ENTERPRISE]})
    assert ada.json[ENTERPRISE] == {"department": "R&D"}
    changed = client.patch(f"/Users/{ada.id}", op("replace", ENTERPRISE, said | {"department": "Ops"}))
    assert (changed.status, changed.json[ENTERPRISE]) == (200, {"department": "Ops"})
    assert changed.leniencies == ()
