"""Retrying, throttling, renewing, deadlines: on a clock that only sleeping moves."""

import asyncio
from collections.abc import Iterable

import pytest

from connectors.answer import Answer
from connectors.base import ConnectorError, Counts, Malformed, NotReadable, Patience, Refused, Resync, Unavailable
from connectors.limits import Limit, Limiter, Pace
from connectors.transport import Action, Send, Transport, Verdict
from tests.connectors.clock import Time

BY_STATUS = {
    500: Verdict(Action.RETRY, "it answered 500"),
    503: Verdict(Action.RETRY, "it answered 503", wait=7.0),
    429: Verdict(Action.THROTTLE, "slow down", wait=30.0),
    401: Verdict(Action.RENEW, "who are you", "a new token"),
    403: Verdict(Action.PAUSE, "not for you", "ask an admin"),
    410: Verdict(Action.RESYNC, "that cursor is gone"),
    404: Verdict(Action.SKIP_ITEM, "no such group"),
    420: Verdict(Action.THROTTLE, "all at once", limit=Limit.AT_ONCE),
    430: Verdict(Action.THROTTLE, "no token", wait=30.0, limit=Limit.DIRECTORY),
    299: Verdict(Action.ABORT_RUN, "nonsense"),
}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    if isinstance(outcome, OSError):
        return Verdict(Action.RETRY, "no connection")
    return BY_STATUS.get(outcome.status) if isinstance(outcome, Answer) else None


def transport(time: Time, **options: object) -> Transport:
    limiter = Limiter(5, clock=time, sleep=time.sleep)
    given = {"errors": (OSError, EOFError), "limiter": limiter, "rng": lambda: 1.0, **options}
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


# -- limits -------------------------------------------------------------------------------------------------------


async def both(through: Transport, one: Send, other: Send) -> None:
    """A request of another family after one that is refused."""
    first = asyncio.create_task(through.call("GET /users", one, family="users"))
    for _ in range(2):
        await asyncio.sleep(0)
    await through.call("GET /groups", other, family="groups")
    await first


def test_an_exhausted_family_holds_no_other_one() -> None:
    time = Time()
    through = transport(time)
    asyncio.run(both(through, scripted(429, 200), scripted(200)))
    assert time.slept == [pytest.approx(30.1)]  # before it is repeated
    assert through.counts.throttled_seconds == pytest.approx(30.1)


def test_a_throttled_token_request_holds_every_family() -> None:
    time = Time()
    through = transport(time)
    asyncio.run(both(through, scripted(430, 200), scripted(200)))
    assert time.slept == [pytest.approx(30.1)] * 2
    assert through.counts.throttled_seconds == pytest.approx(30.1)


def test_too_many_at_once_means_a_short_wait_and_fewer_in_flight() -> None:
    time = Time()
    through = transport(time)
    call(through, 420, 420, 420, 420, 420, 200)
    assert time.slept == [0.5, 1.0, 2.0, 4.0, 4.0]  # short to the end
    assert through.limiter.window.size == 1
    assert through.counts.throttled_seconds == sum(time.slept)


def test_what_would_wait_beyond_the_deadline_fails_at_once() -> None:
    time = Time()
    through = transport(time, deadline=60.0, limiter=Limiter(5, lambda _: Pace(90.0), clock=time, sleep=time.sleep))
    assert call(through, 200).status == 200
    with pytest.raises(Unavailable, match="time for this read is over"):
        call(through, 200)
    assert (time.slept, through.counts) == ([], Counts(requests=1))


def test_only_waiting_is_counted_as_throttled_and_only_once() -> None:
    time = Time()
    counts = Counts()
    limiter = Limiter(5, lambda _: Pace(4.0), clock=time, sleep=time.sleep)
    paced = transport(time, counts=counts, limiter=limiter)
    call(paced, 200)
    assert counts.throttled_seconds == 0.0  # nobody came after it

    async def three() -> None:
        await asyncio.gather(*(paced.call("GET /users", scripted(200)) for _ in range(3)))

    asyncio.run(three())
    assert counts.throttled_seconds == 4.0


def test_a_wait_that_is_cut_off_is_counted_as_far_as_it_went() -> None:
    async def cut() -> Counts:
        through = Transport("acme", judge)
        running = asyncio.create_task(through.call("GET /users", scripted(429, 200)))
        await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return through.counts

    assert 0.01 < asyncio.run(cut()).throttled_seconds < 5


# -- texts that no database keeps ---------------------------------------------------------------------------------


def test_nul_and_lone_surrogates_reach_neither_judge_nor_caller() -> None:
    async def send() -> Answer:
        return Answer(200, {}, rb'["A\u0000da\ud800"]')

    assert asyncio.run(transport(Time()).call("GET /users", send)).body == b'["Ada"]'


def test_what_a_vendor_says_in_an_error_can_be_stored() -> None:
    def odd(_: object) -> Verdict:
        return Verdict(Action.PAUSE, "no\0 way\ud800")

    async def refuse() -> Answer:
        return await transport(Time()).call("GET /x", scripted(200), odd)

    with pytest.raises(Refused, match="acme-okta: no way "):
        asyncio.run(refuse())
