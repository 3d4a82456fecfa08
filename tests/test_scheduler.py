"""When a directory is due: every rule as a table, the clock as an argument."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.health import Health
from scheduler import JITTER, MISSED, Calendar, Timetable, Trigger, next_due, spread, staggered, trigger

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)  # a Saturday
QUARTER = trigger(timedelta(minutes=15))
NIGHTLY = trigger(cron="0 2 * * *")


def at(text: str) -> datetime:
    """ "21 10:15" in November 2026, UTC."""
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("trigger", "last", "due"),
    [
        pytest.param(QUARTER, None, NOW, id="never ran: now"),
        pytest.param(QUARTER, at("21 09:50"), at("21 10:05"), id="an interval begins at the last run"),
        pytest.param(QUARTER, at("21 10:00"), at("21 10:15"), id="ran just now"),
        pytest.param(QUARTER, at("21 09:45"), NOW, id="due this moment"),
        pytest.param(QUARTER, at("14 09:00"), NOW, id="a week missed: once, now"),
        pytest.param(QUARTER, at("21 13:00"), NOW, id="the clock was set back: the last run tells nothing"),
        pytest.param(NIGHTLY, None, at("22 02:00"), id="never ran: when the line says"),
        pytest.param(NIGHTLY, at("21 02:00"), at("22 02:00"), id="ran on time"),
        pytest.param(NIGHTLY, at("20 23:00"), NOW, id="a night missed: now"),
        pytest.param(NIGHTLY, at("01 02:00"), NOW, id="many nights missed: once, now"),
        pytest.param(NIGHTLY, at("24 02:00"), at("22 02:00"), id="the clock was set back: when the line says"),
    ],
)
def test_next_due(trigger: Trigger, last: datetime | None, due: datetime) -> None:
    assert next_due(trigger, last, NOW) == due
    east = timezone(timedelta(hours=9))
    assert next_due(trigger, last and last.astimezone(east), NOW.astimezone(east)) == due


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("* * * * *", "21 10:01"),
        ("*/20 * * * *", "21 10:20"),
        ("5,35 8-18 * * *", "21 10:05"),
        ("0 0 * * 0", "22 00:00"),
        ("0 0 * * 7", "22 00:00"),
        ("0 0 * * sun", "22 00:00"),
        ("0 0 * * 1", "23 00:00"),
        ("0 0 * * MON-FRI", "23 00:00"),
        ("0 0 * * 2-4/2", "24 00:00"),
        ("0 0 * * 5-7", "22 00:00"),
        ("0 0 * * fri-sun", "22 00:00"),
        ("0 0 * * */3", "22 00:00"),
        ("0 0 25 11 *", "25 00:00"),
        ("0 0 25 nov *", "25 00:00"),
        ("0 0 25 * 1", "23 00:00"),
        ("0 0 22 * 5", "22 00:00"),
    ],
)
def test_cron_lines_mean_what_crontab_says(line: str, expected: str) -> None:
    assert next_due(trigger(cron=line), NOW, NOW) == at(expected)


def test_a_leap_day_is_waited_for() -> None:
    assert next_due(trigger(cron="0 0 29 2 *"), None, NOW) == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "cron", "said"),
    [
        (None, None, "exactly one"),
        (timedelta(minutes=1), "* * * * *", "exactly one"),
        (timedelta(0), None, "longer than nothing"),
        (timedelta(seconds=-1), None, "longer than nothing"),
        (None, "", "five fields"),
        (None, "* * * *", "five fields"),
        (None, "@daily", "five fields"),
        (None, "61 * * * *", "61"),
        (None, "x * * * *", "x"),
        (None, "*/0 * * * *", "higher than 0"),
        (None, "0 0 31 2 *", "never fires"),
        (None, "0 0 30 2 *", "never fires"),
        (None, "0 0 * * 8", "no weekday"),
        (None, "0 0 * * funday", "no weekday"),
        (None, "0 0 * * 5-1", "backwards"),
        (None, "0 0 * * 1,,2", "no weekday"),
    ],
)
def test_what_is_no_schedule(every: timedelta | None, cron: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trigger(every, cron)


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.none() | MOMENTS, st.sampled_from([QUARTER, NIGHTLY]), st.integers(min_value=0, max_value=59))
def test_due_is_never_before_now_and_always_the_same(
    now: datetime, last: datetime | None, trigger: Trigger, seconds: int
) -> None:
    offset = timedelta(seconds=seconds)
    due = next_due(trigger, last, now, offset=offset)
    assert due >= now
    assert due == next_due(trigger, last, now, offset=offset)
    assert next_due(trigger, last, due, offset=offset) == due or last is None or last > now


def test_the_offset_shifts_cron_lines_and_no_intervals() -> None:
    minute = timedelta(minutes=1)
    assert next_due(NIGHTLY, at("21 02:01"), NOW, offset=minute) == at("22 02:01")
    assert next_due(NIGHTLY, at("21 02:00"), at("21 02:00"), offset=minute) == at("21 02:01")
    assert next_due(QUARTER, at("21 09:50"), NOW, offset=minute) == at("21 10:05")
    assert next_due(QUARTER, None, NOW, offset=minute) == NOW


def test_the_spread_is_steady_bounded_and_uneven() -> None:
    shares = {spread(f"directory-{number}") for number in range(100)}
    assert len(shares) == 100
    assert all(timedelta(0) <= share < JITTER for share in shares)
    assert max(shares) - min(shares) > JITTER / 2
    assert spread("acme-okta") == spread("acme-okta")


# -- several directories ------------------------------------------------------------------------------------------


EVERY = Timetable.of("okta", timedelta(minutes=15))


def table(**due: datetime) -> Calendar:
    calendar = Calendar()
    for directory, moment in due.items():
        calendar.enter(directory, EVERY, moment)
    return calendar


def test_the_longest_overdue_is_first_and_stays_until_it_is_moved() -> None:
    due = table(okta=at("21 10:05"), entra=at("21 10:03"), google=at("21 10:15"))
    assert due.ready(NOW) == ()
    assert due.wake() == at("21 10:03")
    assert due.ready(at("21 10:10")) == ("entra", "okta")
    due.move("entra", at("21 10:25"))
    assert due.ready(at("21 10:11")) == ("okta",)
    due.move("okta", at("21 10:26"))
    assert due.ready(at("21 10:11")) == ()
    assert due.wake() == at("21 10:15")


def test_one_moment_is_ordered_by_name() -> None:
    assert table(b=NOW, a=NOW, c=NOW).ready(NOW) == ("a", "b", "c")


def test_sleeping_through_many_times_makes_one_run() -> None:
    due = table(okta=NOW)
    week = at("28 10:00")
    assert (due.ready(week), due.late(week)) == (("okta",), ("okta",))
    due.move("okta", EVERY.following(week))
    assert due.ready(week) == ()
    assert due.wake() == at("28 10:15")


def test_what_is_due_just_now_was_not_missed() -> None:
    due = table(okta=NOW)
    assert due.late(NOW + MISSED) == ()
    assert due.late(NOW + MISSED + timedelta(seconds=1)) == ("okta",)


def test_a_clock_set_back_has_nothing_wait_longer_than_its_interval() -> None:
    due = table(okta=at("21 10:15"), entra=at("21 10:05"), google=at("23 10:00"))
    assert due.too_far(NOW) == {"google": at("21 10:15") - EVERY.offset}  # of a clock before this process began
    due.move("google", at("19 10:00"))
    assert due.too_far(NOW) == {}
    assert due.too_far(at("20 10:00")) == dict.fromkeys(("okta", "entra"), at("20 10:15") - EVERY.offset)
    due.move("okta", at("20 10:15"))
    assert due.too_far(at("20 10:01")) == {}  # asked once for each jump


def test_after_a_clock_was_set_back_not_all_are_due_in_the_same_moment() -> None:
    """They would be ever after: an interval counts from the last time."""
    due = Calendar()
    for number in range(100):
        due.enter(f"okta-{number}", Timetable.of(f"okta-{number}", timedelta(minutes=15)), at("23 10:00"))
    moved = due.too_far(NOW)
    assert len({*moved.values()}) == 100
    assert min(moved.values()) > at("21 10:14")


def test_a_clock_set_back_a_little_changes_nothing() -> None:
    due = table(okta=at("21 10:05"))
    assert due.too_far(NOW) == {}
    assert due.too_far(NOW - timedelta(minutes=5)) == {}


def test_a_cron_time_is_not_missed_between_two_looks() -> None:
    nightly = Timetable.of("okta", cron="0 2 * * *")
    moment = nightly.first(at("21 02:01"), NOW)
    due = Calendar()
    due.enter("okta", nightly, moment)
    assert due.ready(moment - timedelta(seconds=1)) == ()
    assert due.ready(moment + timedelta(seconds=1)) == ("okta",)
    assert nightly.following(moment + timedelta(seconds=1)) == moment + timedelta(days=1)


def test_entering_again_replaces_and_clearing_forgets() -> None:
    due = table(okta=NOW)
    due.enter("okta", EVERY, at("21 11:00"))
    assert due.wake() == at("21 11:00")
    due.clear()
    assert due.wake() is None
    with pytest.raises(KeyError):
        due.move("okta", NOW)


def test_how_a_schedule_is_written_tells_it_from_others() -> None:
    tables = [Timetable.of("okta", timedelta(minutes=15)), Timetable.of("okta", timedelta(hours=1)),
              Timetable.of("okta", cron="0 2 * * *"), Timetable.of("okta", cron="0 3 * * *")]  # fmt: skip
    assert len({each.basis for each in tables}) == 4
    assert Timetable.of("okta", timedelta(minutes=60)).basis == tables[1].basis


@pytest.mark.parametrize(
    ("health", "again"),
    [
        pytest.param(Health(), None, id="healthy: now"),
        pytest.param(Health("short", since=NOW.isoformat()), None, id="read short: as scheduled"),
        pytest.param(Health("failing", 2, until=at("21 10:08").isoformat()), at("21 10:08"), id="until the back-off"),
        pytest.param(
            Health("failing", 5, until=at("21 11:08").isoformat()), at("21 10:15"), id="but looked at in time"
        ),
        pytest.param(Health("failing", 2, until=NOW.isoformat()), None, id="the back-off is over"),
        pytest.param(Health("failing", 1, until=at("21 16:00").isoformat()), None, id="the clock was set back"),
        pytest.param(Health("paused", 1), at("21 10:15"), id="paused: a person may have corrected it"),
    ],
)
def test_a_directory_that_cannot_be_read_is_put_off(health: Health, again: datetime | None) -> None:
    assert EVERY.put_off(health, NOW) == again


@pytest.mark.parametrize(("many", "window"), [(1, 0.0), (2, 0.25), (100, 24.75), (1000, 60.0)])
def test_many_that_were_missed_come_one_after_the_other_within_the_jitter(many: int, window: float) -> None:
    times = list(staggered([f"d{number}" for number in range(many)], NOW).values())
    assert times[0] == NOW
    assert times == sorted(set(times))
    assert times[-1] - NOW <= timedelta(seconds=window)
    if many > 1:
        assert times[-1] - NOW >= timedelta(seconds=window / 2)
