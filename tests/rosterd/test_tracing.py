"""Traces: to a real collector on loopback; without an endpoint nothing that sends them is imported."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from reconciler.report import Report
from rosterd.tracing import CannotTrace, Traces
from tests.listening import Collector

REPORT = Report(
    "r1", "acme", "acme-okta", "schedule", "full", "blocked", "2026-11-28T12:00:00.000Z", "2026-11-28T12:00:03.000Z",
    phases={"pull": 2.0, "plan": 0.5}, error={"code": "unavailable", "message": "m", "where": "", "fix": ""},
)  # fmt: skip


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


def test_a_run_is_a_span_with_its_phases(collector: Collector) -> None:
    traces = Traces(collector.address)
    traces.run(REPORT)
    traces.close()
    by_name = {span.name: span for span in collector.spans}
    assert set(by_name) == {"run", "pull", "plan"}
    whole = by_name["run"]
    about = {each.key: each.value.string_value for each in whole.attributes}
    assert (about["rosterd.run"], about["rosterd.directory"]) == ("r1", "acme-okta")
    assert by_name["pull"].parent_span_id == by_name["plan"].parent_span_id == whole.span_id
    assert by_name["pull"].end_time_unix_nano - by_name["pull"].start_time_unix_nano == 2_000_000_000
    assert by_name["plan"].start_time_unix_nano == by_name["pull"].end_time_unix_nano
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 3_000_000_000
    assert whole.status.message == "unavailable"


def test_a_request_is_a_span(collector: Collector) -> None:
    traces = Traces(collector.address)
    traces.request("/api/v1/runs/{run}", "GET", 200, 0.25)
    traces.close()
    (span,) = collector.spans
    assert span.name == "GET /api/v1/runs/{run}"
    assert {each.key for each in span.attributes} == {"http.route", "http.request.method", "http.response.status_code"}
    assert span.end_time_unix_nano - span.start_time_unix_nano == 250_000_000


def test_a_collector_that_is_silent_keeps_no_process_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter tries on for longer than a process has to end."""
    monkeypatch.setattr("rosterd.tracing.SECONDS", 0.05)
    traces, ends = Traces("http://127.0.0.1:9"), threading.Event()
    shutdown = traces._provider.shutdown
    monkeypatch.setattr(traces._provider, "shutdown", ends.wait)
    traces.close()
    assert not ends.is_set()
    ends.set()
    shutdown()


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(CannotTrace) as caught:
        Traces("http://127.0.0.1:4318")
    assert "rosterd[trace]" in caught.value.fix


def test_without_an_endpoint_nothing_that_sends_them_is_imported() -> None:
    parts = "('opentelemetry.sdk', 'opentelemetry.exporter')"
    code = f"import sys, rosterd.serving; sys.exit(any(name.startswith({parts}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
