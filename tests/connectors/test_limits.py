"""Windows, families, budgets: on a clock that only sleeping moves."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import Answer
from connectors.limits import Budget, Limit, Limiter, Pace, Quota, TooLate, Window
from tests.connectors.clock import Time

GOOD = Answer(200, {}, b"[]")
Sending = Callable[[], Awaitable[Answer]]


async def good() -> Answer:
    return GOOD


class Flights:
    """Requests that take a turn of the loop; remembers how many flew at most."""

    def __init__(self) -> None:
        self.flying = self.most = 0

    async def send(self) -> Answer:
        self.flying += 1
        self.most = max(self.most, self.flying)
        await asyncio.sleep(0)
        self.flying -= 1
        return GOOD


async def several(limiter: Limiter, send: Sending, count: int, family: str = "") -> None:
    await asyncio.gather(*(limiter.send(send, family) for _ in range(count)))


# -- how many at once ---------------------------------------------------------------------------------------------


def test_no_more_requests_in_flight_than_allowed() -> None:
    flights = Flights()
    asyncio.run(several(Limiter(3), flights.send, 20))
    assert flights.most == 3


def test_all_families_share_the_window() -> None:
    flights = Flights()

    async def two() -> None:
        limiter = Limiter(3)
        await asyncio.gather(several(limiter, flights.send, 9, "users"), several(limiter, flights.send, 9, "groups"))

    asyncio.run(two())
    assert flights.most == 3


def test_refusals_of_one_moment_halve_the_window_once_and_successes_widen_it_slowly() -> None:
    time, flights = Time(), Flights()
    limiter = Limiter(8, clock=time, sleep=time.sleep)
    sizes = []
    for at in (0.0, 0.2, 0.9, 1.0, 2.5, 4.0, 6.0):
        time.now = 1000.0 + at
        limiter.refused(Limit.AT_ONCE, "", 0.5)
        sizes.append(limiter.window.size)
    assert sizes == [4, 4, 4, 2, 1, 1, 1]
    asyncio.run(several(limiter, flights.send, 10))
    assert (flights.most, limiter.window.size) == (1, 1)
    asyncio.run(several(limiter, flights.send, 10))
    assert (flights.most, limiter.window.size) == (2, 2)
    asyncio.run(several(limiter, flights.send, 400))
    assert (flights.most, limiter.window.size) == (8, 8)


def test_an_error_of_the_request_gives_its_place_back() -> None:
    async def broken() -> Answer:
        raise ConnectionResetError

    async def twice() -> None:
        limiter = Limiter(1)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await limiter.send(broken)
        await limiter.send(good)

    asyncio.run(twice())


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["cancel", "shrink", "finish"]))))
def test_no_place_is_ever_lost(most: int, events: Sequence[tuple[int, str]]) -> None:
    """Whoever is cancelled, at whatever moment, in the end as many may fly as before."""

    async def story() -> int:
        window, now = Window(most), 0.0
        gate = asyncio.Event()

        async def fly() -> None:
            await window.enter()
            try:
                await gate.wait()
            finally:
                window.leave()

        tasks = [asyncio.create_task(fly()) for _ in range(6)]
        for turns, event in events:
            for _ in range(turns):
                await asyncio.sleep(0)
            now += 2.0
            if event == "shrink":
                window.shrink(now)
            elif event == "cancel" and tasks:
                tasks.pop(turns % len(tasks)).cancel()
            elif event == "finish":
                gate.set()
        gate.set()
        await asyncio.gather(*tasks)
        for _ in range(1000):
            window.grow()
        for _ in range(most):
            await asyncio.wait_for(window.enter(), 1)
        return window.size

    assert asyncio.run(story()) == most


# -- how fast -----------------------------------------------------------------------------------------------------


def test_a_pacing_hint_delays_the_next_request_of_its_family_only() -> None:
    time = Time()
    limiter = Limiter(5, lambda _: Pace(4.0), clock=time, sleep=time.sleep)

    async def three() -> None:
        await limiter.send(good, "users")
        await limiter.send(good, "groups")
        assert time.slept == []
        await limiter.send(good, "users")

    asyncio.run(three())
    assert time.slept == [4.0]
    assert (limiter.waited.taken(), limiter.waited.taken()) == (4.0, 0.0)


def test_a_family_that_waits_takes_no_place() -> None:
    """Regression: whoever waited for a bucket sat in the window, and nothing else could be sent."""
    time = Time()
    limiter = Limiter(2, clock=time, sleep=time.sleep)
    answered: dict[str, float] = {}

    async def one(family: str) -> None:
        await limiter.send(good, family)
        answered[family] = max(answered.get(family, 0.0), time.now)

    async def many() -> None:
        await one("users")
        limiter.refused(Limit.FAMILY, "users", 60.0)
        waiting = [asyncio.create_task(one("users")) for _ in range(5)]
        await one("groups")
        await asyncio.gather(*waiting)

    asyncio.run(many())
    assert answered == {"users": 1060.0, "groups": 1000.0}


def test_nothing_is_sent_after_its_time() -> None:
    time = Time()
    limiter = Limiter(2, lambda _: Pace(10.0), clock=time, sleep=time.sleep)

    async def two() -> None:
        await limiter.send(good, until=1005.0)
        with pytest.raises(TooLate):
            await limiter.send(good, until=1005.0)
        await limiter.send(good, until=1015.0)

    asyncio.run(two())


class Org:
    """A bucket of `limit` a minute that other apps use as well: `others` of each minute, as it begins."""

    def __init__(self, time: Time, limit: int, others: int = 0) -> None:
        self.time, self.limit, self.others = time, limit, others
        self.sent: list[float] = []
        self.left: list[int] = []

    async def send(self) -> Answer:
        await self.time.sleep(0.02)
        now = self.time.now
        self.sent.append(now)
        used = sum(at // 60 == now // 60 for at in self.sent) + self.others
        self.left.append(self.limit - used)
        return Answer(200, {"left": str(self.limit - used), "seconds": str(int(60 - now % 60))}, b"")

    def pace(self, answer: Answer) -> Pace:
        return Pace(quota=Quota(self.limit, int(answer.headers["left"]), float(answer.headers["seconds"])))


def read(org: Org, time: Time, count: int) -> list[int]:
    """Requests in each minute."""
    limiter = Limiter(5, org.pace, clock=time, sleep=time.sleep)
    asyncio.run(several(limiter, org.send, count))
    minutes = [int(at // 60) for at in org.sent]
    return [minutes.count(minute) for minute in range(minutes[0], minutes[-1] + 1)]


def test_half_of_a_quota_is_used_and_the_rest_left_to_others() -> None:
    time = Time()
    time.now = 960.5
    org = Org(time, 600)
    minutes = read(org, time, 1000)
    assert all(290 <= count <= 300 for count in minutes[:-1]), minutes
    assert len(minutes) == 4


def test_the_first_half_of_our_share_goes_at_full_speed_and_the_second_is_spread() -> None:
    time = Time()
    time.now = 960.5
    org = Org(time, 600)
    read(org, time, 290)
    quick = [at for at in org.sent if at < 960.5 + 10]
    assert 145 <= len(quick) <= 190
    gaps = [later - sooner for sooner, later in zip(org.sent[200:], org.sent[201:], strict=False)]
    assert max(gaps) < 1.5


def test_what_others_have_used_is_not_used_up() -> None:
    time = Time()
    time.now = 960.5
    org = Org(time, 600, others=400)
    minutes = read(org, time, 400)
    assert min(org.left) >= 50  # a tenth, and what was in flight
    assert all(130 <= count <= 150 for count in minutes[:-1]), minutes


def test_a_quota_that_others_have_used_up_is_waited_for() -> None:
    time = Time()
    time.now = 960.5
    org = Org(time, 100, others=95)
    assert sum(read(org, time, 12)) == 12
    assert time.now > 1000


def test_a_budget_lets_a_burst_through_and_then_a_rate() -> None:
    time = Time()
    limiter = Limiter(1, budget=Budget(3, 2.0), clock=time, sleep=time.sleep)
    asyncio.run(several(limiter, good, 6))
    assert time.now == 1001.5
    time.now += 60
    asyncio.run(several(limiter, good, 6))
    assert time.now == 1063.0


def test_googles_budget_stays_below_the_quota_of_any_minute() -> None:
    budget, now, sent = Budget(1000, 20), 0.0, list[float]()
    while now < 180:
        now += max(0.0125, budget.left(now))  # eight at once, 100 ms each
        budget.left(now)
        budget.take()
        sent.append(now)
    assert max(sum(1 for at in sent if start < at <= start + 60) for start in range(120)) < 2400
