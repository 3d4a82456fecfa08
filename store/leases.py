"""One writer per workspace: a lease with a fencing token.

A run takes the lease, renews it while it reads and with every batch, and gives it back. A run that lost it cannot
write: each of its transactions checks the token. A holder on this machine whose process is gone is taken over at once;
one elsewhere when its lease has run out.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from reconciler.errors import RunError, StoreError
from store.database import LEASE, Store, host, rows


class WorkspaceBusy(RunError):
    """Another run holds the workspace (exit code 4)."""

    code = "workspace_busy"


@dataclass(frozen=True)
class Held:
    """A lease that this process holds."""

    workspace: str
    run: str
    token: int
    length: timedelta = LEASE

    @property
    def renew(self) -> float:
        """Seconds after which a run that writes nothing renews its lease."""
        return self.length.total_seconds() / 3

    def check(self, connection: Connection, now: str) -> None:
        """Renews the lease inside a transaction that is about to write.

        Raises:
            StoreError: another run took the workspace meanwhile; the transaction must not commit.
        """
        renewed = connection.execute(
            text("UPDATE lease SET expires_at = :until WHERE workspace = :w AND token = :token AND run = :run"),
            {"until": self.until(now), "w": self.workspace, "token": self.token, "run": self.run},
        )
        if renewed.rowcount != 1:
            raise StoreError(
                f"the lease on {_called(self.workspace)} was taken over by another run",
                code="lease_lost",
                where=f"run {self.run}",
                fix="nothing was lost: the other run finishes the work",
            )

    def until(self, now: str) -> str:
        """When it runs out unless it is renewed."""
        return stamp(datetime.fromisoformat(now) + self.length)


class Renewal:
    """Keeps a lease alive while a run reads, which may take longer than a lease lasts."""

    def __init__(self, store: Store, held: Held, now: Callable[[], str]) -> None:
        self._store, self._held, self._now = store, held, now
        self.every = held.renew
        self._last = time.monotonic()

    def due(self) -> None:
        """Renews when it is time to.

        Raises:
            StoreError: another run took the workspace meanwhile.
        """
        if time.monotonic() - self._last < self.every:
            return
        with self._store.write() as connection:
            self._held.check(connection, self._now())
        self._last = time.monotonic()


def take(store: Store, workspace: str, run: str, now: str) -> Held:
    """Takes the lease of a workspace.

    Raises:
        WorkspaceBusy: a living run holds it.
    """
    with store.write() as connection:
        found = _locked(connection, workspace)
        token = 1
        if found:
            last, holder, where, pid, until = found[0]
            ended = (workspace, last) in store.unreturned or dead(where, pid)
            if holder and _lasts(store, until, now, where) and not ended:
                raise WorkspaceBusy(
                    f"run {holder} holds {_called(workspace)} until {until}",
                    where=f"process {pid} on {where.split('/')[0]}",
                    fix="wait for it to end; a run whose process died is taken over by itself",
                )
            token = last + 1
        held = Held(workspace, run, token, store.lease)
        connection.execute(
            text(
                "INSERT INTO lease (workspace, token, run, host, pid, expires_at)"
                " VALUES (:w, :token, :run, :host, :pid, :until) ON CONFLICT (workspace) DO UPDATE SET"
                " token = excluded.token, run = excluded.run, host = excluded.host, pid = excluded.pid,"
                " expires_at = excluded.expires_at"
            ),
            {"w": workspace, "token": token, "run": run, "host": host(), "pid": os.getpid(), "until": held.until(now)},
        )
    return held


def _locked(connection: Connection, workspace: str) -> Sequence[Any]:
    """The lease of a workspace, which nobody else takes or renews until the end of the transaction. Others' are not
    waited for: a run renews its own in the transaction of a batch, or of everything that it read, which takes long."""
    sql = "SELECT token, run, host, pid, expires_at FROM lease WHERE workspace = :w"
    if connection.dialect.name != "sqlite":
        # There may be no row yet to lock.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8462, hashtext(%s))", (workspace,))
        sql += " FOR UPDATE"
    return rows(connection, sql, w=workspace)


def _lasts(store: Store, until: str, now: str, where: str) -> bool:
    """Whether a lease has not run out. One that lasts longer than any was taken while the clock was ahead: its holder
    here renews it by the clock of now, and of one elsewhere nothing is known but that it renews when it lives."""
    return until > now and (here(where) or until <= stamp(datetime.fromisoformat(now) + 2 * store.lease))


def give_back(store: Store, held: Held) -> None:
    """Ends a lease; harmless when it was taken over. What the database does not take is kept for `return_all`, and is
    in the way of no other run of this process.

    Raises:
        StoreError: the store refused.
    """
    store.unreturned.add((held.workspace, held.token))
    _end(store, [(held.workspace, held.token)])


def return_all(store: Store) -> None:
    """Ends the leases that are not given back yet: processes elsewhere wait for them.

    Raises:
        StoreError: the store refused.
    """
    left = sorted(store.unreturned.copy())  # in one order: two that do this wait for each other's rows
    if left:
        _end(store, left)


def _end(store: Store, ended: Sequence[tuple[str, int]]) -> None:
    with store.write() as connection:
        connection.execute(
            text("UPDATE lease SET run = '', expires_at = '' WHERE workspace = :w AND token = :token"),
            [{"w": workspace, "token": token} for workspace, token in ended],
        )
    store.unreturned.difference_update(ended)


def lock_workspace(connection: Connection, workspace: str) -> None:
    """Makes this transaction the only one that writes members of a workspace, a run's batches included, until it
    ends. On SQLite every writing transaction is."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (workspace,))


def _called(turn: str) -> str:
    """ "workspace acme", or what else takes turns: "audit:acme-okta"."""
    return turn if ":" in turn else f"workspace {turn}"


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, of one width."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def here(where: str) -> bool:
    """Whether process ids mean there what they mean here."""
    return where == host()


def dead(where: str, pid: int) -> bool:
    """Whether the holder is a process of this boot of this machine that does not run any more."""
    if not here(where):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
