"""What would have to change, as sentences: to come in, to get another role, to let through what waits.

A way to a role is only named after asking the rules (roles.py) what they would make of it.
"""

from collections.abc import Iterator

import msgspec

from reconciler.explanation import Place
from reconciler.known import Standing
from reconciler.model import JSON, DirectoryUser, Member, UserState, key
from reconciler.policy import Policy, RoleAxis, RoleSource, address
from reconciler.roles import considered, desired_roles

STATES = {
    UserState.SUSPENDED: "enable the account in {directory}",
    UserState.GONE: "restore the account in {directory}, or make a new one with the address {email}",
    UserState.PENDING: "activate the account in {directory}",
    UserState.UNKNOWN: "give the account a status in {directory} that is documented",
}
EXCLUDED = "excluded by the "
CODES = {
    "no_email": "give the account an address in {directory}",
    "email_conflict": "leave the address {email} to one of the accounts in {directory}",
    "linked_elsewhere": "give one of the two another address, or take the member out of the other's hands",
    "address_held": "let the change of the member who holds the address through",
    "not_created": "let the change that makes them a member through",
    "email_taken": "give one of the two another address",
    "protected": "take the address off protected in [[workspace]] {workspace}",
    "last_holder": "give somebody else the protected role first",
    "not_read_whole": "let {directory} be read whole ({incomplete}); rosterd check {directory} says what is in the way",
    "rejected": "let {directory} ask for something else, or for another cause: exactly this was rejected",
    "undone": "let {directory} ask for something else, or for another cause: exactly this was undone",
    "refused_by_store": "correct the value in {directory}",
}


def ways(standing: Standing, policy: Policy, member: Member | None, place: Place) -> tuple[str, ...]:
    """What would have to change for a person whom the directory has described."""
    user = standing.subject.user
    assert user is not None  # noqa: S101 - the caller's contract, for the type checker
    found = [*_through(policy, place)]
    if user.state is not UserState.ACTIVE:
        aim = "keep" if member is not None and member.active else "get"
        found.append(f"to {aim} access: {_filled(STATES[user.state], policy, place)}")
    elif place.scope is not None and not place.scope.inside:
        found += _into_scope(policy, standing, place)
    elif not any(change.code in ("no_email", "email_conflict", "linked_elsewhere") for change in place.waiting):
        current = {} if member is None else member.roles
        for axis in policy.axes:
            found += _roles(_Asked(standing, policy, user, current), axis)
    return tuple(dict.fromkeys(found))


def _filled(text: str, policy: Policy, place: Place) -> str:
    email = str((place.user or {}).get("email") or place.external_id)
    short = ", ".join(place.incomplete) or "the collections that were read short"
    return text.format(directory=place.directory, workspace=policy.workspace, email=email, incomplete=short)


def _through(policy: Policy, place: Place) -> Iterator[str]:
    """How to let through what waits."""
    for change in place.waiting:
        what = change.kind.replace("_", " ")
        if change.state == "held" and change.limit:
            yield (
                f"to let the {what} through: rosterd approve {change.run} --only {change.cluster},"
                f" or raise {change.limit} in [workspace.limits]"
            )
        elif change.code in CODES:
            yield f"to let the {what} through: {_filled(CODES[change.code], policy, place)}"


def _into_scope(policy: Policy, standing: Standing, place: Place) -> Iterator[str]:
    scope, view = policy.scope, standing.view
    user = standing.subject.user
    if place.scope is not None and place.scope.inside is None:
        yield f"to know: {_filled(CODES['not_read_whole'], policy, place)}"
        return
    needs = []
    if user is not None and user.guest and not scope.guests:
        needs.append(f"set guests = true in [[directory]] {place.directory}")
    if place.scope is not None and place.scope.sentence.startswith(EXCLUDED):
        needs.append(
            f"drop {place.scope.sentence.removeprefix(EXCLUDED)} from exclude in [[directory]] {place.directory}"
        )
    if user is not None and scope.domains and key(address(user)).rpartition("@")[2] not in scope.domains:
        needs.append(f"an address in {_or(sorted(scope.domains))}, or one more domain in email_domains")
    if scope.groups and view.refs_of(standing.subject.groups).isdisjoint(scope.groups):
        needs.append(f"join group {_or([view.names.get(ref, ref) for ref in scope.groups])}")
    if needs:
        yield f"to come into scope: {'; and '.join(needs)}"


