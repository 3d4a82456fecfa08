"""The health of a directory across runs, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Refused, Unavailable
from reconciler.health import Health
from store import Store
from store.health import health_of, keep_health
from store.runs import report_of
from tests.builders import DIRECTORY, Directory, sync


@pytest.mark.parametrize(
    ("error", "state"),
    [(Unavailable("Okta answered 503"), "failing"), (Refused("Okta does not accept the token"), "paused")],
)
def test_a_scheduled_run_waits_one_by_hand_tries_and_a_whole_read_ends_it(
    store: Store, error: Unavailable | Refused, state: str
) -> None:
    directory = Directory("ada")
    first = sync(store, directory)
    assert first.health is not None
    assert first.health.last_complete is not None
    directory.error = error
    failed = sync(store, directory, trigger="schedule")
    assert failed.health is not None
    assert failed.error is not None
    assert (failed.state, failed.health.state, failed.health.failures) == ("blocked", state, 1)
    assert (failed.error["code"], failed.health.last_complete) == (error.code, first.health.last_complete)

    directory.error = None
    waiting = sync(store, directory, trigger="schedule")
    assert waiting.error is not None
    assert (waiting.state, waiting.error["code"]) == ("blocked", "directory_paused")
    assert waiting.error["message"].startswith(f"{DIRECTORY} is {state} until ")
    assert (waiting.health, "pull" in waiting.phases) == (failed.health, False)
    assert report_of(store, waiting.run) == waiting

    by_hand = sync(store, directory)
    assert by_hand.health is not None
    assert (by_hand.state, by_hand.health.state) == ("succeeded", "healthy")
    assert sync(store, directory, trigger="schedule").state == "succeeded"


def test_failures_add_up_and_a_short_read_is_none(store: Store) -> None:
    directory = Directory("ada")
    directory.error = Unavailable("Okta answered 503")
    for _ in range(3):
        sync(store, directory)
    assert (health_of(store, DIRECTORY).failures, health_of(store, DIRECTORY).last_complete) == (3, None)
    directory.error, directory.partial = None, {"groups"}
    sync(store, directory)
    short = health_of(store, DIRECTORY)
    assert (short.state, short.failures, short.message) == ("short", 0, "groups could not be read")


def test_what_is_kept_is_read_back(store: Store) -> None:
    sync(store, Directory("ada"))
    known = Health("quarantined", 12, "2026-01-01", "2026-01-02", "directory_unavailable", "503", "2999-01-01")
    keep_health(store, DIRECTORY, known)
    assert health_of(store, DIRECTORY) == known
    assert health_of(store, "unknown") == Health()


def test_ten_failures_slow_it_down_to_one_try_a_day_and_one_whole_read_ends_it(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.error = Unavailable("Okta answered 503")
    states = [sync(store, directory).health for _ in range(11)]
    assert [each and each.state for each in states] == [*["failing"] * 9, "quarantined", "quarantined"]
    last = states[-1]
    assert last is not None
    assert last.until is not None
    assert last.since is not None
    assert timedelta(hours=23) < datetime.fromisoformat(last.until) - datetime.now(UTC) <= timedelta(hours=24)
    assert sync(store, directory, apply=False).health is not None
    directory.error = None
    assert sync(store, directory).health == health_of(store, DIRECTORY)
    assert (health_of(store, DIRECTORY).state, health_of(store, DIRECTORY).failures) == ("healthy", 0)


def test_a_plan_an_approval_and_a_failure_say_when_everything_was_last_read_whole(store: Store) -> None:
    directory = Directory("ada")
    first = sync(store, directory).health
    assert first is not None
    planned = sync(store, directory, apply=False).health
    assert planned is not None
    assert (planned.last_complete or "") >= (first.last_complete or "-")
    directory.error = Refused("Okta does not accept the token")
    failed = sync(store, directory).health
    assert failed is not None
    assert (failed.state, failed.last_complete) == ("paused", planned.last_complete)
