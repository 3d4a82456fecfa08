"""Desired − actual for one person: from their state, scope and differences to the actions of a plan.

Reading policy is in policy.py, roles.py, teams.py, match.py; what is known of groups and holders comes with context.py;
the plan that the actions make is in plan.py.
"""

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from reconciler.causes import role_cause, scope_cause
from reconciler.context import Context, Membership
from reconciler.match import Conflict, Match, Subject, match
from reconciler.model import JSON, Evidence, Frozen, Member, Profile, UserState, fields_of, key
from reconciler.plan import Action, Kind, Plan, Step
from reconciler.policy import Policy, RoleAxis, described, desired_profile, out_of_scope
from reconciler.roles import Grant
from reconciler.teams import undecided_teams, why_leaving

_GONE = "no longer in the directory"
_SHORT = "one of the synced groups"


class Decision(Frozen, frozen=True, gc=False):
    """What to do about one person (nothing, when the member already is as the directory says), and whether the person
    is in scope, whatever their state."""

    actions: tuple[Action, ...] = ()
    in_scope: bool = False


_NOTHING = {inside: Decision((), inside) for inside in (True, False)}


def decide(context: Context, subject: Subject) -> Decision:
    """Decides one person."""
    user = subject.user
    if user is None:
        unheard = _remove(context, subject, Evidence.ABSENCE, _GONE)
        return Decision(_withhold(unheard, "the directory has not said anything about this person"))
    if user.state is UserState.GONE:
        return Decision(_remove(context, subject, subject.evidence or Evidence.ABSENCE, _GONE))
    if context.policy.attributes:
        user = described(context.policy, user)
        subject = msgspec.structs.replace(subject, user=user)
    belongs = context.membership(subject.groups)
    outside = out_of_scope(context.policy, context.view, user, belongs.refs)
    match user.state:
        case UserState.SUSPENDED:
            actions = _remove(context, subject, Evidence.STATUS, "suspended in the directory")
        case UserState.ACTIVE if not outside:
            actions = _active(context, subject, belongs)
        case UserState.ACTIVE if outside != "?":
            cause = scope_cause(context.policy, context.view, outside)
            actions = _remove(context, subject, Evidence.SCOPE, cause)
        case UserState.ACTIVE:
            actions = _withhold(_remove(context, subject, Evidence.SCOPE, _SHORT), f"{_SHORT} could not be read whole")
        case _:
            actions = ()
    return _NOTHING[not outside] if not actions else Decision(actions, not outside)


def actions_for(context: Context, subject: Subject) -> tuple[Action, ...]:
    """The actions of `decide`."""
    return decide(context, subject).actions


def plan(context: Context, subjects: Iterable[Subject]) -> Plan:
    """The whole plan for these people, in plan order whatever the order of `subjects`."""
    actions = [action for subject in subjects for action in actions_for(context, subject)]
    ordered = tuple(sorted(actions, key=lambda action: action.order))
    return Plan(context.policy.workspace, context.policy.directory, ordered)


def member_id(workspace: str, directory: str, external_id: str) -> str:
    """The id of a member created for a directory user: the same each time, so that a repeated create is no create."""
    seed = f"{workspace}\0{directory}\0{external_id}".encode()
    return blake2b(seed, digest_size=16).hexdigest()


def _active(context: Context, subject: Subject, belongs: Membership) -> tuple[Action, ...]:
    policy = context.policy
    matched = match(policy, subject)
    if isinstance(matched, Conflict):
        # Nothing that the conflict prevents, nothing to say: the other side of it is reported.
        member = subject.member
        prevents = member is None or _follow(context, subject, Match(member), belongs)
        return (_conflict(policy, subject, matched),) if prevents else ()
    decided = _follow(context, subject, matched, belongs)
    return tuple(sorted(decided, key=lambda action: action.order) if len(decided) > 1 else decided)


