"""What a policy makes of one person, as the member they would be once everything it decides is done.

A decision says what changes; an outcome says where that leads, so that two policies can be compared whatever the
workspace holds now. What does not live here: comparing them (against.py), and limits, which judge whole plans.
"""

import msgspec

from reconciler.context import Context
from reconciler.decide import Decision, decide
from reconciler.match import Subject
from reconciler.model import DirectoryUser, Frozen, Member, Profile, edited
from reconciler.plan import Action
from reconciler.policy import described
from reconciler.roles import Grant


class Outcome(Frozen, frozen=True, gc=False):
    """A person under a policy: `now` is the member they are, or who has their address and was added by hand; `member`
    the one they would be (None: nobody)."""

    context: Context
    subject: Subject
    decision: Decision
    now: Member | None
    member: Member | None

    @property
    def active(self) -> bool:
        """Whether they would have access."""
        return self.member is not None and self.member.active

    @property
    def managed(self) -> bool:
        """Whether they would be a member who follows a directory."""
        return self.member is not None and self.member.managed

    @property
    def user(self) -> DirectoryUser | None:
        """The person as the policy reads the directory."""
        user = self.subject.user
        return None if user is None else described(self.context.policy, user)

    @property
    def email(self) -> str:
        """The address by which people know them."""
        known = self.member or self.subject.member
        user = self.user
        said = (user.email or user.user_name) if user is not None else ""
        return known.profile.email if known is not None else said or self.subject.external_id

    @property
    def refs(self) -> frozenset[str]:
        """The configured groups that they are in."""
        return self.context.membership(self.subject.groups).refs

    def grant(self, axis: str) -> Grant | None:
        """Where the value of an axis comes from, when the directory is asked for it."""
        user = self.user
        if user is None:
            return None
        current = {} if self.subject.member is None else self.subject.member.roles
        return self.context.roles(user, self.refs, current).grants.get(axis)

    def refusal(self, kind: str, changes: str = "") -> str:
        """The code with which an action of this kind (on what it `changes`) is not done; "" when none is refused."""
        refused = (
            action for action in self.decision.actions
            if action.state == "skipped" and action.kind == kind and (not changes or changes in action.after)
        )  # fmt: skip
        return next((action.code for action in refused), "")


def outcome(context: Context, subject: Subject) -> Outcome:
    """Where the context's policy leads a person."""
    decision = decide(context, subject)
    by_hand = subject.other if subject.other is not None and not subject.other.managed else None
    now = member = subject.member or by_hand
    for action in sorted(decision.actions, key=lambda action: action.order):
        if action.state == "planned":
            member = _after(context, subject, member, action)
    return Outcome(context, subject, decision, now, member)


def _after(context: Context, subject: Subject, member: Member | None, action: Action) -> Member:
    if action.kind == "create":
        return _created(context, action)
    if action.kind == "adopt":
        adopted = subject.other or member
        assert adopted is not None  # noqa: S101 - what an adoption is about
        link = {"managed": True, "directory": context.policy.directory, "external_id": action.external_id}
        return msgspec.structs.replace(adopted, **link)
    assert member is not None  # noqa: S101 - every other action changes one
    team = {str(text) for text in (action.after.get("team"), action.before.get("team")) if text}
    match action.kind:
        case "update":
            return msgspec.structs.replace(member, profile=edited(member.profile, action.after))
        case "set_role":
            return msgspec.structs.replace(member, roles={**member.roles, **action.after})
        case "join_team":
            return msgspec.structs.replace(member, teams=member.teams | team)
        case "leave_team":
            return msgspec.structs.replace(member, teams=member.teams - team)
        case _:  # reactivate, deactivate
            return msgspec.structs.replace(member, active=bool(action.after["active"]))


def _created(context: Context, action: Action) -> Member:
    fields = {name: text for name, text in action.after.items() if name != "roles"}
    return Member(
        action.member, edited(Profile(""), fields), True, True, context.policy.directory, action.external_id,
        dict(action.after["roles"]),
    )  # fmt: skip
