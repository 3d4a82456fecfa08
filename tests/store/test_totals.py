"""What runs add up to and what is measured of the store, on both databases, without going through what grows."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import event, text

from connectors.scim.observe import observed
from reconciler.errors import DirectoryError
from reconciler.model import DirectoryUser, UserGone, UsersSeen, UserState
from reconciler.policy import Limit
from rosterd.ports import RunPorts, Told, run_once
from store import Store
from store.bodies import body_of
from store.database import rows
from store.leases import stamp
from store.measured import held_in, measured
from store.tokens import Token, keep_token
from store.totals import BUCKETS, Latencies, Totals, totals_in
from store.wishes import Ask, ask
from tests.builders import Directory, member, policy, sync, user
from tests.store.scim.endpoints import person, request
from tests.store.workspaces import add

NOW = "2026-11-28T12:00:00.000Z"
STRICT = policy(limits={"deactivate": Limit(count=2)})


def total(store: Store) -> Totals:
    with store.read() as connection:
        (found,) = totals_in(connection).values()
    return found


def test_runs_and_actions_add_up(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory)
    directory.suspend("bob")
    last = sync(store, directory)
    found = total(store)
    assert found.runs == {"succeeded": 2}
    assert found.actions == {"create": {"applied": 3}, "deactivate": {"applied": 1}}
    assert (found.last, found.last_state, found.wrong_since) == (last.run, "succeeded", "")


def test_a_plan_counts_for_nothing(store: Store) -> None:
    sync(store, Directory("ada"), apply=False)
    with store.read() as connection:
        assert totals_in(connection) == {}


class Clock:
    """The clock of runs: it stands still, and says when something is."""

    def __init__(self, moment: str) -> None:
        self._moment = datetime.fromisoformat(moment)

    def __call__(self) -> str:
        return stamp(self._moment)

    def forward(self, **how_much: float) -> None:
        """Time passes."""
        self._moment += timedelta(**how_much)

    def ago(self, **how_much: float) -> str:
        """A time before now."""
        return stamp(self._moment - timedelta(**how_much))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Runs of this test are on this clock."""
    made = Clock(NOW)
    monkeypatch.setattr("rosterd.ports.now", made)  # of leases; that of runs is a default argument
    monkeypatch.setitem(RunPorts.__init__.__kwdefaults__ or {}, "clock", made)
    return made


def hours(store: Store) -> dict[str, list[float]]:
    """How many leavers were timed from what, and their hours together."""
    return {since: [sum(each.counts), each.seconds / 3600] for since, each in total(store).left.items()}


def known_for_a_day(store: Store, clock: Clock) -> Directory:
    """Ada, Bob and Cyd, read a day ago for the first time and an hour ago for the last one."""
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory)
    clock.forward(hours=23)
    sync(store, directory)
    clock.forward(hours=1)
    return directory


def told(store: Store) -> None:
    """A run of a directory that tells."""
    asyncio.run(run_once(store, policy(), Told(), progress=lambda *_: None))


def push(store: Store, now: str, name: str, **body: object) -> None:
    """A request that makes or changes a user, as the listener absorbs it."""
    made = person(name, **body)
    with request(store, now=now) as resources:
        (resources.update if resources.get("User", name) else resources.insert)(made)
        resources.absorb(UsersSeen((observed(made, policy().read_attributes),)))


def leave(directory: Directory, how: str, said: str) -> None:
    if how == "suspended":
        directory.change("bob", state=UserState.SUSPENDED, off_since=said)
    else:
        directory.delete("bob")
        directory.tombstones, directory.deleted_at = ["bob"], {"bob": said}


@pytest.mark.parametrize("how", ["suspended", "deleted"])
def test_a_leaver_is_timed_from_the_directorys_own_time(store: Store, clock: Clock, how: str) -> None:
    directory = known_for_a_day(store, clock)
    leave(directory, how, clock.ago(hours=5))
    sync(store, directory)
    assert hours(store) == {"vendor": [1, 5]}


