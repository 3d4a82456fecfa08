"""The workers of one process: as many runs at once as it has slots, each in a thread.

They are woken by asks of this process, and look by themselves for those of others. Beside that they say that they are
alive, and put back what workers had that are not any more. A run's own story is performing.py.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from reconciler.errors import StoreError
from rosterd.daemon.lasting import lasting
from rosterd.daemon.pace import STORE_AGAIN
from rosterd.daemon.performing import Performer
from rosterd.daemon.presence import Presence
from rosterd.logs import logger
from rosterd.trouble import Trouble
from store.database import Store
from store.wishes import Wish, claim

log = logger("rosterd.daemon")

POLL = 1.0  # seconds between two looks for asks of other processes
HAND_OVER = 5.0  # seconds for runs to stop once they are told to


class Claims(Protocol):
    """Where workers get wishes from. Its methods block: they are called in threads."""

    def claim(self) -> Wish | None:
        """Takes the next wish.

        Raises:
            StoreError: the store refused.
        """

    def over(self, wish: Wish) -> None:
        """Told that nothing more is done about a wish that was claimed."""

    def announced(self, ids: Sequence[str]) -> None:
        """Told of wishes that are new or may run earlier (queue.Announce)."""

    def gone(self, wishes: Sequence[Wish]) -> None:
        """Told of wishes that were put back because who had claimed them is dead."""

    def beat(self) -> None:
        """Called with every sign of life of this process."""

    def leave(self) -> None:
        """This process claims nothing any more."""

    async def listen(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Calls `heard` when other processes announce something, for ever."""


class FromStore:
    """Wishes straight from the store, for the workers of one process."""

    def __init__(self, store: Store, presence: Presence) -> None:
        self._store, self._presence = store, presence

    def claim(self) -> Wish | None:
        """The one of the workspace that was served longest ago."""
        return self._presence.claimed(lambda run, moment: claim(self._store, self._presence.id, run, moment))

    def over(self, wish: Wish) -> None:
        """The store knows."""
        self._presence.over(wish)

    def announced(self, ids: Sequence[str]) -> None:
        """Nothing."""

    def gone(self, wishes: Sequence[Wish]) -> None:
        """Nothing."""

    def beat(self) -> None:
        """Nothing."""

    def leave(self) -> None:
        """Nothing."""

    async def listen(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Looks of the workers find what others ask for."""


class Workers:
    """Runs what waits. Lives in one event loop; only `announced` is for other threads."""

    def __init__(self, claims: Claims, presence: Presence, trouble: Trouble, *, slots: int) -> None:
        self._claims, self._presence, self._trouble, self.slots = claims, presence, trouble, slots
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poked = asyncio.Event()
        self._stop = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self, performer: Performer) -> None:
        """Begins to look for work."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(lasting("claiming", lambda: self._work(performer))),
            asyncio.create_task(lasting("the sign of life", self._presence.keep)),
            asyncio.create_task(lasting("listening", lambda: self._claims.listen(self.announced))),
        ]

    def announced(self, _ids: Sequence[str]) -> None:
        """There may be something to do; for every thread (queue.Announce)."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(self._poked.set)

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._running)

    async def stop(self, seconds: float) -> bool:
        """Begins nothing more, waits for what runs, and has it handed over when it has not ended by then. Whether
        everything ended."""
        self._closed = True
        self._poked.set()
        if self._tasks:
            await asyncio.gather(self._tasks[0], return_exceptions=True)
        left = await _left(self._running.values(), seconds)
        self._stop.set()
        left = await _left(left, HAND_OVER)
        await asyncio.gather(*(_ended(task) for task in self._tasks))
        if not left:
            await self._presence.leave()
            with suppress(StoreError):  # the others find out
                await asyncio.to_thread(self._claims.leave)
        return not left

    async def _work(self, performer: Performer) -> None:
        refused = False
        while not self._closed:
            self._poked.clear()
            try:
                more = len(self._running) < self.slots and await self._begin(performer)
            except StoreError as error:
                if not refused:
                    said = f"the store says nothing about what to run; asking on: {error.whole}"
                    log.error("store_refused", message=said, code=error.code)
                self._trouble.met("claims", error)
                refused, more = True, False
            else:
                self._trouble.over("claims")
                if refused:
                    log.info("store_answers", message="the store answers again")
                refused = False
            if not more:
                await _set(self._poked, STORE_AGAIN if refused else POLL)

    async def _begin(self, performer: Performer) -> bool:
        """Whether there was something to begin."""
        wish = await asyncio.to_thread(self._claims.claim)
        if wish is None:
            return False
        task = asyncio.create_task(self._one(performer, wish))
        run = str(wish.run)  # a wish that others took over meanwhile may come back while its first run still ends
        self._running[run] = task
        task.add_done_callback(lambda _: self._over(run))
        return True

    async def _one(self, performer: Performer, wish: Wish) -> None:
        def work() -> None:
            try:
                performer.perform(wish, self._stop)
            finally:
                self._claims.over(wish)

        await in_thread(work, f"run {wish.directory}")

    def _over(self, run: str) -> None:
        del self._running[run]
        self._poked.set()


async def _left(tasks: "Iterable[asyncio.Task[None]]", seconds: float) -> "set[asyncio.Task[None]]":
    """Those that have not ended after so long."""
    listed = set(tasks)
    return (await asyncio.wait(listed, timeout=seconds))[1] if listed else listed


async def _ended(task: "asyncio.Task[None]") -> None:
    """Ends a task. Python 3.11's wait_for forgets a cancellation that comes together with what it waited for, and
    procrastinate's listener stands on that: so it is told again."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)


async def _set(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def in_thread(work: Callable[[], None], name: str) -> None:
    """Does work in a thread of its own, which ends with the process should the work never end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    def body() -> None:
        try:
            work()
        finally:
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(tell)

    threading.Thread(target=body, name=name, daemon=True).start()
    await done
