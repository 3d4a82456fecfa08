"""Wakes directories when they are due: those that are read, at their times; those that are told, to be compared whole.

When each is due is scheduler.py; what it did before is the store's memory. Configuration is that of the start.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from reconciler.health import Health
from rosterd.settings.kinds import PULLED
from rosterd.settings.model import DirectorySettings
from scheduler import Due, trigger

log = logging.getLogger("rosterd.daemon")

LONGEST_SLEEP = 30.0  # seconds: a clock that was set, or a machine that slept, is noticed by then
SHORTEST_SLEEP = 0.05


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


class Schedule:
    """Wakes directories through a function until it is cancelled."""

    def __init__(self, wake: Callable[[str, str], None], clock: Callable[[], datetime] = now) -> None:
        self._due, self._wake, self._clock = Due(), wake, clock
        self._changed = asyncio.Event()

    def enter(self, directory: DirectorySettings, last: str | None, health: Health) -> None:
        """Enters a directory that was last read or, if it is told, compared whole at that time (RFC 3339)."""
        read = directory.kind in PULLED
        when = trigger(directory.every, directory.cron) if read else trigger(directory.verify_every)
        self._due.add(directory.id, when, None if last is None else datetime.fromisoformat(last), self._clock())
        self._due.know(directory.id, health, self._clock())

    def know(self, directory: str, health: Health) -> None:
        """Notes how a run went."""
        self._due.know(directory, health, self._clock())
        self._changed.set()

    async def keep(self) -> None:
        """Wakes what is due, for ever."""
        while True:
            moment = self._clock()
            for directory in self._due.ready(moment):
                self._due.ran(directory, moment)
                self._wake(directory, "schedule")
            await self._sleep(moment)

    async def _sleep(self, moment: datetime) -> None:
        due = self._due.wake()
        wait = LONGEST_SLEEP if due is None else (due - moment).total_seconds()
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), min(max(wait, SHORTEST_SLEEP), LONGEST_SLEEP))
        except TimeoutError:
            return