@pytest.mark.parametrize("said", ["", "yesterday", "2026-06-01T08:00:00", "2026-12-24T18:00:00Z"])
@pytest.mark.parametrize("how", ["suspended", "deleted"])
def test_a_leaver_without_a_time_is_timed_from_the_beginning_of_the_last_read_that_did_not_show_it(
    store: Store, clock: Clock, how: str, said: str
) -> None:
    """Graph has no time for accountEnabled. A time without an offset, or of later than now, is none."""
    directory = known_for_a_day(store, clock)
    leave(directory, how, said)
    sync(store, directory)
    assert hours(store) == {"last_read": [1, 1]}


def test_who_left_before_the_directory_was_read_is_timed_from_its_first_whole_read(store: Store, clock: Clock) -> None:
    """Somebody suspended for years, whom a guard held: the years are not rosterd's."""
    directory = known_for_a_day(store, clock)
    leave(directory, "suspended", "2019-01-01T00:00:00Z")
    sync(store, directory)
    assert hours(store) == {"first_read": [1, 24]}


def test_who_was_off_at_the_first_read_is_timed_from_its_beginning(store: Store, clock: Clock) -> None:
    """The database was lost, and a member is there whose account was suspended years ago."""
    add(store, member("bob"))
    directory = Directory("ada", "bob", "cyd")
    leave(directory, "suspended", "2019-01-01T00:00:00Z")
    directory.partial = {"Eng"}
    directory.add_group("Eng")
    sync(store, directory, policy(limits={"deactivate": Limit(count=0)}))
    clock.forward(hours=2)
    sync(store, directory)
    assert hours(store) == {"first_read": [1, 2]}


def test_who_is_told_is_timed_from_the_request(store: Store, clock: Clock) -> None:
    """However often the client repeats itself before the run."""
    for name in ("ada", "bob", "cyd"):
        push(store, clock(), name)
    told(store)
    clock.forward(hours=1)
    push(store, clock(), "bob", active=False)
    with request(store, now=clock()) as resources:
        resources.delete("User", "cyd")
        resources.absorb(UserGone("cyd"))
    clock.forward(hours=1)
    push(store, clock(), "bob", active=False, displayName="Sailor Bob")
    clock.forward(hours=1)
    told(store)
    assert hours(store) == {"request": [2, 4]}


def test_a_read_that_was_short_is_none_that_still_saw_somebody(store: Store, clock: Clock) -> None:
    directory = known_for_a_day(store, clock)
    directory.partial = {"users"}
    sync(store, directory)
    clock.forward(hours=1)
    directory.partial = set()
    directory.suspend("bob")
    sync(store, directory)
    assert hours(store) == {"last_read": [1, 2]}


def test_who_is_believed_to_be_absent_at_the_second_sight_left_before_the_first(store: Store, clock: Clock) -> None:
    directory = Directory(*(f"p{number:03}" for number in range(100)))
    sync(store, directory)
    clock.forward(hours=1)
    left = [f"p{number:03}" for number in range(50)]
    directory.delete(*left)
    directory.purged = set(left)
    assert sync(store, directory).counts.deactivate == 0
    clock.forward(hours=1)
    assert sync(store, directory).counts.deactivate == 50
    assert hours(store) == {"last_read": [50, 100]}


@pytest.mark.parametrize("said", ["", "2026-11-28T12:30:00Z"])
def test_since_when_somebody_is_off_is_not_forgotten_by_what_changes_about_them(
    store: Store, clock: Clock, said: str
) -> None:
    """They were held; their name changed, and they were deleted, before somebody let them go."""
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory, STRICT)
    clock.forward(hours=1)
    for name in ("bob", "cyd", "dan"):
        directory.change(name, state=UserState.SUSPENDED, off_since=said)
    sync(store, directory, STRICT)
    clock.forward(hours=1)
    for name in ("bob", "cyd"):
        directory.change(name, given_name="Other", off_since=clock.ago(minutes=1) if said else "")
    sync(store, directory, STRICT)
    clock.forward(hours=1)
    directory.delete("dan")
    directory.tombstones, directory.deleted_at = ["dan"], {"dan": clock.ago(minutes=1)}
    sync(store, directory)
    assert hours(store) == ({"vendor": [3, 7.5]} if said else {"last_read": [3, 9]})


