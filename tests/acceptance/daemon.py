"""`rosterd serve` as a process: started on a free port, asked over HTTP, ended gently or by kill -9.

    with rehearsal(tmp_path, "okta") as acme, serving(acme) as daemon:
        daemon.client().get("/healthz")

A configuration with a SCIM directory and no simulator is `told(tmp_path)`.
"""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.command import WORKSPACE, Rehearsal, Result

SECONDS = 30.0  # nothing here takes longer, on a busy machine either
SCIM = """
[[directory]]
id = "{id}"
workspace = "{workspace}"
kind = "scim"
{more}
"""


def told(folder: Path, *, name: str = "acme-scim", more: str = "", mapped: str = "", limits: str = "",
         store: str = "") -> Rehearsal:  # fmt: skip
    """A workspace "acme" fed by one SCIM directory. `more`: keys of the directory; `mapped`: tables below it; `store`:
    a database URL instead of a file in the folder."""
    made = Rehearsal(folder)
    head = f'[store]\nurl = "{store}"\n' if store else ""
    directory = SCIM.format(id=name, workspace="acme", more=more) + mapped
    made.file.write_text(head + WORKSPACE.format(id="acme", limits=limits) + directory, encoding="utf-8")
    return made


@dataclass
class Daemon:
    """A running `rosterd serve`."""

    rehearsal: Rehearsal
    process: "subprocess.Popen[str]"
    address: str  # "http://127.0.0.1:40123"
    endpoints: dict[str, str]  # directory → where its client sends
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, directory: str = "", token: str | None = None) -> httpx.Client:
        """A client of the daemon or, with a token made for it unless one is given, of a SCIM directory: paths are
        below its endpoint ("/Users")."""
        headers = {}
        if directory:
            headers["Authorization"] = f"Bearer {token or self.token(directory)}"
        base = self.endpoints[directory] if directory else self.address
        made = httpx.Client(base_url=base, headers=headers, timeout=SECONDS, trust_env=False)
        self.clients.append(made)
        return made

    def token(self, directory: str, *options: str) -> str:
        """A new token of a directory."""
        result = self.rehearsal.here("token", "create", directory, *options, "--json")
        assert result.code == 0, result.err
        return str(result.json["token"])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Result:
        """Ends it; how it ended and what it said since it listened."""
        self.close()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS)
        return Result(self.process.returncode, out, err)

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def close(self) -> None:
        """Closes the clients."""
        while self.clients:
            self.clients.pop().close()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None


@contextmanager
def serving(rehearsal: Rehearsal, *options: str) -> Iterator[Daemon]:
    """The daemon over this configuration, ready; ended at the end."""
    environment = {"ROSTERD_HTTP__LISTEN": "127.0.0.1:0", **rehearsal.environment}
    process = Rehearsal(rehearsal.folder, environment).start(*options, "serve", "--json")
    try:
        daemon = _listening(rehearsal, process)
        try:
            _ready(daemon)
            yield daemon
        finally:
            daemon.close()
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=SECONDS)
        except (subprocess.TimeoutExpired, ValueError):  # it does not end, or was read to its end already
            process.kill()


def _listening(rehearsal: Rehearsal, process: "subprocess.Popen[str]") -> Daemon:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, err = process.communicate(timeout=SECONDS)
        raise AssertionError(f"rosterd serve ended with {process.returncode}:\n{err}")
    said: dict[str, Any] = json.loads(line)
    return Daemon(rehearsal, process, said["listening"], said["endpoints"])


def _ready(daemon: Daemon) -> None:
    with httpx.Client(base_url=daemon.address, timeout=SECONDS, trust_env=False) as client:
        eventually(lambda: client.get("/readyz").status_code == 200)


def eventually(true: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Waits until it is true; fails when it does not become so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not become true"
        time.sleep(0.01)
