"""Runs that ended without a report: their processes were killed, or overtaken. They are closed as failed, so that no
list shows a run that is not there.

By the next run of the directory (runs.py), which holds the workspace; or before, by whoever looks after wishes, when no
lease says that the run lives (`closed_dead`). What such a run did stays, and the next one goes on from there.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from store.database import Store, rows
from store.gauges import tallied
from store.leases import dead
from store.mirror import lock_directory
from store.totals import add_killed

_UNACCOUNTED = (
    "SELECT id, directory, workspace FROM run WHERE state = 'running'"
    " AND NOT EXISTS (SELECT 1 FROM wish w WHERE w.state = 'running' AND w.run = run.id) ORDER BY id"
)


def close(connection: Connection, directory: str, runs: Sequence[str], now: str) -> None:
    """Closes runs of a directory that this transaction has locked."""
    for run in runs:
        tallied(connection, run, now)
        connection.execute(text("UPDATE run SET state = 'failed', ended = :now WHERE id = :run"),
                           {"now": now, "run": run})  # fmt: skip
    add_killed(connection, directory, runs, now)


def left_running(connection: Connection, directory: str) -> list[str]:
    """The runs of a directory that no end was recorded of."""
    found = rows(connection, "SELECT id FROM run WHERE directory = :d AND state = 'running' ORDER BY id", d=directory)
    return [row.id for row in found]


def closed_dead(store: Store, now: str) -> list[tuple[str, str, str]]:
    """Closes the runs that no worker is at and whose lease is over, and takes from them what is left of it: should one
    of them wake up, it can write nothing. Which these were, with their directories and workspaces."""
    with store.read() as connection:
        suspects = [tuple(row) for row in rows(connection, _UNACCOUNTED)]
    closed = []
    for run, directory, workspace in suspects:
        with store.write() as connection:
            lock_directory(connection, directory)
            if run in left_running(connection, directory) and _fenced(connection, run, now):
                close(connection, directory, [run], now)
                closed.append((run, directory, workspace))
    return closed


def _fenced(connection: Connection, run: str, now: str) -> bool:
    """Whether a run cannot write any more, from now on at the latest. One that renews its lease just now has it locked,
    and lives; waiting for it could be a deadlock, since runs lock directory and lease in either order."""
    skip = "" if connection.dialect.name == "sqlite" else " FOR UPDATE SKIP LOCKED"
    held = "workspace = :w AND run = :run AND expires_at = :until"
    for row in rows(connection, "SELECT workspace, host, pid, expires_at FROM lease WHERE run = :run", run=run):
        given = {"w": row.workspace, "run": run, "until": row.expires_at}
        lives = row.expires_at > now and not dead(row.host, row.pid)
        if lives or not rows(connection, f"SELECT 1 FROM lease WHERE {held}{skip}", **given):
            return False
        connection.execute(text(f"UPDATE lease SET run = '', expires_at = '' WHERE {held}"), given)
    return True
