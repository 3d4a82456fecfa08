"""Durations, limits and addresses, both ways."""

import tomllib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rosterd.settings.values import OFF, Limit, duration_text, limit, parse_duration, split_listen, toml


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800), ("1h30m", 5400), (" 1d12h ", 129600)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "0s", "-5m", "1.5h", "5 m", "5M", "1m1h", "99999999d", "٣m"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "text"), [(900, "15m"), (86400, "24h"), (604800, "7d"), (5400, "1h30m")])
def test_a_duration_is_written_as_people_do(seconds: int, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


def test_a_limit_without_numbers_is_only_the_one_that_is_off() -> None:
    assert OFF.off
    assert not limit(1).off
    with pytest.raises(ValidationError):
        Limit(floor=3)


@pytest.mark.parametrize(
    ("listen", "parts"),
    [("127.0.0.1:8460", ("127.0.0.1", 8460)), ("[::]:80", ("::", 80)), ("localhost:0", ("localhost", 0))],
)
def test_host_and_port(listen: str, parts: tuple[str, int]) -> None:
    assert split_listen(listen) == parts


@pytest.mark.parametrize(
    "value",
    ["", 'a "quoted" \\ text', "Zoë\n\t\x7f", True, 3, 2.5, ["a", 1], {"a b": "c", "d": ["e"]}, {}, []],
)
def test_toml_reads_back_what_is_written(value: object) -> None:
    assert tomllib.loads(f"a = {toml(value)}")["a"] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(OFF, "false"), (limit(5, 10, 2), "{ count = 5, percent = 10, floor = 2 }"), (timedelta(minutes=15), '"15m"')],
)
def test_toml_of_our_own_values(value: object, text: str) -> None:
    assert toml(value) == text
