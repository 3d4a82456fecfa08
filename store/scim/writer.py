"""One thread that writes for many: jobs that come together share a transaction, and so one wait for the disk.

Each job has a savepoint of its own: what one raises undoes that job and no other. A job's future is resolved when the
transaction is on the disk.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection

from store.database import Store, translated

T = TypeVar("T")
MOST = 64  # jobs in one transaction: the first one waits for all of them


class Undo(Exception):
    """Raised by a job whose outcome is `value` and whose changes are not wanted."""

    def __init__(self, value: object) -> None:
        super().__init__("undone")
        self.value = value


class Writer:
    """Writes one after the other in a thread of its own. Close it before the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[Connection], T]) -> "Future[T]":
        """Has a job done; what it returned, once that is on the disk. It may run twice, when the first time was for
        nothing."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Does what is waiting, and ends."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next()
            if batch:
                self._write(batch)

    def _next(self) -> "tuple[list[_Job], bool]":
        """What waits, as far as one transaction takes it; waits for the first. Whether that was the end."""
        batch: list[_Job] = []
        while len(batch) < MOST:
            try:
                taken = self._jobs.get(block=not batch)
            except queue.Empty:
                break
            if taken is None:
                return batch, True
            batch.append(taken)
        return batch, False

    def _write(self, batch: "list[_Job]") -> None:
        try:
            with self._store.write() as connection:
                outcomes = [self._one(connection, job) for job, _ in batch]
        except BaseException as error:  # noqa: BLE001 - each of those who wait is told
            outcomes = [(None, error)] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _resolve(future, *outcome)

    def _one(self, connection: Connection, job: Callable[[Connection], Any]) -> tuple[Any, BaseException | None]:
        connection.exec_driver_sql("SAVEPOINT job")
        outcome = self._done(connection, job)
        if isinstance(outcome, BaseException):
            # Fails when the database gave up the whole transaction (a full disk): then nothing of it is there.
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
        if isinstance(outcome, Undo):
            return outcome.value, None
        return (None, outcome) if isinstance(outcome, BaseException) else (outcome, None)

    def _done(self, connection: Connection, job: Callable[[Connection], Any]) -> Any:
        """What the job returned or raised."""
        try:
            with translated(self._store.engine):
                return job(connection)
        except Exception as raised:  # noqa: BLE001 - it is told to who submitted the job
            return raised


def _resolve(future: "Future[Any]", value: Any, error: BaseException | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


_Job = tuple[Callable[[Connection], Any], "Future[Any]"]
