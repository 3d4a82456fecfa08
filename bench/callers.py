"""A client that costs little: requests made before the clock starts, sockets without a library, one process.

What is asked for and what an answer has to be is not here (bench/scim.py).
"""

import json
import selectors
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Ask = tuple[str, str, str]
"""Method, path with query, body."""


@dataclass
class _Line:
    """A connection that is kept alive, and what has come of the answer that it waits for."""

    socket: socket.socket
    heard: bytearray = field(default_factory=bytearray)
    since: float = 0.0

    def ask(self, request: bytes) -> None:
        self.since = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> int:
        """The status once the whole answer is there, else 0."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed a connection")
        self.heard += part
        head = self.heard.find(b"\r\n\r\n")
        if head < 0:
            return 0
        place = self.heard.find(b"content-length: ", 0, head)
        length = 0 if place < 0 else int(self.heard[place + 16 : self.heard.find(b"\r\n", place)])
        if len(self.heard) < head + 4 + length:
            return 0
        status = int(self.heard[9:12])
        self.heard.clear()
        return status


def play(address: tuple[str, int], requests: Sequence[bytes], connections: int) -> dict[str, Any]:
    """Sends all of them, each connection the next one as soon as it has its answer."""
    left = iter(requests)
    statuses: Counter[int] = Counter()
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            line = _Line(socket.create_connection(address, timeout=60))
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line.socket, selectors.EVENT_READ, line)
        lines: list[_Line] = [key.data for key in selector.get_map().values()]
        began, spent = time.perf_counter(), time.process_time()
        busy = len(lines) + sum(_next(line, left) for line in lines)
        while busy:
            for key, _ in selector.select(60):
                line = key.data
                if status := line.answer():
                    statuses[status] += 1
                    took.append(time.perf_counter() - line.since)
                    busy += _next(line, left)
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        for line in lines:
            line.socket.close()
    took.sort()
    return {
        "wall": wall, "cpu": cpu, "statuses": statuses,
        "median": statistics.median(took), "p99": took[int(len(took) * 0.99)],
    }  # fmt: skip


def _next(line: _Line, left: Iterator[bytes]) -> int:
    request = next(left, None)
    if request is None:
        return -1
    line.ask(request)
    return 0


def request(address: tuple[str, int], token: str, ask: Ask) -> bytes:
    """As it goes over the wire."""
    method, path, body = ask
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/scim+json\r\n"
    )
    if not body:
        return f"{head}\r\n".encode()
    sent = body.encode()
    return f"{head}Content-Type: application/scim+json\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent


def played(given: Path) -> dict[str, Any]:
    """What a file asks for."""
    asked = json.loads(given.read_text())
    address = (asked["host"], asked["port"])
    requests = [request(address, asked["token"], each) for each in asked["asks"]]
    return play(address, requests, asked["connections"])


if __name__ == "__main__":
    print(json.dumps(played(Path(sys.argv[1]))))
