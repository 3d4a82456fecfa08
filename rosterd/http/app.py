"""One ASGI application: SCIM below /scim/v2/, the REST API below /api, and what operators ask (/healthz, /readyz).

SCIM requests do not pass through the router: they are many, and the router of everything else is not free.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from rosterd.http.bounds import Receive, Scope, Send

API = "/api/"
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Ready = Callable[[], Awaitable[str]]
"""Why requests cannot be served yet or any more; "" when they can."""


def application(scim: App | None, ready: Ready, more: Sequence[BaseRoute] = (), *, api: App | None = None) -> App:
    """Everything that is served; `scim` None when no directory is told. `more`: routes of other parts."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def readyz(_: Request) -> JSONResponse:
        why = await ready()
        return JSONResponse({"ready": not why, **({"why": why} if why else {})}, 503 if why else 200)

    rest = Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), *more])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scim is not None and scope["type"] == "http" and scope["path"].startswith("/scim/"):
            await scim(scope, receive, send)
        elif api is not None and scope["type"] == "http" and f"{scope['path']}/".startswith(API):
            # Not mounted: a pattern of the router misses some paths (a line break), and all of this asks for a token.
            await api({**scope, "root_path": API.rstrip("/")}, receive, send)
        else:
            await rest(scope, receive, send)

    return app
