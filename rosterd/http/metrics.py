"""/metrics: who may see it, and the clock around SCIM requests. What it shows is rosterd/metrics.py."""

import asyncio
import hmac
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rosterd.http.app import App
from rosterd.http.bounds import Message, Receive, Scope, Send
from rosterd.http.scim import bearer

Note = Callable[[str, int, float], None]


def route(text: Callable[[], bytes], content_type: str, token: str | None) -> Route:
    """The route; with `token`, only for who sends it as a bearer token."""

    async def metrics(request: Request) -> Response:
        if token is not None:
            given = bearer(request.headers.get("authorization", ""))
            if not hmac.compare_digest(given.encode(), token.encode()):
                return Response(status_code=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
        return Response(await asyncio.to_thread(text), media_type=content_type)

    return Route("/metrics", metrics)


def timed(app: App, note: Note, clock: Callable[[], float] = time.perf_counter) -> App:
    """The application, and a note of each request: method, status, seconds. One that nobody waited for has none."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        began, status = clock(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await app(scope, receive, sending)
        if status:
            note(scope["method"], status, clock() - began)

    return noting
