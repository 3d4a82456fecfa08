"""Limits: when they trip, and what is held."""

import itertools
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from reconciler.guard import GUARDED, Gauges, judge, size_matters, tripped, windows
from reconciler.model import Evidence
from reconciler.plan import Action, Step, Tally
from reconciler.policy import Change, Limit
from tests.builders import policy

_NUMBERS = itertools.count()


def actions(
    step: Step,
    *clusters: tuple[str, int],
    state: Literal["planned", "skipped"] = "planned",
    evidence: Evidence | None = None,
    team: str = "Design",
) -> Iterator[Action]:
    before = {"team": team} if step is Step.LEAVE_TEAM else {}
    for cause, count in clusters:
        for _ in range(count):
            name = f"p{next(_NUMBERS)}"
            yield Action(
                step,
                step.kind,
                name,
                f"{name}@acme.com",
                name,
                before,
                cause=cause,
                state=state,
                evidence=evidence,
            )


def tally(*found: Iterator[Action]) -> Tally:
    made = Tally()
    for some in found:
        made.add(some)
    return made


def held(limits: dict[str, Limit], made: Tally, managed: int = 100, **gauges: Any) -> dict[str, int]:
    verdict = judge(policy(limits=limits), made, Gauges(managed, **gauges))
    return {hold.cause: hold.count for hold in verdict.holds}


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
    limits = {"deactivate": Limit(count=6)}
    one, other = ("a", 5), ("b", 5)
    assert held(limits, tally(actions(Step.DEACTIVATE, one, other))) == {"a": 5}
    assert held(limits, tally(actions(Step.DEACTIVATE, other, one))) == {"a": 5}


@pytest.mark.parametrize("change", sorted(GUARDED))
def test_each_change_has_its_own_limit(change: Change) -> None:
    made = tally(*[actions(step, ("why", 10)) for step in Step])
    verdict = judge(policy(limits={change: Limit(count=10)}), made, Gauges(100))
    assert [(hold.step, hold.count) for hold in verdict.holds] == [(GUARDED[change], 10)]
    assert verdict.held == 10


def test_without_limits_nothing_is_held() -> None:
    assert held({}, tally(*[actions(step, ("why", 1000)) for step in Step])) == {}


def test_what_is_skipped_counts_for_no_limit() -> None:
    made = tally(actions(Step.DEACTIVATE, ("gone", 9), state="skipped"), actions(Step.DEACTIVATE, ("gone", 1)))
    assert held({"deactivate": Limit(count=5)}, made) == {}


def test_the_sentence_says_what_where_and_what_to_do() -> None:
    made = tally(actions(Step.DEACTIVATE, ("no longer in the directory", 12)))
    (hold,) = judge(policy(limits={"deactivate": Limit(percent=10, floor=5)}), made, Gauges(80)).holds
    assert hold.sentence == (
        "12 deactivations, 1 cause: no longer in the directory; 12 of 80 managed members (15 %) reaches the limit "
        "of 10 % ([workspace.limits] deactivate)"
    )


# -- evidence -------------------------------------------------------------------------------------------------------


def leavers(**counts: int) -> Tally:
    """So many deactivations of each evidence, a cause for each."""
    return tally(*[actions(Step.DEACTIVATE, (name, n), evidence=Evidence(name)) for name, n in counts.items()])


def test_an_evidence_with_a_limit_of_its_own_is_judged_by_that_alone() -> None:
    limits = {
        "deactivate": Limit(count=10),
        "deactivate_tombstone": Limit(count=40),
        "deactivate_absence": Limit(count=3),
    }
    assert held(limits, leavers(tombstone=39, status=5, scope=4)) == {}
    assert held(limits, leavers(tombstone=40, status=5, scope=4)) == {"tombstone": 40}
    assert held(limits, leavers(tombstone=39, absence=3)) == {"absence": 3}
    assert held(limits, leavers(tombstone=39, absence=2, status=5, scope=5)) == {"scope": 5}


def test_a_limit_of_an_evidence_that_is_off_lets_all_of_it_go() -> None:
    limits = {"deactivate": Limit(count=10), "deactivate_status": Limit()}
    assert held(limits, leavers(status=1000, scope=9)) == {}


def test_of_clusters_of_one_size_the_less_certain_waits() -> None:
    assert held({"deactivate": Limit(count=6)}, leavers(tombstone=5, absence=5)) == {"absence": 5}
    assert held({"deactivate": Limit(count=6)}, leavers(status=5, scope=5)) == {"scope": 5}


