"""What bench/scim.py drives, each in a process: `rosterd serve` as it is or with a loop that runs nothing; and
the floor, the least that a server can do in the same place: ASGI under uvicorn, one statement of SQLite.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import uvicorn

from rosterd.http.server import bind

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Running:
    """A server that answers."""

    process: "subprocess.Popen[str]"
    port: int

    def cpu(self) -> float:
        """Seconds of CPU that it has used so far, user and system, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident_mb(self) -> float:
        """Its memory now."""
        (size,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(size) / 1024


@contextmanager
def running(folder: Path, *command: str) -> Iterator[Running]:
    """A server that says "http://…:PORT" on standard output or error once it answers; ended at the end."""
    said = folder / f"{time.monotonic_ns()}.log"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdout=log, stderr=log, text=True, env=environment
        )
        try:
            yield Running(process, _port(process, said))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: "subprocess.Popen[str]", said: Path) -> int:
    for _ in range(1200):
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", said.read_text()):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"a server did not start: {said.read_text()}")


def idle(arguments: list[str]) -> None:
    """The command with a daemon that runs nothing: what requests cost alone."""
    from rosterd.cli.app import main
    from rosterd.daemon.workers import Workers

    sys.argv[1:] = arguments
    with mock.patch.object(Workers, "start"):
        main()


def floor(database: str) -> None:
    """A bare ASGI application: POST inserts the body and answers when it is on the disk, GET selects one by its key."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE IF NOT EXISTS kept (no INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            key = scope["query_string"].decode()
            body = connection.execute("SELECT body FROM kept WHERE name = ?", (key,)).fetchone()[0].encode()
        else:
            body = (await receive())["body"]
            connection.execute("INSERT INTO kept (body) VALUES (?)", (body.decode(),))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=75
    )
    sock = bind("127.0.0.1", 0)
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run([sock])


if __name__ == "__main__":
    if sys.argv[1] == "floor":
        floor(sys.argv[2])
    else:
        idle(sys.argv[2:])
