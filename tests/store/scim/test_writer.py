"""One thread that writes for many: together, apart in what fails, and on the disk before anybody is told."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any

import pytest
from sqlalchemy import Connection, text

from reconciler.errors import StoreError
from store import Store, database, open_store
from store.database import scalar
from store.scim.writer import MOST, Busy, Undo, Writer
from store.tokens import Token, keep_token, token_of
from tests.databases import Postgres

NOW = "2026-11-21T10:00:00.000Z"


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    made = Writer(store)
    yield made
    made.close()


def keeping(name: str) -> Callable[[Connection], str]:
    """A job that writes a row and says so."""

    def job(connection: Connection) -> str:
        keep_token(connection, Token(name, "acme-scim", "digest", NOW))
        return name

    return job


def there(store: Store, name: str) -> bool:
    with store.read() as connection:
        return token_of(connection, name) is not None


def held(writer: Writer) -> threading.Event:
    """Keeps the writer busy until this is set, so that what is submitted meanwhile comes together."""
    entered, release = threading.Event(), threading.Event()

    def job(_: Connection) -> None:
        entered.set()
        release.wait(10)

    writer.submit(job)
    assert entered.wait(10)
    return release


def test_what_a_job_wrote_is_there_when_its_outcome_is(store: Store, writer: Writer) -> None:
    assert writer.submit(keeping("a")).result(10) == "a"
    assert there(store, "a")


def test_jobs_that_come_together_share_a_transaction(store: Store, writer: Writer) -> None:
    begun: list[Any] = []

    def job(connection: Connection) -> None:
        begun.append(connection.get_transaction())

    release = held(writer)
    futures = [writer.submit(job) for _ in range(MOST + 1)]
    release.set()
    for future in futures:
        future.result(10)
    assert len({id(each) for each in begun}) == 2
    assert len({id(each) for each in begun[:MOST]}) == 1


def test_what_one_job_raises_undoes_that_job_only(store: Store, writer: Writer) -> None:
    def broken(connection: Connection) -> None:
        keeping("broken")(connection)
        raise ValueError("no")

    def undone(connection: Connection) -> None:
        keeping("undone")(connection)
        raise Undo("said so")

    release = held(writer)
    futures: list[Future[Any]] = [
        writer.submit(job) for job in (keeping("a"), broken, keeping("b"), undone, keeping("c"))
    ]
    release.set()
    with pytest.raises(ValueError, match="no"):
        futures[1].result(10)
    assert [futures[number].result(10) for number in (0, 2, 3, 4)] == ["a", "b", "said so", "c"]
    assert [name for name in ("a", "b", "c", "broken", "undone") if there(store, name)] == ["a", "b", "c"]


def test_what_the_database_refuses_undoes_that_job_only(store: Store, writer: Writer) -> None:
    def refused(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    release = held(writer)
    before, failing, after = writer.submit(keeping("a")), writer.submit(refused), writer.submit(keeping("b"))
    release.set()
    with pytest.raises(StoreError):
        failing.result(10)
    assert (before.result(10), after.result(10)) == ("a", "b")


def test_everybody_hears_of_a_transaction_that_is_lost(store: Store, writer: Writer) -> None:
    """A full disk gives up the whole transaction: nothing of it is there, so nobody may be told that theirs is."""

    def losing(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise ValueError("the database gave up")

    release = held(writer)
    first, second, third = writer.submit(keeping("a")), writer.submit(losing), writer.submit(keeping("c"))
    release.set()
    for future in (first, second, third):
        with pytest.raises(StoreError):
            future.result(10)
    assert not there(store, "a")
    assert not there(store, "c")
    assert writer.submit(keeping("d")).result(10) == "d"


def test_a_job_that_nobody_waits_for_any_more_is_no_trouble(store: Store, writer: Writer) -> None:
    release = held(writer)
    writer.submit(keeping("a")).cancel()
    after = writer.submit(keeping("b"))
    release.set()
    assert after.result(10) == "b"


def test_closing_does_what_waits(store: Store) -> None:
    writer = Writer(store)
    release = held(writer)
    futures = [writer.submit(keeping(f"t{number}")) for number in range(200)]
    release.set()
    writer.close()
    assert [future.result(0) for future in futures] == [f"t{number}" for number in range(200)]
    with store.read() as connection:
        assert scalar(connection, "SELECT count(*) FROM token") == 200


def test_too_many_are_refused_at_once(store: Store) -> None:
    with Writer(store, waiting=2) as writer:
        hold, begun = threading.Event(), threading.Event()

        def holding(_: Connection) -> None:
            begun.set()
            hold.wait(10)

        jobs = [writer.submit(holding)]
        assert begun.wait(10)
        jobs += [writer.submit(lambda _: None), writer.submit(lambda _: None)]
        with pytest.raises(Busy, match="2 requests wait"):
            writer.submit(lambda _: None)
        hold.set()
        assert not wait(jobs, 10).not_done


def test_a_writer_that_is_closed_takes_nothing_more(store: Store) -> None:
    writer = Writer(store)
    writer.close()
    writer.close()
    with pytest.raises(Busy, match="stopping"):
        writer.submit(keeping("late"))


def test_a_database_that_another_process_holds_is_waited_for(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    opened = open_store(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    with Writer(opened) as writer:
        other.execute("BEGIN IMMEDIATE")
        jobs = [writer.submit(keeping(name)) for name in "ab"]
        for job in jobs:
            with pytest.raises(StoreError) as caught:
                job.result(10)
            assert caught.value.code == "database_locked"
        other.execute("ROLLBACK")
        assert writer.submit(keeping("c")).result(10) == "c"
    other.close()
    assert there(opened, "c")
    assert not there(opened, "a")
    opened.close()


def test_a_full_disk_fails_the_jobs_and_not_the_writer(sqlite_url: str) -> None:
    opened = open_store(sqlite_url)

    def too_much(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {_pages(connection) + 2}")
        try:
            for number in range(100):
                keeping(f"{number}" + "x" * 5000)(connection)
        finally:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

    with Writer(opened) as writer:
        with pytest.raises(StoreError) as caught:
            writer.submit(too_much).result(10)
        assert caught.value.code == "disk_full"
        assert writer.submit(keeping("a")).result(10) == "a"
    assert there(opened, "a")
    opened.close()


def _pages(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA page_count").scalar() or 0)


def test_a_connection_that_the_server_closed_is_made_anew(postgres: Postgres, postgres_url: str) -> None:
    opened = open_store(postgres_url)
    with Writer(opened) as writer:
        writer.submit(keeping("a")).result(10)
        postgres.disconnect()
        assert writer.submit(keeping("b")).result(10) == "b"
        tries: list[int] = []

        def cut(connection: Connection) -> str:
            tries.append(1)
            if len(tries) == 1:
                postgres.disconnect()
            return str(keeping("c")(connection))

        assert writer.submit(cut).result(10) == "c"
        assert len(tries) == 2
    assert all(there(opened, name) for name in "abc")
    opened.close()
