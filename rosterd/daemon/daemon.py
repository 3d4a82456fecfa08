"""The daemon of one configuration over an open store: what asks for directories, what runs them, and how both end.

Its parts: schedule.py and pushes.py ask queue.py; workers.py claims and performing.py runs; presence.py shows that it
is there; retention.py deletes what is old. What is listened on is rosterd/serving.py.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from reconciler.errors import RunError
from reconciler.model import Frozen
from reconciler.report import Report
from rosterd.daemon.lasting import lasting
from rosterd.daemon.performing import Performer
from rosterd.daemon.presence import Presence
from rosterd.daemon.pushes import Pushes
from rosterd.daemon.queue import Queue
from rosterd.daemon.retention import Retention
from rosterd.daemon.runs import runs
from rosterd.daemon.schedule import Schedule
from rosterd.daemon.workers import Claims, FromStore, Workers
from rosterd.logs import logger
from rosterd.settings.kinds import PULLED
from rosterd.settings.model import DirectorySettings, Settings
from rosterd.trouble import Trouble
from rosterd.wiring import followed_anew
from store.database import Store
from store.due import waiting
from store.jobs import prepare
from store.wishes import Ask, Wish

log = logger("rosterd.daemon")


class NoQueue(RunError):
    """The work cannot be shared between processes."""

    code = "no_queue"


class Part(Frozen, frozen=True):
    """What a process does of it all: `asks` (schedule, requests of SCIM clients), `works` (runs directories)."""

    asks: bool = True
    works: bool = True


EVERYTHING = Part()


class Daemon:
    """Runs the directories of a configuration when they are due, told, or asked for. Lives in one event loop."""

    def __init__(self, settings: Settings, store: Store, part: Part = EVERYTHING) -> None:
        self.settings, self._store, self._part = settings, store, part
        self.heard: Callable[[Report], None] = lambda _: None  # who wants to know of each report, in its thread
        self.trouble = Trouble()
        kind = "serve" if part.asks else "worker"
        self._presence = Presence(store, kind, self._recovered, self.trouble, self._beat, buried=self._buried)
        self._claims = claims_of(settings, store, self._presence)
        self._workers = Workers(self._claims, self._presence, self.trouble, slots=settings.daemon.workers)
        self.queue = Queue(store, self._announced)
        self._performer = Performer(store, runs(lambda: self.settings, store), self._ended, self.trouble)
        self._schedule = Schedule(store, self.queue, self.trouble)
        self._pushes = Pushes(store, self.queue, self.trouble)
        self._retention = Retention(lambda: self.settings, store)
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes over what others left, looks at what was left undone, and begins to keep the schedule.

        Raises:
            StoreError: the store refused.
        """
        if self._part.works:
            await asyncio.to_thread(self._presence.show)
        await asyncio.to_thread(self._begin)
        if self._part.works:
            self._workers.start(self._performer)
        if self._part.asks:
            self._keeping = asyncio.create_task(lasting("the schedule", self._schedule.keep))
            self._retention.start()

    def woken(self, directory: str) -> None:
        """A directory told something."""
        found = self.settings.directory_named(directory)
        if found is not None:
            self._pushes.told(directory, found.workspace)

    async def reload(self, settings: Settings) -> None:
        """Follows another configuration from now on; runs that are under way end with theirs.

        Raises:
            StoreError: the store refused; the old configuration is followed on.
        """
        before, self.settings = self.settings, settings
        try:
            await asyncio.to_thread(self._begin)
        except BaseException:
            self.settings = before
            raise
        self._workers.slots = settings.daemon.workers
        self._schedule.changed()

    async def stop(self) -> None:
        """Ends within [daemon] stop_within and a little; what is not done by then waits in the store."""
        if self._keeping is not None:
            self._keeping.cancel()
        await self._retention.stop()
        if not await self._workers.stop(self.settings.daemon.stop_within.total_seconds()):
            log.warning("runs_left", message="some runs did not end in time: the next start finishes their work")

    async def close(self) -> None:
        """Asks for what was told last, for whoever runs it: call it when no request is under way any more."""
        await self._pushes.close()

    def _begin(self) -> None:
        """Keeps the times of all directories; asks for those that are told and have something to do now."""
        if not self._part.asks:
            return
        self._schedule.configure(self.settings.directory)
        undone = waiting(self._store)
        left = [each for each in self._told() if each.id in undone or self._changed(each)]
        if left:
            self.queue.ask_all([Ask(each.workspace, each.id, "push", by="start") for each in left])
        self._schedule.look()  # what is due of these joins

    def _buried(self) -> None:
        """Asks for what was told to a process that died before it asked."""
        undone = waiting(self._store)
        if left := [Ask(each.workspace, each.id, "push", by="scim") for each in self._told() if each.id in undone]:
            self.queue.ask_all(left)

    def _changed(self, directory: DirectorySettings) -> bool:
        """Whether configuration wants something of a told directory that it did not when that last ran."""
        return followed_anew(self.settings, self._store, directory)

    def _told(self) -> Iterable[DirectorySettings]:
        return (directory for directory in self.settings.directory if directory.kind not in PULLED)

    def _ended(self, _wish: Wish, report: Report) -> None:
        log.info("run_ended", message=summary(report), state=report.state, trigger=report.trigger)
        self.heard(report)

    def _recovered(self, wishes: list[Wish]) -> None:
        self._claims.gone(wishes)
        self._announced([wish.id for wish in wishes])

    def _beat(self) -> None:
        self._claims.beat()

    def _announced(self, ids: Sequence[str]) -> None:
        self._claims.announced(ids)
        self._workers.announced(ids)


def claims_of(settings: Settings, store: Store, presence: Presence) -> Claims:
    """What brings wishes to the workers of this process."""
    if not carried(settings):
        return FromStore(store, presence)
    from rosterd.daemon.fleet import Carried

    prepare(store)
    return Carried(store, presence)


def carried(settings: Settings) -> bool:
    """Whether many processes share the work.

    Raises:
        NoQueue: configuration asks for what this database cannot do.
    """
    postgresql = settings.store.url.startswith("postgresql")
    if settings.daemon.queue == "procrastinate" and not postgresql:
        raise NoQueue(
            "many processes can share the work on PostgreSQL only, and [store] url is another database",
            where="[daemon] queue",
            fix='write queue = "embedded", or give [store] url a PostgreSQL',
        )
    return postgresql and settings.daemon.queue != "embedded"


def summary(report: Report) -> str:
    """A run in one line of the log."""
    counts = report.counts
    parts = [f"{report.changes} change{'s' * (report.changes != 1)}"]
    parts += [f"{number} {name}" for name, number in (("held", counts.held), ("failed", counts.failed)) if number]
    if report.audit is not None:
        parts = [f"{report.audit.findings} differences from {report.audit.of}"]
    said = f": {report.error['message']}" if report.error else ""
    return f"{report.directory}: {report.state} ({report.trigger}, {', '.join(parts)}, run {report.run}){said}"
