"""What people may change by hand in the embedded workspace, and what its directories own.

One sentence stands behind every rule: a change that the next sync would undo is refused, with the name of the
directory in which to make it. What does not live here: making the change (store/manual.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from reconciler.errors import ChangeRefused
from reconciler.model import Frozen, Member, key
from reconciler.policy import Policy, RoleAxis, RoleRule
from reconciler.roles import recognised

OWNED, CLOSED, LAST = "managed_by_directory", "managed_workspace", "last_holder"


class Ownership(Frozen, frozen=True):
    """Who owns what in a workspace: its axes and the rules between them, and the policy of each directory that feeds
    it, in the order of configuration. A workspace is managed while there is at least one."""

    workspace: str
    axes: tuple[RoleAxis, ...] = ()
    rules: tuple[RoleRule, ...] = ()
    directories: tuple[Policy, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that its directories fill from attributes."""
        return frozenset(mapping.to for policy in self.directories for mapping in policy.attributes)

    def owner(self, member: Member) -> Policy | None:
        """The directory that owns a member; None for one added by hand, or whose directory is configured no more."""
        return self.named(member.directory) if member.managed else None

    def named(self, directory: str) -> Policy | None:
        """The directory of this id, if it feeds the workspace."""
        return next((each for each in self.directories if each.directory == directory), None)


def invited(ownership: Ownership, email: str, roles: Mapping[str, str]) -> dict[str, str]:
    """The roles that somebody begins with who is invited by hand.

    Raises:
        ChangeRefused: the workspace is managed, or a role is none.
    """
    if ownership.directories:
        named = [policy.directory for policy in ownership.directories]
        where = f"the directory {named[0]}" if len(named) == 1 else f"the directories {', '.join(named)}"
        raise ChangeRefused(
            CLOSED, f"people are added to {ownership.workspace} in {where}: {email} cannot be invited by hand",
            fix=f"add them in {' or '.join(named)}, where they are synced from; the next sync brings them",
        )  # fmt: skip
    begins = {axis.axis: axis.default for axis in ownership.axes}
    for name, text in roles.items():
        axis = axis_named(ownership, name)
        begins[axis.axis] = _value(axis, text)
    return _ruled(ownership, begins, {name: begins[name] for name in roles if name in begins})


def check_edit(ownership: Ownership, member: Member, fields: Iterable[str]) -> None:
    """
    Raises:
        ChangeRefused: a directory owns the member, and with them every field.
    """
    owner = ownership.owner(member)
    if owner is not None:
        listed = ", ".join(sorted(fields))
        raise _owned(member, owner, listed, f"change it in {owner.directory}; the next sync brings it")


def with_role(ownership: Ownership, member: Member, name: str, text: str) -> dict[str, str]:
    """What setting a role by hand comes to: the axes whose value changes, by the rules between axes.

    Raises:
        ChangeRefused: there is no such axis or value, a rule forbids it, or the member's directory owns the axis.
    """
    axis = axis_named(ownership, name)
    value = _value(axis, text)
    owner = ownership.owner(member)
    if owner is not None and value != member.roles.get(axis.axis):
        _check_axis(owner, member, axis)
    after = _ruled(ownership, {**member.roles, axis.axis: value}, {axis.axis: value})
    return {each: given for each, given in after.items() if member.roles.get(each) != given}


def check_leave(ownership: Ownership, member: Member, team: str, sources: Iterable[str]) -> None:
    """
    Raises:
        ChangeRefused: one of `sources`, the directories that put the member into the team, is configured.
    """
    for source in sorted(sources):
        owner = ownership.named(source)
        if owner is not None:
            groups = sorted({mapping.group for mapping in owner.teams if mapping.team == team})
            mapped = f": {_listed('group', groups)} of it means this team" if groups else ""
            raise ChangeRefused(
                OWNED, f"{member.profile.email} is in team {team} through the directory {source}{mapped}",
                fix=f"take them out of the group in {source}, or remove the mapping; the next sync takes them out",
            )  # fmt: skip


