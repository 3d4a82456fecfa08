"""How many requests the simulated Okta org takes (facts §5): so many at once, and a bucket a minute for each family.

All apps share a bucket, and one app may use a part of it. What a refusal looks like is okta_access.py.
"""

import time
from collections import Counter
from collections.abc import Callable

from rosterd.simulators.web import Endpoint, Headers

_WINDOW = 60.0  # seconds
# Members of a group count with the list of groups; a record by its id counts by itself.
_FAMILIES = {"users": "users", "user": "users/id", "groups": "groups", "members": "groups", "group": "groups/id"}


class Buckets:
    """`limits` by family, `limit` where there is none; `share` of it for one app; `others` is what other apps send at
    the beginning of each minute; `at_once` may be in flight, 0 for any number."""

    def __init__(self) -> None:
        self.limit = 1_000_000
        self.limits: dict[str, int] = {}
        self.share = 1.0
        self.others = 0
        self.at_once = 0
        self.refused: Counter[str] = Counter()  # by family; "at once" apart
        self.most: Counter[str] = Counter()  # requests of this app in a minute, by family
        self.monotonic: Callable[[], float] = time.monotonic
        self._used: Counter[str] = Counter()
        self._ends = 0.0
        self._family = ""  # of the request at hand
        self._crowded = False

    def take(self, row: Endpoint, flying: int) -> bool:
        """Counts a request; whether there is room for it."""
        self._family = "token" if row.token else _FAMILIES.get(row.holds, "other")
        self._crowded = bool(self.at_once) and flying > self.at_once
        if self._crowded:
            self.refused["at once"] += 1
            return False
        if self.monotonic() >= self._ends:
            self._used.clear()
            self._ends = self.monotonic() + _WINDOW
        self._used[self._family] += 1
        used, limit = self._used[self._family], self._limit
        room = used + self.others <= limit and used <= limit * self.share
        self.refused[self._family] += not room
        self.most[self._family] = max(self.most[self._family], used)
        return room

    def headers(self, now: float) -> Headers:
        """Okta's three, of the family of the request at hand; `now` is the org's own time, in seconds."""
        limit = 0 if self._crowded else self._limit
        left = max(0, limit - self.others - self._used[self._family])
        reset = int(now + max(0.0, self._ends - self.monotonic())) + 1
        return [("x-rate-limit-limit", str(limit)), ("x-rate-limit-remaining", str(left)),
                ("x-rate-limit-reset", str(reset))]  # fmt: skip

    @property
    def _limit(self) -> int:
        return self.limits.get(self._family, self.limit)
