"""The last holder stays: which member must keep a protected role because a plan would leave nobody with it.

Asked before the plan is made, with the people who hold the role now. One who keeps it settles the question; only when
none does are the others asked whether somebody gains it; only when nobody does is one told to stay: the one with the
lowest external id, so that every run names the same person.
"""

from collections.abc import Callable, Iterable

import msgspec

from reconciler.context import Context
from reconciler.decide import actions_for
from reconciler.match import Subject
from reconciler.model import Member, Profile
from reconciler.plan import Action
from reconciler.policy import RoleAxis

Holders = Callable[[RoleAxis], Iterable[Subject | Member]]
"""The active holders of an axis's protected value: a Subject for this directory's own and for those whom one of its
people would adopt, a Member for anybody else."""


def with_stays(context: Context, holders: Holders, everyone: Callable[[], Iterable[Subject]]) -> Context:
    """The context with `stays` filled in for every axis that protects its last holder."""
    stays: dict[str, frozenset[str]] = {}
    for axis in context.policy.axes:
        if not axis.protect_last:
            continue
        stayer = _stayer(context, axis, holders(axis), everyone)
        if stayer:
            stays[stayer] = stays.get(stayer, frozenset()) | {axis.axis}
    return msgspec.structs.replace(context, stays=stays) if stays else context


def _stayer(
    context: Context, axis: RoleAxis, holders: Iterable[Subject | Member], everyone: Callable[[], Iterable[Subject]]
) -> str:
    first: Subject | None = None
    for holder in holders:
        if isinstance(holder, Member) or not _loses(axis, actions_for(context, holder)):
            return ""
        first = holder if first is None or holder.external_id < first.external_id else first
    if first is None or any(_gains(axis, subject, actions_for(context, subject)) for subject in everyone()):
        return ""
    held = first.member or first.other
    return "" if held is None else held.id


def _loses(axis: RoleAxis, actions: Iterable[Action]) -> bool:
    floor = axis.rank(axis.protect_last)
    for action in actions:
        if action.state == "skipped":
            continue
        if action.kind == "deactivate":
            return True
        if action.kind == "set_role" and axis.axis in action.after and axis.rank(action.after[axis.axis]) < floor:
            return True
    return False


def _gains(axis: RoleAxis, subject: Subject, actions: tuple[Action, ...]) -> bool:
    floor = axis.rank(axis.protect_last)
    for action in actions:
        roles = action.after.get("roles", action.after)
        if action.kind in ("reactivate", "adopt"):  # comes with what the member has
            roles = {} if _loses(axis, actions) else (subject.member or subject.other or _NOBODY).roles
        if action.state == "planned" and axis.rank(roles.get(axis.axis, "")) >= floor:
            return True
    return False


_NOBODY = Member("", Profile(""))
