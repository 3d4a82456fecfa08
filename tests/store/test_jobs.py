"""Jobs that carry wishes to many processes: fair between workspaces, one of each at a time; nothing stays behind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import StoreError
from store import Store, open_store
from store.database import scalar
from store.jobs import Taken, abandon, beat, end_job, feed, prepare, register, stalled, take_job, unregister
from store.leases import stamp
from store.wishes import Ask, ask, finish, put_back, wish_of
from tests.databases import Postgres

MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return stamp(MOMENT + timedelta(seconds=seconds))


@pytest.fixture
def fleet(postgres: Postgres) -> Iterator[Store]:
    """A store with procrastinate's tables, in a database of its own."""
    name = postgres.create()
    opened = open_store(postgres.url(name))
    prepare(opened)
    yield opened
    opened.close()
    postgres.drop(name)


class Worker:
    """One of procrastinate's workers. Its runs are named after it."""

    def __init__(self, store: Store, name: str = "w1") -> None:
        self.store, self.name, self.number = store, name, register(store)

    def takes(self, seconds: float) -> Taken | None:
        """The next wish, if there is one."""
        return take_job(self.store, self.number, self.name, f"run-{self.name}", at(seconds))

    def runs(self, seconds: float) -> str:
        """Takes the next wish and is done with it; the directory."""
        found = self.takes(seconds)
        assert found is not None
        finish(self.store, found.wish, at(seconds))
        end_job(self.store, found.job, found.wish.workspace, at(seconds))
        return found.wish.directory


def asks(store: Store, *directories: str, seconds: float = 0) -> list[str]:
    """Wishes for these, "acme/okta" being a directory of acme, in this order; their ids."""
    with store.write() as connection:
        return [
            ask(
                connection, Ask(name.partition("/")[0], name, "schedule"), f"{name}-{seconds}-{number}",
                at(seconds + number / 100),
            ).id
            for number, name in enumerate(directories)
        ]  # fmt: skip


def jobs(store: Store) -> int:
    """How many there are, in whatever state."""
    with store.read() as connection:
        return int(scalar(connection, "SELECT count(*) FROM procrastinate_jobs"))


def test_a_job_brings_its_wish_to_one_worker_and_is_gone_afterwards(fleet: Store) -> None:
    (wish,) = asks(fleet, "acme/okta")
    first, second = Worker(fleet, "w1"), Worker(fleet, "w2")
    assert first.takes(1) is None  # nobody made a job yet
    assert feed(fleet, at(1)) == 1
    assert feed(fleet, at(1)) == 0
    taken = first.takes(1)
    assert taken is not None
    assert (taken.wish.id, taken.wish.run, taken.wish.worker) == (wish, "run-w1", "w1")
    assert second.takes(1) is None
    finish(fleet, taken.wish, at(2))
    end_job(fleet, taken.job, "acme", at(2))
    assert jobs(fleet) == 0


def test_of_a_workspace_one_is_on_its_way_and_the_next_one_follows(fleet: Store) -> None:
    asks(fleet, "acme/okta", "acme/entra", "beta/okta")
    assert feed(fleet, at(1)) == 2
    first, second = Worker(fleet, "w1"), Worker(fleet, "w2")
    taken = first.takes(1)
    assert taken is not None
    assert taken.wish.directory == "acme/okta"
    assert second.runs(1) == "beta/okta"
    assert second.takes(1) is None
    finish(fleet, taken.wish, at(2))
    end_job(fleet, taken.job, "acme", at(2))
    assert second.runs(2) == "acme/entra"


def test_the_workspace_that_was_served_longest_ago_is_next(fleet: Store) -> None:
    worker = Worker(fleet)
    for number, name in enumerate(("acme/a", "beta/a", "core/a")):
        asks(fleet, name, seconds=number * 10)
        feed(fleet, at(number * 10))
        assert worker.runs(number * 10) == name
    asks(fleet, "core/a", "core/b", "acme/a", "acme/b", "beta/a", "dune/a", seconds=100)
    feed(fleet, at(110))
    assert [worker.runs(110 + number) for number in range(6)] == [
        "dune/a", "acme/a", "beta/a", "core/a", "acme/b", "core/b",
    ]  # fmt: skip


