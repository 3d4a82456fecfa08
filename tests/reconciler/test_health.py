"""What the outcomes of runs make of the health of a directory: tables, the clock as an argument."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from reconciler.health import (
    LONGEST_WAIT,
    NEVER,
    QUARANTINE,
    QUARANTINE_AFTER,
    DirectoryPaused,
    Health,
    State,
    after,
    age,
    check_due,
    resting,
    sentence,
    wait,
)

NOW = "2026-11-21T10:00:00.000Z"
THEN = "2026-11-20T10:00:00.000Z"
DOWN = {"code": "directory_unavailable", "message": "Okta answered 503", "where": "", "fix": ""}
REFUSED = {"code": "directory_refused", "message": "Okta does not accept the token", "where": "", "fix": ""}
SKIPPED = {"code": "directory_paused", "message": "too early", "where": "", "fix": ""}


def later(minutes: float) -> str:
    moment = datetime(2026, 11, 21, 10, tzinfo=UTC) + timedelta(minutes=minutes)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def failing(failures: int, state: State = "failing") -> Health:
    return Health(state, failures, THEN, NOW, "directory_unavailable", "Okta answered 503", THEN)


@pytest.mark.parametrize(
    ("before", "error", "state", "failures", "since", "until"),
    [
        pytest.param(Health(), DOWN, "failing", 1, NOW, later(5), id="first failure"),
        pytest.param(failing(1), DOWN, "failing", 2, THEN, later(10), id="second: twice as long"),
        pytest.param(failing(3), DOWN, "failing", 4, THEN, later(40), id="fourth"),
        pytest.param(failing(8), DOWN, "failing", 9, THEN, later(360), id="capped"),
        pytest.param(failing(9), DOWN, "quarantined", 10, THEN, later(24 * 60), id="quarantine"),
        pytest.param(failing(40, "quarantined"), DOWN, "quarantined", 41, THEN, later(24 * 60), id="daily from then"),
        pytest.param(Health(), REFUSED, "paused", 1, NOW, None, id="bad credentials pause at once"),
        pytest.param(failing(4), REFUSED, "paused", 5, THEN, None, id="bad credentials after failures"),
        pytest.param(failing(4, "paused"), DOWN, "failing", 5, THEN, later(80), id="tried by hand: another failure"),
        pytest.param(failing(4), SKIPPED, "failing", 4, THEN, NOW, id="what was not tried changes nothing"),
    ],
)
def test_failures(
    before: Health, error: dict[str, str], state: State, failures: int, since: str, until: str | None
) -> None:
    health = after(before, NOW, error=error, whole=False)
    assert (health.state, health.failures, health.since, health.until) == (state, failures, since, until)
    assert health.last_complete == before.last_complete
    if error is not SKIPPED:
        assert (health.code, health.message) == (error["code"], error["message"])


def test_times_are_kept_in_utc_whatever_zone_they_were_said_in() -> None:
    health = after(Health(), "2026-11-21T12:00:00.000+02:00", error=DOWN, whole=False)
    assert health.until == later(5)


@pytest.mark.parametrize("before", [Health(), failing(3), failing(12, "quarantined"), failing(1, "paused")])
def test_a_whole_read_ends_whatever_was_wrong(before: Health) -> None:
    assert after(before, NOW, error=None, whole=True) == Health(last_complete=NOW)


def test_a_short_read_is_no_failure_and_says_since_when() -> None:
    short = after(failing(3), NOW, error=None, whole=False, reason="group Ops could not be read")
    assert (short.state, short.failures, short.since, short.last_complete) == ("short", 0, NOW, THEN)
    assert short.code == "not_read_whole"
    again = after(short, later(15), error=None, whole=False, reason="group Ops could not be read")
    assert (again.since, resting(again, datetime.now(UTC))) == (NOW, None)
    assert sentence(again) == "not read whole since 2026-11-21 10:00:00 UTC: group Ops could not be read"


def test_waits_only_grow_and_end_in_one_try_a_day() -> None:
    waits = [wait(failures) for failures in range(1, QUARANTINE_AFTER + 3)]
    assert waits == sorted(waits)
    assert (waits[QUARANTINE_AFTER - 2], waits[-1]) == (LONGEST_WAIT, QUARANTINE)


@pytest.mark.parametrize(
    ("health", "now", "until"),
    [
        pytest.param(Health(), NOW, None, id="healthy"),
        pytest.param(failing(1), THEN, None, id="a clock that was set back"),
        pytest.param(failing(1), NOW, None, id="over"),
        pytest.param(failing(1), "2026-11-21T09:56:00.000Z", NOW, id="waiting"),
        pytest.param(failing(1), "2026-11-21T09:55:00.000Z", NOW, id="since this moment"),
        pytest.param(failing(1), "2026-11-21T09:54:59.999Z", None, id="longer than anything waits"),
        pytest.param(Health("paused", 1, THEN), NOW, "never", id="paused"),
    ],
)
def test_when_nothing_is_scheduled(health: Health, now: str, until: str | None) -> None:
    expected = NEVER if until == "never" else until and datetime.fromisoformat(until)
    assert resting(health, datetime.fromisoformat(now)) == expected
    if until is None:
        check_due(health, "okta", now)
    else:
        with pytest.raises(DirectoryPaused, match=f"okta is {health.state} until") as caught:
            check_due(health, "okta", now)
        said = caught.value.as_dict()
        assert (said["code"], said["where"]) == ("directory_paused", "the schedule")
        assert said["fix"] == "once that is corrected: rosterd sync okta, which always tries"


def test_what_people_read() -> None:
    assert sentence(Health()) == ""
    assert sentence(failing(3)) == (
        "failing until 2026-11-21 10:00:00 UTC;"
        " 3 reads in a row failed since 2026-11-20 10:00:00 UTC: Okta answered 503"
    )
    refused = after(Health(), NOW, error=REFUSED, whole=False)
    assert sentence(refused) == (
        "paused until a person corrects it; 1 read failed since 2026-11-21 10:00:00 UTC: Okta does not accept the token"
    )


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "just now"),
        (0.99, "just now"),
        (1, "1 minute before"),
        (1.5, "1 minute before"),
        (59, "59 minutes before"),
        (60, "1 hour before"),
        (150, "2 hours before"),
        (3 * 1440, "3 days before"),
    ],
)
def test_how_old_the_last_whole_read_is(minutes: float, said: str) -> None:
    health = Health(last_complete=NOW)
    assert age(health, later(minutes)) == f"everything was last read whole {said} (2026-11-21 10:00:00 UTC)"
    assert age(msgspec.structs.replace(health, last_complete=None), NOW) == "everything was never read whole"
