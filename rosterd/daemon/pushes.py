"""From requests of SCIM clients to asks: a burst is one ask, and what keeps coming gets runs that are farther apart.

When to ask is pace.py. What was told is in the store before this hears of it, so nothing here has to be kept: after a
start the daemon looks for what is not done.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import StoreError
from rosterd.daemon.pace import Wakes, back_off, rest
from rosterd.daemon.queue import Queue
from rosterd.logs import logger
from rosterd.trouble import Trouble
from store.database import UNAVAILABLE, Store
from store.wishes import Ask, Wish, wish_of

log = logger("rosterd.daemon")

LOOK = 0.05  # seconds between two looks at whether the run of the last ask is over


@dataclass
class Lane:
    """One directory: since when something waits, and what became of the last ask."""

    directory: str
    workspace: str
    wakes: Wakes | None = None
    wish: str = ""
    not_before: float = 0.0
    streak: int = 0
    task: "asyncio.Task[None] | None" = None
    refused: int = 0  # asks that the store did not take, in a row


class Pushes:
    """Asks for directories that told something. Lives in one event loop."""

    def __init__(
        self, store: Store, queue: Queue, trouble: Trouble, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._queue, self._trouble, self._clock = store, queue, trouble, clock
        self._lanes: dict[str, Lane] = {}
        self._closed = False

    def told(self, directory: str, workspace: str) -> None:
        """A directory of a workspace told something."""
        if self._closed:
            return
        lane = self._lanes.setdefault(directory, Lane(directory, workspace))
        lane.workspace = workspace
        now = self._clock()
        lane.wakes = Wakes(now, now) if lane.wakes is None else lane.wakes.again(now)
        if lane.task is None:
            lane.task = asyncio.create_task(self._drive(lane))

    async def close(self) -> None:
        """Asks at once for what was told and waited for more. Other processes may be there to run it, and who starts
        later looks for what is not done."""
        self._closed = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = [_wanted(lane) for lane in self._lanes.values() if lane.wakes is not None]
        try:
            if left:
                await asyncio.to_thread(self._queue.ask_all, left)
        except StoreError as error:
            said = f"what was told last is done after the next start of a serving process: {error}"
            log.warning("store_refused", message=said, code=error.code)

    async def _drive(self, lane: Lane) -> None:
        try:
            while lane.wakes is not None:
                try:
                    await self._last_run(lane)
                    await self._quiet(lane)
                    lane.wakes = None
                    lane.wish = await asyncio.to_thread(self._ask, lane)
                    lane.refused = 0
                    self._trouble.over("pushes")
                except StoreError as error:
                    await self._later(lane, error)
        finally:
            lane.task = None

    async def _last_run(self, lane: Lane) -> None:
        """Waits while the run of the last ask is under way: what comes meanwhile is one run after it, and a rest. An
        ask that still waits will do for this, too."""
        met = False
        while (found := await self._wish(lane)) is not None and found.state == "running":
            met = True
            await asyncio.sleep(LOOK)
        lane.streak = lane.streak + 1 if met else 0
        lane.not_before = self._clock() + rest(_took(found), lane.streak)

    async def _wish(self, lane: Lane) -> Wish | None:
        return await asyncio.to_thread(wish_of, self._store, lane.wish) if lane.wish else None

    async def _quiet(self, lane: Lane) -> None:
        """Waits until no more is coming, or long enough."""
        # What is waited for is that nothing happens.
        while lane.wakes is not None and (wait := max(lane.wakes.ready, lane.not_before) - self._clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)

    def _ask(self, lane: Lane) -> str:
        return self._queue.ask(_wanted(lane)).id

    async def _later(self, lane: Lane, error: StoreError) -> None:
        lane.refused += 1
        self._trouble.met("pushes", error)
        wait = back_off(lane.refused, outage=error.code in UNAVAILABLE)
        said = f"{lane.directory}: what was told waits for the store, {wait:.3g} s: {error.whole}"
        log.warning("store_refused", message=said, directory=lane.directory, workspace=lane.workspace, code=error.code)
        now = self._clock()
        lane.wakes = lane.wakes or Wakes(now, now)
        await asyncio.sleep(wait)


def _wanted(lane: Lane) -> Ask:
    return Ask(lane.workspace, lane.directory, "push", by="scim")


def _took(wish: Wish | None) -> float:
    if wish is None or wish.began is None or wish.ended is None:
        return 0.0
    return (datetime.fromisoformat(wish.ended) - datetime.fromisoformat(wish.began)).total_seconds()