def test_one_cause_with_two_kinds_of_evidence_is_two_clusters() -> None:
    gone = "no longer in the directory"
    made = tally(
        actions(Step.DEACTIVATE, (gone, 20), evidence=Evidence.ABSENCE),
        actions(Step.DEACTIVATE, (gone, 5), evidence=Evidence.TOMBSTONE),
    )
    verdict = judge(policy(limits={"deactivate": Limit(count=10)}), made, Gauges(100))
    assert [(hold.evidence, hold.count) for hold in verdict.holds] == [("absence", 20)]


# -- windows ----------------------------------------------------------------------------------------------------------


def test_a_slow_bleed_trips_a_window() -> None:
    limits = {"deactivate": Limit(count=10), "deactivate_24h": Limit(count=25)}
    for before, waits in [(0, {}), (21, {}), (22, {"scope": 3}), (300, {"scope": 3})]:
        assert held(limits, leavers(scope=3), used={"deactivate_24h": before}) == waits


def test_a_window_counts_every_evidence_and_says_what_was_before() -> None:
    limits = {"deactivate_tombstone": Limit(), "deactivate_7d": Limit(percent=30)}
    verdict = judge(policy(limits=limits), leavers(tombstone=2), Gauges(100, {"deactivate_7d": 28}))
    (sentence,) = [hold.sentence for hold in verdict.holds]
    assert sentence == (
        "2 deactivations, 1 cause: tombstone; 30 of 100 managed members (30 %) reaches the limit of 30 %, 28 of "
        "them in the 7d before ([workspace.limits] deactivate_7d)"
    )


def test_what_a_run_limit_holds_is_not_counted_by_a_window() -> None:
    limits = {"deactivate": Limit(count=10), "deactivate_24h": Limit(count=25)}
    assert held(limits, leavers(scope=40, status=3), used={"deactivate_24h": 20}) == {"scope": 40}


def test_windows_are_read_off_their_keys() -> None:
    keys = ["deactivate", "deactivate_1h", "leave_team_7d", "deactivate_absence", "leave_team_each"]
    assert windows(keys) == {"deactivate_1h": (Step.DEACTIVATE, 3600), "leave_team_7d": (Step.LEAVE_TEAM, 604800)}


# -- one team -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "waits"), [(60, {}), (20, {"left Ops": 10}), (0, {})])
def test_a_team_that_would_lose_half_of_its_members_keeps_them(size: int, waits: dict[str, int]) -> None:
    made = tally(
        actions(Step.LEAVE_TEAM, ("left Ops", 10), team="Ops"), actions(Step.LEAVE_TEAM, ("left Art", 9), team="Art")
    )
    limits = {"leave_team": Limit(percent=90), "leave_team_each": Limit(percent=50, floor=10)}
    assert held(limits, made, teams={"Ops": size, "Art": 9}) == waits


def test_a_cause_that_empties_one_team_is_held_for_every_team_it_touches() -> None:
    made = tally(
        actions(Step.LEAVE_TEAM, ("group eng is gone", 10), team="Ops"),
        actions(Step.LEAVE_TEAM, ("group eng is gone", 2), team="Art"),
    )
    assert held({"leave_team_each": Limit(percent=50)}, made, teams={"Ops": 10, "Art": 50}) == {"group eng is gone": 12}


def test_the_sentence_of_a_team_says_which_one_and_how_much_of_it() -> None:
    made = tally(actions(Step.LEAVE_TEAM, ("left Ops", 2), team="Ops"))
    limits = {"leave_team_each": Limit(percent=50)}
    (hold,) = judge(policy(limits=limits), made, Gauges(100, teams={"Ops": 4})).holds
    assert hold.sentence == (
        "2 departures from teams, 1 cause: left Ops; 2 of 4 members of team Ops (50 %) reaches the limit of 50 % "
        "([workspace.limits] leave_team_each)"
    )
    assert (hold.limit, hold.evidence, hold.cluster.cause) == ("leave_team_each", "", "left Ops")


def test_a_team_that_no_directory_fills_has_no_percentage() -> None:
    made = tally(actions(Step.LEAVE_TEAM, ("left Ops", 1), team="Ops"))
    assert held({"leave_team_each": Limit(percent=50)}, made, teams={}) == {}


def test_who_leaves_a_team_for_several_reasons_waits_for_each_of_them() -> None:
    made = tally(actions(Step.LEAVE_TEAM, ("left Ops", 2), ("group Ops is gone", 3), team="Ops"))
    assert held({"leave_team_each": Limit(count=5)}, made, teams={"Ops": 9}) == {"left Ops": 2, "group Ops is gone": 3}


