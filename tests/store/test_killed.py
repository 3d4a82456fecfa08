"""Runs whose process is gone are closed before the next run of their directory comes; none that lives is touched."""

from datetime import datetime, timedelta

import pytest

from reconciler.errors import StoreError
from store import Store, open_store
from store.database import rows
from store.killed import closed_dead
from store.leases import stamp
from store.runs import report_of
from store.totals import totals_in
from store.wishes import MOST_TRIES, Ask, ask, claim, recover
from tests.store.plans import NOW, begin, create, deactivate
from tests.store.test_leases import dead_process
from tests.store.workspaces import edit

ELSEWHERE = "UPDATE lease SET host = 'elsewhere/boot'"


def later(seconds: float) -> str:
    return stamp(datetime.fromisoformat(NOW) + timedelta(seconds=seconds))


def test_a_run_whose_lease_is_alive_is_never_touched(store: Store) -> None:
    tasks, held = begin(store, create("ada"))
    assert closed_dead(store, later(59)) == []
    edit(store, ELSEWHERE)
    with store.write() as connection:
        held.check(connection, later(50))
    assert closed_dead(store, later(100)) == []
    report = report_of(store, held.run)
    assert report is not None
    assert report.state == "running"
    assert [*tasks.apply()] == [1]


def test_a_run_whose_process_is_gone_is_closed_as_killed_and_counted_once(store: Store) -> None:
    _, held = begin(store, create("ada"), deactivate("bob"))
    edit(store, "UPDATE lease SET pid = :pid", pid=dead_process())
    assert closed_dead(store, NOW) == [(held.run, "okta", "acme")]
    assert closed_dead(store, NOW) == []
    report = report_of(store, held.run)
    assert report is not None
    assert (report.state, report.ended, report.error and report.error["code"]) == ("failed", NOW, "killed")
    _, second = begin(store)
    with store.read() as connection:
        assert {row.run for row in rows(connection, "SELECT run FROM run_tally")} == {held.run}
        assert totals_in(connection)["okta"].runs == {"killed": 1}
    assert second.token == held.token + 1


def test_a_run_elsewhere_is_closed_when_its_lease_is_over_and_writes_nothing_should_it_wake(store: Store) -> None:
    tasks, held = begin(store, create("ada"))
    edit(store, ELSEWHERE)
    assert closed_dead(store, later(59)) == []
    assert closed_dead(store, later(61)) == [(held.run, "okta", "acme")]
    with pytest.raises(StoreError) as caught:
        [*tasks.apply()]
    assert caught.value.code == "lease_lost"
    with store.read() as connection:
        assert rows(connection, "SELECT 1 FROM member") == []


def test_a_run_that_others_have_overtaken_is_closed_though_the_workspace_is_held(store: Store) -> None:
    _, held = begin(store)
    edit(store, "UPDATE lease SET run = 'other', expires_at = :until", until=later(600))
    assert closed_dead(store, NOW) == [(held.run, "okta", "acme")]
    with store.read() as connection:
        assert [row.run for row in rows(connection, "SELECT run FROM lease")] == ["other"]


def test_the_run_of_a_wish_that_is_claimed_is_its_workers_business(store: Store) -> None:
    _, held = begin(store)
    edit(store, "UPDATE lease SET run = '', expires_at = ''")
    with store.write() as connection:
        ask(connection, Ask("acme", "okta", "manual"), "w1", NOW)
    claim(store, "one", held.run, NOW)
    assert closed_dead(store, later(600)) == []


def test_the_run_of_a_wish_that_is_given_up_is_not_running_any_more(store: Store) -> None:
    """It was shown as running until the next run of its directory."""
    with store.write() as connection:
        ask(connection, Ask("acme", "okta", "manual"), "w1", NOW)
    edit(store, "UPDATE wish SET tries = :tries", tries=MOST_TRIES - 1)
    _, held = begin(store)
    claim(store, "dead", held.run, NOW)
    edit(store, "UPDATE lease SET pid = :pid", pid=dead_process())
    assert [wish.id for wish in recover(store, frozenset, NOW)] == ["w1"]
    assert closed_dead(store, NOW) == [(held.run, "okta", "acme")]


def test_a_run_that_renews_its_lease_at_this_moment_lives(postgres_url: str) -> None:
    store = open_store(postgres_url)
    _, held = begin(store)
    edit(store, ELSEWHERE)
    with store.write() as connection:
        held.check(connection, later(70))
        assert closed_dead(store, later(70)) == []
    assert closed_dead(store, later(70)) == []
    store.close()
