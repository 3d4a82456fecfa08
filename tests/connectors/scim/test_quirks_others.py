"""The other identity providers: each row of the quirk sheet's third table with the requests that these clients send.

Where no traffic was seen (JumpCloud, Rippling, PingOne, CyberArk) the requests are those of the vendor's documentation.
"""

from typing import Any

import pytest

from connectors.scim.dialects import DIALECTS
from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.model import GroupGone, GroupsSeen, MembersLeft, MembersSeen, UserGone, UsersSeen, UserState
from tests.connectors.scim.client import PATCH_OP, Client, op, person, team

JSON = "application/json"

# -- OneLogin ---------------------------------------------------------------------------------------------------------

LEGACY = ["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]


def test_onelogin_asks_with_plus_signs_and_a_tail() -> None:
    client = Client("onelogin")
    assert client.get("/Users?filter=userName+eq+%22missing%22&", accept=JSON).json["Resources"] == []
    ada = client.user("ada")
    found = client.get("/Users?filter=userName+eq+%22ada%40acme.com%22&", accept=JSON)
    assert (found.ids, found.headers["Content-Type"]) == ([ada], JSON)


def test_onelogin_sends_the_schemas_of_a_draft_and_users_by_put() -> None:
    client = Client("onelogin")
    sent = {"schemas": LEGACY, "userName": "ada@acme.com", "active": "true", "id": None,
            "manager": {"managerId": "7", "displayName": "Bob"},
            "urn:scim:schemas:extension:enterprise:2.0": {"department": "R&D"}}  # fmt: skip
    made = client.post("/Users", sent, content_type=JSON, accept=JSON)
    assert (made.status, made.json["active"], made.json["schemas"]) == (201, True, [USER, ENTERPRISE])
    assert made.json[ENTERPRISE]["department"] == "R&D"
    (told,) = made.told
    assert isinstance(told, UsersSeen)
    assert (told.users[0].department, told.users[0].manager) == ("R&D", "Bob")
    off = client.put(f"/Users/{made.id}?", sent | {"active": "false"}, content_type=JSON)
    assert (off.status, off.json["active"]) == (200, False)
    assert client.delete(f"/Users/{made.id}").status == 204


def test_onelogin_patches_groups() -> None:
    client = Client("onelogin")
    ada, eng = client.user(), client.group()
    body = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "members", "value": [{"value": ada}]}]}
    assert client.ask("PATCH", f"/Groups/{eng}?", body, content_type=JSON).told == [MembersSeen(eng, (ada,))]


# -- JumpCloud --------------------------------------------------------------------------------------------------------


def test_jumpcloud_makes_a_test_user_and_a_test_group_and_deletes_both() -> None:
    client = Client("jumpcloud")
    for _ in range(2):  # the name is free at once
        made = client.post("/Users", person("jumpcloud.test"))
        group = client.post("/Groups", team("JumpCloud Test Group", made.id))
        assert client.delete(f"/Groups/{group.id}").told == [GroupGone(group.id)]
        assert client.delete(f"/Users/{made.id}").told == [UserGone(made.id)]
        assert client.get(f"/Users/{made.id}").status == 404


def test_jumpcloud_adds_members_again_and_removes_them_as_a_list() -> None:
    client = Client("jumpcloud")
    ada, bob = client.user("ada"), client.user("bob")
    eng = client.group("Eng", ada, bob)
    again = client.patch(f"/Groups/{eng}", op("add", "members", [{"value": ada}]))
    assert (again.status, again.changed) == (204, False)
    gone = client.patch(f"/Groups/{eng}", op("remove", "members", [{"value": ada}]))
    assert gone.told == [MembersLeft(eng, (ada,))]
    assert client.members(eng) == [bob]


