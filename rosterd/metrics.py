"""What /metrics shows, in Prometheus' format: what the store knows of all processes, and what this one has answered.

The store is asked at most every few seconds, however many scrape; what is counted there survives a restart, and every
process shows the same. While the store refuses, only `rosterd_store_up` is left of it. Labels are bounded: by
directory are the few series that an alert has to name one by, all others add directories up.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.audit import CODES
from reconciler.errors import StoreError
from reconciler.plan import KINDS
from rosterd.ports import now
from rosterd.settings.model import Settings
from store.database import HEAD, Store
from store.measured import Measured, measured
from store.totals import BUCKETS, KILLED, SINCE, Latencies, Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH = 5.0  # seconds for which what the store said is shown again
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# What has not happened yet is a zero: of a counter that begins with 1, Prometheus sees no increase.
ENDED = ("succeeded", "partial", "held", "blocked", "failed", KILLED)
BECAME = ("applied", "failed", "held", "skipped")
STATES = ("healthy", "short", "failing", "quarantined", "paused", "never")


Intervals = Callable[[], Mapping[str, float]]
"""The directories of the present configuration, and in how many seconds each is to be read whole."""


class Stored(Collector):
    """What the store knows. Safe to share between threads."""

    def __init__(
        self, store: Store, intervals: Intervals, clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], str] = now,
    ) -> None:  # fmt: skip
        self._store, self._intervals, self._clock, self._now = store, intervals, clock, moment
        self._lock = threading.Lock()
        self._found: list[Metric] = []
        self._until = -1.0

    def collect(self) -> Iterable[Metric]:
        """The metrics, asked for now or a moment ago."""
        with self._lock:
            if self._clock() >= self._until:
                self._found = list(self._asked())
                self._until = self._clock() + FRESH
            return self._found

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering it asks no store."""
        return ()

    def _asked(self) -> Iterator[Metric]:
        up = "Whether the store answered the last time it was asked for metrics."
        try:
            moment = self._now()
            found = measured(self._store, moment)
        except StoreError:
            yield _gauge("rosterd_store_up", up, 0)
            return
        yield _gauge("rosterd_store_up", up, 1)
        yield from of_runs(found.totals.values())
        yield from of_directories(found, self._intervals(), moment)
        yield from of_the_queue(found)


def of_runs(totals: Iterable[Totals]) -> Iterator[Metric]:
    """What runs added up to, over all directories."""
    listed = list(totals)
    runs = CounterMetricFamily("rosterd_runs", "Runs that ended, by state; killed: without a report.", labels=["state"])
    ended = dict.fromkeys(ENDED, 0) | _summed(each.runs for each in listed)
    for state, number in sorted(ended.items()):
        runs.add_metric([state], number)
    actions = CounterMetricFamily("rosterd_actions", "Actions of runs, by kind and what became of them.",
                                  labels=["kind", "state"])  # fmt: skip
    for kind in sorted({*KINDS, *(kind for each in listed for kind in each.actions)}):
        became = dict.fromkeys(BECAME, 0) | _summed(each.actions.get(kind, {}) for each in listed)
        for state, number in sorted(became.items()):
            actions.add_metric([kind, state], number)
    failures = CounterMetricFamily("rosterd_run_failures", "Runs that failed, by the code of their error.",
                                   labels=["code"])  # fmt: skip
    for code, number in sorted(_summed(each.failures for each in listed).items()):
        failures.add_metric([code], number)
    failed = CounterMetricFamily("rosterd_action_failures", "Actions that failed, by code.", labels=["code"])
    for code, number in sorted(_summed(each.action_failures for each in listed).items()):
        failed.add_metric([code], number)
    yield from (runs, actions, failures, failed)
    yield _counter("rosterd_api_requests", "Requests to directories.", sum(each.requests for each in listed))
    yield _counter("rosterd_api_retries", "Requests to directories that were sent again.",
                   sum(each.retries for each in listed))  # fmt: skip
    yield _counter("rosterd_api_throttled_seconds", "Seconds that runs waited because directories asked for it.",
                   sum(each.throttled_seconds for each in listed))  # fmt: skip
    yield _leavers(listed)


def _leavers(totals: list[Totals]) -> Metric:
    family = HistogramMetricFamily(
        "rosterd_leaver_latency_seconds",
        "From when somebody left to their access being ended. since says what the beginning is: vendor, the directory's"
        " own time; request, the SCIM request that told it; last_read, the beginning of the last whole read that did"
        " not show it yet, where the directory says no time (an upper bound: they left after it); first_read, the"
        " beginning of the first whole read, of who left before rosterd read the directory.",
        labels=["since"],
    )
    edges = [*map(float, BUCKETS), float("inf")]
    for since in SINCE:
        found = [each.left.get(since, Latencies()) for each in totals]
        counts = [sum(each.counts[place] for each in found) for place in range(len(edges))]
        buckets = [(_edge(edge), float(sum(counts[: place + 1]))) for place, edge in enumerate(edges)]
        family.add_metric([since], buckets, sum(each.seconds for each in found))
    return family


def _edge(edge: float) -> str:
    return "+Inf" if edge == float("inf") else str(edge)