def test_who_came_back_and_left_again_is_timed_from_the_second_time(store: Store, clock: Clock) -> None:
    directory = known_for_a_day(store, clock)
    leave(directory, "suspended", "")
    sync(store, directory)
    clock.forward(hours=1)
    directory.change("bob", state=UserState.ACTIVE, off_since="")
    sync(store, directory)
    clock.forward(hours=2)
    leave(directory, "suspended", clock.ago(minutes=30))
    sync(store, directory)
    assert hours(store) == {"last_read": [1, 1], "vendor": [1, 0.5]}


def test_totals_of_before_there_was_a_beginning_are_read(store: Store) -> None:
    sync(store, Directory("ada"))
    old = '{"runs":{"succeeded":7},"leavers":{"counts":[1,0,0,0,0,0,0,0,0,0,0],"seconds":0.5}}'
    with store.write() as connection:
        connection.execute(text("UPDATE directory_total SET body = :old"), {"old": old})
    assert total(store) == Totals(runs={"succeeded": 7})


def test_another_time_alone_changes_nobody(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.change("bob", state=UserState.SUSPENDED, off_since="2026-06-01T08:00:00Z")
    sync(store, directory)
    directory.change("bob", off_since="2026-06-02T08:00:00Z")
    assert sync(store, directory).changes == 0
    with store.read() as connection:
        found = rows(connection, "SELECT off_since FROM mirror_user WHERE external_id = 'bob'")
    assert found[0].off_since == "2026-06-01T08:00:00Z"


@pytest.mark.parametrize("off_since", ["", "2026-06-01T08:00:00Z"])
def test_a_body_holds_no_time_and_is_as_it_was_before_there_was_one(off_since: str) -> None:
    bob = user("bob", UserState.SUSPENDED, off_since=off_since)
    body = body_of(bob)
    assert body.endswith(",false,{}]")
    assert msgspec.json.decode(body, type=DirectoryUser) == msgspec.structs.replace(bob, off_since="")


@pytest.mark.parametrize(
    ("seconds", "place"), [(0.0, 0), (1.0, 0), (1.5, 1), (86400.0, len(BUCKETS) - 1), (1e9, len(BUCKETS))]
)
def test_a_latency_is_counted_in_its_bucket(seconds: float, place: int) -> None:
    latencies = Latencies()
    latencies.add(seconds)
    assert [number for number, count in enumerate(latencies.counts) if count] == [place]


def test_failures_in_a_row_have_a_beginning_and_an_end(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    broken = Directory("ada")
    broken.error = DirectoryError("no answer")
    first = sync(store, broken)
    sync(store, broken)
    found = total(store)
    assert (found.wrong_since, found.last_error) == (first.began, "no answer")
    assert found.failures == {DirectoryError("").code: 2}
    sync(store, directory)
    found = total(store)
    assert (found.wrong_since, found.was_wrong_since, found.last_error) == ("", first.began, "")


def test_what_is_held_is_measured_until_somebody_decides_or_it_is_planned_anew(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory, STRICT)
    for name in ("bob", "cyd", "dan"):
        directory.suspend(name)
    sync(store, directory, STRICT, apply=False)
    assert measured(store, NOW).held == ()
    run = sync(store, directory, STRICT)
    (held,) = measured(store, NOW).held
    assert (held.directory, held.run, held.groups, held.actions) == (run.directory, run.run, 1, 3)
    directory.restore("cyd")
    directory.restore("dan")
    sync(store, directory, STRICT)
    assert measured(store, NOW).held == ()


def test_what_plans_would_hold_is_not_gone_through(sqlite_url: str) -> None:
    """Somebody plans every hour what a guard would hold: each scrape went through all of it."""
    from store import open_store

    store = open_store(sqlite_url)
    directory = Directory(*(f"p{number:03}" for number in range(200)))
    sync(store, directory, STRICT)
    directory.suspend(*(f"p{number:03}" for number in range(100)))
    steps = [cost(store)]
    for _ in range(2):
        sync(store, directory, STRICT, apply=False)
        steps.append(cost(store))
    store.close()
    assert steps[2] - steps[1] < 100, steps  # of a database's own steps, for 100 actions more


def cost(store: Store) -> int:
    """How many steps SQLite takes to say what is held."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with store.read() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(step, 1)
        assert held_in(connection) == ()
        driver.set_progress_handler(None, 1)
    return steps


def test_the_queue_is_measured_by_who_may_run(store: Store) -> None:
    began = datetime.fromisoformat(NOW)
    with store.write() as connection:
        ask(connection, Ask("a", "one", "schedule"), "w1", stamp(began - timedelta(seconds=90)))
        later = stamp(began + timedelta(hours=1))
        ask(connection, Ask("b", "two", "push", not_before=later), "w2", stamp(began - timedelta(hours=2)))
    found = measured(store, NOW)
    assert (found.queue, found.oldest_wait) == ({"waiting": 2, "running": 0}, 90.0)


def test_the_last_token_of_a_directory_is_the_one_that_counts(store: Store) -> None:
    def token(id: str, directory: str, expires: str | None, revoked: str | None = None) -> Token:  # noqa: A002
        return Token(id, directory, "", NOW, expires=expires, revoked=revoked)

    with store.write() as connection:
        for each in (
            token("a1", "ends", "2026-12-01"), token("a2", "ends", "2026-12-08"), token("b1", "stays", None),
            token("b2", "stays", "2026-12-01"), token("c1", "over", "2026-11-01"),
            token("d1", "revoked", "2026-12-01", NOW),
        ):  # fmt: skip
            keep_token(connection, each)
    assert measured(store, NOW).token_ends == {"ends": "2026-12-08", "over": "2026-11-01"}


def test_an_empty_store_is_measured(store: Store) -> None:
    found = measured(store, stamp(datetime.now(UTC)))
    assert (found.totals, found.held, found.readings, found.oldest_wait) == ({}, (), {}, 0.0)
    assert found.database_bytes > 0


GROWS = ("run", "action", "wish", "run_tally", "mirror_user", "mirror_edge", "member", "scim_resource")


def test_measuring_goes_through_nothing_that_grows(sqlite_url: str) -> None:
    """What SQLite says it will do: no table that grows with people or time is read from end to end."""
    from store import open_store

    store = open_store(sqlite_url)
    said: list[str] = []

    def explain(cursor: sqlite3.Cursor, statement: str, parameters: tuple[object, ...]) -> None:
        if statement.startswith(("SELECT", "WITH")):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            said.extend(str(row[3]) for row in plan)

    with store.write() as connection:
        ask(connection, Ask("a", "one", "schedule"), "w1", NOW)
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory, STRICT)
    directory.suspend("bob", "cyd", "dan")
    sync(store, directory, STRICT)

    @event.listens_for(store.engine, "before_cursor_execute")
    def before(_c: object, cursor: sqlite3.Cursor, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        explain(cursor, statement, parameters)

    assert measured(store, NOW).held
    store.close()
    assert len(said) > 8
    aliases = {"r": "run", "a": "action", "m": "mirror_user"}
    scans = [line for line in said if line.startswith("SCAN")]
    partial = ("wish_waiting", "wish_running")
    bad = [
        line for line in scans
        if aliases.get(line.split()[1], line.split()[1]) in GROWS and not any(name in line for name in partial)
    ]  # fmt: skip
    assert bad == []
