"""The daemon's parts over a store: asks, and runs that note themselves instead of reading anything."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from reconciler.ports import Progress
from reconciler.report import Report
from rosterd.daemon.performing import Performer
from rosterd.daemon.presence import Presence
from rosterd.daemon.queue import Queue
from rosterd.daemon.workers import FromStore, Workers
from rosterd.trouble import Trouble
from store import Store
from store.wishes import Ask, Ticket, Trigger, Wish, depths
from tests.rosterd.reports import report


def wanted(directory: str, trigger: Trigger = "push", *, verify: bool = False) -> Ask:
    """ "acme/okta" is a directory of workspace "acme"."""
    return Ask(directory.partition("/")[0], directory, trigger, verify)


class Runs:
    """Runs that note themselves. `begin` may wait or raise."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str]] = []
        self.ended: list[str] = []
        self.at_once = self.most = 0
        self.by_workspace: dict[str, int] = {}
        self._lock = threading.Lock()
        self.begin: Callable[[Wish, Progress, threading.Event], None] = lambda _wish, _told, _stop: None

    def __call__(self, wish: Wish, told: Progress, stop: threading.Event) -> Report:
        with self._lock:
            self.began.append((wish.directory, wish.trigger))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.by_workspace[wish.workspace] = self.by_workspace.get(wish.workspace, 0) + 1
            assert self.by_workspace[wish.workspace] == 1, "two runs in one workspace"
        try:
            self.begin(wish, told, stop)
        finally:
            with self._lock:
                self.at_once -= 1
                self.by_workspace[wish.workspace] -= 1
        return report(directory=wish.directory, workspace=wish.workspace, run=wish.run or "")

    def note(self, wish: Wish, _report: Report) -> None:
        """Told of each report."""
        self.ended.append(wish.directory)


class Parts:
    """Workers, a queue and what they run."""

    def __init__(self, store: Store, runs: Runs, *, slots: int = 4) -> None:
        self.store, self.trouble = store, Trouble()
        self.presence = Presence(store, "serve", lambda _: None, self.trouble)
        self.workers = Workers(FromStore(store, self.presence), self.presence, self.trouble, slots=slots)
        self.queue = Queue(store, self.workers.announced)
        self.performer = Performer(store, runs, runs.note, self.trouble)

    async def ask(self, directory: str, trigger: Trigger = "push", *, verify: bool = False) -> Ticket:
        """Asks in a thread."""
        return await asyncio.to_thread(self.queue.ask, wanted(directory, trigger, verify=verify))

    async def idle(self, enough: Callable[[], bool] = lambda: True) -> None:
        """Until nothing runs or waits."""
        # Nobody tells when nothing happens.
        while not enough() or self.workers.running or await asyncio.to_thread(self._open):  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def idle_but(self, running: int, enough: Callable[[], bool]) -> None:
        """Until so many still run, and enough has happened."""
        while not enough() or self.workers.running != running:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def _open(self) -> bool:
        return any(depths(self.store).values())


def living(store: Store, runs: Runs, story: Callable[[Parts], Awaitable[None]], *, slots: int = 4) -> Runs:
    """Lets workers live through a story."""

    async def live() -> None:
        parts = Parts(store, runs, slots=slots)
        await asyncio.to_thread(parts.presence.show)
        parts.workers.start(parts.performer)
        await asyncio.wait_for(story(parts), 30)
        await parts.workers.stop(5.0)

    asyncio.run(live())
    return runs


async def entered(event: threading.Event) -> None:
    """Until a thread is there."""
    assert await asyncio.to_thread(event.wait, 20)
