"""Opening the database, transactions, and the one place where a driver's errors become ours."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError

from reconciler.errors import StoreError
from store.files import made, obstacle
from store.functions import register

HEAD = "0012"  # the newest migration; a test holds it against store/migrations
BUSY_SECONDS = 30
LEASE = timedelta(seconds=60)
SILENCE = timedelta(seconds=60)  # of a process in the middle of writing to PostgreSQL: as long as a lease
PATIENCE = {  # libpq's. Without them whoever is cut off waits for hours, in the middle of a run
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,  # milliseconds
}
OLDEST_SQLITE = (3, 35, 0)  # the first that knows RETURNING
REFUSED_VALUE = "refused_value"

_ADVICE = (
    ("locked", "database_locked", "another process is writing; wait for it, or stop it"),
    ("busy", "database_locked", "another process is writing; wait for it, or stop it"),
    ("lock timeout", "database_locked", "another process is writing; wait for it, or stop it"),
    ("deadlock detected", "deadlock", "two writers waited for each other: run again"),
    ("disk is full", "disk_full", "free space on the disk that holds the database and run again"),
    ("no space left", "disk_full", "free space on the disk that holds the database and run again"),
    ("readonly", "read_only", "make the database file and its folder writable"),
    ("read-only", "read_only", "make the database file and its folder writable"),
    ("unable to open", "cannot_open", "create the folder of the database file, or correct [store] url"),
    ("not a database", "not_a_database", "the file is something else: correct [store] url"),
    ("malformed", "corrupt", "restore the database from a backup"),
    (
        "disk i/o error",
        "disk_error",
        "look after the disk that holds the database (space, quota, health, whether it became read-only) and run again",
    ),
    ("connection to server", "cannot_reach", "start the database server, or correct [store] url"),
    ("failed to resolve host", "cannot_reach", "start the database server, or correct [store] url"),
    ("server closed the connection", "connection_lost", "look at the database's own log, and run again"),
    ("terminating connection", "connection_lost", "look at the database's own log, and run again"),
)


_OF_THE_FILE = ("read_only", "cannot_open", "disk_error")

UNAVAILABLE = frozenset({
    "database_locked", "disk_full", "read_only", "cannot_open", "disk_error", "cannot_reach", "connection_lost",
})  # fmt: skip
"""Codes of what may be over by itself, or once somebody has looked after the machine."""


class Store:
    """One database. Safe to share between threads; connections come from SQLAlchemy's pool. `lease` is how long a
    process that says nothing keeps what it holds: the same in all processes over it. `unreturned` are the leases (a
    workspace and its token) that runs of this process ended with while the database took nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.lease = LEASE
        self.unreturned: set[tuple[str, int]] = set()
        self.sqlite = engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection with a consistent view: what others commit meanwhile is not seen."""
        options = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        with translated(self.engine), self.engine.connect().execution_options(**options) as connection:
            yield connection

    @contextmanager
    def write(self, *, migrates: bool = False) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back on any exception. One that does not migrate
        is refused on another schema than this program's (`same_schema`)."""
        with (
            translated(self.engine),
            self.engine.connect().execution_options(rosterd_write=True) as connection,
            connection.begin(),
        ):
            if not migrates:
                same_schema(connection)
            yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """One connection over several transactions, for temporary tables."""
        with translated(self.engine), self.engine.connect().execution_options(rosterd_write=False) as connection:
            yield connection

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Opens (SQLite: makes) the database and brings its schema up to date.

    Raises:
        StoreError: the URL is not one, the server or file cannot be reached, or its schema is newer than this program.
    """
    from store.migrate import migrate

    store = connect(url)
    try:
        migrate(store)
    except BaseException:
        store.close()
        raise
    return store


def is_there(url: str) -> bool:
    """Whether others may use this database already: False only for an SQLite file that does not exist yet."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return True  # opening it says what is wrong
    return not _is_sqlite(parsed.drivername) or (bool(parsed.database) and Path(str(parsed.database)).exists())


def connect(url: str) -> Store:
    """The database as it is, its schema untouched.

    Raises:
        StoreError: the URL is not one, or the folder of the file cannot be made.
    """
    return Store(_engine(url))


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        sqlite = _is_sqlite(parsed.drivername)
        if sqlite and (parsed.database in (None, "", ":memory:") or parsed.query.get("mode") == "memory"):
            raise ValueError("a database in memory forgets whom rosterd manages")
        options: dict[str, Any] = {"timeout": BUSY_SECONDS} if sqlite else of_connections(parsed)
        # As many connections as there are threads at work, which are bounded where they begin: runs that each hold one
        # and wait for another would wait for each other.
        engine = create_engine(parsed, max_overflow=-1, connect_args=options)
    except (ArgumentError, ImportError, ValueError) as exc:
        raise StoreError(
            f"[store] url is not a database URL: {exc}",
            fix='write "sqlite:///rosterd.db" or "postgresql+psycopg://user@host/database"',
        ) from exc
    if _is_sqlite(parsed.drivername):
        _new_enough()
        file = Path(str(parsed.database))
        if not str(file).startswith("file:"):
            _make_folder(file.parent)
            event.listen(engine, "do_connect", lambda *_: made(file))
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def of_connections(url: URL) -> dict[str, Any]:
    """How long a connection to PostgreSQL waits for a network that is gone, unless the URL says so itself."""
    own = PATIENCE if url.get_driver_name() == "psycopg" else {}
    return {name: value for name, value in own.items() if name not in url.query}


