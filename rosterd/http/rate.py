"""How many requests of one directory are answered: a token bucket. The clock is an argument."""

import math

BURST_SECONDS = 30  # how long a client may be silent and then catch up at once


class Bucket:
    """So many requests a second in the long run, and many at once after a silence."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = self._left = max(1.0, rate * BURST_SECONDS)
        self._seen: float | None = None

    def take(self, now: float) -> int:
        """0 when the request may pass, else the whole seconds after which there is room for one.

        Okta reads whole seconds only: of an HTTP date it waits five minutes.
        """
        if self._seen is not None:
            self._left = min(self._most, self._left + max(0.0, now - self._seen) * self._rate)
        self._seen = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0
        return max(1, math.ceil((1.0 - self._left) / self._rate))
