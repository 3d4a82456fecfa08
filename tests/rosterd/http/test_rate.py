"""The token bucket: so many a second in the long run, many at once after a silence."""

from hypothesis import given
from hypothesis import strategies as st

from rosterd.http.rate import BURST_SECONDS, Bucket


def test_a_burst_passes_at_once_and_then_there_is_a_wait() -> None:
    bucket = Bucket(25.0)
    assert [bucket.take(0.0) for _ in range(25 * BURST_SECONDS)] == [0] * 25 * BURST_SECONDS
    assert bucket.take(0.0) == 1


def test_what_is_sustained_passes_for_ever() -> None:
    bucket = Bucket(25.0)
    assert {bucket.take(number / 25.0) for number in range(100_000)} == {0}


def test_the_wait_is_as_long_as_it_takes() -> None:
    bucket = Bucket(0.01)
    assert bucket.take(0.0) == 0
    assert bucket.take(0.0) == 100
    assert bucket.take(60.0) == 40
    assert bucket.take(101.0) == 0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = Bucket(0.01)
    assert bucket.take(50.0) == 0
    assert bucket.take(10.0) > 0


@given(
    rate=st.floats(0.1, 1000.0),
    steps=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=200),
)
def test_never_more_pass_than_the_rate_and_the_burst_allow(rate: float, steps: list[float]) -> None:
    bucket, now, passed = Bucket(rate), 0.0, 0
    for step in steps:
        now += step
        passed += bucket.take(now) == 0
    assert passed <= max(1.0, rate * BURST_SECONDS) + rate * now + 1e-6
