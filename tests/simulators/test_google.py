"""The Google simulator: paging, masks, projections, members, deleted users, refusals, tokens, scopes."""

from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.google_fields import Mask
from rosterd.simulators.world import UnknownError
from tests.simulators.clients import GOOGLE, client, google_form, google_pages
from tests.simulators.specs import google_problems

MY = "customer=my_customer"


def ids(pages: Any) -> list[str]:
    return [item["id"] for page in pages for item in page]


def test_a_full_listing_shows_everybody_once(google: Simulator, google_http: httpx.Client) -> None:
    pages = list(google_pages(google_http, f"/users?{MY}&maxResults=200", "users"))
    assert [len(page) for page in pages] == [200, 200, 50]
    assert ids(pages) == list(google.world.people)
    assert len(next(google_pages(google_http, f"/users?{MY}", "users"))) == 100


def test_a_mask_is_really_applied(google_http: httpx.Client) -> None:
    mask = "users(id,name/fullName,emails(address)),nextPageToken"
    body = google_http.get(f"{GOOGLE}/users?{MY}&maxResults=2&fields={mask}").json()
    assert set(body) == {"users", "nextPageToken"}
    assert set(body["users"][0]) == {"id", "name", "emails"}
    assert (set(body["users"][0]["name"]), set(body["users"][0]["emails"][0])) == ({"fullName"}, {"address"})
    assert set(google_http.get(f"{GOOGLE}/users?{MY}&maxResults=2&fields=users/id").json()) == {"users"}  # no next page
    assert google_http.get(f"{GOOGLE}/users?{MY}&maxResults=2&fields=kind").json() == {"kind": "admin#directory#users"}


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        ("", {"id": 1, "name": {"fullName": "A", "givenName": "B"}, "emails": [{"a": 1, "b": 2}]}),
        ("*", {"id": 1, "name": {"fullName": "A", "givenName": "B"}, "emails": [{"a": 1, "b": 2}]}),
        ("id", {"id": 1}),
        ("name(givenName),emails/b", {"name": {"givenName": "B"}, "emails": [{"b": 2}]}),
        ("name/fullName,name/givenName", {"name": {"fullName": "A", "givenName": "B"}}),
        ("name,name/fullName", {"name": {"fullName": "A", "givenName": "B"}}),
        ("emails(*)", {"emails": [{"a": 1, "b": 2}]}),
        ("customSchemas/Jamie/role", {}),
    ],
)
def test_masks(mask: str, shown: dict[str, Any]) -> None:
    user = {"id": 1, "name": {"fullName": "A", "givenName": "B"}, "emails": [{"a": 1, "b": 2}]}
    assert Mask.read(mask, "User").of(user) == shown


