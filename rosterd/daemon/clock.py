"""Whether the clock of this machine goes with the database's. Leases and signs of life are in the time of whoever wrote
them: a machine that is off by more than a lease takes over what others run, or they what it does."""

from datetime import UTC, datetime

from rosterd.logs import logger
from store.database import Store
from store.workers import time_there

log = logger("rosterd.daemon")

PART = 4  # of a lease, which may be off


class Clock:
    """Compares, and says once that they differ and once that they agree again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._differs = False

    def look(self) -> None:
        """Does so. On SQLite there is one machine, and nothing to compare.

        Raises:
            StoreError: the store refused.
        """
        before = datetime.now(UTC)
        there = time_there(self._store)
        if there is None:
            return
        after = datetime.now(UTC)
        # The answer was made at some time in between.
        off = max((before - there).total_seconds(), (there - after).total_seconds())
        differs = off * PART > self._store.lease.total_seconds()
        if differs and not self._differs:
            way = "ahead of" if before > there else "behind"
            said = f"this machine's clock is {off:.0f} s {way} the database's: have both set by NTP"
            log.warning("clock_differs", message=said, seconds=round(off))
        if self._differs and not differs:
            log.info("clock_agrees", message="this machine's clock goes with the database's again")
        self._differs = differs
