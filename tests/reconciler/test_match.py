"""Which directory user is which member: the immutable id first, then the address; the rest is a conflict."""

from typing import Any

import pytest

from reconciler.decide import plan
from reconciler.match import Conflict, Match, match
from tests.builders import brief, by_hand, context, member, policy, subject, suspended, user

ADA = member("ada")
HAND = by_hand("ada")
ELSEWHERE = by_hand("ada", managed=True, directory="google", external_id="g-ada")
LEAVER = member("old", active=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, Match(), id="nobody yet"),
        pytest.param({"member": ADA}, Match(ADA), id="linked"),
        pytest.param({"member": ADA, "user": user("ada", email="a.l@acme.com")}, Match(ADA), id="rename"),
        pytest.param({"other": HAND}, Match(HAND, adopts=True), id="a member added by hand is adopted"),
        pytest.param({"other": LEAVER, "other_left": True}, Match(LEAVER, adopts=True), id="new account of a leaver"),
        pytest.param(
            {"other": LEAVER, "other_renamed": True}, Match(parks=LEAVER.id), id="a free address goes to a newcomer"
        ),
        pytest.param(
            {"member": ADA, "other": LEAVER, "other_renamed": True}, Match(ADA, parks=LEAVER.id), id="swap of addresses"
        ),
        pytest.param(
            {"other": by_hand("ada", directory="okta", external_id="old"), "other_renamed": True},
            Match(by_hand("ada", directory="okta", external_id="old"), adopts=True),
            id="whoever is not managed any more is adopted, whatever account they had",
        ),
        pytest.param({"user": user("ada", email="")}, Match(), id="a user name that is an address stands in"),
    ],
)
def test_matched(facts: dict[str, Any], expected: Match) -> None:
    assert match(policy(), subject("ada", **facts)) == expected


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        pytest.param({"rivals": ("bob",)}, "email_conflict", "several directory users: ada, bob", id="two people"),
        pytest.param({"rivals": ("bob",), "member": ADA}, "email_conflict", "ada, bob", id="also for the linked one"),
        pytest.param({"rivals": ("bob", "cyd")}, "email_conflict", ": ada, bob, cyd", id="three people"),
        pytest.param({"other": ELSEWHERE}, "linked_elsewhere", "already belongs to google/g-ada", id="elsewhere"),
        pytest.param(
            {"other": ELSEWHERE, "other_left": True},
            "linked_elsewhere",
            "google/g-ada",
            id="who left here is not who is linked there",
        ),
        pytest.param(
            {"other": ELSEWHERE, "other_renamed": True},
            "linked_elsewhere",
            "google/g-ada",
            id="nor is a rename here one there",
        ),
        pytest.param({"other": member("bob")}, "linked_elsewhere", "belongs to okta/bob", id="linked to somebody here"),
        pytest.param(
            {"member": ADA, "other": HAND},
            "linked_elsewhere",
            "belongs to a member added by hand",
            id="rename onto a member",
        ),
        pytest.param(
            {"member": ADA, "other": LEAVER, "other_left": True},
            "linked_elsewhere",
            "belongs to okta/old",
            id="rename onto a leaver's address",
        ),
        pytest.param(
            {"user": user("ada", email="", user_name="ada")}, "no_email", "ada has no email address", id="no address"
        ),
    ],
)
def test_conflicts_name_both_sides(facts: dict[str, Any], code: str, said: str) -> None:
    found = match(policy(), subject("ada", **facts))
    assert isinstance(found, Conflict)
    assert (found.code, said in found.sentence) == (code, True)


def test_a_conflict_is_reported_on_the_action_that_it_prevents() -> None:
    both = [subject("ada", rivals=("bob",)), subject("bob", rivals=("ada",), member=member("bob"))]
    assert [brief(action) for action in plan(context(), both).actions] == [("create", "ada", "email_conflict")]
    (told,) = plan(context(), both).actions
    assert (told.cause, told.email, told.member, told.state) == ("conflict", "ada@acme.com", "", "skipped")
    # Bob is as he was; what the conflict would prevent, it says so.
    renamed = subject("bob", rivals=("ada",), member=member("bob"), user=user("bob", title="Chief"))
    promoted = subject("bob", "Admins", rivals=("ada",), member=member("bob"))
    for prevented in (renamed, promoted):
        assert [brief(action) for action in plan(context(), [prevented]).actions] == [
            ("update", "bob", "email_conflict")
        ]


def test_a_conflict_does_not_keep_a_leaver() -> None:
    leaver = subject("ada", rivals=("bob",), member=ADA, user=suspended("ada"))
    assert [action.kind for action in plan(context(), [leaver]).actions] == ["deactivate"]


def test_an_adoption_says_whom_the_member_followed_before() -> None:
    old = member("old", active=False)
    heir = subject("ada", other=old, other_left=True, user=user("ada", email="old@acme.com"))
    adoption = plan(context(), [heir]).actions[0]
    assert (adoption.kind, adoption.before, adoption.after) == (
        "adopt", {"managed": True, "external_id": "old"}, {"managed": True, "directory": "okta", "external_id": "ada"},
    )  # fmt: skip
