"""The daily job that deletes what is old: once a day, by one of all processes, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rosterd.daemon import retention
from rosterd.daemon.retention import FIRST, SETTLED, Retention, believed, horizon
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

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


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
    assert process.look(-30 * DAY) is None
    assert process.look(-30 * DAY + SETTLED - MINUTE) is None
    assert process.look(-30 * DAY + SETTLED) == Deleted()
    assert process.look(-30 * DAY + SETTLED + MINUTE) is None


def aged(store: Store, settings: Settings, *days: int) -> Process:
    """A process that has done it once, over a store with runs that began so many days before."""
    clock = Clock()
    okta = policy_of(settings, settings.directory[0])
    people = Directory("ada")
    for number, each in enumerate(sorted(days, reverse=True)):
        people.change("ada", title=str(number))
        sync(store, people, okta)
        run = reports(store)[0].run
        edit(store, "UPDATE run SET began = :began WHERE id = :id", began=stamp(clock.now - each * DAY), id=run)
    process = Process(store, settings, clock)
    process.look(timedelta())
    assert process.look(FIRST) == Deleted()
    return process


def test_a_clock_that_was_ten_years_ahead_for_a_moment_deletes_nothing(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    process = aged(store, loaded(tmp_path, OFF_10), 9, 8, 7, 6, 1, 0)
    for after in (10 * 365 * DAY, 10 * 365 * DAY + MINUTE, HOUR, 2 * HOUR, 3 * HOUR):
        process.look(after)
    assert len(reports(store)) == 6
    assert process.look(26 * HOUR + 2 * DAY) is None  # later than a day: in an hour
    done = process.look(28 * HOUR + 2 * DAY)
    assert done is not None
    assert done.runs == 2  # the day after, as if nothing had been; the last one before the horizon stays


def test_a_clock_that_stays_ahead_deletes_a_week_more_each_day(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    process = aged(store, loaded(tmp_path, OFF_10), 9, 8, 7, 6, 1, 0)
    ahead = 10 * 365 * DAY
    gone = [process.look(ahead + hours * HOUR) for hours in (0, 1, 2, 25, 49, 73)]
    assert [None if each is None else each.runs for each in gone] == [None, 3, None, 2, 0, 0]


def test_by_hand_a_clock_that_is_ahead_counts_a_week_after_the_last_run(store: Store, settings: Settings) -> None:
    process = aged(store, settings, 3, 2)
    last = process.began - 2 * DAY
    assert believed(store, process.began) == process.began
    assert believed(store, process.began + 10 * 365 * DAY) == last + 7 * DAY


def test_by_hand_a_store_without_runs_has_nothing_to_count_from(store: Store) -> None:
    assert believed(store, Clock().now) == Clock().now


def test_what_an_earlier_version_kept_of_it_is_no_time(store: Store, settings: Settings) -> None:
    process = Process(store, settings, Clock())
    edit(store, "INSERT INTO due (directory, at, basis) VALUES (:key, :at, '1 day, 0:00:00')",
         key=retention.KEY, at=stamp(process.began - HOUR))  # fmt: skip
    assert process.look(timedelta()) is None
    assert process.look(FIRST) == Deleted()


def test_old_runs_go_and_the_schedule_is_not_troubled_by_it(store: Store, settings: Settings) -> None:
    okta = policy_of(settings, settings.directory[0])
    people = Directory("ada")
    for title in ("a", "b", "c", "d"):
        people.change("ada", title=title)
        sync(store, people, okta)
    edit(store, "UPDATE run SET began = '2020' || substr(began, 5) WHERE id <> :last", last=reports(store)[0].run)
    clock = Clock()
    clock.now = datetime.now(UTC)
    process = Process(store, loaded(settings.file.parent, OFF) if settings.file else settings, clock)
    process.look(timedelta())
    done = process.look(FIRST)
    assert done is not None
    assert (done.runs, len(reports(store))) == (2, 2)
    assert set(due_times(store)) == {retention.KEY}


OFF_10 = '[retention]\nactions = "10d"\n' + WORKSPACE + "[workspace.limits]\nflap = false\n" + directory("okta")
OFF = WORKSPACE + "[workspace.limits]\nflap = false\n" + directory("okta")


def test_what_counts_as_old(settings: Settings) -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    assert horizon(settings, moment) == (stamp(moment - 10 * DAY), stamp(moment - 7 * DAY))
    runs = settings.workspace[0].limits.flap
    assert runs
    assert watched(settings) == [Watched(settings.directory[0].id, "acme", runs.runs + 1)]
