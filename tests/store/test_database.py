"""Opening and losing a database: every way a file, a disk or a server can refuse is a StoreError with a way out."""

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

import store.database
from reconciler.errors import StoreError
from store import Store, open_store
from store.database import bulk, of_connections, scalar
from store.wishes import alone
from tests.databases import Postgres

INSERT = "INSERT INTO team (workspace, name) VALUES (?, ?)"


@pytest.fixture
def file(sqlite_url: str) -> Path:
    """A migrated SQLite file."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


def refusal(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        open_store(url).close()
    return caught.value


def write(opened: Store, *names: str, pragma: str = "") -> None:
    with opened.write() as connection:
        if pragma:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        bulk(connection, INSERT, [("w", name) for name in names])


LARGE = [f"{number:0500}" for number in range(20_000)]


def teams(opened: Store) -> int:
    with opened.read() as connection:
        return int(scalar(connection, "SELECT count(*) FROM team"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database URL"),
        ("oracle-of-delphi://x", "not a database URL"),
        ("", "not a database URL"),
    ],
)
def test_a_url_that_is_none(url: str, said: str) -> None:
    error = refusal(url)
    assert said in error.message
    assert "sqlite:///rosterd.db" in error.fix


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    error = refusal(f"sqlite:///{tmp_path}/notes.txt")
    assert (error.code, "correct [store] url" in error.fix) == ("not_a_database", True)
    assert (tmp_path / "notes.txt").read_text() == "not a database " * 100


def test_a_database_with_broken_pages(file: Path) -> None:
    broken = bytearray(file.read_bytes())
    broken[4096:] = b"\xff" * (len(broken) - 4096)
    file.write_bytes(broken)
    error = refusal(f"sqlite:///{file}")
    assert (error.code, "backup" in error.fix) == ("corrupt", True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    error = refusal(f"sqlite:///{tmp_path}/taken/deep/rosterd.db")
    assert error.code == "cannot_open"
    assert error.where == f"{tmp_path}/taken/deep"
    assert "[store] url" in error.fix


def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    error = refusal(f"sqlite:///{tmp_path}")
    assert error.code == "cannot_open"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    error = refusal(f"postgresql+psycopg://me:hunter2@/none?host={tmp_path}")
    assert error.code == "cannot_reach"
    assert "hunter2" not in str(error.as_dict())
    assert error.fix


def test_a_database_that_the_server_does_not_have(postgres_url: str) -> None:
    error = refusal(postgres_url.replace("@/shared", "@/missing"))
    assert (error.code, "does not exist" in error.message) == ("cannot_reach", True)


def test_a_first_start_waits_for_another_first_start(tmp_path: Path) -> None:
    """Regression: turning a new file to WAL does not wait for locks by itself, and the later of two failed."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.2, other.close)
    release.start()
    open_store(f"sqlite:///{tmp_path}/new.db").close()
    release.join()


def test_a_locked_database_is_waited_for_and_then_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.database, "BUSY_SECONDS", 0.1)
    opened = open_store(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught:
        write(opened, "lost")
    other.close()
    assert (caught.value.code, "another process is writing" in caught.value.fix) == ("database_locked", True)
    assert teams(opened) == 0
    write(opened, "kept")
    assert teams(opened) == 1
    opened.close()


def test_readers_go_on_while_somebody_writes(store: Store) -> None:
    with store.write() as connection:
        bulk(connection, INSERT, [("w", "new")])
        assert teams(store) == 0
    assert teams(store) == 1


def test_a_view_does_not_move_while_others_commit(store: Store) -> None:
    with store.read() as view:
        assert scalar(view, "SELECT count(*) FROM team") == 0
        with store.write() as connection:
            bulk(connection, INSERT, [("w", "new")])
        assert scalar(view, "SELECT count(*) FROM team") == 0


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond `size` bytes (Python ignores SIGXFSZ, so that writes fail instead)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_nothing_that_was_committed(file: Path) -> None:
    opened = open_store(f"sqlite:///{file}")
    write(opened, "kept")
    with full_disk(300_000), pytest.raises(StoreError) as caught:
        write(opened, *LARGE)
    # The limit is EFBIG, which SQLite calls an I/O error; a disk without space is SQLITE_FULL, tested below.
    assert (caught.value.code, "space" in caught.value.fix) == ("disk_error", True)
    assert teams(opened) == 1
    opened.close()
    again = open_store(f"sqlite:///{file}")
    assert teams(again) == 1
    again.close()


def test_a_database_at_its_page_limit_says_disk_full(file: Path) -> None:
    opened = open_store(f"sqlite:///{file}")
    with pytest.raises(StoreError) as caught:
        write(opened, *LARGE, pragma="max_page_count=1")
    assert caught.value.code == "disk_full"
    opened.close()


def test_a_read_only_database(file: Path) -> None:
    """Root may write to any file, so the file says read-only by itself."""
    opened = open_store(f"sqlite:///{file}")
    with pytest.raises(StoreError) as caught:
        write(opened, "new", pragma="query_only=ON")
    assert (caught.value.code, "writable" in caught.value.fix) == ("read_only", True)
    opened.close()


def test_a_write_that_fails_half_way_leaves_nothing(store: Store) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        with store.write() as connection:
            bulk(connection, INSERT, [("w", "new")])
            raise Crash

    with pytest.raises(Crash):
        crash()
    assert teams(store) == 0


def test_a_server_that_ends_the_connection(postgres_url: str, postgres: Postgres) -> None:
    opened = open_store(postgres_url)
    assert teams(opened) == 0
    postgres.disconnect()
    with pytest.raises(StoreError) as caught:
        write(opened, "new")
    assert caught.value.code == "connection_lost"
    opened.close()


def test_a_sqlite_that_is_too_old_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")
    error = refusal(sqlite_url)
    assert error.code == "sqlite_too_old"
    assert "is 3.34.1, and rosterd needs 3.35.0" in error.message


def test_every_thread_at_work_has_a_connection(store: Store) -> None:
    """SQLAlchemy's pool has 15 and then lets threads wait, with an error that is none of the database's: runs that each
    hold one and want another waited for each other, and whoever claimed meanwhile never did again."""
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(store.read())
        write(store, "one")
        assert teams(store) == 1


def test_who_is_silent_in_the_middle_of_writing_loses_the_transaction_and_its_locks(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped or cut off held the lock of the queue, and all others waited for it."""
    monkeypatch.setattr("store.database.SILENCE", timedelta(seconds=0.2))
    opened, others = open_store(postgres_url), open_store(postgres_url)
    with pytest.raises(StoreError) as caught, opened.write() as silent:  # noqa: PT012 - it fails when it goes on
        alone(silent)
        with others.write() as connection:
            alone(connection)  # waits until the server has ended the other
        alone(silent)
    assert caught.value.code == "connection_lost"
    opened.close()
    others.close()


@pytest.mark.parametrize(("more", "seconds"), [("", 10), ("&connect_timeout=3", None)])
def test_a_network_that_is_gone_is_not_waited_for_for_ever_unless_the_url_says_so(
    more: str, seconds: int | None
) -> None:
    options = of_connections(make_url(f"postgresql+psycopg://me@db/rosterd?sslmode=require{more}"))
    assert (options.get("connect_timeout"), options["tcp_user_timeout"]) == (seconds, 50_000)
