"""Limits: when they trip, and what is held."""

import itertools
from collections.abc import Iterator

import pytest

from reconciler.guard import GUARDED, judge, tripped
from reconciler.plan import Action, Step, Tally
from reconciler.policy import Change, Limit
from tests.builders import policy

_NUMBERS = itertools.count()


def actions(step: Step, *clusters: tuple[str, int], state: str = "planned") -> Iterator[Action]:
    for cause, count in clusters:
        for _ in range(count):
            name = f"p{next(_NUMBERS)}"
            yield Action(step, step.kind, name, f"{name}@acme.com", name, cause=cause, state=state)  # type: ignore[arg-type]


def tally(*found: Iterator[Action]) -> Tally:
    made = Tally()
    for some in found:
        made.add(some)
    return made


def held(limits: dict[Change, Limit], made: Tally, managed: int = 100) -> dict[str, int]:
    return {hold.cause: hold.count for hold in judge(policy(limits=limits), made, managed).holds}


@pytest.mark.parametrize(
    ("limit", "count", "managed", "trips"),
    [
        (Limit(count=25), 24, 100, False),
        (Limit(count=25), 25, 100, True),  # reached is enough
        (Limit(count=25), 26, 100, True),
        (Limit(percent=10), 9, 100, False),
        (Limit(percent=10), 10, 100, True),
        (Limit(percent=10), 1, 10, True),
        (Limit(percent=0.5), 5, 1000, True),
        (Limit(percent=0.5), 4, 1000, False),
        (Limit(percent=33.4), 1, 3, False),
        (Limit(percent=10, floor=5), 4, 10, False),  # a tenant of ten loses four without a question
        (Limit(percent=10, floor=5), 5, 10, True),
        (Limit(count=3, floor=5), 4, 100, False),  # never below the floor
        (Limit(count=25, percent=10), 10, 100, True),  # either of the two
        (Limit(count=25, percent=90), 25, 1000, True),
        (Limit(percent=10), 50, 0, False),  # nobody managed yet: no percentage of nobody
        (Limit(count=25), 25, 0, True),
        (Limit(count=0), 0, 100, False),  # nothing to do is never too much
        (Limit(count=0), 1, 100, True),
        (Limit(percent=0), 1, 100, True),
        (Limit(), 10**6, 10, False),
    ],
)
def test_when_a_limit_trips(limit: Limit, count: int, managed: int, trips: bool) -> None:
    assert bool(tripped(limit, count, managed)) is trips


def test_the_largest_cluster_is_held_and_leavers_of_another_cause_go() -> None:
    made = tally(actions(Step.DEACTIVATE, ("gone", 40), ("suspended", 3), ("left the domain", 6)))
    assert held({"deactivate": Limit(count=10)}, made) == {"gone": 40}


def test_clusters_are_held_until_the_rest_is_below_the_limit() -> None:
    made = tally(actions(Step.DEACTIVATE, ("a", 9), ("b", 8), ("c", 2)))
    assert held({"deactivate": Limit(count=11)}, made) == {"a": 9}
    assert held({"deactivate": Limit(count=5)}, made) == {"a": 9, "b": 8}
    assert held({"deactivate": Limit(count=1)}, made) == {"a": 9, "b": 8, "c": 2}


def test_clusters_of_one_size_are_held_in_a_stable_order() -> None:
    limits: dict[Change, Limit] = {"deactivate": Limit(count=6)}
    one, other = ("a", 5), ("b", 5)
    assert held(limits, tally(actions(Step.DEACTIVATE, one, other))) == {"a": 5}
    assert held(limits, tally(actions(Step.DEACTIVATE, other, one))) == {"a": 5}


@pytest.mark.parametrize("change", sorted(GUARDED))
def test_each_change_has_its_own_limit(change: Change) -> None:
    made = tally(*[actions(step, ("why", 10)) for step in Step])
    verdict = judge(policy(limits={change: Limit(count=10)}), made, 100)
    assert [(hold.step, hold.count) for hold in verdict.holds] == [(GUARDED[change], 10)]
    assert verdict.held == 10


def test_without_limits_nothing_is_held() -> None:
    assert held({}, tally(*[actions(step, ("why", 1000)) for step in Step])) == {}


def test_what_is_skipped_counts_for_no_limit() -> None:
    made = tally(actions(Step.DEACTIVATE, ("gone", 9), state="skipped"), actions(Step.DEACTIVATE, ("gone", 1)))
    assert held({"deactivate": Limit(count=5)}, made) == {}


def test_the_sentence_says_what_where_and_what_to_do() -> None:
    made = tally(actions(Step.DEACTIVATE, ("no longer in the directory", 12)))
    (hold,) = judge(policy(limits={"deactivate": Limit(percent=10, floor=5)}), made, 80).holds
    assert hold.sentence == (
        "12 × deactivate held, 1 cause: no longer in the directory; 12 of 80 managed members (15 %) reaches the limit "
        "of 10 %. Look at the plan; raise [workspace.limits] deactivate if it is right"
    )
