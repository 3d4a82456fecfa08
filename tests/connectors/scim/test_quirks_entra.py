"""Microsoft Entra ID as it really is: each row of the quirk sheet with the body that this client sends, leniently.

What the values of E1–E12 and E19 become is tested in test_patch_quirks.py and test_lenient.py; here they come
as requests.
"""

from typing import Any

import pytest

from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.model import GroupsSeen, MembersLeft, MembersSeen, UserGone, UsersSeen, UserState
from tests.connectors.scim.client import Answer, Client, op, person, team

AD_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest.fixture
def entra() -> Client:
    return Client("entra", attributes=["roles"])


def seen(answer: Answer) -> Any:
    """The one user that was told."""
    (told,) = answer.told
    assert isinstance(told, UsersSeen)
    return told.users[0]


def test_e1_e2_disabling_in_capitals_and_with_a_text(entra: Client) -> None:
    ada = entra.user("ada")
    answer = entra.patch(f"/Users/{ada}", {"op": "Replace", "path": "active", "value": "False"})
    assert (answer.status, answer.json["active"]) == (200, False)
    assert seen(answer).state is UserState.SUSPENDED
    assert set(answer.leniencies) == {"op-case", "boolean-text"}
    assert entra.get('/Users?filter=active eq "False"').ids == [ada]


def test_e2_roles_with_a_primary_as_text(entra: Client) -> None:
    made = entra.post("/Users", person(roles=[{"primary": "True", "value": "admin", "type": "WindowsAzureAD"}]))
    assert (made.status, made.json["roles"][0]["primary"]) == (201, True)
    assert seen(made).attributes["roles"][0]["value"] == "admin"


def test_e3_one_operation_without_path_and_with_keys_that_are_paths(entra: Client) -> None:
    ada = entra.user("ada")
    value = {
        "displayName": "Ada", "name.givenName": "Ada", 'emails[type eq "work"].value': "ada@new.com",
        f"{ENTERPRISE}:department": "R&D",
    }  # fmt: skip
    answer = entra.patch(f"/Users/{ada}?aadOptscim062020", {"op": "replace", "value": value})
    told = seen(answer)
    assert (told.given_name, told.email, told.department) == ("Ada", "ada@new.com", "R&D")
    assert not any("." in name for name in answer.json if not name.startswith("urn:")), "no literal dotted key"


def test_e4_two_operations_on_an_address_that_is_not_there_make_one(entra: Client) -> None:
    ada = entra.user("ada")
    answer = entra.patch(
        f"/Users/{ada}",
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ada@acme.com"},
        {"op": "Replace", "path": 'emails[type eq "work"].primary', "value": True},
    )
    assert answer.json["emails"] == [{"type": "work", "value": "ada@acme.com", "primary": True}]
    strict = Client("entra", strict=True)
    refused = strict.patch(f"/Users/{strict.user()}", op("replace", 'emails[type eq "work"].value', "a@x.org"))
    assert (refused.status, refused.scim_type) == (400, "noTarget")


def test_e5_a_single_role(entra: Client) -> None:
    path = 'roles[primary eq "True"].'
    answer = entra.patch(
        f"/Users/{entra.user()}",
        {"op": "Add", "path": f"{path}value", "value": "admin"},
        {"op": "Add", "path": f"{path}display", "value": "Admins"},
    )
    assert answer.json["roles"] == [{"primary": True, "value": "admin", "display": "Admins"}]


def test_e6_roles_as_json_in_a_text(entra: Client) -> None:
    text = '{"id":"1","value":"admin","displayName":"Admins"}'
    answer = entra.patch(f"/Users/{entra.user()}", {"op": "Add", "path": "roles", "value": [{"value": text}]})
    assert seen(answer).attributes["roles"][0]["value"] == "admin"
    assert answer.json["roles"][0]["display"] == "Admins"


@pytest.mark.parametrize("gone", [{"op": "Remove", "path": f"{ENTERPRISE}:manager"},
                                  {"op": "Replace", "path": f"{ENTERPRISE}:manager", "value": ""}])  # fmt: skip
def test_e7_a_manager_as_a_bare_text(entra: Client, gone: dict[str, Any]) -> None:
    ada, boss = entra.user("ada"), entra.user("bob")
    answer = entra.patch(f"/Users/{ada}", {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss})
    assert seen(answer).manager == boss
    assert entra.get(f'/Users?filter=id eq "{ada}" and manager eq "{boss}"&attributes=id').ids == [ada]
    assert seen(entra.patch(f"/Users/{ada}", gone)).manager == ""


def test_e8_members_are_removed_by_value_and_only_those(entra: Client) -> None:
    ada, bob = entra.user("ada"), entra.user("bob")
    eng = entra.group("Eng", ada, bob)
    one = {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ada}]}
    assert entra.patch(f"/Groups/{eng}", one).told == [MembersLeft(eng, (ada,))]
    assert entra.members(eng) == [bob]
    assert entra.patch(f"/Groups/{eng}", {"op": "Remove", "path": "members"}).told == [MembersLeft(eng, (bob,))]


