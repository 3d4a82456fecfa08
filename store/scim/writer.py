"""One thread that writes, for all requests of this process: what waits together is committed together.

A commit has to reach the disk before anybody is answered, and that is what takes time: so each transaction takes all
jobs that wait, every one in a savepoint of its own. What a job does is not here.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from reconciler.errors import StoreError
from store.database import Store, translated

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


@dataclass
class _Job:
    work: Callable[[Connection], Any]
    directory: str
    future: "Future[Any]" = field(default_factory=Future)


@dataclass(frozen=True)
class _Outcome:
    value: object = None
    error: BaseException | None = None


class Writer:
    """The thread. `close` ends it once everything that was accepted is committed or refused."""

    def __init__(self, store: Store, *, waiting: int = WAITING, together: int = MOST) -> None:
        self._store, self._together = store, together
        self._queue: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="rosterd writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, work: Callable[[Connection], _T], *, directory: str = "") -> "Future[_T]":
        """Does work in a transaction; its result is there when that is on the disk.

        The future fails with what `work` raised, and then nothing of it stays; or with StoreError, when the store
        refused. `work` may be called a second time, when the database lost the first. `directory` is whose resources
        it writes: on PostgreSQL transactions of several processes take them in one order.

        Raises:
            Busy: too much waits already, or the writer is stopping.
        """
        job = _Job(work, directory)
        with self._closing:
            if self._closed:
                raise Busy("the store takes nothing more: rosterd is stopping")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise Busy(
                    f"{self._queue.maxsize:,} requests wait for the store", fix="send it again a little later"
                ) from None
        return job.future

    def close(self) -> None:
        """Takes nothing more, and returns when everything that was taken has its outcome."""
        with self._closing:
            closed, self._closed = self._closed, True
        if not closed:
            self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            batch, going = self._next()
            batch = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if batch:
                self._write(sorted(batch, key=lambda job: job.directory))

    def _next(self) -> tuple[list[_Job], bool]:
        """What waits now, at least one; False when it was the last."""
        batch: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == self._together:
                return batch, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _write(self, batch: Sequence[_Job]) -> None:
        outcomes = self._committed(batch, again=True)
        for job, outcome in zip(batch, outcomes, strict=True):
            if outcome.error is not None:
                job.future.set_exception(outcome.error)
            else:
                job.future.set_result(outcome.value)

    def _committed(self, batch: Sequence[_Job], *, again: bool) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        try:
            with self._store.write() as connection:
                outcomes += [self._one(connection, job) for job in batch]
        except StoreError as error:
            # Whether a commit whose connection broke came through, nobody knows: those are told that it failed.
            if again and error.code in _AGAIN and not outcomes:
                return self._committed(batch, again=False)
            return [_Outcome(error=error)] * len(batch)
        except SQLAlchemyError as error:
            refused = StoreError(f"the store refused: {type(error).__name__}")
            refused.__cause__ = error
            return [_Outcome(error=refused)] * len(batch)
        return outcomes

    def _one(self, connection: Connection, job: _Job) -> _Outcome:
        connection.exec_driver_sql("SAVEPOINT job")
        try:
            with translated(self._store.engine):
                value = job.work(connection)
        except Undo as undone:
            self._undo(connection, undone)
            return _Outcome(undone.value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the job's, and told to whoever submitted it
            self._undo(connection, error)
            return _Outcome(error=error)
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
        return _Outcome(value)

    def _undo(self, connection: Connection, error: Exception) -> None:
        """Takes back what the job did; where that cannot be, the whole transaction is lost for the job's reason."""
        try:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
            connection.exec_driver_sql("RELEASE SAVEPOINT job")
        except SQLAlchemyError:
            if isinstance(error, StoreError):
                raise error from None
            raise
