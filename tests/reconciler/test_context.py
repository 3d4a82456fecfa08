"""What deciding remembers."""

from reconciler.decide import actions_for
from tests.builders import context, member, subject
from tests.reconciler.test_plan import CROWD


def test_remembering_what_groups_come_to_changes_no_answer() -> None:
    shared = context()
    crowd = [
        *CROWD,
        *reversed(CROWD),
        subject("kim", "Admins"),
        subject("lee", "Admins", member=member("lee", "admin")),
    ]
    assert [actions_for(shared, who) for who in crowd] == [actions_for(context(), who) for who in crowd]