def test_e9_a_group_of_another_schema_and_its_members_later(entra: Client) -> None:
    sent = {"schemas": [GROUP, AD_GROUP], "externalId": "8aa1", "displayName": "Eng", "meta": {"resourceType": "Group"}}
    made = entra.post("/Groups", sent)
    assert (made.status, made.json["schemas"]) == (201, [GROUP])
    ada, bob = entra.user("ada"), entra.user("bob")
    add = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": ada}, {"$ref": None, "value": bob}]}
    assert entra.patch(f"/Groups/{made.id}", add).told == [MembersSeen(made.id, (ada, bob))]


def test_e10_nulls_a_misspelt_urn_and_a_meta_of_its_own(entra: Client) -> None:
    sent = {
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"], "externalId": "0a21f0f2",
        "userName": "ada@acme.com", "active": True, "addresses": None, "phoneNumbers": None, "department": None,
        "manager": None, "roles": [], "meta": {"resourceType": "User"},
    }  # fmt: skip
    made = entra.post("/Users", sent)
    assert (made.status, made.json["schemas"]) == (201, [USER])
    assert set(made.json) == {"schemas", "id", "externalId", "userName", "active", "meta"}


def test_e11_an_extension_without_its_schema(entra: Client) -> None:
    urn = "urn:ietf:params:scim:schemas:extension:jamie:2.0:User"
    made = entra.post("/Users", {**person(), urn: {"jamie_role": "admin"}, "schemas": [USER]})
    assert (made.json["schemas"], made.json[urn]) == ([USER, urn], {"jamie_role": "admin"})


@pytest.mark.parametrize("filter", [
    'userName eq "ada@acme.com"', 'externalId eq "jyoung"', "externalId eq jyoung",
    'emails[type eq "work"].value eq "ada@acme.com"', 'userName Eq "ada@acme.com" And active eq true',
])  # fmt: skip
def test_e12_filters(entra: Client, filter: str) -> None:  # noqa: A002
    more: dict[str, Any] = {"emails": [{"value": "ada@acme.com", "type": "work"}], "active": True}
    ada = entra.user("ada", externalId="jyoung", **more)
    entra.user("bob")
    assert entra.get(f"/Users?filter={filter}").ids == [ada]


def test_e12_the_reference_checks(entra: Client) -> None:
    ada = entra.user("ada")
    eng = entra.group("Eng", ada)
    found = entra.get(f'/Groups?filter=id eq "{eng}" and members eq "{ada}"&attributes=id')
    assert (found.ids, found.json["Resources"]) == ([eng], [{"schemas": [GROUP], "id": eng}])
    assert entra.get(f'/Groups?filter=id eq "{eng}" and members eq "nobody"&attributes=id').ids == []


def test_e13_groups_are_read_without_their_members(entra: Client) -> None:
    eng = entra.group("Eng", entra.user())
    by_id = entra.get(f"/Groups/{eng}?excludedAttributes=members")
    by_name = entra.get('/Groups?excludedAttributes=members&filter=displayName eq "Eng"')
    assert "members" not in by_id.json
    assert "members" not in by_name.json["Resources"][0]
    assert (by_id.read, by_name.read) == ([], ["find"])


def test_e14_the_test_of_the_connection(entra: Client) -> None:
    guid = "6f2c8d1e-5f0e-4d0b-9a54-0f3c1c9f9f61"
    for target in ("/Users", "/Groups"):
        answer = entra.get(f'{target}?filter={"userName" if target == "/Users" else "displayName"} eq "{guid}"')
        assert (answer.status, answer.json["totalResults"], answer.json["Resources"]) == (200, 0, [])


def test_e15_users_are_answered_200_and_groups_204(entra: Client) -> None:
    ada, eng = entra.user(), entra.group()
    assert entra.patch(f"/Users/{ada}", {"op": "Replace", "path": "title", "value": "x"}).status == 200
    assert entra.patch(f"/Groups/{eng}", {"op": "Replace", "path": "displayName", "value": "x"}).status == 204


def test_e16_the_life_of_an_account(entra: Client) -> None:
    ada = entra.user("ada", active=True)
    off = entra.patch(f"/Users/{ada}", {"op": "Replace", "path": "active", "value": "False"})
    assert off.json["active"] is False
    assert entra.get(f"/Users/{ada}").json["active"] is False
    assert entra.get('/Users?filter=userName eq "ada@acme.com"').ids == [ada]
    gone = entra.delete(f"/Users/{ada}")
    assert (gone.status, gone.told) == (204, [UserGone(ada)])
    assert entra.get(f"/Users/{ada}").status == 404
    assert entra.post("/Users", person("ada")).status == 201


