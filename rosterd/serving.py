"""`rosterd serve` put together: one store, one socket, one event loop; the endpoint in front, the daemon behind.

Here the process begins and ends: what is listened on before anything is told, what each signal does, and in which order
things stop.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from starlette.routing import BaseRoute

from reconciler.errors import StoreError
from rosterd.daemon.daemon import Daemon, Part
from rosterd.daemon.lasting import lasting
from rosterd.http.api.app import api
from rosterd.http.api.ports import Outside
from rosterd.http.app import App, application
from rosterd.http.metrics import Note, of_api, of_scim, route, timed
from rosterd.http.server import Server, loopback, shown
from rosterd.http.tokens import StoredTokens
from rosterd.logs import logger
from rosterd.metrics import CONTENT_TYPE, Metrics, intervals_of
from rosterd.notify import Notifier
from rosterd.ports import now
from rosterd.reloading import Reloading
from rosterd.settings.model import Settings
from rosterd.telling import Telling
from rosterd.tokens import finder
from rosterd.tracing import Traces
from store.database import HEAD, Store
from store.database import other_schema as other
from store.migrate import schema_of
from store.tokens import used

log = logger("rosterd")

LATEST = 10.0  # seconds after [daemon] stop_within: what has not ended or been handed over by then is cut off

SCHEMA_EVERY = 5.0  # seconds between two looks whether others upgraded the database


def address_of(sock: socket.socket) -> str:
    """The address that a socket listens on, as it is typed into a browser."""
    host, port = sock.getsockname()[:2]
    return f"http://{shown(host, port)}"


async def serve(
    settings: Settings, store: Store, sock: socket.socket, listening: Callable[[], None], *, work: bool = True,
    again: threading.Event,
) -> None:  # fmt: skip
    """Serves until SIGTERM or SIGINT; then it stops accepting, answers what is under way, lets runs end or hands them
    over, and returns. A second signal ends the process at once. `listening` is called when requests are answered.
    Without `work`, runs are left to other processes. `again`: SIGHUP came since these settings were read."""
    daemon = await asyncio.to_thread(Daemon, settings, store, Part(works=work))
    telling = Telling(settings, store, address_of(sock), daemon.woken, daemon.trouble)
    state = State(store, daemon)
    reloading = Reloading(daemon, telling.configure)
    stop = threading.Event()
    metrics = Metrics(store, lambda: intervals_of(daemon.settings))
    outgoing = Outgoing(settings, store, daemon)
    scim = timed(telling.endpoint, outgoing.noting(metrics.scim.note), of_scim)
    operators = timed(_operators(daemon, store, reloading, stop), outgoing.noting(metrics.api.note), of_api)
    server = Server(application(scim, state.why_not, _watching(settings, metrics), api=operators))
    ends = _signals(reloading, daemon)
    _warn(sock)
    await daemon.start()
    if again.is_set():
        reloading.soon()
    serving = asyncio.create_task(server.serve([sock]))
    telling.start()
    outgoing.start()
    upgraded = asyncio.create_task(other_schema(store))
    try:
        state.open = True
        listening()
        await _first(ends, serving, upgraded)
    finally:
        state.open = False
        stop.set()
        log.info("stopping", message="stopping: what runs has a moment to end")
        server.end()
        reloading.close()
        await asyncio.gather(serving, daemon.stop())
        await daemon.close()
        await telling.close()
        await outgoing.close()
    _end_of(upgraded)


def _operators(daemon: Daemon, store: Store, reloading: Reloading, stop: threading.Event) -> App:
    """The REST API."""
    outside = Outside(lambda: daemon.settings, store, daemon.queue, reloading.now, stop)

    def note(tokens: Iterable[str]) -> None:
        with store.write() as connection:
            used(connection, tokens, now())

    return api(outside, StoredTokens(finder(store)), note)


async def work(settings: Settings, store: Store, ready: Callable[[], None], *, again: threading.Event) -> None:
    """Runs directories, and nothing else, until SIGTERM or SIGINT; `ready` is called when it does, and `again` is as
    for `serve`."""
    daemon = await asyncio.to_thread(Daemon, settings, store, Part(asks=False))
    outgoing = Outgoing(settings, store, daemon)
    reloading = Reloading(daemon, lambda _: None, listens=False)
    ends = _signals(reloading, daemon)
    await daemon.start()
    if again.is_set():
        reloading.soon()
    outgoing.start()
    upgraded = asyncio.create_task(other_schema(store))
    try:
        ready()
        await _first(ends, upgraded)
    finally:
        log.info("stopping", message="stopping: what runs has a moment to end")
        reloading.close()
        await daemon.stop()
        await outgoing.close()
    _end_of(upgraded)


class Outgoing:
    """What a process tells others by itself: traces of what it does, where configuration names a collector, and
    notifications. Of several processes over one store each looks, and one sends (store/notices.py)."""

    def __init__(self, settings: Settings, store: Store, daemon: Daemon) -> None:
        self._notifier = Notifier(lambda: daemon.settings, store)
        self._notifying: asyncio.Task[None] | None = None
        self.traces = Traces(settings.trace.endpoint) if settings.trace.endpoint else None
        if self.traces is not None:
            daemon.heard = self.traces.run

    def noting(self, note: Note) -> Note:
        """The note of a request, and its trace."""
        if self.traces is None:
            return note
        trace = self.traces.request

        def both(route: str, method: str, status: int, seconds: float) -> None:
            note(route, method, status, seconds)
            trace(route, method, status, seconds)

        return both

    def start(self) -> None:
        """Begins to look for what there is to be told."""
        self._notifying = asyncio.create_task(lasting("notifying", self._notifier.keep))

    async def close(self) -> None:
        """Notifies no more, and sends the traces that are left: call it when the runs have ended."""
        if self._notifying is not None:
            self._notifying.cancel()
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)


def _watching(settings: Settings, metrics: Metrics) -> list[BaseRoute]:
    """The routes for whoever watches over this process.

    Raises:
        Refused: a secret is missing.
    """
    if settings.http.metrics == "off":
        return []
    secret = settings.http.metrics_token
    token = None if secret is None or settings.http.metrics != "token" else secret.reveal()
    return [route(metrics.text, CONTENT_TYPE, token)]


def hung_up() -> threading.Event:
    """Set by SIGHUP, which from now on ends nothing: call it before the configuration is read."""
    came = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: came.set())
    return came


def _signals(reloading: Reloading, daemon: Daemon) -> asyncio.Event:
    """Set by SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    ends = asyncio.Event()

    def end() -> None:
        if ends.is_set():
            _at_once()
        ends.set()
        late = threading.Timer(daemon.settings.daemon.stop_within.total_seconds() + LATEST, _at_once)
        late.daemon = True
        late.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reloading.soon)
    return ends


