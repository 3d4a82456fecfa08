"""What a round of Graph's delta queries says in the end (facts §4.1; learn.microsoft.com, delta-query-overview).

The same object may come many times, on several pages and in any order, and a round may be replayed: everything is
folded by id and used only when the round is over. What does not live here: asking for pages (entra.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from connectors.base import Malformed, Resync
from reconciler.model import CollectionEnd, Completeness, MembersLeft, MembersSeen

USER, GROUP = "#microsoft.graph.user", "#microsoft.graph.group"
GROUPS = "/v1.0/groups/delta?$select=displayName,members"
LATEST = "&$deltatoken=latest"  # a delta link for "from now on", without the objects


class DeltaPage(msgspec.Struct, frozen=True):
    """A page of a round: `following` leads on, `delta` ends it and begins the next."""

    value: list[dict[str, Any]]
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta: str | None = msgspec.field(name="@odata.deltaLink", default=None)


class Round:
    """One round, folded: the last word on every object and on every membership."""

    def __init__(self) -> None:
        self.last: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self._members: dict[str, dict[str, tuple[str, bool]]] = {}  # group, member: type, left

    def add(self, raw: dict[str, Any], request: str) -> None:
        """One object of a page.

        Raises:
            Malformed: it, or a member of it, has no id.
        """
        try:
            id_ = raw["id"]
            if "@removed" in raw:  # "changed" may be restored, "deleted" not; for us both are gone
                self.gone.add(id_)
                self.last.pop(id_, None)
                self._members.pop(id_, None)
                return
            self.gone.discard(id_)
            self.last.setdefault(id_, {}).update(raw)
            for member in raw.get("members@delta", ()):
                found = self._members.setdefault(id_, {})
                found[member["id"]] = (member.get("@odata.type", ""), "@removed" in member)
        except (KeyError, TypeError, AttributeError) as exc:
            raise Malformed("an object of the delta query, or a member, has no id", request=request) from exc

    def joined(self, groups: Collection[str]) -> set[str]:
        """Groups that were put into one of `groups`."""
        return {
            member
            for group in groups
            for member, (kind, left) in self._members.get(group, {}).items()
            if kind == GROUP and not left
        }

    def changes(self, groups: Iterable[str]) -> Iterator[MembersSeen | MembersLeft | CollectionEnd]:
        """What became of the members of those of `groups` that changed."""
        for group in sorted(self._members.keys() & frozenset(groups)):
            members = self._members[group]
            came, left = _sorted(members, left=False), _sorted(members, left=True)
            if any(came):
                yield MembersSeen(group, *came)
            if any(left):
                yield MembersLeft(group, *left)
            yield CollectionEnd("members", Completeness.DELTA, group)


def _sorted(members: Mapping[str, tuple[str, bool]], *, left: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of people and of groups; who left without a type is counted as either, since only one of them can match."""
    chosen = [(member, kind) for member, (kind, gone) in sorted(members.items()) if gone is left]
    unknown = [member for member, kind in chosen if left and not kind]
    return (
        (*(member for member, kind in chosen if kind == USER), *unknown),
        (*(member for member, kind in chosen if kind == GROUP), *unknown),
    )


def tracked(attributes: Iterable[str]) -> bool:
    """Whether delta queries tell when these change: schema extensions and security attributes are not followed."""
    roots = [name.partition(".")[0] for name in attributes]
    return all("_" not in root or root.startswith("extension_") for root in roots) and not (
        {"customSecurityAttributes", "extensions", "manager"} & {*roots}
    )


def last_link(page: DeltaPage, request: str) -> str:
    """Where the next round begins.

    Raises:
        Malformed: the last page has no delta link.
    """
    if page.delta is None:
        raise Malformed("the last page of the delta query has no @odata.deltaLink", request=request)
    return page.delta


def endless(exc: Malformed) -> Resync:
    """A round that does not end (msgraph docs #4263) ends when everything is read instead."""
    return Resync(f"{exc.message}; everything is read instead", request=exc.request)
