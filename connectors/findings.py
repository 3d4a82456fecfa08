"""The lines of `rosterd check` that all connectors share.

What does not live here: how a connector asks its directory.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from connectors.base import ConnectorError, Finding
from reconciler.groups import resolve
from reconciler.model import DirectoryGroup, DirectoryUser, UserState, Wanted


def of_error(error: ConnectorError) -> Finding:
    """A directory that could not be read."""
    return Finding("error", error.code, str(error), error.fix)


def of_users(users: Sequence[DirectoryUser], wanted: Wanted, *, more: bool) -> list[Finding]:
    """One page of people: how many, whether they have a status, which configured attributes are filled."""
    count = f"{'more than ' if more else ''}{len(users)} {'person' if len(users) == 1 and not more else 'people'}"
    if not users:
        return [Finding("error", "no_users", "no people can be read", "check what the credentials may see")]
    found = [Finding("ok", "users_readable", f"people can be read: {count}")]
    unclear = sum(user.state is UserState.UNKNOWN for user in users)
    if unclear:
        text = f"{unclear} of the first {len(users)} people have no status that is known; they are left as they are"
        found.append(Finding("warning", "unknown_status", text))
    return found + [_of_attribute(name, users) for name in sorted(wanted.attributes)]


def _of_attribute(name: str, users: Sequence[DirectoryUser]) -> Finding:
    filled = sum(name in user.attributes for user in users)
    text = f"attribute {name!r} is set for {filled} of the first {len(users)} people"
    if filled:
        return Finding("ok", "attribute_seen", text)
    return Finding("warning", "attribute_not_seen", text, f"compare {name!r} with the directory's attribute names")


def of_groups(groups: Sequence[DirectoryGroup], wanted: Wanted) -> list[Finding]:
    """Whether every group that configuration mentions is there, with the nearest names when not."""
    resolution = resolve(wanted.groups, groups, wanted.bound)
    found = [Finding("ok", "groups_readable", f"groups can be read: {len(groups)}, {len(resolution.ids)} of them used")]
    names = [group.name for group in groups] + [group.email for group in groups if group.email]
    found += [
        Finding("error", "group_not_found", f"no group {ref!r}", _nearest(ref, names)) for ref in resolution.missing
    ]
    for ref, ids in resolution.ambiguous.items():
        text = f"{len(ids)} groups are called {ref!r}"
        found.append(Finding("error", "group_ambiguous", text, f"write one of the ids instead: {', '.join(ids)}"))
    return found


def _nearest(ref: str, names: Iterable[str]) -> str:
    near = get_close_matches(ref, list(names), n=3, cutoff=0.5)
    listed = " or ".join(repr(name) for name in near)
    return f"did you mean {listed}?" if near else "write the name or id of a group that the credentials may see"
