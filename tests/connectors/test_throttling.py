"""Reading below the limits of the vendors, over loopback; waits are on a clock that only sleeping moves."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import Response

from connectors.base import Connector, Unavailable
from connectors.limits import Window
from reconciler.model import Completeness, Observation, UsersSeen, Wanted
from rosterd.simulators import Simulator, World
from rosterd.simulators.okta import Okta
from rosterd.simulators.okta_access import api_error
from rosterd.simulators.okta_buckets import Buckets
from rosterd.simulators.web import Call, Endpoint
from rosterd.simulators.world import BEGAN, Kind
from tests.connectors.clock import Time
from tests.connectors.directories import break_, connect, ends, pull

GROUPS = 24
WANTED = Wanted(groups=frozenset(f"Team {number}" for number in range(GROUPS)))


def world(kind: Kind = "okta", people: int = 430) -> World:
    made = World(kind)
    everybody = [made.hire(f"Given{number}", "Family") for number in range(people)]
    for number in range(GROUPS):
        made.join(made.add_group(f"Team {number}").id, everybody[number % people].id)
    return made


class Patience(Time):
    """A clock that does not move while a request is under way."""

    window: Window

    async def settled(self) -> None:
        await super().settled()
        while self.window.flying:  # noqa: ASYNC110 -- a place is given back, not announced
            await asyncio.sleep(0.001)


def patient(simulator: Simulator, folder: Path, time: Patience, deadline: float = 3600.0) -> Connector:
    connector: Any = connect(simulator, folder, time=time, deadline=deadline)
    time.window = connector._transport.limiter.window
    return cast("Connector", connector)


class Org:
    """A simulated org on the clock of the one who reads it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator, self.time = simulator, Patience()
        self.began = self.time.now
        self.buckets: Buckets = cast("Okta", simulator.vendor).buckets
        self.buckets.monotonic = self.time
        simulator.world.clock = lambda: BEGAN + dt.timedelta(seconds=self.time.now)

    def read(self, folder: Path, deadline: float = 3600.0) -> tuple[list[Observation], Connector]:
        connector = patient(self.simulator, folder, self.time, deadline)
        return pull(connector, WANTED), connector


@pytest.fixture
def org() -> Iterator[Org]:
    with Simulator("okta", world()) as simulator:
        yield Org(simulator)


def whole(observations: list[Observation]) -> bool:
    found = ends(observations)
    return len(found) == 2 + GROUPS and all(end.completeness is Completeness.COMPLETE for end in found)


def test_our_share_of_a_bucket_is_never_exceeded(org: Org, tmp_path: Path) -> None:
    org.buckets.limits, org.buckets.share = {"groups": 20}, 0.5
    observations, connector = org.read(tmp_path)
    assert whole(observations)
    assert (connector.counts.retries, org.buckets.refused.total()) == (0, 0)
    assert org.buckets.most["groups"] <= 10
    waited = connector.counts.throttled_seconds
    assert waited == pytest.approx(org.time.now - org.began)
    assert 2 * 60 <= waited <= 4 * 60  # 25 requests, at most ten in each minute


def test_an_exhausted_bucket_slows_no_other(org: Org, tmp_path: Path) -> None:
    """Regression: one limiter for the whole org let everything wait for the bucket of the listing of people."""
    org.buckets.limits = {"users": 8}  # of which the three pages of people are nearly our share
    observations, connector = org.read(tmp_path)
    assert whole(observations)
    spent = org.time.now - org.began
    assert (org.buckets.most["users"], connector.counts.throttled_seconds) == (3, spent)
    assert spent < 60, "groups did not wait for the minute to end"


def test_what_other_apps_use_is_left_to_them(org: Org, tmp_path: Path) -> None:
    org.buckets.limits, org.buckets.others = {"groups": 40}, 30
    observations, connector = org.read(tmp_path)
    assert whole(observations)
    assert (connector.counts.retries, org.buckets.refused.total()) == (0, 0)
    assert org.buckets.most["groups"] <= 40 - 30 - 4 + 4  # a tenth stays, but for what is in flight


def test_a_refused_bucket_is_waited_for_once(org: Org, tmp_path: Path) -> None:
    """Five groups are refused together; the minute they wait is one minute in the report."""
    org.buckets.share = 0.02  # of 200: less than anybody could know
    org.buckets.limits = {"groups": 200}
    observations, connector = org.read(tmp_path)
    assert whole(observations)
    assert 1 <= connector.counts.retries <= org.buckets.refused["groups"]
    assert connector.counts.throttled_seconds == pytest.approx(org.time.now - org.began)


def test_too_many_at_once_means_fewer_in_flight(org: Org, tmp_path: Path) -> None:
    org.buckets.at_once = 2
    org.simulator.vendor.latency = 0.01
    observations, connector = org.read(tmp_path)
    assert whole(observations)
    assert org.time.window.size <= 3, "of five it was halved, and every success widens it by less than a tenth"
    assert 1 <= connector.counts.retries == org.buckets.refused["at once"]
    assert org.time.now - org.began < 10, "a short wait, not until Reset"


