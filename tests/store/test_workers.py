"""Which processes are alive."""

import subprocess
import sys

import pytest

from store import Store, workers
from store.leases import dead
from store.workers import bury, enter, leave, living
from tests.store.workspaces import edit

NOON = "2026-11-21T12:00:00.000Z"
LATER = "2026-11-21T12:00:59.000Z"
TOO_LATE = "2026-11-21T12:02:01.000Z"


def test_who_says_so_is_alive_until_it_leaves_or_is_silent(store: Store) -> None:
    enter(store, "one", "serve", "1.0", NOON)
    enter(store, "two", "worker", "1.0", NOON)
    assert [each.id for each in living(store, LATER)] == ["one", "two"]
    leave(store, "two")
    assert [(each.id, each.kind) for each in living(store, LATER)] == [("one", "serve")]
    enter(store, "one", "serve", "1.0", LATER)
    assert [each.began_at for each in living(store, "2026-11-21T12:01:30.000Z")] == [NOON]
    assert living(store, TOO_LATE) == []


def test_a_process_of_this_machine_that_is_gone_is_dead_at_once(store: Store) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    enter(store, "one", "serve", "1.0", NOON)
    enter(store, "two", "serve", "1.0", NOON)
    edit(store, "UPDATE worker SET pid = :pid WHERE id = 'two'", pid=ended.pid)
    assert [each.id for each in living(store, NOON)] == ["one"]
    assert bury(store, NOON) == 1
    assert bury(store, NOON) == 0


def test_who_enters_while_another_looks_for_the_dead_is_not_one_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that started at once the second removed the first, and took its run over."""
    enter(store, "dead", "worker", "1.0", NOON)
    enter(store, "back", "worker", "1.0", NOON)

    def entering(where: str, pid: int) -> bool:
        enter(store, "new", "worker", "1.0", TOO_LATE)
        enter(store, "back", "worker", "1.0", TOO_LATE)
        return dead(where, pid)

    monkeypatch.setattr(workers, "dead", entering)
    edit(store, "UPDATE worker SET pid = 1, host = 'far/away' WHERE id = 'dead'")
    enter(store, "here", "worker", "1.0", TOO_LATE)
    assert bury(store, TOO_LATE) == 1
    assert [each.id for each in living(store, TOO_LATE)] == ["back", "here", "new"]


def test_one_elsewhere_is_alive_while_it_is_heard_of(store: Store) -> None:
    enter(store, "far", "worker", "1.0", NOON)
    edit(store, "UPDATE worker SET host = 'far/away', pid = 1")
    assert [each.id for each in living(store, LATER)] == ["far"]
    assert living(store, TOO_LATE) == []


def test_one_elsewhere_whose_clock_was_ahead_is_not_alive_until_then(store: Store) -> None:
    """It was killed before it said so again by the right clock: what it had was nobody's, and never taken over."""
    enter(store, "far", "worker", "1.0", "2036-11-21T12:00:00.000Z")
    assert [each.id for each in living(store, NOON)] == ["far"]  # of this machine, where its process lives
    edit(store, "UPDATE worker SET host = 'far/away'")
    assert living(store, NOON) == []
