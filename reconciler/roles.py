"""Role axes: from a person's groups and attributes to one value per axis.

The rules (product.md): axes are independent; the highest value from any source wins; a value that the axis does not
have is as if it had not been sent; a group map's loss returns to the default; an absent attribute keeps or defaults
as configured; constraints between axes are applied last.
"""

from typing import Literal

import msgspec

from reconciler.model import JSON, DirectoryUser, Frozen, key
from reconciler.policy import GroupView, Policy, RoleAxis, RoleSource


class Grant(Frozen, frozen=True, gc=False):
    """A value and the sentence that says where it came from.

    `withheld` is the lower value that the sources show while a group of the axis was not read whole: not believed yet.
    """

    value: str
    source: str
    withheld: str = ""


Lost = Literal["", "not_a_member", "absent", "not_a_value", "switched_off", "lower"]


class Offer(Frozen, frozen=True, gc=False, omit_defaults=False):
    """What one source offers an axis: `offered` as configured or sent, `value` in the axis's spelling ("" when it has
    none). `lost` says why it grants nothing; "" counts."""

    source: str
    offered: str
    value: str = ""
    lost: Lost = ""


def values_of(raw: JSON) -> tuple[str, ...]:
    """The role values in an attribute: text, a list of texts, or SCIM objects with `value` (RFC 7643 §4.1.2)."""
    if isinstance(raw, str):
        return (raw,)
    if isinstance(raw, dict):
        return values_of(raw.get("value"))
    if isinstance(raw, list):
        return tuple(value for item in raw for value in values_of(item))
    return ()


def recognised(axis: RoleAxis, text: str) -> str:
    """The axis's spelling of a value (case-insensitive), or "" when the axis does not have it or has it disabled."""
    wanted = key(text)
    return next((value for value in axis.values if key(value) == wanted and axis.offers(value)), "")


def _offers(
    axis: RoleAxis, source: RoleSource, user: DirectoryUser, *, view: GroupView, refs: frozenset[str], lost: bool
) -> list[Offer]:
    """What one source offers; with `lost`, also what grants nothing, and why."""
    found = [
        _from_group(axis, view.names.get(ref, ref), value, inside=ref in refs)
        for ref, value in source.groups
        if lost or ref in refs
    ]
    if source.attribute:
        found += _from_attribute(axis, source.attribute, user)
    return found if lost else [offer for offer in found if not offer.lost]


def _from_group(axis: RoleAxis, name: str, value: str, *, inside: bool) -> Offer:
    lost: Lost = "" if inside else "not_a_member"
    if not axis.offers(value):
        lost = "switched_off" if value in axis.values else "not_a_value"
    return Offer(f"group {name}", value, value, lost)


def _from_attribute(axis: RoleAxis, attribute: str, user: DirectoryUser) -> list[Offer]:
    named = f"attribute {attribute}"
    if attribute not in user.attributes:
        return [Offer(named, "", lost="absent")]
    raw = user.attributes[attribute]
    sent = values_of(raw)
    if not sent:
        return [Offer(named, "" if raw is None else str(raw), lost="not_a_value")]
    return [_from_text(axis, named, text) for text in sent]


def _from_text(axis: RoleAxis, named: str, text: str) -> Offer:
    value = recognised(axis, text)
    if value:
        return Offer(named, text, value)
    off = key(text) in {key(each) for each in axis.disabled}
    return Offer(named, text, lost="switched_off" if off else "not_a_value")


def _absent(axis: RoleAxis, sources: list[RoleSource], current: str | None) -> Grant:
    """No source says anything: keep what the member has where configured, else the default.

    A value that only a group map can have given is not kept: leaving the group is a statement, not a silence. One that
    was switched off since is not there to be kept.
    """
    from_groups = {value for source in sources for _, value in source.groups}
    has_attribute = any(source.attribute for source in sources)
    keeps = axis.when_absent == "keep" and (has_attribute or not sources)
    if keeps and current and axis.offers(current) and current not in from_groups:
        return Grant(current, "kept: the directory says nothing")
    return Grant(axis.default, "default: no source grants more")


def _axis_grant(
    policy: Policy, axis: RoleAxis, user: DirectoryUser, refs: frozenset[str], *, view: GroupView, current: str | None
) -> Grant:
    sources = [source for source in policy.sources if source.axis == axis.axis]
    found = [offer for each in sources for offer in _offers(axis, each, user, view=view, refs=refs, lost=False)]
    best = _highest(axis, found) if found else _absent(axis, sources, current)
    unread = not view.unknown.isdisjoint(ref for source in sources for ref, _ in source.groups)
    if unread and current and axis.offers(current) and axis.rank(current) > axis.rank(best.value):
        return Grant(current, "kept: a mapped group could not be read whole", withheld=best.value)
    return best


def _highest(axis: RoleAxis, offers: list[Offer]) -> Grant:
    best = max(offers, key=lambda offer: axis.rank(offer.value))
    return Grant(best.value, best.source)


def considered(
    policy: Policy, axis: RoleAxis, user: DirectoryUser, refs: frozenset[str], *, view: GroupView
) -> tuple[Offer, ...]:
    """Everything that the sources of an axis offer a person: what counts, and what does not with the reason. Of what
    counts, all below the highest are `lower`."""
    sources = [source for source in policy.sources if source.axis == axis.axis]
    found = [offer for each in sources for offer in _offers(axis, each, user, view=view, refs=refs, lost=True)]
    top = max((axis.rank(offer.value) for offer in found if not offer.lost), default=-1)
    return tuple(
        msgspec.structs.replace(offer, lost="lower") if not offer.lost and axis.rank(offer.value) < top else offer
        for offer in found
    )


def desired_roles(
    policy: Policy, user: DirectoryUser, refs: frozenset[str], *, view: GroupView, current: dict[str, str]
) -> dict[str, Grant]:
    """One value per axis, with its source, for a person whose configured groups are `refs`."""
    granted = {
        axis.axis: _axis_grant(policy, axis, user, refs, view=view, current=current.get(axis.axis))
        for axis in policy.axes
    }
    for rule in policy.rules:
        if all(axis in granted and granted[axis].value == value for axis, value in rule.when):
            reason = " and ".join(f"{axis} is {value}" for axis, value in rule.when)
            granted |= {axis: Grant(value, f"rule: {reason}") for axis, value in rule.force}
    return granted
