"""Once a day, by one of all processes: what is older than [retention] says goes. What that is: store/retention.py.

What is deleted does not come back when a clock that was wrong for a moment is right again. So a day that comes too late
for the last one, or too early, is not believed at once; and of a clock that stays wrong, no more than a week a day.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from reconciler.errors import StoreError
from rosterd.daemon.lasting import lasting
from rosterd.logs import logger
from rosterd.policies import watched
from rosterd.settings.model import Settings
from store.database import Store
from store.due import due_times, last_began, set_due, turn
from store.expired import Horizon
from store.leases import stamp
from store.retention import Deleted, retain

log = logger("rosterd.daemon")

KEY = "[retention]"  # in `due`, where no directory can have this id
EVERY = timedelta(days=1)
FIRST = timedelta(minutes=5)  # after the first start over a store, which has other things to do
SETTLED = timedelta(hours=1)  # that a clock which jumped goes on
MOST = timedelta(days=7)  # that what is old moves on in a day
LOOK = 300.0  # seconds between two looks


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def horizon(settings: Settings, moment: datetime) -> Horizon:
    """What is old at this moment."""
    kept = settings.retention
    return Horizon(stamp(moment - kept.actions), stamp(moment - min(kept.quiet, kept.actions)))


def believed(store: Store, moment: datetime) -> datetime:
    """By when it is reckoned what is old, for who deletes by hand: whatever the clock says, a week after the last run
    at most."""
    last = last_began(store)
    return moment if last is None else min(moment, datetime.fromisoformat(last) + MOST)


class Retention:
    """The daily job. `settings` are those of now."""

    def __init__(self, settings: Callable[[], Settings], store: Store, clock: Callable[[], datetime] = now) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._stopping = False
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look whether it is time."""
        self._keeping = asyncio.create_task(lasting("retention", self._keep))

    async def stop(self) -> None:
        """Ends after the transaction that is under way."""
        self._stopping = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    def look(self) -> Deleted | None:
        """Does it when it is time and no other process does; None when not.

        Raises:
            StoreError: the store refused; the rest is done the next time.
        """
        moment = self._turn()
        if moment is None:
            return None
        settings = self._settings()
        old = horizon(settings, moment)
        deleted = retain(self._store, old, watched(settings), go_on=lambda: not self._stopping)
        if deleted.anything:
            log.info("history_deleted", message=said(deleted))
        return deleted

    def _turn(self) -> datetime | None:
        """By when it is reckoned what is old, when it is time and no other process does it. In `due` stand the time of
        the next turn, and by when it was reckoned the last time."""
        moment = self._clock()
        at, reckoned = due_times(self._store).get(KEY, ("", ""))
        if not reckoned.endswith("Z"):  # nobody did it yet, or a version that kept something else there
            known = last_began(self._store)
            with self._store.write() as connection:
                set_due(connection, KEY, stamp(moment + FIRST), min(stamp(moment), known or stamp(moment)))
            return None
        due = datetime.fromisoformat(at)
        if moment < due <= moment + EVERY:
            return None
        jumped = not moment - EVERY <= due <= moment
        until = min(moment, datetime.fromisoformat(reckoned) + MOST)
        new = (stamp(moment + SETTLED), reckoned) if jumped else (stamp(moment + EVERY), stamp(until))
        with self._store.write() as connection:
            won = turn(connection, KEY, (at, reckoned), new)
        return until if won and not jumped else None

    async def _keep(self) -> None:
        while True:
            looking = asyncio.ensure_future(asyncio.to_thread(self.look))
            try:
                await asyncio.shield(looking)
            except asyncio.CancelledError:
                await asyncio.wait([looking])  # the store is not closed under its hands
                raise
            except StoreError as error:
                message = f"what is old is deleted another time: {error.whole}"
                log.warning("store_refused", message=message, code=error.code)
            await asyncio.sleep(LOOK)


def said(deleted: Deleted) -> str:
    """What was deleted, in a sentence."""
    return (
        f"older than [retention] says, deleted: {deleted.runs:,} runs, {deleted.actions:,} actions,"
        f" {deleted.images:,} earlier images of directories, {deleted.policies:,} policies"
    )
