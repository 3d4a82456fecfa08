"""Brings a database's schema to the newest migration (Alembic), or refuses one that is newer than this program."""

from pathlib import Path

from sqlalchemy import Connection, inspect

from reconciler.errors import StoreError
from store.database import HEAD, Store, scalar

FOLDER = Path(__file__).parent / "migrations"


def current(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = scalar(connection, "SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


def migrate(store: Store) -> None:
    """Upgrades where needed; one query when there is nothing to do (Alembic is not even imported)."""
    with store.read() as connection:
        found = current(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise _newer(found, store)
    with store.write() as connection:
        _lock(connection, store)
        if current(connection) != HEAD:
            upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Runs the missing migrations up to `to` on this connection, in its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _lock(connection: Connection, store: Store) -> None:
    # SQLite: BEGIN IMMEDIATE already is the lock. PostgreSQL: one migrator at a time, released with the transaction.
    if not store.sqlite:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8460)")


def _newer(found: str, store: Store) -> StoreError:
    return StoreError(
        f"the database's schema is {found}, newer than this program's {HEAD}",
        code="schema_newer",
        where=store.engine.url.render_as_string(hide_password=True),
        fix="run the newer rosterd, or restore the backup made before the upgrade",
    )
