"""What directories truly say, whatever a read of them showed, and what a policy makes of it: the plainest way.

It shares no rule with reconciler/: groups, scope, roles and teams are worked out again, from the directory itself.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from reconciler.model import DirectoryUser, UserState
from reconciler.policy import Policy, RoleAxis
from reconciler.report import ActionRow
from tests.builders import Directory


class Truth(msgspec.Struct, frozen=True):
    """A directory at one moment."""

    people: dict[str, DirectoryUser]
    inside: dict[str, frozenset[str]]
    nested: dict[str, frozenset[str]]

    @classmethod
    def of(cls, directory: Directory) -> "Truth":
        """The directory as it is now."""
        inside = {group: frozenset(members) for group, members in directory.inside.items()}
        return cls(dict(directory.people), inside, {up: frozenset(below) for up, below in directory.nested.items()})

    def state(self, name: str) -> UserState:
        """A person's standing; whom the directory does not have is gone."""
        who = self.people.get(name)
        return UserState.GONE if who is None else who.state

    def groups(self, policy: Policy, name: str) -> set[str]:
        """The groups that somebody counts as a member of."""
        found = {group for group, members in self.inside.items() if name in members}
        while policy.nested and (more := {up for up, below in self.nested.items() if below & found} - found):
            found |= more
        return found

    def belongs(self, policy: Policy, name: str) -> bool:
        """Whether somebody is in scope."""
        return not policy.scope.groups or bool(self.groups(policy, name) & set(policy.scope.groups))

    def due_role(self, policy: Policy, axis: RoleAxis, name: str, current: str | None) -> str:
        """The value that somebody should have who has `current` now."""
        sources = [source for source in policy.sources if source.axis == axis.axis]
        granting = {group: value for source in sources for group, value in source.groups}
        offered = [value for group, value in granting.items() if group in self.groups(policy, name)]
        asked = [source.attribute for source in sources if source.attribute]
        sent = [str(self.people[name].attributes.get(each, "")).lower() for each in asked if name in self.people]
        offered += [value for value in axis.values if value in sent]
        if offered:
            return max(offered, key=axis.values.index)
        keeps = axis.when_absent == "keep" and bool(asked) and current is not None
        return str(current) if keeps and current not in granting.values() else axis.default

    def due_teams(self, policy: Policy, name: str) -> set[str]:
        """The teams that somebody should be in."""
        groups = self.groups(policy, name)
        return {mapping.team for mapping in policy.teams if mapping.group in groups}


def takes(policy: Policy, row: ActionRow) -> set[tuple[str, str]]:
    """What an action takes from a member: access, a role, a team."""
    if row.kind == "deactivate":
        return {("active", "")}
    if row.kind == "leave_team":
        return {("team", str(row.before["team"]))}
    axes = {axis.axis: axis for axis in policy.axes}
    return {
        ("role", name)
        for name, value in (row.after.items() if row.kind == "set_role" else ())
        if axes[name].rank(str(value)) < axes[name].rank(str(row.before.get(name)))
    }


def lost(before: Any, after: Any, axes: Iterable[RoleAxis]) -> set[tuple[str, str]]:
    """What a member of the roster has no more, given the line of the roster before and after."""
    found = {("active", "")} if before.active and not after.active else set()
    found |= {("team", team) for team in {*before.teams} - {*after.teams}}
    for axis in axes:
        had, has = before.roles.get(axis.axis), after.roles.get(axis.axis)
        if had is not None and (has is None or axis.rank(has) < axis.rank(had)):
            found.add(("role", axis.axis))
    return found


def believed(truths: Iterable[Truth], policy: Policy, row: ActionRow) -> bool:
    """Whether what an action takes is what the directory truly said at one of these moments."""
    return any(_true(truth, policy, row) for truth in truths)


def _true(truth: Truth, policy: Policy, row: ActionRow) -> bool:
    """Groups may show it of somebody of whom a short listing of people did not show yet that they are gone."""
    state = truth.state(row.external_id)
    if row.kind == "deactivate":
        if row.evidence == "scope":
            return not truth.belongs(policy, row.external_id)
        return state is (UserState.SUSPENDED if row.evidence == "status" else UserState.GONE)
    if row.kind == "leave_team":
        return str(row.before["team"]) not in truth.due_teams(policy, row.external_id)
    (name, value), *_ = row.after.items()
    axis = next(axis for axis in policy.axes if axis.axis == name)
    due = truth.due_role(policy, axis, row.external_id, str(row.before.get(name)))
    return axis.rank(due) <= axis.rank(str(value)) if state is UserState.GONE else due == str(value)
