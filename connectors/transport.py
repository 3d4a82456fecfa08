"""One retry policy and one limiter for every connector.

What lives here: sending one request until there is an answer or an error of connectors/base.py. What does not: parsing
and paging (paging.py), and any vendor's library or error code. A connector brings a `judge`, the one table from its
vendor's answers and exceptions to verdicts, and a `send` that does one attempt.

    verdict       becomes                       the same request is sent again
    RETRY         Unavailable when used up      after exponential back-off with jitter
    THROTTLE      Unavailable when used up      after the vendor's hint; everybody else of this directory waits as well
    RENEW         Refused the second time       once, after the credentials were renewed
    PAUSE         Refused                       no
    RESYNC        Resync                        no
    SKIP_ITEM     NotReadable                   no
    ABORT_RUN     Malformed                     no

(the classes of facts "error taxonomy", docs/opinions.md).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import NoReturn

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.base import ConnectorError, Counts, Malformed, NotReadable, Patience, Refused, Resync, Unavailable


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, the body not yet parsed. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Action(Enum):
    """What the daemon does about an answer that is not a success."""

    RETRY = "retry"
    THROTTLE = "throttle"
    RENEW = "renew"
    PAUSE = "pause"
    RESYNC = "resync"
    SKIP_ITEM = "skip_item"
    ABORT_RUN = "abort_run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of a vendor's table: what to do, what the vendor said (no secrets), the way out, seconds to wait."""

    action: Action
    message: str
    fix: str = ""
    wait: float | None = None


Judge = Callable[[Answer | BaseException], Verdict | None]  # None: a success, or an exception that is not the vendor's
Send = Callable[[], Awaitable[Answer]]

_ERRORS: Mapping[Action, type[ConnectorError]] = {
    Action.RETRY: Unavailable,
    Action.THROTTLE: Unavailable,
    Action.RENEW: Refused,
    Action.PAUSE: Refused,
    Action.RESYNC: Resync,
    Action.SKIP_ITEM: NotReadable,
    Action.ABORT_RUN: Malformed,
}
_AGAIN = frozenset({Action.RETRY, Action.THROTTLE, Action.RENEW})
_TRY_LATER = "nothing to do: the next run tries again"


_OVER = "the time for this read is over"


def _over(call: "_Call") -> Verdict:
    """The deadline passed; what the vendor said before says more than that."""
    return Verdict(Action.RETRY, f"{call.said}; {_OVER}" if call.said else _OVER)


