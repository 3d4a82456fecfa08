"""Wishes carried by procrastinate, to as many processes as there are over one PostgreSQL.

Jobs and what is in them are store/jobs.py. Procrastinate's own worker is not used: it ends when the database is
restarted, and begins nothing new until the slowest of its runs is over. Its statements, its heartbeats and its
notifications are.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence

from reconciler.errors import StoreError
from rosterd.daemon.presence import Presence
from rosterd.logs import logger
from rosterd.ports import now
from store import jobs
from store.database import Store, of_connections
from store.wishes import Wish

log = logger("rosterd.daemon")

LISTEN_AGAIN = 1.0  # seconds before the next try to listen; looks of the workers find everything meanwhile


class Carried:
    """The claims (workers.Claims) of one process among many."""

    def __init__(self, store: Store, presence: Presence) -> None:
        self._store, self._presence = store, presence
        self._number: int | None = None  # among procrastinate's workers
        self._jobs: dict[str, int] = {}  # by the runs of claimed wishes
        self._ended: list[tuple[int, str]] = []  # jobs whose end the store did not take yet, with their workspaces
        self._lock = threading.Lock()

    def claim(self) -> Wish | None:
        """What the next job brings: of the workspace that was served longest ago.

        Raises:
            StoreError: the store refused.
        """
        found = self._take()
        if found is None and jobs.feed(self._store, now()):
            found = self._take()
        return found

    def _take(self) -> Wish | None:
        number = self._known()

        def take(run: str, moment: str) -> Wish | None:
            taken = jobs.take_job(self._store, number, self._presence.id, run, moment)
            if taken is None:
                return None
            with self._lock:
                self._jobs[run] = taken.job
            return taken.wish

        return self._presence.claimed(take)

    def _known(self) -> int:
        with self._lock:
            if self._number is None:
                self._number = jobs.register(self._store)
            return self._number

    def over(self, wish: Wish) -> None:
        """Ends the job, so that the next of its workspace can come."""
        with self._lock:
            job = self._jobs.pop(str(wish.run))
        self._end(job, wish.workspace)
        self._presence.over(wish)

    def _end(self, job: int, workspace: str) -> None:
        try:
            jobs.end_job(self._store, job, workspace, now())
        except StoreError as error:
            log.debug("store_refused", message=f"the end of a job is not taken yet: {error}", code=error.code)
            with self._lock:
                self._ended.append((job, workspace))

    def announced(self, _ids: Sequence[str]) -> None:
        """Makes jobs at once; when the store refuses, the next look of any worker does."""
        try:
            jobs.feed(self._store, now())
        except StoreError as error:
            log.debug("store_refused", message=f"no job is made yet: {error}", code=error.code)

    def gone(self, wishes: Sequence[Wish]) -> None:
        """Who had these is dead: what brought them is ended."""
        jobs.abandon(self._store, [wish.id for wish in wishes])

    def beat(self) -> None:
        """Says to procrastinate that this worker lives, and ends the jobs of those that do not say so any more.

        Raises:
            StoreError: the store refused.
        """
        if not jobs.beat(self._store, self._known()):
            with self._lock:
                self._number = None  # it was silent for too long: what it had is others' by now
            self._known()
        with self._lock:
            left, self._ended = self._ended, []
        for job, workspace in left:
            self._end(job, workspace)
        if jobs.stalled(self._store):
            self.announced(())

    def leave(self) -> None:
        """Takes no jobs any more.

        Raises:
            StoreError: the store refused; the others find out.
        """
        with self._lock:
            number, self._number = self._number, None
        if number is not None:
            jobs.unregister(self._store, number)

    async def listen(self, heard: Callable[[Sequence[str]], None]) -> None:
        """Tells of new jobs, for ever."""
        from procrastinate import PsycopgConnector
        from procrastinate.exceptions import ConnectorException
        from procrastinate.manager import JobManager

        async def told(**_: object) -> None:
            heard(())

        engine = self._store.engine
        while True:
            _, options = engine.dialect.create_connect_args(engine.url)
            patient = {**of_connections(engine.url), **options}
            connector = PsycopgConnector(kwargs=patient, min_size=0, max_size=1)
            try:
                await connector.open_async()
                await JobManager(connector).listen_for_jobs(on_notification=told, queues=[jobs.QUEUE])
            except ConnectorException as error:
                log.debug("not_listening", message=f"not listening for jobs: {error.__cause__ or error}")
            finally:
                await connector.close_async()
            await asyncio.sleep(LISTEN_AGAIN)
