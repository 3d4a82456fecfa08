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
    """The workers that are alive, the oldest first. One elsewhere that was heard of later than now was ahead of the
    time: it says so again soon, if it lives."""
    moment = datetime.fromisoformat(now)
    with store.read() as connection:
        found = rows(
            connection,
            "SELECT id, kind, host, pid, version, began_at, beat_at FROM worker WHERE beat_at >= :since"
            " ORDER BY began_at, id",
            since=stamp(moment - store.lease),
        )
    latest = stamp(moment + store.lease)
    workers = (Worker(*row) for row in found)
    return [each for each in workers if (each.beat_at <= latest or here(each.host)) and not dead(each.host, each.pid)]


def bury(store: Store, now: str) -> int:
    """Removes the workers that are not alive any more; how many these were."""
    alive = {each.id for each in living(store, now)}
    with store.read() as connection:
        gone = [row.id for row in rows(connection, "SELECT id FROM worker") if row.id not in alive]
    for each in gone:
        leave(store, each)
    return len(gone)
