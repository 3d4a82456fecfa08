"""/metrics over HTTP: who may read it; and the clock around requests."""

import asyncio
import logging
import time
from collections.abc import Iterator

import httpx
import pytest

from rosterd.http.app import application
from rosterd.http.bounds import Receive, Scope, Send
from rosterd.http.metrics import NOWHERE, of_scim, route, timed
from store import open_store
from tests.rosterd.http.api import Acme


def asked(token: str | None, authorization: str | None) -> httpx.Response:
    """The answer to who sends this header, when this token is asked for."""

    async def ready() -> str:
        return ""

    app = application(None, ready, [route(lambda: b"up 1\n", "text/plain; version=0.0.4", token)])

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            headers: dict[bytes, bytes] = {}
            if authorization is not None:
                headers[b"Authorization"] = authorization.encode("latin-1")
            return await client.get("/metrics", headers=headers)

    return asyncio.run(get())


@pytest.mark.parametrize(
    ("token", "authorization", "status"),
    [(None, None, 200), (None, "Bearer x", 200), ("t", None, 401), ("t", "Bearer x", 401), ("t", "Bearer ", 401),
     ("t", "Bearer \xfc", 401), ("t", "Bearer t", 200), ("t", "bearer t", 200)],
)  # fmt: skip
def test_who_may_read_it(token: str | None, authorization: str | None, status: int) -> None:
    answer = asked(token, authorization)
    assert answer.status_code == status
    assert (answer.text == "up 1\n") == (status == 200)


def test_many_who_scrape_take_one_thread_together() -> None:
    """Whoever reaches /metrics could take all threads, and so the sign of life of the process."""
    inside: list[int] = [0]
    most: list[int] = []

    def text() -> bytes:
        inside[0] += 1
        most.append(inside[0])
        time.sleep(0.005)
        inside[0] -= 1
        return b"up 1\n"

    async def ready() -> str:
        return ""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application(None, ready, [route(text, "text/plain", None)]))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await asyncio.gather(*(client.get("/metrics") for _ in range(8)))

    assert [answer.status_code for answer in asyncio.run(all_of_them())] == [200] * 8
    assert most == [1] * 8


Noted = list[tuple[str, str, int, float]]


async def nothing() -> dict[str, str]:
    return {}


async def unsent(_message: object) -> None:
    return


@pytest.mark.parametrize(("method", "noted"), [("POST", "POST"), ("BREW-s3cret", "other")])
def test_requests_are_timed_until_they_are_answered(method: str, noted: str) -> None:
    """What follows the beginning of the answer may last for as long as somebody follows a run."""
    found: Noted = []
    clock = iter((10.0, 10.25, 11.0))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    wrapped = timed(app, lambda *note: found.append(note), of_scim, lambda: next(clock))
    asyncio.run(wrapped({"type": "http", "method": method}, nothing, unsent))  # type: ignore[arg-type]
    assert found == [("/scim/v2", noted, 201, 0.25)]


def test_a_client_that_went_away_is_not_noted() -> None:
    found: Noted = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    wrapped = timed(app, lambda *note: found.append(note), of_scim)
    asyncio.run(wrapped({"type": "http", "method": "POST"}, nothing, unsent))  # type: ignore[arg-type]
    assert found == []


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """The REST API, served for all tests of this module."""
    folder = tmp_path_factory.mktemp("api")
    store = open_store(f"sqlite:///{folder}/rosterd.db")
    made = Acme(store, folder)
    with made.served():
        yield made
    store.close()


REQUESTS = (
    ("GET", "/api/v1/runs/20261128T120000-abcdef", 404, "/api/v1/runs/{run}"),
    ("POST", "/api/v1/directories/okta/sync", 202, "/api/v1/directories/{id}/sync"),
    ("PUT", "/api/v1/workspaces/hand/members/ada%40acme.com/teams/Choir", 404,
     "/api/v1/workspaces/{workspace}/members/{email}/teams/{team}"),
    ("DELETE", "/api/v1/directories/okta", 405, "/api/v1/directories/{id}"),
    ("GET", "/api/v1/runs?limit=no", 422, "/api/v1/runs"),
    ("GET", "/api/v1/people/ada@acme.com", 404, NOWHERE),
    ("GET", "/api/openapi.json", 200, "/api/openapi.json"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "route"), REQUESTS)
def test_a_request_of_the_api_is_noted_by_the_template_of_its_route(
    acme: Acme, method: str, path: str, status: int, route: str
) -> None:
    acme.noted.clear()
    with acme.client() as client:
        assert client.request(method, f"{acme.address}{path}").status_code == status
    ((*found, seconds),) = acme.noted
    assert found == [route, method, status]
    assert 0 < seconds < 60


def test_who_is_refused_at_the_door_of_the_api_came_to_no_route(acme: Acme) -> None:
    acme.noted.clear()
    with acme.client("nobody") as client:
        assert client.get("/runs/secret-of-somebody").status_code == 401
    assert [each[:3] for each in acme.noted] == [(NOWHERE, "GET", 401)]


def test_the_log_says_of_which_directory_an_operator_asked_something(
    acme: Acme, caplog: pytest.LogCaptureFixture
) -> None:
    """The route of a request had no /v1 in it, by which those of directories are known."""
    with caplog.at_level(logging.INFO, "rosterd.http"), acme.client() as client:
        client.post("/directories/okta/sync")
        client.post("/workspaces/hand/members/ada@acme.com/sign-out")
    asked, other = [record.__dict__["_event"] for record in caplog.records if record.name == "rosterd.http"]
    assert (asked["request"], asked["directory"]) == ("POST /v1/directories/{id}/sync", "okta")
    assert (other["request"], other["workspace"]) == (
        "POST /v1/workspaces/{workspace}/members/{email}/sign-out",
        "hand",
    )
    assert "directory" not in other
