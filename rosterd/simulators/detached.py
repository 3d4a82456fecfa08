"""A simulator in a process of its own, so that a benchmark measures the client and not the server.

Has what `Simulator` has from outside: `url`, `credentials`, `secret`, `configuration`, `requests`; the world is changed
through the control door (`change`).
"""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from typing import Any

from rosterd.simulators.reachable import Reachable
from rosterd.simulators.server import VENDORS
from rosterd.simulators.world import Kind

_STOP_SECONDS = 10.0


class Detached(Reachable):
    """`with Detached("okta", users=100_000, groups=1_000) as okta:`."""

    def __init__(self, kind: Kind, users: int = 100, groups: int = 12, *, seed: int = 1, latency: float = 0.0) -> None:
        options = {"users": users, "groups": groups, "seed": seed, "latency": latency}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.kind: Kind = kind
        self._command = [sys.executable, "-m", "rosterd.simulators", kind, *arguments]
        self._child: subprocess.Popen[str] | None = None
        self.url = ""
        self._told: dict[str, Any] = {}

    def __enter__(self) -> "Detached":
        self._child = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        assert self._child.stdout is not None  # noqa: S101 - stdout=PIPE
        line = self._child.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"the {self.kind} simulator did not start")
        self._told = json.loads(line)
        self.url = self._told["url"]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process; can be called twice."""
        if self._child is not None:
            with self._child as child:
                child.terminate()
                child.wait(_STOP_SECONDS)
        self._child = None

    @property
    def pid(self) -> int:
        """The process, for measuring the server apart."""
        return self._child.pid if self._child else 0

    @property
    def sensitive_key(self) -> str:
        return VENDORS[self.kind].sensitive_key

    @property
    def keys(self) -> dict[str, str]:
        return dict(self._told["keys"])

    @property
    def credentials(self) -> dict[str, Any]:
        return dict(self._told["credentials"])

    @property
    def requests(self) -> Counter[str]:
        """API requests by method and route; token requests are apart."""
        return Counter(self._door("GET", "requests")["api"])

    def reset_counters(self) -> None:
        self._door("POST", "reset-counters")

    def change(self, *operations: dict[str, Any]) -> list[dict[str, str]]:
        """Applies operations of the control door (control.py), in order."""
        results: list[dict[str, str]] = self._door("POST", "world", list(operations))["results"]
        return results

    def _door(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_control/{path}", content, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
            answer: dict[str, Any] = json.load(response)
        return answer
