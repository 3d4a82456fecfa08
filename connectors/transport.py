"""One retry policy for every connector.

What lives here: sending one request until there is an answer or an error of connectors/base.py. What does not: how fast
and how many at once (limits.py), parsing and paging (paging.py), and any vendor's library or error code. A connector
brings a `judge`, the one table from its vendor's answers and exceptions to verdicts, and a `send` for one attempt.

    verdict       becomes                       the same request is sent again
    RETRY         Unavailable when used up      after exponential back-off with jitter
    THROTTLE      Unavailable when used up      after the vendor's hint; what its `limit` is about waits as well
    RENEW         Refused the second time       once, after the credentials were renewed
    PAUSE         Refused                       no
    RESYNC        Resync                        no
    SKIP_ITEM     NotReadable                   no
    ABORT_RUN     Malformed                     no
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import NoReturn

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from connectors.answer import Answer, kept_json, kept_text
from connectors.base import ConnectorError, Counts, Malformed, NotReadable, Patience, Refused, Resync, Unavailable
from connectors.limits import Limit, Limiter, TooLate


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
    """One row of a vendor's table: what to do, what the vendor said (no secrets), the way out, seconds to wait, and of
    THROTTLE which limit was exceeded."""

    action: Action
    message: str
    fix: str = ""
    wait: float | None = None
    limit: Limit = Limit.FAMILY


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
    family: str
    tries: int = 0  # attempts that ended in RETRY
    throttles: int = 0
    throttled: bool = False  # the last refusal was a throttle
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
        limiter: how fast; it also brings the clock and the way to sleep.
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
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.directory = directory
        self.counts = counts or Counts()
        self.limiter = limiter or Limiter()
        self.watch: Callable[[Mapping[str, str]], None] | None = None  # told the headers of every answer
        self._judge = judge
        self._errors = errors
        self._renew = renew
        self._patience = patience or Patience()
        self._clock = self.limiter.clock
        self._rng = rng
        self._retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            wait=self._wait,
            stop=self._stop,
            retry_error_callback=self._give_up,
        )
        self.begin(deadline)

    def begin(self, deadline: float) -> None:
        """Starts the time that a whole pull or check may take, in seconds."""
        self._seconds = deadline
        self._deadline = self._clock() + deadline

    async def call(self, request: str, send: Send, judge: Judge | None = None, *, family: str = "") -> Answer:
        """The answer to a request that `judge` finds good, repeated as its verdicts ask.

        Args:
            request: method and path for messages, without anything secret.
            send: one attempt; called again for every repetition.
            judge: another table for this request, for example one where 404 is about a single group.
            family: of requests that the vendor counts together (limits.py).

        Raises:
            ConnectorError: by the table at the top of this module.
        """
        call = _Call(request, send, judge or self._judge, family)
        try:
            return await self._attempt(call)  # the common case pays for no retry machinery
        except _Again as again:
            call.first = again
            answer: Answer = await self._retrying.copy(sleep=partial(self._pause, call))(self._repeat, call)
            return answer
        finally:
            self.counts.throttled_seconds += self.limiter.waited.taken()

    async def _pause(self, call: _Call, seconds: float) -> None:
        """The time before a repetition; how much of it is the vendor's limits is counted."""
        with self.limiter.waited if call.throttled else nullcontext():
            await self.limiter.sleep(seconds)

    async def _repeat(self, call: _Call) -> Answer:
        """What tenacity calls: the failed first attempt, then the repetitions."""
        if call.first is not None:
            first, call.first = call.first, None
            raise first
        self.counts.retries += 1
        return await self._attempt(call)

    async def _attempt(self, call: _Call) -> Answer:
        outcome = await self._outcome(call)
        if isinstance(outcome, Answer):
            if self.watch is not None:
                self.watch(outcome.headers)
            if (body := kept_json(outcome.body)) is not outcome.body:
                outcome = replace(outcome, body=body)
        verdict = call.judge(outcome)
        if verdict is not None:
            await self._refuse(call, verdict, outcome)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _outcome(self, call: _Call) -> Answer | BaseException:
        left = self._deadline - self._clock()
        if left < 0:
            raise self._error(call, _over(call))
        outcome: Answer | BaseException
        limit = asyncio.timeout(left)
        try:
            async with limit:  # a server that accepts a request and never answers must not outlast the read
                outcome = await self.limiter.send(call.send, call.family, until=self._deadline)
        except TooLate as exc:
            raise self._error(call, _over(call)) from exc
        except self._errors as exc:
            outcome = exc
        except TimeoutError as exc:
            if not limit.expired():
                raise
            outcome = exc
        self.counts.requests += 1
        if limit.expired():
            cause = outcome if isinstance(outcome, BaseException) else None
            raise self._error(call, _over(call)) from cause
        return outcome

    async def _refuse(self, call: _Call, verdict: Verdict, outcome: Answer | BaseException) -> NoReturn:
        call.last, call.said = outcome, verdict.message
        call.throttled = verdict.action is Action.THROTTLE
        cause = outcome if isinstance(outcome, BaseException) else None
        renew = None if call.renewed else self._renew
        if verdict.action not in _AGAIN or (verdict.action is Action.RENEW and renew is None):
            raise self._error(call, verdict) from cause
        if verdict.action is Action.RENEW and renew is not None:
            call.renewed = True
            await renew()
        elif call.throttled:
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
        longest = self._patience.crowded if verdict.limit is Limit.AT_ONCE else self._patience.longest
        return min(longest, self._patience.first * 2.0**step) * (0.5 + self._rng() / 2)

    def _stop(self, state: RetryCallState) -> bool:
        """Whether the policy or the deadline forbids another attempt; if not, a throttle concerns others as well."""
        call, verdict = _read(state)
        if call.tries >= self._patience.attempts or call.throttles >= self._patience.throttles:
            return True
        if self._clock() + state.upcoming_sleep > self._deadline:
            return True
        if verdict.action is Action.THROTTLE:
            self.limiter.refused(verdict.limit, call.family, state.upcoming_sleep)
        return False

    def _give_up(self, state: RetryCallState) -> Answer:
        call, verdict = _read(state)
        raise self._error(call, verdict) from (call.last if isinstance(call.last, BaseException) else None)

    def _error(self, call: _Call, verdict: Verdict) -> ConnectorError:
        message = f"{self.directory}: {kept_text(verdict.message)}"
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
