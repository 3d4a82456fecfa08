"""`simulate`: a made-up directory behind a vendor's API on loopback, to rehearse against."""

import json
import shlex
import signal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rosterd.cli.errors import Unusable
from rosterd.cli.invocation import Json
from rosterd.cli.output import flush, write, write_json

if TYPE_CHECKING:
    from rosterd.simulators import Simulator


class SimulatedKind(StrEnum):
    """The kinds of directory that can be simulated."""

    google = "google"
    entra = "entra"
    okta = "okta"


PORTS = {"okta": 8470, "entra": 8471, "google": 8472}  # those of config.example.toml


def simulate(
    kind: Annotated[SimulatedKind, typer.Argument(help="Whose API.")],
    users: Annotated[int, typer.Option("--users", min=0, max=200_000, help="How many people.")] = 300,
    groups: Annotated[int, typer.Option("--groups", min=0, max=10_000, help="How many groups.")] = 14,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, show_default="okta 8470, entra 8471, google 8472",
                     help="On 127.0.0.1; 0 takes a free one."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Serve a simulated directory on loopback until Ctrl-C, with the configuration that reaches it.

    [bold]Examples[/bold]

      rosterd simulate okta
      rosterd simulate google --users 100000 --groups 500 --port 0
    """
    from rosterd.simulators import Simulator, World, serve_forever

    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    at = PORTS[kind.value] if port is None else port
    try:
        simulator = Simulator(kind.value, World.generate(kind.value, users, groups), port=at)
    except OSError as exc:
        raise Unusable(
            f"port {at} is taken: {exc.strerror}", where=f"127.0.0.1:{at}", fix="use --port 0 for a free one"
        ) from exc
    try:
        serve_forever(simulator, _announce_json if as_json else _announce)
    except KeyboardInterrupt:
        write_end = "" if as_json else "\nstopped\n"
        write([write_end])


def _described(simulator: "Simulator") -> dict[str, Any]:
    from rosterd.simulators.server import SECRET_NAMES

    return {
        "kind": simulator.kind,
        "url": simulator.url,
        "environment": {SECRET_NAMES[simulator.kind]: simulator.secret},
        "configuration": WORKSPACE + simulator.configuration(f"simulated-{simulator.kind}", "rehearsal") + ROLE,
    }


WORKSPACE = """\
[[workspace]]
id = "rehearsal"

[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"

"""
ROLE = """
[[directory.role]]
axis = "role"
groups = { "Rosterd Admins" = "admin" }

[[directory.team]]
group = "Engineering"
team = "Engineering"
"""


def _announce_json(simulator: "Simulator") -> None:
    write_json(_described(simulator))


def _announce(simulator: "Simulator") -> None:
    found = _described(simulator)
    people, groups = len(simulator.world.people), len(simulator.world.groups)
    hire = shlex.quote(json.dumps({"op": "hire", "given_name": "Ada", "family_name": "Lovelace"}))
    exports = [f"export {name}={shlex.quote(secret)}" for name, secret in found["environment"].items()]
    write(
        f"{text}\n"
        for text in (
            f"# A simulated {simulator.kind} directory with {people:,} people and {groups:,} groups:",
            f"#   {simulator.url}",
            "#",
            "# 1. Put this into a file, say rehearsal.toml:",
            "",
            found["configuration"],
            "# 2. In another terminal (the secret is made up, and changes with every start):",
            "",
            *exports,
            "rosterd --config rehearsal.toml check",
            "rosterd --config rehearsal.toml sync",
            "",
            "# 3. Change somebody, and sync again:",
            "",
            f"curl -d {hire} {simulator.url}/_control/world",
            "",
            "# Ctrl-C ends it.",
        )
    )
    flush()