@pytest.mark.parametrize(
    "mask", ["shoe", "name(shoe)", "name/shoe", "id,", "name(fullName", "id)", "(id)", "name()", "/id"]
)
def test_masks_that_google_refuses(google_http: httpx.Client, mask: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Mask.read(mask, "User")
    answer = google_http.get(f"{GOOGLE}/users/x?fields={mask}")
    assert answer.status_code in (400, 404)


def test_suspended_people_are_listed_and_deleted_ones_apart() -> None:
    world = World("google")
    ada, bob, eve = (world.hire(name, "Smith") for name in ("Ada", "Bob", "Eve"))
    world.suspend(bob.id)
    with Simulator("google", world) as google, client(google) as http:
        deleted = f"{GOOGLE}/users?{MY}&showDeleted=true"
        assert "users" not in http.get(deleted).json()
        world.delete(eve.id)
        first, second = http.get(f"{GOOGLE}/users?{MY}").json()["users"]
        assert (first["id"], first["suspended"], second["suspended"]) == (ada.id, False, True)
        assert "suspensionReason" not in first
        assert second["suspensionReason"] == "ADMIN"
        (gone,) = http.get(deleted).json()["users"]
        assert (gone["id"], gone["deletionTime"]) == (eve.id, eve.status_changed)
        assert http.get(f"{GOOGLE}/users/{eve.id}").status_code == 404
        world.set_status(bob.id, "archived")
        assert http.get(f"{GOOGLE}/users/{bob.email}").json()["archived"] is True


def test_a_domain_shows_its_own_people() -> None:
    world = World("google")
    ada = world.hire("Ada")
    world.hire("Bob", email="bob@other.example")
    with Simulator("google", world) as google, client(google) as http:
        assert ids(google_pages(http, "/users?domain=example.com", "users")) == [ada.id]
        assert len(ids(google_pages(http, f"/users?{MY}", "users"))) == 2


def test_custom_schemas_need_the_projection() -> None:
    world = World("google")
    world.hire("Ada", attributes={"jamie_role": "admin", "Desk.floor": "3"})
    with Simulator("google", world) as google, client(google) as http:

        def schemas(query: str) -> Any:
            return http.get(f"{GOOGLE}/users?{MY}{query}").json()["users"][0].get("customSchemas")

        assert schemas("") is None
        assert schemas("&projection=custom&customFieldMask=Jamie") == {"Jamie": {"jamie_role": "admin"}}
        assert schemas("&projection=full") == {"Jamie": {"jamie_role": "admin"}, "Desk": {"floor": "3"}}


def test_members_of_every_type() -> None:
    world = World("google")
    ada, bob = world.hire("Ada"), world.hire("Bob")
    outer, inner = world.add_group("Outer"), world.add_group("Inner")
    world.join(outer.id, ada.id, owner=True)
    world.join(outer.id, inner.id)
    world.join(outer.id, world.tenant)
    world.join(inner.id, bob.id)
    world.join(inner.id, outer.id)
    world.suspend(bob.id)
    with Simulator("google", world) as google, client(google) as http:

        def members(query: str = "") -> list[dict[str, Any]]:
            return list(http.get(f"{GOOGLE}/groups/{outer.email}/members{query}").json().get("members", []))

        user, group, everybody = members()
        assert (user["type"], user["role"], user["status"]) == ("USER", "OWNER", "ACTIVE")
        assert (group["type"], group["email"]) == ("GROUP", "inner@example.com")
        assert (everybody["type"], "email" in everybody) == ("CUSTOMER", False)
        assert [m["id"] for m in members("?roles=MEMBER")] == [inner.id, world.tenant]
        assert [m["id"] for m in members("?roles=OWNER,MANAGER")] == [ada.id]
        assert [m["id"] for m in members("?includeDerivedMembership=true")] == [ada.id, inner.id, world.tenant, bob.id]
        assert members("?includeDerivedMembership=true")[-1]["status"] == "SUSPENDED"
        assert ids(google_pages(http, f"/groups/{outer.id}/members?maxResults=1", "members")) == list(outer.members)


def test_an_empty_list_has_no_key_and_counts_are_strings() -> None:
    world = World("google")
    world.hire("Ada")
    with Simulator("google", world) as google, client(google) as http:
        assert set(http.get(f"{GOOGLE}/groups?{MY}").json()) == {"kind", "etag"}
        group = world.add_group("Empty")
        assert set(http.get(f"{GOOGLE}/groups/{group.id}/members").json()) == {"kind", "etag"}
        assert http.get(f"{GOOGLE}/groups/{group.id}").json()["directMembersCount"] == "0"


def test_groups_of_a_user_and_queries(google: Simulator, google_http: httpx.Client) -> None:
    person = next(iter(google.world.people.values()))
    mine = [group.id for group in google.world.groups.values() if person.id in group.members]
    assert ids(google_pages(google_http, f"/groups?userKey={person.email}", "groups")) == mine
    assert ids(google_pages(google_http, f"/groups?{MY}&query=memberKey={person.email}", "groups")) == mine
    design = google.world.group("Design").id
    assert ids(google_pages(google_http, f"/groups?{MY}&query=name='Design'", "groups")) == [design]
    off = [p.id for p in google.world.people.values() if p.status == "suspended"]
    assert ids(google_pages(google_http, f"/users?{MY}&query=isSuspended=true", "users")) == off
    sales = [p.id for p in google.world.people.values() if p.department == "Sales" and p.email.startswith("a")]
    assert ids(google_pages(google_http, f"/users?{MY}&query=orgUnitPath=/Sales email:a*", "users")) == sales


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        (f"/users?{MY}&maxResults=501", 400, "invalidParameter"),
        (f"/users?{MY}&maxResults=0", 400, "invalidParameter"),
        (f"/groups?{MY}&maxResults=201", 400, "invalidParameter"),
        ("/groups/design@example.com/members?maxResults=201", 400, "invalidParameter"),
        ("/groups/design@example.com/members?roles=BOSS", 400, "invalidParameter"),
        ("/users", 400, "badRequest"),
        ("/groups", 400, "badRequest"),
        (f"/users?{MY}&pageSize=5", 400, "badRequest"),
        (f"/users?{MY}&pageToken=nonsense", 400, "invalid"),
        (f"/users?{MY}&projection=some", 400, "invalidParameter"),
        (f"/users?{MY}&projection=custom", 400, "invalidParameter"),
        (f"/users?{MY}&customFieldMask=Jamie", 400, "invalidParameter"),
        (f"/users?{MY}&projection=custom&customFieldMask=Shoes", 400, "invalidParameter"),
        (f"/users?{MY}&fields=users(shoe)", 400, "invalidParameter"),
        (f"/users?{MY}&query=shoe=43", 400, "invalidParameter"),
        (f"/groups?{MY}&query=shoe", 400, "invalidParameter"),
        ("/users?customer=C0other", 403, "forbidden"),
        ("/users?domain=other.com", 404, "notFound"),
        ("/users/nobody@example.com", 404, "notFound"),
        ("/groups/none", 404, "notFound"),
        ("/devices", 404, "notFound"),
    ],
)
def test_requests_that_google_refuses(google_http: httpx.Client, path: str, status: int, reason: str) -> None:
    answer = google_http.get(GOOGLE + path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["errors"][0]["reason"]) == (status, status, reason)
    assert error["status"] in ("INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND")


