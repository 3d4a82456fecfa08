"""From settings to what a run needs: a policy, an open connector, an open store, and the run itself.

Here meet the configuration (rosterd/settings), the edge (connectors) and the memory (store). Nothing is decided here
and nothing printed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

import connectors
from connectors.base import Connector, ConnectorConfig, Expected, Finding, Opened, Refused, SecretRef
from connectors.findings import of_error
from reconciler.against import Comparison
from reconciler.audit import Finding as AuditFinding
from reconciler.errors import RunError
from reconciler.health import age, sentence
from reconciler.manual import Ownership
from reconciler.model import key
from reconciler.policy import (
    AttributeMapping,
    Flap,
    Limit,
    Policy,
    RoleAxis,
    RoleRule,
    RoleSource,
    Scope,
    TeamMapping,
)
from reconciler.report import Report
from reconciler.sync import Progress
from rosterd import heard
from rosterd.auditing import audit, auditing, turn
from rosterd.comparing import compare
from rosterd.ports import Told, as_followed, now, run_once, to_compare
from rosterd.settings.kinds import PULLED, connector_config
from rosterd.settings.limits import Limits
from rosterd.settings.loading import check_secrets
from rosterd.settings.model import DirectorySettings, Settings, WorkspaceSettings
from store.database import Store
from store.database import open_store as open_database
from store.expired import Watched
from store.health import health_of
from store.manual import ByHand
from store.mappings import Known, decide, listed, with_retired
from store.mirror import bound, known_counts

if TYPE_CHECKING:
    from rosterd.simulators import Simulator


class NotPulled(RunError):
    """The directory tells rosterd; rosterd does not ask it."""

    code = "not_pulled"


class NotComparable(RunError):
    """Another configuration is not about the same directory."""

    code = "not_comparable"


class CannotSimulate(RunError):
    """The file of a simulated directory is missing or of another kind."""

    code = "cannot_simulate"


# -- settings → policy --------------------------------------------------------------------------------------------


def policy_of(settings: Settings, directory: DirectorySettings) -> Policy:
    """What configuration says about a directory and its workspace, as the core reads it; addresses are folded. One that
    audits is read for what it is compared with."""
    own = _policy(settings, directory)
    told = settings.directory_named(directory.audits) if directory.audits else None
    return own if told is None else auditing(_policy(settings, told), own)


def _policy(settings: Settings, directory: DirectorySettings) -> Policy:
    workspace = settings.workspace_of(directory)
    domains = frozenset(key(domain) for domain in workspace.email_domains)
    return Policy(
        workspace=workspace.id,
        directory=directory.id,
        match=directory.match,
        nested=directory.nested_groups,
        scope=Scope(domains, directory.scope_groups, directory.guests, directory.exclude),
        attributes=tuple(AttributeMapping(each.source, each.to) for each in directory.attribute),
        axes=_axes(workspace),
        sources=tuple(
            RoleSource(role.axis, role.attribute or "", tuple(role.groups.items())) for role in directory.role
        ),
        rules=_rules(workspace),
        teams=tuple(TeamMapping(team.group, team.team, team.on_remove) for team in directory.team),
        protected=frozenset(key(address) for address in workspace.protected),
        limits=_limits(workspace.limits),
        flap=_flap(workspace.limits),
    )


def turn_of(directory: DirectorySettings) -> str:
    """What the runs of a directory take turns in: its workspace; those of one that audits wait only for each other."""
    return turn(directory.id) if directory.audits else directory.workspace


def workspace_of(settings: Settings, turn: str) -> str:
    """The workspace that runs which take this turn are about."""
    auditing = (directory.workspace for directory in settings.directory if turn_of(directory) == turn)
    return next(auditing, turn)


def wanted_attributes(settings: Settings, directory: DirectorySettings) -> frozenset[str]:
    """The attributes of people that configuration reads, as the vendor names them."""
    return policy_of(settings, directory).read_attributes


def ownership_of(settings: Settings, workspace: str) -> Ownership:
    """Who owns what in a workspace: each directory that feeds it, whatever its kind."""
    found = next(each for each in settings.workspace if each.id == workspace)
    feeding = (each for each in settings.directory if each.workspace == workspace and not each.audits)
    return Ownership(
        workspace, _axes(found), _rules(found), tuple(policy_of(settings, directory) for directory in feeding)
    )


def by_hand(settings: Settings, store: Store, workspace: str) -> ByHand:
    """A workspace, to be changed by people as far as no directory owns what they change."""
    return ByHand(store, ownership_of(settings, workspace), now)


def _rules(workspace: WorkspaceSettings) -> tuple[RoleRule, ...]:
    return tuple(RoleRule(tuple(rule.when.items()), tuple(rule.force.items())) for rule in workspace.role_rule)


def _axes(workspace: WorkspaceSettings) -> tuple[RoleAxis, ...]:
    return tuple(
        RoleAxis(
            role.axis,
            role.values,
            role.default,
            role.when_absent,
            role.protect_last or "",
            frozenset(role.disabled_values),
        )
        for role in workspace.role
    )


def _limits(limits: Limits) -> dict[str, Limit]:
    return {key: Limit(limit.count, limit.percent, limit.floor) for key, limit in limits.written().items()}


def _flap(limits: Limits) -> Flap | None:
    return Flap(limits.flap.times, limits.flap.runs) if limits.flap else None


# -- what has to be opened ----------------------------------------------------------------------------------------


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


def require_pulled(directory: DirectorySettings) -> None:
    """
    Raises:
        NotPulled: this is a kind that tells rosterd by itself.
    """
    if directory.kind not in PULLED:
        raise NotPulled(
            f"directory {directory.id} is of kind {directory.kind}: it is told, not asked",
            where=directory.id,
            fix="its identity provider pushes every change by itself; this is for "
            f"{', '.join(sorted(PULLED))} directories",
        )


@asynccontextmanager
async def connect(directory: DirectorySettings, expected: Expected | None = None) -> AsyncIterator[Connector]:
    """The connector of a directory, open in this event loop; with `simulate`, the simulator runs as long.

    `expected` is what its `check` compares with.

    Raises:
        NotPulled: the directory is of a kind that is not asked.
        CannotSimulate: there is no such world.
        Refused: a secret is missing or unusable.
    """
    require_pulled(directory)
    with _served(directory) as (config, clock):
        opened = Opened(directory.id, clock=clock, expected=expected or Expected())
        connector = connectors.open_connector(config, opened)
        try:
            yield connector
        finally:
            await connector.close()


@contextmanager
def _served(directory: DirectorySettings) -> Iterator[tuple[ConnectorConfig, Callable[[], float]]]:
    """The connector's configuration, and its clock; for a simulated directory, those of the simulator that serves it
    meanwhile."""
    config = connector_config(directory)
    if directory.simulate is None:
        yield config, time.time
        return
    with _simulator(directory) as simulator:
        # A simulator is reached with its one secret, whichever way in is configured.
        secret = {simulator.sensitive_key: _Throwaway.of(simulator.secret)}
        fields = type(config).model_fields
        unused = {name: fields[name].get_default() for way in config.credentials for name in way}
        yield config.model_copy(update={**unused, **simulator.keys, **secret}), simulator.time


def _simulator(directory: DirectorySettings) -> "Simulator":
    from msgspec import MsgspecError

    from rosterd.simulators import Simulator, World

    file = directory.simulate or Path()
    try:
        world = World.load(file)
        if world.kind != directory.kind:
            raise ValueError(f"it is of kind {world.kind}")
        return Simulator(world.kind, world)
    except (OSError, ValueError, MsgspecError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise CannotSimulate(
            f"the simulated directory {directory.id} cannot be read: {reason}",
            where=str(file),
            fix="correct simulate in [[directory]], or make it again with: rosterd demo",
        ) from exc


class _Throwaway(SecretRef):
    """The secret of a simulator, which lives no longer than it and is written nowhere."""

    _text: str = PrivateAttr(default="")

    @classmethod
    def of(cls, text: str) -> "_Throwaway":
        made = cls(env="SIMULATED")
        made._text = text
        return made

    def reveal(self) -> str:
        return self._text


# -- what is done with it -----------------------------------------------------------------------------------------


@asynccontextmanager
async def source_of(store: Store, directory: DirectorySettings) -> AsyncIterator[Connector | Told]:
    """What a run of a directory reads: its connector; of one that tells nothing, since all is told already."""
    if directory.kind not in PULLED:
        yield Told(heard.warnings(store, directory.id))
        return
    async with connect(directory) as connector:
        yield connector


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


def known_mappings(settings: Settings, store: Store, directory: DirectorySettings) -> list[Known]:
    """The team mappings of a directory: those of the configuration, and those that it has dropped while memberships
    that they made are left."""
    with store.read() as connection:
        return listed(connection, with_retired(connection, policy_of(settings, directory)))


def decide_mapping(store: Store, directory: DirectorySettings, mapping: TeamMapping) -> None:
    """Records whether the members of a dropped mapping stay or leave; the next sync acts on it."""
    with store.write() as connection:
        decide(connection, directory.id, mapping)


def identity_of(directory: DirectorySettings) -> str:
    """Stands for whom a directory is asked as, and where: changes with address, client, key or scope of the reading.

    Of a secret it holds 64 bits of a keyed hash, which say whether it is the same one and nothing else.
    """
    config = connector_config(directory)
    seen = blake2b(key=directory.id.encode()[:64], digest_size=8)
    for name in sorted(type(config).model_fields):
        value = getattr(config, name)
        if isinstance(value, SecretRef):
            with suppress(Refused):  # a simulated directory has none
                value = value.reveal()
        seen.update(f"{name}={value}\0".encode())
    return seen.hexdigest()


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


def watched(settings: Settings) -> list[Watched]:
    """The directories, and in how many of their latest runs flaps are looked for (one more says since when)."""
    flaps = {each.id: _flap(each.limits) for each in settings.workspace}
    found = []
    for each in settings.directory:
        flap = None if each.audits else flaps[each.workspace]
        found.append(Watched(each.id, each.workspace, 1 if flap is None else flap.runs + 1))
    return found
