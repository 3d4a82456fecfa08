"""The Okta simulator: paging, filters, field selection, refusals, tokens, limits."""

from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.okta import Okta
from tests.simulators.clients import client, okta_form, okta_pages


def ids(pages: Any) -> list[str]:
    return [item["id"] for page in pages for item in page]


def small() -> World:
    world = World("okta")
    for name in ("Ada", "Bob", "Eve"):
        world.hire(name, "Smith")
    return world


def test_a_full_listing_shows_everybody_once(okta: Simulator, okta_http: httpx.Client) -> None:
    pages = list(okta_pages(okta_http, "/api/v1/users?limit=200"))
    assert [len(page) for page in pages] == [200, 200, 50]
    assert ids(pages) == list(okta.world.people)


def test_links_are_two_headers_self_first(okta_http: httpx.Client) -> None:
    answer = okta_http.get("/api/v1/users?limit=2")
    raw = [(name, value) for name, value in answer.headers.raw if name.lower() == b"link"]
    assert [name for name, _ in raw] == [b"link", b"link"]
    assert [value.partition(b"rel=")[2] for _, value in raw] == [b'"self"', b'"next"']
    last = okta_http.get("/api/v1/groups")
    assert {name: link["url"] for name, link in last.links.items()} == {"self": str(last.url)}


def test_someone_who_leaves_between_two_pages_shifts_nobody() -> None:
    with Simulator("okta", small()) as okta, client(okta) as http:
        pages = okta_pages(http, "/api/v1/users?limit=1")
        first = next(pages)
        okta.world.purge(first[0]["id"])
        assert ids([first, *pages]) == [first[0]["id"], *okta.world.people]


def test_deprovisioned_people_are_in_filters_and_groups_only() -> None:
    world = small()
    eve, group = world.person("eve.smith@example.com"), world.add_group("Staff")
    world.join(group.id, eve.id)
    world.delete(eve.id)
    with Simulator("okta", world) as okta, client(okta) as http:
        assert len(http.get("/api/v1/users").json()) == 2
        assert http.get("/api/v1/users?q=eve").json() == []
        for path in (
            '/api/v1/users?filter=status eq "DEPROVISIONED"',
            '/api/v1/users?search=profile.firstName eq "EVE"',
            f"/api/v1/groups/{group.id}/users",
        ):
            assert ids([http.get(path).json()]) == [eve.id]
        assert http.get(f"/api/v1/users/{eve.id}").json()["status"] == "DEPROVISIONED"


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/api/v1/users?limit=201", "E0000001", "limit: must be between 1 and 200"),
        ("/api/v1/users?limit=0", "E0000001", "limit: must be between 1 and 200"),
        ("/api/v1/users?limit=many", "E0000001", "limit: must be between 1 and 200"),
        ("/api/v1/groups?limit=10001", "E0000001", "limit: must be between 1 and 10000"),
        ("/api/v1/users?after=nonsense", "E0000001", "after: is not a cursor of this list"),
        ("/api/v1/users?pageSize=5", "E0000001", "pageSize: unknown or repeated query parameter"),
        ("/api/v1/users?limit=1&limit=2", "E0000001", "limit: unknown or repeated query parameter"),
        ("/api/v1/users?fields=shoe", "E0000001", "fields: unknown field shoe"),
        ("/api/v1/users?fields=profile:(login", "E0000001", "fields: profile:( is not closed"),
        ("/api/v1/users?sortBy=id", "E0000001", "sortBy: unknown or repeated query parameter"),
        ("/api/v1/groups?expand=app", "E0000001", "expand: only stats is simulated"),
        ('/api/v1/users?q=a&filter=id eq "1"', "E0000001", "q: cannot be combined with filter"),
        ('/api/v1/users?filter=profile.shoe eq "43"', "E0000031", "'profile.shoe' cannot be filtered"),
        ('/api/v1/users?filter=status gt "A"', "E0000031", "operator 'gt' is not supported for 'status'"),
        ('/api/v1/groups?filter=profile.name eq "A"', "E0000031", "'profile.name' cannot be filtered"),
    ],
)
def test_requests_that_okta_refuses(okta_http: httpx.Client, path: str, code: str, text: str) -> None:
    answer = okta_http.get(path)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
    assert text in str(answer.json())


