"""The REST API served over a real socket, above a store with one workspace that a directory feeds and one that none
does."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from reconciler.report import Report
from rosterd.daemon.queue import Queue
from rosterd.http.api.app import api
from rosterd.http.api.ports import Outside
from rosterd.http.app import application
from rosterd.http.metrics import of_api, timed
from rosterd.http.server import Server, bind
from rosterd.http.tokens import StoredTokens
from rosterd.policies import policy_of
from rosterd.settings import ConfigError, Problem, Settings
from rosterd.tokens import Scope, create_admin, finder
from store import Store
from tests.builders import Directory, sync
from tests.rosterd.files import directory, loaded

CONFIGURATION = """\
[[workspace]]
id = "acme"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"
[workspace.limits]
deactivate = { count = 2 }
leave_team_each = false
[[workspace]]
id = "hand"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"
"""
MAPPED = '[[directory.role]]\naxis = "role"\ngroups = { "Admins" = "admin" }'
SECONDS = 30.0


class Acme:
    """Workspace acme, which okta feeds with these people, and workspace hand, which nobody feeds; served."""

    def __init__(self, store: Store, folder: Path, *names: str) -> None:
        self.store, self.folder = store, folder
        text = CONFIGURATION + directory("okta", MAPPED) + directory("scim", name="told")
        self.settings: Settings = loaded(folder, text)
        self.people = Directory(*names)
        self.people.add_group("Admins")
        self.outside = Outside(lambda: self.settings, store, Queue(store), self.reload)
        self.broken: ConfigError | None = None
        self.address = self.run = ""
        self.noted: list[tuple[str, str, int, float]] = []  # every request: route, method, status, seconds

    async def reload(self) -> tuple[str, ...]:
        """Reads the configuration again, unless it is broken."""
        if self.broken is not None:
            raise self.broken
        return ("[trace] endpoint",)

    def broken_by(self, *problems: Problem) -> None:
        """The configuration has these problems from here on."""
        self.broken = ConfigError(problems)

    def sync(self) -> Report:
        """One run of okta."""
        return sync(self.store, self.people, policy_of(self.settings, self.settings.directory[0]))

    def hold(self) -> Report:
        """A run that holds three people who left."""
        self.sync()
        self.people.suspend(*sorted(self.people.people)[:3])
        held = self.sync()
        assert held.counts.held == 3
        return held

    def token(self, scope: Scope = "operate", workspace: str | None = None, label: str = "ci") -> str:
        """A new token."""
        made, _ = create_admin(self.store, scope, label, None, workspace=workspace)
        return made.text

    def client(self, token: str | None = None) -> httpx.Client:
        """A client of /api/v1; by default with a token that may do everything."""
        headers = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        return httpx.Client(base_url=f"{self.address}/api/v1", headers=headers, timeout=SECONDS, trust_env=False)

    @contextlib.contextmanager
    def served(self, used: Any = None, rate: float | None = None) -> Iterator["Acme"]:
        """While this is open, the API answers at `address`."""
        with bind("127.0.0.1", 0) as sock:
            self.address = f"http://127.0.0.1:{sock.getsockname()[1]}"
            loop = asyncio.new_event_loop()
            made: list[Server] = []
            ready = threading.Event()

            async def serving() -> None:
                gate = api(self.outside, StoredTokens(finder(self.store)), used or (lambda _ids: None))
                if rate is not None:
                    gate._rate = rate  # type: ignore[attr-defined]
                timing = timed(gate, lambda *note: self.noted.append(note), of_api)
                made.append(Server(application(None, _fine, api=timing)))
                ready.set()
                await made[0].serve([sock])

            thread = threading.Thread(target=lambda: loop.run_until_complete(serving()), daemon=True)
            thread.start()
            ready.wait(SECONDS)
            try:
                yield self
            finally:
                self.outside.stop.set()
                loop.call_soon_threadsafe(made[0].end)
                thread.join(SECONDS)
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()


async def _fine() -> str:
    return ""
