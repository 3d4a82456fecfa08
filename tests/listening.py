"""Servers on loopback that rosterd tells something: a webhook like Slack's, a collector of traces."""

import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class _Listening:
    """A server that gives each POST to `took`, which says the status of the answer."""

    def __init__(self, took: Callable[[BaseHTTPRequestHandler, bytes], int]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(took(self, self.rfile.read(int(self.headers["Content-Length"]))))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Webhook(_Listening):
    """A server that takes what Slack's webhooks take, or refuses with a status."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        super().__init__(self._took)
        self.url = f"{self.address}/hooks/s3cret-path"

    def _took(self, _request: BaseHTTPRequestHandler, body: bytes) -> int:
        sent = json.loads(body)
        if self.status == 200:
            assert set(sent) == {"text"}, sent
            self.texts.append(sent["text"])
        return self.status


class Collector(_Listening):
    """A collector of traces, and the spans that it got."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        super().__init__(self._took)

    def _took(self, request: BaseHTTPRequestHandler, body: bytes) -> int:
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert request.path == "/v1/traces"
        sent = ExportTraceServiceRequest.FromString(body)
        self.spans.extend(s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans)
        return 200
