"""Requests as bytes on a socket: what no HTTP client would send. An answer has to come, and to be one of SCIM."""

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.daemon import SECONDS

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A client of one SCIM directory that sends what it is told to, on one connection as long as that lives."""

    def __init__(self, endpoint: str, token: str) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port, self.base = parts.hostname or "", parts.port or 80, parts.path
        self._token = token
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def send(
        self, method: str, target: str, body: bytes | None = None, *,
        headers: tuple[tuple[bytes, bytes], ...] = (), length: bool = True,
    ) -> Reply:  # fmt: skip
        """A request with a token; `target` is put behind the endpoint as it is."""
        lines = [f"{method} {self.base}".encode() + target.encode("utf-8", "surrogateescape") + b" HTTP/1.1"]
        named = {name.lower() for name, _ in headers}
        lines.append(b"Host: rosterd")
        if b"authorization" not in named:
            lines.append(f"Authorization: Bearer {self._token}".encode())
        if body is not None and b"content-type" not in named:
            lines.append(b"Content-Type: application/scim+json")
        if body is not None and length:
            lines.append(b"Content-Length: %d" % len(body))
        lines += [name + b": " + value for name, value in headers]
        return self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""), method)

    def raw(self, request: bytes, method: str = "GET") -> Reply:
        """These bytes, and their answer: a connection that ends without one is a failure, and so is a wait for ever."""
        reply, ends = self._exchange(request, method)
        if ends:
            self.close()
        return checked(reply, method)

    def _exchange(self, request: bytes, method: str) -> tuple[Reply, bool]:
        if self._socket is None:
            self._socket = socket.create_connection((self._host, self._port), timeout=SECONDS)
        with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough, and says so
            self._socket.sendall(request)
        response = http.client.HTTPResponse(self._socket, method=method)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body), response.will_close


def checked(reply: Reply, method: str) -> Reply:
    """No answer is a fault of the server's, and each refusal is a SCIM error (RFC 7644 §3.12)."""
    assert reply.status < 500 or reply.status == 501, reply
    if reply.status >= 400 and method != "HEAD":
        assert reply.headers["content-type"] in ("application/scim+json", "application/json"), reply
        assert reply.json["schemas"] == [ERROR], reply
        assert reply.json["status"] == str(reply.status), reply
        assert reply.json["detail"], reply
    return reply
