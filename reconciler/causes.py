"""Why somebody loses access, a team or a role value because of groups, in one sentence that many people share.

Held changes are grouped by it, so it names the group that explains them: one that is no longer visible before all, for
then it is rather the group that was lost than its members who left. What does not live here: why a person is kept
(decide.py), and where a value that they get comes from (roles.py).
"""

from collections.abc import Iterable

from reconciler.policy import OUTSIDE_GROUPS, GroupView, Policy, RoleAxis
from reconciler.roles import Grant


def scope_cause(policy: Policy, view: GroupView, outside: str) -> str:
    """The cause of what `policy.out_of_scope` says: of the synced groups, the one that it comes from."""
    if outside != OUTSIDE_GROUPS:
        return outside
    only = f"not in group {_name(view, policy.scope.groups[0])}" if len(policy.scope.groups) == 1 else outside
    return invisible(view, policy.scope.groups) or only


def team_cause(policy: Policy, view: GroupView, team: str) -> str:
    """The cause of leaving a team: the group that is mapped to it, where that is one."""
    mapped = [mapping.group for mapping in policy.teams if mapping.team == team]
    only = f"no longer in group {_name(view, mapped[0])}" if len(mapped) == 1 else ""
    return invisible(view, mapped) or only or f"no longer in a group mapped to team {team}"


def role_cause(policy: Policy, view: GroupView, axis: RoleAxis, lost: str | None, grant: Grant) -> str:
    """The cause of losing the value `lost` of an axis to a lower `grant`; "" when no group explains it alone."""
    if lost is None or not axis.offers(lost) or grant.withheld or grant.source.startswith("rule: "):
        return ""
    sources = [source for source in policy.sources if source.axis == axis.axis]
    giving = [ref for source in sources for ref, value in source.groups if value == lost]
    alone = len(giving) == 1 and not any(source.attribute for source in sources)
    return invisible(view, giving) or (f"not in group {_name(view, giving[0])}" if alone else "")


def invisible(view: GroupView, refs: Iterable[str]) -> str:
    """ "group eng-all is no longer visible", for those of the groups that were known and are gone; "" for none."""
    names = sorted({_name(view, ref) for ref in refs if ref in view.gone})
    if not names:
        return ""
    one = len(names) == 1
    return f"{'group' if one else 'groups'} {', '.join(names)} {'is' if one else 'are'} no longer visible"


def _name(view: GroupView, ref: str) -> str:
    return view.names.get(ref, ref)
