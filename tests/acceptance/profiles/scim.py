"""SCIM resources, and the observations that requests about them come to (RFC 7643; facts as in the vendors' bodies).

The wire is not here: requests are calls. A resource is kept as a server keeps it; what a call changed is told in the
next run, as the server would tell it in the request: a user whole, a group by who joined and who left. A group that was
just made is known whole.
"""

import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

from connectors.base import Counts, Finding
from connectors.scim.observe import observed
from reconciler.model import (
    JSON,
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    Wanted,
)
from reconciler.resources import Resource

_VALUED = re.compile(r'(\w+)\[type eq "(\w+)"\]\.(\w+)')


class Endpoint:
    """One directory's SCIM endpoint, pulled like a connector: it tells what requests changed since the last time."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.users: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, set[str]] = {}
        self._ids = (f"{number:08d}-scim" for number in count(1))
        self._told: list[tuple[str, str] | Observation] = []

    # -- requests -------------------------------------------------------------------------------------------------

    def post_user(self, resource: dict[str, Any]) -> str:
        """Makes a user; their id."""
        made = next(self._ids)
        self.users[made] = {**resource, "id": made}
        self._told.append(("user", made))
        return made

    def patch_user(self, user: str, path: str, value: JSON) -> None:
        """Sets one attribute by its path; None unassigns it (RFC 7644 §3.5.2.3)."""
        resource = self.users[user]
        if (valued := _VALUED.fullmatch(path)) is not None:
            _set_valued(resource, valued[1], valued[2], valued[3], value)
        else:
            holder, name = _place(resource, path)
            holder[name] = value
            if value is None:
                del holder[name]
        self._told.append(("user", user))

    def delete_user(self, user: str) -> None:
        del self.users[user]
        for members in self.groups.values():
            members.discard(user)
        self._told.append(UserGone(user))

    def add_members(self, group: str, users: Sequence[str]) -> None:
        """Makes the group (POST) or adds to it (PATCH)."""
        new = group not in self.groups
        self.groups.setdefault(group, set()).update(users)
        if new:
            self._told.append(GroupsSeen((DirectoryGroup(group, group),)))
        self._told.append(MembersSeen(group, tuple(users)))
        self._told.append(CollectionEnd("members", Completeness.COMPLETE if new else Completeness.DELTA, group))

    def remove_members(self, group: str, users: Sequence[str]) -> None:
        self.groups[group].difference_update(users)
        self._told += [MembersLeft(group, tuple(users)), CollectionEnd("members", Completeness.DELTA, group)]

    # -- the connector's side -------------------------------------------------------------------------------------

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """What was told since the last time."""
        told, self._told = self._told, []
        ends: dict[str, CollectionEnd] = {}
        for each in told:
            if isinstance(each, tuple):
                if each[1] in self.users:
                    yield UsersSeen((observed(_kept(each[1], self.users[each[1]]), wanted.attributes),))
            elif isinstance(each, CollectionEnd):
                ends.setdefault(each.group, each)
            else:
                yield each
        for collection in ("users", "groups"):
            yield CollectionEnd(collection, Completeness.DELTA)
        for end in ends.values():
            yield end

    async def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:
        """Nothing is missing from what is told."""
        assert questions == Questions(), wanted
        for one in questions.people:
            yield UserGone(one)

    async def check(self, wanted: Wanted) -> list[Finding]:  # noqa: ARG002 - the protocol's argument
        return []

    async def close(self) -> None:
        """Nothing to close."""


def _place(resource: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds the attribute of this path, and the attribute's name there."""
    urn, _, attribute = path.rpartition(":")
    holder: dict[str, Any] = resource.setdefault(urn, {}) if urn else resource
    *steps, name = attribute.split(".")
    for step in steps:
        holder = holder.setdefault(step, {})
    return holder, name


def _set_valued(resource: dict[str, Any], attribute: str, kind: str, name: str, value: JSON) -> None:
    items: list[dict[str, Any]] = resource.setdefault(attribute, [])
    found = next((item for item in items if item.get("type") == kind), None)
    if found is None:
        items.append({"type": kind, name: value})
    elif value is None:
        items.remove(found)
    else:
        found[name] = value


def _kept(user: str, resource: dict[str, Any]) -> Resource:
    return Resource("User", user, resource, "", "")
