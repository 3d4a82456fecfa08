"""The sentence that an explanation begins with: what the person is, and why, for somebody who was just woken up."""

from collections.abc import Iterable, Iterator

from reconciler.explanation import Event, Explanation, Person, Place, Role, TeamLine

WAITS = {
    "deactivate": "deactivation", "adopt": "adoption", "update": "update",
    "reactivate": "reactivation", "set_role": "change of role", "join_team": "joining of the team",
    "leave_team": "leaving of the team",
}  # fmt: skip
STATES = {
    "suspended": "suspended in {directory}, and was never let in before",
    "pending": "not yet active in {directory}: people who are staged or provisioned are not let in",
    "unknown": "without a status in {directory} that says whether they may come in",
}


def answer(found: Explanation) -> str:
    """One to three sentences; the first says what the person is and why."""
    said = [_first(found), *_waiting(found)]
    when = "" if found.at is None else f"After run {found.at.run} ({moment(found.at.began)}): "
    return when + " ".join(said)


def moment(stamp: str) -> str:
    """ "2026-11-21T10:00:00.123Z" as "2026-11-21 10:00:00 UTC"."""
    return f"{stamp[:10]} {stamp[11:19]} UTC" if stamp else "an unknown time"


def _first(found: Explanation) -> str:
    member, workspace = found.member, found.workspace
    if member is None:
        return f"{_called(found)} is not a member of {workspace}: {_absent(found)}."
    if not member.active:
        return f"{member.email} has no access to {workspace}{_since(found, member)}."
    place = next((each for each in found.directories if each.linked and each.directory == member.directory), None)
    if not member.managed:
        roles = _listed(f"{value} by hand" for value in member.roles.values())
        return f"{member.email} is an active member of {workspace}, added by hand{f': {roles}' if roles else ''}."
    if place is None or place.scope is None:
        roles = _listed(member.roles.values())
        return f"{member.email} is an active member of {workspace}{f': {roles}' if roles else ''} ({member.directory})."
    parts = [_role(role) for role in place.roles if role.value is not None]
    parts += [_team(line) for line in place.teams if line.member]
    return f"{member.email} is an active member of {workspace}: {_listed(parts)} ({member.directory})."


def _called(found: Explanation) -> str:
    for place in found.directories:
        if place.user is not None and place.user.get("email"):
            return str(place.user["email"])
    return found.asked


def _listed(parts: Iterable[str]) -> str:
    listed = [*parts]
    return " and ".join((", ".join(listed[:-1]), listed[-1])) if len(listed) > 1 else "".join(listed)


def _role(role: Role) -> str:
    """ "admin because of group Ops", "member by default", "recorder (kept: the directory says nothing)"."""
    kind, _, rest = role.because.partition(": " if ":" in role.because else " ")
    if kind in ("group", "attribute"):
        return f"{role.value} because of {role.because}"
    if kind == "default":
        return f"{role.value} by default"
    return f"{role.value} ({role.because})" if rest else f"{role.value}"


def _team(line: TeamLine) -> str:
    if line.why == "by_hand":
        return f"in team {line.team} by hand"
    if not line.paths:
        return f"in team {line.team} ({'until the next sync' if line.why == 'to_leave' else 'kept'})"
    path = min(line.paths, key=len)
    through = f" (through {' in '.join(path[:-1])})" if len(path) > 1 else ""
    return f"in team {line.team} because of group {path[-1]}{through}"


# -- those without access -----------------------------------------------------------------------------------------


def _since(found: Explanation, member: Person) -> str:
    for event in found.history:
        if event.kind in ("deactivate", "reactivate", "create") and event.state == "applied":
            if event.kind == "deactivate":
                evidence = f" ({event.evidence})" if event.evidence else ""
                began = moment(event.began)
                return f" since {began}: deactivated by run {event.run} because {event.cause}{evidence}"
            break
    by = "by hand, or by the application itself" if member.managed else "by hand: no directory manages them"
    return f": deactivated {by}; no run of rosterd did it"


def _absent(found: Explanation) -> str:
    """Why somebody whom a directory knows is no member."""
    if not found.directories:
        return "no directory has described them"
    return "; ".join(dict.fromkeys(_absent_from(place, found.history) for place in found.directories))


def _absent_from(place: Place, history: tuple[Event, ...]) -> str:
    blocked = next((each for each in place.waiting if each.kind == "create"), None)
    if place.state is None:
        return f"{place.directory} had not described them"
    if place.state == "gone":
        evidence = f" ({place.evidence})" if place.evidence else ""
        return f"gone from {place.directory}{evidence} before a run made them a member"
    if place.state in STATES:
        return STATES[place.state].format(directory=place.directory)
    if place.scope is not None and place.scope.inside is None:
        return f"whether they are in scope of {place.directory} is {place.scope.sentence}"
    if place.scope is not None and not place.scope.inside:
        return f"out of scope of {place.directory}: {place.scope.sentence}"
    if blocked is not None:
        return blocked.sentence or blocked.code
    if any(each.kind in ("create", "adopt") for each in place.next):
        return f"active in {place.directory}, and the next sync makes them one"
    made = any(event.kind == "create" and event.state == "applied" for event in history)
    return f"removed since by hand, though active in {place.directory}" if made else f"active in {place.directory}"


def _waiting(found: Explanation) -> Iterator[str]:
    """What was decided and is not done, once each; of accounts that are no member's only beside one that is."""
    said = set()
    for place in found.directories:
        for change in place.waiting:
            what = (change.kind, change.state, change.code, place.directory if change.kind == "create" else "")
            if what in said or (change.kind == "create" and found.member is None):
                continue
            said.add(what)
            if change.kind == "create":
                yield f"An account of {place.directory} is not linked to them: {change.sentence or change.code}."
            else:
                yield f"Their {WAITS[change.kind]} is {change.state}: {change.sentence or change.code}."