def test_a_read_that_would_wait_beyond_its_deadline_says_so(org: Org, tmp_path: Path) -> None:
    org.buckets.limits, org.buckets.share = {"groups": 20}, 0.5
    observations, _ = org.read(tmp_path, deadline=30.0)
    partial = [end for end in ends(observations) if end.completeness is Completeness.PARTIAL]
    assert partial
    assert all("time for this read is over" in end.reason or "not asked for" in end.reason for end in partial)
    assert org.time.now - org.began <= 30


# -- Graph and Google ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["entra", "google"])
def other(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    kind = cast("Kind", request.param)
    with Simulator(kind, world(kind, 30)) as simulator:
        yield simulator


@pytest.mark.parametrize(("told", "seconds"), [("7", 7.0), ("2.128", 2.128), ("300", 300.0)])
def test_retry_after_is_waited_out_and_counted_once(
    other: Simulator, tmp_path: Path, told: str, seconds: float
) -> None:
    time = Patience()
    connector = patient(other, tmp_path, time)
    body = b'{"error": {"code": "TooManyRequests", "errors": [{"reason": "userRateLimitExceeded"}], "message": ""}}'
    status = 429 if other.kind == "entra" else 403
    headers = {"retry-after": told}
    break_(other, lambda: Response(body, status, headers, media_type="application/json"), where="/members", times=5)
    observations = pull(connector, WANTED)
    assert whole(observations)
    assert connector.counts.retries == 5
    assert seconds <= connector.counts.throttled_seconds <= 5 * seconds + 1
    assert connector.counts.throttled_seconds == pytest.approx(time.now - 1000)


def test_near_graphs_limit_everything_slows_down(tmp_path: Path) -> None:
    with Simulator("entra", world("entra", 30)) as tenant:
        time = Patience()
        tenant.fault("near_limit")
        connector = patient(tenant, tmp_path, time)
        assert whole(pull(connector, WANTED))
    assert connector.counts.retries == 0
    assert connector.counts.throttled_seconds == pytest.approx(time.now - 1000)
    assert 5 * (GROUPS / 8) <= time.now - 1000 <= 5 * (GROUPS + 5)


# -- pages that take too long -------------------------------------------------------------------------------------


def test_a_page_that_takes_too_long_is_asked_for_with_fewer_records(org: Org, tmp_path: Path) -> None:
    big = org.simulator.world.add_group("Big")
    for person in list(org.simulator.world.people):
        org.simulator.world.join(big.id, person)
    org.simulator.fault("page_too_large")
    connector = patient(org.simulator, tmp_path, org.time)
    observations = pull(connector, Wanted(groups=frozenset({"Big"})))
    assert all(end.completeness is Completeness.COMPLETE for end in ends(observations))
    pages = [[user.external_id for user in seen.users] for seen in observations if isinstance(seen, UsersSeen)]
    assert [len(page) for page in pages] == [50] * 8 + [30]
    assert [person for page in pages for person in page] == list(org.simulator.world.people)
    assert connector.counts.retries == 2 + 2 + 5  # 200 → 50, 200 → 50, 1000 → 31
    assert connector.counts.throttled_seconds == 0.0


def test_one_slow_page_in_the_middle_goes_on_from_the_same_place(org: Org, tmp_path: Path) -> None:
    connector = patient(org.simulator, tmp_path, org.time)
    whole_vendor, asked = org.simulator.vendor.admit, list[str]()

    def admit(call: Call, row: Endpoint) -> None:
        whole_vendor(call, row)
        if row.holds == "users":
            asked.append(f"{'after' if 'after' in call.query else 'first'} {call.query['limit']}")
            if len(asked) == 2:
                raise api_error(500, "E0000009", "Internal Server Error")

    org.simulator.vendor.admit = admit  # type: ignore[method-assign]
    observations = pull(connector, Wanted())
    assert asked == ["first 200", "after 200", "after 100", "after 100", "after 100"]
    people = [user.external_id for seen in observations if isinstance(seen, UsersSeen) for user in seen.users]
    assert people == list(org.simulator.world.people)
    assert ends(observations)[0].completeness is Completeness.COMPLETE


def test_an_internal_error_that_smaller_pages_do_not_cure_ends_as_one(org: Org, tmp_path: Path) -> None:
    org.simulator.fault("error_500", route="/members")
    org.simulator.fault("error_500", route="/users")
    connector = patient(org.simulator, tmp_path, org.time)
    with pytest.raises(Unavailable, match=r"E0000009 .*gave up after 6 attempts") as raised:
        pull(connector, Wanted())
    assert "limit=25" in str(raised.value)
