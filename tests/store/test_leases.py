"""One writer per workspace: who is refused, who takes over, and that an old token writes nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.model import Observation, UsersSeen, Wanted
from reconciler.report import Report
from rosterd import ports
from rosterd.ports import lease
from store import Store, database, open_store
from store.database import rows
from store.leases import Held, WorkspaceBusy, give_back, stamp, take
from store.runs import reports
from tests.builders import Directory, by_hand, member, sync
from tests.rosterd.daemon.parts import Parts, Runs
from tests.store.plans import NOW, begin, deactivate
from tests.store.workspaces import add, edit

NOON = "2026-11-21T12:00:00.000Z"
LATER = "2026-11-21T12:00:59.999Z"
EXPIRED = "2026-11-21T12:01:00.000Z"


def dead_process() -> int:
    """The id of a process that has ended and been waited for."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_free_workspace_is_taken_and_given_back(store: Store) -> None:
    first = take(store, "acme", "r1", NOON)
    give_back(store, first)
    second = take(store, "acme", "r2", NOON)
    assert (first.token, second.token) == (1, 2)


def test_a_living_run_is_named_with_its_process(store: Store) -> None:
    take(store, "acme", "r1", NOON)
    with pytest.raises(WorkspaceBusy) as caught:
        take(store, "acme", "r2", LATER)
    error = caught.value
    assert (error.code, "run r1 holds workspace acme" in error.message) == ("workspace_busy", True)
    assert f"process {os.getpid()} on {os.uname().nodename}" in error.where
    assert take(store, "globex", "r2", LATER).token == 1


def test_a_run_whose_process_died_is_taken_over_at_once(store: Store) -> None:
    take(store, "acme", "r1", NOON)
    edit(store, "UPDATE lease SET pid = :pid", pid=dead_process())
    assert take(store, "acme", "r2", NOON) == Held("acme", "r2", 2)


