"""A clock that can be set ahead, for this process and the Python processes that it starts.

Only the clock on the wall is: what waits goes on waiting in real seconds. PostgreSQL keeps the real time.
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

LOOK = 0.005  # seconds until every process has noticed
EXACT = 0.001  # seconds
_FILE = "ROSTERD_BENCH_CLOCK"


class Ahead:
    """How far the clock is ahead of the real one."""

    def __init__(self, folder: Path) -> None:
        self._file, self.by = folder / "ahead", timedelta(0)
        self.set(self.by)
        os.environ[_FILE] = str(self._file)
        follow()

    @property
    def environment(self) -> dict[str, str]:
        """That of processes which shall live in this time."""
        here = Path(__file__).parent
        return {_FILE: str(self._file), "PYTHONPATH": os.pathsep.join([str(here.parent), str(here / "clock")])}

    def set(self, by: timedelta) -> None:
        """Sets it, for every process."""
        made = self._file.with_suffix(".new")
        made.write_text(f"{by.total_seconds()}", encoding="ascii")
        made.replace(self._file)
        self.by = by
        time.sleep(2 * LOOK)


def follow() -> None:
    """From now on this process lives in that time."""
    file, real = Path(os.environ[_FILE]), time_machine.escape_hatch.time
    clock = time_machine.travel(datetime.now(UTC), tick=True).start()

    def keep(by: float) -> None:
        while abs(off := real.time() + by - time.time()) > EXACT:  # it may have had to wait for a processor in between
            clock.shift(off)

    def watch() -> None:
        while file.exists():  # it goes with the folder of the benchmark
            keep(float(file.read_text(encoding="ascii")))
            time.sleep(LOOK)

    keep(float(file.read_text(encoding="ascii")))
    threading.Thread(target=watch, daemon=True).start()