def _at_once() -> None:
    """Ends the process wherever its threads are: being killed is what runs are made for. Threads that wait for a
    database which somebody locks, or for a server that says nothing, would keep it for minutes."""
    log.warning("ended_at_once", message="ended at once: the next start finishes what was under way")
    logging.shutdown()
    os._exit(1)


async def _first(ends: asyncio.Event, *others: "asyncio.Task[Any]") -> None:
    """Waits for the signal, or for something that ended by itself."""
    waiting = asyncio.create_task(ends.wait())
    await asyncio.wait({waiting, *others}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def other_schema(store: Store) -> StoreError:
    """Waits until the database has another schema than this program, which can do nothing more over it."""
    while True:
        try:
            found = await asyncio.to_thread(schema_of, store)
        except StoreError:  # /readyz says it
            found = HEAD
        if found != HEAD:
            return other(store.engine, str(found))
        await asyncio.sleep(SCHEMA_EVERY)


def _end_of(upgraded: "asyncio.Task[StoreError]") -> None:
    """
    Raises:
        StoreError: the process ended because of another schema.
    """
    if upgraded.done():
        raise upgraded.result()
    upgraded.cancel()


def _warn(sock: socket.socket) -> None:
    host = sock.getsockname()[0]
    if not loopback(host):
        said = f"listening on {host} in plain HTTP: let only a proxy that speaks TLS reach it"
        log.warning("plain_http", message=said)


class State:
    """Whether requests can be served."""

    def __init__(self, store: Store, daemon: Daemon) -> None:
        self._store, self._daemon = store, daemon
        self.open = False

    async def why_not(self) -> str:
        """Why they cannot; "" when they can."""
        return await asyncio.to_thread(self._store_says) if self.open else "stopping"

    def _store_says(self) -> str:
        try:
            found = schema_of(self._store)
        except StoreError as error:
            return f"the store: {error.code}"
        if found != HEAD:
            return f"the store's schema is {found}, not {HEAD}"
        refused = self._daemon.trouble.why()
        return f"the store: {refused}" if refused else ""
