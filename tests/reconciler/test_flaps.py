"""What counts as set back and forth: tables of histories."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from reconciler.decide import Decision
from reconciler.flaps import BY_HAND, Past, history, marked, returns
from reconciler.match import Subject
from reconciler.model import JSON, Evidence
from reconciler.plan import Action, Cluster, Step
from reconciler.policy import Flap
from tests.builders import member, policy, subject


def update(before: JSON, after: JSON, member: str = "m1") -> Action:
    return Action(Step.UPDATE, "update", "ada", "ada@acme.com", member, {"title": before}, {"title": after})


def step(step: Step, **fields: JSON) -> Action:
    return Action(step, step.kind, "ada", "ada@acme.com", "m1", fields, fields)


TITLE, ACCESS, TEAM = ("field", "title"), ("active", ""), ("team", "Eng")
OFF, ON = step(Step.DEACTIVATE), step(Step.REACTIVATE)
JOIN, LEAVE = step(Step.JOIN_TEAM, team="Eng"), step(Step.LEAVE_TEAM, team="Eng")


@pytest.mark.parametrize(
    ("aspect", "actions", "expected"),
    [
        pytest.param(TITLE, [update("a", "b")], 0, id="one change"),
        pytest.param(TITLE, [update("a", "b"), update("b", "c"), update("c", "d")], 0, id="always new"),
        pytest.param(TITLE, [update("a", "b"), update("b", "a"), update("a", "b")], 2, id="two values"),
        pytest.param(TITLE, [update("x", "b"), update("x", "b"), update("x", "b")], 4, id="against somebody by hand"),
        pytest.param(TITLE, [update("a", "b"), update("b", "a", "m2"), update("b", "c")], 0, id="another member"),
        pytest.param(TITLE, [update("a", "b"), OFF, update("b", "a")], 1, id="something else in between"),
        pytest.param(ACCESS, [step(Step.CREATE), OFF, ON, OFF], 2, id="being created is no return"),
        pytest.param(TEAM, [JOIN, LEAVE, JOIN, LEAVE], 3, id="a team"),
        pytest.param(ACCESS, [OFF, OFF, OFF], 4, id="let in again by hand each time"),
    ],
)
def test_returns(aspect: tuple[str, str], actions: list[Action], expected: int) -> None:
    *past, planned = actions
    known = [Past(f"r{number}", "okta", action) for number, action in enumerate(past)]
    assert returns(history(aspect, planned, known, "okta")) == expected


def test_whom_a_change_is_put_down_to() -> None:
    past = [Past("r1", "okta", update("a", "b")), Past("r2", "google", update("c", "d"))]
    trail = history(TITLE, update("d", "a"), past, "entra")
    assert [(each.value, each.writer, each.run) for each in trail] == [
        ("a", "", ""), ("b", "okta", "r1"), ("c", BY_HAND, "r2"), ("d", "google", "r2"), ("a", "entra", "")
    ]  # fmt: skip


# -- what is marked -------------------------------------------------------------------------------------------------

ADA = subject("ada", member=member("ada"))
TWICE = policy(flap=Flap(2, 10))
TUG = [
    Past("r1", "okta", update("a", "b")),
    Past("r2", "google", update("b", "a")),
    Past("r3", "okta", update("a", "b")),
]


def marks(
    *actions: Action, past: Sequence[Past] = TUG, person: Subject = ADA, **fields: Any
) -> tuple[dict[str, tuple[Action, ...]], dict[Cluster, str]]:
    """What is set back and forth of what is decided about Ada."""
    asked = msgspec.structs.replace(TWICE, **fields)
    return marked(asked, [(person, Decision(actions))], lambda names, _flap: dict.fromkeys(names, past))


def test_a_change_that_returns_again_says_who_sets_it_back_and_forth() -> None:
    back = update("b", "a")
    changed, sentences = marks(back)
    cause = "title set back and forth by google and okta"
    assert changed == {"ada": (msgspec.structs.replace(back, cause=cause),)}
    said = '"b" by okta in r1, r3; "a" by google in r2; "a" by okta in this run'
    assert sentences == {Cluster(Step.UPDATE, "", cause): f"ada@acme.com: {said}"}


def test_the_other_actions_of_that_person_stay_as_they_are() -> None:
    promote = Action(Step.PROMOTE, "set_role", "ada", "ada@acme.com", "m1", {"role": "member"}, {"role": "admin"})
    changed, sentences = marks(promote, update("b", "a"))
    assert changed["ada"][0] == promote
    assert len(sentences) == 1


def test_a_person_who_changes_it_by_hand_is_named_last_and_before_the_run_that_found_it() -> None:
    past = [Past("r1", "okta", update("a", "b")), Past("r2", "okta", update("a", "b"))]
    _, sentences = marks(update("a", "b"), past=past)
    ((cluster, said),) = sentences.items()
    assert cluster.cause == "title set back and forth by okta and a person (by hand)"
    assert said == 'ada@acme.com: "b" by okta in r1, r2, this run; "a" by a person (by hand) before r2, this run'


def test_only_the_latest_runs_are_named() -> None:
    past = [Past(f"r{n}", "okta", update("x", "b")) for n in range(1, 6)]
    _, sentences = marks(update("x", "b"), past=past)
    (said,) = sentences.values()
    assert said.startswith('ada@acme.com: "b" by okta in r4, r5, this run; "x" by a person (by hand) before r4, r5')


@pytest.mark.parametrize(
    ("aspect", "actions", "cause"),
    [
        (ACCESS, [OFF, ON, OFF, ON], "access set back and forth by okta"),
        (TEAM, [JOIN, LEAVE, JOIN, LEAVE], "team Eng set back and forth by okta"),
        (
            ("role", "seat"),
            [
                Action(Step.PROMOTE, "set_role", "ada", "ada@acme.com", "m1", {"seat": "none"}, {"seat": "full"}),
                Action(Step.DEMOTE, "set_role", "ada", "ada@acme.com", "m1", {"seat": "full"}, {"seat": "none"}),
                Action(Step.PROMOTE, "set_role", "ada", "ada@acme.com", "m1", {"seat": "none"}, {"seat": "full"}),
            ],
            "role seat set back and forth by okta",
        ),
    ],
)
def test_what_is_called_what(aspect: tuple[str, str], actions: list[Action], cause: str) -> None:
    *past, planned = actions
    changed, sentences = marks(planned, past=[Past(f"r{n}", "okta", each) for n, each in enumerate(past)])
    assert [action.cause for action in changed["ada"]] == [cause]
    (said,) = sentences.values()
    assert returns(history(aspect, planned, [Past("r", "okta", each) for each in past], "okta")) >= 2
    assert all(value in said for value in ("on", "off") if aspect[0] != "role")


def test_a_cleared_value_is_shown_as_an_empty_text() -> None:
    past = [Past("r1", "okta", update("a", None)), Past("r2", "okta", update(None, "a"))]
    _, sentences = marks(update("a", None), past=past)
    (said,) = sentences.values()
    assert '"" by okta in r1, this run' in said


def test_the_sentence_is_about_the_first_person() -> None:
    decided = [
        (subject(name, member=member(name)), Decision((msgspec.structs.replace(update("b", "a"), email=name),)))
        for name in ("ada", "bob")
    ]
    changed, sentences = marked(TWICE, decided, lambda names, _flap: dict.fromkeys(names, TUG))
    assert sorted(changed) == ["ada", "bob"]
    assert [said.partition(":")[0] for said in sentences.values()] == ["ada"]


@pytest.mark.parametrize(
    ("actions", "person", "times"),
    [
        pytest.param([update("b", "a")], ADA, 4, id="too few returns"),
        pytest.param([update("b", "a")], subject("ada"), 2, id="no member yet"),
        pytest.param([msgspec.structs.replace(update("b", "a"), state="skipped")], ADA, 2, id="skipped anyway"),
        pytest.param([msgspec.structs.replace(OFF, evidence=Evidence.TOMBSTONE)], ADA, 0, id="who is deleted leaves"),
        pytest.param([step(Step.ADOPT)], ADA, 0, id="adopting is never repeated"),
        pytest.param([], ADA, 0, id="nothing to do"),
    ],
)
def test_what_is_not_held(actions: list[Action], person: Subject, times: int) -> None:
    assert marks(*actions, person=person, flap=Flap(times, 10)) == ({}, {})


def test_without_the_limit_nobody_is_asked_about_their_past() -> None:
    def never(names: Sequence[str], _flap: Flap) -> dict[str, Sequence[Past]]:
        raise AssertionError(names)

    assert marked(policy(), [(ADA, Decision((update("b", "a"),)))], never) == ({}, {})
    assert marked(TWICE, [(ADA, Decision())], never) == ({}, {})


def test_a_tombstone_among_other_changes_goes_through() -> None:
    left = msgspec.structs.replace(OFF, evidence=Evidence.TOMBSTONE)
    past = [Past(f"r{n}", "okta", each) for n, each in enumerate([OFF, ON, OFF, ON])]
    changed, _ = marks(update("b", "a"), left, past=[*TUG, *past])
    assert changed["ada"][1] == left
