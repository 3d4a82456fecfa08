"""How far a run is, on standard error: bars on a terminal, else a plain line now and then, or nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rosterd.cli.output import Terminal

Progress = Callable[[str, int, int | None], None]

EVERY = 2.0  # seconds between two plain lines
WIDE = 70  # columns of a terminal with room for a bar and a clock
SPINNER = 2  # columns
DOING = {"pull": "reading", "plan": "comparing", "compare": "comparing", "apply": "applying"}
COUNTED = {"pull": "people", "plan": "people", "compare": "people", "apply": "changes"}


@contextmanager
def progress(directory: str, *, silent: bool) -> Iterator[Progress]:
    """A function that is told how far the run of a directory is; `silent` keeps it quiet where there are no bars."""
    terminal = Terminal(stderr=True)
    if terminal.is_terminal and not terminal.is_dumb_terminal:
        with _bars(directory, terminal) as told:
            yield told
    else:
        yield _nothing if silent else _Lines(directory)


def _nothing(phase: str, done: int, total: int | None) -> None:
    """Tells nobody."""


class _Lines:
    """At most one line in `EVERY` seconds, so that a short run says nothing and a long log stays short."""

    def __init__(self, directory: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory, self._clock = directory, clock
        self._last = clock()

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if self._clock() - self._last >= EVERY:
            self._last = self._clock()
            sys.stderr.write(f"{self._directory}: {line(phase, done, total)}\n")


def line(phase: str, done: int, total: int | None) -> str:
    """ "applying 2,000 of 5,000 changes"."""
    if phase == "wait":
        return "waiting for its turn in the daemon"
    of = "" if total is None else f" of {total:,}"
    return f"{DOING.get(phase, phase)} {done:,}{of} {COUNTED.get(phase, '')}".rstrip()


@contextmanager
def _bars(directory: str, terminal: Terminal) -> Iterator[Progress]:
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    terminal.width = max(terminal.width - len("^C"), 1)  # which a terminal echoes: a line that it breaks is not erased
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    if terminal.width >= WIDE:
        columns += [BarColumn(bar_width=24), TimeElapsedColumn()]
    with Bars(*columns, console=terminal, transient=True) as bars:
        task = bars.add_task(titled(directory, "opening", terminal.width), total=None)

        def told(phase: str, done: int, total: int | None) -> None:
            said = titled(directory, line(phase, done, total), terminal.width)
            bars.update(task, description=said, completed=done, total=total)

        yield told


def titled(directory: str, said: str, width: int) -> str:
    """With the directory's name, where the line has room for it: how far the run is is what people look for."""
    whole = f"{directory}: {said}"
    return whole if width >= WIDE or len(whole) <= width - SPINNER else said
