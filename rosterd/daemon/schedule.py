"""Asks for directories when they are due: those that are read at their times; those that are told to be compared whole.

When each is due is in the store, so that a restart forgets nothing and of several processes one asks. How times are
reckoned is scheduler.py.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection

from reconciler.errors import StoreError
from rosterd.daemon.pace import STORE_AGAIN
from rosterd.daemon.queue import Queue, new_id
from rosterd.logs import logger
from rosterd.policies import turn_of
from rosterd.settings.kinds import PULLED
from rosterd.settings.model import DirectorySettings
from rosterd.trouble import Trouble
from scheduler import Calendar, Timetable, staggered
from store.database import Store
from store.due import due_time, due_times, last_read, last_verified, move_due, set_due
from store.health import health_in
from store.leases import stamp
from store.wishes import Ask, Ticket, alone, ask

log = logger("rosterd.daemon")

LONGEST_SLEEP = 30.0  # seconds: a clock that was set, or a machine that slept, is noticed by then
SHORTEST_SLEEP = 0.05
CHUNK = 100  # directories in one transaction


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


class Schedule:
    """The schedule of a configuration over a store; `configure` and `look` block and may be called in threads."""

    def __init__(self, store: Store, queue: Queue, trouble: Trouble, clock: Callable[[], datetime] = now) -> None:
        self._store, self._queue, self._trouble, self._clock = store, queue, trouble, clock
        self._calendar = Calendar()
        self._workspaces: dict[str, str] = {}
        self._lock = threading.Lock()
        self._changed = asyncio.Event()

    def configure(self, directories: Sequence[DirectorySettings]) -> None:
        """Keeps the times of these directories from now on. What the store knows of one counts, unless its schedule
        has changed; those that it does not know and that are due at once come one after the other.

        Raises:
            StoreError: the store refused.
        """
        with self._lock:
            moment = self._clock()
            tables = {each.id: timetable(each) for each in directories}
            self._enter(tables, self._first_times(directories, tables, moment))
            known = due_times(self._store)
            self._calendar.clear()
            for directory, table in tables.items():
                self._calendar.enter(directory, table, datetime.fromisoformat(known[directory][0]))
            self._workspaces = {each.id: turn_of(each) for each in directories}
            self._move(self._calendar.too_far(moment), moment)

    def _first_times(
        self, directories: Iterable[DirectorySettings], tables: dict[str, Timetable], moment: datetime
    ) -> dict[str, datetime]:
        """Of those whose timetable the store does not know."""
        known, verified = due_times(self._store), last_verified(self._store)
        new = [each for each in directories if known.get(each.id, ("", ""))[1] != tables[each.id].basis]
        times: dict[str, datetime] = {}
        for each in new:
            # One that is told and was never compared is asked for at a start anyway (daemon.py).
            last = last_read(self._store, each.id) if each.kind in PULLED else verified.get(each.id, stamp(moment))
            times[each.id] = tables[each.id].first(None if last is None else datetime.fromisoformat(last), moment)
        return {**times, **staggered([name for name, at in times.items() if at <= moment], moment)}

    def _enter(self, tables: dict[str, Timetable], times: dict[str, datetime]) -> None:
        if times:
            with self._writing() as connection:
                for directory, at in times.items():
                    set_due(connection, directory, stamp(at), tables[directory].basis)

    def look(self) -> None:
        """Asks for what is due. Many that were missed come one after the other, each once.

        Raises:
            StoreError: the store refused.
        """
        with self._lock:
            moment = self._clock()
            self._move(self._calendar.too_far(moment), moment)
            self._move(staggered(self._calendar.late(moment), moment), moment)
            ready = self._calendar.ready(moment)
            for start in range(0, len(ready), CHUNK):
                self._ask(ready[start : start + CHUNK], moment)

    def _ask(self, directories: Sequence[str], moment: datetime) -> None:
        moved: dict[str, datetime] = {}
        with self._writing() as connection:
            found = [self._fire(connection, each, moment, moved) for each in directories]
        self._noted(moved)
        self._queue.announce([ticket for ticket in found if ticket is not None])

    def _fire(
        self, connection: Connection, directory: str, moment: datetime, moved: dict[str, datetime]
    ) -> Ticket | None:
        """Moves a directory on, and asks for it when nobody else did and nothing is against it."""
        table = self._calendar.timetable(directory)
        later = table.put_off(health_in(connection, directory), moment)
        won = self._won(connection, directory, later or table.following(moment), moment, moved=moved)
        if not won or later is not None:
            return None
        wanted = Ask(self._workspaces[directory], directory, "schedule", by="schedule")
        return ask(connection, wanted, new_id(stamp(moment)), stamp(moment))

    def _move(self, times: dict[str, datetime], moment: datetime) -> None:
        if times:
            moved: dict[str, datetime] = {}
            with self._writing() as connection:
                for directory, at in times.items():
                    self._won(connection, directory, at, moment, moved=moved)
            self._noted(moved)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that moves several times: one after the other of all processes, which may have them in another
        order."""
        with self._store.write() as connection:
            alone(connection)
            yield connection

    def _won(
        self, connection: Connection, directory: str, at: datetime, moment: datetime, *, moved: dict[str, datetime]
    ) -> bool:  # fmt: skip
        """Whether it was this process that moved it; when it is due now stands in `moved`."""
        won = move_due(connection, directory, stamp(self._calendar.at(directory)), stamp(at))
        if not won:
            known, latest = (
                due_time(connection, directory),
                stamp(self._calendar.timetable(directory).following(moment)),
            )
            if known > latest:  # whose clock was ahead moved it, and is not here to move it back
                move_due(connection, directory, known, latest)
            at = datetime.fromisoformat(min(known, latest))
        moved[directory] = at
        return won

    def _noted(self, moved: dict[str, datetime]) -> None:
        """What is on the disk holds here, too."""
        for directory, at in moved.items():
            self._calendar.move(directory, at)

    def changed(self) -> None:
        """Has `keep` look at once: the configuration is another one."""
        self._changed.set()

    async def keep(self) -> None:
        """Asks for what is due, for ever; while the store refuses, what is due waits."""
        refused = False
        while True:
            try:
                await asyncio.to_thread(self.look)
                wait, refused = self._wait(), False
                self._trouble.over("the schedule")
            except StoreError as error:
                self._trouble.met("the schedule", error)
                level = logging.DEBUG if refused else logging.WARNING
                log.log(
                    level, "store_refused", message=f"what is due waits for the store: {error.whole}", code=error.code
                )
                wait, refused = STORE_AGAIN, True
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _wait(self) -> float:
        due = self._calendar.wake()
        wait = LONGEST_SLEEP if due is None else (due - self._clock()).total_seconds()
        return min(max(wait, SHORTEST_SLEEP), LONGEST_SLEEP)


def timetable(directory: DirectorySettings) -> Timetable:
    """When a directory is run: one that is told, to be compared whole."""
    if directory.kind in PULLED:
        return Timetable.of(directory.id, directory.every, directory.cron)
    return Timetable.of(directory.id, directory.verify_every)
