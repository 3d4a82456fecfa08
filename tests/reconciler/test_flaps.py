"""What counts as set back and forth: tables of histories."""

import pytest

from reconciler.flaps import BY_HAND, Past, history, returns
from reconciler.model import JSON
from reconciler.plan import Action, Step


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
