"""Why a person is what they are in a workspace: an explanation as a value, from what is known of them.

Pure: `Known` in, `Explanation` out. The rules are those by which runs decide (policy.py, match.py, roles.py, teams.py,
decide.py), asked again for one person; here is only what they say of each input. The first sentence is in answers.py,
what would have to change in ways.py.
"""

from collections.abc import Iterable

import msgspec

from reconciler.amend import respected
from reconciler.answers import answer
from reconciler.context import Context
from reconciler.decide import decide
from reconciler.explanation import (
    Change,
    Event,
    Explanation,
    Group,
    Matching,
    Person,
    Place,
    ProfileField,
    Role,
    Scope,
    TeamLine,
)
from reconciler.known import Known, Recorded, Standing
from reconciler.match import Conflict, match
from reconciler.model import JSON, Member, UserState, fields_of
from reconciler.plan import Action
from reconciler.policy import Policy, RoleAxis, described, desired_profile, out_of_scope
from reconciler.roles import Grant, considered, desired_roles
from reconciler.teams import closure, granting, route
from reconciler.ways import ways

CONFLICTS = frozenset({"no_email", "email_conflict", "linked_elsewhere"})
BY_HAND = "set by hand"


def explain(known: Known) -> Explanation:
    """The explanation of one person in one workspace."""
    member = known.member
    places = tuple(_place(known, standing) for standing in known.standings)
    found = Explanation(
        asked=known.asked,
        workspace=known.workspace,
        at=known.at,
        answer="",
        member=None if member is None else _person(member, known.uncertain),
        directories=places,
        history=tuple(_event(each) for each in known.history),
        notes=tuple(_notes(known)),
    )
    return msgspec.structs.replace(found, answer=answer(found))


def _person(member: Member, uncertain: tuple[str, ...]) -> Person:
    by_hand = tuple(sorted(member.teams - member.granted))
    return Person(
        member.id, member.profile.email, member.active, member.managed, member.directory or None,
        member.external_id or None, dict(member.roles), tuple(sorted(member.teams)), by_hand,
        dict(fields_of(member.profile)), uncertain,
    )  # fmt: skip


def _event(recorded: Recorded) -> Event:
    action, run = recorded.action, recorded.run
    return Event(
        run.run, run.began, run.directory, action.kind, action.email, action.before, action.after, action.cause,
        action.evidence, action.state, action.code, _sentence(recorded), recorded.times, recorded.since or run.began,
    )  # fmt: skip


def _sentence(recorded: Recorded) -> str:
    return recorded.action.error or recorded.sentence


def _notes(known: Known) -> Iterable[str]:
    if not known.is_called:
        yield f"nobody is called {known.asked} {'now' if known.at is None else 'then'}: this is who was at another time"
    if known.at is not None and known.unrecorded:
        yield "no run that is known made this member: what no run changed is shown as it is now"
    for name in known.uncertain:
        yield f"{name} was changed by hand since: what it was after this run is not known for certain"
    for standing in known.standings:
        if standing.policy is None:
            yield f"{standing.directory}: the configuration that its runs followed was not kept"
        if standing.vague:
            yield f"{standing.directory}: what it said at that time was not kept; this is the earliest that was"
        if standing.error:
            yield f"{standing.directory} could not be read by run {_run(standing)}: {standing.error}"
        if standing.changed:
            yield f"{standing.directory}: the configuration has changed since run {_run(standing)}"


def _run(standing: Standing) -> str:
    return "" if standing.newest is None else standing.newest.run


# -- one directory ------------------------------------------------------------------------------------------------


def _place(known: Known, standing: Standing) -> Place:
    subject, newest = standing.subject, standing.newest
    user = subject.user
    place = Place(
        directory=standing.directory,
        run=_run(standing),
        began="" if newest is None else newest.began,
        external_id=subject.external_id,
        state=None if user is None else user.state.value,
        evidence=subject.evidence and subject.evidence.value,
        user=None if user is None else {name: getattr(user, name) for name in user.__struct_fields__},
        groups=_groups(standing),
        linked=subject.member is not None,
        incomplete=_incomplete(standing),
        recorded=tuple(_recorded(each) for each in standing.recorded),
    )
    if standing.policy is None or known.at is not None:
        place = msgspec.structs.replace(place, waiting=tuple(each for each in place.recorded if each.waits))
    else:
        coming = tuple(_planned(action) for action in _next(standing, standing.policy))
        place = msgspec.structs.replace(place, next=coming, waiting=_waiting(place.recorded, coming))
    return place if standing.policy is None or user is None else _judged(known, standing, standing.policy, place)


