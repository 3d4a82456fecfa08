"""Traces to an OpenTelemetry collector, where `[trace] endpoint` names one: a span for each run with its phases, and
one for each request of SCIM and of the REST API. Spans are made of what was measured anyway, when it is over.

What makes and sends spans is imported for this only (FastAPI looks for the API by itself).
"""

import threading
import time
from datetime import datetime
from importlib.metadata import version

from reconciler.errors import RunError
from reconciler.report import Report

SECONDS = 5.0  # for the collector to take what is sent; what it does not take is dropped
_NANO = 1_000_000_000


class CannotTrace(RunError):
    """The packages that send traces are not installed."""

    code = "cannot_trace"


class Traces:
    """Sends spans to a collector that speaks OTLP over HTTP, in a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        """
        Raises:
            CannotTrace: the extra packages are missing.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as exc:
            fix = "install them: pip install 'rosterd[trace]'; or take [trace] endpoint out"
            said = "the packages that send traces are not installed"
            raise CannotTrace(said, where="[trace] endpoint", fix=fix) from exc
        resource = Resource.create({"service.name": "rosterd", "service.version": version("rosterd")})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("rosterd")

    def run(self, report: Report) -> None:
        """A run that ended, with its phases one after the other."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        begin = _nano(report.began)
        about: dict[str, str | int] = {
            "rosterd.run": report.run, "rosterd.directory": report.directory, "rosterd.workspace": report.workspace,
            "rosterd.state": report.state, "rosterd.trigger": report.trigger, "rosterd.mode": report.mode,
            "rosterd.changes": report.changes,
        }  # fmt: skip
        whole = self._tracer.start_span("run", start_time=begin, attributes=about)
        if report.error is not None:
            whole.set_status(Status(StatusCode.ERROR, report.error["code"]))
        inside, at = set_span_in_context(whole), begin
        for name, seconds in report.phases.items():
            phase = self._tracer.start_span(name, context=inside, start_time=at)
            at += int(seconds * _NANO)
            phase.end(at)
        whole.end(max(at, _nano(report.ended or report.began)))

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request that was answered just now (http/metrics.py)."""
        from opentelemetry.trace import SpanKind

        end = time.time_ns()
        about: dict[str, str | int] = {
            "http.request.method": method, "http.response.status_code": status, "http.route": route
        }  # fmt: skip
        span = self._tracer.start_span(
            f"{method} {route}", kind=SpanKind.SERVER, start_time=end - int(seconds * _NANO), attributes=about
        )
        span.end(end)

    def close(self) -> None:
        """Sends what is left, if the collector takes it soon: one that is silent keeps no process from ending."""
        sending = threading.Thread(target=self._provider.shutdown, name="last traces", daemon=True)
        sending.start()
        sending.join(SECONDS)


def _nano(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * _NANO)
