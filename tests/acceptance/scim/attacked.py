"""A daemon that is attacked: with a lenient directory and a strict one, and no limit of their rates that matters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.scim.schema import CORE
from tests.acceptance.daemon import Daemon, serving, told
from tests.acceptance.scim.wire import Wire

USER, GROUP = CORE["User"], CORE["Group"]
MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
STRICT = """
[[workspace]]
id = "strict"
[[directory]]
id = "strict-scim"
workspace = "strict"
kind = "scim"
strict = true
requests_per_second = 100000
"""


@dataclass
class Attacked:
    """A daemon, and a wire to each of its directories; ids of a user and of a group in each."""

    daemon: Daemon
    wires: dict[bool, Wire]
    ids: dict[bool, tuple[str, str]]


@contextmanager
def attacking(folder: Path, store: str) -> Iterator[Attacked]:
    """By its end it has noticed no fault, and answers."""
    with serving(told(folder, more="requests_per_second = 100000", mapped=STRICT, store=store)) as daemon:
        wires = {
            strict: Wire(daemon.endpoints[name], daemon.token(name))
            for strict, name in ((False, "acme-scim"), (True, "strict-scim"))
        }
        yield Attacked(daemon, wires, {strict: _filled(wire) for strict, wire in wires.items()})
        for wire in wires.values():
            assert wire.send("GET", "/Users?count=1").status == 200
            wire.close()
        ended = daemon.stop()
        assert ended.code == 0
        assert "broke" not in ended.err
        assert "Traceback" not in ended.err


def _filled(wire: Wire) -> tuple[str, str]:
    ada = wire.send("POST", "/Users", dumped({"schemas": [USER], "userName": "ada"})).json["id"]
    eng = wire.send("POST", "/Groups", dumped({"schemas": [GROUP], "displayName": "Eng", "members": [{"value": ada}]}))
    return ada, eng.json["id"]


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