def _waiting(recorded: Iterable[Change], coming: tuple[Change, ...]) -> tuple[Change, ...]:
    """What a guard held or what failed the last time and would be planned again, and what will be skipped again."""
    again = [(change.kind, change.before, change.after) for change in coming]
    still = (each for each in recorded if each.waits and each.state != "skipped")
    done = tuple(each for each in still if (each.kind, each.before, each.after) in again)
    return (*done, *(each for each in coming if each.waits))


def _judged(known: Known, standing: Standing, policy: Policy, place: Place) -> Place:
    """What the policy makes of a person whom the directory has described."""
    assert standing.subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    user = described(policy, standing.subject.user)
    subject = msgspec.structs.replace(standing.subject, user=user)
    standing = msgspec.structs.replace(standing, subject=subject)
    refs = standing.view.refs_of(subject.groups)
    outside = out_of_scope(policy, standing.view, user, refs)
    member = subject.member or (known.member if _adopts(policy, standing) else None)
    place = msgspec.structs.replace(
        place,
        scope=_scope(standing, policy, outside),
        matching=_matching(standing, policy, outside),
    )
    roles = _roles(standing, policy, member, known.history)
    place = msgspec.structs.replace(
        place,
        roles=tuple(_held(role, place) for role in roles),
        teams=_teams(standing, policy, member, place),
        profile=_profile(standing, policy, member),
    )
    return msgspec.structs.replace(place, ways=ways(standing, policy, member, place))


def _next(standing: Standing, policy: Policy) -> tuple[Action, ...]:
    member = standing.subject.member
    stays = {} if member is None else {member.id: standing.stays}
    decided = decide(Context(policy, standing.view, stays), standing.subject).actions
    return respected(standing.subject, decided)[0]


def _planned(action: Action) -> Change:
    return Change(
        action.kind, action.before, action.after, action.cause, action.evidence and action.evidence.value,
        action.state, action.code, action.detail,
    )  # fmt: skip


def _recorded(recorded: Recorded) -> Change:
    action = recorded.action
    return Change(
        action.kind, action.before, action.after, action.cause, action.evidence, action.state, action.code,
        _sentence(recorded), recorded.run.run, recorded.limit, recorded.cluster, recorded.run.planned_only,
    )  # fmt: skip


def _incomplete(standing: Standing) -> tuple[str, ...]:
    complete = standing.complete
    if complete is None or complete.whole:
        return ()
    short = {"people": complete.users, "groups": complete.groups, "memberships": complete.memberships}
    named = tuple(f"members of group {group}" for group in complete.incomplete_groups)
    return (*(name for name, whole in short.items() if not whole and not (named and name == "memberships")), *named)


def _groups(standing: Standing) -> tuple[Group, ...]:
    """The groups a person is in, directly or through others, with the way there; mapped ones first."""
    direct = standing.subject.groups
    parents: dict[str, list[str]] = {}
    for parent, child in standing.nested:
        parents.setdefault(child, []).append(parent)
    everything = set().union(*(closure(group, parents) for group in direct)) if direct else set()
    refs = {group: ref for ref, group in standing.ids.items()}
    found = []
    for group in everything:
        path = route(direct, group, parents)
        names = tuple(standing.names.get(one, one) for one in path)
        found.append(Group(group, names[-1], group in direct, names, group in refs))
    return tuple(sorted(found, key=lambda one: (not one.mapped, not one.direct, one.name, one.id)))


# -- scope and matching -------------------------------------------------------------------------------------------


def _scope(standing: Standing, policy: Policy, outside: str) -> Scope:
    if outside == "?":
        return Scope(None, "not known: one of the synced groups could not be read whole")
    if outside:
        return Scope(False, outside)
    scope, view = policy.scope, standing.view
    reasons = [f"in synced group {view.names.get(ref, ref)}" for ref in scope.groups if ref in _refs(standing)]
    reasons += ["address in the workspace's domains"] if scope.domains else []
    return Scope(True, " and ".join(reasons) or "everybody in the directory is")


def _refs(standing: Standing) -> frozenset[str]:
    return standing.view.refs_of(standing.subject.groups)


def _adopts(policy: Policy, standing: Standing) -> bool:
    subject = standing.subject
    if subject.user is None or subject.user.state is not UserState.ACTIVE:
        return False
    found = match(policy, subject)
    return not isinstance(found, Conflict) and found.adopts


