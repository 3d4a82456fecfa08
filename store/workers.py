"""The processes that run wishes, and whether they are alive: each says so every few seconds.

One of this machine whose process is gone is dead at once, one elsewhere when it has said nothing for a while. What a
dead one was at is the queue's business (wishes.py); what it may still write, the lease's (leases.py).
"""

import os
from datetime import datetime

from sqlalchemy import text

from reconciler.model import Frozen
from store.database import Store, host, rows
from store.leases import dead, here, stamp

BEAT = 10.0  # seconds between two signs of life, unless leases are short
BEATS = 6  # at least, in the time of a lease; who is silent for that long is dead


class Worker(Frozen, frozen=True, omit_defaults=False):
    """A process that runs wishes; `kind` is serve or worker."""

    id: str
    kind: str
    host: str
    pid: int
    version: str
    began_at: str
    beat_at: str


def enter(store: Store, id: str, kind: str, version: str, now: str) -> Worker:  # noqa: A002
    """Enters this process; entering again is a sign of life."""
    made = Worker(id, kind, host(), os.getpid(), version, now, now)
    with store.write() as connection:
        connection.execute(
            text(
                "INSERT INTO worker (id, kind, host, pid, version, began_at, beat_at) VALUES (:id, :kind, :host, :pid,"
                " :version, :now, :now) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at"
            ),
            {"id": id, "kind": kind, "host": made.host, "pid": made.pid, "version": version, "now": now},
        )
    return made


def time_there(store: Store) -> datetime | None:
    """The time of the database's machine; None on SQLite, whose machine is this one."""
    if store.sqlite:
        return None
    with store.read() as connection:
        found: datetime = rows(connection, "SELECT clock_timestamp() AS there")[0].there
    return found


def leave(store: Store, id: str) -> None:  # noqa: A002
    """This process runs nothing more."""
    with store.write() as connection:
        connection.execute(text("DELETE FROM worker WHERE id = :id"), {"id": id})


def living(store: Store, now: str) -> list[Worker]:
    """The workers that are alive, the oldest first."""
    return [each for each in _known(store) if _lives(store, each, now)]


def bury(store: Store, now: str) -> int:
    """Removes the workers that are not alive any more; how many these were. One that enters or says something
    meanwhile stays."""
    gone = [each for each in _known(store) if not _lives(store, each, now)]
    if not gone:
        return 0
    sql = text("DELETE FROM worker WHERE id = :id AND beat_at = :beat_at")
    with store.write() as connection:
        return sum(connection.execute(sql, {"id": each.id, "beat_at": each.beat_at}).rowcount for each in gone)


def _known(store: Store) -> list[Worker]:
    sql = "SELECT id, kind, host, pid, version, began_at, beat_at FROM worker ORDER BY began_at, id"
    with store.read() as connection:
        return [Worker(*row) for row in rows(connection, sql)]


def _lives(store: Store, worker: Worker, now: str) -> bool:
    """Whether it was heard of lately. One elsewhere that was later than now was ahead of the time: it says so again
    soon, if it lives."""
    moment = datetime.fromisoformat(now)
    soon = worker.beat_at <= stamp(moment + store.lease) or here(worker.host)
    return soon and worker.beat_at >= stamp(moment - store.lease) and not dead(worker.host, worker.pid)
