"""The daily job that deletes what is old: once a day, by one of all processes, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rosterd.daemon import retention
from rosterd.daemon.retention import FIRST, Retention, horizon
from rosterd.policies import policy_of, watched
from rosterd.settings import Settings
from store import Store
from store.due import due_times
from store.expired import Watched
from store.leases import stamp
from store.retention import Deleted
from store.runs import reports
from tests.builders import Directory, sync
from tests.rosterd.daemon.test_schedule import Clock
from tests.rosterd.files import WORKSPACE, directory, loaded
from tests.store.workspaces import edit

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return loaded(tmp_path, '[retention]\nactions = "10d"\n' + WORKSPACE + directory("okta"))


class Process:
    """One of the processes over a store, and when it deleted what is old, in hours."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self.clock, self.began, self.did = clock, clock.now, list[float]()
        self.job = Retention(lambda: settings, store, clock)

    def look(self, after: timedelta) -> Deleted | None:
        """Looks so long after the test began."""
        self.clock.now = self.began + after
        done = self.job.look()
        if done is not None:
            self.did.append(after / timedelta(hours=1))
        return done


def test_it_is_done_once_a_day_by_one_of_all(store: Store, settings: Settings) -> None:
    clock = Clock()
    one, other = (Process(store, settings, clock) for _ in range(2))
    for half_hours in range(100):
        for each in (one, other):
            each.look(half_hours * timedelta(minutes=30))
    assert sorted(one.did + other.did) == [0.5, 24.5, 48.5]
    restarted = Process(store, settings, clock)
    assert restarted.look(timedelta()) is None


def test_not_at_the_very_start_and_not_never_when_the_clock_was_set_back(store: Store, settings: Settings) -> None:
    process = Process(store, settings, Clock())
    assert process.look(timedelta()) is None
    assert process.look(FIRST - MINUTE) is None
    assert process.look(FIRST) == Deleted()
    assert process.look(-30 * DAY) == Deleted()
    assert process.look(-30 * DAY + MINUTE) is None


def test_old_runs_go_and_the_schedule_is_not_troubled_by_it(store: Store, settings: Settings) -> None:
    okta = policy_of(settings, settings.directory[0])
    people = Directory("ada")
    for title in ("a", "b", "c"):
        people.change("ada", title=title)
        sync(store, people, okta)
    edit(store, "UPDATE run SET began = '2020' || substr(began, 5)")
    clock = Clock()
    clock.now = datetime.now(UTC)
    process = Process(store, loaded(settings.file.parent, OFF) if settings.file else settings, clock)
    process.look(timedelta())
    done = process.look(FIRST)
    assert done is not None
    assert (done.runs, len(reports(store))) == (2, 1)
    assert set(due_times(store)) == {retention.KEY}


OFF = WORKSPACE + "[workspace.limits]\nflap = false\n" + directory("okta")


def test_what_counts_as_old(settings: Settings) -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert horizon(settings, moment) == (stamp(moment - 10 * DAY), stamp(moment - 7 * DAY))
    runs = settings.workspace[0].limits.flap
    assert runs
    assert watched(settings) == [Watched(settings.directory[0].id, "acme", runs.runs + 1)]
