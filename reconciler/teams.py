"""Groups to teams, what becomes of retired mappings, and nested groups flattened: pure graph work over ids."""

from collections.abc import Iterable, Mapping

from reconciler.causes import team_cause
from reconciler.model import Frozen
from reconciler.policy import GroupView, Policy, TeamMapping

MAX_DEPTH = 32  # deeper than any vendor allows; a guard, cycles are cut before it


class Claim(Frozen, frozen=True):
    """Whom a mapping alone has put into its team, by direct group ids: those in `through` (`everybody`: its group is
    deleted, so nobody can tell any more) who are not in `spared`, which put them there by a stronger mapping."""

    through: frozenset[str]
    spared: frozenset[str]
    everybody: bool = False


def desired_teams(policy: Policy, refs: frozenset[str]) -> frozenset[str]:
    """The teams of a person whose configured groups are `refs`."""
    if not refs:
        return frozenset()
    return frozenset(mapping.team for mapping in granting(policy, refs))


def granting(policy: Policy, refs: frozenset[str]) -> Iterable[TeamMapping]:
    """The mappings that put a person whose configured groups are `refs` into teams."""
    return (mapping for mapping in policy.teams if mapping.group in refs)


def kept_teams(policy: Policy, view: GroupView, refs: frozenset[str]) -> frozenset[str]:
    """The teams that a person in `refs` does not leave, because a mapping was removed that keeps its members, or of
    which nobody has decided."""
    if not policy.retired:
        return frozenset()
    concerned = (mapping for mapping in policy.retired if mapping.on_remove != "remove")
    return frozenset(mapping.team for mapping in concerned if _concerns(mapping, view, refs))


def why_leaving(policy: Policy, view: GroupView, refs: frozenset[str], team: str) -> str:
    """The cause of leaving a team, for a person in `refs` whom no mapping puts into it."""
    for mapping in policy.retired:
        if mapping.team == team and mapping.on_remove == "remove" and _concerns(mapping, view, refs):
            return f"the {spoken(view, mapping)} was removed"
    return team_cause(policy, view, team)


def undecided_teams(policy: Policy, view: GroupView) -> frozenset[str]:
    """Teams that nobody may leave now: a group that puts or keeps people in them was not read whole."""
    keeping = (mapping for mapping in policy.retired if mapping.on_remove != "remove")
    return frozenset(mapping.team for mapping in (*policy.teams, *keeping) if mapping.group in view.unknown)


def claim_of(policy: Policy, view: GroupView, mapping: TeamMapping) -> Claim | None:
    """Whom a mapping of the policy alone has put into its team; None while a group that it takes to tell was not read
    whole. A mapping in force is stronger than a retired one that keeps, then come undecided ones, then the rest."""
    strength = _strength(policy, mapping)
    rivals = (other for other in (*policy.teams, *policy.retired) if other.team == mapping.team)
    stronger = [other for other in rivals if _strength(policy, other) > strength]
    if any(each.group in view.unknown for each in (mapping, *stronger)):
        return None
    return Claim(
        _direct(view, {mapping.group}), _direct(view, {other.group for other in stronger}), mapping.group in view.gone
    )


def spoken(view: GroupView, mapping: TeamMapping) -> str:
    """ "mapping of group Designers to team Design"."""
    return f"mapping of group {view.names.get(mapping.group, mapping.group)} to team {mapping.team}"


def _concerns(mapping: TeamMapping, view: GroupView, refs: frozenset[str]) -> bool:
    return mapping.group in refs or mapping.group in view.gone


def _strength(policy: Policy, mapping: TeamMapping) -> int:
    if mapping in policy.teams:
        return 3
    return {"keep": 2, None: 1, "remove": 0}[mapping.on_remove]


def _direct(view: GroupView, refs: set[str]) -> frozenset[str]:
    """The direct groups by which a person is in one of the refs."""
    return frozenset(group for group, above in view.reach.items() if not above.isdisjoint(refs))


def view_of(
    ids: Mapping[str, str], *, nested: Iterable[tuple[str, str]] = (), unknown: Iterable[str] = (),
    never: Iterable[str] = (), gone: Iterable[str] = (), names: Mapping[str, str],
) -> GroupView:  # fmt: skip
    """A GroupView from resolved refs (ref → group id) and the edges (parent id, child id) between groups.

    `unknown` are refs that mean no single group, `never` groups whose members were never read whole: a ref that such
    a group counts for is unknown too. `gone` are refs whose group is deleted. Cycles end where they close; the depth
    is bounded by MAX_DEPTH.
    """
    children: dict[str, list[str]] = {}
    for parent, child in nested:
        children.setdefault(parent, []).append(child)
    reach: dict[str, set[str]] = {}
    for ref, group in ids.items():
        for member in closure(group, children):
            reach.setdefault(member, set()).add(ref)
    unread = frozenset(unknown).union(*(reach.get(group, ()) for group in never))
    found = {group: frozenset(refs) for group, refs in reach.items()}
    return GroupView(found, unread, dict(names), frozenset(gone))


def closure(group: str, children: Mapping[str, list[str]]) -> set[str]:
    """The group and every group below it."""
    seen = {group}
    frontier = {group}
    for _ in range(MAX_DEPTH):
        frontier = {child for parent in frontier for child in children.get(parent, ())} - seen
        if not frontier:
            break
        seen |= frontier
    return seen


def route(direct: Iterable[str], goal: str, parents: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The shortest way from one of the direct groups up to a group above them, both ends included; () when there is
    none."""
    ways: dict[str, tuple[str, ...]] = {group: (group,) for group in sorted(direct)}
    frontier = [*ways]
    while frontier and goal not in ways:
        climbed = {up: (*ways[group], up) for group in frontier for up in sorted(parents.get(group, ()))}
        frontier = [group for group in climbed if group not in ways]
        ways = climbed | ways
    return ways.get(goal, ())