def _follow(context: Context, subject: Subject, found: Match, belongs: Membership) -> list[Action]:
    """A matched, active, in-scope person: everything in which their member differs from what it should be."""
    assert subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    policy, member = context.policy, found.member
    profile = desired_profile(policy, subject.user)
    roles = context.roles(subject.user, belongs.refs, {} if member is None else member.roles)
    if member is None:
        actions = [_create(policy, subject.external_id, profile, roles.grants, parks=found.parks)]
        new = Member(actions[0].member, profile)
        return actions + (_teams(context, subject.external_id, new, belongs) if belongs.teams else [])
    actions = _standing(policy, subject.external_id, member, found)
    if member.profile != profile:
        actions += _updates(policy, subject.external_id, member, profile, parks=found.parks)
    if roles.differ:
        actions += _roles(context, subject.external_id, member, roles.grants)
    if belongs.teams != member.granted:
        actions += _teams(context, subject.external_id, member, belongs)
    return actions


def _create(policy: Policy, external_id: str, profile: Profile, roles: dict[str, Grant], *, parks: str) -> Action:
    new = member_id(policy.workspace, policy.directory, external_id)
    fields: dict[str, JSON] = {name: value for name, value in fields_of(profile).items() if value}
    fields["roles"] = {axis: grant.value for axis, grant in roles.items()}
    return Action(
        Step.CREATE, "create", external_id, profile.email, new, after=fields, cause="new in the directory", parks=parks
    )


def _standing(policy: Policy, external_id: str, member: Member, found: Match) -> list[Action]:
    actions = []
    email = member.profile.email
    if found.adopts:
        cause = "new account of a person who left" if member.managed else "already a member with this address"
        before: dict[str, JSON] = {"managed": member.managed, "external_id": member.external_id}
        after: dict[str, JSON] = {"managed": True, "directory": policy.directory, "external_id": external_id}
        actions.append(Action(Step.ADOPT, "adopt", external_id, email, member.id, before, after, cause=cause))
    if not member.active:
        cause = "active in the directory"
        changes: tuple[dict[str, JSON], dict[str, JSON]] = ({"active": False}, {"active": True})
        actions.append(Action(Step.REACTIVATE, "reactivate", external_id, email, member.id, *changes, cause=cause))
    return actions


def _updates(policy: Policy, external_id: str, member: Member, profile: Profile, *, parks: str) -> list[Action]:
    """The update; a protected member keeps the address that configuration protects them by."""
    if key(member.profile.email) not in policy.protected or key(profile.email) == key(member.profile.email):
        return [_update(external_id, member, profile, parks=parks)]
    kept = msgspec.structs.replace(profile, email=member.profile.email)
    renamed = msgspec.structs.replace(member.profile, email=profile.email)
    refused = msgspec.structs.replace(
        _update(external_id, member, renamed, parks=""),
        email=member.profile.email,
        state="skipped",
        code="protected",
        detail=f"{member.profile.email} is protected by configuration: write {profile.email} there first",
    )
    return [refused, *([_update(external_id, member, kept, parks="")] if kept != member.profile else [])]


def _update(external_id: str, member: Member, profile: Profile, *, parks: str) -> Action:
    old, new = fields_of(member.profile), fields_of(profile)
    changed = [name for name in {**new, **old} if new.get(name) != old.get(name)]
    before: dict[str, JSON] = {name: old.get(name, "") for name in changed}
    after: dict[str, JSON] = {name: new.get(name, "") for name in changed}
    cause = f"changed in the directory: {', '.join(changed)}"
    return Action(Step.UPDATE, "update", external_id, profile.email, member.id, before, after, cause=cause, parks=parks)


