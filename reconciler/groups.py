"""Which listed group a configured name or id means.

What lives here: the one rule that connectors (what to expand), policy (what counts) and `check` (what is misspelt)
share. What does not: reading groups, and what a group grants.
"""

from collections.abc import Iterable, Mapping

from reconciler.model import DirectoryGroup, Frozen, key


class Resolution(Frozen, frozen=True):
    """What configured references turned out to be.

    `ids` maps each reference that means exactly one group to its id, `missing` holds those that mean none, sorted, and
    `ambiguous` those that mean several, with the ids of all candidates, sorted.
    """

    ids: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    ambiguous: dict[str, tuple[str, ...]] = {}


def resolve(refs: Iterable[str], groups: Iterable[DirectoryGroup], bound: Mapping[str, str]) -> Resolution:
    """Finds the group of each reference: by exact id, else by name or address, else by what it meant before.

    Args:
        refs: names, addresses or ids as configured.
        groups: every group that the directory lists.
        bound: what earlier reads resolved. A group that was renamed is found by it, and of several groups with one
            name the one that was meant before stays meant: a newcomer cannot take over a mapping.
    """
    asked = sorted(set(refs))
    listed, named = _index(groups, {key(ref) for ref in asked})
    ids: dict[str, str] = {}
    missing: list[str] = []
    ambiguous: dict[str, tuple[str, ...]] = {}
    for ref in asked:
        before = bound.get(ref, "")
        found = {ref} if ref in listed else named.get(key(ref), set())
        if before in listed and (not found or before in found):
            found = {before}
        if len(found) == 1:
            ids[ref] = next(iter(found))
        elif found:
            ambiguous[ref] = tuple(sorted(found))
        else:
            missing.append(ref)
    return Resolution(ids, tuple(missing), ambiguous)


def _index(groups: Iterable[DirectoryGroup], wanted: set[str]) -> tuple[set[str], dict[str, set[str]]]:
    """The ids of all groups, and the ids by each wanted name."""
    listed: set[str] = set()
    named: dict[str, set[str]] = {}
    for group in groups:
        listed.add(group.external_id)
        for name in (key(group.name), key(group.email)):
            if name and name in wanted:
                named.setdefault(name, set()).add(group.external_id)
    return listed, named