def test_e17_names_are_matched_in_any_case_and_groups_once(entra: Client) -> None:
    ada, eng = entra.user("Ada"), entra.group("Eng")
    assert entra.get('/Users?filter=userName eq "aDa@ACME.com"').ids == [ada]
    assert entra.get('/Groups?filter=displayName eq "ENG"').ids == [eng]
    assert entra.post("/Groups", team("eng")).scim_type == "uniqueness"
    other = entra.group("Ops")
    renamed = entra.patch(f"/Groups/{other}", {"op": "Replace", "path": "displayName", "value": "ENG"})
    assert (renamed.status, renamed.scim_type) == (409, "uniqueness")
    entra.user("bob", externalId="A-1")
    assert entra.get('/Users?filter=externalId eq "a-1"').ids == [], "externalId is caseExact"


def test_e18_what_the_validator_does(entra: Client) -> None:
    made = entra.post("/Users", person(emails=[{"type": "untyped", "value": "a@x.org"}],
                                       photos=[{"type": "photo", "value": "https://x.org/a.png"}],
                                       ims=[{"type": "xmpp", "value": "ada"}]))  # fmt: skip
    assert made.status == 201
    several = [{"op": "remove", "path": "title"}, {"op": "add", "path": "title", "value": "a"},
               {"op": "replace", "path": "title", "value": "b"}]  # fmt: skip
    assert entra.patch(f"/Users/{made.id}", *several).json["title"] == "b"
    found = entra.get('/Users?filter=emails[type eq "untyped"].value eq "a@x.org"')
    assert found.ids == [made.id]
    assert entra.patch(f"/Users/{made.id}", {"op": "Replace", "path": "userName", "value": "x"}).status == 200
    eng = entra.group("Eng")
    assert entra.patch(f"/Groups/{eng}", {"op": "Replace", "path": "externalId", "value": "g"}).status == 204
    assert entra.get(f"/Groups/{eng}").json["externalId"] == "g"
    for target in (f"/Users/{made.id}", f"/Groups/{eng}"):
        assert [entra.delete(target).status for _ in range(2)] == [204, 404]
    assert entra.delete("/Users/00000000-0000-0000-0000-000000000000").status == 404


def test_e19_nulls(entra: Client) -> None:
    ada = entra.user("ada", title="x", displayName="Ada")
    eng = entra.group("Eng", ada)
    entra.patch(f"/Users/{ada}", op("add", "name", {"givenName": "Ada", "familyName": "Doe"}))
    assert "title" not in entra.patch(f"/Users/{ada}", {"op": "Replace", "path": "title", "value": None}).json
    merged = entra.patch(f"/Users/{ada}", {"op": "Replace", "value": {"name": {"familyName": None}}})
    assert merged.json["name"] == {"givenName": "Ada"}
    nobody = entra.patch(f"/Groups/{eng}", {"op": "Replace", "path": "members", "value": None})
    assert nobody.told == [MembersLeft(eng, (ada,))]


def test_e20_schemas_are_a_list_in_camel_case(entra: Client) -> None:
    listed = entra.get("/Schemas").json
    assert listed["totalResults"] == len(listed["Resources"]) == 3
    assert {"multiValued", "caseExact", "subAttributes"} <= {
        key for each in listed["Resources"][0]["attributes"] for key in each
    }
    assert entra.get("/Schemas").text is entra.get("/Schemas").text, "static"


def test_e22_a_refusal_names_what_to_change(entra: Client) -> None:
    entra.user("ada")
    refusals = [
        (entra.post("/Users", person("ada")), "userName"),
        (entra.post("/Users", {"schemas": [USER]}), "userName"),
        (entra.post("/Groups", {"schemas": [GROUP]}), "displayName"),
        (entra.patch(f"/Users/{entra.user('bob')}", {"op": "Explode", "path": "title"}), "op"),
        (entra.get("/Users?count=many"), "count"),
    ]
    for answer, name in refusals:
        assert 400 <= answer.status < 500
        assert name in answer.json["detail"]


def test_e23_values_come_back_as_they_were_sent(entra: Client) -> None:
    sent = person("ADA", displayName="Ада  Лавлейс", title=" x ", externalId="ÄÖ-1", nickName="a\\\"b",
                  addresses=[{"type": "work", "formatted": "1\n2"}])  # fmt: skip
    made = entra.post("/Users", sent)
    shown = entra.get(f"/Users/{made.id}").json
    assert {name: shown[name] for name in sent} == sent
    assert entra.get('/Users?filter=title eq "nothing"&count=20').json["itemsPerPage"] == 0


def test_the_conversation_of_a_first_cycle(entra: Client) -> None:
    """Test, match, create, group, members, disable: nobody is told twice."""
    assert entra.get('/Users?filter=userName eq "x"').json["totalResults"] == 0
    ada = entra.user("ada", active=True)
    assert entra.get('/Groups?excludedAttributes=members&filter=displayName eq "Eng"').ids == []
    made = entra.post("/Groups", {"schemas": [GROUP, AD_GROUP], "displayName": "Eng", "externalId": "1"})
    assert [type(each) for each in made.told] == [GroupsSeen]
    entra.patch(f"/Groups/{made.id}", {"op": "Add", "path": "members", "value": [{"value": ada}]})
    again = entra.patch(f"/Groups/{made.id}", {"op": "Add", "path": "members", "value": [{"value": ada}]})
    assert (again.status, again.changed) == (204, False)