def _roles(context: Context, external_id: str, member: Member, roles: dict[str, Grant]) -> list[Action]:
    actions = []
    for axis in context.policy.axes:
        grant, current = roles[axis.axis], member.roles.get(axis.axis)
        value = grant.withheld or grant.value
        if value == current:
            continue
        down = current is not None and axis.rank(value) < axis.rank(current)
        refusal = _kept(context, member, axis, grant) if down else ("", "")
        cause = role_cause(context.policy, context.view, axis, current, grant) if down else ""
        actions.append(
            Action(
                Step.DEMOTE if down else Step.PROMOTE,
                "set_role",
                external_id,
                member.profile.email,
                member.id,
                before={axis.axis: current},
                after={axis.axis: value},
                cause=cause or (grant.source if grant.withheld else f"{value} from {grant.source}"),
                state="skipped" if refusal[0] else "planned",
                code=refusal[0] or "planned",
                detail=refusal[1],
            )
        )
    return actions


def _kept(context: Context, member: Member, axis: RoleAxis, grant: Grant) -> tuple[str, str]:
    """Why a member may not go down on an axis, as (code, sentence); ("", "") when they may."""
    if key(member.profile.email) in context.policy.protected:
        return "protected", f"{member.profile.email} is protected by configuration"
    if axis.axis in context.stays.get(member.id, frozenset()):
        return "last_holder", f"{member.profile.email} is the last active {axis.protect_last}"
    return ("not_read_whole", f"{member.profile.email} is {grant.source}") if grant.withheld else ("", "")


def _teams(context: Context, external_id: str, member: Member, belongs: Membership) -> list[Action]:
    actions = [
        Action(
            Step.JOIN_TEAM,
            "join_team",
            external_id,
            member.profile.email,
            member.id,
            after={"team": team},
            cause=f"in a group mapped to team {team}",
        )
        for team in sorted(belongs.teams - member.teams)
    ]
    leaving = member.granted - belongs.teams - belongs.kept
    unread = undecided_teams(context.policy, context.view) if leaving else frozenset()
    for team in sorted(leaving):
        action = Action(
            Step.LEAVE_TEAM,
            "leave_team",
            external_id,
            member.profile.email,
            member.id,
            before={"team": team},
            evidence=Evidence.SCOPE,
            cause=why_leaving(context.policy, context.view, belongs.refs, team),
        )
        short = f"a group mapped to team {team} could not be read whole"
        actions += _withhold((action,), short) if team in unread else (action,)
    return actions


def _withhold(actions: Iterable[Action], why: str) -> tuple[Action, ...]:
    """What a short read shows and nobody believes: said, not done, and looked at again until the read is whole."""
    return tuple(
        msgspec.structs.replace(action, evidence=None, state="skipped", code="not_read_whole", detail=why)
        for action in actions
    )


def _remove(context: Context, subject: Subject, evidence: Evidence, cause: str) -> tuple[Action, ...]:
    member = subject.member
    if member is None or not member.active:
        return ()
    code, detail = "planned", ""
    if key(member.profile.email) in context.policy.protected:
        code, detail = "protected", f"{member.profile.email} is protected by configuration"
    elif context.stays.get(member.id):
        code, detail = "last_holder", f"{member.profile.email} is the last active holder of a protected role"
    return (
        Action(
            Step.DEACTIVATE,
            "deactivate",
            subject.external_id,
            member.profile.email,
            member.id,
            before={"active": True},
            after={"active": False},
            evidence=evidence,
            cause=cause,
            state="planned" if code == "planned" else "skipped",
            code=code,
            detail=detail,
        ),
    )


def _conflict(policy: Policy, subject: Subject, conflict: Conflict) -> Action:
    """A conflict is reported on the action that it prevents."""
    assert subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    member, email = subject.member, desired_profile(policy, subject.user).email
    kind: Kind = "create" if member is None else "update"
    step = Step.CREATE if member is None else Step.UPDATE
    return Action(
        step,
        kind,
        subject.external_id,
        email,
        "" if member is None else member.id,
        cause="conflict",
        state="skipped",
        code=conflict.code,
        detail=conflict.sentence,
    )
