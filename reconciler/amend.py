"""What a person decides about a run: which held changes go through, which are not to be made, what is taken back.

Here are the rules, values in and values out: which planned actions were approved or refused, and what undoes an
applied one. Driving a run that does it is decisions.py.
"""

from collections.abc import Mapping

import msgspec

from reconciler.match import Subject
from reconciler.model import Member, fields_of
from reconciler.plan import Action, Step

_SAID = {"rejected": "rejected after run {}", "undone": "undone by run {}"}


def respected(subject: Subject, actions: tuple[Action, ...]) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """(the actions, those that somebody refused skipped; the digests of refusals that nothing is planned for any more).

    Another change of the same person is not covered: a refusal names one action, with its evidence and cause.
    """
    by_digest = {refused.digest: refused for refused in subject.refused}
    seen: set[str] = set()
    kept = []
    for action in actions:
        refused = by_digest.get(action.digest)
        if refused is None:
            kept.append(action)
            continue
        seen.add(refused.digest)
        kept.append(_skipped(action, refused.code, _SAID[refused.code].format(refused.run)))
    return tuple(kept), tuple(sorted(by_digest.keys() - seen))


def approved(
    actions: tuple[Action, ...], allowed: Mapping[str, Action]
) -> tuple[Action, ...]:  # fmt: skip
    """What one person's actions come to when only those that were approved may be made (`allowed`, by digest).

    What is planned now and was not approved is skipped; what was approved and is not planned any more is said.
    """
    now = {action.digest: action for action in actions}
    others = [
        action if digest in allowed or action.state == "skipped" else _skipped(
            action, "not_approved", "not what was approved: the next sync plans it anew"
        )
        for digest, action in now.items()
    ]  # fmt: skip
    changed = [
        _skipped(action, "changed_since", "what was approved is no longer what the directory asks for")
        for digest, action in allowed.items()
        if digest not in now
    ]
    return tuple(sorted([*others, *changed], key=lambda action: action.order))


# -- undo -----------------------------------------------------------------------------------------------------------


def inverse(action: Action, member: Member | None, run: str) -> Action:
    """What takes an applied action back; skipped, with the reason, when that cannot be or the member changed since."""
    who = action.email if member is None else member.profile.email
    cause = f"undo of run {run}"
    if action.step is Step.ADOPT:
        return _skipped(_of(action, who, cause), "cannot_be_undone", "a link to a directory is not taken back")
    opposite = _OPPOSITE[action.step]
    before, after = (
        ({"active": True}, {"active": False}) if action.step is Step.CREATE else (action.after, action.before)
    )
    back = msgspec.structs.replace(
        _of(action, who, cause), step=opposite, kind=opposite.kind, before=before, after=after,
    )  # fmt: skip
    if member is None:
        return _skipped(back, "changed_since", "the member does not exist any more")
    if missing := differs(action, member):
        return _skipped(back, "changed_since", f"{missing} changed since that run")
    if action.kind == "set_role" and None in action.before.values():
        return _skipped(back, "cannot_be_undone", "there was no value before")
    return back


def still(action: Action, member: Member | None) -> Action:
    """A held change that takes something back, as long as the member is as it was when that was held; else skipped."""
    if member is None:
        return _skipped(action, "changed_since", "the member does not exist any more")
    expected = msgspec.structs.replace(
        action, step=_OPPOSITE[action.step], before=action.after, after=action.before
    )  # fmt: skip
    if missing := differs(expected, member):
        return _skipped(action, "changed_since", f"{missing} changed since it was held")
    return action


_OPPOSITE = {
    Step.CREATE: Step.DEACTIVATE,
    Step.REACTIVATE: Step.DEACTIVATE,
    Step.DEACTIVATE: Step.REACTIVATE,
    Step.UPDATE: Step.UPDATE,
    Step.PROMOTE: Step.DEMOTE,
    Step.DEMOTE: Step.PROMOTE,
    Step.JOIN_TEAM: Step.LEAVE_TEAM,
    Step.LEAVE_TEAM: Step.JOIN_TEAM,
}


def _of(action: Action, who: str, cause: str) -> Action:
    """The action with nothing said yet of what it comes to; evidence is for removals that a directory asks for."""
    return msgspec.structs.replace(
        action, email=who, cause=cause, evidence=None, state="planned", code="planned", detail="", parks=""
    )


def differs(action: Action, member: Member) -> str:
    """What is not any more as the action left it; "" when all of it is."""
    match action.step:
        case Step.CREATE | Step.REACTIVATE:
            return "" if member.active else "whether the member is active"
        case Step.DEACTIVATE:
            return "whether the member is active" if member.active else ""
        case Step.PROMOTE | Step.DEMOTE:
            return ", ".join(axis for axis, value in action.after.items() if member.roles.get(axis) != value)
        case Step.JOIN_TEAM:
            return "" if action.after.get("team") in member.granted else "the membership"
        case Step.LEAVE_TEAM:
            return "the membership" if action.before.get("team") in member.teams else ""
        case _:
            now = fields_of(member.profile)
            return ", ".join(name for name, value in action.after.items() if now.get(name, "") != value)


def aspects(action: Action) -> set[tuple[str, str]]:
    """What of a member an action is about: two actions that share one are about the same thing."""
    match action.step:
        case Step.CREATE | Step.REACTIVATE | Step.DEACTIVATE:
            return {("active", "")}
        case Step.PROMOTE | Step.DEMOTE:
            return {("role", axis) for axis in action.after}
        case Step.JOIN_TEAM | Step.LEAVE_TEAM:
            return {("team", str(action.after.get("team") or action.before.get("team")))}
        case _:
            return {("field", name) for name in action.after}


def _skipped(action: Action, code: str, detail: str) -> Action:
    return msgspec.structs.replace(action, state="skipped", code=code, detail=detail)
