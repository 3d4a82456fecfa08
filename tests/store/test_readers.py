"""Connections that stay open: each read sees what is committed by then, and a lost connection is replaced."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.errors import StoreError
from store import Store, open_store
from store.database import scalar
from store.mirror import directory_row
from store.readers import Readers
from tests.databases import Postgres


def count(readers: Readers) -> int:
    with readers.read() as connection:
        return int(scalar(connection, "SELECT count(*) FROM directory"))


def add(store: Store, name: str) -> None:
    with store.write() as connection:
        directory_row(connection, name)


def test_a_read_sees_what_was_committed_before_it_and_nothing_that_comes_meanwhile(store: Store) -> None:
    readers = Readers(store)
    assert count(readers) == 0
    add(store, "a")
    with readers.read() as connection:
        assert scalar(connection, "SELECT count(*) FROM directory") == 1
        add(store, "b")
        assert scalar(connection, "SELECT count(*) FROM directory") == 1
    assert count(readers) == 2
    readers.close()


def test_each_thread_has_its_own_and_keeps_it(store: Store) -> None:
    readers = Readers(store)

    def ours(_: int) -> int:
        with readers.read() as connection:
            return id(connection)

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        first, second = list(one.map(ours, range(5))), list(other.map(ours, range(5)))
    assert len({*first}) == len({*second}) == 1
    assert first != second
    readers.close()


def test_after_an_error_it_reads_on(store: Store) -> None:
    readers = Readers(store)
    with pytest.raises(StoreError), readers.read() as connection:
        scalar(connection, "SELECT nothing FROM nowhere")
    assert count(readers) == 0
    readers.close()


def test_a_connection_that_the_server_ended_is_replaced(postgres: Postgres, postgres_url: str) -> None:
    opened = open_store(postgres_url)
    readers = Readers(opened)
    assert count(readers) == 0
    postgres.disconnect()
    with pytest.raises(StoreError):
        count(readers)
    assert count(readers) == 0
    readers.close()
    opened.close()
