"""Wires a directory's connector and the store to the loop: the `Ports` of reconciler/ports.py."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta

from connectors.base import Connector
from connectors.scim.observe import observed
from reconciler.changes import EVERYBODY, NOBODY, Touched
from reconciler.errors import StoreError
from reconciler.guard import Gauges
from reconciler.health import Health, after, check_due
from reconciler.model import Observation, Questions, Wanted
from reconciler.policy import Policy
from reconciler.ports import Absorber, Job, Mode, Progress, Source
from reconciler.report import Report, Transport
from reconciler.sync import sync
from store.database import Store
from store.gauges import gauges
from store.health import health_of, keep_health
from store.lasting import Aftermath
from store.leases import Held, Renewal, give_back, stamp, take
from store.mappings import with_retired
from store.mirror import cursor_of, meanings, peek
from store.policies import since, unread
from store.runs import RunTasks
from store.scim.rederive import Rederivation
from store.snapshot import View
from store.staging import Staging


def now() -> str:
    """This moment, RFC 3339 in UTC with milliseconds."""
    return stamp(datetime.now(UTC))


def new_run(moment: str) -> str:
    """An id for a run: its time, readable, and six random hex digits."""
    return f"{moment[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


class ConnectorSource:
    """A connector as the loop's `Source`."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """The connector's observations."""
        return self._connector.pull(wanted)

    def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:
        """Asks by id."""
        return self._connector.confirm(questions, wanted)

    @property
    def transport(self) -> Transport:
        """What reading has cost so far."""
        counts = self._connector.counts
        return Transport(counts.requests, counts.retries, round(counts.throttled_seconds, 3))


class _Silent:
    """A `Source` that says nothing."""

    transport = Transport()

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:  # noqa: ARG002 - the protocol's argument
        """Nothing."""
        for nothing in list[Observation]():
            yield nothing

    async def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:  # noqa: ARG002
        """Nobody is asked."""
        for nothing in list[Observation]():
            yield nothing


class Unread(_Silent):
    """The `Source` of a run that reads no directory."""


class Told(_Silent):
    """The `Source` of a run of a directory that tells: what it told is in the store already. `warnings` are for the
    report."""

    def __init__(self, warnings: Sequence[str] = ()) -> None:
        self.warnings = tuple(warnings)


class RunPorts:
    """Everything one run needs from the outside; without a connector it reads nothing."""

    def __init__(
        self, store: Store, policy: Policy, connector: Connector | Told | None, *, held: Held, progress: Progress,
        clock: Callable[[], str] = now, identity: str = "", touched: Touched = NOBODY,
    ) -> None:  # fmt: skip
        self._store, self._policy, self._held, self._clock = store, policy, held, clock
        self._identity, self._touched = identity, touched
        self.source: Source = _source(connector)
        self.renewal = Renewal(store, held, clock)
        self._told = progress
        self._tasks: RunTasks | None = None

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Passes the news on, and renews the lease when it is time to."""
        self.renewal.due()
        self._told(phase, done, total)

    def bound(self) -> dict[str, str]:
        """What the configured group names mean as far as is known, to ids."""
        with self._store.read() as connection:
            return meanings(connection, self._policy)

    def unread(self) -> Sequence[str]:
        """Attributes that configuration asks for and that the people of the mirror were not all read with."""
        with self._store.read() as connection:
            return unread(connection, self._policy)

    def cursor(self) -> str:
        """Where an incremental read can begin."""
        with self._store.read() as connection:
            return cursor_of(connection, self._policy.directory)

    def absorber(self) -> Absorber:
        """A staging area for one pull; for what was told, none."""
        if isinstance(self.source, Told):
            return Rederivation(
                self._store, self._policy, self._clock, self._held, observe=observed, touched=self._touched
            )
        return Staging(
            self._store, self._policy, self._clock, self._held, identity=self._identity, touched=self._touched
        )

    def snapshot(self) -> View:
        """A view of now."""
        view = View(self._store, self._policy)
        if isinstance(self.source, Told):
            view.warnings = (*view.warnings, *self.source.warnings)
        if self._tasks is not None:
            self._tasks.follow(view.mark)
        return view

    def tasks(self, report: Report) -> RunTasks:
        """Opens the run in the store."""
        mode: Mode = report.mode
        self._tasks = RunTasks(self._store, self._policy, held=self._held, now=self._clock, mode=mode)
        self._tasks.open(report)
        return self._tasks

    def aftermath(self) -> Aftermath:
        """The people whom the run did something to, as they are now."""
        mark = 0 if self._tasks is None else self._tasks.mark
        return Aftermath(self._store, self._policy, self._held, mark=mark, now=self._clock, renew=self.renewal.due)

    def gauges(self, lost: Mapping[str, int], lowered: Mapping[tuple[str, str], int]) -> Gauges:
        """What limits are measured against."""
        return gauges(self._store, self._policy, lost, self._clock(), lowered=lowered)

    def check_due(self) -> None:
        """
        Raises:
            DirectoryPaused: the directory is not read on schedule now.
        """
        directory = self._policy.directory
        check_due(health_of(self._store, directory), directory, self._clock())

    def health(self, report: Report) -> Health:
        """The health of the directory once this run ended; one that reads nothing changes nothing about it."""
        known = health_of(self._store, self._policy.directory)
        if isinstance(self.source, Unread):
            return known
        read, at = report.complete, report.ended or self._clock()
        reason = next(iter(read.reasons), "not everything was read")
        health = after(known, at, error=report.error, whole=read.whole, reason=reason)
        if health != known:
            keep_health(self._store, self._policy.directory, health)
        return health

    def now(self) -> str:
        """RFC 3339 UTC."""
        return self._clock()

    def elapsed(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.perf_counter()


def _source(connector: Connector | Told | None) -> Source:
    if isinstance(connector, Told):
        return connector
    return Unread() if connector is None else ConnectorSource(connector)


@contextmanager
def lease(store: Store, workspace: str, run: str) -> Iterator[Held]:
    """Holds the workspace for the time of a run. That the store does not take it back changes nothing about the run.

    Raises:
        WorkspaceBusy: another run holds it.
    """
    held = take(store, workspace, run, now())
    try:
        yield held
    finally:
        with suppress(StoreError):
            give_back(store, held)


async def run_once(
    store: Store, policy: Policy, connector: Connector | Told, *, progress: Progress, trigger: str = "manual",
    verify: bool = False, apply: bool = True, verify_every: timedelta | None = None, identity: str = "", run: str = "",
) -> Report:  # fmt: skip
    """One run of one directory: takes the workspace's lease, runs the loop, gives the lease back.

    `identity` stands for the credentials and the address of the directory: after a change, an absence
    that was noted before does not count. `verify_every` is how old the last full comparison may be;
    `run` its id, if it has one already.

    Raises:
        WorkspaceBusy: another run holds the workspace.
        StoreError: the store refused.
    """
    run = run or new_run(now())
    with lease(store, policy.workspace, run) as held:
        policy = as_followed(store, policy)
        touched = EVERYBODY if verify else to_compare(store, policy, verify_every)
        ports = RunPorts(store, policy, connector, held=held, progress=progress, identity=identity, touched=touched)
        async with renewed(ports.renewal):
            return await sync(Job(run, policy, trigger, verify=touched.everybody, apply=apply), ports)


def as_followed(store: Store, policy: Policy) -> Policy:
    """What configuration says as a run follows it: with the team mappings that earlier ones followed and that it has no
    longer."""
    with store.read() as connection:
        return with_retired(connection, policy)


@asynccontextmanager
async def renewed(renewal: Renewal) -> AsyncIterator[None]:
    """Renews a lease while the run waits for a slow directory. A lease that was lost stops the run at its own next
    write."""
    ticking = asyncio.create_task(_tick(renewal))
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


async def _tick(renewal: Renewal) -> None:
    while True:
        await asyncio.sleep(renewal.every / 2)
        renewal.due()


def to_compare(store: Store, policy: Policy, verify_every: timedelta | None = None) -> Touched:
    """Whom a run has to look at besides those about whom something changed: everybody when nothing ever was compared or
    the last time is too long ago (a clock that was set back counts as long ago), else whom a changed policy touches."""
    with store.read() as connection:
        row = peek(connection, policy.directory)
        touched = since(connection, policy)
    if row is None or row.verified_at is None:
        return EVERYBODY
    age = datetime.now(UTC) - datetime.fromisoformat(row.verified_at)
    due = verify_every is not None and not timedelta(0) <= age < verify_every
    return EVERYBODY if due else touched
