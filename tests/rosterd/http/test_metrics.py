"""/metrics over HTTP: who may read it; and the clock around SCIM requests."""

import asyncio

import httpx
import pytest

from rosterd.http.app import application
from rosterd.http.bounds import Receive, Scope, Send
from rosterd.http.metrics import route, timed


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


def test_requests_are_timed_until_they_are_answered() -> None:
    noted: list[tuple[str, int, float]] = []
    clock = iter((10.0, 10.25, 11.0))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing() -> dict[str, str]:
        return {}

    async def sent(_message: object) -> None:
        return

    wrapped = timed(app, lambda *note: noted.append(note), lambda: next(clock))
    asyncio.run(wrapped({"type": "http", "method": "POST"}, nothing, sent))  # type: ignore[arg-type]
    assert noted == [("POST", 201, 0.25)]


def test_a_client_that_went_away_is_not_noted() -> None:
    noted: list[object] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    wrapped = timed(app, lambda *note: noted.append(note))
    asyncio.run(wrapped({"type": "http", "method": "POST"}, None, None))  # type: ignore[arg-type]
    assert noted == []
