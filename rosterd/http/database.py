"""The endpoint's transactions over the store: reads in a few threads, writes through the one that writes.

Quick reads share one thread: more of them only take the interpreter from each other (measured at 8 connections: 155 µs
a read with one thread, 250 with two or four). What may take long has threads of its own, so that nothing waits for it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from connectors.scim.listener import Response
from reconciler.errors import StoreError
from reconciler.model import Frozen
from reconciler.policy import Policy
from rosterd.http.ports import Work
from rosterd.http.turns import Turns
from rosterd.trouble import Trouble
from store.database import Store, translated
from store.readers import Readers
from store.scim.resources import DirectoryResources
from store.scim.writer import MOST, Job, Outcome, Told, Undo, Writer

SLOW_READERS = 2
READS = 8  # quick ones that are done and answered together: the first waits for the last

Asked = tuple[str, Work]


class Kept(Frozen, frozen=True):
    """How a directory's resources are kept."""

    policy: Policy
    unique_groups: bool = False


class StoreTransactions:
    """Implements `ports.Transactions`."""

    def __init__(
        self, store: Store, writer: Writer, kept: Mapping[str, Kept], now: Callable[[], str], trouble: Trouble
    ) -> None:
        self._store, self._readers, self._kept, self._now = store, Readers(store), kept, now
        self._trouble = trouble
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="scim read")
        self._slow = ThreadPoolExecutor(SLOW_READERS, thread_name_prefix="scim scan")
        self._writes: Turns[Job] = Turns(writer.submit_all, MOST)
        self._looks: Turns[Asked] = Turns(lambda asked, told: self._begin(self._quick, asked, told), READS)
        self._scans: Turns[Asked] = Turns(lambda asked, told: self._begin(self._slow, asked, told), 1)

    async def read(self, directory: str, work: Work, *, quick: bool) -> Response:
        """Does the work in a thread."""
        response: Response = await (self._looks if quick else self._scans).done((directory, work))
        return response

    async def write(self, directory: str, work: Work) -> Response:
        """Does the work in the writer's thread, together with what others write at the same time."""

        def job(connection: Connection) -> Response:
            response = work(self._resources(connection, directory, writes=True))
            if response.status >= 400:
                raise Undo(response)
            return response

        try:
            response: Response = await self._writes.done(Job(job, directory))
        except StoreError as error:
            self._trouble.met("requests", error)
            raise
        self._trouble.over("requests")
        return response

    def close(self) -> None:
        """Ends the threads."""
        self._quick.shutdown()
        self._slow.shutdown()
        self._readers.close()

    def _begin(self, threads: ThreadPoolExecutor, asked: Sequence[Asked], told: Told) -> None:
        threads.submit(self._read, asked, told)

    def _read(self, asked: Sequence[Asked], told: Told) -> None:
        outcomes: list[Outcome] = []
        while len(outcomes) < len(asked):
            outcomes += self._read_on(asked[len(outcomes) :])
        told(outcomes)

    def _read_on(self, asked: Sequence[Asked]) -> list[Outcome]:
        """What these come to in one transaction: all of them, or as far as the first that fails, and with it the
        transaction."""
        outcomes: list[Outcome] = []
        try:
            with self._readers.read() as connection:
                for directory, work in asked:
                    with translated(self._store.engine):
                        outcomes.append(Outcome(work(self._resources(connection, directory, writes=False))))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to whoever asked
            outcomes = [*outcomes[: len(asked) - 1], Outcome(error=error)]
        return outcomes

    def _resources(self, connection: Connection, directory: str, *, writes: bool) -> DirectoryResources:
        kept = self._kept[directory]
        return DirectoryResources(connection, kept.policy, self._now(), unique_groups=kept.unique_groups, writes=writes)
