"""A claimed wish, run: in the calling thread, with its progress in the store, until the store knows what came of it.

Nothing that happens to a run ends the daemon. What nobody asked for by hand is asked for again, later and later, when
it broke; who asked by hand gets the error. When to try again is pace.py.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from reconciler.errors import RunError, StoreError
from reconciler.ports import Progress
from reconciler.report import Report
from rosterd.daemon.pace import STORE_AGAIN, again, back_off
from rosterd.daemon.queue import new_id
from rosterd.faults import told
from rosterd.logs import about, logger
from rosterd.ports import now
from rosterd.trouble import Trouble
from store.database import UNAVAILABLE, Store
from store.leases import stamp
from store.wishes import ASKED, Ask, Wish, advance, finish, put_back
from store.wishes import Progress as Known
from store.workers import living

log = logger("rosterd.daemon")

MOST_ELSEWHERE = 8  # tries of what this process does not know, and another one may: four minutes
ELSEWHERE = 0.5  # seconds between two of them while somebody waits for it: four
TOLD_EVERY = 0.5  # seconds between two writes of a run's progress

Run = Callable[[Wish, Progress, threading.Event], Report]
"""A run of a wish in the calling thread, told how far it is; it stops soon once the event is set, and then raises
asyncio.CancelledError."""
Ended = Callable[[Wish, Report], None]
"""Told about each report, in the thread of its run."""


class NotConfigured(RunError):
    """Somebody asked for a directory that this daemon's configuration does not have."""

    code = "not_configured"


class Performer:
    """Runs claimed wishes over a store; safe to share between threads."""

    def __init__(self, store: Store, run: Run, ended: Ended, trouble: Trouble) -> None:
        self._store, self._run, self._ended, self._trouble = store, run, ended, trouble

    def perform(self, wish: Wish, stop: threading.Event) -> None:
        """Runs a claimed wish. When the store refuses to take what came of it, tries until `stop` is set: then others
        find that its worker is gone."""
        with about(run=wish.run or "", directory=wish.directory, workspace=wish.workspace):
            self._perform(wish, stop)

    def _perform(self, wish: Wish, stop: threading.Event) -> None:
        log.debug("run_begins", message=f"{wish.directory}: run {wish.run} begins", trigger=wish.trigger)
        try:
            report = self._run(wish, _Telling(self._store, wish), stop)
        except asyncio.CancelledError:
            log.info("run_handed_over", message=f"{wish.directory}: run {wish.run} is handed over")
            self._until_kept(stop, lambda: put_back(self._store, wish, tries=wish.tries))
        except RunError as error:
            self._trouble.met("runs", error)
            self._refused(wish, error, stop)
        except Exception as error:  # noqa: BLE001 - a fault of one run, told in the log without its text
            said = f"this is a fault of rosterd's: {told(error)}"
            failed = {"code": "unexpected", "message": said, "where": f"run {wish.run}", "fix": "see the daemon's log"}
            self._broke(wish, failed, stop)
        else:
            self._trouble.over("runs")
            self._tell(wish, report)
            self._until_kept(stop, lambda: finish(self._store, wish, now()))

    def _tell(self, wish: Wish, report: Report) -> None:
        try:
            self._ended(wish, report)
        except Exception as error:  # noqa: BLE001 - whoever hears of a run does not keep its wish from ending
            said = f"{wish.directory}: run {wish.run} was not told to all who listen, by a fault of rosterd's"
            log.error("telling_broke", message=f"{said}: {told(error)}")

    def _refused(self, wish: Wish, error: RunError, stop: threading.Event) -> None:
        if error.code == "workspace_busy":
            wait = again(_age(wish))
            said = f"{wish.directory}: the workspace is held by another run; again in {wait:.2g} s"
            log.debug("workspace_busy", message=said)
            self._until_kept(stop, lambda: put_back(self._store, wish, _in(wait), tries=wish.tries))
        else:
            self._broke(wish, error.as_dict(), stop)

    def _broke(self, wish: Wish, error: dict[str, str], stop: threading.Event) -> None:
        said = f"{error['message']} ({error['code']})"
        if wish.trigger in ASKED and self._elsewhere(wish, error):
            log.debug("run_elsewhere", message=f"{wish.directory}: left to another process: {said}", code=error["code"])
            self._until_kept(stop, lambda: put_back(self._store, wish, _in(ELSEWHERE), tries=wish.tries + 1))
            return
        if wish.trigger in ASKED:
            log.error("run_broke", message=f"{wish.directory}: a run broke: {said}", code=error["code"])
            self._until_kept(stop, lambda: finish(self._store, wish, now(), error))
            return
        tries = wish.tries + 1
        if error["code"] == NotConfigured.code and tries > MOST_ELSEWHERE:
            log.warning("not_run", message=f"{wish.directory}: it is not asked for again: {said}", code=error["code"])
            self._until_kept(stop, lambda: finish(self._store, wish, now(), error))
            return
        wait = back_off(tries, outage=error["code"] in UNAVAILABLE)
        times = f"for the {tries}. time in a row; again in {wait:.3g} s"
        log.error(
            "run_broke", message=f"{wish.directory}: a run broke, {times}: {said}", code=error["code"], tries=tries
        )
        later = Ask(wish.workspace, wish.directory, wish.trigger, wish.verify, wish.asked_by, _in(wait), tries)
        self._until_kept(stop, lambda: finish(self._store, wish, now(), error, later=(new_id(now()), later)))

    def _elsewhere(self, wish: Wish, error: dict[str, str]) -> bool:
        """Whether another process may have read a newer configuration than this one."""
        if error["code"] != NotConfigured.code or wish.tries >= MOST_ELSEWHERE:
            return False
        with suppress(StoreError):  # that it refuses is met by whoever keeps the outcome
            return len(living(self._store, now())) > 1
        return False

    def _until_kept(self, stop: threading.Event, keep: Callable[[], object]) -> None:
        """Nobody else can run the workspace before the store has this."""
        tries = 0
        while True:
            try:
                keep()
            except StoreError as error:
                tries += 1
                self._trouble.met("outcomes", error)
                level = logging.ERROR if tries == 1 else logging.DEBUG
                said = f"the store cannot take what came of a run yet: {error.whole}"
                log.log(level, "store_refused", message=said, code=error.code)
                if stop.wait(STORE_AGAIN):
                    return
            else:
                self._trouble.over("outcomes")
                return


class _Telling:
    """Progress into the store, now and then: a run goes on whether or not that is taken."""

    def __init__(self, store: Store, wish: Wish) -> None:
        self._store, self._wish = store, wish
        self._last = 0.0

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        moment = time.monotonic()
        if moment - self._last < TOLD_EVERY:
            return
        self._last = moment
        try:
            advance(self._store, self._wish, Known(phase, done, total))
        except StoreError as error:
            log.debug("progress_not_kept", message=f"progress is not kept: {error}")


def _age(wish: Wish) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(wish.asked_at)).total_seconds()


def _in(seconds: float) -> str:
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))
