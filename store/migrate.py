"""Brings a database's schema to the newest migration (Alembic), or refuses one that is newer than this program."""

import time
from pathlib import Path

from sqlalchemy import Connection, inspect

from reconciler.errors import StoreError
from store.database import HEAD, Store, other_schema, scalar

FOLDER = Path(__file__).parent / "migrations"
LOCK_SECONDS = 2  # that a migration waits for a table that others use, and has them wait, before it gives way
PAUSE = 0.5  # seconds until its next try
PATIENCE = 300.0  # seconds until it is an error


def current(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = scalar(connection, "SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


def schema_of(store: Store) -> str | None:
    """The same, of a store."""
    with store.read() as connection:
        return current(connection)


def migrate(store: Store) -> None:
    """Upgrades where needed; one query when there is nothing to do (Alembic is not even imported).

    Raises:
        StoreError: the schema is newer than this program, or whoever uses the database keeps it from being changed.
    """
    found = schema_of(store)
    ends = time.monotonic() + PATIENCE
    while found != HEAD:
        _not_newer(store, found)
        try:
            with store.write(migrates=True) as connection:
                _lock(connection, store)
                found = current(connection)
                if found is None or found < HEAD:
                    upgrade(connection)
                    found = HEAD
        except StoreError as error:
            if error.code != "database_locked" or store.sqlite or time.monotonic() > ends:
                raise
            time.sleep(PAUSE)


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
    if store.sqlite:
        return
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8460)")
    # A run of an older process that reads in one transaction and writes in another would wait in the second for us, and
    # we for its first: so that it can go on, we give up now and then.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    if current(connection) is not None:  # waits for those that write, and has others see the new schema or none
        connection.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")


def _not_newer(store: Store, found: str | None) -> None:
    if found is not None and found > HEAD:
        raise other_schema(store.engine, found)
