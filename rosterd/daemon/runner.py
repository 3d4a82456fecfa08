"""Runs what is woken: one run at a time in a workspace, each in a thread of its own, as many at once as it has slots.

What a run is, is the caller's (`Run`, a function that blocks). Nothing that happens to a run ends the daemon: it is
logged and tried again. When to run is pace.py.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.errors import RunError
from reconciler.report import Report
from rosterd.daemon.pace import Wakes, again, back_off, rest
from rosterd.faults import told

log = logging.getLogger("rosterd.daemon")

SLOTS = 4
Run = Callable[[str, str, threading.Event], Report]
"""A run of a directory because of a trigger, in the calling thread; it stops soon once the event is set."""
Ended = Callable[[str, Report], None]
"""Told about the report of a directory's run, in the event loop."""


@dataclass
class Lane:
    """One workspace: the directories that wait with their triggers, since when, and what came of the last runs."""

    waiting: dict[str, str] = field(default_factory=dict)
    wakes: Wakes | None = None
    not_before: float = 0.0
    streak: int = 0
    running: bool = False
    task: "asyncio.Task[None] | None" = None
    busy: dict[str, int] = field(default_factory=dict)  # directory → how often in a row
    broken: dict[str, int] = field(default_factory=dict)

    def streaming(self) -> bool:
        """Whether more came since the last run began than somebody makes who waits for each."""
        return self.wakes is not None and self.wakes.stream


class Runner:
    """Runs directories by their workspaces. Everything but `Run` happens in one event loop."""

    def __init__(self, workspaces: Mapping[str, str], run: Run, ended: Ended, *, slots: int = SLOTS,
                 clock: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self._workspaces, self._run, self._ended, self._clock = workspaces, run, ended, clock
        self._lanes: dict[str, Lane] = {}
        self._slots = asyncio.Semaphore(slots)
        self._stop = threading.Event()
        self._closed = False

    def wake(self, directory: str, trigger: str) -> None:
        """Has a directory run soon; one that waits already runs once."""
        if self._closed:
            return
        lane = self._lanes.setdefault(self._workspaces[directory], Lane())
        now = self._clock()
        lane.wakes = Wakes(now, now) if lane.wakes is None else lane.wakes.again(now)
        lane.waiting.setdefault(directory, trigger)
        if lane.task is None:
            lane.task = asyncio.create_task(self._drive(lane))

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return any(lane.task is not None for lane in self._lanes.values())

    async def stop(self, seconds: float) -> bool:
        """Begins nothing more, waits for what runs, and tells it to stop when it has not ended by then; whether all
        ended. What was left is pending in the store."""
        self._closed = True
        tasks = []
        for lane in self._lanes.values():
            lane.waiting.clear()
            if lane.task is not None and lane.running:
                tasks.append(lane.task)
            elif lane.task is not None:
                lane.task.cancel()
        if not tasks:
            return True
        _, left = await asyncio.wait(tasks, timeout=seconds)
        if left:
            self._stop.set()
            _, left = await asyncio.wait(left, timeout=seconds)
        return not left

    async def _drive(self, lane: Lane) -> None:
        try:
            while lane.waiting:
                await self._quiet(lane)
                await self._all(lane)
        finally:
            lane.task = None

    async def _quiet(self, lane: Lane) -> None:
        """Waits until no more is coming, or long enough."""
        # What is waited for is that nothing happens.
        while lane.wakes is not None and (wait := max(lane.wakes.ready, lane.not_before) - self._clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)

    async def _all(self, lane: Lane) -> None:
        """Runs whatever waits; what comes meanwhile waits for the next time."""
        async with self._slots:
            taken, lane.waiting, lane.wakes, lane.running = lane.waiting, {}, None, True
            began = self._clock()
            for directory, trigger in taken.items():
                if not self._closed:
                    await self._one(lane, directory, trigger)
            lane.running = False
            lane.streak = lane.streak + 1 if lane.streaming() else 0
            lane.not_before = self._clock() + rest(self._clock() - began, lane.streak)

    async def _one(self, lane: Lane, directory: str, trigger: str) -> None:
        outcome = await _in_thread(lambda: self._run(directory, trigger, self._stop), f"run {directory}")
        if isinstance(outcome, Report):
            lane.busy.pop(directory, None)
            lane.broken.pop(directory, None)
            self._ended(directory, outcome)
        elif not isinstance(outcome, asyncio.CancelledError):
            self._later(lane, directory, trigger, outcome)

    def _later(self, lane: Lane, directory: str, trigger: str, error: BaseException) -> None:
        if isinstance(error, RunError) and error.code == "workspace_busy":
            tries = lane.busy[directory] = lane.busy.get(directory, 0) + 1
            wait = again(tries)
            log.debug("%s: the workspace is held by another run; again in %.2g s", directory, wait)
        else:
            failures = lane.broken[directory] = lane.broken.get(directory, 0) + 1
            wait = back_off(failures)
            said = f"{error} ({error.code})" if isinstance(error, RunError) else told(error)
            log.error(
                "%s: a run broke, for the %d. time in a row; again in %.3g s: %s", directory, failures, wait, said
            )
        asyncio.get_running_loop().call_later(wait, self.wake, directory, trigger)


async def _in_thread(work: Callable[[], Report], name: str) -> Report | BaseException:
    """What the work returned or raised. The thread ends with the process, should the work never end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Report | BaseException] = loop.create_future()

    def tell(outcome: Report | BaseException) -> None:
        if not done.done():
            done.set_result(outcome)

    def body() -> None:
        outcome: Report | BaseException
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - it is the caller's, who waits in another thread
            outcome = error
        loop.call_soon_threadsafe(tell, outcome)

    threading.Thread(target=body, name=name, daemon=True).start()
    return await done
