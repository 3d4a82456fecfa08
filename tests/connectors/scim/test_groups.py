"""Groups and their members through the listener (RFC 7643 §4.2, RFC 7644 §3.5), to the letter and leniently alike."""

import pytest

from connectors.scim import listener, represent
from reconciler.model import DirectoryGroup, GroupGone, GroupsSeen, MembersLeft, MembersSeen
from tests.connectors.scim.client import BASE, GROUP, Client, op, team


@pytest.fixture(params=[False, True], ids=["lenient", "strict"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client("okta", strict=request.param)


def test_post_answers_with_the_group_and_its_members(client: Client) -> None:
    ada, inner = client.user("ada", displayName="Ada"), client.group("Inner")
    answer = client.post("/Groups", team("Eng", ada, inner, externalId="g-1"))
    eng = answer.json["id"]
    assert answer.status == 201
    assert answer.headers["Location"] == answer.json["meta"]["location"] == f"{BASE}/Groups/{eng}"
    assert answer.json["members"] == [
        {"value": ada, "$ref": f"{BASE}/Users/{ada}", "type": "User"},
        {"value": inner, "$ref": f"{BASE}/Groups/{inner}", "type": "Group"},
    ]
    assert answer.changed
    assert answer.told == [GroupsSeen((DirectoryGroup(eng, "Eng"),)), MembersSeen(eng, (ada,), (inner,))]


def test_an_empty_group_has_no_members(client: Client) -> None:
    answer = client.post("/Groups", team("Eng", members=[]))
    assert "members" not in answer.json
    assert answer.told == [GroupsSeen((DirectoryGroup(answer.id, "Eng"),))]


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": None}, {"externalId": "1"}])
def test_a_group_needs_a_name(client: Client, body: dict[str, str]) -> None:
    answer = client.post("/Groups", {"schemas": [GROUP], **body})
    assert (answer.status, answer.scim_type) == (400, "invalidValue")


def test_patch_of_members_answers_204_and_tells_who(client: Client) -> None:
    """E15, O8."""
    ada, bob, eve = client.user("ada"), client.user("bob"), client.user("eve")
    eng = client.group("Eng", ada)
    joined = client.patch(f"/Groups/{eng}", op("add", "members", [{"value": bob}, {"value": eve}]))
    assert (joined.status, joined.text, joined.told) == (204, b"", [MembersSeen(eng, (bob, eve))])
    left = client.patch(f"/Groups/{eng}", op("remove", f'members[value eq "{ada}"]'))
    assert (left.status, left.told) == (204, [MembersLeft(eng, (ada,))])
    both = client.patch(f"/Groups/{eng}", op("replace", "members", [{"value": eve}, {"value": ada}]))
    assert both.told == [MembersSeen(eng, (ada,)), MembersLeft(eng, (bob,))]
    assert client.members(eng) == [eve, ada]
    nobody = client.patch(f"/Groups/{eng}", op("remove", "members"))
    assert nobody.told == [MembersLeft(eng, (eve, ada))]
    assert [each.read for each in (joined, left, both, nobody)] == [[]] * 4, "the members are never loaded"


def test_names_of_members_are_shown_to_who_asks_for_them(client: Client) -> None:
    """`display` is what the server says: nobody is shown what they did not send unasked (scim2-tester)."""
    ada = client.user("ada", displayName="Ada")
    eng = client.group("Eng", ada)
    for asked in ("members.display", "members.display,members", f"{GROUP}:members.display"):
        shown = client.get(f"/Groups/{eng}?attributes={asked}").json["members"]
        assert [each["display"] for each in shown] == ["Ada"]
    for asked in ("?attributes=members", "?excludedAttributes=displayName", ""):
        shown = client.get(f"/Groups/{eng}{asked}").json["members"]
        assert [set(each) for each in shown] == [{"value", "$ref", "type"}]


@pytest.mark.parametrize("strict", [False, True])
def test_a_generic_client_is_shown_what_a_patch_made_of_a_group(strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 with all members (RFC 7644 §3.5.2); a group too large for that is 204, and not looked through."""
    monkeypatch.setattr(listener, "MOST_ANSWERED_MEMBERS", 2)
    client = Client("generic", strict=strict)
    people = [client.user(name) for name in ("ada", "bob", "eve")]
    eng = client.group("Eng")
    for size, each in enumerate(people, 1):
        answer = client.patch(f"/Groups/{eng}", op("add", "members", [{"value": each}]))
        assert answer.status == (200 if size <= 2 else 204)
        if size <= 2:
            assert [member["value"] for member in answer.json["members"]] == people[:size]
    unseen = client.patch(f"/Groups/{eng}?excludedAttributes=members", op("remove", f'members[value eq "{people[0]}"]'))
    assert (unseen.status, set(unseen.json), unseen.read) == (200, {"schemas", "id", "displayName", "meta"}, [])


def test_who_asks_for_attributes_is_answered_200(client: Client) -> None:
    """RFC 7644 §3.5.2."""
    eng, ada = client.group("Eng"), client.user()
    answer = client.patch(f"/Groups/{eng}?attributes=displayName", op("add", "members", [{"value": ada}]))
    assert (answer.status, set(answer.json), answer.read) == (200, {"schemas", "id", "displayName"}, [])
    assert client.patch(f"/Groups/{eng}?excludedAttributes=members", op("remove", "members")).status == 204


def test_what_changes_nothing_moves_nothing(client: Client) -> None:
    """JumpCloud repeats adds; RFC 7644 §3.5.2.1."""
    ada, bob = client.user("ada"), client.user("bob")
    eng = client.group("Eng", ada)
    before = client.get(f"/Groups/{eng}").json
    for operations in (
        [op("add", "members", [{"value": ada}])],
        [op("replace", "members", [{"value": ada}])],
        [op("replace", "displayName", "Eng")],
        [op("add", "members", [{"value": bob}]), op("remove", f'members[value eq "{bob}"]')],
        [op("remove", f'members[value eq "{ada}"]'), op("add", "members", [{"value": ada}])],
    ):
        answer = client.patch(f"/Groups/{eng}", *operations)
        assert (answer.status, answer.changed, answer.told) == (204, False, [])
    assert not client.put(f"/Groups/{eng}", before).changed
    assert client.get(f"/Groups/{eng}").json == before


def test_a_change_of_members_is_a_new_version(client: Client) -> None:
    eng, ada = client.group("Eng"), client.user()
    before = client.get(f"/Groups/{eng}").json["meta"]
    answer = client.patch(f"/Groups/{eng}", op("add", "members", [{"value": ada}]), if_match=before["version"])
    after = client.get(f"/Groups/{eng}").json["meta"]
    assert answer.headers["ETag"] == after["version"] != before["version"]
    assert after["lastModified"] > before["lastModified"]
    assert client.patch(f"/Groups/{eng}", op("remove", "members"), if_match=before["version"]).status == 412


def test_put_is_the_name_and_exactly_these_members(client: Client) -> None:
    ada, bob = client.user("ada"), client.user("bob")
    eng = client.group("Eng", ada)
    answer = client.put(f"/Groups/{eng}", team("Engineering", bob))
    assert (answer.status, [each["value"] for each in answer.json["members"]]) == (200, [bob])
    assert answer.told == [
        GroupsSeen((DirectoryGroup(eng, "Engineering"),)), MembersSeen(eng, (bob,)), MembersLeft(eng, (ada,)),
    ]  # fmt: skip
    assert client.put(f"/Groups/{eng}", team("Engineering")).told == [MembersLeft(eng, (bob,))]


def test_a_rename_tells_the_name_alone(client: Client) -> None:
    eng = client.group("Eng", client.user())
    answer = client.patch(f"/Groups/{eng}", op("replace", "displayName", "Engineering"))
    assert answer.told == [GroupsSeen((DirectoryGroup(eng, "Engineering"),))]


def test_delete(client: Client) -> None:
    ada = client.user()
    eng = client.group("Eng", ada)
    gone = client.delete(f"/Groups/{eng}")
    assert (gone.status, gone.changed, gone.told) == (204, True, [GroupGone(eng)])
    assert client.delete(f"/Groups/{eng}").status == client.get(f"/Groups/{eng}").status == 404
    assert "groups" not in client.get(f"/Users/{ada}").json
    assert client.group("Eng") != eng


@pytest.mark.parametrize("query", ["excludedAttributes=members", "attributes=displayName", "attributes=id"])
def test_members_that_are_not_shown_are_not_read(client: Client, query: str) -> None:
    """E13: "must not touch the membership table at all"."""
    eng = client.group("Eng", client.user())
    assert client.get(f"/Groups/{eng}?{query}").read == []
    listed = client.get(f'/Groups?filter=displayName eq "Eng"&{query}')
    assert (listed.ids, listed.read) == ([eng], ["find"])


def test_members_by_something_else_than_their_ids(client: Client) -> None:
    ada, inner = client.user("ada", displayName="Ada"), client.group("Inner")
    eng = client.group("Eng", ada, inner)
    assert client.patch(f"/Groups/{eng}", op("remove", 'members[type eq "Group"]')).told == [
        MembersLeft(eng, (), (inner,))
    ]
    twice = [op("add", "members", [{"value": inner}]), op("remove", 'members[display eq "Ada" or type eq "Group"]')]
    assert client.patch(f"/Groups/{eng}", *twice).told == [MembersLeft(eng, (ada,))]
    assert client.members(eng) == []


def test_who_is_not_there_cannot_leave_to_the_letter() -> None:
    """RFC 7644 §3.5.2.2 leaves it open; strict says noTarget. What came before in the request counts."""
    strict, lenient = Client("okta", strict=True), Client("okta")
    for client, status in ((strict, 400), (lenient, 204)):
        ada, bob = client.user("ada"), client.user("bob")
        eng = client.group("Eng", ada)
        assert client.patch(f"/Groups/{eng}", op("remove", f'members[value eq "{bob}"]')).status == status
        come_and_go = [op("add", "members", [{"value": bob}]), op("remove", f'members[value eq "{bob}"]')]
        assert client.patch(f"/Groups/{eng}", *come_and_go).status == 204
        gone = [op("remove", "members"), op("remove", f'members[value eq "{ada}"]')]
        assert client.patch(f"/Groups/{eng}", *gone).status == status
    assert lenient.members(eng) == []
    assert len(strict.members(eng)) == 1, "nothing of what was refused is done"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_members_that_nobody_knows(method: str) -> None:
    """O9: leniently skipped and counted, the rest is done; to the letter 400 invalidValue and nothing is done."""
    for client in (Client(strict=True), Client("okta")):
        ada, eng = client.user("ada"), client.group("Eng")
        body = team("Eng", ada, "nobody")
        if method == "PATCH":
            answer = client.patch(f"/Groups/{eng}", op("add", "members", body["members"]))
        else:
            answer = client.ask(method, "/Groups" if method == "POST" else f"/Groups/{eng}", body)
        if client.strict:
            assert (answer.status, answer.scim_type, answer.told) == (400, "invalidValue", [])
            assert "nobody" in answer.json["detail"]
        else:
            assert answer.leniencies == ("unknown-member",)
            group = answer.json["id"] if method == "POST" else eng
            assert client.members(group) == [ada]


def test_groups_in_a_circle(client: Client) -> None:
    one = client.group("One")
    two = client.group("Two", one)
    assert client.patch(f"/Groups/{one}", op("add", "members", [{"value": two}])).status == 204
    assert client.members(one) == [two]


def test_a_list_of_large_groups_ends_early_and_goes_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """PingFederate lists all groups with all members: a page is bounded by the members of its groups together."""
    monkeypatch.setattr(represent, "MOST_SHOWN_MEMBERS", 3)
    people = [client.user(name) for name in ("ada", "bob", "eve", "dan")]
    large = client.group("Large", *people)
    rest = [client.group("Two", *people[:2]), client.group("One", *people[:1]), client.group("None")]
    first = client.get("/Groups")
    assert (first.ids, first.json["totalResults"], first.json["itemsPerPage"]) == ([large], 4, 1)
    assert len(first.json["Resources"][0]["members"]) == 4, "no group is cut"
    assert client.get("/Groups?startIndex=2").ids == rest
    pages = [client.get("/Groups?cursor=")]
    while "nextCursor" in pages[-1].json:
        pages.append(client.get(f"/Groups?cursor={pages[-1].json['nextCursor']}"))
    assert [page.ids for page in pages] == [[large], rest]
    assert client.get("/Groups?excludedAttributes=members").ids == [large, *rest]


@pytest.mark.parametrize(("name", "status"), [("entra", 409), ("authentik", 409), ("okta", 201), ("generic", 201)])
def test_two_groups_of_a_name(name: str, status: int) -> None:
    """E17, for those whose own groups cannot have the same name."""
    client = Client(name)
    client.group("Eng")
    assert client.post("/Groups", team("ENG")).status == status
    assert Client(name, strict=True).post("/Groups", team("Eng")).status == 201


def test_a_group_whose_nested_group_goes_is_another_version(client: Client) -> None:
    """If-None-Match of before would hide that a member is gone."""
    inner = client.group("Inner")
    outer = client.group("Outer", inner)
    before = client.get(f"/Groups/{outer}").headers["ETag"]
    assert client.delete(f"/Groups/{inner}").status == 204
    after = client.get(f"/Groups/{outer}", if_none_match=before)
    assert (after.status, after.json.get("members")) == (200, None)
    assert after.json["meta"]["lastModified"] > after.json["meta"]["created"]