class Limiter:
    """At most `at_once` requests in flight, and none before a vendor's "wait" is over.

    `pace` reads a hint from every success: seconds that everybody should wait now (0: none), for vendors that tell
    how much of their budget is left. For those that do not, `budget` is a bucket of their documented size.
    """

    def __init__(
        self,
        at_once: int = 5,
        pace: Callable[[Answer], float] | None = None,
        *,
        budget: "Budget | None" = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.at_once = at_once
        self._slots = asyncio.Semaphore(at_once)
        self._pace = pace
        self._budget = budget
        self._paced = 0.0
        self._clock = clock
        self._sleep = sleep
        self._until = 0.0

    def hold(self, seconds: float) -> float:
        """Nobody sends for that many seconds from now. Returns by how many seconds that lengthens the waiting."""
        now = self._clock()
        longer = max(0.0, now + seconds - max(now, self._until))
        self._until = max(self._until, now + seconds)
        return longer

    async def send(self, send: Send) -> Answer:
        """One attempt in a slot, after any hold is over."""
        async with self._slots:
            if self._budget is not None:
                self._paced += self.hold(self._budget.take(self._clock()))
            while (left := self._until - self._clock()) > 0:
                await self._sleep(left)
            answer = await send()
        if self._pace is not None and answer.status < 300 and (seconds := self._pace(answer)) > 0:
            self._paced += self.hold(seconds)
        return answer

    def paced(self) -> float:
        """Seconds of waiting that pacing added since this was asked last."""
        seconds, self._paced = self._paced, 0.0
        return seconds


class Budget:
    """A token bucket: `burst` requests at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = burst, 0.0

    def take(self, now: float) -> float:
        """Takes one; seconds to wait before it may be used."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._left / self._rate)


class _Again(Exception):
    """A signal to tenacity, never seen outside of this file."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


@dataclass(slots=True)
class _Call:
    """One request and what became of it so far."""

    request: str
    send: Send
    judge: Judge
    tries: int = 0  # attempts that ended in RETRY
    throttles: int = 0
    renewed: bool = False
    last: Answer | BaseException | None = None
    first: _Again | None = None  # how the attempt before the retry machinery ended
    said: str = ""  # of the last refusal


class Transport:
    """Sends the requests of one directory.

    Args:
        directory: the directory's id, for messages.
        judge: the vendor's table.
        errors: the vendor library's exception classes that `judge` knows; any other is a bug and passes through.
        renew: fetches new credentials after Action.RENEW; None where there is nothing to fetch.
        deadline: seconds from `begin` after which no request is sent or repeated.
    """

    def __init__(
        self,
        directory: str,
        judge: Judge,
        *,
        errors: tuple[type[BaseException], ...] = (),
        counts: Counts | None = None,
        limiter: Limiter | None = None,
        renew: Callable[[], Awaitable[None]] | None = None,
        deadline: float = 3600.0,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.directory = directory
        self.counts = counts or Counts()
        self.limiter = limiter or Limiter(clock=clock, sleep=sleep)
        self.watch: Callable[[Mapping[str, str]], None] | None = None  # told the headers of every answer
        self._judge = judge
        self._errors = errors
        self._renew = renew
        self._patience = patience or Patience()
        self._clock = clock
        self._rng = rng
        self._retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            wait=self._wait,
            stop=self._stop,
            sleep=sleep,
            retry_error_callback=self._give_up,
        )
        self.begin(deadline)

    def begin(self, deadline: float) -> None:
        """Starts the time that a whole pull or check may take, in seconds."""
        self._seconds = deadline
        self._deadline = self._clock() + deadline

    async def call(self, request: str, send: Send, judge: Judge | None = None) -> Answer:
        """The answer to a request that `judge` finds good, repeated as its verdicts ask.

        Args:
            request: method and path for messages, without anything secret.
            send: one attempt; called again for every repetition.
            judge: another table for this request, for example one where 404 is about a single group.

        Raises:
            ConnectorError: by the table at the top of this module.
        """
        call = _Call(request, send, judge or self._judge)
        try:
            return await self._attempt(call)  # the common case pays for no retry machinery
        except _Again as again:
            call.first = again
        answer: Answer = await self._retrying(self._repeat, call)
        return answer

    async def _repeat(self, call: _Call) -> Answer:
        """What tenacity calls: the failed first attempt, then the repetitions."""
        if call.first is not None:
            first, call.first = call.first, None
            raise first
        self.counts.retries += 1
        return await self._attempt(call)

    async def _attempt(self, call: _Call) -> Answer:
        left = self._deadline - self._clock()
        if left < 0:
            raise self._error(call, _over(call))
        self.counts.requests += 1
        outcome: Answer | BaseException
        limit = asyncio.timeout(left)
        try:
            async with limit:  # a server that accepts a request and never answers must not outlast the read
                outcome = await self.limiter.send(call.send)
        except self._errors as exc:
            outcome = exc
        except TimeoutError as exc:
            if not limit.expired():
                raise
            outcome = exc
        if limit.expired():
            cause = outcome if isinstance(outcome, BaseException) else None
            raise self._error(call, _over(call)) from cause
        self.counts.throttled_seconds += self.limiter.paced()
        if self.watch is not None and isinstance(outcome, Answer):
            self.watch(outcome.headers)
        verdict = call.judge(outcome)
        if verdict is not None:
            await self._refuse(call, verdict, outcome)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _refuse(self, call: _Call, verdict: Verdict, outcome: Answer | BaseException) -> NoReturn:
        call.last, call.said = outcome, verdict.message
        cause = outcome if isinstance(outcome, BaseException) else None
        renew = None if call.renewed else self._renew
        if verdict.action not in _AGAIN or (verdict.action is Action.RENEW and renew is None):
            raise self._error(call, verdict) from cause
        if verdict.action is Action.RENEW and renew is not None:
            call.renewed = True
            await renew()
        elif verdict.action is Action.THROTTLE:
            call.throttles += 1
        else:
            call.tries += 1
        raise _Again(verdict) from cause

    def _wait(self, state: RetryCallState) -> float:
        """Seconds until the next attempt: the vendor's hint, else exponential back-off with jitter."""
        call, verdict = _read(state)
        if verdict.action is Action.RENEW:
            return 0.0
        if verdict.wait is not None:
            return verdict.wait + 0.1 * self._rng()
        step = min(call.tries + call.throttles - 1, 30)
        return min(self._patience.longest, self._patience.first * 2.0**step) * (0.5 + self._rng() / 2)

    def _stop(self, state: RetryCallState) -> bool:
        """Whether the policy or the deadline forbids another attempt; if not, a throttle holds everybody back."""
        call, verdict = _read(state)
        if call.tries >= self._patience.attempts or call.throttles >= self._patience.throttles:
            return True
        if self._clock() + state.upcoming_sleep > self._deadline:
            return True
        if verdict.action is Action.THROTTLE:
            self.counts.throttled_seconds += self.limiter.hold(state.upcoming_sleep)
        return False

    def _give_up(self, state: RetryCallState) -> Answer:
        call, verdict = _read(state)
        raise self._error(call, verdict) from (call.last if isinstance(call.last, BaseException) else None)

    def _error(self, call: _Call, verdict: Verdict) -> ConnectorError:
        message = f"{self.directory}: {verdict.message}"
        if verdict.action in (Action.RETRY, Action.THROTTLE):
            attempts = call.tries + call.throttles
            message += f"; gave up after {attempts} attempts (limit {self._seconds:g} s for the whole read)"
        return _ERRORS[verdict.action](
            message,
            request=call.request,
            fix=verdict.fix or (_TRY_LATER if verdict.action in _AGAIN else ""),
            status=call.last.status if isinstance(call.last, Answer) else None,
        )


def _read(state: RetryCallState) -> tuple[_Call, Verdict]:
    exc = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(exc, _Again)  # noqa: S101 -- the only exception that is retried
    return state.args[0], exc.verdict


# -- hints that vendors give in headers ---------------------------------------------------------------------------


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After` (RFC 9110 §10.2.3: whole seconds or a date), None when absent or unreadable.

    Graph's own sample is decimal, "2.128", which the RFC does not allow. A date is compared with the answer's `Date`,
    the vendor's clock, not with ours.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        return max(0.0, float(text))
    then, now = _date(text), _date(headers.get("date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until `X-Rate-Limit-Reset` (epoch seconds) by the vendor's clock, the `Date` header."""
    now = _date(headers.get("date", ""))
    text = headers.get("x-rate-limit-reset", "").strip()
    return max(0.0, int(text) - now) if now is not None and text.isdecimal() else None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