# -- Rippling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [
    lambda ada: op("add", "members", [{"value": ada}]),
    lambda ada: op("add", "members", {"value": ada}),  # a single object
    lambda ada: op("add", value={"members": [{"value": ada}]}),  # without a path
])  # fmt: skip
def test_rippling_makes_a_group_and_then_patches_its_members(operation: Any) -> None:
    client = Client("rippling")
    eng, ada = client.post("/Groups", {"displayName": "Eng"}).id, client.user()
    answer = client.patch(f"/Groups/{eng}", operation(ada))
    assert (answer.status, answer.told) == (204, [MembersSeen(eng, (ada,))])


# -- CyberArk ---------------------------------------------------------------------------------------------------------


def test_cyberark_needs_these() -> None:
    client = Client("cyberark")
    ada, eng = client.user("ada"), client.group("Eng")
    assert client.get("/Users?count=1").ids == [ada]
    assert client.get('/Users?filter=userName eq "ada@acme.com"').ids == [ada]
    assert client.put(f"/Users/{ada}", person("ada", active=False)).json["active"] is False
    assert client.patch(f"/Groups/{eng}", op("add", "members", [{"value": ada}])).status == 204
    found = [client.get(f"/{name}").json["id"] for name in ("ResourceTypes/User", "ResourceTypes/Group",
                                                            f"Schemas/{USER}", f"Schemas/{GROUP}")]  # fmt: skip
    assert found == ["User", "Group", USER, GROUP]
    assert client.get("/ServiceProviderConfig").status == 200


# -- PingFederate -----------------------------------------------------------------------------------------------------


def test_pingfederate_asks_for_user_0_and_expects_404() -> None:
    """The connector for GitHub EMU, before every operation."""
    assert Client("pingfederate").get("/Users/0").scim_type == ""
    assert Client("pingfederate").get("/Users/0").status == 404


def test_pingfederate_finds_groups_by_retrieving_all() -> None:
    client = Client("pingfederate")
    groups = [client.group(f"Group {number}") for number in range(150)]
    assert client.get("/Groups").ids == groups


def test_pingfederate_changes_users_by_put() -> None:
    client = Client("pingfederate")
    ada = client.user("ada", active=True)
    answer = client.put(f"/Users/{ada}", person("ada", active=False))
    (told,) = answer.told
    assert isinstance(told, UsersSeen)
    assert told.users[0].state is UserState.SUSPENDED


# -- Google -----------------------------------------------------------------------------------------------------------


def test_google_sends_plain_json_and_the_schema_of_scim_1() -> None:
    client = Client("google")
    assert client.get("/Users?count=1").status == 200
    assert client.get('/Users?filter=userName eq "ada@acme.com"&startIndex=1').json["totalResults"] == 0
    sent = {"schemas": ["urn:scim:schemas:core:1.0", USER], "userName": "ada@acme.com", "externalId": "1"}
    made = client.post("/Users", sent, content_type=JSON)
    assert (made.status, made.json["schemas"]) == (201, [USER])


# -- authentik --------------------------------------------------------------------------------------------------------


def test_authentik_reads_the_configuration_and_lists_without_looking() -> None:
    client = Client("authentik")
    config = client.get("/ServiceProviderConfig").json
    assert config["patch"]["supported"]
    assert config["bulk"]["maxOperations"] > 0
    assert client.get('/Groups?filter=displayName eq "Eng"').json["Resources"] == []


def test_authentik_renames_a_group_with_everything_it_knows() -> None:
    client = Client("authentik")
    eng = client.group("Eng", client.user())
    value = {"schemas": [GROUP], "id": eng, "externalId": "b5e0", "displayName": "Engineering"}
    answer = client.patch(f"/Groups/{eng}", op("replace", value=value))
    assert (answer.status, [type(each) for each in answer.told]) == (204, [GroupsSeen])
    assert len(client.members(eng)) == 1


def test_authentik_removes_a_thousand_members_with_a_thousand_operations() -> None:
    client = Client("authentik")
    people = [client.user(f"user{number}") for number in range(1001)]
    eng = client.group("Eng", *people)
    gone = client.patch(f"/Groups/{eng}", *(op("remove", "members", [{"value": each}]) for each in people[:1000]))
    assert (gone.status, gone.told) == (204, [MembersLeft(eng, tuple(people[:1000]))])
    assert client.members(eng) == people[1000:]


