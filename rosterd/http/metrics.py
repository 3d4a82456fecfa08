"""/metrics: who may see it, and the clock around requests. What it shows is rosterd/metrics.py.

Of a request is noted the template of its route, never its address: that has ids of people in it.
"""

import asyncio
import hmac
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterd.http.api.gate import OPEN
from rosterd.http.app import API, App
from rosterd.http.bounds import Message, Receive, Scope, Send
from rosterd.http.scim import PREFIX, bearer

Note = Callable[[str, str, int, float], None]
"""Told of a request: its route, method and status, and how many seconds it took until the answer began."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
NOWHERE = "none"  # the route of what came to none: refused at the door, or no address of ours


def route(text: Callable[[], bytes], content_type: str, token: str | None) -> Route:
    """The route; with `token`, only for who sends it as a bearer token."""

    alone = asyncio.Lock()  # of the threads that all share, those who scrape have one

    async def metrics(request: Request) -> Response:
        if token is not None:
            given = bearer(request.headers.get("authorization", ""))
            if not hmac.compare_digest(given.encode(), token.encode()):
                return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
        async with alone:
            return Response(await asyncio.to_thread(text), media_type=content_type)

    return Route("/metrics", metrics)


def timed(
    app: App, note: Note, route_of: Callable[[Scope], str], clock: Callable[[], float] = time.perf_counter
) -> App:  # fmt: skip
    """The application, and a note of each request. One that nobody waited for has none; of one that is followed for
    long, the beginning counts."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        began = clock()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(route_of(scope), method_of(scope["method"]), message["status"], clock() - began)
            await send(message)

        await app(scope, receive, sending)

    return noting


def method_of(method: str) -> str:
    """The method of a request as it is told: what a client invents is one of none."""
    return method if method in METHODS else "other"


def of_scim(_: Scope) -> str:
    """The addresses of SCIM are a client's to choose: all are one."""
    return PREFIX.rstrip("/")


def of_api(scope: Scope) -> str:
    """The template of the route of the REST API that a request came to."""
    if scope["path"] == OPEN:
        return OPEN
    found = scope.get("route")
    return NOWHERE if found is None else f"{API.rstrip('/')}{found.path_format}"