def _new_enough() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        said = f"the SQLite of this Python is {sqlite3.sqlite_version}, and rosterd needs {needed}"
        raise _store_error("sqlite_too_old", said, "", "use a newer Python or system, or PostgreSQL")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        said = f"cannot make the folder of the database: {exc.strerror}"
        code = "read_only" if exc.errno == errno.EROFS else "cannot_open"
        fix = "make a folder that can be written to, or correct [store] url"
        raise _store_error(code, said, str(folder), fix) from exc


def _is_sqlite(driver: str) -> bool:
    return driver.startswith("sqlite")


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin too late for a consistent read; ours begins explicitly.
    connection.isolation_level = None
    _sqlite_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-8192", "temp_store=FILE"):
        connection.execute(f"PRAGMA {pragma}").close()
    register(connection)


def _sqlite_wal(connection: sqlite3.Connection) -> None:
    # Turning a new file to WAL needs it alone, and SQLite does not wait for that: two first starts at once would fail.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            # A file is made so that what retention frees goes back to the disk; of one that is there this would ask for
            # the writer's lock, and change nothing.
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL").close()
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite_begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading later could fail with SQLITE_BUSY_SNAPSHOT, which waiting cannot cure.
    writes = connection.get_execution_options().get("rosterd_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turns the drivers' errors into StoreError, naming the database without its password."""
    try:
        yield
    except IntegrityError:
        raise  # not the store's trouble but one row's: apply.py tries the rows one by one
    except DataError as exc:
        # A text that the database cannot hold (PostgreSQL: the character NUL); apply.py sets its row aside, too.
        fix = "correct the text in the directory"
        raise _store_error(REFUSED_VALUE, str(exc.orig).strip(), engine.url.render_as_string(), fix) from exc
    except DBAPIError as exc:
        raise refusal(engine, exc.orig or exc) from exc


def same_schema(connection: Connection) -> None:
    """Called first in a transaction that writes, whose silences it bounds as well. A process that others upgraded under
    would leave out what the newer schema keeps; whoever migrates waits for the transactions that have looked
    (migrate.py).

    Raises:
        StoreError: the database has another schema than this program.
    """
    sql = "SELECT version_num FROM alembic_version"
    if connection.dialect.name != "sqlite":
        # What is silent for so long in a transaction, stopped or cut off, keeps its locks from everybody: the server
        # ends it. Told in the same statement, which costs nothing.
        milliseconds = round(SILENCE.total_seconds() * 1000)
        silence = f"set_config('idle_in_transaction_session_timeout', '{milliseconds}', true)"
        sql = sql.replace(" FROM", f", {silence} FROM")
    found = connection.exec_driver_sql(sql).scalar()
    if found != HEAD:
        raise other_schema(connection.engine, str(found))


def other_schema(engine: Engine, found: str) -> StoreError:
    """What is wrong with a schema that is not this program's."""
    newer = found > HEAD
    return StoreError(
        f"the database's schema is {found}, {'newer' if newer else 'older'} than this program's {HEAD}",
        code="schema_newer" if newer else "schema_older",
        where=engine.url.render_as_string(hide_password=True),
        fix="run the newer rosterd, or restore the backup made before the upgrade"
        if newer
        else "an older database was put in its place: start rosterd again, which brings it up to date",
    )


def refusal(engine: Engine, driver: BaseException) -> StoreError:
    """What a driver's error means for whoever reads it."""
    said = str(driver).strip().splitlines()[0] if str(driver).strip() else type(driver).__name__
    where = engine.url.render_as_string(hide_password=True)
    for sign, code, fix in _ADVICE:
        if sign in said.lower():
            return _store_error(*_at_the_file(engine, code, said, where, fix))
    return _store_error("database_error", said, where, "see the database's own log")


def _at_the_file(engine: Engine, code: str, said: str, where: str, fix: str) -> tuple[str, str, str, str]:
    file = engine.url.database if _is_sqlite(engine.dialect.name) and code in _OF_THE_FILE else None
    found = obstacle(Path(file)) if file else None
    return (found[0] if found else code), said, where, (found[1] if found else fix)


def _store_error(code: str, said: str, where: str, fix: str) -> StoreError:
    return StoreError(f"the store refused: {said}", code=code, where=where, fix=fix)


def bulk(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]] | Iterable[tuple[Any, ...]]) -> None:
    """Runs one statement with "?" parameters for many rows; nothing for none.

    SQLAlchemy's own executemany builds a dict per row, which costs more than the insert on SQLite.
    """
    listed = rows if isinstance(rows, list) else list(rows)
    if listed:
        native = sql if connection.dialect.name == "sqlite" else sql.replace("?", "%s")
        connection.exec_driver_sql(native, listed)


def rows(connection: Connection, sql: str, **parameters: object) -> Sequence[Any]:
    """All rows of a query with ":name" parameters."""
    return connection.execute(text(sql), parameters).all()


def scalar(connection: Connection, sql: str, **parameters: object) -> Any:
    """The first column of the first row, or None."""
    return connection.execute(text(sql), parameters).scalar()


def host() -> str:
    """Where a process id means what it means here: this machine, by a name that changes with every boot where the
    system tells, and its PID namespace (containers may share their machine's name). So the id of a process before a
    restart, or in another container, is never taken for a living or a dead one."""
    ids = (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id"))  # a sandbox may hide the first
    known = (each.read_text(encoding="ascii").strip() for each in ids if os.access(each, os.R_OK))
    parts = [os.uname().nodename, next(known, "")]
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:").strip("[]"))
    return "/".join(parts)
