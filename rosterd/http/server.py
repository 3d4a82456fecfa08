"""The socket and the server: where it listens, how many headers a request may have and how long, how it ends.

uvicorn with httptools; signals are the caller's.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from connectors.scim.errors import error_body
from reconciler.errors import RunError
from rosterd.http.app import App

HEADERS, HEADER_BYTES, URL_BYTES = 100, 32 << 10, 32 << 10
HEADER_SECONDS = 20.0
KEEP_ALIVE_SECONDS = 75  # longer than the proxies in front keep theirs (60 as a rule): they close first
CONNECTIONS = 2000
STOP_SECONDS = 10.0


class CannotListen(RunError):
    """The address of [http] listen cannot be had."""

    code = "cannot_listen"


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        CannotListen: it is taken, not allowed, or none of this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named because asyncio turns Nagle off only where it is: 40 ms per answer otherwise.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as exc:
        raise _cannot(exc, host, port) from exc
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as exc:
        bound.close()
        raise _cannot(exc, host, port) from exc
    bound.setblocking(False)
    return bound


def _cannot(exc: OSError, host: str, port: int) -> CannotListen:
    reasons = {
        errno.EADDRINUSE: ("the port is taken", "stop what listens there, or change [http] listen"),
        errno.EACCES: ("it is not allowed", "ports below 1024 are for root: listen on a higher one, behind a proxy"),
        errno.EADDRNOTAVAIL: ("it is no address of this machine", "correct [http] listen"),
    }
    said, fix = reasons.get(exc.errno or 0, (exc.strerror or str(exc), "correct [http] listen"))
    return CannotListen(f"cannot listen: {said}", where=shown(host, port), fix=fix)


def shown(host: str, port: int) -> str:
    """Host and port as they are written in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Server(uvicorn.Server):
    """uvicorn in somebody else's event loop, which also has the signals."""

    def __init__(self, app: App) -> None:
        super().__init__(_configuration(app))
        self._told = asyncio.Event()

    def end(self) -> None:
        """Stops accepting; `serve` returns when what is under way is answered, or after a while."""
        self.should_exit = True
        self._told.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield

    async def main_loop(self) -> None:
        """As uvicorn's, which looks for the end ten times a second; a second is the clock of the Date header."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 10
            try:
                await asyncio.wait_for(self._told.wait(), 1.0)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes what is idle, waits for answers that are under way; whatever is left is cut off."""
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        ends = asyncio.get_running_loop().time() + STOP_SECONDS
        # uvicorn's connections take themselves out of the set, and say nothing.
        while self.server_state.connections and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        for task in list(self.server_state.tasks):
            task.cancel()


class Bounded(HttpToolsProtocol):
    """A connection whose requests have so many headers at most, and have them all soon."""

    _slow: asyncio.TimerHandle | None = None
    _bytes = 0
    _refused = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is expected soon."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._expect(more=False)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The next request's headers have begun."""
        self._bytes = 0
        self._expect()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Bounded, too."""
        if len(self.url) + len(url) > URL_BYTES:
            self._refuse(414)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counted."""
        self._bytes += len(name) + len(value)
        if len(self.headers) >= HEADERS or self._bytes > HEADER_BYTES:
            self._refuse(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """What follows is bounded by whoever reads it."""
        self._expect(more=False)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too much of it, as SCIM tells errors; the connection ends."""
        self._expect(more=False)
        status = self._refused or 400
        details = {414: f"the address is longer than {URL_BYTES:,} bytes: filter by POST to .search",
                   431: f"more than {HEADERS} headers, or {HEADER_BYTES:,} bytes of them"}  # fmt: skip
        self._end(status, details.get(status, msg))

    def _refuse(self, status: int) -> None:
        self._refused = status
        raise ValueError(status)  # the parser stops and calls it an error: send_400_response follows

    def _expect(self, *, more: bool = True) -> None:
        if self._slow is not None:
            self._slow.cancel()
        self._slow = self.loop.call_later(HEADER_SECONDS, self._too_slow) if more else None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._end(408, f"no complete request for {HEADER_SECONDS:g} seconds")

    def _end(self, status: int, detail: str) -> None:
        body = error_body(status, detail)
        head = b"content-type: application/scim+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


def _configuration(app: App) -> uvicorn.Config:
    given: dict[str, Any] = {"app": app}  # uvicorn's type of an application is narrower than ASGI's
    return uvicorn.Config(
        **given,
        http=Bounded,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # a request that is none is its sender's trouble
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=CONNECTIONS,
    )
