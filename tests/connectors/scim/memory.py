"""A directory's resources in memory: the port of the listener without a store, to see what it asks for and tells.

It is as plain as can be and in no way fast. What the listener read and told is kept: `read` names the calls, `told` the
observations.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.scim.etags import etag
from connectors.scim.matching import matches, values
from connectors.scim.schema import CORE
from reconciler.model import Observation, key
from reconciler.query import Attr, Kind, Query
from reconciler.resources import Found, Link, Resource, Taken, VoidCursor

UNIQUE: dict[Kind, str] = {"User": "userName", "Group": "displayName"}


class Memory:
    """`unique_groups`: no two groups have one displayName."""

    def __init__(self, *, unique_groups: bool = False) -> None:
        self.unique_groups = unique_groups
        self.resources: dict[str, Resource] = {}  # in order of creation
        self.memberships: dict[str, dict[str, None]] = {}  # group → members in order of joining
        self.told: list[Observation] = []
        self.read: list[str] = []
        self._used: set[str] = set()

    def get(self, kind: Kind, id: str) -> Resource | None:  # noqa: A002
        found = self.resources.get(id)
        return found if found is not None and found.kind == kind else None

    def find(self, query: Query) -> Found:
        self.read.append("find")
        rows = [each for each in self.resources.values() if each.kind == query.kind]
        if query.filter is not None:
            rows = [each for each in rows if matches(query.filter, self.whole(each))]
        if query.sort is not None:
            rows = _sorted(rows, query.sort, [self.whole(each) for each in rows], descending=query.descending)
        start = query.start - 1 if query.after is None else _place(query.after, len(rows))
        end = start + query.count
        following = f"@{end}" if query.count and end < len(rows) else None
        return Found(len(rows), tuple(rows[start:end]), following)

    def insert(self, resource: Resource) -> None:
        assert resource.id not in self._used, "ids are never used again"
        self._unique(resource)
        self._used.add(resource.id)
        self.resources[resource.id] = resource
        if resource.kind == "Group":
            self.memberships[resource.id] = {}

    def update(self, resource: Resource) -> None:
        assert resource.id in self.resources
        self._unique(resource)
        self.resources[resource.id] = resource

    def delete(self, kind: Kind, id: str) -> bool:  # noqa: A002
        if self.get(kind, id) is None:
            return False
        del self.resources[id]
        self.memberships.pop(id, None)
        for members in self.memberships.values():
            members.pop(id, None)
        return True

    def known(self, ids: Iterable[str]) -> Mapping[str, Kind]:
        return {each: self.resources[each].kind for each in ids if each in self.resources}

    def members(self, group: str, *, most: int | None = None) -> Sequence[Link]:
        self.read.append("members")
        return [self._link(each) for each in list(self.memberships[group])[:most]]

    def has_member(self, group: str, member: str) -> bool:
        return member in self.memberships[group]

    def add_members(self, group: str, ids: Sequence[str]) -> tuple[str, ...]:
        came = tuple(each for each in dict.fromkeys(ids) if each not in self.memberships[group])
        self.memberships[group] |= dict.fromkeys(came)
        return came

    def remove_members(self, group: str, ids: Sequence[str] | None) -> tuple[str, ...]:
        there = self.memberships[group]
        went = tuple(there) if ids is None else tuple(each for each in dict.fromkeys(ids) if each in there)
        for each in went:
            del there[each]
        return went

    def set_members(self, group: str, ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        wanted = set(ids)
        went = self.remove_members(group, [each for each in self.memberships[group] if each not in wanted])
        return self.add_members(group, ids), went

    def groups_of(self, users: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        self.read.append("groups_of")
        return {each: self._groups(each) for each in users}

    def absorb(self, observation: Observation) -> None:
        self.told.append(observation)

    # -- for tests ------------------------------------------------------------------------------------------------

    def whole(self, resource: Resource) -> dict[str, Any]:
        """The resource as filters see it."""
        return {
            "schemas": [CORE[resource.kind]],
            "id": resource.id,
            **resource.body,
            "members": [{"value": each} for each in self.memberships.get(resource.id, ())],
            "groups": [{"value": each.id, "display": each.display} for each in self._groups(resource.id)],
            "meta": {
                "resourceType": resource.kind,
                "created": resource.created,
                "lastModified": resource.modified,
                "version": etag(resource),
            },
        }

    def _unique(self, resource: Resource) -> None:
        attribute = UNIQUE[resource.kind]
        if resource.kind == "Group" and not self.unique_groups:
            return
        for other in self.resources.values():
            if other.kind != resource.kind or other.id == resource.id:
                continue
            if key(other.body[attribute]) == key(resource.body[attribute]):
                raise Taken(attribute, other.id)

    def _link(self, id: str, *, direct: bool = True) -> Link:  # noqa: A002
        other = self.resources[id]
        return Link(other.kind, id, other.body.get("displayName") or other.body.get("userName") or "", direct)

    def _groups(self, member: str) -> list[Link]:
        direct = [group for group, members in self.memberships.items() if member in members]
        found = {group: self._link(group) for group in direct}
        left = list(direct)
        while left:
            inner = left.pop()
            for group, members in self.memberships.items():
                if inner in members and group not in found:
                    found[group] = self._link(group, direct=False)
                    left.append(group)
        return list(found.values())


def _place(after: str, most: int) -> int:
    if not after:
        return 0
    if not after.startswith("@") or not after[1:].isdecimal() or int(after[1:]) > most:
        raise VoidCursor
    return int(after[1:])


def _sorted(rows: list[Resource], sort: Attr, wholes: list[dict[str, Any]], *, descending: bool) -> list[Resource]:
    found = [(values(sort, whole), row) for whole, row in zip(wholes, rows, strict=True)]
    there = [(key(each[0][0]) if isinstance(each[0][0], str) and not sort.exact else each[0][0], each[1])
             for each in found if each[0]]  # fmt: skip
    there.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in there] + [row for each, row in found if not each]
