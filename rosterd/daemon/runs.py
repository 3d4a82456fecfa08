"""A run as the daemon makes it: in the calling thread, in an event loop of its own, until it is told to stop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from reconciler.report import Report
from reconciler.sync import Progress
from rosterd.settings.model import Settings
from rosterd.wiring import run_directory
from store.database import Store

LOOK = 0.25  # seconds between two looks at whether to stop, while a run waits for its directory


def runs(settings: Settings, store: Store) -> Callable[[str, str, threading.Event], Report]:
    """Runs of these directories over this store (runner.Run)."""
    directories = {directory.id: directory for directory in settings.directory}

    def run(directory: str, trigger: str, stop: threading.Event) -> Report:
        progress = _stopping(stop)
        made = run_directory(settings, store, directories[directory], progress=progress, trigger=trigger)
        return asyncio.run(_until(stop, made))

    return run


def _stopping(stop: threading.Event) -> Progress:
    """Ends a run between two batches."""

    def progress(_phase: str, _done: int, _total: int | None) -> None:
        if stop.is_set():
            raise asyncio.CancelledError

    return progress


async def _until(stop: threading.Event, run: Coroutine[Any, Any, Report]) -> Report:
    """Ends a run that waits for its directory."""
    task = asyncio.ensure_future(run)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK)
        if stop.is_set():
            task.cancel()
    return task.result()
