"""When a woken workspace runs."""

from rosterd.daemon.pace import (
    AGAIN,
    FEW,
    LONGEST_AGAIN,
    LONGEST_BACK_OFF,
    LONGEST_OUTAGE,
    LONGEST_REST,
    PATIENCE,
    QUIET,
    Wakes,
    again,
    back_off,
    rest,
)


def test_one_push_runs_after_a_moment_of_quiet() -> None:
    assert Wakes(10.0, 10.0).ready == 10.0 + QUIET


def test_each_push_moves_the_start_but_not_beyond_patience() -> None:
    wakes = Wakes(10.0, 10.0)
    for number in range(1, 100):
        wakes = wakes.again(10.0 + number * 0.02)
        assert wakes.ready <= 10.0 + PATIENCE
    assert wakes.ready == 10.0 + PATIENCE


def test_nothing_rests_unless_a_stream_came_meanwhile() -> None:
    assert rest(30.0, 0) == 0.0


def test_who_waits_for_each_change_makes_no_stream() -> None:
    """They see it before its run has ended, and the next one comes into the rest of that: it must not be put off."""
    wakes = Wakes(1.0, 1.0)
    assert not wakes.stream
    for _ in range(FEW):
        wakes = wakes.again(1.1)
    assert wakes.stream


def test_runs_back_to_back_are_farther_and_farther_apart_up_to_a_bound() -> None:
    assert [rest(0.1, streak) for streak in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert rest(0.1, 10_000) == LONGEST_REST


def test_long_runs_leave_half_of_the_time_to_others() -> None:
    assert {rest(7.0, streak) for streak in (1, 2, 100)} == {7.0}


def test_waits_grow_up_to_a_bound() -> None:
    waits = [back_off(tries) for tries in range(1, 30)]
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]
    assert waits[-1] == back_off(10_000) == LONGEST_BACK_OFF


def test_a_store_that_takes_nothing_is_tried_again_soon_however_long_that_lasted() -> None:
    """A disk that had room again: /readyz said no, and a leaver stayed, for as long as the disk had been full."""
    waits = [back_off(tries, outage=True) for tries in range(1, 30)]
    assert waits[:3] == [back_off(tries) for tries in range(1, 4)]
    assert waits[-1] == back_off(10_000, outage=True) == LONGEST_OUTAGE


def test_who_waits_for_another_run_asks_less_often_the_longer_it_takes() -> None:
    assert [again(waited) for waited in (-3600.0, 0.0, 1.0, 3.0, 3600.0)] == [
        AGAIN, AGAIN, 1.0, 3.0, LONGEST_AGAIN,
    ]  # fmt: skip
