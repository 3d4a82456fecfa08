"""Why two policies come to different outcomes for one person: the difference of configuration that does it, in words.

Each function looks for what gives (or takes) something under one policy and is not there under the other; where
nothing of configuration accounts for it alone, it says what the second policy goes by.
"""

from collections.abc import Callable, Iterator

from reconciler.model import UserState, key
from reconciler.outcome import Outcome
from reconciler.policy import Policy, RoleAxis, address, excluding, out_of_scope
from reconciler.roles import recognised, values_of

_REFUSED = {
    "protected": ("they are protected now", "they are protected no longer"),
    "last_holder": ("nobody else would be left", "somebody else is left"),
    "not_read_whole": ("a group could not be read whole", "every group that decides was read whole"),
    "no_email": ("they have no address", "they have an address"),
    "email_conflict": ("several people share what they are matched by", "nobody shares what they are matched by"),
    "linked_elsewhere": ("somebody else's member has what they are matched by", "no other member is in their way"),
}
_STATES = {
    UserState.SUSPENDED: "they are suspended",
    UserState.GONE: "they are gone",
    UserState.PENDING: "they are not active yet",
    UserState.UNKNOWN: "their status is unknown",
}


def standing_reason(one: Outcome, other: Outcome) -> str:
    """Why a person has access under one policy and not under the other."""
    before, after = _outside(one), _outside(other)
    if before != after:
        return _scope_reason(one, other, before, after)
    for kind in ("deactivate", "create", "update"):
        if found := _refusal_reason(one.refusal(kind), other.refusal(kind)):
            return _matched(one, other, found)
    return _matched(one, other, _without(other))


def link_reason(one: Outcome, other: Outcome) -> str:
    """Why a person is another member."""
    return _matched(one, other, "another member has what they are matched by")


def role_reason(one: Outcome, other: Outcome, name: str) -> str:
    """Why a person has another value on an axis."""
    if one.managed != other.managed:
        return standing_reason(one, other)
    first, second = _axis(one.context.policy, name), _axis(other.context.policy, name)
    if first is None or second is None:
        return f"role {name} is {'now' if first is None else 'no longer'} configured"
    if found := _refusal_reason(one.refusal("set_role", name), other.refusal("set_role", name)):
        return found
    before, after = _value(one, name), _value(other, name)
    gained = _given(other, one.context.policy, second, after, "now")
    lost = _given(one, other.context.policy, first, before, "no longer")
    rises = second.rank(after) > second.rank(before)
    reasons: tuple[Callable[[], str], ...] = (
        lambda: gained if rises else lost,
        lambda: _value_reason(first, second, before, after),
        lambda: _rule_reason(one, other, name),
        lambda: lost if rises else gained,
        lambda: _axis_reason(first, second),
        lambda: _nested(one, other),
    )
    found = next((reason for each in reasons if (reason := each())), "")
    grant = other.grant(name)
    return found or ("it is left alone" if grant is None else grant.source)


def team_reason(one: Outcome, other: Outcome, team: str) -> str:
    """Why a person is in a team under one policy and not under the other."""
    if one.managed != other.managed:
        return standing_reason(one, other)
    for here, there, word in ((other, one, "now"), (one, other, "no longer")):
        known = {mapping.group for mapping in there.context.policy.teams if mapping.team == team}
        for mapping in here.context.policy.teams:
            if mapping.team == team and mapping.group in here.refs and mapping.group not in known:
                return f"group {_called(here, mapping.group)} is {word} mapped to team {team}"
    return _nested(one, other) or "a group mapped to it could not be read whole"


def field_reason(one: Outcome, other: Outcome, name: str) -> str:
    """Why a person has another text in a field."""
    if one.managed != other.managed:
        return standing_reason(one, other)
    if found := _refusal_reason(one.refusal("update", name), other.refusal("update", name)):
        return found
    before, after = (
        next((each.source for each in side.context.policy.attributes if each.to == name), "") for side in (one, other)
    )
    if after and after != before:
        return f"{name} is now attribute {after}"
    return f"{name} is no longer attribute {before}" if before != after else "what it is made of is read otherwise"


# -- who belongs ---------------------------------------------------------------------------------------------------


def _outside(one: Outcome) -> str:
    """Why a policy leaves an active person out; "" when it does not."""
    user = one.user
    if user is None or user.state is not UserState.ACTIVE:
        return ""
    return out_of_scope(one.context.policy, one.context.view, user, one.refs)


def _scope_reason(one: Outcome, other: Outcome, before: str, after: str) -> str:
    """The rule that leaves a person out under one policy, and what the other says of it."""
    excluded, out = (other, True) if after and (not before or after != "?") else (one, False)
    scope, why = excluded.context.policy.scope, after if out else before
    user = excluded.user
    assert user is not None  # noqa: S101 - `_outside` said why
    if user.guest and not scope.guests:
        return "guest accounts are no longer synced" if out else "guest accounts are synced now"
    if scope.exclude and (pattern := excluding(scope.exclude, user)):
        return f'exclude {"now has" if out else "no longer has"} "{pattern}"'
    domain = key(address(user)).rpartition("@")[2]
    if scope.domains and domain not in scope.domains:
        return f"email_domains now {'exclude' if out else 'include'} {domain or 'people without an address'}"
    if why == "?":
        return "one of the synced groups could not be read whole"
    return _scope_groups(one, other, out=out)


