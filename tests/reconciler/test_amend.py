"""What a person decided about a run: what is skipped because of it, and what takes an applied action back."""

from typing import Any

import msgspec
import pytest

from reconciler.amend import approved, aspects, inverse, respected
from reconciler.match import Refused
from reconciler.model import JSON, Evidence, Member, fields_of
from reconciler.plan import Action, Step
from tests.builders import member, subject

ADA = member("ada", teams=frozenset({"Eng", "Choir"}), granted=frozenset({"Eng"}))


def act(step: Step, before: dict[str, JSON] | None = None, after: dict[str, JSON] | None = None, **more: Any) -> Action:
    """An action about Ada, as a run planned it."""
    return Action(step, step.kind, "ada", "ada@acme.com", ADA.id, before or {}, after or {}, **more)


OUT = act(Step.DEACTIVATE, {"active": True}, {"active": False}, evidence=Evidence.STATUS, cause="suspended")
IN = act(Step.REACTIVATE, {"active": False}, {"active": True}, cause="active")
UP = act(Step.PROMOTE, {"role": "member"}, {"role": "admin"}, cause="admin from group Ops")
DOWN = act(Step.DEMOTE, {"role": "admin"}, {"role": "member"}, cause="left group Ops")
JOIN = act(Step.JOIN_TEAM, {}, {"team": "Eng"}, cause="in a group mapped to team Eng")
LEAVE = act(Step.LEAVE_TEAM, {"team": "Art"}, evidence=Evidence.SCOPE, cause="no longer in a group")
TITLE = act(Step.UPDATE, {"title": "Boss"}, {"title": ""}, cause="changed in the directory: title")
CREATE = act(Step.CREATE, {}, {"email": "ada@acme.com", "roles": {"role": "member"}}, cause="new in the directory")
ADOPT = act(Step.ADOPT, {"managed": False}, {"managed": True}, cause="already a member with this address")


def verdicts(actions: tuple[Action, ...]) -> list[tuple[str, str, str]]:
    return [(action.kind, action.state, action.code) for action in actions]


# -- refusals -------------------------------------------------------------------------------------------------------


def test_what_somebody_refused_is_skipped_and_says_after_which_run() -> None:
    person = subject("ada", refused=(Refused(OUT.digest, "rejected", "r1"), Refused(UP.digest, "undone", "r2")))
    kept, over = respected(person, (UP, TITLE, OUT))
    assert verdicts(kept) == [
        ("set_role", "skipped", "undone"), ("update", "planned", "planned"), ("deactivate", "skipped", "rejected"),
    ]  # fmt: skip
    assert (kept[0].detail, kept[2].detail) == ("undone by run r2", "rejected after run r1")
    assert over == ()


def test_a_refusal_is_over_once_nothing_is_planned_for_it() -> None:
    other = msgspec.structs.replace(OUT, cause="no longer in the directory", evidence=Evidence.TOMBSTONE)
    person = subject("ada", refused=(Refused(OUT.digest, "rejected", "r1"), Refused(UP.digest, "undone", "r2")))
    kept, over = respected(person, (other,))
    assert kept == (other,), "a refusal names one action, with its evidence and cause"
    assert over == tuple(sorted((OUT.digest, UP.digest)))


# -- approvals ------------------------------------------------------------------------------------------------------


def test_only_what_was_approved_is_made() -> None:
    made = approved((UP, TITLE), {UP.digest: UP})
    assert verdicts(made) == [("update", "skipped", "not_approved"), ("set_role", "planned", "planned")]
    assert made[0].detail == "not what was approved: the next sync plans it anew"
    assert made[1] == UP


def test_what_the_directory_no_longer_asks_for_is_said_and_not_made() -> None:
    other = msgspec.structs.replace(OUT, cause="no longer in the directory")
    made = approved((other,), {OUT.digest: OUT})
    assert sorted(verdicts(made)) == [
        ("deactivate", "skipped", "changed_since"), ("deactivate", "skipped", "not_approved"),
    ]  # fmt: skip
    (changed,) = (each for each in made if each.code == "changed_since")
    assert (changed.cause, changed.detail) == (
        "suspended", "what was approved is no longer what the directory asks for",
    )  # fmt: skip


def test_approving_does_not_override_what_is_skipped_for_another_reason() -> None:
    last = msgspec.structs.replace(DOWN, state="skipped", code="last_holder", detail="the last active admin")
    assert approved((last,), {}) == (last,)
    assert approved((last,), {last.digest: DOWN}) == (last,)


def test_an_approval_is_made_in_the_order_of_a_plan() -> None:
    allowed = {each.digest: each for each in (OUT, UP, JOIN)}
    assert [each.step for each in approved((OUT, UP, JOIN), allowed)] == [Step.PROMOTE, Step.JOIN_TEAM, Step.DEACTIVATE]


# -- undoing --------------------------------------------------------------------------------------------------------

LEFT = member("ada", active=False)
ADMIN = member("ada", "admin")


