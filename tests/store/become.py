"""What has to become of a workspace: what its directories say, but for what a report excuses."""

from collections.abc import Sequence

from reconciler.model import UserState
from reconciler.policy import Policy
from reconciler.report import ActionRow
from store import Store
from store.database import rows
from store.workspace import RosterMember, roster
from tests.store.truth import Truth

EXCUSES = {
    "protected", "last_holder", "no_email", "email_conflict", "linked_elsewhere", "address_held", "not_created",
}  # fmt: skip


def check_roster(store: Store, policy: Policy, truth: Truth, left: Sequence[ActionRow]) -> None:
    """Everybody is as the directory says, or among those of whom the last report says why not (`left`)."""
    assert {row.code for row in left} <= EXCUSES, left
    members = (each for each in roster(store, policy.workspace) if each.directory == policy.directory)
    linked = {str(each.external_id): each for each in members}
    for name in sorted((truth.people.keys() | linked.keys()) - {row.external_id for row in left}):
        member, state = linked.get(name), truth.state(name)
        if state is UserState.ACTIVE and truth.belongs(policy, name):
            assert member is not None, name
            _check_one(store, policy, truth, name, member)
        elif state not in (UserState.PENDING, UserState.UNKNOWN):
            assert member is None or not member.active, name


def _check_one(store: Store, policy: Policy, truth: Truth, name: str, member: RosterMember) -> None:
    assert member.active, name
    assert (member.email, member.title) == (truth.people[name].email, ""), name
    for axis in policy.axes:
        held = member.roles[axis.axis]
        assert held == truth.due_role(policy, axis, name, held), (name, axis.axis)
    due = truth.due_teams(policy, name)
    assert due <= {*member.teams}, name
    spared = {mapping.team for mapping in policy.retired}
    assert _granted(store, member) <= due | spared, name


def _granted(store: Store, member: RosterMember) -> set[str]:
    """The teams that the member's directory put them into."""
    sql = (
        "SELECT t.name FROM team t JOIN team_member x ON x.team_id = t.id JOIN member m ON m.no = x.member_no"
        " WHERE m.id = :id AND x.source = m.directory"
    )
    with store.read() as connection:
        return {str(row[0]) for row in rows(connection, sql, id=member.id)}