# -- roles --------------------------------------------------------------------------------------------------------


class _Asked(msgspec.Struct, frozen=True):
    """A person as they are, and the question what the rules would make of them otherwise."""

    standing: Standing
    policy: Policy
    user: DirectoryUser
    current: dict[str, str]

    @property
    def refs(self) -> frozenset[str]:
        return self.standing.view.refs_of(self.standing.subject.groups)

    def value(self, axis: RoleAxis, refs: frozenset[str], attributes: dict[str, JSON], current: str) -> str:
        """The axis's value if these were the person's groups and attributes, and `current` what they have."""
        user = msgspec.structs.replace(self.user, attributes=attributes)
        has = {**self.current, axis.axis: current} if current else self.current
        return desired_roles(self.policy, user, refs, view=self.standing.view, current=has)[axis.axis].value

    def sources(self, axis: RoleAxis) -> list[RoleSource]:
        return [source for source in self.policy.sources if source.axis == axis.axis]


def _roles(asked: _Asked, axis: RoleAxis) -> Iterator[str]:
    now = asked.value(axis, asked.refs, asked.user.attributes, "")
    for value in axis.values[axis.rank(now) + 1 :]:
        if value not in axis.disabled:
            aim = "stay" if value == asked.current.get(axis.axis) else "become"
            yield f"to {aim} {value}: {_or(_gaining(asked, axis, value)) or _nothing(asked, value)}"
    yield from _losing(asked, axis, now)


def _nothing(asked: _Asked, value: str) -> str:
    return f"no group or attribute of {asked.standing.directory} gives {value} to them; see [[directory.role]]"


def _gaining(asked: _Asked, axis: RoleAxis, value: str) -> list[str]:
    """Each single step that would give the value."""
    steps = []
    for source in asked.sources(axis):
        for ref, given in source.groups:
            if given == value and asked.value(axis, asked.refs | {ref}, asked.user.attributes, "") == value:
                unlisted = "" if ref in asked.standing.ids else " (which the directory does not list)"
                steps.append(f"join group {asked.standing.view.names.get(ref, ref)}{unlisted}")
        if source.attribute:
            attributes = {**asked.user.attributes, source.attribute: value}
            if asked.value(axis, asked.refs, attributes, "") == value:
                steps.append(f"set attribute {source.attribute} to {value}")
    return steps


def _losing(asked: _Asked, axis: RoleAxis, now: str) -> Iterator[str]:
    """All the steps that together would take the value away."""
    offers = considered(asked.policy, axis, asked.user, asked.refs, view=asked.standing.view)
    giving = {offer.source for offer in offers if not offer.lost and offer.value == now}
    refs, attributes, steps = asked.refs, dict(asked.user.attributes), []
    for source in asked.sources(axis):
        for ref, value in source.groups:
            if value == now and ref in refs:
                refs -= {ref}
                steps.append(f"leave group {asked.standing.view.names.get(ref, ref)}")
        if source.attribute and f"attribute {source.attribute}" in giving:
            attributes.pop(source.attribute, None)
            steps.append(f"clear attribute {source.attribute}")
    left = asked.value(axis, refs, attributes, now)
    if steps and axis.rank(left) < axis.rank(now):
        yield f"to become {left}: {' and '.join(steps)}"
    elif axis.rank(now) > 0 and (giving or (asked.current.get(axis.axis) == now and now != axis.default)):
        for source in asked.sources(axis):
            if source.attribute and (not giving or f"attribute {source.attribute}" in giving):
                yield f"to stop being {now}: set attribute {source.attribute} to a lower value, since silence keeps it"


def _or(steps: list[str]) -> str:
    return " or ".join((", ".join(steps[:-1]), steps[-1]) if len(steps) > 1 else steps)
