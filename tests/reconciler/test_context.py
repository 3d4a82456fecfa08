"""What deciding remembers."""

import pytest

from reconciler.decide import actions_for
from tests.builders import context, member, subject, user
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


def test_people_who_share_groups_attributes_and_roles_are_decided_once() -> None:
    shared = context()
    ada = user("ada", attributes={"jamie_role": "admin", "of her own": 1})
    bob = user("bob", attributes={"jamie_role": "admin", "of his own": 2})
    assert shared.membership(("Admins",)) is shared.membership(("Admins",))
    refs = shared.membership(("Admins",)).refs
    assert shared.roles(ada, refs, {}) is shared.roles(bob, refs, {}), "other attributes give no roles"
    assert shared.roles(ada, refs, {}) is not shared.roles(user("cyd"), refs, {})
    assert shared.roles(ada, refs, {}) is not shared.roles(ada, refs, {"role": "admin"})


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.context._REMEMBERED", 3)
    shared = context()
    for number in range(10):
        refs = shared.membership((f"g{number}", "Admins")).refs
        assert refs == {"Admins"}
        assert shared.roles(user("ada"), refs, {"role": f"r{number}"}).grants["role"].value == "admin"
        assert max(len(shared.seen), len(shared.granted)) <= 3
