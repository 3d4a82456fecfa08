"""`rosterd serve` put together: one store, one socket, one event loop; the endpoint in front, the daemon behind.

Here the process begins and ends: what is listened on before anything is told, and in which order things stop.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable

from reconciler.errors import StoreError
from rosterd.daemon.daemon import Daemon
from rosterd.http.app import application
from rosterd.http.server import Server, loopback, shown
from rosterd.settings.model import Settings
from rosterd.telling import Telling, told
from store.database import HEAD, Store
from store.migrate import current

log = logging.getLogger("rosterd")


def address_of(sock: socket.socket) -> str:
    """The address that a socket listens on, as it is typed into a browser."""
    host, port = sock.getsockname()[:2]
    return f"http://{shown(host, port)}"


async def serve(settings: Settings, store: Store, sock: socket.socket, listening: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT; then it stops accepting, answers what is under way, lets runs end or hands them
    over, and returns. `listening` is called when requests are answered."""
    daemon = Daemon(settings, store)
    state = State(store)
    telling = Telling(settings, store, address_of(sock), daemon.woken) if told(settings) else None
    server = Server(application(telling.endpoint if telling else None, state.why_not))
    ends = _signals()
    _warn(sock)
    await daemon.start()
    serving = asyncio.create_task(server.serve([sock]))
    if telling is not None:
        telling.start()
    try:
        state.open = True
        listening()
        await _first(ends, serving)
    finally:
        state.open = False
        log.info("stopping")
        server.end()
        await asyncio.gather(serving, daemon.stop())
        if telling is not None:
            await telling.close()


def _signals() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    ends = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ends.set)
    return ends


async def _first(ends: asyncio.Event, serving: "asyncio.Task[None]") -> None:
    """Waits for the signal, or for a server that ended by itself."""
    waiting = asyncio.create_task(ends.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _warn(sock: socket.socket) -> None:
    host = sock.getsockname()[0]
    if not loopback(host):
        log.warning("listening on %s in plain HTTP: let only a proxy that speaks TLS reach it", host)


class State:
    """Whether requests can be served."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open = False

    async def why_not(self) -> str:
        """Why they cannot; "" when they can."""
        return await asyncio.to_thread(self._store_says) if self.open else "stopping"

    def _store_says(self) -> str:
        try:
            with self._store.read() as connection:
                found = current(connection)
        except StoreError as error:
            return f"the store: {error.code}"
        return "" if found == HEAD else f"the store's schema is {found}, not {HEAD}"
