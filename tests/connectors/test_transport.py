"""Retrying, throttling, renewing, deadlines: on a clock that only sleeping moves."""

import asyncio
from collections.abc import Iterable

import pytest

from connectors.base import ConnectorError, Counts, Malformed, NotReadable, Patience, Refused, Resync, Unavailable
from connectors.transport import (
    Action,
    Answer,
    Budget,
    Limiter,
    Send,
    Transport,
    Verdict,
    rate_limit_reset,
    retry_after,
)

GOOD = Answer(200, {}, b"[]")
DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
BY_STATUS = {
    500: Verdict(Action.RETRY, "it answered 500"),
    503: Verdict(Action.RETRY, "it answered 503", wait=7.0),
    429: Verdict(Action.THROTTLE, "slow down", wait=30.0),
    401: Verdict(Action.RENEW, "who are you", "a new token"),
    403: Verdict(Action.PAUSE, "not for you", "ask an admin"),
    410: Verdict(Action.RESYNC, "that cursor is gone"),
    404: Verdict(Action.SKIP_ITEM, "no such group"),
    299: Verdict(Action.ABORT_RUN, "nonsense"),
}


class Time:
    """A clock in seconds; `sleep` moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0)  # others begin to sleep at the same time
        self.now = max(self.now, until)


def judge(outcome: Answer | BaseException) -> Verdict | None:
    if isinstance(outcome, OSError):
        return Verdict(Action.RETRY, "no connection")
    return BY_STATUS.get(outcome.status) if isinstance(outcome, Answer) else None


def transport(time: Time, **options: object) -> Transport:
    given = {"errors": (OSError, EOFError), "clock": time, "sleep": time.sleep, "rng": lambda: 1.0, **options}
    return Transport("acme-okta", judge, **given)  # type: ignore[arg-type]  # a table of options


def scripted(*outcomes: int | Exception) -> Send:
    remaining = iter(outcomes)

    async def send() -> Answer:
        await asyncio.sleep(0)
        outcome = next(remaining)
        if isinstance(outcome, Exception):
            raise outcome
        return Answer(outcome, {}, b"")

    return send


def call(through: Transport, *outcomes: int | Exception) -> Answer:
    return asyncio.run(through.call("GET /things", scripted(*outcomes)))


def test_a_good_answer_is_returned_as_it_is() -> None:
    through = transport(Time())
    assert call(through, 200).status == 200
    assert through.counts == Counts(requests=1)


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        ((500, 200), Counts(2, 1)),
        ((500, 502, 200), Counts(2, 1)),
        ((ConnectionResetError("reset"), 500, 200), Counts(3, 2)),
        ((401, 200), Counts(2, 1)),
        ((401, 500, 200), Counts(3, 2)),
    ],
)
def test_what_may_succeed_later_is_sent_again(outcomes: Iterable[int | Exception], counts: Counts) -> None:
    renewed: list[int] = []

    async def renew() -> None:
        renewed.append(1)

    through = transport(Time(), renew=renew)
    call(through, *outcomes)
    assert through.counts == counts
    assert len(renewed) == list(outcomes).count(401)


def test_back_off_doubles_up_to_the_longest_wait() -> None:
    time = Time()
    with pytest.raises(Unavailable):
        call(transport(time, patience=Patience(attempts=7, first=1.0, longest=10.0)), *[500] * 7)
    assert time.slept == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_jitter_shortens_back_off_by_at_most_half() -> None:
    time = Time()
    call(transport(time, rng=lambda: 0.0), 500, 200)
    assert time.slept == [0.25]


def test_a_hint_replaces_back_off() -> None:
    time = Time()
    call(transport(time), 503, 200)
    assert time.slept == [pytest.approx(7.1)]


def test_used_up_attempts_say_what_failed_how_often_and_where() -> None:
    time = Time()
    with pytest.raises(Unavailable) as raised:
        call(transport(time), *[500] * 6)
    error = raised.value
    assert (error.retry, error.fault, error.status, error.request) == (True, "vendor", 500, "GET /things")
    assert "acme-okta: it answered 500; gave up after 6 attempts" in str(error)
    assert error.fix


def test_the_cause_of_a_failed_connection_is_kept() -> None:
    with pytest.raises(Unavailable) as raised:
        call(transport(Time()), *[ConnectionResetError("reset")] * 6)
    assert isinstance(raised.value.__cause__, ConnectionResetError)
    assert raised.value.status is None


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (410, Resync), (404, NotReadable), (299, Malformed)],
)
def test_what_never_succeeds_is_sent_once(status: int, error: type[ConnectorError]) -> None:
    through = transport(Time())
    with pytest.raises(error) as raised:
        call(through, status)
    assert type(raised.value) is error
    assert (through.counts.requests, raised.value.fix) == (1, BY_STATUS[status].fix or raised.value.fix)


def test_a_second_401_is_refused() -> None:
    async def renew() -> None:
        return

    with pytest.raises(Refused, match="who are you"):
        call(transport(Time(), renew=renew), 401, 401)


def test_a_bug_passes_through_untouched() -> None:
    with pytest.raises(ZeroDivisionError):
        call(transport(Time()), ZeroDivisionError())
    with pytest.raises(EOFError):
        call(transport(Time()), EOFError())  # known to the transport, not to the judge


def test_no_attempt_begins_after_the_deadline() -> None:
    time = Time()
    through = transport(time, deadline=20.0)
    with pytest.raises(Unavailable, match="limit 20 s"):
        call(through, 429, 200)  # asked to wait 30 s
    assert time.slept == []
    time.now += 21
    with pytest.raises(Unavailable, match="time for this read is over"):
        call(through, 200)
    through.begin(20.0)
    assert call(through, 200).status == 200


def test_a_throttle_holds_everybody_and_is_counted_once() -> None:
    time = Time()
    through = transport(time)

    async def three() -> None:
        outcomes = (scripted(429, 200), scripted(429, 200), scripted(200))
        await asyncio.gather(*(through.call("GET /things", each) for each in outcomes))

    asyncio.run(three())
    assert through.counts.requests == 5
    assert through.counts.throttled_seconds == pytest.approx(30.1)


def test_endless_throttling_ends() -> None:
    through = transport(Time(), deadline=1e9, patience=Patience(throttles=3))
    with pytest.raises(Unavailable, match="slow down"):
        call(through, *[429] * 4)
    assert through.counts.requests == 3


def test_another_table_may_judge_a_single_request() -> None:
    through = transport(Time())

    async def refuse() -> Answer:
        return await through.call("GET /x", scripted(200), lambda _: BY_STATUS[403])

    with pytest.raises(Refused):
        asyncio.run(refuse())


def test_no_more_requests_in_flight_than_allowed() -> None:
    flying = most = 0

    async def send() -> Answer:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return GOOD

    async def many() -> None:
        limiter = Limiter(3)
        await asyncio.gather(*(limiter.send(send) for _ in range(20)))

    asyncio.run(many())
    assert most == 3


def test_a_pacing_hint_delays_the_next_request() -> None:
    time = Time()
    limiter = Limiter(5, lambda _: 4.0, clock=time, sleep=time.sleep)

    async def two() -> None:
        await limiter.send(scripted(200))
        await limiter.send(scripted(200))

    asyncio.run(two())
    assert time.slept == [4.0]
    assert (limiter.paced(), limiter.paced()) == (8.0, 0.0)  # after each of the two


def test_pacing_is_counted_as_throttled_time() -> None:
    time = Time()
    counts = Counts()
    paced = transport(time, counts=counts, limiter=Limiter(5, lambda _: 4.0, clock=time, sleep=time.sleep))
    asyncio.run(paced.call("GET /users", scripted(200)))
    assert counts.throttled_seconds == 4.0


def test_a_budget_lets_a_burst_through_and_then_a_rate() -> None:
    time = Time()
    limiter = Limiter(1, budget=Budget(3, 2.0), clock=time, sleep=time.sleep)

    async def many() -> None:
        for _ in range(6):
            await limiter.send(scripted(200))

    asyncio.run(many())
    assert time.now == 1001.5
    time.now += 60
    slept = len(time.slept)
    asyncio.run(many())
    assert len(time.slept) == slept + 3


def test_googles_budget_stays_below_the_quota_of_any_minute() -> None:
    budget, now, sent = Budget(1000, 20), 0.0, list[float]()
    while now < 180:
        now += max(0.0125, budget.take(now))  # eight at once, 100 ms each
        sent.append(now)
    assert max(sum(1 for at in sent if start < at <= start + 60) for start in range(120)) < 2400


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 2.128 "}, 2.128),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:09 GMT", "date": DATE}, 9.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:09 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-rate-limit-reset": "1795255260", "date": DATE}, 60.0),
        ({"x-rate-limit-reset": "1795255100", "date": DATE}, 0.0),
        ({"x-rate-limit-reset": "1795255260"}, None),
        ({"x-rate-limit-reset": "later", "date": DATE}, None),
        ({"date": DATE}, None),
    ],
)
def test_rate_limit_reset_is_read_by_the_vendors_clock(headers: dict[str, str], seconds: float | None) -> None:
    assert rate_limit_reset(headers) == seconds
