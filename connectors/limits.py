"""How fast the requests of one directory go out, and how many at once.

Three things keep them below what a vendor allows:

    Window    requests in flight, for the whole directory. Halved when the vendor says "too many at once", and slowly
              widened again by successes (additive increase, multiplicative decrease).
    Family    requests that the vendor counts together (Okta has several, Graph and Google one). It waits, and is spread
              over the time that is left, as the vendor's own headers say; another family goes on.
    Budget    a token bucket of the documented size, for a vendor that does not tell how much is left.

What does not live here: repeating a request, and which answer is a refusal (transport.py); what a vendor's headers say
(each connector's `pace`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType

from connectors.answer import Answer

SHARE = 0.5  # of a quota that others use as well: Okta's own default for one token or app (facts §5)
RESERVE = 0.1  # of such a quota that is left to others whoever used the rest
_CUT_SECONDS = 1.0  # refusals within it are one
_CLOCK = 5.0  # seconds by which ends of one quota may differ: headers tell them in whole seconds
_GROWTH = 0.1  # of a place in the window for each window full of successes
_SOON = 1e-6  # seconds: less is now
_NEVER = float("-inf")


class Limit(Enum):
    """What a vendor says was exceeded."""

    FAMILY = "family"  # requests in a time, of this family
    DIRECTORY = "directory"  # the same, of something that every request needs: the token endpoint
    AT_ONCE = "at_once"  # requests in flight


@dataclass(frozen=True, slots=True)
class Quota:
    """`remaining` of `limit` requests are left, for us and for everybody else, until it is full again in `seconds`."""

    limit: int
    remaining: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """What a success says about going on: its family waits for so many seconds, and what is left of its quota."""

    wait: float = 0.0
    quota: Quota | None = None


class Budget:
    """A token bucket: `burst` requests at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._tokens, self._at = burst, 0.0

    def left(self, now: float) -> float:
        """Seconds until there is a token to take."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Takes one."""
        self._tokens -= 1.0


class Family:
    """When the next request may be sent of those that a vendor counts together."""

    __slots__ = ("_ends", "_flying", "_next", "_spacing", "_until", "_used")

    def __init__(self) -> None:
        self._until = self._next = self._ends = _NEVER
        self._spacing = 0.0
        self._used = self._flying = 0  # by us, since the quota was full; of it without an answer

    def left(self, now: float) -> float:
        """Seconds until the next request may be sent, 0 or less for now."""
        return max(self._until, self._next) - now

    def take(self, now: float) -> None:
        """A request is sent now."""
        self._used += 1
        self._flying += 1
        if self._spacing and now < self._ends:
            self._next = now + self._spacing

    def done(self) -> None:
        """A request has ended."""
        self._flying -= 1

    def hold(self, until: float) -> None:
        """Nothing is sent before."""
        self._until = max(self._until, until)

    def heed(self, quota: Quota, now: float) -> None:
        """Goes on at full speed with the first half of our share, spreads the second half over the time until the
        quota is full again, and stops before it touches what is reserved for others."""
        full = now + quota.seconds + 1.0  # it is told in whole seconds, "0" may be most of one
        if full > self._ends + _CLOCK:
            self._ends, self._used, self._spacing = full, self._flying + 1, 0.0
        share = quota.limit * SHARE
        left = min(quota.remaining - quota.limit * RESERVE, share - self._used)
        if left < 1:
            self.hold(full)
        elif left < share / 2:
            self._spacing = (full - now) / left


class Window:
    """How many requests may be in flight: `most`, or fewer for a while after the vendor found that too many."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, float(most)
        self.flying = 0  # requests in flight, now
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cut = _NEVER

    @property
    def size(self) -> int:
        """How many, now."""
        return int(self._size)

    async def enter(self) -> None:
        """Waits for a place, in order of arrival."""
        if self.flying < self.size:
            self.flying += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place  # whoever leaves counts it as taken
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given while its owner was being cancelled
                self.leave()
            raise

    def leave(self) -> None:
        """Gives the place back."""
        self.flying -= 1
        self._admit()

    def shrink(self, now: float) -> None:
        """Half as many; refusals that come together are one, for they are about the same requests."""
        if now - self._cut >= _CUT_SECONDS:
            self._cut, self._size = now, max(1.0, self._size / 2)

    def grow(self) -> None:
        """A little more, after a success."""
        if self._size < self._most:
            self._size = min(float(self._most), self._size + _GROWTH / self._size)
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self.flying < self.size:
            place = self._waiting.popleft()
            if not place.done():
                self.flying += 1
                place.set_result(None)


class Waited:
    """Seconds in which at least one request waited for a limit, however many did: a context manager around a wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting, self._since, self._seconds = 0, 0.0, 0.0

    def __enter__(self) -> None:
        if not self._waiting:
            self._since = self._clock()
        self._waiting += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._seconds += self._clock() - self._since

    def taken(self) -> float:
        """Those since this was asked last; a wait that still goes on counts when it is over."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


class TooLate(Exception):
    """The limits let a request out only after its time is over."""


class Limiter:
    """Lets the requests of one directory out.

    Args:
        at_once: how many may be in flight at most.
        pace: reads every success; None says nothing.
        budget: of all requests, for a vendor whose headers do not tell what is left.
    """

    def __init__(
        self,
        at_once: int = 5,
        pace: Callable[[Answer], Pace | None] | None = None,
        *,
        budget: Budget | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.window = Window(at_once)
        self.waited = Waited(clock)
        self._pace = pace
        self._budget = budget
        self._families: dict[str, Family] = {}
        self._until = _NEVER  # nothing of any family before
        self.clock = clock
        self.sleep = sleep

    async def send(
        self, send: Callable[[], Awaitable[Answer]], family: str = "", *, until: float = float("inf")
    ) -> Answer:
        """One attempt, once its family may and there is a place in the window. A family that waits takes no place.

        Raises:
            TooLate: that would be after `until`, a time of the clock.
        """
        counted = self._families.get(family) or self._families.setdefault(family, Family())
        await self._turn(counted, until)
        counted.take(self.clock())
        if self._budget is not None:
            self._budget.take()
        try:
            answer = await send()
        finally:
            counted.done()
            self.window.leave()
        if answer.status < 300:
            self._heed(answer, counted)
        return answer

    def refused(self, limit: Limit, family: str, seconds: float) -> None:
        """The vendor said that a limit is exceeded, and when to come back."""
        now = self.clock()
        if limit is Limit.AT_ONCE:
            self.window.shrink(now)
        elif limit is Limit.DIRECTORY:
            self._until = max(self._until, now + seconds)
        else:
            self._families[family].hold(now + seconds)

    async def _turn(self, family: Family, until: float) -> None:
        while True:
            while (left := self._left(family)) > _SOON:
                if self.clock() + left > until:
                    raise TooLate
                with self.waited:
                    await self.sleep(left)
            await self.window.enter()
            if self._left(family) <= _SOON:
                return
            self.window.leave()  # meanwhile the family was told to wait

    def _left(self, family: Family) -> float:
        now = self.clock()
        left = max(family.left(now), self._until - now)
        return left if self._budget is None else max(left, self._budget.left(now))

    def _heed(self, answer: Answer, family: Family) -> None:
        self.window.grow()
        pace = None if self._pace is None else self._pace(answer)
        if pace is None:
            return
        now = self.clock()
        family.hold(now + pace.wait)
        if pace.quota is not None:
            family.heed(pace.quota, now)