@pytest.mark.parametrize(("header", "reason"), [("", "required"), ("Bearer wrong", "authError")])
def test_without_a_valid_token(google: Simulator, header: str, reason: str) -> None:
    answer = httpx.get(f"{google.url}{GOOGLE}/users?{MY}", headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (401, reason)


def test_a_token_without_the_scope(google: Simulator) -> None:
    scope = "https://www.googleapis.com/auth/admin.directory.user.readonly"
    token = httpx.post(f"{google.url}/token", data=google_form(google, scope=scope)).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{google.url}{GOOGLE}/users?{MY}", headers=bearer).status_code == 200
    answer = httpx.get(f"{google.url}{GOOGLE}/groups?{MY}", headers=bearer)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (403, "insufficientPermissions")


@pytest.mark.parametrize(
    ("claims", "status", "error"),
    [
        ({"sub": None}, 401, "unauthorized_client"),
        ({"scope": "https://www.googleapis.com/auth/admin.directory.user"}, 401, "unauthorized_client"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"sub": "nobody@example.com"}, 400, "invalid_grant"),
        ({"iss": "other@example.iam.gserviceaccount.com"}, 400, "invalid_grant"),
        ({"aud": "https://evil.example/token"}, 400, "invalid_grant"),
        ({"exp": 1}, 400, "invalid_grant"),
    ],
)
def test_assertions_that_google_refuses(google: Simulator, claims: dict[str, Any], status: int, error: str) -> None:
    answer = httpx.post(f"{google.url}/token", data=google_form(google, **claims))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_other_token_requests_that_google_refuses(google: Simulator) -> None:
    form = google_form(google)
    assert (
        httpx.post(f"{google.url}/token", data=form | {"grant_type": "x"}).json()["error"] == "unsupported_grant_type"
    )
    forged = form["assertion"][:-8] + "AAAAAAAA"
    answer = httpx.post(f"{google.url}/token", data=form | {"assertion": forged}).json()
    assert answer == {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}


def test_the_subject_is_an_administrator_and_may_be_renamed() -> None:
    world = World("google")
    ada = world.hire("Ada", "Byron")
    world.hire("Bob")
    with Simulator("google", world) as google, client(google) as http:
        world.rename(ada.id, email="ada.lovelace@example.com")
        assert [user["isAdmin"] for user in http.get(f"{GOOGLE}/users?{MY}").json()["users"]] == [True, False]
        assert httpx.post(f"{google.url}/token", data=google_form(google)).status_code == 200
        world.suspend(ada.id)
        assert httpx.post(f"{google.url}/token", data=google_form(google)).json()["error"] == "invalid_grant"


def test_a_member_of_another_company() -> None:
    world = World.generate("google", 5, 2)
    group = world.join("Engineering", "Ann@Partner.example")
    with Simulator("google", world) as google, client(google) as http:
        members = http.get(f"{GOOGLE}/groups/{group.id}/members").json()["members"]
        (ann,) = [member for member in members if member["type"] == "EXTERNAL"]
        assert (ann["email"], "status" in ann, google_problems(ann, "Member")) == ("Ann@Partner.example", False, [])
        assert http.get(f"{GOOGLE}/users/{ann['id']}").status_code == 404
        world.leave("Engineering", ann["id"])
        assert len(http.get(f"{GOOGLE}/groups/{group.id}/members").json()["members"]) == len(members) - 1
    with pytest.raises(UnknownError):
        world.join("Engineering", "nobody@example.com")


def test_who_was_deleted_and_when() -> None:
    world = World.generate("google", 5, 2)
    leaver = world.delete(list(world.people)[3])
    with Simulator("google", world) as google, client(google) as http:
        (found,) = http.get(f"{GOOGLE}/users?customer=my_customer&showDeleted=true").json()["users"]
        assert (found["id"], found["deletionTime"]) == (leaver.id, leaver.status_changed)
        assert http.get(f"{GOOGLE}/users/{leaver.id}").status_code == 404
        google.world.purge(leaver.id)
        assert "users" not in http.get(f"{GOOGLE}/users?customer=my_customer&showDeleted=true").json()
