"""What configuration says, as the values of the core: policies, who owns what, and what runs take turns in.

Pure. Not here: what a policy means (reconciler/policy.py), and the policies that runs followed (store/policies.py).
"""

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
from rosterd.auditing import auditing, turn
from rosterd.settings.limits import Limits
from rosterd.settings.model import DirectorySettings, Settings, WorkspaceSettings
from store.expired import Watched


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


def watched(settings: Settings) -> list[Watched]:
    """The directories, and in how many of their latest runs flaps are looked for (one more says since when)."""
    flaps = {each.id: _flap(each.limits) for each in settings.workspace}
    found = []
    for each in settings.directory:
        flap = None if each.audits else flaps[each.workspace]
        found.append(Watched(each.id, each.workspace, 1 if flap is None else flap.runs + 1))
    return found


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
