"""Connections that stay open for many short reads, one for each thread that reads: opening one costs as much as a read.

Each read has a transaction of its own, and so sees what was committed before it and nothing that comes meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from store.database import Store, translated


class Readers:
    """The reading connections of a store. Close them before the store, when no thread reads any more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[Connection] = []

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """This thread's connection, in a new transaction. One that broke is replaced."""
        with translated(self._store.engine):
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None or connection.closed or connection.invalidated:
                if connection is not None:
                    connection.close()
                connection = self._local.connection = self._opened()
            with connection.begin() as transaction:
                try:
                    yield connection
                finally:
                    transaction.rollback()

    def _opened(self) -> Connection:
        options = {} if self._store.sqlite else {"isolation_level": "REPEATABLE READ"}
        connection = self._store.engine.connect().execution_options(**options)
        with self._lock:
            self._open = [*(each for each in self._open if not each.closed), connection]
        return connection

    def close(self) -> None:
        """Closes them all."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open = []
