"""A run as the daemon makes it: in the calling thread, in an event loop of its own, until it is told to stop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from reconciler.ports import Progress
from reconciler.report import Report
from rosterd.daemon.performing import NotConfigured, Run
from rosterd.policies import turn_of
from rosterd.settings.model import Settings
from rosterd.wiring import run_directory
from store.database import Store
from store.wishes import Wish

LOOK = 0.25  # seconds between two looks at whether to stop, while a run waits for its directory


def runs(settings: Callable[[], Settings], store: Store) -> Run:
    """Runs of the directories of what is the configuration when they begin."""

    def run(wish: Wish, told: Progress, stop: threading.Event) -> Report:
        now = settings()
        directory = now.directory_named(wish.directory)
        if directory is None or turn_of(directory) != wish.workspace:
            raise NotConfigured(
                f"the daemon's configuration has no directory {wish.directory} of workspace {wish.workspace}",
                where=str(now.file or ""),
                fix="have it read its configuration again (SIGHUP), or sync with --here",
            )
        made = run_directory(
            now, store, directory, progress=_stopping(stop, told), trigger=wish.trigger, verify=wish.verify,
            run=wish.run or "",
        )  # fmt: skip
        return asyncio.run(_until(stop, made))

    return run


def _stopping(stop: threading.Event, told: Progress) -> Progress:
    """Ends a run between two batches."""

    def progress(phase: str, done: int, total: int | None) -> None:
        if stop.is_set():
            raise asyncio.CancelledError
        told(phase, done, total)

    return progress


async def _until(stop: threading.Event, run: Coroutine[Any, Any, Report]) -> Report:
    """Ends a run that waits for its directory."""
    task = asyncio.ensure_future(run)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK)
        if stop.is_set():
            task.cancel()
    return task.result()
