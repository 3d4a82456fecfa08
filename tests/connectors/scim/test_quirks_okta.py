"""Okta as it really is: each row of the quirk sheet with the requests that this client sends, leniently.

O12 and O13 (time and rate) are rosterd/http's.
"""

from typing import Any

import pytest

from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.model import GroupsSeen, MembersLeft, MembersSeen, UsersSeen, UserState
from tests.connectors.scim.client import PATCH_OP, Answer, Client, op, person, team

HEADERS = {"accept": "application/scim+json", "content_type": "application/scim+json; charset=utf-8"}


@pytest.fixture
def okta() -> Client:
    return Client("okta")


def new_user(**more: Any) -> dict[str, Any]:
    """POST of a new assignment (O4)."""
    return {
        "schemas": [USER], "userName": "ada@acme.com", "name": {"givenName": "Ada", "familyName": "Doe"},
        "emails": [{"primary": True, "value": "ada@acme.com", "type": "work", "display": "ada@acme.com"}],
        "displayName": "Ada Doe", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [],
        "password": "1mz050nq", "active": True, **more,
    }  # fmt: skip


def state(answer: Answer) -> UserState:
    (told,) = answer.told
    assert isinstance(told, UsersSeen)
    return told.users[0].state


def test_o1_everything_by_patch_or_everything_by_put(okta: Client) -> None:
    """Template applications PATCH, those of the wizard PUT: the same comes of both."""
    by_patch, by_put = okta.post("/Users", new_user()).id, okta.post("/Users", new_user(userName="bob@acme.com")).id
    off = okta.patch(f"/Users/{by_patch}", op("replace", value={"active": False}))
    put = okta.put(f"/Users/{by_put}", new_user(userName="bob@acme.com", active=False))
    assert state(off) is state(put) is UserState.SUSPENDED
    assert (off.status, put.status) == (200, 200)
    one, two = okta.group("One"), okta.group("Two")
    assert okta.patch(f"/Groups/{one}", op("replace", "members", [{"value": by_patch}])).told == [
        MembersSeen(one, (by_patch,))
    ]
    assert okta.put(f"/Groups/{two}", team("Two", by_patch)).told == [MembersSeen(two, (by_patch,))]


def test_o2_activation_lists_users_and_groups(okta: Client) -> None:
    ids = [okta.user(name) for name in ("ada", "bob", "eve")]
    eng = okta.group("Eng", ids[0])
    users = okta.get("/Users?startIndex=1&count=2", **HEADERS)
    assert (users.ids, users.json["totalResults"], users.json["itemsPerPage"]) == (ids[:2], 3, 2)
    groups = okta.get("/Groups?startIndex=1&count=100", **HEADERS)
    assert groups.ids == [eng]
    assert groups.json["Resources"][0]["members"][0]["value"] == ids[0]


def test_o3_before_create_they_are_looked_for(okta: Client) -> None:
    answer = okta.get('/Users?filter=userName eq "ada@acme.com"&startIndex=1&count=100', **HEADERS)
    assert answer.status == 200
    assert b'"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]' in answer.text, "JSON integers"


def test_o4_create(okta: Client) -> None:
    made = okta.post("/Users", new_user(), **HEADERS)
    assert made.status == 201
    assert made.json["id"], 'an empty body is "Create new user returned empty user"'
    assert made.json["externalId"] == "00ujl29u0le5T6Aj10h7"
    assert "1mz050nq" not in repr((okta.memory.resources, made.told, made.text))
    assert {"password", "groups"}.isdisjoint(made.json)
    again = okta.post("/Users", new_user(), **HEADERS)
    assert (again.status, again.scim_type) == (409, "uniqueness")


def test_o5_deactivation_and_return(okta: Client) -> None:
    ada = okta.post("/Users", new_user()).id
    off = okta.patch(f"/Users/{ada}", {"op": "replace", "value": {"active": False}})
    assert (off.json["active"], okta.get(f"/Users/{ada}").json["active"], state(off)) == (
        False, False, UserState.SUSPENDED,
    )  # fmt: skip
    back = okta.put(f"/Users/{ada}", new_user())
    assert (back.json["active"], okta.get(f"/Users/{ada}").json["active"], state(back)) == (
        True, True, UserState.ACTIVE,
    )  # fmt: skip


def test_o6_what_was_read_is_sent_back(okta: Client) -> None:
    ada = okta.post("/Users", new_user()).id
    okta.group("Eng", ada)
    read = okta.get(f"/Users/{ada}").json
    assert not okta.put(f"/Users/{ada}", read).changed
    sent = read | {"name": read["name"] | {"middleName": "", "familyName": "Lovelace"}, "groups": []}
    answer = okta.put(f"/Users/{ada}", sent)
    assert (answer.status, answer.json["id"], answer.json["name"]["familyName"]) == (200, ada, "Lovelace")
    assert answer.json["groups"] == read["groups"], "readOnly"
    assert answer.json["emails"][0]["display"] == "ada@acme.com"