def of_directories(found: Measured, intervals: Mapping[str, float], moment: str) -> Iterator[Metric]:
    """What an alert names a directory by, of those that are configured, and how many are in which state."""
    readings = {name: each for name, each in found.readings.items() if name in intervals}
    in_state = [each.state for each in readings.values()] + ["never"] * len(intervals.keys() - readings)
    states = GaugeMetricFamily("rosterd_directories", "Directories, by how reading them goes.", labels=["state"])
    for state in STATES:
        states.add_metric([state], in_state.count(state))
    yield states
    yield _by_directory(
        "complete_age_seconds",
        "Since a directory was last read whole; of one that never was, since something is wrong with it.",
        {name: _between(begin, moment) for name in intervals if (begin := _whole(found, name))},
    )
    yield _by_directory("interval_seconds", "In which time a directory is to be read whole.", intervals)
    failures = {name: each.failures for name, each in readings.items()}
    yield _by_directory("failures", "Reads of a directory that failed, in a row.", failures)
    held: dict[str, int] = {}
    groups: dict[str, int] = {}
    for each in found.held:
        if each.directory in intervals:
            held[each.directory] = held.get(each.directory, 0) + each.actions
            groups[each.directory] = groups.get(each.directory, 0) + each.groups
    yield _by_directory("held_actions", "Actions that a guard holds until somebody decides.", held)
    yield _by_directory("held_groups", "Groups of actions that a guard holds: of one kind and evidence.", groups)
    yield _audits({name: each for name, each in found.totals.items() if name in intervals})
    ends = {name: _between(moment, end) for name, end in found.token_ends.items() if name in intervals}
    yield _by_directory(
        "token_expiry_seconds", "Until the last SCIM token of a directory ends; negative: it did.", ends
    )


def _whole(found: Measured, directory: str) -> str:
    """When it was last read whole; else since when that does not work."""
    reading, totals = found.readings.get(directory), found.totals.get(directory)
    tried = "" if reading is None else reading.complete_at or reading.since
    return tried or ("" if totals is None else totals.wrong_since)


def _audits(totals: Mapping[str, Totals]) -> Metric:
    """Of those that audit, every kind, so that nothing found is a zero."""
    family = GaugeMetricFamily(
        "rosterd_directory_audit_findings", "What the last audit by a directory found, by kind.",
        labels=["directory", "code"],
    )  # fmt: skip
    audited = {name: each.audit.counts for name, each in totals.items() if each.audit is not None}
    for directory, counts in sorted(audited.items()):
        for code in CODES:
            family.add_metric([directory, code], counts.get(code, 0))
    return family


def _by_directory(name: str, about: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"rosterd_directory_{name}", about, labels=["directory"])
    for directory, value in sorted(values.items()):
        family.add_metric([directory], value)
    return family


def of_the_queue(found: Measured) -> Iterator[Metric]:
    """What waits, who runs it, and how large all of it is."""
    queue = GaugeMetricFamily("rosterd_queue_depth", "Wishes for a run, by state.", labels=["state"])
    for state, number in sorted(found.queue.items()):
        queue.add_metric([state], number)
    workers = GaugeMetricFamily("rosterd_workers", "Processes that run directories, by kind.", labels=["kind"])
    for kind in ("serve", "worker"):
        workers.add_metric([kind], found.workers.get(kind, 0))
    lenient = CounterMetricFamily(
        "rosterd_scim_leniencies", "Requests that needed a tolerance, by its code.", labels=["code"]
    )
    for code, number in found.leniencies:
        lenient.add_metric([code], number)
    yield from (queue, workers, lenient)
    yield _gauge(
        "rosterd_queue_oldest_wait_seconds", "How long the first wish that may run has waited.", found.oldest_wait
    )
    yield _gauge("rosterd_database_bytes", "Size of the database.", found.database_bytes)


class Answered:
    """What this process answered, by method and, where there are several, by route; and how fast. `name` and `about`
    are of the requests."""

    def __init__(self, registry: CollectorRegistry, name: str, about: str, *, routes: bool = False) -> None:
        by = ["route", "method"] if routes else ["method"]
        self._routes = routes
        self._requests = Counter(f"rosterd_{name}_requests", f"{about} of this process, by {', '.join(by)} and status.",
                                 [*by, "status"], registry=registry)  # fmt: skip
        self._seconds = Histogram(f"rosterd_{name}_request_seconds",
                                  f"How long {about} of this process waited until the answer began.",
                                  by, buckets=SECONDS, registry=registry)  # fmt: skip
        self._counters: dict[tuple[str, ...], Any] = {}
        self._times: dict[tuple[str, ...], Any] = {}

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request."""
        by = (route, method) if self._routes else (method,)
        counter = self._counters.get((*by, str(status)))
        if counter is None:
            counter = self._counters[*by, str(status)] = self._requests.labels(*by, str(status))
        times = self._times.get(by)
        if times is None:
            times = self._times[by] = self._seconds.labels(*by)
        counter.inc()
        times.observe(seconds)


class Metrics:
    """All metrics of a process over its store."""

    def __init__(self, store: Store, intervals: Intervals) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.scim = Answered(self._registry, "scim", "SCIM requests")
        self.api = Answered(self._registry, "rest", "REST API requests", routes=True)
        self._registry.register(Stored(store, intervals))
        self._registry.register(_Build())

    def text(self) -> bytes:
        """Them in Prometheus' text format; asks the store, so it belongs in a thread."""
        return generate_latest(self._registry)


class _Build(Collector):
    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("rosterd_build_info", "The version that runs, and the store's schema that it knows.",
                                 labels=["version", "schema"])  # fmt: skip
        info.add_metric([version("rosterd"), HEAD], 1)
        yield info


def intervals_of(settings: Settings) -> dict[str, float]:
    """In which time each directory is read whole. One that is told, or read at certain times, is compared whole."""
    return {each.id: (each.every or each.verify_every).total_seconds() for each in settings.directory}


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for key, number in each.items():
            total[key] = total.get(key, 0) + number
    return total


def _between(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
