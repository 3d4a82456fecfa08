"""Desired − actual = plan: a frozen, sorted list of actions with a digest.

`actions_for` decides one person; a plan is the concatenation over people, sorted by `Step` and then by external id.
Large plans are never held whole: people are decided in chunks of rising external id, each chunk's actions go to the
store, and a `Tally` folds counts, causes and the digest as they pass. `Plan` is the same thing as one value.

Reading policy is in policy.py, roles.py, teams.py, match.py; judging a plan in guard.py.
"""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from hashlib import blake2b, sha256
from typing import Literal

import msgspec

from reconciler.match import Conflict, Match, Subject, match
from reconciler.model import JSON, DirectoryUser, Evidence, Frozen, Member, Profile, UserState, fields_of, key
from reconciler.policy import GroupView, Policy, RoleAxis, desired_profile, out_of_scope
from reconciler.roles import Grant, desired_roles
from reconciler.teams import desired_teams, undecided_teams

Kind = Literal["create", "adopt", "update", "deactivate", "reactivate", "set_role", "join_team", "leave_team"]
KINDS: tuple[Kind, ...] = (
    "create",
    "adopt",
    "update",
    "deactivate",
    "reactivate",
    "set_role",
    "join_team",
    "leave_team",
)


_ENCODER = msgspec.json.Encoder(order="deterministic")
_GONE = "no longer in the directory"
_SHORT = "one of the synced groups"
_REMEMBERED = 20_000  # different sets of groups


class Step(IntEnum):
    """The order in which a plan is applied: what gives comes before what takes, so that an interrupted run never
    leaves fewer holders of a role than it should."""

    ADOPT = 0
    CREATE = 1
    REACTIVATE = 2
    UPDATE = 3
    PROMOTE = 4
    JOIN_TEAM = 5
    LEAVE_TEAM = 6
    DEMOTE = 7
    DEACTIVATE = 8

    @property
    def change(self) -> str:
        """The word under which limits and tallies know this step."""
        return self.name.lower()

    @property
    def kind(self) -> Kind:
        """The kind of action that belongs to this step."""
        return "set_role" if self in (Step.PROMOTE, Step.DEMOTE) else KINDS[KINDS.index(self.change)]


class Action(Frozen, frozen=True, gc=False):
    """One change to one member, with why. `state` is "planned" or "skipped" (then `code` and `detail` say why).

    `member` is the member's id (for a create, the id it will get). `before` and `after` hold only what differs.
    `parks` names a member who gives up this address in the same plan.
    """

    step: Step
    kind: Kind
    external_id: str
    email: str
    member: str
    before: dict[str, JSON] = {}
    after: dict[str, JSON] = {}
    evidence: Evidence | None = None
    cause: str = ""
    state: Literal["planned", "skipped"] = "planned"
    code: str = "planned"
    detail: str = ""
    parks: str = ""

    @property
    def order(self) -> tuple[int, str, str]:
        """The place in a sorted plan."""
        return (self.step, self.external_id, str(sorted(self.after.items())))


class Membership(Frozen, frozen=True):
    """What a set of direct groups comes to: the configured refs and the teams."""

    refs: frozenset[str]
    teams: frozenset[str]


class Roles(Frozen, frozen=True):
    """What a person's groups and attributes come to on every axis, and whether it differs from what they have."""

    grants: dict[str, Grant]
    differ: bool


class Context(Frozen, frozen=True):
    """What deciding needs besides the person: policy, groups, and who must keep which axis because nobody else would
    be left (`stays`: member id → axes).

    `seen` and `granted` remember what the same groups, attributes and roles came to, for many people share theirs;
    they hold nothing that policy and view do not say.
    """

    policy: Policy
    view: GroupView
    stays: dict[str, frozenset[str]] = {}
    seen: dict[tuple[str, ...], Membership] = {}
    granted: dict[tuple[frozenset[str], tuple[tuple[str, str], ...], bytes], Roles] = {}

    def membership(self, groups: tuple[str, ...]) -> Membership:
        """Refs and teams of a person with these direct groups."""
        found = self.seen.get(groups)
        if found is None:
            if len(self.seen) >= _REMEMBERED:
                self.seen.clear()
            refs = self.view.refs_of(groups)
            found = self.seen[groups] = Membership(refs, desired_teams(self.policy, refs))
        return found

    def roles(self, user: DirectoryUser, refs: frozenset[str], current: dict[str, str]) -> Roles:
        """The roles of a person in these configured groups who has `current` now."""
        known = (refs, tuple(current.items()), _ENCODER.encode(user.attributes) if user.attributes else b"")
        found = self.granted.get(known)
        if found is None:
            if len(self.granted) >= _REMEMBERED:
                self.granted.clear()
            grants = desired_roles(self.policy, user, refs, view=self.view, current=current)
            differ = any(current.get(axis) != grant.value or grant.withheld for axis, grant in grants.items())
            found = self.granted[known] = Roles(grants, differ)
        return found


