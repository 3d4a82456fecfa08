"""Traces: to a real collector on loopback; without an endpoint nothing that sends them is imported."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from reconciler.report import Report
from rosterd.tracing import CannotTrace, Traces

REPORT = Report(
    "r1", "acme", "acme-okta", "schedule", "full", "blocked", "2026-11-28T12:00:00.000Z", "2026-11-28T12:00:03.000Z",
    phases={"pull": 2.0, "plan": 0.5}, error={"code": "unavailable", "message": "m", "where": "", "fix": ""},
)  # fmt: skip


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector's address, and the spans that it got."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            assert self.path == "/v1/traces"
            spans.extend(s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_run_is_a_span_with_its_phases(collector: tuple[str, list[Any]]) -> None:
    address, spans = collector
    traces = Traces(address)
    traces.run(REPORT)
    traces.close()
    by_name = {span.name: span for span in spans}
    assert set(by_name) == {"run", "pull", "plan"}
    whole = by_name["run"]
    about = {each.key: each.value.string_value for each in whole.attributes}
    assert (about["rosterd.run"], about["rosterd.directory"]) == ("r1", "acme-okta")
    assert by_name["pull"].parent_span_id == by_name["plan"].parent_span_id == whole.span_id
    assert by_name["pull"].end_time_unix_nano - by_name["pull"].start_time_unix_nano == 2_000_000_000
    assert by_name["plan"].start_time_unix_nano == by_name["pull"].end_time_unix_nano
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 3_000_000_000
    assert whole.status.message == "unavailable"


def test_a_request_is_a_span(collector: tuple[str, list[Any]]) -> None:
    address, spans = collector
    traces = Traces(address)
    traces.request("PATCH", 204, 0.25)
    traces.close()
    (span,) = spans
    assert span.name == "PATCH /scim/v2"
    assert span.end_time_unix_nano - span.start_time_unix_nano == 250_000_000


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(CannotTrace) as caught:
        Traces("http://127.0.0.1:4318")
    assert "rosterd[trace]" in caught.value.fix


def test_without_an_endpoint_nothing_that_sends_them_is_imported() -> None:
    parts = "('opentelemetry.sdk', 'opentelemetry.exporter')"
    code = f"import sys, rosterd.serving; sys.exit(any(name.startswith({parts}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
