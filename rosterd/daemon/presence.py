"""That this process is there: it says so every few seconds, puts back what processes had that are not any more, and
closes the runs that they left open."""

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version

from reconciler.errors import StoreError
from rosterd.daemon.clock import Clock
from rosterd.daemon.pace import STORE_AGAIN
from rosterd.logs import logger
from rosterd.ports import new_run, now
from rosterd.trouble import Trouble
from store.database import Store
from store.killed import closed_dead
from store.leases import return_all, stamp
from store.wishes import ASKED, MOST_TRIES, Wish, forget, recover
from store.workers import BEAT, BEATS, bury, enter, leave, living

log = logger("rosterd.daemon")

KEPT = timedelta(days=1)  # how long a wish is known once it is over


class Presence:
    """This process among those that run wishes. In a thread, `recovered` is told of what was put back, and called are
    `beat` with every sign of life and `buried` when another process turned out to be dead."""

    def __init__(
        self, store: Store, kind: str, recovered: Callable[[list[Wish]], None], trouble: Trouble,
        beat: Callable[[], None] = lambda: None, *, buried: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._store, self._kind, self._recovered, self._trouble = store, kind, recovered, trouble
        self._beat, self._buried = beat, buried
        self._clock = Clock(store)
        self._entering = threading.Lock()
        self._left = False
        self._runs: set[str] = set()
        self.id = secrets.token_hex(6)

    def claimed(self, claim: Callable[[str, str], Wish | None]) -> Wish | None:
        """What a claim brings, told the id of its run and the time. The run counts as under way from before that until
        `over`: a claim whose answer was lost with the connection may have been made, and is put back."""
        moment = now()
        run = new_run(moment)
        self._runs.add(run)
        wish: Wish | None = None
        try:
            wish = claim(run, moment)
        finally:
            if wish is None:
                self._runs.discard(run)
        return wish

    def over(self, wish: Wish) -> None:
        """Nobody is at the run of this wish any more, whether or not the store knows what came of it."""
        self._runs.discard(wish.run or "")

    def _under_way(self, wish: Wish) -> bool:
        return wish.worker != self.id or wish.run in self._runs

    def show(self) -> None:
        """Says that it is there, and looks after the others; nothing once it left: the thread of a last sign of life
        may come to it later than `leave`.

        Raises:
            StoreError: the store refused.
        """
        moment = now()
        with self._entering:
            if self._left:
                return
            enter(self._store, self.id, self._kind, version("rosterd"), moment)
        return_all(self._store)
        dead = bury(self._store, moment)
        found = recover(self._store, self._alive, moment, under_way=self._under_way)
        for wish in found:
            _taken_over(wish)
        for run, directory, workspace in closed_dead(self._store, moment):
            said = f"{directory}: run {run} ended without a report, and is closed as failed"
            log.warning("run_closed", message=said, run=run, directory=directory, workspace=workspace)
        if found:
            self._recovered(found)
        if dead:
            self._buried()
        self._beat()
        self._clock.look()
        forget(self._store, stamp(datetime.fromisoformat(moment) - KEPT))

    def _alive(self) -> frozenset[str]:
        return frozenset(each.id for each in living(self._store, now()))

    async def keep(self) -> None:
        """Says so for ever; what the store refuses is tried again."""
        wait = often = min(BEAT, self._store.lease.total_seconds() / BEATS)
        while True:
            await asyncio.sleep(wait)
            try:
                await asyncio.to_thread(self.show)
            except StoreError as error:
                level = logging.ERROR if wait == often else logging.DEBUG
                log.log(level, "store_refused", message=f"no sign of life was taken: {error.whole}", code=error.code)
                self._trouble.met("presence", error)
                wait = min(STORE_AGAIN, often)
            else:
                self._trouble.over("presence")
                wait = often

    async def leave(self) -> None:
        """Ends; what the store refuses is found out by the others."""
        try:
            await asyncio.to_thread(self._leave)
        except StoreError as error:
            log.debug("leaving_not_taken", message=f"leaving was not taken: {error}", code=error.code)

    def _leave(self) -> None:
        with self._entering:
            self._left = True
            leave(self._store, self.id)


def _taken_over(wish: Wish) -> None:
    said = f"{wish.directory}: nobody is at run {wish.run} any more"
    tries = wish.tries + 1
    about = {"run": wish.run, "directory": wish.directory, "workspace": wish.workspace}
    if tries < MOST_TRIES:
        log.warning("run_taken_over", message=f"{said}; it is taken over", **about)
        return
    then = "it is not tried again" if wish.trigger in ASKED else "it is tried again later and later"
    times = f"{tries} workers in a row ended while they ran it"
    log.error("run_lost", message=f"{said}: {times}; {then}", code="lost", tries=tries, **about)
