"""A member as they were: the actions applied since, undone in their before-images, the newest first.

What was changed by hand in between leaves no trace of its own. It shows where an action's before is not the after of
the one that came earlier: then the value at the time is either, and is named as uncertain.
"""

from collections.abc import Iterable, Mapping

import msgspec

from reconciler.model import FIELDS, JSON, Member, edited, fields_of
from reconciler.report import ActionRow


def rewound(member: Member | None, later: Iterable[ActionRow]) -> Member | None:
    """The member before these applied actions, given the newest first; None when there was none."""
    for action in later:
        if member is None:
            break
        member = _undone(member, action)
    return member


def _undone(member: Member, action: ActionRow) -> Member | None:
    before = action.before
    match action.kind:
        case "create":
            return None
        case "adopt":
            managed = bool(before.get("managed"))
            directory = member.directory if managed else ""
            linked = str(before.get("external_id") or "")
            return msgspec.structs.replace(member, managed=managed, directory=directory, external_id=linked)
        case "reactivate" | "deactivate":
            return msgspec.structs.replace(member, active=action.kind == "deactivate")
        case "set_role":
            kept = {axis: value for axis, value in member.roles.items() if axis not in before}
            return msgspec.structs.replace(member, roles=kept | {a: v for a, v in before.items() if v is not None})
        case "join_team" | "leave_team":
            return _regrouped(member, action)
    return msgspec.structs.replace(member, profile=edited(member.profile, before))


def _regrouped(member: Member, action: ActionRow) -> Member:
    if action.kind == "join_team":
        team = {str(action.after.get("team"))}
        return msgspec.structs.replace(member, teams=member.teams - team, granted=member.granted - team)
    team = {str(action.before.get("team"))}
    return msgspec.structs.replace(member, teams=member.teams | team, granted=member.granted | team)


def uncertain(member: Member, earlier: Iterable[ActionRow]) -> tuple[str, ...]:
    """What of a rewound member is not as the actions applied up to then (the newest first) left it, and the teams that
    no directory gave: changed by hand, at a time that nobody knows. Sorted."""
    left: dict[str, JSON] = {}
    for action in earlier:
        for name, value in _left_by(action).items():
            left.setdefault(name, value)
        if action.kind == "create":
            break
    now = _values(member)
    by_hand = {f"teams.{team}" for team in member.teams - member.granted}
    return tuple(sorted(by_hand | {name for name, value in left.items() if (now.get(name) or "") != (value or "")}))


def _left_by(action: ActionRow) -> Mapping[str, JSON]:
    """What an action made of the member: "title", "roles.AXIS", "teams.TEAM" (True: in it)."""
    after = action.after
    match action.kind:
        case "create":
            made = dict.fromkeys(FIELDS, "") | {name: value for name, value in after.items() if name != "roles"}
            return {**made, "active": True, **_named("roles", after.get("roles") or {})}
        case "set_role":
            return _named("roles", after)
        case "join_team":
            return {f"teams.{after.get('team')}": True}
        case "leave_team":
            return {f"teams.{action.before.get('team')}": None}
        case "adopt":
            return {}
    return after


def _values(member: Member) -> dict[str, JSON]:
    teams = {f"teams.{team}": True for team in member.teams}
    return {**fields_of(member.profile), **_named("roles", member.roles), **teams, "active": member.active}


def _named(kind: str, values: Mapping[str, JSON]) -> dict[str, JSON]:
    return {f"{kind}.{name}": value for name, value in values.items()}