def test_o7_group_push(okta: Client) -> None:
    ada, bob = okta.user("ada"), okta.user("bob")
    made = okta.post("/Groups", {"schemas": [GROUP], "displayName": "Eng", "members": []})
    eng = made.id
    assert [type(each) for each in made.told] == [GroupsSeen]
    first = okta.patch(
        f"/Groups/{eng}",
        {"op": "replace", "value": {"id": eng, "displayName": "Eng"}},
        {"op": "add", "path": "members", "value": [{"value": ada, "display": "ada@acme.com"}]},
    )
    assert (first.status, first.told) == (204, [MembersSeen(eng, (ada,))])
    change = okta.patch(
        f"/Groups/{eng}",
        {"op": "replace", "value": {"id": eng, "displayName": "Engineering"}},
        {"op": "remove", "path": f'members[value eq "{ada}"]'},
        {"op": "add", "path": "members", "value": [{"value": bob, "display": "bob@acme.com"}]},
    )
    assert [type(each) for each in change.told] == [GroupsSeen, MembersSeen, MembersLeft]
    push_now = okta.patch(f"/Groups/{eng}", {"op": "replace", "path": "members", "value": [{"value": ada}]})
    assert push_now.told == [MembersSeen(eng, (ada,)), MembersLeft(eng, (bob,))]
    empty = okta.patch(f"/Groups/{eng}", {"op": "replace", "path": "members", "value": []})
    assert empty.told == [MembersLeft(eng, (ada,))]
    other = okta.patch(f"/Groups/{eng}", {"op": "replace", "value": {"id": "other", "displayName": "Eng"}})
    assert (other.status, other.scim_type) == (400, "mutability")
    by_put = okta.put(f"/Groups/{eng}", {"schemas": [GROUP], "id": eng, **team("Engineering", ada, bob)})
    assert (by_put.status, by_put.told) == (200, [MembersSeen(eng, (ada, bob))])


def test_o8_the_answer_to_a_group_needs_no_members(okta: Client) -> None:
    eng = okta.group("Eng", okta.user())
    answer = okta.patch(f"/Groups/{eng}", {"op": "replace", "value": {"id": eng, "displayName": "Ops"}})
    assert (answer.status, answer.read) == (204, [])


def test_o9_one_unknown_member_does_not_lose_a_push(okta: Client) -> None:
    ada, bob = okta.user("ada"), okta.user("bob")
    eng = okta.group("Eng", ada)
    sent = [{"value": "gone-long-ago"}, {"value": bob}]
    answer = okta.patch(f"/Groups/{eng}", {"op": "add", "path": "members", "value": sent})
    assert (answer.status, answer.told, answer.leniencies) == (204, [MembersSeen(eng, (bob,))], ("unknown-member",))


def test_o10_groups_are_found_by_name_and_deleted(okta: Client) -> None:
    eng = okta.group("Eng")
    assert okta.get('/Groups?filter=displayName eq "Eng"&startIndex=1&count=100').ids == [eng]
    assert okta.delete(f"/Groups/{eng}").status == 204


def test_o11_pages_in_a_stable_order(okta: Client) -> None:
    ids = [okta.user(f"user{number}") for number in range(250)]
    read = []
    for start in (1, 101, 201):
        read += okta.get(f"/Users?startIndex={start}&count=100").ids
        okta.patch(f"/Users/{ids[0]}", op("replace", "title", f"{start}"))
    assert read == ids


def test_o14_what_okta_does_not_ask_for_is_there_all_the_same(okta: Client) -> None:
    assert okta.post("/.search", {"count": 1}).status == 200
    assert okta.get('/Users?filter=meta.lastModified gt "2011-05-13T04:42:34Z"').status == 200
    assert okta.get("/ServiceProviderConfig").status == 200


def test_o15_entitlement_applications_find_no_such_types(okta: Client) -> None:
    assert {each["endpoint"] for each in okta.get("/ResourceTypes").json["Resources"]} == {"/Users", "/Groups"}
    assert okta.get("/Entitlements?count=1&startIndex=1").status == 404


def test_o16_the_test_suite(okta: Client) -> None:
    """Errors have a SCIM body with `detail` and a text `status`; a userName in capitals is found."""
    ada = okta.user("ada")
    assert okta.get('/Users?filter=userName eq "ADA@ACME.COM"').ids == [ada]
    missing = okta.get("/Users/00919288221112222")
    assert (missing.status, missing.json["status"], bool(missing.json["detail"])) == (404, "404", True)


def test_a_profile_push_changes_what_it_names(okta: Client) -> None:
    ada = okta.post("/Users", new_user(**{ENTERPRISE: {"department": "R&D"}})).id
    body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"title": "Boss", "id": ada}}]}
    answer = okta.ask("PATCH", f"/Users/{ada}", body, **HEADERS)
    assert (answer.json["title"], answer.json[ENTERPRISE]) == ("Boss", {"department": "R&D"})
    assert answer.told[0].users[0].department == "R&D"  # type: ignore[union-attr]


def test_a_group_that_is_no_group_of_ours_is_404(okta: Client) -> None:
    assert okta.patch("/Groups/abc", op("add", "members", [{"value": okta.user()}])).status == 404
    assert okta.put("/Users/abc", person()).status == 404
