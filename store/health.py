"""How reading each directory went lately, kept across runs; what that means is reconciler/health.py."""

from sqlalchemy import Connection, text

from reconciler.health import Health
from store.database import Store, rows

_READ = (
    "SELECT h.state, h.failures, h.since, h.until, h.code, h.message,"
    " CASE WHEN d.complete_at > h.clean_at OR h.clean_at IS NULL THEN d.complete_at ELSE h.clean_at END"
    " FROM directory d LEFT JOIN health h ON h.directory = d.id WHERE d.id = :d"
)
_WRITE = (
    "INSERT INTO health (directory, state, failures, since, until, code, message, clean_at)"
    " VALUES (:d, :state, :failures, :since, :until, :code, :message, :clean) ON CONFLICT (directory) DO UPDATE SET"
    " state = excluded.state, failures = excluded.failures, since = excluded.since, until = excluded.until,"
    " code = excluded.code, message = excluded.message, clean_at = excluded.clean_at"
)


def health_of(store: Store, directory: str) -> Health:
    """The health of a directory; of one that was never read, nothing is against it."""
    with store.read() as connection:
        return health_in(connection, directory)


def keep_health(store: Store, directory: str, health: Health) -> None:
    """Keeps what a run made of the health of a directory."""
    with store.write() as connection:
        connection.execute(
            text(_WRITE),
            {
                "d": directory, "state": health.state, "failures": health.failures, "since": health.since,
                "until": health.until, "code": health.code, "message": health.message, "clean": health.last_complete,
            },
        )  # fmt: skip


def health_in(connection: Connection, directory: str) -> Health:
    """`health_of`, inside a transaction."""
    found = rows(connection, _READ, d=directory)
    if not found:
        return Health()
    row = found[0]
    return Health(last_complete=row[6]) if row[0] is None else Health(*row)
