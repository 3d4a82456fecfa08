"""What commands, the daemon and HTTP do with a directory of the configuration: run, audit, compare, check it.

Here meet the configuration (policies.py), the edge (sources.py) and the memory (store). Nothing is decided here and
nothing printed.
"""

import asyncio
from collections.abc import Callable, Iterator

from connectors.base import Expected, Finding
from connectors.findings import of_error
from reconciler.against import Comparison
from reconciler.audit import Finding as AuditFinding
from reconciler.errors import RunError
from reconciler.health import age, sentence
from reconciler.policy import TeamMapping
from reconciler.ports import Progress
from reconciler.report import Report
from rosterd import heard
from rosterd.auditing import audit
from rosterd.comparing import compare
from rosterd.policies import ownership_of, policy_of
from rosterd.ports import as_followed, now, run_once, to_compare
from rosterd.settings.kinds import PULLED
from rosterd.settings.loading import check_secrets
from rosterd.settings.model import DirectorySettings, Settings
from rosterd.sources import connect, identity_of, source_of
from store.database import Store
from store.database import open_store as open_database
from store.health import health_of
from store.manual import ByHand
from store.mappings import Known, decide, listed, with_retired
from store.mirror import bound, known_counts


class NotComparable(RunError):
    """Another configuration is not about the same directory."""

    code = "not_comparable"


def open_store(settings: Settings) -> Store:
    """The store of `[store] url`, its schema up to date; close it afterwards.

    Raises:
        StoreError: it cannot be reached or is newer than this program.
    """
    store = open_database(settings.store.url)
    store.lease = settings.daemon.lease
    return store


def require_secrets(settings: Settings, directories: tuple[DirectorySettings, ...]) -> None:
    """Looks up every secret that reading these directories needs; a simulated one needs none.

    Raises:
        ConfigError: it lists all that are missing.
    """
    if wanted := tuple(each.id for each in directories if each.simulate is None and each.kind in PULLED):
        check_secrets(settings, wanted)


async def run_directory(
    settings: Settings, store: Store, directory: DirectorySettings, *, progress: Progress, verify: bool = False,
    apply: bool = True, trigger: str = "manual", run: str = "",
) -> Report:  # fmt: skip
    """One run of one directory (ports.run_once) over a connector opened for it; of one that audits, an audit. Ctrl-C is
    heeded between batches.

    Raises:
        RunError: it could not begin (NotPulled, Refused, WorkspaceBusy …) or the store refused.
    """
    if directory.audits:
        return await audit_directory(settings, store, directory, progress=progress, trigger=trigger, run=run)
    policy = policy_of(settings, directory)
    async with source_of(store, directory) as source:
        return await run_once(
            store, policy, source, progress=_heeding(progress), verify=verify, apply=apply, trigger=trigger,
            verify_every=directory.verify_every, identity=identity_of(directory), run=run,
        )  # fmt: skip


async def audit_directory(
    settings: Settings, store: Store, directory: DirectorySettings, *, progress: Progress, trigger: str = "manual",
    found: Callable[[AuditFinding], None] | None = None, run: str = "",
) -> Report:  # fmt: skip
    """One audit by a directory that has `audits` (auditing.py); `found` is told every finding.

    Raises:
        RunError: it could not begin, or the store refused.
    """
    told = settings.directory_named(directory.audits or "")
    assert told is not None  # noqa: S101 - the rules of the configuration say so
    async with connect(directory) as connector:
        return await audit(
            store, policy_of(settings, told), policy_of(settings, directory), connector, progress=_heeding(progress),
            trigger=trigger, identity=identity_of(directory), found=found, run=run,
        )  # fmt: skip


def followed_anew(settings: Settings, store: Store, directory: DirectorySettings) -> bool:
    """Whether a run of a directory has to look at people about whom nothing changed: configuration did, or nobody was
    ever compared."""
    return bool(to_compare(store, as_followed(store, policy_of(settings, directory))))


async def compare_directory(
    settings: Settings, other: Settings, store: Store, directory: DirectorySettings, *, progress: Progress, against: str
) -> Comparison:
    """What another configuration would make of everybody that this one does not (comparing.py); the directory is read
    as this one says. `against` is the other's file as people call it.

    Raises:
        NotComparable: the other configuration has no such directory, or another kind of it, or for another workspace.
        RunError: the directory could not be read, or the store refused.
    """
    if directory.audits:
        raise NotComparable(
            f"{directory.id} audits {directory.audits}, and feeds no workspace", where=directory.id,
            fix=f"rosterd plan {directory.audits} --against {against}",
        )  # fmt: skip
    there = other.directory_named(directory.id)
    if there is None or (there.kind, there.workspace) != (directory.kind, directory.workspace):
        known = ", ".join(each.id for each in other.directory) or "none"
        how = f"it has: {known}" if there is None else f"there it is {there.kind} for workspace {there.workspace}"
        raise NotComparable(
            f"{against} does not configure {directory.id}, of kind {directory.kind} for workspace"
            f" {directory.workspace}: {how}",
            where=against,
            fix="write a whole configuration in which this directory keeps its id, kind and workspace",
        )
    policies = (policy_of(settings, directory), policy_of(other, there))
    async with source_of(store, directory) as connector:
        return await compare(
            store, policies, connector, progress=_heeding(progress), identity=identity_of(directory), against=against
        )


def _heeding(progress: Progress) -> Progress:
    """Progress at which Ctrl-C is heeded."""

    def heeding(phase: str, done: int, total: int | None) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        progress(phase, done, total)

    return heeding


def by_hand(settings: Settings, store: Store, workspace: str) -> ByHand:
    """A workspace, to be changed by people as far as no directory owns what they change."""
    return ByHand(store, ownership_of(settings, workspace), now)


def known_mappings(settings: Settings, store: Store, directory: DirectorySettings) -> list[Known]:
    """The team mappings of a directory: those of the configuration, and those that it has dropped while memberships
    that they made are left."""
    with store.read() as connection:
        return listed(connection, with_retired(connection, policy_of(settings, directory)))


def decide_mapping(store: Store, directory: DirectorySettings, mapping: TeamMapping) -> None:
    """Records whether the members of a dropped mapping stay or leave; the next sync acts on it."""
    with store.write() as connection:
        decide(connection, directory.id, mapping)


async def check_directory(settings: Settings, store: Store, directory: DirectorySettings) -> list[Finding]:
    """What the connector finds; a directory that cannot even be opened is a finding too."""
    if directory.kind not in PULLED:
        return heard.findings(store, directory.id)
    policy = policy_of(settings, directory)
    with store.read() as connection:
        names = bound(connection, directory.id)
        people, groups = known_counts(connection, directory.id)
    expected = Expected(policy.scope.domains, policy.scope.guests, people, groups)
    try:
        async with connect(directory, expected) as connector:
            found = await connector.check(policy.wanted(names))
    except RunError as error:
        found = [of_error(error)]
    return [*found, *_how_it_goes(store, directory.id)]


def _how_it_goes(store: Store, directory: str) -> Iterator[Finding]:
    """What is known of earlier reads: nothing before the first."""
    health = health_of(store, directory)
    if wrong := sentence(health):
        fix = f"once that is corrected: rosterd sync {directory}, which always tries"
        yield Finding("warning", f"directory_{health.state}", f"reading it is {wrong}", fix)
    if health.last_complete is not None:
        yield Finding("ok", "last_complete", age(health, now(), word="ago"))
