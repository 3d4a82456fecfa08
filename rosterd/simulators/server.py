"""A simulator as a running server: in a thread (`with Simulator(…)`) or in the foreground (`serve_forever`)."""

import asyncio
import datetime as dt
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import uvicorn

from rosterd.simulators import control, faults, wire
from rosterd.simulators.entra import Entra
from rosterd.simulators.google import Google
from rosterd.simulators.okta import Okta
from rosterd.simulators.web import Vendor
from rosterd.simulators.world import Kind, World

_START_SECONDS = 10.0
_STOP_SECONDS = 1.0  # for answers that are under way
VENDORS: dict[Kind, type[Google] | type[Entra] | type[Okta]] = {"google": Google, "entra": Entra, "okta": Okta}


class Simulator:
    """One simulated directory on 127.0.0.1. `port` 0 takes a free one; `latency` is seconds per answer.

    `fault` names drills that are on from the start (faults.py); `dpop` makes Okta's service app prove its key.

    `credentials` holds what a client needs (throwaway: secrets of this server, a key pair of this process): okta
    `token`, `client_id`, `private_key`; entra `tenant_id`, `client_id`, `client_secret`; google `service_account`,
    `subject`, `customer`.
    """

    def __init__(self, kind: Kind, world: World, *, port: int = 0, latency: float = 0.0,
                 fault: str | Iterable[str] = (), dpop: bool = False) -> None:  # fmt: skip
        if world.kind != kind:
            raise ValueError(f"a {kind} simulator cannot show a world of kind {world.kind}")
        self.kind: Kind = kind
        self.world = world
        self.vendor: Vendor = VENDORS[kind].opened(world, latency=latency)
        if isinstance(self.vendor, Okta):
            self.vendor.dpop = dpop
        elif dpop:
            raise ValueError("DPoP is Okta's")
        for name in faults.named(fault):
            self.fault(name)
        # The protocol is named because asyncio turns Nagle off only where it is: 40 ms per answer otherwise.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    # -- running --------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Simulator":
        app = wire.exposed(self.vendor.starlette(*control.routes(self.vendor)))
        server = self._server = _Server(_configuration(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread = thread
        thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the {self.kind} simulator did not start")
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes every connection and waits for the thread; can be called twice."""
        if self._server is not None:
            self._server.end()
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        self._server = self._thread = None
        self._socket.close()

    def time(self) -> float:
        """What the world's clock says, in seconds since 1970: the time that a client in this world lives in."""
        return self.world.now.timestamp()

    # -- what it saw ----------------------------------------------------------------------------------------------

    @property
    def requests(self) -> Counter[str]:
        """API requests by method and route: "GET /api/v1/users" → 3. Token requests are apart."""
        return self.vendor.requests

    @property
    def token_requests(self) -> Counter[str]:
        return self.vendor.token_requests

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def fault(self, name: str, *, route: str = "", times: int | None = None) -> faults.Active:
        """Switches a drill on (faults.py) for requests whose path has `route` in it, `times` times; its own ways unless
        told otherwise. Can be done while it runs.

        Raises:
            faults.UnknownFault: there is none of that name for this kind of directory.
        """
        return faults.switched_on(self.vendor, name, route=route, times=times)

    def no_fault(self, name: str = "") -> None:
        """Switches one drill off, or all."""
        faults.switched_off(self.vendor, name)

    # -- who may come in ------------------------------------------------------------------------------------------

    @cached_property
    def credentials(self) -> dict[str, Any]:
        """What a client needs to come in: throwaway, made for this server."""
        return self.vendor.credentials(self.url)

    @property
    def sensitive_key(self) -> str:
        """The configuration key that holds the secret."""
        return self.vendor.sensitive_key

    @property
    def keys(self) -> dict[str, str]:
        """The other keys that only this kind reads."""
        return self.vendor.keys(self.url)

    @property
    def variable(self) -> str:
        """The environment variable for the secret, unless another is named: OKTA_TOKEN."""
        return f"{self.kind}_{self.sensitive_key}".upper()

    @property
    def secret(self) -> str:
        """The text that belongs into the environment variable or file that `configuration` names."""
        found = self.credentials[self.sensitive_key]
        return found if isinstance(found, str) else json.dumps(found)

    def configuration(self, id: str, workspace: str, *, env: str = "", file: Path | None = None) -> str:  # noqa: A002
        """A `[[directory]]` block (contract.md); the secret is read from `file`, else from `env`. A JSON string is a
        TOML basic string."""
        source, place = ("file", str(file)) if file else ("env", env or self.variable)
        keys = {"id": id, "workspace": workspace, "kind": self.kind, **self.keys}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        return "\n".join(["[[directory]]", *lines, f"{self.sensitive_key} = {{ {source} = {json.dumps(place)} }}", ""])


def simulate(kind: Kind, users: int = 100, groups: int = 12, **generated: Any) -> Simulator:
    """A simulator over a generated world, not started yet: `with simulate("okta", 200) as okta:`."""
    return Simulator(kind, World.generate(kind, users, groups, **generated))


def serve_forever(simulator: Simulator, announce: Callable[[Simulator], None] = lambda _: None) -> None:
    """Runs until SIGINT or SIGTERM, then returns; call it from the main thread. `announce` is called once requests
    are answered. The world then lives in the present: its clock is the real one."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    simulator.world.clock = lambda: dt.datetime.now(dt.UTC)
    try:
        with simulator:
            announce(simulator)
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """uvicorn, ending as soon as it is told to: by itself it looks for that ten times a second, and then waits for a
    tenth of a second more. Tests and the demo start and stop simulators by the hundred.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Can be called from any thread, at any time."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's argument
        """Closes what is idle, waits for answers that are under way; whatever is left is cancelled with the loop."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _STOP_SECONDS
        # uvicorn's connections take themselves out of the set, and say nothing.
        while self.server_state.connections and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def _configuration(app: Any) -> uvicorn.Config:
    # uvicorn takes httptools by itself when it is installed; dates are the world's own.
    return uvicorn.Config(
        app,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
    )
