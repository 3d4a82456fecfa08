"""Groups to teams, and nested groups flattened: pure graph work over ids."""

from collections.abc import Iterable, Mapping

from reconciler.policy import GroupView, Policy, TeamMapping

MAX_DEPTH = 32  # deeper than any vendor allows; a guard, cycles are cut before it


def desired_teams(policy: Policy, refs: frozenset[str]) -> frozenset[str]:
    """The teams of a person whose configured groups are `refs`."""
    if not refs:
        return frozenset()
    return frozenset(mapping.team for mapping in granting(policy, refs))


def granting(policy: Policy, refs: frozenset[str]) -> Iterable[TeamMapping]:
    """The mappings that put a person whose configured groups are `refs` into teams."""
    return (mapping for mapping in policy.teams if mapping.group in refs)


def undecided_teams(policy: Policy, view: GroupView) -> frozenset[str]:
    """Teams that nobody may leave now: one of their groups was not read whole."""
    return frozenset(mapping.team for mapping in policy.teams if mapping.group in view.unknown)


def view_of(
    ids: Mapping[str, str], *, nested: Iterable[tuple[str, str]] = (), unknown: Iterable[str] = (),
    never: Iterable[str] = (), names: Mapping[str, str],
) -> GroupView:  # fmt: skip
    """A GroupView from resolved refs (ref → group id) and the edges (parent id, child id) between groups.

    `unknown` are refs that mean no single group, `never` groups whose members were never read whole: a ref that such
    a group counts for is unknown too. Cycles end where they close; the depth is bounded by MAX_DEPTH.
    """
    children: dict[str, list[str]] = {}
    for parent, child in nested:
        children.setdefault(parent, []).append(child)
    reach: dict[str, set[str]] = {}
    for ref, group in ids.items():
        for member in closure(group, children):
            reach.setdefault(member, set()).add(ref)
    unread = frozenset(unknown).union(*(reach.get(group, ()) for group in never))
    return GroupView({group: frozenset(refs) for group, refs in reach.items()}, unread, dict(names))


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