def test_what_one_limit_holds_no_other_counts() -> None:
    made = tally(actions(Step.LEAVE_TEAM, ("left Ops", 6), team="Ops"), actions(Step.LEAVE_TEAM, ("left Art", 4)))
    limits = {"leave_team": Limit(count=10), "leave_team_each": Limit(percent=50)}
    assert held(limits, made, teams={"Ops": 6, "Design": 100}) == {"left Ops": 6}


@pytest.mark.parametrize(
    ("limit", "lost", "at_least", "matters"),
    [
        (Limit(percent=50), 5, 0, True),  # nothing known of its size
        (Limit(percent=50), 5, 10, True),  # half of ten; of more it would be less
        (Limit(percent=50), 4, 10, False),  # less than half of ten, and of anything larger
        (Limit(count=5), 5, 0, False),  # no percentage
        (Limit(count=5, percent=50), 5, 0, False),  # tripped by the number already
        (Limit(count=6, percent=50), 5, 0, True),
        (Limit(percent=50, floor=6), 5, 0, False),  # below the floor
        (Limit(percent=50, floor=5), 5, 0, True),
    ],
)
def test_a_team_is_counted_only_where_its_size_decides(limit: Limit, lost: int, at_least: int, matters: bool) -> None:
    assert size_matters(limit, lost, at_least) is matters
    if not matters:
        larger = (at_least or lost, 10 * (at_least or lost))
        assert len({bool(tripped(limit, lost, size)) for size in larger}) == 1


# -- one role -----------------------------------------------------------------------------------------------------


def demoted(count: int, value: str = "admin", cause: str = "group Admins is no longer visible") -> Tally:
    steps = Step.DEMOTE
    return tally(
        Action(steps, steps.kind, f"p{n}", "", f"p{n}", {"role": value}, {"role": "member"}, cause=cause)
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("count", "holders", "waits"),
    [(4, 5, True), (3, 6, True), (2, 5, False), (1, 1, False), (2, 4, True), (2, 0, False)],
)
def test_a_role_that_would_lose_half_of_its_holders_keeps_them(count: int, holders: int, waits: bool) -> None:
    limits = {"demote": Limit(percent=25, floor=3), "demote_each": Limit(percent=50, floor=2)}
    made = demoted(count)
    cause = "group Admins is no longer visible"
    assert held(limits, made, 1000, roles={("role", "admin"): holders}) == ({cause: count} if waits else {})


def test_each_value_is_judged_by_its_own_holders() -> None:
    made = demoted(3, "admin", "admins")
    made.add(
        Action(Step.DEMOTE, "set_role", "q", "", "q", {"role": "owner"}, {"role": "admin"}, cause="owners")
        for _ in "ab"
    )
    sizes = {("role", "admin"): 100, ("role", "owner"): 3}
    assert held({"demote_each": Limit(percent=50, floor=2)}, made, 1000, roles=sizes) == {"owners": 2}
    assert made.lowered == {("role", "admin"): 3, ("role", "owner"): 2}


def test_the_sentence_of_a_role_says_which_one_and_how_much_of_it() -> None:
    limits = {"demote_each": Limit(percent=50, floor=2)}
    (hold,) = judge(policy(limits=limits), demoted(4), Gauges(300, roles={("role", "admin"): 5})).holds
    assert hold.sentence == (
        "4 demotions, 1 cause: group Admins is no longer visible; 4 of 5 holders of role admin (80 %) reaches the limit"
        " of 50 % ([workspace.limits] demote_each)"
    )


# -- the order in which limits are asked ----------------------------------------------------------------------------


def test_one_team_is_judged_before_all_of_them() -> None:
    """What empties one team waits for that; the rest is no longer too much."""
    made = tally(
        actions(Step.LEAVE_TEAM, ("left Ops", 6), team="Ops"), actions(Step.LEAVE_TEAM, ("left Art", 7), team="Art")
    )
    limits = {"leave_team": Limit(count=10), "leave_team_each": Limit(percent=50)}
    assert held(limits, made, teams={"Ops": 6, "Art": 100}) == {"left Ops": 6}


def test_one_kind_of_evidence_is_judged_before_a_window() -> None:
    limits = {"deactivate_24h": Limit(count=10), "deactivate_absence": Limit(count=5)}
    assert held(limits, leavers(absence=6, status=7)) == {"absence": 6}


def test_the_largest_is_held_whatever_it_is_called() -> None:
    made = tally(actions(Step.DEACTIVATE, ("a few", 2), ("zero left", 9)))
    assert held({"deactivate": Limit(count=5)}, made) == {"zero left": 9}