def test_what_waits_for_later_keeps_nobody_of_its_workspace_back(fleet: Store) -> None:
    with fleet.write() as connection:
        ask(connection, Ask("acme", "acme/a", "schedule", not_before=at(300)), "late", at(0))
    asks(fleet, "acme/b", seconds=1)
    worker = Worker(fleet)
    assert feed(fleet, at(2)) == 1
    assert worker.runs(2) == "acme/b"
    assert feed(fleet, at(299)) == 0
    assert feed(fleet, at(300)) == 1
    assert worker.runs(300) == "acme/a"


def test_what_is_put_back_comes_again(fleet: Store) -> None:
    asks(fleet, "acme/a")
    worker = Worker(fleet)
    feed(fleet, at(1))
    taken = worker.takes(1)
    assert taken is not None
    put_back(fleet, taken.wish)
    end_job(fleet, taken.job, "acme", at(2))
    assert worker.runs(2) == "acme/a"
    assert jobs(fleet) == 0


def test_a_job_whose_wish_is_over_is_passed_over(fleet: Store) -> None:
    asks(fleet, "acme/a", "beta/a")
    feed(fleet, at(1))
    with fleet.write() as connection:
        connection.exec_driver_sql("UPDATE wish SET state = 'lost', ended = 'then' WHERE directory = 'acme/a'")
    assert Worker(fleet).runs(1) == "beta/a"
    assert jobs(fleet) == 0


def test_a_silent_worker_s_jobs_are_ended_and_it_hears_of_it(fleet: Store) -> None:
    asks(fleet, "acme/a")
    feed(fleet, at(1))
    silent, alive = Worker(fleet, "w1"), Worker(fleet, "w2")
    taken = silent.takes(1)
    assert taken is not None
    assert stalled(fleet) == 0
    with fleet.write() as connection:
        connection.exec_driver_sql(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '61 s' WHERE id = %s", (silent.number,)
        )
    assert beat(fleet, alive.number)
    assert stalled(fleet) == 1
    assert not beat(fleet, silent.number)
    assert feed(fleet, at(2)) == 0  # the wish is still claimed: who puts it back is wishes.recover
    put_back(fleet, taken.wish)
    assert feed(fleet, at(3)) == 1
    end_job(fleet, taken.job, "acme", at(3))  # by the silent one, awake again: not an error, and nobody else's job
    assert alive.runs(3) == "acme/a"


def test_what_a_dead_worker_had_is_given_up_at_once(fleet: Store) -> None:
    asks(fleet, "acme/a", "beta/a")
    feed(fleet, at(1))
    dead, alive = Worker(fleet, "w1"), Worker(fleet, "w2")
    taken = dead.takes(1)
    assert taken is not None
    put_back(fleet, taken.wish)
    abandon(fleet, [taken.wish.id])
    unregister(fleet, dead.number)
    feed(fleet, at(2))
    assert sorted((alive.runs(2), alive.runs(2))) == ["acme/a", "beta/a"]
    ended = wish_of(fleet, taken.wish.id)
    assert ended is None or ended.over
    assert jobs(fleet) == 0


def test_the_tables_are_made_once_and_those_of_another_version_are_refused(fleet: Store) -> None:
    prepare(fleet)
    with fleet.write() as connection:
        connection.exec_driver_sql("ALTER FUNCTION procrastinate_retry_job_v2 RENAME TO procrastinate_retry_job_v9")
    with pytest.raises(StoreError, match="another version") as refused:
        prepare(fleet)
    assert refused.value.code == "queue_schema"
    assert refused.value.fix
