"""When directories are due, which outlives every process; and what a daemon asks when it starts: when they last ran,
were compared whole, and what waits.

Any number of processes may find a directory due: who moves its time on runs it.
"""

from sqlalchemy import Connection, text

from store.database import Store, rows, scalar
from store.runs import reports

_LOOKED_AT = 20  # runs of a directory: more plans and approvals in a row than that, and it is read once too often


def last_read(store: Store, directory: str) -> str | None:
    """When the last run that read a directory began; plans, approvals and undoing are none. None: never."""
    runs = reports(store, directory=directory, limit=_LOOKED_AT)
    return next((run.began for run in runs if not run.planned_only and not run.of), None)


def last_verified(store: Store) -> dict[str, str]:
    """When each directory was last compared whole."""
    with store.read() as connection:
        found = rows(connection, "SELECT id, verified_at FROM directory WHERE verified_at IS NOT NULL")
    return dict(tuple(row) for row in found)


def waiting(store: Store) -> frozenset[str]:
    """The directories of which something is not done yet."""
    with store.read() as connection:
        found = rows(
            connection, "SELECT id FROM directory WHERE EXISTS (SELECT 1 FROM pending WHERE directory = directory.id)"
        )
    return frozenset(directory for (directory,) in found)


def due_times(store: Store) -> dict[str, tuple[str, str]]:
    """When each directory is run next, and the basis that this was reckoned by."""
    with store.read() as connection:
        found = rows(connection, "SELECT directory, at, basis FROM due")
    return {row.directory: (row.at, row.basis) for row in found}


def next_time(store: Store, directory: str) -> str | None:
    """When a directory is run next by its schedule; None when no daemon has reckoned it yet."""
    with store.read() as connection:
        found = scalar(connection, "SELECT at FROM due WHERE directory = :d", d=directory)
    return None if found is None else str(found)


def due_time(connection: Connection, directory: str) -> str:
    """When a directory is run next."""
    return str(scalar(connection, "SELECT at FROM due WHERE directory = :d", d=directory))


def set_due(connection: Connection, directory: str, at: str, basis: str) -> None:
    """Enters a directory, or replaces what was reckoned by another basis. Of processes that start at once, the first
    one's time counts: it may have run already."""
    connection.execute(
        text(
            "INSERT INTO due (directory, at, basis) VALUES (:d, :at, :basis) ON CONFLICT (directory) DO UPDATE SET"
            " at = excluded.at, basis = excluded.basis WHERE due.basis <> excluded.basis"
        ),
        {"d": directory, "at": at, "basis": basis},
    )


def move_due(connection: Connection, directory: str, old: str, new: str) -> bool:
    """Moves a directory's time, of all that try one (compare and set)."""
    moved = connection.execute(
        text("UPDATE due SET at = :new WHERE directory = :d AND at = :old"), {"d": directory, "old": old, "new": new}
    )
    return moved.rowcount == 1


def turn(connection: Connection, key: str, old: tuple[str, str], new: tuple[str, str]) -> bool:
    """Moves a time and its basis, of all that try one."""
    moved = connection.execute(
        text("UPDATE due SET at = :at, basis = :basis WHERE directory = :key AND at = :old AND basis = :was"),
        {"key": key, "at": new[0], "basis": new[1], "old": old[0], "was": old[1]},
    )
    return moved.rowcount == 1


def last_began(store: Store) -> str | None:
    """When the latest run of all began; None: there was none."""
    with store.read() as connection:
        found = scalar(connection, "SELECT max(began) FROM run")
    return None if found is None else str(found)
