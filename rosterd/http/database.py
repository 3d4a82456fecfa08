"""The endpoint's transactions over the store: reads in a few threads, writes through the one that writes.

Quick reads share one thread: more of them only take the interpreter from each other (measured at 8 connections: 155 µs
a read with one thread, 250 with two or four). What may take long has threads of its own, so that nothing waits for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from connectors.scim.listener import Response
from reconciler.model import Frozen
from reconciler.policy import Policy
from rosterd.http.ports import Work
from store.database import Store
from store.readers import Readers
from store.scim.resources import DirectoryResources
from store.scim.writer import Undo, Writer

SLOW_READERS = 2


class Kept(Frozen, frozen=True):
    """How a directory's resources are kept."""

    policy: Policy
    unique_groups: bool = False


class StoreTransactions:
    """Implements `ports.Transactions`."""

    def __init__(self, store: Store, writer: Writer, kept: Mapping[str, Kept], now: Callable[[], str]) -> None:
        self._readers, self._writer, self._kept, self._now = Readers(store), writer, kept, now
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="scim read")
        self._slow = ThreadPoolExecutor(SLOW_READERS, thread_name_prefix="scim scan")

    async def read(self, directory: str, work: Work, *, quick: bool) -> Response:
        """Does the work in a thread."""
        threads = self._quick if quick else self._slow
        return await asyncio.get_running_loop().run_in_executor(threads, self._read, directory, work)

    async def write(self, directory: str, work: Work) -> Response:
        """Does the work in the writer's thread, together with what others write at the same time."""

        def job(connection: Connection) -> Response:
            response = work(self._resources(connection, directory, writes=True))
            if response.status >= 400:
                raise Undo(response)
            return response

        return await asyncio.wrap_future(self._writer.submit(job, directory=directory))

    def close(self) -> None:
        """Ends the threads."""
        self._quick.shutdown()
        self._slow.shutdown()
        self._readers.close()

    def _read(self, directory: str, work: Work) -> Response:
        with self._readers.read() as connection:
            return work(self._resources(connection, directory, writes=False))

    def _resources(self, connection: Connection, directory: str, *, writes: bool) -> DirectoryResources:
        kept = self._kept[directory]
        return DirectoryResources(connection, kept.policy, self._now(), unique_groups=kept.unique_groups, writes=writes)
