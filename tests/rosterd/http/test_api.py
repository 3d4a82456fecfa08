"""The REST API over a real socket: every route with its status and shape, who may use it, what is refused and how."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from rosterd.http.api.app import routed
from rosterd.http.api.ports import Outside
from rosterd.ports import now
from store import open_store
from store.leases import give_back, take
from tests.rosterd.http.api import Acme

NAMES = ("ada", "bob", "cyd", "dan", "eve", "fay")
ADA, HAL = "ada@acme.com", "hal@hand.org"
ADMIN = {"role": "admin"}
DESCRIPTION: dict[str, Any] = routed(Outside(lambda: None, None, None, None)).openapi()  # type: ignore[arg-type,return-value]


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """Served for all tests of this module; a run holds that three left."""
    folder = tmp_path_factory.mktemp("api")
    store = open_store(f"sqlite:///{folder}/rosterd.db")
    made = Acme(store, folder, *NAMES)
    made.run = made.hold().run
    with made.served():
        yield made
    store.close()


def shown(method: str, template: str, answer: httpx.Response) -> Any:
    """The body, which is as the description says of this route and status."""
    described = DESCRIPTION["paths"][f"/v1{template}"][method.lower()]["responses"]
    found = described.get(str(answer.status_code), described["default"])
    (media,) = found["content"]
    assert answer.headers["content-type"] == media
    body = answer.json()
    schema = {**found["content"][media]["schema"], "components": DESCRIPTION["components"]}
    Draft202012Validator(schema).validate(body)
    return body


def ask(acme: Acme, method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
    """One request. {run} in the path is the run that holds something."""
    with acme.client(token) as client:
        return client.request(method, path.replace("{run}", acme.run), **options)


HAND, MEMBER = "/workspaces/hand/members", "/workspaces/{workspace}/members/{email}"
# In this order they make a story: method, path of the description, path asked, body, status, scope, workspace.
ROUTES: list[tuple[str, str, str, Any, int, str, str]] = [
    ("GET", "/workspaces", "/workspaces", None, 200, "read", ""),
    ("GET", "/directories", "/directories", None, 200, "read", ""),
    ("GET", "/directories/{id}", "/directories/okta", None, 200, "read", "acme"),
    ("GET", "/directories/{id}", "/directories/told", None, 200, "read", "acme"),
    ("GET", "/runs", "/runs", None, 200, "read", ""),
    ("GET", "/runs/{run}", "/runs/{run}", None, 200, "read", "acme"),
    ("GET", "/runs/{run}/actions", "/runs/{run}/actions", None, 200, "read", "acme"),
    ("GET", "/held", "/held", None, 200, "read", ""),
    ("GET", "/runs/{run}/held", "/runs/{run}/held", None, 200, "read", "acme"),
    ("GET", "/workspaces/{workspace}/members", "/workspaces/acme/members", None, 200, "read", "acme"),
    ("GET", MEMBER, f"/workspaces/acme/members/{ADA}", None, 200, "read", "acme"),
    ("GET", f"{MEMBER}/why", f"/workspaces/acme/members/{ADA}/why", None, 200, "read", "acme"),
    ("GET", f"{MEMBER}/why", f"/workspaces/acme/members/{ADA}/why?at={{run}}", None, 200, "read", "acme"),
    ("POST", "/directories/{id}/sync", "/directories/okta/sync", {"full": True}, 202, "operate", "acme"),
    ("POST", "/directories/{id}/sync", "/directories/okta/sync", None, 202, "operate", "acme"),
    ("GET", "/requests", "/requests", None, 200, "read", ""),
    ("POST", "/runs/{run}/approve", "/runs/{run}/approve", {"digest": "?", "only": []}, 200, "operate", "acme"),
    ("POST", "/runs/{run}/undo", "/runs/{run}/undo", {"plan": True}, 409, "operate", "acme"),
    ("POST", "/runs/{run}/reject", "/runs/{run}/reject", {"digest": "sha256:0"}, 409, "operate", "acme"),
    ("POST", "/reload", "/reload", None, 200, "operate", "-"),
    ("POST", "/workspaces/{workspace}/members", HAND, {"email": HAL, "roles": ADMIN}, 201, "operate", "hand"),
    ("POST", "/workspaces/{workspace}/members", HAND, {"email": "ivy@hand.org"}, 201, "operate", "hand"),
    ("PATCH", MEMBER, f"{HAND}/{HAL}", {"fields": {"title": "Owner"}}, 200, "operate", "hand"),
    ("PUT", f"{MEMBER}/roles/{{axis}}", f"{HAND}/ivy@hand.org/roles/role", {"value": "admin"}, 200, "operate", "hand"),
    ("PUT", f"{MEMBER}/teams/{{team}}", f"{HAND}/{HAL}/teams/Choir", None, 200, "operate", "hand"),
    ("DELETE", f"{MEMBER}/teams/{{team}}", f"{HAND}/{HAL}/teams/Choir", None, 200, "operate", "hand"),
    ("POST", f"{MEMBER}/sign-out", f"{HAND}/{HAL}/sign-out", None, 200, "operate", "hand"),
    ("POST", f"{MEMBER}/deactivate", f"{HAND}/{HAL}/deactivate", None, 200, "operate", "hand"),
    ("POST", f"{MEMBER}/reactivate", f"{HAND}/{HAL}/reactivate", None, 200, "operate", "hand"),
]  # fmt: skip


def test_every_route_is_in_the_table() -> None:
    described = {(method, path.removeprefix("/v1")) for path, each in DESCRIPTION["paths"].items() for method in each}
    tested = {(method.lower(), template) for method, template, *_ in ROUTES}
    assert described - tested == {("get", "/requests/{id}")}  # whose path is not known before it is asked for: below


def test_every_route_answers_as_it_is_described(acme: Acme) -> None:
    for method, template, path, body, status, *_ in ROUTES:
        given = body
        if body == {"digest": "?", "only": []}:
            given = {"digest": ask(acme, "GET", "/runs/{run}/held").json()["digest"], "only": []}
        answer = ask(acme, method, path, json=given)
        assert answer.status_code == status, (method, path, answer.text)
        shown(method, template, answer)
        if "location" in answer.headers:
            where = answer.headers["location"].removeprefix("/api/v1")
            shown("GET", "/requests/{id}" if where.startswith("/requests") else MEMBER, ask(acme, "GET", where))


@pytest.mark.parametrize("route", [each for each in ROUTES if each[6]], ids=lambda each: f"{each[0]} {each[2]}")
def test_what_a_token_does_not_reach_is_not_there_for_it(acme: Acme, route: Any) -> None:
    method, template, path, body, _, _, workspace = route
    other = "hand" if workspace == "acme" else "acme"
    answer = ask(acme, method, path, acme.token("operate", other), json=body)
    assert answer.status_code == 404, answer.text
    shown(method, template, answer)


@pytest.mark.parametrize("route", [each for each in ROUTES if each[5] == "operate"], ids=lambda each: each[2])
def test_a_token_that_reads_changes_nothing(acme: Acme, route: Any) -> None:
    method, template, path, body, *_ = route
    answer = ask(acme, method, path, acme.token("read"), json=body)
    assert (answer.status_code, shown(method, template, answer)["code"]) == (403, "read_only")


@pytest.mark.parametrize("route", [each for each in ROUTES if each[5] == "read"], ids=lambda each: each[2])
def test_a_token_that_reads_reads(acme: Acme, route: Any) -> None:
    method, _, path, *_ = route
    assert ask(acme, method, path, acme.token("read")).status_code == 200


def test_lists_leave_out_what_a_token_does_not_reach(acme: Acme) -> None:
    hand, own = acme.token("read", "hand"), acme.token("read", "acme")
    for path in ("/directories", "/runs", "/held", "/requests"):
        assert ask(acme, "GET", path, hand).json() == {"items": [], "next": None}
    assert [each["id"] for each in ask(acme, "GET", "/workspaces", hand).json()["items"]] == ["hand"]
    assert [each["id"] for each in ask(acme, "GET", "/directories", own).json()["items"]] == ["okta", "told"]
    assert ask(acme, "GET", "/runs?workspace=acme", hand).status_code == 404


# -- what is refused ----------------------------------------------------------------------------------------------

SCIM_TOKEN = "rosterd_aaaaaa_" + "a" * 43


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", f"Bearer {SCIM_TOKEN}", "Basic YTpi"])
def test_without_a_valid_token_there_is_nothing_to_see(acme: Acme, authorization: str) -> None:
    for path in (
        "/api/v1/directories",
        "/api/v1/nothing",
        "/api/v1",
        "/api/",
        "/api",
        "/api/%0A",
        "/api/v1/runs/../runs",
    ):
        answer = httpx.get(f"{acme.address}{path}", headers={"Authorization": authorization}, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_none(acme: Acme) -> None:
    answer = httpx.get(f"{acme.address}/api/v1/runs", params={"access_token": acme.token()}, trust_env=False)
    assert answer.status_code == 401


def test_the_description_needs_no_token(acme: Acme) -> None:
    found = httpx.get(f"{acme.address}/api/openapi.json", trust_env=False).json()
    assert found["paths"] == DESCRIPTION["paths"]
    assert found["servers"] == [{"url": "/api"}]


def raw(content: bytes) -> dict[str, Any]:
    """A body that says that it is JSON."""
    return {"content": content, "headers": {"Content-Type": "application/json"}}


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nothing", {}, 404, "not_found"),
    ("GET", "/runs/", {}, 404, "not_found"),
    ("POST", "/runs", {}, 405, "method_not_allowed"),
    ("DELETE", "/directories/okta", {}, 405, "method_not_allowed"),
    ("GET", "/directories/nobody", {}, 404, "unknown_directory"),
    ("GET", "/runs/nobody", {}, 404, "unknown_run"),
    ("GET", "/runs/%00", {}, 422, "invalid"),
    ("GET", "/workspaces/acme/members?email=%00", {}, 422, "invalid"),
    ("GET", "/runs/%ff%fe", {}, 404, "unknown_run"),
    ("GET", "/runs/%0A", {}, 404, "unknown_run"),
    ("GET", "/%0A", {}, 404, "not_found"),
    ("GET", f"/runs/{'x' * 1000}", {}, 422, "invalid"),
    ("GET", "/requests/nobody", {}, 404, "unknown_request"),
    ("GET", "/requests/nobody?wait=3600", {}, 422, "invalid"),
    ("GET", "/workspaces/nobody/members", {}, 404, "unknown_workspace"),
    ("GET", "/workspaces/acme/members/nobody@acme.com", {}, 404, "unknown_member"),
    ("GET", "/workspaces/acme/members/nobody@acme.com/why", {}, 404, "unknown_person"),
    ("GET", f"/workspaces/acme/members/{ADA}/why?at=nobody", {}, 404, "unknown_run"),
    ("GET", "/runs?limit=0", {}, 422, "invalid"),
    ("GET", "/runs?limit=501", {}, 422, "invalid"),
    ("GET", "/runs?limit=ten", {}, 422, "invalid"),
    ("GET", "/runs?state=done", {}, 422, "invalid"),
    ("GET", "/runs?since=yesterday", {}, 422, "invalid"),
    ("GET", "/runs?since=2026-11-21T10:00:00", {}, 422, "invalid"),
    ("GET", "/runs?since=2026", {}, 422, "invalid"),
    ("GET", "/runs?since=-0.5", {}, 422, "invalid"),
    ("GET", "/runs?since=0001-01-01T00:00:00%2B14:00", {}, 422, "invalid"),
    ("GET", "/runs?since=9999-12-31T23:59:59-14:00", {}, 422, "invalid"),
    ("GET", "/runs?cursor=x", {}, 400, "bad_cursor"),
    ("GET", "/runs?cursor=%C3%A4", {}, 400, "bad_cursor"),
    ("GET", "/runs/{run}/actions?cursor=WzEsOTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", {}, 400, "bad_cursor"),
    ("GET", "/workspaces/acme/members?cursor=WzEsMl0", {}, 400, "bad_cursor"),
    ("POST", "/directories/okta/sync", {"json": {"full": "perhaps"}}, 422, "invalid"),
    ("POST", "/directories/okta/sync", {"json": {"full": 0}}, 422, "invalid"),
    ("POST", "/runs/{run}/undo", {"json": {"plan": "off"}}, 422, "invalid"),
    ("POST", "/directories/okta/sync", {"json": {"ful": True}}, 422, "invalid"),
    ("POST", "/directories/okta/sync", {"json": [1]}, 422, "invalid"),
    ("POST", "/directories/okta/sync", raw(b"{"), 400, "not_json"),
    ("POST", "/directories/okta/sync", raw(b"\xff\xfe"), 400, "not_json"),
    ("POST", "/directories/okta/sync", raw(b"[" * 100_000), 400, "not_json"),
    ("POST", "/directories/okta/sync", {"content": b"full=true"}, 422, "invalid"),
    ("POST", "/directories/okta/sync", {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}, 415, "encoded"),
    ("POST", "/runs/{run}/approve", {}, 422, "invalid"),
    ("POST", "/runs/{run}/approve", {"json": {"only": []}}, 422, "invalid"),
    ("POST", "/runs/{run}/approve", {"json": {"digest": ""}}, 422, "invalid"),
    ("POST", "/runs/nobody/approve", {"json": {"digest": "sha256:0"}}, 404, "unknown_run"),
    ("POST", HAND, {"json": {"email": "no address"}}, 422, "bad_email"),
    ("POST", HAND, {"json": {"email": "a@hand.org", "roles": {"rôle": "admin"}}}, 422, "unknown_axis"),
    ("POST", HAND, {"json": {"email": "a@hand.org", "roles": {"role": "boss"}}}, 422, "unknown_value"),
    ("POST", HAND, {"json": {"email": "a@hand.org", "fields": {"shoe": "42"}}}, 422, "unknown_field"),
    ("POST", HAND, raw(rb'{"email": "a\ud800@hand.org"}'), 422, "invalid"),
    ("POST", HAND, {"json": {"email": "a@hand.org", "fields": {"title": "x" * 3000}}}, 422, "invalid"),
    ("POST", HAND, {"json": {"email": "a\0@hand.org"}}, 422, "invalid"),
    ("POST", HAND, {"json": {"email": "a@hand.org", "fields": {"title": "\0"}}}, 422, "invalid"),
    ("POST", "/workspaces/acme/members", {"json": {"email": "new@acme.com"}}, 409, "managed_workspace"),
    ("PATCH", f"/workspaces/acme/members/{ADA}", {"json": {"fields": {"title": "x"}}}, 409, "managed_by_directory"),
    ("POST", f"{HAND}/nobody@hand.org/sign-out", {}, 404, "unknown_member"),
    ("PUT", f"/workspaces/acme/members/{ADA}/roles/role", {"json": {"value": "admin"}}, 409, "managed_by_directory"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"), REFUSED, ids=lambda value: str(value)[:40] if value else "-"
)
def test_what_cannot_be_is_a_problem_with_its_code(
    acme: Acme, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(acme, method, path, **options)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said = answer.json()
    assert (said["status"], said["code"], said["type"]) == (status, code, "about:blank")
    assert said["title"]
    assert said["detail"]
    if status == 405:
        assert answer.headers["allow"] in said["fix"]


def test_what_an_address_takes_is_listed_whole(acme: Acme) -> None:
    """Each method is a route of its own, and only the first was listed."""
    allowed = {path: ask(acme, "OPTIONS", path).headers["allow"] for path in (HAND, f"{HAND}/x@y.z", "/runs")}
    assert allowed == {HAND: "GET, POST", f"{HAND}/x@y.z": "GET, PATCH", "/runs": "GET"}


def test_a_body_is_bounded(acme: Acme) -> None:
    for content in (b"x" * 300_000, iter([b"x" * 100_000] * 4)):  # by its length, and without one
        answer = ask(acme, "POST", "/directories/okta/sync", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_refusals_are_those_of_the_command(acme: Acme) -> None:
    said = ask(acme, "POST", "/workspaces/acme/members", json={"email": "new@acme.com"}).json()
    assert said["detail"] == (
        "people are added to acme in the directories okta, told: new@acme.com cannot be invited by hand"
    )
    assert said["fix"].startswith("add them in okta or told")


def test_a_workspace_that_another_run_holds_is_a_conflict_for_now(acme: Acme) -> None:
    held = take(acme.store, "acme", "another", now())
    try:
        digest = ask(acme, "GET", "/runs/{run}/held").json()["digest"] or "sha256:0"
        answer = ask(acme, "POST", "/runs/{run}/reject", json={"digest": digest})
        assert answer.status_code == 409
        if answer.json()["code"] != "nothing_held":  # another test approved it
            assert (answer.json()["code"], answer.headers["retry-after"]) == ("workspace_busy", "5")
    finally:
        give_back(acme.store, held)


def test_what_was_sent_is_not_repeated(acme: Acme) -> None:
    answer = ask(acme, "POST", "/runs/{run}/approve", json={"digest": ["hunter2"], "hunter3": 1})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
    assert len(answer.json()["errors"]) == 2


def test_what_a_client_has_is_not_sent_again(acme: Acme) -> None:
    first = ask(acme, "GET", "/runs/{run}?actions=false")
    again = ask(acme, "GET", "/runs/{run}?actions=false", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert json.loads(first.content)["run"] == acme.run
