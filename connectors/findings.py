"""The sentences of `rosterd check` that all connectors share.

What does not live here: which steps there are (checking.py), missing permissions (permissions.py), the clock
(clocks.py), and how a connector asks its directory.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from connectors.base import ConnectorError, Expected, Finding
from connectors.clocks import FIX, Clock
from connectors.permissions import Need, said_by
from reconciler.errors import RunError
from reconciler.groups import resolve
from reconciler.model import DirectoryGroup, DirectoryUser, UserState, Wanted, key
from reconciler.policy import address

_NAMED = 3  # groups and domains that a line names


class _Asked(Protocol):
    @property
    def vendor(self) -> str: ...
    @property
    def signed(self) -> bool: ...


# -- what failed --------------------------------------------------------------------------------------------------


def of_error(error: RunError) -> Finding:
    """A directory that could not be read at all."""
    return Finding("error", error.code, str(error), error.fix)


def of_failure(need: Need, error: ConnectorError) -> Finding:
    """A step that failed for another reason than a missing permission."""
    text = f"{need.what}: {said_by(error)}"
    return Finding("warning" if need.optional else "error", error.code, text, error.fix, need.feature)


def of_sign_in(error: ConnectorError, clock: Clock, asked: _Asked) -> Finding:
    """No token; when the clock is off and requests are signed, that is why."""
    wrong = clock.wrong(asked.vendor) if asked.signed else ""
    if not wrong:
        return Finding("error", error.code, said_by(error), error.fix)
    text = f"{said_by(error)}: {wrong}, and the request is signed with the time"
    return Finding("error", error.code, text, FIX)


def of_contradiction(someone: str) -> Finding:
    """Somebody of the listing is not found by id."""
    text = f"person {someone} is listed, but not found when asked for by id"
    return Finding("warning", "by_id_contradicts", text, "check again; if it stays, show this to the vendor's support")


# -- people -------------------------------------------------------------------------------------------------------


def of_users(users: Sequence[DirectoryUser], wanted: Wanted, *, more: bool) -> list[Finding]:
    """People and their attributes, for connectors that read what they have in one go."""
    people = of_people(users, Expected(), more=more, narrowed="check what the credentials may see")
    attributes = wanted.attributes if users else ()
    return [*people, *of_attributes(users, attributes, {}, (), whole=False)]


def of_people(users: Sequence[DirectoryUser], expected: Expected, *, more: bool, narrowed: str) -> Iterator[Finding]:
    """People that were read: how many, as many as before or not, with a status or not, in the workspace's domains or
    not. `narrowed` is where to look when they are too few."""
    if not users:
        yield Finding("error", "no_users", "no people can be read", narrowed)
        return
    yield Finding("ok", "users_readable", f"people can be read: {_people(len(users), more)}")
    if not more:
        yield from of_known("people", len(users), expected.people, narrowed)
    if unclear := sum(user.state is UserState.UNKNOWN for user in users):
        text = f"{unclear} of {_the(users, more)} have no status that is known; they are left as they are"
        yield Finding("warning", "unknown_status", text)
    guests = 0 if expected.guests else sum(user.guest for user in users)
    if guests:
        text = f"{guests} of {_the(users, more)} are guests, who are out of scope (guests = true takes them in)"
        yield Finding("ok", "guests_left_out", text)
    yield from _of_domains([user for user in users if expected.guests or not user.guest], expected.domains, more)


def _people(count: int, more: bool) -> str:
    return f"{'more than ' if more else ''}{count} {'person' if count == 1 and not more else 'people'}"


def _the(users: Sequence[DirectoryUser], more: bool) -> str:
    return f"the first {len(users)} people" if more else f"{_people(len(users), more)}"


def of_known(what: str, seen: int, known: int | None, narrowed: str) -> Iterator[Finding]:
    """A warning when less than half is seen of what the last whole read saw."""
    if known is not None and seen * 2 < known:
        text = f"{seen} {what} are seen, {known} were at the last whole read: the permission may have been narrowed"
        yield Finding("warning", f"fewer_{what}", text, f"unless they really went: {narrowed}")


def _of_domains(users: Sequence[DirectoryUser], domains: Collection[str], more: bool) -> Iterator[Finding]:
    if not domains or not users:
        return
    outside = Counter(found for user in users if (found := _domain(user)) not in domains)
    if not outside:
        return
    count = outside.total()
    text = f"{count} of {_the(users, more)} {'has' if count == 1 else 'have'} addresses outside {_listed(domains)}"
    text += f": {', '.join(f'{name} ({many})' for name, many in outside.most_common(_NAMED))}"
    text += f" and {len(outside) - _NAMED} other domains" if len(outside) > _NAMED else ""
    fix = "compare email_domains of the workspace with these"
    if count == len(users):
        yield Finding("error", "nobody_in_domains", f"{text}: nobody is in scope", fix)
    else:
        yield Finding("warning" if count * 2 > len(users) else "ok", "outside_domains", text, fix)


def _domain(user: DirectoryUser) -> str:
    return key(address(user)).rpartition("@")[2] or "no address"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    rest = f" and {len(ordered) - _NAMED} others" if len(ordered) > _NAMED else ""
    return ", ".join(ordered[:_NAMED]) + rest


# -- attributes ---------------------------------------------------------------------------------------------------


def of_places(places: Iterable[tuple[str, str]], names: Collection[str]) -> Iterator[Finding]:
    """Where attributes are that were written by a shorter name."""
    for name, place in sorted(places):
        if name in names:
            yield Finding("ok", "attribute_resolved", f"attribute {name!r} is {place}")


def of_attributes(
    users: Sequence[DirectoryUser],
    attributes: Iterable[str],
    refused: Mapping[str, ConnectorError],
    known: Collection[str],
    *,
    whole: bool,
) -> Iterator[Finding]:
    """Whether attributes are there.

    Args:
        users: people that were read.
        attributes: as configured.
        refused: those that the directory, or the connector itself, did not accept.
        known: attributes that the directory has.
        whole: whether `known` are all of them.
    """
    for name in sorted(attributes):
        filled = sum(name in user.attributes for user in users)
        near, there = nearest(name, known), _is_there(name, known)
        if name in refused:
            error = refused[name]
            fix = (error.status is not None and near) or error.fix  # the connector's own knows more than a likeness
            text = f"attribute {name!r} cannot be read: {said_by(error)}"
            yield Finding("error", "attribute_unknown", text, fix)
        elif filled:
            text = f"attribute {name!r} is set for {filled} of the first {len(users)} people"
            yield Finding("ok", "attribute_seen", text)
        elif whole and not there:
            yield Finding("error", "attribute_unknown", f"the directory has no attribute {name!r}", near or _COMPARE)
        else:
            text = f"attribute {name!r} is set for none of the first {len(users)} people"
            yield Finding("warning", "attribute_not_seen", text, (not there and near) or _COMPARE)


_COMPARE = "compare it with the directory's attribute names"


_EXTENSION = re.compile(r"extension_[0-9a-f]{32}_", re.IGNORECASE)


def _last(name: str) -> str:
    """The bare last name: without what it is inside of, and without the app that owns a directory extension."""
    return key(_EXTENSION.sub("", name.rpartition(".")[2]))


def _is_there(name: str, known: Collection[str]) -> bool:
    """By its whole name, as a path inside of what is there, or by its bare last name."""
    forms = {key(each) for each in known}
    if "." in name:
        return not forms.isdisjoint({key(name), key(name.partition(".")[0])})
    return _last(name) in forms | {_last(each) for each in known}


def nearest(name: str, known: Collection[str]) -> str:
    """ "did you mean …?", by whole names and by their last parts; "" when nothing is near."""
    by_form = {form: each for each in sorted(known) for form in (key(each), _last(each))}
    found = dict.fromkeys(by_form[near] for near in get_close_matches(key(name), list(by_form), n=3, cutoff=0.75))
    found.pop(name, None)
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""


# -- groups -------------------------------------------------------------------------------------------------------


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


def group_names(groups: Iterable[DirectoryGroup]) -> dict[str, str]:
    """By id, how a group is called in a sentence: by name, with the id where two have the same."""
    by_id = {group.external_id: group.name for group in groups}
    often = Counter(key(name) for name in by_id.values())
    return {
        group: f"{name!r} ({group})" if often[key(name)] > 1 else repr(name) if name else group
        for group, name in by_id.items()
    }


def of_members(counts: Mapping[str, str], errors: Mapping[str, ConnectorError], *, left: int) -> Iterator[Finding]:
    """Which groups' members could be read, and how many they are.

    Args:
        counts: by the group's name, for those that could be read.
        errors: why others could not.
        left: groups that were not tried.
    """
    if counts:
        shown = [f"{count} in {name}" for name, count in list(counts.items())[:_NAMED]]
        more = len(counts) - _NAMED
        rest = f", and of {more} other group{'s' if more > 1 else ''}" if more > 0 else ""
        yield Finding("ok", "members_readable", f"members can be read: {', '.join(shown)}{rest}")
    for name, error in errors.items():
        text = f"members of {name} cannot be read: {said_by(error)}"
        yield Finding("error", "members_not_readable", text, error.fix)
    if left:
        groups = "1 more group was" if left == 1 else f"{left} more groups were"
        yield Finding("ok", "members_not_tried", f"the members of {groups} not tried")