@pytest.mark.parametrize(
    "path", ["/api/v1/users/nobody", "/api/v1/groups/none", "/api/v1/groups/none/users", "/api/v2"]
)
def test_what_is_not_there(okta_http: httpx.Client, path: str) -> None:
    answer = okta_http.get(path)
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "E0000007")


def test_fields_keep_the_id_and_select_inside_the_profile(okta_http: httpx.Client) -> None:
    shown = okta_http.get("/api/v1/users?limit=1&fields=status,profile:(login,shoe)").json()[0]
    assert set(shown) == {"id", "status", "profile"}
    assert set(shown["profile"]) == {"login"}


def test_the_content_type_header_of_a_get_omits_credentials(okta_http: httpx.Client) -> None:
    slim = {"content-type": "application/json; okta-response=omitCredentials,omitCredentialsLinks"}
    assert "credentials" not in okta_http.get("/api/v1/users?limit=1", headers=slim).json()[0]
    assert "credentials" in okta_http.get("/api/v1/users?limit=1").json()[0]


def test_groups_by_time_of_change() -> None:
    world = small()
    old, new = world.add_group("Old"), world.add_group("New")
    since = world.now.isoformat()
    world.join(new.id, world.person("ada.smith@example.com").id)
    with Simulator("okta", world) as okta, client(okta) as http:
        text = f'lastMembershipUpdated gt "{since}" and type eq "OKTA_GROUP"'
        assert ids([http.get("/api/v1/groups", params={"filter": text}).json()]) == [new.id]
        assert ids([http.get("/api/v1/groups", params={"q": "ol"}).json()]) == [old.id]
        stats = http.get("/api/v1/groups?expand=stats").json()
        assert [group["_embedded"]["stats"]["usersCount"] for group in stats] == [0, 1]


def test_a_login_or_its_unambiguous_short_name_finds_a_user() -> None:
    with Simulator("okta", small()) as okta, client(okta) as http:
        ada = okta.world.person("ada.smith@example.com")
        for key in (ada.id, "ADA.smith@example.com", "ada.smith"):
            assert http.get(f"/api/v1/users/{key}").json()["id"] == ada.id
        okta.world.rename(ada.id, user_name="al@example.com")
        assert http.get("/api/v1/users/ada.smith@example.com").status_code == 404


def test_changes_show_at_once() -> None:
    with Simulator("okta", small()) as okta, client(okta) as http:
        ada = http.get("/api/v1/users").json()[0]
        okta.world.rename(ada["id"], family_name="Lovelace")
        okta.world.set_attribute(ada["id"], "jamie_role", "admin")
        now = http.get("/api/v1/users").json()[0]
        assert (now["profile"]["lastName"], now["profile"]["jamie_role"]) == ("Lovelace", "admin")
        assert now["lastUpdated"] > ada["lastUpdated"]


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("", 401, "E0000005"), ("SSWS wrong", 401, "E0000011"), ("Bearer wrong", 401, "E0000011")],
)
def test_without_a_valid_token(okta: Simulator, header: str, status: int, code: str) -> None:
    answer = httpx.get(f"{okta.url}/api/v1/users", headers={"authorization": header} if header else {})
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


def test_ssws_needs_no_space(okta: Simulator) -> None:
    token = okta.credentials["token"]
    assert httpx.get(f"{okta.url}/api/v1/users", headers={"authorization": f"SSWS{token}"}).status_code == 200


def test_a_service_app_gets_a_token_for_granted_scopes(okta: Simulator) -> None:
    answer = httpx.post(f"{okta.url}/oauth2/v1/token", data=okta_form(okta))
    assert answer.json()["scope"] == "okta.users.read okta.groups.read"
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.get(f"{okta.url}/api/v1/users", headers=bearer).status_code == 200
    refused = httpx.get(f"{okta.url}/api/v1/meta/schemas/user/default", headers=bearer)
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "E0000006")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "okta.users.manage"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion": "a.b.c"}, "invalid_client"),
        ({"client_assertion_type": ""}, "invalid_client"),
    ],
)
def test_token_requests_that_okta_refuses(okta: Simulator, change: dict[str, str], error: str) -> None:
    answer = httpx.post(f"{okta.url}/oauth2/v1/token", data={**okta_form(okta), **change})
    assert (answer.status_code >= 400, answer.json()["error"]) == (True, error)


