"""What changes of a group's members come to: who may join, who is meant by a filter, who came and who went in the end.

First everything is settled that may be refused, then it is written: so an operation of a Bulk request is refused
without anything of it being there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.scim.call import Call
from connectors.scim.errors import ScimError
from connectors.scim.matching import matches
from connectors.scim.patch import Membership
from connectors.scim.represent import location
from reconciler.model import MembersLeft, MembersSeen
from reconciler.query import Kind


def known(call: Call, ids: Sequence[str]) -> Mapping[str, Kind]:
    """The kinds of those that may become members, in the order of `ids`.

    Okta does not try again what was refused with 400: one unknown id would lose a whole push (O9). So leniently those
    are left out and counted; to the letter they are refused.
    """
    found = call.resources.known(ids)
    if unknown := [each for each in ids if each not in found]:
        refusal = f"There is no User or Group {unknown[0]!r} in this directory."
        call.how.allow("unknown-member", refusal)
    return {each: found[each] for each in ids if each in found}


def settled(call: Call, group: str, changes: Iterable[Membership]) -> list[Membership]:
    """The changes with ids of members that are there, and no conditions.

    Raises:
        ScimError: 400 invalidValue, noTarget.
    """
    state = _State(call, group)
    found = []
    for change in changes:
        ids = change.ids
        if change.where is not None:
            ids = tuple(each for each, member in state.members() if matches(change.where, member))
        elif change.op != "remove":
            ids = tuple(known(call, ids))
        if change.target and not any(state.has(each) for each in ids):
            raise ScimError(400, "No member is what the path says.", "noTarget")
        state.after(change.op, ids)
        found.append(Membership(change.op, ids))
    return found


class _State:
    """Who is a member after the changes so far, without one of them being written."""

    def __init__(self, call: Call, group: str) -> None:
        self._call, self._group = call, group
        self._emptied = False
        self._said: dict[str, bool] = {}

    def after(self, op: str, ids: Iterable[str]) -> None:
        if op == "set":
            self._emptied, self._said = True, {}
        self._said |= dict.fromkeys(ids, op != "remove")

    def has(self, member: str) -> bool:
        said = self._said.get(member, None if not self._emptied else False)
        return self._call.resources.has_member(self._group, member) if said is None else said

    def members(self) -> list[tuple[str, dict[str, Any]]]:
        """All of them, as a client sees them. Only a filter on something else than their ids needs that."""
        links = () if self._emptied else self._call.resources.members(self._group)
        there = {each.id: {"display": each.display, "type": each.kind} for each in links}
        kinds = self._call.resources.known([each for each, joined in self._said.items() if joined])
        there |= {each: {"type": kind} for each, kind in kinds.items() if each not in there}
        left = [(each, told) for each, told in there.items() if self._said.get(each, True)]
        return [
            (each, {"value": each, "$ref": location(self._call, _kind(told["type"]), each), **told})
            for each, told in left
        ]


def _kind(text: str) -> Kind:
    return "Group" if text == "Group" else "User"


def written(call: Call, group: str, changes: Iterable[Membership]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Makes the changes: who is a member now and was none before, and the other way round."""
    came: dict[str, None] = {}
    went: dict[str, None] = {}
    for change in changes:
        joined, left = _written(call, group, change)
        for ids, mine, other in ((left, went, came), (joined, came, went)):
            for each in ids:
                if each in other:
                    del other[each]
                else:
                    mine[each] = None
    return tuple(came), tuple(went)


def _written(call: Call, group: str, change: Membership) -> tuple[Sequence[str], Sequence[str]]:
    if change.op == "set":
        return call.resources.set_members(group, change.ids)
    if change.op == "add":
        return call.resources.add_members(group, change.ids), ()
    return (), call.resources.remove_members(group, change.ids)


def told(call: Call, group: str, came: Sequence[str], went: Sequence[str]) -> None:
    """Has the directory say who joined and who left, people and nested groups."""
    kinds = call.resources.known((*came, *went)) if came or went else {}
    for ids, observation in ((came, MembersSeen), (went, MembersLeft)):
        if ids:
            people = tuple(each for each in ids if kinds.get(each) != "Group")
            groups = tuple(each for each in ids if kinds.get(each) == "Group")
            call.resources.absorb(observation(group, people, groups))
