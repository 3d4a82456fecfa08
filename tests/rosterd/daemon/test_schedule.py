"""The schedule over a store: it asks for what is due, once, whoever else looks, whatever the clock does."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.health import Health
from rosterd.daemon import schedule
from rosterd.daemon.queue import Queue
from rosterd.daemon.schedule import Schedule
from rosterd.settings import DirectorySettings
from rosterd.trouble import Trouble
from store import Store, open_store
from store.database import rows, scalar
from store.due import due_times
from store.health import keep_health
from store.leases import stamp
from store.wishes import Ask, Ticket, ask, claim, finish
from tests.rosterd.files import WORKSPACE, directory, loaded
from tests.store.workspaces import edit

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def configured(folder: Path, *blocks: str) -> tuple[DirectorySettings, ...]:
    return loaded(folder, WORKSPACE + "".join(blocks)).directory


QUARTERLY = directory("okta", 'every = "15m"')
NOON = directory("entra", 'cron = "0 12 * * *"')
TOLD = directory("scim")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Watched:
    """A schedule over a store, and what it asked for."""

    def __init__(self, store: Store, directories: Sequence[DirectorySettings], clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.asked: list[str] = []
        self.trouble = Trouble()
        self.schedule = Schedule(store, Queue(store, self.asked.extend), self.trouble, clock)
        self.schedule.configure(directories)

    def at(self, moment: timedelta) -> list[str]:
        """The directories that it asks for when it looks so long after 10:00; their runs end at once."""
        self.clock.now = NOW + moment
        self.schedule.look()
        return done(self.store)


def done(store: Store) -> list[str]:
    """Runs everything that waits."""
    found = []
    later = stamp(datetime(2030, 1, 1, tzinfo=UTC))
    while (wish := claim(store, "one", "run", later)) is not None:
        assert wish.trigger == "schedule"
        found.append(wish.directory)
        finish(store, wish, later)
    return sorted(found)


def due(store: Store, name: str) -> str:
    with store.read() as connection:
        return str(scalar(connection, "SELECT at FROM due WHERE directory = :d", d=name))


def ran(store: Store, name: str, moment: datetime) -> None:
    """A run of a directory that began at a moment."""
    report = (
        f'{{"run":"{stamp(moment)}","workspace":"acme","directory":"{name}","trigger":"schedule","mode":"full",'
        f'"state":"succeeded","began":"{stamp(moment)}"}}'
    )
    edit(
        store,
        "INSERT INTO run (id, workspace, directory, state, began, report)"
        " VALUES (:id, 'acme', :d, 'succeeded', :id, :r)",
        id=stamp(moment), d=name, r=report,
    )  # fmt: skip


def test_what_never_ran_is_read_at_once_and_then_at_its_intervals(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    asked = {minute: watched.at(minute * MINUTE) for minute in range(0, 62, 1)}
    assert [minute for minute, names in asked.items() if names] == [0, 15, 30, 45, 60]


def test_each_kind_has_its_times(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY, NOON, TOLD), Clock())
    asked: dict[str, list[int]] = {}
    for minute in range(0, 26 * 60, 5):
        for name in watched.at(minute * MINUTE):
            asked.setdefault(name, []).append(minute)
    assert asked["scim"] == [24 * 60]
    assert len(asked["okta"]) == 26 * 4
    assert [minute // 60 for minute in asked["entra"]] == [2]  # the jitter is below five minutes


def test_a_restart_neither_forgets_nor_reads_again(store: Store, tmp_path: Path) -> None:
    clock, directories = Clock(), configured(tmp_path, QUARTERLY)
    assert Watched(store, directories, clock).at(0 * MINUTE) == ["okta"]
    clock.now = NOW + 14 * MINUTE
    again = Watched(store, directories, clock)
    assert again.at(14 * MINUTE) == []
    assert again.at(15 * MINUTE) == ["okta"]


def test_what_an_older_version_ran_counts(store: Store, tmp_path: Path) -> None:
    ran(store, "okta", NOW - 10 * MINUTE)
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    assert (watched.at(4 * MINUTE), watched.at(5 * MINUTE)) == ([], ["okta"])


def test_a_night_switched_off_is_one_run_in_the_morning(store: Store, tmp_path: Path) -> None:
    clock, directories = Clock(), configured(tmp_path, QUARTERLY)
    Watched(store, directories, clock).at(0 * MINUTE)
    morning = Watched(store, directories, clock)
    assert morning.at(600 * MINUTE) == ["okta"]
    assert morning.at(601 * MINUTE) == []
    assert morning.at(615 * MINUTE) == ["okta"]


def many(folder: Path, number: int) -> tuple[DirectorySettings, ...]:
    return configured(
        folder, *(directory("okta", 'every = "15m"', name=f"okta-{each:03d}") for each in range(number))
    )  # fmt: skip


@pytest.mark.parametrize("missed", [timedelta(0), timedelta(hours=8)], ids=["first start", "restart"])
def test_many_come_one_after_the_other(store: Store, tmp_path: Path, missed: timedelta) -> None:
    clock, directories = Clock(), many(tmp_path, 80)
    if missed:
        first = Watched(store, directories, clock)
        for second in range(0, 60, 5):
            first.at(timedelta(seconds=second))
    clock.now = NOW + missed
    watched = Watched(store, directories, clock)
    asked = [watched.at(missed + timedelta(seconds=second)) for second in range(22)]
    assert sum(len(names) for names in asked) == 80
    assert len({name for names in asked for name in names}) == 80
    assert max(len(names) for names in asked) <= 5


def test_of_several_processes_one_asks(store: Store, tmp_path: Path) -> None:
    directories = configured(tmp_path, QUARTERLY, TOLD)
    watched = [Watched(store, directories, Clock()) for _ in range(3)]
    asked = [[each.at(minute * MINUTE) for each in watched] for minute in range(0, 31, 1)]
    runs = [name for minute in asked for names in minute for name in names]
    assert sorted(runs) == ["okta", "okta", "okta"]
    assert sum(len(each.asked) for each in watched) == 3


def test_a_process_that_starts_while_another_runs_does_not_ask_again(store: Store, tmp_path: Path) -> None:
    clock, directories = Clock(), configured(tmp_path, QUARTERLY)
    late = Schedule(store, Queue(store), Trouble(), clock)
    known = due_times(store)
    assert Watched(store, directories, clock).at(0 * MINUTE) == ["okta"]
    with pytest.MonkeyPatch.context() as patch:  # it looked before the other one had entered it
        answers = iter([known])
        patch.setattr(schedule, "due_times", lambda store: next(answers, None) or due_times(store))
        late.configure(directories)
    late.look()
    assert done(store) == []


def test_another_schedule_counts_at_once(store: Store, tmp_path: Path) -> None:
    clock = Clock()
    watched = Watched(store, configured(tmp_path, QUARTERLY), clock)
    watched.at(0 * MINUTE)
    ran(store, "okta", NOW)
    clock.now = NOW + 3 * MINUTE
    watched.schedule.configure(configured(tmp_path, directory("okta", 'every = "5m"')))
    assert [watched.at(minute * MINUTE) for minute in (4, 5, 9, 10)] == [[], ["okta"], [], ["okta"]]


def test_a_directory_that_is_taken_out_is_not_asked_for(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY, TOLD), Clock())
    watched.at(MINUTE)
    watched.schedule.configure(configured(tmp_path, TOLD))
    assert watched.at(20 * MINUTE) == []


def test_a_machine_that_slept_reads_each_directory_once(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY, TOLD), Clock())
    watched.at(0 * MINUTE)
    watched.at(1 * MINUTE)
    week = timedelta(days=7)
    slept = [name for second in range(10) for name in watched.at(week + timedelta(seconds=second))]
    assert sorted(slept) == ["okta", "scim"]


def test_a_clock_that_is_set_back_keeps_nobody_waiting_longer_than_an_interval(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    watched.at(0 * MINUTE)
    assert watched.at(timedelta(days=-3)) == []
    assert watched.at(timedelta(days=-3, minutes=15)) == ["okta"]


def test_a_start_with_the_clock_set_back_keeps_nobody_waiting_either(store: Store, tmp_path: Path) -> None:
    clock, directories = Clock(), configured(tmp_path, QUARTERLY)
    Watched(store, directories, clock).at(0 * MINUTE)
    clock.now = NOW - timedelta(days=3)
    assert Watched(store, directories, clock).at(timedelta(days=-3, minutes=15)) == ["okta"]


@given(st.lists(st.integers(-3 * 86400, 3 * 86400), max_size=12))
@hypothesis(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_the_clock_jumps_a_quarter_of_an_hour_later_it_was_read(
    sqlite_store: Store, tmp_path: Path, jumps: list[int]
) -> None:
    edit(sqlite_store, "DELETE FROM due")
    watched = Watched(sqlite_store, configured(tmp_path, QUARTERLY), Clock())
    for jump in jumps:
        watched.at(timedelta(seconds=jump))
    last = timedelta(seconds=jumps[-1] if jumps else 0)
    watched.at(last)
    assert [name for minute in range(16) for name in watched.at(last + minute * MINUTE)] == ["okta"]


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Store:
    return open_store(sqlite_url)


def test_a_directory_that_cannot_be_read_rests(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    watched.at(0 * MINUTE)
    edit(store, "INSERT INTO directory (id, generation, policy_digest) VALUES ('okta', 0, '')")
    keep_health(store, "okta", Health("failing", 4, since=stamp(NOW), until=stamp(NOW + 40 * MINUTE)))
    asked = {minute: watched.at(minute * MINUTE) for minute in range(1, 60)}
    assert [minute for minute, names in asked.items() if names] == [40, 55]


def test_a_paused_directory_is_asked_for_once_a_person_has_corrected_it(store: Store, tmp_path: Path) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    watched.at(0 * MINUTE)
    edit(store, "INSERT INTO directory (id, generation, policy_digest) VALUES ('okta', 0, '')")
    keep_health(store, "okta", Health("paused", 1, since=stamp(NOW)))
    assert [watched.at(minute * MINUTE) for minute in range(15, 600, 15)] == [[]] * 39
    keep_health(store, "okta", Health(last_complete=stamp(NOW)))
    assert watched.at(601 * MINUTE) == ["okta"]


def test_a_transaction_that_is_rolled_back_loses_no_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())

    def full(*_: object) -> None:
        raise StoreError("the store refused: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(schedule, "ask", full)
        with pytest.raises(StoreError):
            watched.at(0 * MINUTE)
    with store.read() as connection:
        assert rows(connection, "SELECT 1 FROM wish") == []
    assert watched.at(1 * MINUTE) == ["okta"]
    assert due(store, "okta") == stamp(NOW + 16 * MINUTE)


def test_what_is_due_while_the_store_refuses_is_told_and_asked_for_after_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "STORE_AGAIN", 0.005)
    watched = Watched(store, configured(tmp_path, QUARTERLY), Clock())
    why: list[str] = []

    def asking(connection: Connection, wanted: Ask, new: str, moment: str) -> Ticket:
        why.append(watched.trouble.why())
        if len(why) < 4:
            raise StoreError("the store refused: database or disk is full", code="disk_full")
        return ask(connection, wanted, new, moment)

    async def keeping() -> None:
        task = asyncio.create_task(watched.schedule.keep())
        while not watched.asked or watched.trouble.why():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        task.cancel()

    monkeypatch.setattr(schedule, "ask", asking)
    asyncio.run(keeping())
    assert why == ["", "disk_full", "disk_full", "disk_full"]
    assert len(watched.asked) == 1


def test_who_was_ahead_and_is_gone_keeps_nobody_waiting(store: Store, tmp_path: Path) -> None:
    """A machine with a wrong clock moved the times on for ten years, and ended before it was corrected."""
    wrong, right = Clock(), Clock()
    here, there = (Watched(store, configured(tmp_path, QUARTERLY), clock) for clock in (right, wrong))
    assert here.at(0 * MINUTE) == ["okta"]
    assert there.at(10 * 365 * 24 * 60 * MINUTE) == ["okta"]
    asked = {minute: here.at(minute * MINUTE) for minute in range(1, 46)}
    assert [minute for minute, names in asked.items() if names] == [30, 45]  # at 15 it finds out


def test_processes_that_move_times_in_another_order_do_not_wait_for_each_other(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One held the time of a directory and wanted the queue, the other the queue and wanted that time: a deadlock."""
    store, clock = open_store(postgres_url), Clock()
    okta, entra = directory("okta", 'every = "15m"'), directory("entra", 'every = "15m"')
    one = Watched(store, configured(tmp_path, okta, entra), clock)
    (tmp_path / "other").mkdir()
    other = Watched(store, configured(tmp_path / "other", entra), clock)
    clock.now += MINUTE
    edit(store, "UPDATE due SET at = :at WHERE directory = 'entra'", at=stamp(clock.now))
    for each in (one, other):  # okta is due before entra
        each.schedule.configure(
            configured(tmp_path, okta, entra) if each is one else configured(tmp_path / "other", entra)
        )
    begun = threading.Event()
    asking = ask

    def slowly(connection: Connection, wanted: Ask, id: str, now: str) -> Ticket:  # noqa: A002 - a wish's
        ticket = asking(connection, wanted, id, now)
        if wanted.directory == "okta":
            begun.set()
            time.sleep(0.3)  # meanwhile the other one gets as far as it can
        return ticket

    monkeypatch.setattr(schedule, "ask", slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.schedule.look)
        assert begun.wait(20)
        other.schedule.look()
        first.result(20)
    store.close()
