"""Answers that go wrong on the wire: dropped, cut short, never sent. Needs the connection, which ASGI does not show:
`exposed` puts uvicorn's transport where these answers find it.
"""

import http
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TRANSPORT = "rosterd.transport"


def exposed(app: ASGIApp) -> ASGIApp:
    """The application, with the connection of each request in its scope."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        cycle: Any = getattr(send, "__self__", None)  # uvicorn's RequestResponseCycle
        scope[_TRANSPORT] = getattr(cycle, "transport", None)
        await app(scope, receive, send)

    return wrapped


class Broken(Response):
    """An answer that holds the one that should have been sent."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self.whole = whole
        self.status_code = whole.status_code


class Dropped(Broken):
    """The connection is closed before the answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        _connection(scope).abort()
        await _gone(receive)


class CutToLength(Broken):
    """`Content-Length` announces the whole body, half of it comes, then the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        connection = _connection(scope)
        connection.write(_head(self.whole, [(b"content-length", str(len(_body(self.whole))).encode())]))
        await _half(connection, self.whole, receive)


class CutAtClose(Broken):
    """No `Content-Length`: the end of the connection is the end of the body (RFC 9112 §6.3), and comes too early."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        connection = _connection(scope)
        connection.write(_head(self.whole, [(b"connection", b"close")]))
        await _half(connection, self.whole, receive)


class Hanging(Broken):
    """Nothing is answered; the connection stays open until the client gives up or the server ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await _gone(receive)


def _connection(scope: Scope) -> Any:
    if scope.get(_TRANSPORT) is None:
        raise RuntimeError("this fault needs a real connection: run the simulator as a server")
    return scope[_TRANSPORT]


def _body(response: Response) -> bytes:
    return bytes(response.body)


def _head(response: Response, more: list[tuple[bytes, bytes]]) -> bytes:
    status = http.HTTPStatus(response.status_code)
    kept = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in [*kept, *more])
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + lines + b"\r\n"


async def _half(connection: Any, whole: Response, receive: Receive) -> None:
    body = _body(whole)
    connection.write(body[: len(body) // 2])
    connection.close()  # what was written is sent first
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Until the connection is closed: uvicorn would answer 500 to a request that nobody answers."""
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