def _matching(standing: Standing, policy: Policy, outside: str) -> Matching:
    """By what the person was found to be which member, or why they were not."""
    subject = standing.subject
    assert subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    recorded = next((each.action for each in standing.recorded if each.action.code in CONFLICTS), None)
    key = "user name" if policy.match == "user_name" else "address"
    found = match(policy, subject) if subject.user.state is UserState.ACTIVE and not outside else None
    if isinstance(found, Conflict) and (subject.member is None or recorded is not None):
        return Matching("conflict", found.sentence, found.code)
    if subject.member is not None:
        return Matching("external_id", f"member {subject.member.profile.email} is linked to {subject.external_id}")
    if recorded is not None:
        return Matching("conflict", recorded.error or "", recorded.code)
    if found is None:
        return Matching("none", "no member is linked, and nobody who is not active and in scope is matched to one")
    if not isinstance(found, Conflict) and found.member is not None:
        return Matching(policy.match, f"member {found.member.profile.email} has this {key}")
    return Matching("new", f"no member has this {key}")


# -- roles --------------------------------------------------------------------------------------------------------


def _roles(
    standing: Standing, policy: Policy, member: Member | None, history: tuple[Recorded, ...]
) -> tuple[Role, ...]:
    user, refs = standing.subject.user, _refs(standing)
    assert user is not None  # noqa: S101 - the caller's contract, for the type checker
    current = {} if member is None else member.roles
    grants = desired_roles(policy, user, refs, view=standing.view, current=current)
    return tuple(
        Role(
            axis.axis,
            current.get(axis.axis),
            _reason(axis, current.get(axis.axis), grants[axis.axis], history),
            grants[axis.axis].withheld or grants[axis.axis].value,
            grants[axis.axis].source,
            considered(policy, axis, user, refs, view=standing.view),
        )
        for axis in policy.axes
    )


def _reason(axis: RoleAxis, value: str | None, grant: Grant, history: tuple[Recorded, ...]) -> str:
    """Why a member has the value: what the directory says now, else what gave it last, else somebody by hand."""
    if value is None:
        return ""
    return grant.source if value == grant.value else given_by(axis.axis, value, history)


def given_by(axis: str, value: str, history: Iterable[Recorded]) -> str:
    """What gave a value, by the newest applied action that did; "set by hand" when another value came after."""
    for recorded in history:
        after: dict[str, JSON] = recorded.action.after.get("roles") or recorded.action.after
        if recorded.action.state == "applied" and recorded.action.kind in ("create", "set_role") and axis in after:
            if after[axis] != value:
                return BY_HAND
            made = recorded.action.kind == "create"
            cause = "given when created" if made else recorded.action.cause.removeprefix(f"{value} from ")
            return f"{cause}, by run {recorded.run.run}"
    return BY_HAND


def _held(role: Role, place: Place) -> Role:
    """The role with why its change waits."""
    for change in place.waiting:
        if change.kind == "set_role" and role.axis in change.after:
            return msgspec.structs.replace(role, waits=change.sentence or change.code, code=change.code)
    return role


# -- teams and profile --------------------------------------------------------------------------------------------


def _teams(standing: Standing, policy: Policy, member: Member | None, place: Place) -> tuple[TeamLine, ...]:
    ways_in = {group.id: group.path for group in _groups(standing)}
    mapped: dict[str, list[tuple[str, ...]]] = {}
    for mapping in granting(policy, _refs(standing)):
        group = standing.ids.get(mapping.group, mapping.group)
        mapped.setdefault(mapping.team, []).append(ways_in.get(group, (standing.view.names.get(group, group),)))
    teams = frozenset() if member is None else member.teams
    granted = frozenset() if member is None else member.granted
    leaving = _left(place.next) - _left(place.waiting)
    return tuple(
        TeamLine(
            team,
            team in teams,
            tuple(mapped.get(team, ())),
            "to_leave" if team in leaving else _why_team(team, mapped, teams, granted),
        )
        for team in sorted(teams | mapped.keys())
    )


def _left(changes: Iterable[Change]) -> set[JSON]:
    return {each.before.get("team") for each in changes if each.kind == "leave_team"}


def _why_team(team: str, mapped: Iterable[str], teams: frozenset[str], granted: frozenset[str]) -> str:
    if team in mapped:
        return "mapped" if team in teams else "to_join"
    return "kept" if team in granted else "by_hand"


def _profile(standing: Standing, policy: Policy, member: Member | None) -> tuple[ProfileField, ...]:
    user = standing.subject.user
    assert user is not None  # noqa: S101 - the caller's contract, for the type checker
    wanted = fields_of(desired_profile(policy, user))
    has = {} if member is None else fields_of(member.profile)
    sources = {"email": "user name, which is an address"} if not user.email else {}
    if not user.display_name:
        sources["display_name"] = "given and family name"
    sources |= {each.to: f"attribute {each.source}" for each in policy.attributes}
    return tuple(
        ProfileField(name, has.get(name), wanted.get(name, ""), sources.get(name, name.replace("_", " ")))
        for name in {**wanted, **has}
        if wanted.get(name) or has.get(name)
    )
