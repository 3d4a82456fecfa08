"""What is done to Groups (RFC 7644 §3.3, §3.5, §3.6). Their members are memberships, not part of a body: a PATCH costs
as much as it names, whatever the size of the group."""

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.scim import memberships
from connectors.scim.call import Call
from connectors.scim.lenient import normal
from connectors.scim.outcome import Outcome, existing, inserted, removed, updated
from connectors.scim.patch import Membership, operations, patched
from reconciler.model import DirectoryGroup, GroupGone, GroupsSeen
from reconciler.resources import Resource


def create(call: Call, id: str, sent: dict[str, Any]) -> Outcome:  # noqa: A002 - SCIM's word
    """POST: a new group with its members, 201."""
    body, ids = _read(call, sent)
    members = tuple(memberships.known(call, ids))
    made = Resource("Group", id, body, call.now, call.now)
    inserted(call, made)
    _tell_name(call, made)
    memberships.told(call, id, call.resources.add_members(id, members), ())
    return Outcome(201, made, changed=True)


def replace(call: Call, id: str, sent: dict[str, Any], if_match: str = "") -> Outcome:  # noqa: A002
    """PUT: this name and exactly these members; none are sent: none are left."""
    before = existing(call, "Group", id, if_match)
    body, ids = _read(call, sent)
    return _changed(call, before, body, [Membership("set", ids)], 200)


def patch(call: Call, id: str, sent: dict[str, Any], if_match: str = "") -> Outcome:  # noqa: A002
    """PATCH: every operation in order, or none of them. Members that it does not name are not looked at (E8, E15)."""
    before = existing(call, "Group", id, if_match)
    asked = operations(sent, strict=call.strict, note=call.note)
    now = patched(before.body, asked, kind="Group", id=id, strict=call.strict, note=call.note)
    return _changed(call, before, now.body, now.memberships, 204)


def delete(call: Call, id: str, if_match: str = "") -> Outcome:  # noqa: A002
    """DELETE: it is gone, its members stay."""
    existing(call, "Group", id, if_match)
    removed(call, "Group", id)
    call.resources.absorb(GroupGone(id))
    return Outcome(204, changed=True)


def join(call: Call, id: str, ids: Sequence[str]) -> Resource:  # noqa: A002
    """More members for a group that is there; the group as it is then."""
    group = existing(call, "Group", id)
    return _changed(call, group, group.body, [Membership("add", tuple(ids))], 200).resource or group


def _read(call: Call, sent: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body as it is kept, and the ids of the members."""
    body = normal(sent, "Group", strict=call.strict, note=call.note)
    members = body.pop("members", ())
    return body, tuple(dict.fromkeys(each["value"] for each in members))


def _changed(call: Call, before: Resource, body: dict[str, Any], changes: Iterable[Membership], status: int) -> Outcome:
    """Everything that could be refused comes before the first membership is written. What changes nothing moves
    nothing (RFC 7644 §3.5.2.1)."""
    steps = memberships.settled(call, before.id, changes)
    renamed = body != before.body
    now = updated(call, before, body) if renamed else before
    came, went = memberships.written(call, before.id, steps)
    if not (renamed or came or went):
        return Outcome(status, before)
    if not renamed:
        now = updated(call, before, body)
    if body["displayName"] != before.body["displayName"]:
        _tell_name(call, now)
    memberships.told(call, before.id, came, went)
    return Outcome(status, now, changed=True)


def _tell_name(call: Call, group: Resource) -> None:
    call.resources.absorb(GroupsSeen((DirectoryGroup(group.id, group.body["displayName"].strip()),)))
