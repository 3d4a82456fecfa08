"""What a daemon asks the store when it starts: when directories last ran, were compared whole, and what waits."""

from store.database import Store, rows
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
