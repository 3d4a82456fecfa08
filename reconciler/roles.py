"""Role axes: from a person's groups and attributes to one value per axis.

The rules (product.md): axes are independent; the highest value from any source wins; a value that the axis does not
have is as if it had not been sent; a group map's loss returns to the default; an absent attribute keeps or defaults
as configured; constraints between axes are applied last.
"""

from reconciler.model import JSON, DirectoryUser, Frozen, key
from reconciler.policy import GroupView, Policy, RoleAxis, RoleSource


class Grant(Frozen, frozen=True, gc=False):
    """A value and the sentence that says where it came from.

    `withheld` is the lower value that the sources show while a group of the axis was not read whole: not believed yet.
    """

    value: str
    source: str
    withheld: str = ""


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


def _grants(
    axis: RoleAxis, source: RoleSource, user: DirectoryUser, view: GroupView, refs: frozenset[str]
) -> list[Grant]:
    found = []
    for ref, value in source.groups:
        if ref in refs and axis.offers(value):
            found.append(Grant(value, f"group {view.names.get(ref, ref)}"))
    if source.attribute and source.attribute in user.attributes:
        sent = (recognised(axis, text) for text in values_of(user.attributes[source.attribute]))
        found += [Grant(value, f"attribute {source.attribute}") for value in sent if value]
    return found


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
    found = [grant for source in sources for grant in _grants(axis, source, user, view=view, refs=refs)]
    best = max(found, key=lambda grant: axis.rank(grant.value)) if found else _absent(axis, sources, current)
    unread = not view.unknown.isdisjoint(ref for source in sources for ref, _ in source.groups)
    if unread and current and axis.offers(current) and axis.rank(current) > axis.rank(best.value):
        return Grant(current, "kept: a mapped group could not be read whole", withheld=best.value)
    return best


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