def test_authentik_makes_again_whom_a_put_does_not_find() -> None:
    client = Client("authentik")
    assert client.put("/Users/0", person()).status == 404
    assert client.post("/Users", person()).status == 201


# -- PingOne, and everybody else --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIALECTS)
def test_the_life_of_a_user_and_a_group_with_every_dialect(name: str) -> None:
    """Create, rename, membership, delete (PingOne): a dialect changes defaults, nothing that is asked for."""
    client = Client(name)
    ada = client.user("ada")
    eng = client.group("Eng")
    assert client.patch(f"/Groups/{eng}", op("replace", "displayName", "Ops")).changed
    assert client.patch(f"/Groups/{eng}", op("add", "members", [{"value": ada}])).told == [MembersSeen(eng, (ada,))]
    assert client.patch(f"/Users/{ada}", op("replace", "active", False)).changed
    assert client.get(f"/Users/{ada}").json["active"] is False
    assert client.delete(f"/Groups/{eng}").status == client.delete(f"/Users/{ada}").status == 204


def test_generic_operations_in_lower_case_and_without_schemas() -> None:
    client = Client()
    ada = client.user()
    body = {"operations": [{"op": "replace", "path": "title", "value": "x"}]}
    answer = client.ask("PATCH", f"/Users/{ada}", body)
    assert (answer.json["title"], answer.leniencies) == ("x", ("missing-schemas",))


@pytest.mark.parametrize("roles", [["admin"], [{"value": "admin"}]])
def test_generic_roles(roles: Any) -> None:
    client = Client(attributes=["roles"])
    (told,) = client.post("/Users", person(roles=roles)).told
    assert isinstance(told, UsersSeen)
    assert told.users[0].attributes["roles"] == [{"value": "admin"}]


def test_generic_attributes_that_nobody_knows_are_kept() -> None:
    urn = "urn:acme:2.0:User"
    client = Client(attributes=[f"{urn}:jamie_role", "costCentre"])
    more: dict[str, Any] = {urn: {"jamie_role": "admin"}}
    made = client.post("/Users", person(costCentre="7", **more))
    assert (made.json["costCentre"], made.json[urn]) == ("7", {"jamie_role": "admin"})
    (told,) = made.told
    assert isinstance(told, UsersSeen)
    assert told.users[0].attributes == {f"{urn}:jamie_role": "admin", "costCentre": "7"}
    assert Client(strict=True).post("/Users", person(costCentre="7")).scim_type == "invalidSyntax"


def test_generic_a_slash_before_the_question_mark() -> None:
    client = Client()
    ada = client.user()
    assert client.get('/Users/?filter=userName eq "ada@acme.com"').ids == [ada]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", ""])
def test_generic_types_of_bodies(kind: str) -> None:
    assert Client().post("/Users", person(), content_type=kind).status == 201


def test_generic_a_patch_that_changes_nothing_is_fine() -> None:
    client = Client()
    ada = client.user("ada", title="x")
    assert client.patch(f"/Users/{ada}", op("replace", "title", "x")).status == 200


# -- never a 2xx for what was ignored ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("operation", [
    {"op": "replace", "path": "no such thing[", "value": "x"}, {"op": "replace", "path": "emails[", "value": "x"},
    {"op": "move", "path": "title", "value": "x"}, {"op": "replace", "path": "id", "value": "x"},
    {"op": "replace", "path": "meta.version", "value": "x"}, {"op": "replace", "path": "groups", "value": []},
    {"op": "remove"}, {"op": "replace", "path": "userName", "value": None}, {"op": "add", "path": "title"},
    {"op": "replace", "value": "x"}, {"op": "replace", "path": "active", "value": "perhaps"},
])  # fmt: skip
def test_an_operation_that_cannot_be_done_is_refused(name: str, operation: dict[str, Any]) -> None:
    client = Client(name)
    answer = client.patch(f"/Users/{client.user()}", operation)
    assert (answer.status, answer.told) == (400, [])
