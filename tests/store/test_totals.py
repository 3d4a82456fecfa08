"""What runs add up to and what is measured of the store, on both databases, without going through what grows."""

import sqlite3
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import event

from reconciler.errors import DirectoryError
from reconciler.model import DirectoryUser, UserState
from reconciler.policy import Limit
from store import Store
from store.bodies import body_of
from store.database import rows
from store.leases import stamp
from store.measured import measured
from store.tokens import Token, keep_token
from store.totals import BUCKETS, Totals, totals_in
from store.wishes import Ask, ask
from tests.builders import Directory, policy, sync, user

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


def test_a_leaver_is_timed_from_when_the_mirror_had_them(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory)
    directory.suspend("bob")
    directory.delete("cyd")
    sync(store, directory)
    latencies = total(store).leavers
    assert sum(latencies.counts) == 2
    assert len(latencies.counts) == len(BUCKETS) + 1
    assert latencies.seconds >= 0


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        (timedelta(hours=-5), 5), (timedelta(hours=-5, minutes=-30), 5), (timedelta(hours=1), 0), ("", 0),
        ("yesterday", 0), ("2026-06-01T08:00:00", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["suspended", "deleted"])
def test_a_leaver_is_timed_from_the_directorys_own_time_when_that_can_be(
    store: Store, how: str, said: timedelta | str, hours: int
) -> None:
    off_since = stamp(datetime.now(UTC) + said) if isinstance(said, timedelta) else said
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory)
    if how == "suspended":
        directory.change("bob", state=UserState.SUSPENDED, off_since=off_since)
    else:
        directory.delete("bob")
        directory.tombstones, directory.deleted_at = ["bob"], {"bob": off_since}
    sync(store, directory)
    leavers = total(store).leavers
    assert sum(leavers.counts) == 1
    assert int(leavers.seconds // 3600) == hours


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
    latencies = Totals().leavers
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
    assert measured(store, NOW).token_ends == {"ends": "2026-12-08"}


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
        if statement.startswith("SELECT"):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            said.extend(str(row[3]) for row in plan)

    with store.write() as connection:
        ask(connection, Ask("a", "one", "schedule"), "w1", NOW)

    @event.listens_for(store.engine, "before_cursor_execute")
    def before(_c: object, cursor: sqlite3.Cursor, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        explain(cursor, statement, parameters)

    measured(store, NOW)
    store.close()
    assert len(said) > 8
    aliases = {"r": "run", "a": "action", "m": "mirror_user"}
    scans = [line for line in said if line.startswith("SCAN")]
    partial = ("wish_waiting", "wish_running", "action_held")
    bad = [
        line for line in scans
        if aliases.get(line.split()[1], line.split()[1]) in GROWS and not any(name in line for name in partial)
    ]  # fmt: skip
    assert bad == []
