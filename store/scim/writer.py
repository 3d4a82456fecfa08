"""One thread that writes, for all requests of this process: what waits together is committed together.

A commit has to reach the disk before anybody is answered, and that is what takes time: so each transaction takes all
jobs that wait, every one in a savepoint of its own. What a job does is not here.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from reconciler.errors import StoreError
from store.database import Store, translated
from store.scim.statements import Statements

WAITING = 1000  # jobs that wait at most: a minute's work of a slow disk
MOST = 64  # jobs in one transaction, so that a run waits for the database no longer than for a batch of its own
_AGAIN = frozenset({"connection_lost", "deadlock"})  # nothing was committed: the same again may succeed
_T = TypeVar("_T")


class Busy(StoreError):
    """Too many jobs wait, or the writer is stopping: ask again later."""

    code = "store_busy"


class Undo(Exception):
    """Raised by a job to roll back what it did; `value` is its result all the same."""

    def __init__(self, value: object) -> None:
        super().__init__("undone")
        self.value = value


class Job(NamedTuple):
    """Work in a transaction. `directory` is whose resources it writes: on PostgreSQL transactions of several processes
    take them in one order."""

    work: Callable[[Connection], Any]
    directory: str = ""


class Outcome(NamedTuple):
    """What became of a job: what it returned, or why nothing of it stays."""

    value: Any = None
    error: BaseException | None = None


Told = Callable[[Sequence[Outcome]], None]


@dataclass(frozen=True)
class _Hand:
    """Jobs that were handed over together, and who is told of their outcomes; `wanted`: whether anybody still waits."""

    jobs: Sequence[Job]
    told: Told
    wanted: Callable[[], bool] = lambda: True


class Writer:
    """The thread. `close` ends it once everything that was accepted is committed or refused."""

    def __init__(self, store: Store, *, waiting: int = WAITING, together: int = MOST) -> None:
        self._store, self._together, self._most = store, together, waiting
        self._hands: deque[_Hand] = deque()
        self._waiting = 0  # jobs in them
        self._closed = False
        self._given = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="rosterd writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, work: Callable[[Connection], _T], *, directory: str = "") -> "Future[_T]":
        """Does work in a transaction; its result is there when that is on the disk.

        The future fails with what `work` raised, and then nothing of it stays; or with StoreError, when the store
        refused. `work` may be called a second time, when the database lost the first.

        Raises:
            Busy: too much waits already, or the writer is stopping.
        """
        future: Future[_T] = Future()

        def told(outcomes: Sequence[Outcome]) -> None:
            (outcome,) = outcomes
            if outcome.error is not None:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome.value)

        self._take(_Hand([Job(work, directory)], told, future.set_running_or_notify_cancel))
        return future

    def submit_all(self, jobs: Sequence[Job], told: Told) -> None:
        """As `submit`, for jobs that come together and share a transaction: MOST at most. Outcomes are told in their
        order and in the writer's thread.

        Raises:
            Busy: as of `submit`; none of them is done.
        """
        self._take(_Hand(jobs, told))

    def close(self) -> None:
        """Takes nothing more, and returns when everything that was taken has its outcome."""
        with self._given:
            self._closed = True
            self._given.notify()
        self._thread.join()

    def _take(self, hand: _Hand) -> None:
        with self._given:
            if self._closed:
                raise Busy("the store takes nothing more: rosterd is stopping")
            if self._waiting + len(hand.jobs) > self._most:
                raise Busy(f"{self._waiting:,} requests wait for the store", fix="send it again a little later")
            self._hands.append(hand)
            self._waiting += len(hand.jobs)
            self._given.notify()

    def _work(self) -> None:
        while hands := self._next():
            if wanted := [hand for hand in hands if hand.wanted()]:
                self._write(wanted)

    def _next(self) -> list[_Hand]:
        """What waits now, at least one; nothing when the writer ends."""
        hands: list[_Hand] = []
        room = self._together
        with self._given:
            self._given.wait_for(lambda: self._hands or self._closed)
            while self._hands and (not hands or len(self._hands[0].jobs) <= room):
                hands.append(self._hands.popleft())
                room -= len(hands[-1].jobs)
            self._waiting -= self._together - room
        return hands

    def _write(self, hands: Sequence[_Hand]) -> None:
        jobs = [job for hand in hands for job in hand.jobs]
        order = sorted(range(len(jobs)), key=lambda number: jobs[number].directory)
        outcomes = self._committed([jobs[number] for number in order], again=True)
        by_job = [outcome for _, outcome in sorted(zip(order, outcomes, strict=True), key=lambda pair: pair[0])]
        for hand in hands:
            hand.told(by_job[: len(hand.jobs)])
            del by_job[: len(hand.jobs)]

    def _committed(self, batch: Sequence[Job], *, again: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            with self._store.write() as connection:
                run = Statements(connection)
                outcomes += [self._one(run, job) for job in batch]
        except StoreError as error:
            # Whether a commit whose connection broke came through, nobody knows: those are told that it failed.
            if again and error.code in _AGAIN and not outcomes:
                return self._committed(batch, again=False)
            return [Outcome(error=error)] * len(batch)
        except SQLAlchemyError as error:
            refused = StoreError(f"the store refused: {type(error).__name__}")
            refused.__cause__ = error
            return [Outcome(error=refused)] * len(batch)
        return outcomes

    def _one(self, run: Statements, job: Job) -> Outcome:
        run.run("SAVEPOINT job")
        try:
            with translated(self._store.engine):
                value = job.work(run.connection)
        except Undo as undone:
            self._undo(run, undone)
            return Outcome(undone.value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the job's, and told to whoever submitted it
            self._undo(run, error)
            return Outcome(error=error)
        run.run("RELEASE SAVEPOINT job")
        return Outcome(value)

    def _undo(self, run: Statements, error: Exception) -> None:
        """Takes back what the job did; where that cannot be, the whole transaction is lost for the job's reason."""
        try:
            run.run("ROLLBACK TO SAVEPOINT job")
            run.run("RELEASE SAVEPOINT job")
        except SQLAlchemyError:
            if isinstance(error, StoreError):
                raise error from None
            raise