def _scope_groups(one: Outcome, other: Outcome, *, out: bool) -> str:
    before, after = one.context.policy.scope.groups, other.context.policy.scope.groups
    if not after:
        return "scope_groups is gone: everybody is synced now"
    if not before:
        listed = ", ".join(_called(other, ref) for ref in sorted(after))
        return f"only members of {listed} are synced now"
    gone = [_called(one, ref) for ref in sorted(set(before) - set(after)) if ref in one.refs]
    come = [_called(other, ref) for ref in sorted(set(after) - set(before)) if ref in other.refs]
    if out and gone:
        return f"group {gone[0]} is no longer one of scope_groups"
    if not out and come:
        return f"group {come[0]} is now one of scope_groups"
    return _nested(one, other) or "scope_groups changed"


def _without(other: Outcome) -> str:
    user = other.user
    return "the directory says nothing about them" if user is None else _STATES.get(user.state, "they are in scope")


def _matched(one: Outcome, other: Outcome, otherwise: str) -> str:
    before, after = one.context.policy.match, other.context.policy.match
    return otherwise if before == after else f"people are matched by {after} now instead of {before}"


# -- what a member has ---------------------------------------------------------------------------------------------


def _given(here: Outcome, there: Policy, axis: RoleAxis, value: str, word: str) -> str:
    """A source that gives the person this value here, and that the other policy does not have; "" for none."""
    known = {(ref, each) for source in there.sources if source.axis == axis.axis for ref, each in source.groups}
    read = {source.attribute for source in there.sources if source.axis == axis.axis}
    for ref, attribute in _givers(here, axis, value):
        if ref and (ref, value) not in known:
            return f"group {_called(here, ref)} is {word} mapped to {value}"
        if attribute and attribute not in read:
            return f"attribute {attribute} is {word} read"
    return ""


def _givers(here: Outcome, axis: RoleAxis, value: str) -> Iterator[tuple[str, str]]:
    """(group, attribute), one of them "", of everything that gives a person this value."""
    user, refs = here.user, here.refs
    for source in here.context.policy.sources:
        if source.axis != axis.axis or user is None:
            continue
        yield from ((ref, "") for ref, each in sorted(source.groups) if each == value and ref in refs)
        sent = values_of(user.attributes.get(source.attribute)) if source.attribute else ()
        if any(recognised(axis, text) == value for text in sent):
            yield "", source.attribute


def _value_reason(first: RoleAxis, second: RoleAxis, before: str, after: str) -> str:
    for value, here, there, words in (
        (before, first, second, ("is disabled now", "is no longer one of the axis")),
        (after, second, first, ("is no longer disabled", "is one of the axis now")),
    ):
        if value in there.disabled and value not in here.disabled:
            return f"{value} {words[0]}"
        if value in here.values and value not in there.values:
            return f"{value} {words[1]}"
    return ""


def _rule_reason(one: Outcome, other: Outcome, name: str) -> str:
    for here, there, word in ((other, one, "now"), (one, other, "no longer")):
        roles = {} if here.member is None else here.member.roles
        for rule in here.context.policy.rules:
            applies = all(roles.get(axis) == value for axis, value in rule.when)
            if applies and name in dict(rule.force) and rule not in there.context.policy.rules:
                reason = " and ".join(f"{axis} is {value}" for axis, value in rule.when)
                return f"a rule {word} makes it {dict(rule.force)[name]} while {reason}"
    return ""


def _axis_reason(first: RoleAxis, second: RoleAxis) -> str:
    if first.default != second.default:
        return f"the default is now {second.default}"
    if first.when_absent != second.when_absent:
        return f'when_absent is now "{second.when_absent}"'
    return "the order of its values is another" if first.values != second.values else ""


def _refusal_reason(before: str, after: str) -> str:
    """Of a change that only one of the policies refuses."""
    if before == after:
        return ""
    return _REFUSED.get(after, (after, ""))[0] if after else _REFUSED.get(before, ("", f"no longer {before}"))[1]


def _nested(one: Outcome, other: Outcome) -> str:
    if one.context.policy.nested == other.context.policy.nested:
        return ""
    counted = "count now" if other.context.policy.nested else "no longer count"
    return f"members of groups inside a group {counted}"


def _axis(policy: Policy, name: str) -> RoleAxis | None:
    return next((axis for axis in policy.axes if axis.axis == name), None)


def _value(one: Outcome, name: str) -> str:
    return "" if one.member is None else one.member.roles.get(name, "")


def _called(one: Outcome, ref: str) -> str:
    return one.context.view.names.get(ref, ref)
