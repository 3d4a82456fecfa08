"""The workers of one process: as many runs at once as it has slots, each in a thread, claimed from the store.

They are woken by asks of this process, and look by themselves for those of others. Beside that they say that they are
alive, and put back what workers had that are not any more. A run's own story is performing.py.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from reconciler.errors import StoreError
from rosterd.daemon.performing import Performer
from rosterd.daemon.presence import Presence
from rosterd.logs import logger
from rosterd.ports import new_run, now
from store.database import Store
from store.wishes import Wish, claim

log = logger("rosterd.daemon")

POLL = 1.0  # seconds between two looks for asks of other processes
REFUSED = 2.0  # before the next look, when the store refused
HAND_OVER = 5.0  # seconds for runs to stop once they are told to


class Workers:
    """Runs what waits. Lives in one event loop; only `announced` is for other threads."""

    def __init__(self, store: Store, presence: Presence, *, slots: int) -> None:
        self._store, self._presence, self.slots = store, presence, slots
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poked = asyncio.Event()
        self._stop = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def start(self, performer: Performer) -> None:
        """Begins to look for work."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._work(performer)), asyncio.create_task(self._presence.keep())]

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
        for task in self._tasks:
            task.cancel()
        if not left:
            await self._presence.leave()
        return not left

    async def _work(self, performer: Performer) -> None:
        refused = False
        while not self._closed:
            self._poked.clear()
            try:
                more = len(self._running) < self.slots and await self._begin(performer)
            except StoreError as error:
                if not refused:
                    said = f"the store says nothing about what to run; asking on: {error}"
                    log.error("store_refused", message=said, code=error.code)
                refused, more = True, False
            else:
                if refused:
                    log.info("store_answers", message="the store answers again")
                refused = False
            if not more:
                await _set(self._poked, REFUSED if refused else POLL)

    async def _begin(self, performer: Performer) -> bool:
        """Whether there was something to begin."""
        wish = await asyncio.to_thread(self._claim)
        if wish is None:
            return False
        task = asyncio.create_task(self._one(performer, wish))
        self._running[wish.id] = task
        task.add_done_callback(lambda _: self._over(wish.id))
        return True

    def _claim(self) -> Wish | None:
        moment = now()
        return claim(self._store, self._presence.id, new_run(moment), moment)

    async def _one(self, performer: Performer, wish: Wish) -> None:
        await in_thread(lambda: performer.perform(wish, self._stop), f"run {wish.directory}")

    def _over(self, wish: str) -> None:
        del self._running[wish]
        self._poked.set()


async def _left(tasks: "Iterable[asyncio.Task[None]]", seconds: float) -> "set[asyncio.Task[None]]":
    """Those that have not ended after so long."""
    listed = set(tasks)
    return (await asyncio.wait(listed, timeout=seconds))[1] if listed else listed


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
