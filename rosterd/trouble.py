"""What is in the way of work, for /readyz to say: a store that takes nothing (a full disk, a lock, no server)."""

import threading
import time
from collections.abc import Callable

from reconciler.errors import RunError
from store.database import UNAVAILABLE

LASTS = 20.0  # seconds that one refusal counts unless it is told to be over: what is tried again is so more often


class Trouble:
    """Refusals by who met them; for every thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._met: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def met(self, who: str, error: RunError) -> None:
        """Notes a refusal; one that is about a single row or run is none."""
        if error.code in UNAVAILABLE:
            with self._lock:
                self._met[who] = (error.code, self._clock())

    def over(self, who: str) -> None:
        """It went well again."""
        if who in self._met:
            with self._lock:
                self._met.pop(who, None)

    def why(self) -> str:
        """A code of what is in the way; "" when nothing is."""
        now = self._clock()
        with self._lock:
            return next((code for code, at in self._met.values() if now - at < LASTS), "")
