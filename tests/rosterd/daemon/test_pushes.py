"""From pushes to asks: a burst is one, and what comes during a run is one after it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from reconciler.errors import StoreError
from reconciler.ports import Progress
from rosterd.daemon import pace, pushes
from rosterd.daemon.pushes import Pushes
from store import Store
from store.wishes import Ask, Ticket, Wish, depths
from tests.rosterd.daemon.parts import Parts, Runs, entered, living


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds: what is tested is the order of things."""
    for module, name, seconds in ((pace, "QUIET", 0.01), (pace, "PATIENCE", 0.05), (pace, "BACK_OFF", 0.005),
                                  (pace, "LONGEST_REST", 0.01), (pushes, "LOOK", 0.005)):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


def pushing(store: Store, runs: Runs, story: Callable[[Pushes, Parts], Awaitable[None]]) -> Runs:
    async def live(parts: Parts) -> None:
        made = Pushes(store, parts.queue, parts.trouble)
        await story(made, parts)
        await made.close()

    return living(store, runs, live)


def test_a_burst_is_one_run(store: Store) -> None:
    runs = Runs()

    async def story(pushes: Pushes, parts: Parts) -> None:
        for _ in range(500):
            pushes.told("acme/scim", "acme")
        await parts.idle(lambda: bool(runs.began))

    assert pushing(store, runs, story).began == [("acme/scim", "push")]


def test_what_comes_during_a_run_is_one_run_after_it(store: Store) -> None:
    runs = Runs()
    there, leave = threading.Event(), threading.Event()

    def begin(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        there.set()
        assert leave.wait(20)

    runs.begin = begin

    async def story(pushes: Pushes, parts: Parts) -> None:
        pushes.told("acme/scim", "acme")
        await entered(there)
        for _ in range(20):
            pushes.told("acme/scim", "acme")
            await asyncio.sleep(0.01)
        assert len(runs.began) == 1
        leave.set()
        await parts.idle(lambda: len(runs.began) > 1)

    assert len(pushing(store, runs, story).began) == 2


def test_what_the_store_refuses_is_told_and_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs()
    why: list[str] = []

    async def story(pushes: Pushes, parts: Parts) -> None:
        asking = parts.queue.ask
        refusals = iter(range(3))

        def refusing(wanted: Ask) -> Ticket:
            why.append(parts.trouble.why())
            if next(refusals, None) is not None:
                raise StoreError("the store refused: database or disk is full", code="disk_full")
            return asking(wanted)

        monkeypatch.setattr(parts.queue, "ask", refusing)
        pushes.told("acme/scim", "acme")
        await parts.idle(lambda: bool(runs.began))
        why.append(parts.trouble.why())

    assert pushing(store, runs, story).began == [("acme/scim", "push")]
    assert why == ["", "disk_full", "disk_full", "disk_full", ""]


def test_what_was_told_last_is_asked_for_at_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes run it, and none of them starts: of a rolling update the new ones have started by then."""
    monkeypatch.setattr(pace, "QUIET", 60.0)
    monkeypatch.setattr(pace, "PATIENCE", 60.0)

    async def live() -> None:
        parts = Parts(store, Runs())
        pushes = Pushes(store, parts.queue, parts.trouble)
        pushes.told("acme/scim", "acme")
        await asyncio.sleep(0.05)
        assert await asyncio.to_thread(depths, store) == {"waiting": 0, "running": 0}
        await pushes.close()

    asyncio.run(live())
    assert depths(store) == {"waiting": 1, "running": 0}
