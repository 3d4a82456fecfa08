"""This machine's clock against that of a directory."""

import pytest

from connectors.clocks import Clock, difference, of_clock

DATE, EPOCH = "Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000.0


def offset(*answers: tuple[float, str]) -> float | None:
    """Of answers that came when our clock said so, with their `Date`."""
    now = iter([ours for ours, _ in answers])
    clock = Clock(lambda: EPOCH + next(now))
    for _, date in answers:
        clock.note({"date": date} if date else {})
    return clock.offset


def test_the_closest_answer_counts_since_a_slow_one_only_adds_to_the_difference() -> None:
    assert offset((30, DATE), (2, DATE), (90, DATE)) == 2
    assert offset((-400, DATE)) == -400


def test_answers_without_a_date_say_nothing() -> None:
    assert offset((30, ""), (31, "yesterday")) is None
    assert [*of_clock(None, "Okta", signed=True)] == []


@pytest.mark.parametrize(
    ("ahead", "signed", "severity", "code"),
    [
        (0.4, True, "ok", "clock_right"),
        (-60.0, True, "ok", "clock_right"),
        (61.0, True, "warning", "clock_off"),
        (-299.0, True, "warning", "clock_off"),
        (301.0, True, "error", "clock_off"),
        (-301.0, True, "error", "clock_off"),
        (3000.0, False, "warning", "clock_off"),
    ],
)
def test_what_is_said_of_a_difference(ahead: float, signed: bool, severity: str, code: str) -> None:
    (found,) = of_clock(ahead, "Okta", signed=signed)
    assert (found.severity, found.code, "NTP" in found.fix) == (severity, code, severity != "ok")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(61, "61 s ahead of"), (-3600, "3600 s behind"), (-10_800, "3 h behind"), (864_000, "10 days ahead of")],
)
def test_a_difference_in_words(seconds: float, words: str) -> None:
    assert difference(seconds) == words
