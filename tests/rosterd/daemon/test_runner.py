"""The runner: one run at a time in a workspace, bursts are one run, nothing that happens to a run ends it."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import pytest

from reconciler.report import Report
from rosterd.daemon import pace
from rosterd.daemon.runner import Runner
from store.leases import WorkspaceBusy
from tests.rosterd.reports import report

WORKSPACES = {"acme-scim": "acme", "acme-okta": "acme", "beta-scim": "beta"}


class Runs:
    """Runs that note themselves. `begin` may wait or raise."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str]] = []
        self.at_once = self.most = 0
        self.by_workspace: dict[str, int] = {}
        self._lock = threading.Lock()
        self.begin: Callable[[str, threading.Event], None] = lambda _directory, _stop: None

    def __call__(self, directory: str, trigger: str, stop: threading.Event) -> Report:
        workspace = WORKSPACES[directory]
        with self._lock:
            self.began.append((directory, trigger))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.by_workspace[workspace] = self.by_workspace.get(workspace, 0) + 1
            assert self.by_workspace[workspace] == 1, "two runs in one workspace"
        try:
            self.begin(directory, stop)
        finally:
            with self._lock:
                self.at_once -= 1
                self.by_workspace[workspace] -= 1
        return report(directory=directory, workspace=workspace)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds: what is tested is the order of things."""
    for name, seconds in (("QUIET", 0.005), ("PATIENCE", 0.02), ("AGAIN", 0.005), ("BACK_OFF", 0.005),
                          ("LONGEST_REST", 0.01)):  # fmt: skip
        monkeypatch.setattr(pace, name, seconds)


def running(runs: Runs, story: Callable[[Runner], Awaitable[None]], *, slots: int = 4) -> list[str]:
    """Lets a runner live through a story; whose reports it told."""
    told: list[str] = []

    async def live() -> None:
        runner = Runner(WORKSPACES, runs, lambda directory, _: told.append(directory), slots=slots)
        await asyncio.wait_for(story(runner), 20)
        await runner.stop(5.0)

    asyncio.run(live())
    return told


async def idle(runner: Runner, enough: Callable[[], bool] = lambda: True) -> None:
    """Until nothing runs or waits."""
    while runner.busy or not enough():  # noqa: ASYNC110 - a runner tells nobody that it is idle
        await asyncio.sleep(0.002)


def test_a_burst_is_one_run() -> None:
    runs = Runs()

    async def story(runner: Runner) -> None:
        for _ in range(500):
            runner.wake("acme-scim", "push")
        await idle(runner)

    assert running(runs, story) == ["acme-scim"]
    assert runs.began == [("acme-scim", "push")]


def test_what_comes_during_a_run_runs_after_it() -> None:
    runs = Runs()
    entered, leave = threading.Event(), threading.Event()

    def begin(_directory: str, _stop: threading.Event) -> None:
        entered.set()
        leave.wait(10)

    runs.begin = begin

    async def story(runner: Runner) -> None:
        runner.wake("acme-scim", "push")
        await asyncio.to_thread(entered.wait, 10)
        runner.wake("acme-scim", "push")
        await asyncio.sleep(0.05)
        assert len(runs.began) == 1
        leave.set()
        await idle(runner)

    assert running(runs, story) == ["acme-scim", "acme-scim"]


def test_directories_of_one_workspace_take_turns_and_workspaces_run_at_once() -> None:
    runs = Runs()
    both = threading.Barrier(2, timeout=10)

    def begin(directory: str, _stop: threading.Event) -> None:
        if directory in ("acme-scim", "beta-scim"):
            both.wait()

    runs.begin = begin

    async def story(runner: Runner) -> None:
        for directory in WORKSPACES:
            runner.wake(directory, "push")
        await idle(runner)

    assert sorted(running(runs, story)) == sorted(WORKSPACES)
    assert runs.most == 2


def test_no_more_run_at_once_than_there_are_slots() -> None:
    runs = Runs()

    async def story(runner: Runner) -> None:
        for directory in WORKSPACES:
            runner.wake(directory, "push")
        await idle(runner)

    assert sorted(running(runs, story, slots=1)) == sorted(WORKSPACES)
    assert runs.most == 1


def test_a_workspace_that_is_held_is_tried_again_soon(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()

    def begin(_directory: str, _stop: threading.Event) -> None:
        if len(runs.began) < 4:
            raise WorkspaceBusy("run 7 holds workspace acme")

    runs.begin = begin

    async def story(runner: Runner) -> None:
        runner.wake("acme-scim", "schedule")
        await idle(runner, lambda: len(runs.began) >= 4)

    with caplog.at_level(logging.INFO):
        assert running(runs, story) == ["acme-scim"]
    assert runs.began == [("acme-scim", "schedule")] * 4
    assert caplog.text == ""


def test_a_run_that_breaks_is_logged_without_its_text_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()

    def begin(_directory: str, _stop: threading.Event) -> None:
        if len(runs.began) < 3:
            raise ValueError("ada@acme.com")

    runs.begin = begin

    async def story(runner: Runner) -> None:
        runner.wake("acme-scim", "push")
        runner.wake("beta-scim", "push")
        await idle(runner, lambda: runs.began.count(("beta-scim", "push")) >= 1 and len(runs.began) >= 4)

    assert sorted(running(runs, story)) == ["acme-scim", "beta-scim"]
    assert "ValueError at" in caplog.text
    assert "ada@acme.com" not in caplog.text


def test_a_stop_waits_for_what_runs_and_begins_nothing_more() -> None:
    runs = Runs()
    entered = threading.Event()

    def begin(_directory: str, _stop: threading.Event) -> None:
        entered.set()
        threading.Event().wait(0.05)

    runs.begin = begin

    async def story(runner: Runner) -> None:
        runner.wake("acme-scim", "push")
        await asyncio.to_thread(entered.wait, 10)
        runner.wake("acme-okta", "push")
        assert await runner.stop(10.0)
        runner.wake("beta-scim", "push")
        assert not runner.busy

    assert running(runs, story) == ["acme-scim"]


def test_a_run_that_does_not_end_is_told_to_stop() -> None:
    runs = Runs()
    entered = threading.Event()

    def begin(_directory: str, stop: threading.Event) -> None:
        entered.set()
        assert stop.wait(10)
        raise asyncio.CancelledError

    runs.begin = begin

    async def story(runner: Runner) -> None:
        runner.wake("acme-scim", "push")
        await asyncio.to_thread(entered.wait, 10)
        assert await runner.stop(0.05)

    assert running(runs, story) == []