def check_deactivate(ownership: Ownership, member: Member, *, emergency: bool) -> None:
    """
    Raises:
        ChangeRefused: the next sync would bring the member back, and it is no `emergency`.
    """
    owner = ownership.owner(member)
    if owner is not None and member.active and not emergency:
        fix = f"suspend them in {owner.directory}; in an emergency deactivate them here too, which lasts until the next"
        raise _owned(member, owner, "whether they are active", f"{fix} sync unless they are suspended there by then")


def check_reactivate(ownership: Ownership, member: Member) -> None:
    """
    Raises:
        ChangeRefused: a directory owns the member; what it says of them decides.
    """
    owner = ownership.owner(member)
    if owner is not None and not member.active:
        fix = f"let them in again in {owner.directory}; the next sync brings them back with their roles and teams"
        raise _owned(member, owner, "whether they are active", fix)


def falls(axis: RoleAxis, member: Member, after: Mapping[str, str]) -> bool:
    """Whether these values take from an active member the axis's protected value, or one above it."""
    if not axis.protect_last or not member.active or axis.axis not in after:
        return False
    return member.roles.get(axis.axis, "") in axis.holding and after[axis.axis] not in axis.holding


def last(member: Member, axis: RoleAxis) -> ChangeRefused:
    """The refusal to take a protected value from its last active holder."""
    said = f"{member.profile.email} is the last active {axis.protect_last} of the workspace"
    return ChangeRefused(LAST, said, fix=f"make somebody else {axis.protect_last} first")


def axis_named(ownership: Ownership, name: str) -> RoleAxis:
    """
    Raises:
        ChangeRefused: the workspace has no such axis.
    """
    found = next((axis for axis in ownership.axes if axis.axis == name), None)
    if found is None:
        raise unknown("axis", name, [axis.axis for axis in ownership.axes])
    return found


def unknown(what: str, name: str, known: Sequence[str]) -> ChangeRefused:
    """The refusal of a name that nothing has; names the nearest one."""
    near = get_close_matches(key(name), known, n=1, cutoff=0.6)
    listed = ", ".join(known[:10]) + (" …" if len(known) > 10 else "")
    fix = f'did you mean "{near[0]}"?' if near else f"there is: {listed}" if known else f"there is no {what} yet"
    return ChangeRefused(f"unknown_{what}", f'there is no {what} "{name}"', fix=fix)


def _value(axis: RoleAxis, text: str) -> str:
    found = recognised(axis, text)
    if not found:
        raise unknown("value", text, [value for value in axis.values if value not in axis.disabled])
    return found


def _check_axis(owner: Policy, member: Member, axis: RoleAxis) -> None:
    """What a sync would leave alone may be set by hand: an axis that the directory does not feed and that silence
    keeps."""
    sources = [source for source in owner.sources if source.axis == axis.axis]
    what = f"the role {axis.axis}"
    if sources:
        groups = sorted({ref for source in sources for ref, _ in source.groups})
        attributes = sorted({source.attribute for source in sources if source.attribute})
        given = " and ".join(
            listed for listed in (_listed("group", groups), _listed("attribute", attributes)) if listed
        )
        raise _owned(member, owner, what, f"it comes from {given} of {owner.directory}: change it there")
    if axis.when_absent != "keep":
        fix = f"{owner.directory} says nothing about it, which means {axis.default}; roles that are set by hand stay"
        raise _owned(member, owner, what, f'{fix} with when_absent = "keep" in the axis {axis.axis}')


def _ruled(ownership: Ownership, roles: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """These roles after the rules between axes, none of which may undo what is `wanted`."""
    after = dict(roles)
    for rule in ownership.rules:
        if not all(after.get(axis) == value for axis, value in rule.when):
            continue
        reason = " and ".join(f"{axis} is {value}" for axis, value in rule.when)
        for axis, value in rule.force:
            if wanted.get(axis, value) != value:
                raise ChangeRefused(
                    "role_rule", f"{axis} cannot be {wanted[axis]} while {reason}: a rule makes it {value}",
                    fix=f"change {' and '.join(name for name, _ in rule.when)} first",
                )  # fmt: skip
            after[axis] = value
    return after


def _owned(member: Member, owner: Policy, what: str, fix: str) -> ChangeRefused:
    said = f"{member.profile.email} is managed by the directory {owner.directory}, which owns {what}"
    return ChangeRefused(OWNED, said, fix=fix)


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""
