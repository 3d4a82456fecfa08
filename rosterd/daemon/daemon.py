"""The daemon of one configuration: schedule and runner over an open store, beside whatever wakes directories."""

import asyncio
import logging
from collections.abc import Iterable

from reconciler.report import Report
from rosterd.daemon.runner import Runner
from rosterd.daemon.runs import runs
from rosterd.daemon.schedule import Schedule
from rosterd.settings.kinds import PULLED
from rosterd.settings.model import DirectorySettings, Settings
from rosterd.wiring import followed_anew
from store.database import Store
from store.due import last_read, last_verified, waiting
from store.health import health_of

log = logging.getLogger("rosterd.daemon")

STOP_SECONDS = 10.0  # for runs to end by themselves; then they are told to, and have as long again


class Daemon:
    """Runs the directories of a configuration when they are due or woken. Lives in one event loop."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        workspaces = {directory.id: directory.workspace for directory in settings.directory}
        self._runner = Runner(workspaces, runs(settings, store), self._ended)
        self._schedule = Schedule(self._runner.wake)
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to keep the schedule, and looks at what was left undone."""
        left = await asyncio.to_thread(self._left)
        for directory in left:
            self._runner.wake(directory, "push")
        self._keeping = asyncio.create_task(self._schedule.keep())

    def woken(self, directory: str) -> None:
        """A directory told something."""
        self._runner.wake(directory, "push")

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ends; what is not done is done after the next start."""
        if self._keeping is not None:
            self._keeping.cancel()
        if not await self._runner.stop(seconds):
            log.warning("some runs did not end in time: the next start finishes their work")

    def _left(self) -> tuple[str, ...]:
        """Enters all directories into the schedule; those that are told and have something to do now."""
        verified, undone = last_verified(self._store), waiting(self._store)
        for directory in self._settings.directory:
            read = directory.kind in PULLED
            last = last_read(self._store, directory.id) if read else verified.get(directory.id)
            self._schedule.enter(directory, last, health_of(self._store, directory.id))
        return tuple(each.id for each in self._told() if each.id in undone or self._changed(each))

    def _changed(self, directory: DirectorySettings) -> bool:
        """Whether configuration wants something of a told directory that it did not when that last ran."""
        return followed_anew(self._settings, self._store, directory)

    def _told(self) -> Iterable[DirectorySettings]:
        return (directory for directory in self._settings.directory if directory.kind not in PULLED)

    def _ended(self, directory: str, report: Report) -> None:
        log.info("%s", summary(report))
        if report.health is not None:
            self._schedule.know(directory, report.health)


def summary(report: Report) -> str:
    """A run in one line of the log."""
    counts = report.counts
    parts = [f"{report.changes} change{'s' * (report.changes != 1)}"]
    parts += [f"{number} {name}" for name, number in (("held", counts.held), ("failed", counts.failed)) if number]
    said = f": {report.error['message']}" if report.error else ""
    return f"{report.directory}: {report.state} ({report.trigger}, {', '.join(parts)}, run {report.run}){said}"
