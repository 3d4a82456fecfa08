"""What guarding costs of a run, and the past that it looks back on: windows, and what was set back and forth.

Guarding is: asking for the gauges, judging, marking what is held, looking for what is set back and forth, and adding up
what the run did for the windows of later ones.
"""

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from reconciler import sync as loop
from reconciler.guard import EACH_TEAM, WINDOWS
from reconciler.model import Evidence
from reconciler.plan import Step
from reconciler.policy import Limit
from rosterd.ports import RunPorts
from store import runs as stored
from store.leases import stamp

RUNS, EACH = 2_000, 50  # earlier runs, over the last week, and what each did
GUARDING = (
    (RunPorts, "gauges"), (loop, "judge"), (stored.RunTasks, "hold"), (loop, "marked"), (stored, "tallied"),
)  # fmt: skip
_DID = (Step.UPDATE, Step.JOIN_TEAM, Step.LEAVE_TEAM, Step.DEACTIVATE)


def limits() -> dict[str, Limit]:
    """Every limit that can be written, each so wide that the benchmark's churn goes through."""
    changes = ("create", "update", "promote", "demote", "leave_team", "deactivate")
    keys = [EACH_TEAM, *changes, *(f"deactivate_{kind.value}" for kind in Evidence)]
    keys += [f"{change}_{window}" for change in changes for window in WINDOWS]
    return {key: Limit(percent=1_000_000, floor=5) for key in keys}


@contextmanager
def metered() -> Iterator[dict[str, float]]:
    """The CPU seconds that everything of `GUARDING` takes in the block, as `guard`; `again`: looking again at whom the
    run changed."""
    spent = {"guard": 0.0, "again": 0.0}
    timed = [*((*each, "guard") for each in GUARDING), (loop, "_look_again", "again")]
    with ExitStack() as stack:
        for place, name, part in timed:
            stack.enter_context(mock.patch.object(place, name, _timed(getattr(place, name), spent, part)))
        yield spent


def _timed(function: Callable[..., Any], spent: dict[str, float], part: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*given: Any, **options: Any) -> Any:
        began = time.process_time()
        try:
            return function(*given, **options)
        finally:
            spent[part] += time.process_time() - began

    return timed


def remember(path: str, people: range) -> None:
    """A past of `RUNS` runs, ended one after the other until a moment ago; what they updated were these people."""
    newest = datetime.now(UTC) - timedelta(minutes=1)
    pace = timedelta(seconds=WINDOWS["7d"]) / RUNS
    with sqlite3.connect(path) as database:
        for number in range(RUNS):
            run, at = f"past{number:06d}", stamp(newest - pace * (RUNS - number))
            database.execute(
                "INSERT INTO run (id, workspace, directory, state, began, ended, report)"
                " VALUES (?, 'bench', 'bench-dir', 'succeeded', ?, ?, '{}')",
                (run, at, at),
            )
            database.executemany(
                "INSERT INTO run_tally (run, step, evidence, state, workspace, directory, ended, number)"
                " VALUES (?, ?, '', 'applied', 'bench', 'bench-dir', ?, ?)",
                [(run, int(step), at, EACH) for step in _DID],
            )
            database.executemany(
                "INSERT INTO action (run, step, n, kind, external_id, email, member, before, after, cause, parks,"
                " state, code, attempts) VALUES (?, ?, ?, 'update', ?, '', ?, ?, ?, '', '', 'applied', 'applied', 1)",
                [
                    (run, int(Step.UPDATE), n, f"u{who:08d}", f"m{who}", f'{{"title":"{number}"}}',
                     f'{{"title":"{number + 1}"}}')
                    for n, who in enumerate(_turn(people, number))
                ],
            )  # fmt: skip
    database.close()


def _turn(people: range, number: int) -> list[int]:
    """Whom a run was about: the next ones in turn."""
    return [people[(number * EACH + n) % len(people)] for n in range(EACH)]