def member_id(workspace: str, directory: str, external_id: str) -> str:
    """The id of a member created for a directory user: the same each time, so that a repeated create is no create."""
    seed = f"{workspace}\0{directory}\0{external_id}".encode()
    return blake2b(seed, digest_size=16).hexdigest()


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
    belongs = context.membership(subject.groups)
    outside = out_of_scope(context.policy, context.view, user, belongs.refs)
    match user.state:
        case UserState.SUSPENDED:
            actions = _remove(context, subject, Evidence.STATUS, "suspended in the directory")
        case UserState.ACTIVE if not outside:
            actions = _active(context, subject, belongs)
        case UserState.ACTIVE if outside != "?":
            actions = _remove(context, subject, Evidence.SCOPE, outside)
        case UserState.ACTIVE:
            actions = _withhold(_remove(context, subject, Evidence.SCOPE, _SHORT), f"{_SHORT} could not be read whole")
        case _:
            actions = ()
    return _NOTHING[not outside] if not actions else Decision(actions, not outside)


def actions_for(context: Context, subject: Subject) -> tuple[Action, ...]:
    """The actions of `decide`."""
    return decide(context, subject).actions


def _active(context: Context, subject: Subject, belongs: Membership) -> tuple[Action, ...]:
    matched = match(context.policy, subject)
    if isinstance(matched, Conflict):
        # Nothing that the conflict prevents, nothing to say: the other side of it is reported.
        member = subject.member
        prevents = member is None or _follow(context, subject, Match(member), belongs)
        return (_conflict(subject, matched),) if prevents else ()
    decided = _follow(context, subject, matched, belongs)
    return tuple(sorted(decided, key=lambda action: action.order) if len(decided) > 1 else decided)


def _follow(context: Context, subject: Subject, found: Match, belongs: Membership) -> list[Action]:
    """A matched, active, in-scope person: everything in which their member differs from what it should be."""
    assert subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    policy, member = context.policy, found.member
    profile = desired_profile(subject.user)
    roles = context.roles(subject.user, belongs.refs, {} if member is None else member.roles)
    if member is None:
        actions = [_create(policy, subject.external_id, profile, roles.grants, parks=found.parks)]
        new = Member(actions[0].member, profile)
        return actions + (_teams(context, subject.external_id, new, belongs.teams) if belongs.teams else [])
    actions = _standing(policy, subject.external_id, member, found)
    if member.profile != profile:
        actions += _updates(policy, subject.external_id, member, profile, parks=found.parks)
    if roles.differ:
        actions += _roles(context, subject.external_id, member, roles.grants)
    if belongs.teams != member.granted:
        actions += _teams(context, subject.external_id, member, belongs.teams)
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
    changed = [name for name in new if new[name] != old[name]]
    before: dict[str, JSON] = {name: old[name] for name in changed}
    after: dict[str, JSON] = {name: new[name] for name in changed}
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
        actions.append(
            Action(
                Step.DEMOTE if down else Step.PROMOTE,
                "set_role",
                external_id,
                member.profile.email,
                member.id,
                before={axis.axis: current},
                after={axis.axis: value},
                cause=grant.source if grant.withheld else f"{value} from {grant.source}",
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


def _teams(context: Context, external_id: str, member: Member, wanted: frozenset[str]) -> list[Action]:
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
        for team in sorted(wanted - member.teams)
    ]
    leaving = member.granted - wanted
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
            cause=f"no longer in a group mapped to team {team}",
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


def _conflict(subject: Subject, conflict: Conflict) -> Action:
    """A conflict is reported on the action that it prevents."""
    assert subject.user is not None  # noqa: S101 - the caller's contract, for the type checker
    member, email = subject.member, desired_profile(subject.user).email
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


class Plan(Frozen, frozen=True):
    """A whole plan as one value, JSON both ways. Build it with `plan()`."""

    workspace: str
    directory: str
    actions: tuple[Action, ...] = ()

    @property
    def digest(self) -> str:
        """ "sha256:…" over the sorted actions; the same for the same snapshot, policy and workspace."""
        tally = Tally()
        tally.add(self.actions)
        return tally.digest

    def to_json(self) -> bytes:
        """The plan as JSON; `from_json` reads it back to an equal value."""
        return _ENCODER.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "Plan":
        """Reads what `to_json` wrote.

        Raises:
            msgspec.ValidationError: the text is not a plan; the message names the place.
        """
        return msgspec.json.decode(text, type=cls)


def plan(context: Context, subjects: Iterable[Subject]) -> Plan:
    """The whole plan for these people, in plan order whatever the order of `subjects`."""
    actions = [action for subject in subjects for action in actions_for(context, subject)]
    ordered = tuple(sorted(actions, key=lambda action: action.order))
    return Plan(context.policy.workspace, context.policy.directory, ordered)


class Tally:
    """Counts, causes and digest of a plan, folded while its actions stream past in order of external id."""

    def __init__(self) -> None:
        self.steps: Counter[Step] = Counter()
        self.kinds: Counter[str] = Counter()
        self.causes: Counter[tuple[Step, str]] = Counter()
        self.skipped = 0
        self._hashes = {step: sha256() for step in Step}

    def add(self, actions: Iterable[Action]) -> None:
        """Folds some more actions in; within a step they must come in plan order."""
        for action in actions:
            self._hashes[action.step].update(_ENCODER.encode(action) + b"\n")
            if action.state == "skipped":
                self.skipped += 1
                continue
            self.steps[action.step] += 1
            self.kinds[action.kind] += 1
            self.causes[action.step, action.cause] += 1

    @property
    def planned(self) -> int:
        """How many actions would write something."""
        return self.steps.total()

    @property
    def digest(self) -> str:
        """ "sha256:…": one hash per step, hashed in the order of steps."""
        parts = b"".join(self._hashes[step].digest() for step in Step)
        return f"sha256:{sha256(parts).hexdigest()}"
