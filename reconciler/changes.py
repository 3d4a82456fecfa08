"""What lies between two policies: whose plan may be another one under the new policy than under the old.

The promise: whoever is not touched has the same plan under both, or has one that is not done yet and is looked at
again anyway. What does not live here: finding those people (the store), and comparing them (decide.py).
"""

import msgspec

from reconciler.model import Frozen
from reconciler.policy import Policy, RoleAxis


class Touched(Frozen, frozen=True):
    """Whom a changed policy touches: `everybody`, or direct and nested members of the groups that `refs` mean, holders
    of `attributes`, and those whom the directory has put into `teams`."""

    everybody: bool = False
    refs: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self != NOBODY


NOBODY = Touched()
EVERYBODY = Touched(everybody=True)


def touched(old: Policy, new: Policy) -> Touched:
    """Whom the step from one policy of a directory to another touches. Sources of roles and team mappings touch some;
    whatever else changed (scope, axes, rules, matching, protection) touches everybody."""
    if _rest(old) != _rest(new) or any(_silence(old, axis) != _silence(new, axis) for axis in new.axes):
        return EVERYBODY
    return Touched(
        refs=frozenset(
            {ref for _, ref, _ in _values(old) ^ _values(new)} | {ref for ref, _ in _teams(old) ^ _teams(new)}
        ),
        attributes=frozenset({attribute for _, attribute in _attributes(old) ^ _attributes(new)}),
        teams=frozenset({mapping.team for mapping in {*old.retired} ^ {*new.retired}}),
    )


def _rest(policy: Policy) -> Policy:
    """The policy without what can be told apart person by person, and without what alters no plan."""
    return msgspec.structs.replace(policy, sources=(), teams=(), retired=(), limits={})


def _values(policy: Policy) -> set[tuple[str, str, str]]:
    """(axis, group, value): what groups grant."""
    return {(source.axis, ref, value) for source in policy.sources for ref, value in source.groups}


def _attributes(policy: Policy) -> set[tuple[str, str]]:
    """(axis, attribute): what is read for an axis."""
    return {(source.axis, source.attribute) for source in policy.sources if source.attribute}


def _teams(policy: Policy) -> set[tuple[str, str]]:
    return {(mapping.group, mapping.team) for mapping in policy.teams}


def _silence(policy: Policy, axis: RoleAxis) -> object:
    """What the sources of an axis say about somebody about whom they say nothing (roles.py: `_absent`). Only an axis
    that keeps what the member has asks."""
    if axis.when_absent != "keep":
        return None
    sources = [source for source in policy.sources if source.axis == axis.axis]
    given = frozenset(value for source in sources for _, value in source.groups)
    return bool(sources), any(source.attribute for source in sources), given