@pytest.mark.parametrize(
    ("action", "now", "step", "before", "after"),
    [
        pytest.param(CREATE, ADA, Step.DEACTIVATE, {"active": True}, {"active": False}, id="create"),
        pytest.param(IN, ADA, Step.DEACTIVATE, {"active": True}, {"active": False}, id="reactivate"),
        pytest.param(OUT, LEFT, Step.REACTIVATE, {"active": False}, {"active": True}, id="deactivate"),
        pytest.param(TITLE, ADA, Step.UPDATE, {"title": ""}, {"title": "Boss"}, id="update"),
        pytest.param(UP, ADMIN, Step.DEMOTE, {"role": "admin"}, {"role": "member"}, id="promote"),
        pytest.param(DOWN, ADA, Step.PROMOTE, {"role": "member"}, {"role": "admin"}, id="demote"),
        pytest.param(JOIN, ADA, Step.LEAVE_TEAM, {"team": "Eng"}, {}, id="join"),
        pytest.param(LEAVE, ADA, Step.JOIN_TEAM, {}, {"team": "Art"}, id="leave"),
    ],
)
def test_every_change_has_one_that_takes_it_back(
    action: Action, now: Member, step: Step, before: dict[str, JSON], after: dict[str, JSON]
) -> None:
    back = inverse(action, now, "r1")
    assert (back.step, back.kind, back.before, back.after) == (step, step.kind, before, after)
    assert (back.state, back.code, back.detail, back.cause) == ("planned", "planned", "", "undo of run r1")
    assert (back.member, back.external_id) == (ADA.id, "ada")
    assert back.evidence is None, "evidence is for removals that a directory asks for"


def test_what_takes_an_action_back_is_about_whom_the_member_is_now() -> None:
    renamed = member("ada", profile=msgspec.structs.replace(ADA.profile, email="lovelace@acme.com"))
    parked = msgspec.structs.replace(TITLE, parks="somebody", state="skipped", code="failed", detail="was locked")
    back = inverse(parked, renamed, "r1")
    assert (back.email, back.parks, back.state, back.code, back.detail) == (
        "lovelace@acme.com", "", "planned", "planned", "",
    )  # fmt: skip


def titled(title: str) -> Member:
    return member("ada", profile=msgspec.structs.replace(ADA.profile, title=title))


@pytest.mark.parametrize(
    ("action", "now", "code", "said"),
    [
        (CREATE, LEFT, "changed_since", "whether the member is active changed since that run"),
        (IN, LEFT, "changed_since", "whether the member is active changed since that run"),
        (OUT, ADA, "changed_since", "whether the member is active changed since that run"),
        (TITLE, titled("Chief"), "changed_since", "title changed since that run"),
        (UP, ADA, "changed_since", "role changed since that run"),
        (DOWN, ADMIN, "changed_since", "role changed since that run"),
        (JOIN, member("ada"), "changed_since", "the membership changed since that run"),
        (act(Step.JOIN_TEAM, {}, {"team": "Choir"}), ADA, "changed_since", "the membership changed since that run"),
        (act(Step.LEAVE_TEAM, {"team": "Choir"}), ADA, "changed_since", "the membership changed since that run"),
        (UP, None, "changed_since", "the member does not exist any more"),
        (act(Step.PROMOTE, {"role": None}, {"role": "member"}), ADA, "cannot_be_undone", "there was no value before"),
        (ADOPT, ADA, "cannot_be_undone", "a link to a directory is not taken back"),
    ],
)
def test_what_changed_since_is_left_alone_and_said(action: Action, now: Member | None, code: str, said: str) -> None:
    back = inverse(action, now, "r1")
    assert (back.state, back.code, back.detail) == ("skipped", code, said)
    assert (back.email, back.cause) == ("ada@acme.com", "undo of run r1")


def test_every_field_that_changed_since_is_named() -> None:
    both = act(Step.UPDATE, {}, {"title": "Boss", "department": "R&D", "user_name": ADA.profile.user_name, "seat": "4"})
    now = titled("Chief")
    assert fields_of(now.profile)["department"] == ""
    assert inverse(both, now, "r1").detail == "title, department, seat changed since that run"
    cleared = act(Step.UPDATE, {"seat": "4"}, {"seat": ""})
    assert inverse(cleared, ADA, "r1").state == "planned", "an additional field that is not there is a cleared one"


# -- what an action is about ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "about"),
    [
        (CREATE, {("active", "")}),
        (IN, {("active", "")}),
        (OUT, {("active", "")}),
        (act(Step.PROMOTE, {}, {"role": "admin", "seat": "full"}), {("role", "role"), ("role", "seat")}),
        (DOWN, {("role", "role")}),
        (JOIN, {("team", "Eng")}),
        (LEAVE, {("team", "Art")}),
        (TITLE, {("field", "title")}),
        (ADOPT, {("field", "managed")}),
    ],
)
def test_what_of_a_member_an_action_is_about(action: Action, about: set[tuple[str, str]]) -> None:
    assert aspects(action) == about
