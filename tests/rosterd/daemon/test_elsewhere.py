"""A directory that the configuration of this process does not have: another process may have read a newer one."""

import threading
from datetime import UTC, datetime

import pytest

from reconciler.errors import StoreError
from reconciler.ports import Progress
from rosterd.daemon import pace, performing, workers
from rosterd.daemon.performing import MOST_ELSEWHERE, NotConfigured
from store import Store
from store.leases import stamp
from store.wishes import Wish
from store.workers import enter
from tests.rosterd.daemon.parts import Parts, Runs, living


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds."""
    for module, name, seconds in ((pace, "BACK_OFF", 0.005), (pace, "LONGEST_BACK_OFF", 0.01), (workers, "POLL", 0.02),
                                  (performing, "ELSEWHERE", 0.005)):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


def unknown(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
    raise NotConfigured("the daemon's configuration has no directory acme/okta")


def asked_for(store: Store, *, known_after: int = 100) -> tuple[Runs, Wish]:
    """What comes of one that somebody waits for; from so many tries on the directory is known."""
    runs = Runs()
    found: list[Wish] = []

    def begin(wish: Wish, told: Progress, stop: threading.Event) -> None:
        if len(runs.began) <= known_after:
            unknown(wish, told, stop)

    runs.begin = begin

    async def story(parts: Parts) -> None:
        ticket = await parts.ask("acme/okta", "api")
        await parts.idle(lambda: bool(runs.began))
        found.append(parts.queue.look(ticket.id))

    living(store, runs, story)
    return runs, found[0]


def others(store: Store) -> None:
    """Another process lives."""
    enter(store, "other", "worker", "1.0", stamp(datetime.now(UTC)))


def test_who_waits_gets_the_error_at_once_when_there_is_no_other_process(store: Store) -> None:
    runs, wish = asked_for(store)
    assert len(runs.began) == 1
    assert wish.error is not None
    assert wish.error["code"] == "not_configured"


def test_who_waits_gets_a_run_of_the_process_that_knows(store: Store) -> None:
    """Of four processes that were reloaded one after the other, one that had not been yet refused `rosterd sync`."""
    others(store)
    runs, wish = asked_for(store, known_after=3)
    assert (len(runs.began), runs.ended, wish.state, wish.error) == (4, ["acme/okta"], "done", None)


def test_who_waits_gets_the_error_when_no_process_knows(store: Store) -> None:
    others(store)
    runs, wish = asked_for(store)
    assert len(runs.began) == MOST_ELSEWHERE + 1
    assert wish.error is not None
    assert wish.error["code"] == "not_configured"


def test_who_waits_gets_the_error_when_the_store_does_not_say_who_lives(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(_store: Store, _now: str) -> None:
        raise StoreError("the store refused: connection to server failed", code="cannot_reach")

    others(store)
    monkeypatch.setattr(performing, "living", refusing)
    assert len(asked_for(store)[0].began) == 1


def test_a_directory_that_was_taken_out_is_not_tried_for_ever(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()
    runs.begin = unknown

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta", "schedule")
        await parts.idle(lambda: len(runs.began) > MOST_ELSEWHERE)

    living(store, runs, story)
    assert len(runs.began) == MOST_ELSEWHERE + 1
    assert "it is not asked for again" in caplog.text