def test_a_process_of_another_user_is_alive(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(pid: int, signal: int) -> None:
        assert (pid, signal) == (os.getpid(), 0)
        raise PermissionError

    take(store, "acme", "r1", NOON)
    monkeypatch.setattr(os, "kill", denied)
    with pytest.raises(WorkspaceBusy):
        take(store, "acme", "r2", LATER)


@pytest.mark.parametrize("elsewhere", ["other-machine/boot", f"{os.uname().nodename}/an-earlier-boot"])
def test_a_run_elsewhere_is_waited_for_until_its_lease_runs_out(store: Store, elsewhere: str) -> None:
    """A process id says nothing about another machine, nor about this one before a restart."""
    take(store, "acme", "r1", NOON)
    edit(store, "UPDATE lease SET host = :host, pid = :pid", host=elsewhere, pid=dead_process())
    with pytest.raises(WorkspaceBusy):
        take(store, "acme", "r2", LATER)
    assert take(store, "acme", "r2", EXPIRED).token == 2


def test_a_lease_of_a_clock_that_was_ahead_is_none(store: Store) -> None:
    """A machine that booted with a wrong clock took it, and went down: its workspace was blocked for ten years."""
    take(store, "acme", "r1", "2036-11-21T12:00:00.000Z")
    with pytest.raises(WorkspaceBusy):  # its process lives, here: it renews by the clock of now
        take(store, "acme", "r2", NOON)
    edit(store, "UPDATE lease SET host = 'other-machine/boot'")
    assert take(store, "acme", "r2", NOON).token == 2


def test_a_process_in_another_container_is_not_known_by_its_id(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers on their machine's network share its name, and number their processes from one."""
    here = database.host()
    monkeypatch.setattr(Path, "readlink", lambda _: Path("pid:[4026532178]"))
    assert database.host() != here
    take(store, "acme", "r1", NOON)
    edit(store, "UPDATE lease SET pid = :pid", pid=dead_process())
    monkeypatch.undo()
    with pytest.raises(WorkspaceBusy):
        take(store, "acme", "r2", LATER)


def not_taken_back(store: Store, run: str, error: StoreError | None = None) -> None:
    """A run ends, with an error or without, when the database takes nothing."""
    patched = pytest.MonkeyPatch()

    def write() -> None:
        raise StoreError("the store refused: database or disk is full", code="disk_full")

    try:
        with lease(store, "acme", run):
            patched.setattr(store, "write", write)
            if error is not None:
                raise error
    finally:
        patched.undo()


def test_a_lease_that_a_full_disk_did_not_take_back_is_in_nobodys_way(store: Store) -> None:
    """The process lives and does not renew it: its workspace waited for a minute after there was room again."""
    not_taken_back(store, "r1")
    with lease(store, "acme", "r2") as second:
        assert second.token == 2


def test_a_lease_that_was_not_taken_back_is_with_the_next_sign_of_life(store: Store) -> None:
    """Processes elsewhere wait for it."""
    elsewhere = Store(store.engine)
    not_taken_back(store, "r1")
    with pytest.raises(WorkspaceBusy):
        take(elsewhere, "acme", "r2", ports.now())
    Parts(store, Runs()).presence.show()
    assert (take(elsewhere, "acme", "r2", ports.now()).token, store.unreturned) == (2, set())


def test_a_run_whose_lease_was_not_taken_back_has_its_own_error(store: Store) -> None:
    with pytest.raises(StoreError, match="of the run"):
        not_taken_back(store, "r1", StoreError("of the run", code="lease_lost"))


def test_every_batch_renews(store: Store) -> None:
    held = take(store, "acme", "r1", NOON)
    with store.write() as connection:
        held.check(connection, LATER)
    with pytest.raises(WorkspaceBusy):
        take(store, "acme", "r2", EXPIRED)


def test_a_run_that_was_overtaken_cannot_write_and_its_return_changes_nothing(store: Store) -> None:
    first = take(store, "acme", "r1", NOON)
    second = take(store, "acme", "r2", EXPIRED)
    with pytest.raises(StoreError, match="taken over by another run") as caught, store.write() as connection:
        first.check(connection, EXPIRED)
    assert (caught.value.code, caught.value.where) == ("lease_lost", "run r1")
    give_back(store, first)
    with store.write() as connection:
        second.check(connection, EXPIRED)
    with pytest.raises(WorkspaceBusy):
        take(store, "acme", "r3", EXPIRED)


def test_a_lease_that_was_given_back_is_no_lease(store: Store) -> None:
    held = take(store, "acme", "r1", NOON)
    give_back(store, held)
    with pytest.raises(StoreError), store.write() as connection:
        held.check(connection, NOON)


def test_of_many_at_once_one_gets_it(store: Store) -> None:
    def attempt(number: int) -> int:
        try:
            return take(store, "acme", f"r{number}", NOON).token
        except WorkspaceBusy:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [0] * 7 + [1]


def test_a_workspace_is_taken_while_another_ones_run_writes_for_long(postgres_url: str) -> None:
    """Taking one locked all of them, and waited for the run that had renewed its own in what it wrote: so did all runs
    behind that."""
    store = open_store(postgres_url)
    held = take(store, "acme", "r1", NOON)
    with ThreadPoolExecutor(1) as pool:
        with store.write() as connection:
            held.check(connection, LATER)
            other = pool.submit(take, store, "globex", "r2", NOON)
            assert other.result(10).token == 1
            same = pool.submit(take, store, "acme", "r3", EXPIRED)
        with pytest.raises(WorkspaceBusy):  # it sees what the long one committed
            same.result(10)
    store.close()


def test_the_lease_is_given_back_when_the_run_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), lease(store, "acme", "r1"):
        raise RuntimeError
    with lease(store, "acme", "r2") as held, store.read() as connection:
        assert rows(connection, "SELECT run, token FROM lease") == [("r2", held.token)]


def test_times_are_of_one_width_in_utc() -> None:
    moments = [
        datetime(2026, 11, 21, 12, tzinfo=UTC),
        datetime(2026, 11, 21, 12, microsecond=1999, tzinfo=UTC),
        datetime(2026, 11, 21, 14, microsecond=999_999, tzinfo=timezone(timedelta(hours=2))),
    ]
    assert [stamp(moment) for moment in moments] == [
        "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.001Z", "2026-11-21T12:00:00.999Z",
    ]  # fmt: skip


# -- longer than a lease lasts ------------------------------------------------------------------------------------


class Slow(Directory):
    """Takes half a second to answer, in the middle of a page or between pages; `meanwhile` happens then."""

    def __init__(self, *names: str, waits: int) -> None:
        super().__init__(*names)
        self.waits = waits
        self.meanwhile: Callable[[], object] = lambda: None

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        for _ in range(self.waits):
            await asyncio.sleep(0.5 / self.waits)
            yield UsersSeen(())
        self.meanwhile()
        async for observation in super().pull(wanted):
            yield observation


@pytest.mark.parametrize("waits", [1, 20])
def test_a_slow_pull_keeps_its_lease(store: Store, waits: int) -> None:
    """Regression: the lease of a pull that took longer than a minute ran out, and the next run took it over."""
    store.lease = timedelta(seconds=0.25)
    directory = Slow("ada", waits=waits)
    refused: list[WorkspaceBusy] = []

    def other() -> None:
        try:
            take(store, "acme", "other", ports.now())
        except WorkspaceBusy as busy:
            refused.append(busy)

    directory.meanwhile = other
    assert sync(store, directory).state == "succeeded"
    assert len(refused) == 1


def test_a_run_that_was_overtaken_while_it_read_does_not_promote_its_older_read(store: Store) -> None:
    directory = Slow("ada", waits=1)
    directory.meanwhile = lambda: edit(store, "UPDATE lease SET token = token + 1, run = 'other'")
    with pytest.raises(StoreError) as caught:
        sync(store, directory)
    assert caught.value.code == "lease_lost"
    with store.read() as connection:
        assert rows(connection, "SELECT * FROM mirror_user") == []


def test_a_run_that_was_overtaken_at_its_very_end_stops_there(store: Store) -> None:
    """Regression: the run that overtook it had added up what it did, and adding it up again broke off with an error of
    the database."""
    add(store, member("ada"), by_hand("owner", "admin"))
    tasks, lease = begin(store, deactivate("ada"))
    list(tasks.apply())
    edit(store, "UPDATE lease SET expires_at = ''")
    begin(store)
    with pytest.raises(StoreError) as lost:
        tasks.finish(Report(lease.run, "acme", "okta", "manual", "incremental", "succeeded", NOW, ended=NOW))
    assert lost.value.code == "lease_lost"
    assert [(report.run, report.state) for report in reports(store)][-1] == (lease.run, "failed")
