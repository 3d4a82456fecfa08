"""Workers and what they do with a claimed wish: one run at a time in a workspace, nothing that happens to a run ends
them, and what came of it is told to who asked."""

import asyncio
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import RunError, StoreError
from reconciler.ports import Progress
from reconciler.report import Report
from rosterd.daemon import lasting, pace, performing, presence, workers
from rosterd.daemon.queue import Queue, WishGone
from store import Store, open_store
from store.leases import WorkspaceBusy, stamp
from store.wishes import Wish, claim, depths, finish, recover, wish_of
from store.workers import enter
from store.workers import living as alive
from tests.rosterd.daemon.parts import Parts, Runs, entered, living, wanted


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds: what is tested is the order of things."""
    for module, name, seconds in (
        (pace, "AGAIN", 0.005), (pace, "LONGEST_AGAIN", 0.01), (pace, "BACK_OFF", 0.005),
        (workers, "POLL", 0.02), (performing, "STORE_AGAIN", 0.01), (presence, "BEAT", 0.05),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


def test_who_asks_gets_a_report_and_sees_how_far_it_is(store: Store) -> None:
    runs = Runs()
    seen: list[Wish] = []
    go = threading.Event()

    def begin(_wish: Wish, told: Progress, _stop: threading.Event) -> None:
        told("pull", 7, None)
        assert go.wait(20)

    runs.begin = begin

    async def story(parts: Parts) -> None:
        ticket = await parts.ask("acme/okta", "manual", verify=True)

        def follow() -> None:
            for wish in parts.queue.follow(ticket.id, 0.005):
                seen.append(wish)
                if wish.progress is not None:
                    go.set()

        await asyncio.to_thread(follow)

    living(store, runs, story)
    last = seen[-1]
    assert (last.state, last.verify, last.error) == ("done", True, None)
    assert last.run
    assert any(wish.progress is not None and wish.progress.done == 7 for wish in seen)
    assert runs.ended == ["acme/okta"]


def test_directories_of_one_workspace_take_turns_and_workspaces_run_at_once(store: Store) -> None:
    runs = Runs()
    both = threading.Barrier(2, timeout=20)

    def begin(wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        if wish.directory in ("acme/scim", "beta/scim"):
            both.wait()

    runs.begin = begin

    async def story(parts: Parts) -> None:
        for directory in ("acme/scim", "acme/okta", "beta/scim"):
            await parts.ask(directory)
        await parts.idle()

    living(store, runs, story)
    assert sorted(runs.ended) == ["acme/okta", "acme/scim", "beta/scim"]
    assert runs.most == 2


def test_no_more_run_at_once_than_there_are_slots(store: Store) -> None:
    async def story(parts: Parts) -> None:
        for workspace in ("acme", "beta", "core"):
            await parts.ask(f"{workspace}/okta")
        await parts.idle()

    assert living(store, Runs(), story, slots=1).most == 1


def test_asks_of_other_processes_are_found(store: Store) -> None:
    async def story(parts: Parts) -> None:
        await asyncio.to_thread(Queue(store).ask, wanted("acme/okta"))
        await parts.idle()

    assert living(store, Runs(), story).ended == ["acme/okta"]


def test_a_workspace_that_is_held_is_tried_again_soon(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()

    def begin(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        if len(runs.began) < 4:
            raise WorkspaceBusy("run 7 holds workspace acme")

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta", "schedule")
        await parts.idle(lambda: len(runs.began) >= 4)

    with caplog.at_level(logging.INFO):
        living(store, runs, story)
    assert runs.began == [("acme/okta", "schedule")] * 4
    assert caplog.text == ""


def test_a_run_that_breaks_is_logged_without_its_text_and_tried_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    runs = Runs()

    def begin(wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        if wish.directory == "acme/okta" and runs.began.count(("acme/okta", "push")) < 3:
            raise ValueError("ada@acme.com")

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta")
        await parts.ask("beta/okta")
        await parts.idle(lambda: len(runs.began) >= 4)

    assert sorted(living(store, runs, story).ended) == ["acme/okta", "beta/okta"]
    assert "ValueError at" in caplog.text
    assert "ada@acme.com" not in caplog.text


def test_who_asked_by_hand_gets_the_error_and_no_second_try(store: Store) -> None:
    runs = Runs()
    told: list[Wish] = []

    def begin(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        raise RunError("no such key", where="here", fix="that")

    runs.begin = begin

    async def story(parts: Parts) -> None:
        ticket = await parts.ask("acme/okta", "api")
        await parts.idle(lambda: bool(runs.began))
        told.append(parts.queue.look(ticket.id))

    living(store, runs, story)
    assert told[0].error is not None
    assert (told[0].state, told[0].error["message"], told[0].error["fix"]) == ("done", "no such key", "that")
    assert len(runs.began) == 1


def test_a_part_that_breaks_by_a_fault_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It broke silently, and a daemon that looked alive claimed nothing any more."""
    monkeypatch.setattr(lasting, "AGAIN", 0.01)
    tries: list[int] = []

    def claiming(store: Store, worker: str, run: str, now: str) -> Wish | None:
        tries.append(1)
        if len(tries) < 3:
            raise KeyError("ada@acme.com")
        return claim(store, worker, run, now)

    monkeypatch.setattr(workers, "claim", claiming)

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta")
        await parts.idle(lambda: len(tries) > 3)

    assert living(store, Runs(), story).ended == ["acme/okta"]
    assert "claiming broke by a fault of rosterd's" in caplog.text
    assert "ada@acme.com" not in caplog.text