@pytest.mark.parametrize("claims", [{"aud": "https://evil.example/token"}, {"iss": "someone"}, {"exp": 1}])
def test_assertions_that_okta_refuses(okta: Simulator, claims: dict[str, Any]) -> None:
    answer = httpx.post(f"{okta.url}/oauth2/v1/token", data=okta_form(okta, **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_token_without_the_admin_role_sees_nothing() -> None:
    with Simulator("okta", small()) as okta:
        assert isinstance(okta.vendor, Okta)
        okta.vendor.role = False
        token = httpx.post(f"{okta.url}/oauth2/v1/token", data=okta_form(okta)).json()["access_token"]
        answer = httpx.get(f"{okta.url}/api/v1/users", headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["errorCode"]) == (403, "E0000006")


def test_rate_limit_headers_count_down_and_the_limit_holds() -> None:
    with Simulator("okta", small()) as okta, client(okta) as http:
        assert isinstance(okta.vendor, Okta)
        okta.vendor.buckets.limit = 2
        answers = [http.get("/api/v1/users") for _ in range(3)]
        assert [a.headers["x-rate-limit-remaining"] for a in answers] == ["1", "0", "0"]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].json()["errorCode"] == "E0000047"
        assert 0 < int(answers[2].headers["x-rate-limit-reset"]) - okta.world.now.timestamp() <= 61
        assert answers[2].headers["date"] == "Mon, 05 Jan 2026 09:00:03 GMT"


def test_each_family_of_requests_has_its_own_bucket() -> None:
    world = World.generate("okta", 6, 3)
    group, person = next(iter(world.groups)), next(iter(world.people))
    with Simulator("okta", world) as okta, client(okta) as http:
        assert isinstance(okta.vendor, Okta)
        okta.vendor.buckets.limits = {"groups": 2, "users": 1}
        paths = ("groups", f"groups/{group}/users", "groups", f"groups/{group}", "users", "users", f"users/{person}")
        answers = [http.get(f"/api/v1/{path}") for path in paths]
    assert [a.status_code for a in answers] == [200, 200, 429, 200, 200, 429, 200]
    assert [a.headers["x-rate-limit-limit"] for a in answers[1:5]] == ["2", "2", "1000000", "1"]


def test_a_bucket_is_shared_with_other_apps_and_one_app_may_use_a_part() -> None:
    with Simulator("okta", small()) as okta, client(okta) as http:
        assert isinstance(okta.vendor, Okta)
        okta.vendor.buckets.limit, okta.vendor.buckets.others = 8, 2
        okta.vendor.buckets.share = 0.5
        answers = [http.get("/api/v1/users") for _ in range(5)]
    assert [a.headers["x-rate-limit-remaining"] for a in answers] == ["5", "4", "3", "2", "1"]
    assert [a.status_code for a in answers] == [200, 200, 200, 200, 429]


def test_what_changed_since_a_moment_leavers_too() -> None:
    """What an incremental read asks (facts §4.2): deactivated people are told, deleted ones never."""
    world = World.generate("okta", 6, 3)
    since = okta_time(world)
    first, second, third, *_ = world.people
    world.suspend(first)
    world.delete(second)
    world.purge(third)
    group = world.group("Engineering").id
    world.join(group, world.hire("Ada").id)
    with Simulator("okta", world) as okta, client(okta) as http:
        found = http.get(f'/api/v1/users?filter=lastUpdated gt "{since}"').raise_for_status().json()
        told = {user["id"]: user["status"] for user in found}
        assert (told[first], told[second], third in told) == ("SUSPENDED", "DEPROVISIONED", False)
        kinds = '(type eq "OKTA_GROUP" or type eq "APP_GROUP")'
        moved = http.get(f'/api/v1/groups?filter=lastMembershipUpdated gt "{since}" and {kinds}').json()
        assert group in [each["id"] for each in moved]
        assert http.get(f'/api/v1/groups?filter=lastUpdated gt "{since}"').json() == []
        assert http.get(f"/api/v1/users/{second}").json()["status"] == "DEPROVISIONED"
        assert http.get(f"/api/v1/users/{third}").status_code == 404


def okta_time(world: World) -> str:
    return world.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
