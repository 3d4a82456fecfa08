"""The words of reports."""

from typing import Any

import pytest

from reconciler.report import ActionRow, Complete
from rosterd.render import words
from tests.rosterd.reports import counts, report, row

CREATED = {"given_name": "Ada", "family_name": "Lovelace", "email": "ada@acme.com", "roles": {"role": "admin"}}
HELD = counts(create=2, held=3)
RENAMED: dict[str, Any] = {
    "before": {"email": "a@x", "user_name": "a@x", "family_name": "A", "display_name": "A A"},
    "after": {"email": "b@x", "user_name": "b@x", "family_name": "B", "display_name": "A B"},
}


@pytest.mark.parametrize(
    ("action", "change"),
    [
        (row("create", after=CREATED), "Ada Lovelace · role: admin"),
        (row("create", after={"email": "x@acme.com", "roles": {}}), ""),
        (row("adopt", after={"managed": True}), "linked to the directory"),
        (row("update", before={"title": ""}, after={"title": "CTO"}), "title: – → CTO"),
        (row("update", before={"title": "CTO"}, after={"title": ""}), "title: CTO → –"),
        (row("update", **RENAMED), "email: a@x → b@x, family_name: A → B"),
        (row("update", before={"display_name": "A"}, after={"display_name": "B"}), "display_name: A → B"),
        (row("update", before={"user_name": "a"}, after={"user_name": "b"}), "user_name: a → b"),
        (row("set_role", before={"role": None}, after={"role": "admin"}), "role: – → admin"),
        (row("join_team", after={"team": "Design"}), "+ team Design"),
        (row("leave_team", before={"team": "Design"}), "− team Design"),
        (row("deactivate"), "active → inactive"),
        (row("reactivate"), "inactive → active"),
        (row("update", before={"title": "x"}, after={"title": "\x1b[31mred\u202e"}), "title: x → \ufffd[31mred\ufffd"),
    ],
)
def test_what_an_action_changes(action: ActionRow, change: str) -> None:
    assert words.change(action) == change


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing to do"),
        ({"counts": counts(create=1)}, "done"),
        ({"counts": counts(seen=9, in_scope=7, skipped=5)}, "nothing changed, 3 skipped"),
        ({"planned_only": True}, "plan: nothing to do"),
        ({"planned_only": True, "counts": counts(create=1)}, "plan: 1 change"),
        ({"planned_only": True, "counts": HELD, "state": "held"}, "plan: 2 changes, 3 held by a guard"),
        ({"planned_only": True, "state": "blocked"}, words.STATES["blocked"]),
        ({"counts": counts(create=1, failed=1), "state": "partial"}, words.STATES["partial"]),
    ],
)  # fmt: skip
def test_headlines(fields: dict[str, Any], says: str) -> None:
    assert words.headline(report(**fields)) == says


def test_the_funnel_leads_from_loaded_to_what_was_done() -> None:
    found = words.funnel(report(counts=counts(seen=100, in_scope=90, unchanged=85, create=5, set_role=2, skipped=10)))
    assert found == [
        ("Loaded", 100), ("Processed", 90), ("Created", 5), ("Updated", 0), ("Deactivated", 0), ("Roles set", 2),
        ("Unchanged", 85), ("Skipped", 10),
    ]  # fmt: skip
    planned = words.funnel(report(planned_only=True, counts=counts(seen=1, in_scope=1, create=1)))
    assert ("To create", 1) in planned


def test_skipped_people_are_no_actions() -> None:
    assert (
        words.actions_count(report(counts=counts(seen=100, in_scope=90, create=5, held=1, failed=2, skipped=13))) == 11
    )


def test_only_what_is_not_expected_is_said_of_a_state() -> None:
    assert words.outcome(row()) == ""
    assert words.outcome(row(state="held", code="held")) == "held"
    skipped = row(state="skipped", code="last_holder", error="ada@acme.com is the last active admin")
    assert words.outcome(skipped) == "skipped: last_holder"
    assert words.why(skipped) == "ada@acme.com is the last active admin"
    assert words.why(row()) == "new in the directory"


def test_an_incomplete_read_says_what_was_short() -> None:
    said = words.completeness(Complete(users=True, groups=False, memberships=False))
    assert said == "groups and memberships not read whole: nothing was removed on that account"


def test_small_numbers_are_singular() -> None:
    assert words.transport(report()) == "12 requests, 1 retry, throttled for 0.5 s"