def test_a_run_that_a_full_disk_broke_is_tried_soon_again_however_often_that_was(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait doubled up to five minutes: so long a leaver stayed, and /readyz said no, when there was room again."""
    monkeypatch.setattr(pace, "LONGEST_OUTAGE", 0.01)
    runs = Runs()

    def begin(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        if caplog.text.count("run broke") < 14:  # 0.005 s, doubled so often, is more than a minute
            raise StoreError("the store refused: database or disk is full", code="disk_full")

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta", "push")
        await parts.idle(lambda: bool(runs.ended))

    assert living(store, runs, story).ended == ["acme/okta"]
    assert "for the 14. time in a row; again in 0.01 s" in caplog.text


def test_a_stop_waits_for_what_runs_and_begins_nothing_more(store: Store) -> None:
    runs = Runs()
    there, go = threading.Event(), threading.Event()

    def begin(_wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        there.set()
        assert go.wait(20)

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/scim")
        await entered(there)
        await parts.ask("acme/okta")
        stopping = asyncio.create_task(parts.workers.stop(10.0))
        await asyncio.sleep(0)  # it begins no more
        go.set()
        assert await stopping

    assert living(store, runs, story, slots=1).ended == ["acme/scim"]
    assert depths(store) == {"waiting": 1, "running": 0}


def test_a_run_that_does_not_end_is_handed_over(store: Store) -> None:
    runs = Runs()
    there = threading.Event()

    def begin(_wish: Wish, _told: Progress, stop: threading.Event) -> None:
        there.set()
        assert stop.wait(20)
        raise asyncio.CancelledError

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta")
        await entered(there)
        assert await parts.workers.stop(0.05)

    assert living(store, runs, story).ended == []
    assert depths(store) == {"waiting": 1, "running": 0}
    assert alive(store, stamp(datetime.now(UTC))) == []


def test_a_sign_of_life_that_comes_late_brings_nobody_back(store: Store) -> None:
    """The last one is made in a thread, which may come to it when the process has left."""
    here = Parts(store, Runs()).presence
    here.show()
    assert [each.id for each in alive(store, stamp(datetime.now(UTC)))] == [here.id]
    asyncio.run(here.leave())
    here.show()
    assert alive(store, stamp(datetime.now(UTC))) == []


def test_what_a_dead_worker_had_is_taken_over(store: Store) -> None:
    long_ago = stamp(datetime.now(UTC) - timedelta(minutes=5))
    enter(store, "dead", "serve", "1.0", long_ago)
    ticket = Queue(store).ask(wanted("acme/okta", "schedule"))
    assert claim(store, "dead", "run0", long_ago) is not None

    async def story(parts: Parts) -> None:
        await parts.idle()

    assert living(store, Runs(), story).ended == ["acme/okta"]
    found = wish_of(store, ticket.id)
    assert found is not None
    assert found.state == "done"


def test_an_outcome_that_the_store_does_not_take_is_kept_until_it_does(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = iter(range(3))
    why: list[str] = []

    async def story(parts: Parts) -> None:
        def refusing(store: Store, wish: Wish, now: str) -> bool:
            if next(refusals, None) is not None:
                why.append(parts.trouble.why())
                full = StoreError("the store refused: database or disk is full")
                full.code = "disk_full"
                raise full
            return finish(store, wish, now)

        monkeypatch.setattr(performing, "finish", refusing)
        await parts.ask("acme/okta")
        await parts.idle(lambda: len(why) == 3)
        assert parts.trouble.why() == ""

    living(store, Runs(), story)
    assert why == ["", "disk_full", "disk_full"]
    assert caplog.text.count("ERROR") == 1
    assert depths(store) == {"waiting": 0, "running": 0}


def test_a_claim_whose_answer_was_lost_is_found_and_made_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database committed, and then was gone: nobody knew of the run, and its workspace was never free again."""
    monkeypatch.setattr(workers, "STORE_AGAIN", 0.02)
    lost: list[Wish | None] = []

    def claiming(store: Store, worker: str, run: str, now: str) -> Wish | None:
        found = claim(store, worker, run, now)
        if found is not None and not lost:
            lost.append(found)
            raise StoreError("the store refused: server closed the connection unexpectedly")
        return found

    monkeypatch.setattr(workers, "claim", claiming)

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta", "manual")
        await parts.idle()

    assert living(store, Runs(), story).ended == ["acme/okta"]
    assert "nobody is at run" in caplog.text


def test_who_hears_of_a_run_does_not_keep_it_from_ending(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()

    def note(_wish: Wish, _report: Report) -> None:
        raise ValueError("ada@acme.com")

    runs.note = note  # type: ignore[method-assign, assignment]

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta")
        await parts.idle()

    living(store, runs, story)
    assert depths(store) == {"waiting": 0, "running": 0}
    assert "ValueError at" in caplog.text
    assert "ada@acme.com" not in caplog.text


def test_a_wish_that_comes_back_while_its_first_run_still_ends_is_another_run(store: Store) -> None:
    """This process was paused, another one took its wish over and put it back, and this one has a free slot."""
    runs = Runs()
    there, go = threading.Event(), threading.Event()

    def begin(wish: Wish, _told: Progress, _stop: threading.Event) -> None:
        if len(runs.began) == 1:
            runs.by_workspace[wish.workspace] = 0  # the lease is what keeps two runs apart here
            there.set()
            assert go.wait(20)
            runs.by_workspace[wish.workspace] = 1

    runs.begin = begin

    async def story(parts: Parts) -> None:
        await parts.ask("acme/okta", "manual")
        await entered(there)
        assert recover(store, frozenset, stamp(datetime.now(UTC)))
        parts.workers.announced(())
        await parts.idle_but(1, lambda: runs.ended == ["acme/okta"])
        go.set()
        await parts.idle()

    assert living(store, runs, story).ended == ["acme/okta"] * 2
    assert depths(store) == {"waiting": 0, "running": 0}


def test_a_wish_that_nobody_knows_is_an_error(store: Store) -> None:
    with pytest.raises(WishGone, match="there is no wish 7"):
        Queue(store).look("7")


def test_the_worker_goes_on_when_the_store_answers_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "STORE_AGAIN", 0.02)
    store = open_store(sqlite_url)
    why: list[str] = []

    async def story(parts: Parts) -> None:
        def claiming(store: Store, worker: str, run: str, now: str) -> Wish | None:
            why.append(parts.trouble.why())
            if len(why) < 4:
                raise StoreError("the store refused: connection to server failed", code="cannot_reach")
            return claim(store, worker, run, now)

        monkeypatch.setattr(workers, "claim", claiming)
        await parts.ask("acme/okta")
        await parts.idle(lambda: len(why) > 4)
        assert why[:5] == ["", "cannot_reach", "cannot_reach", "cannot_reach", ""]

    with caplog.at_level(logging.INFO):
        assert living(store, Runs(), story).ended == ["acme/okta"]
    store.close()
    assert caplog.text.count("asking on") == caplog.text.count("answers again") == 1
