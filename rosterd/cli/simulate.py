"""`simulate`: a made-up directory behind a vendor's API on loopback, to rehearse against."""

import json
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from reconciler.errors import RunError
from rosterd.cli.errors import Unusable
from rosterd.cli.invocation import Json
from rosterd.cli.output import command_line, flush, write, write_json

if TYPE_CHECKING:
    from rosterd.simulators import Simulator
    from rosterd.simulators.strikes import Fault


class NoSuchFault(RunError):
    """A fault that there is not for this kind of directory, or not so often; the text names those that there are."""

    code = "unknown_fault"


class WithFaults(TyperCommand):
    """The command whose help ends with the table of faults, which is read only when somebody asks for help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from rosterd.simulators.faults import FAULTS

        text = (
            fill(_of(fault), 78, initial_indent=f"  {fault.name:<22}", subsequent_indent=" " * 24) for fault in FAULTS
        )
        self.help = "\n\n".join((self.help or "", "[bold]Faults[/bold]", "\n".join(text)))
        super().format_help(ctx, formatter)


def _of(fault: "Fault") -> str:
    everywhere = len(fault.kinds) == len(SimulatedKind)
    return fault.description if everywhere else f"{fault.description} ({', '.join(sorted(fault.kinds))} only)"


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
    *,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, show_default="okta 8470, entra 8471, google 8472",
                     help="On 127.0.0.1; 0 takes a free one."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME[:TIMES]", show_default=False,
                     help="What is wrong with it, to rehearse; can be repeated. The names stand above."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Serve a simulated directory on loopback until Ctrl-C, with the configuration that reaches it.

    [bold]Examples[/bold]

      rosterd simulate okta
      rosterd simulate okta --fault half
      rosterd simulate google --users 100000 --groups 500 --port 0
    """
    from rosterd.simulators import Simulator, World, serve_forever
    from rosterd.simulators.faults import FaultError

    at = PORTS[kind.value] if port is None else port
    try:
        simulator = Simulator(kind.value, World.generate(kind.value, users, groups), port=at, fault=fault or ())
    except FaultError as exc:
        raise NoSuchFault(str(exc), where="--fault", fix="rosterd simulate --help says what each does") from exc
    except OSError as exc:
        raise Unusable(
            f"port {at} is taken: {exc.strerror}", where=f"127.0.0.1:{at}", fix="use --port 0 for a free one"
        ) from exc
    serve_forever(simulator, _announce_json if as_json else _announce)


def _described(simulator: "Simulator") -> dict[str, Any]:
    return {
        "kind": simulator.kind,
        "url": simulator.url,
        "faults": [active.fault.name for active in simulator.vendor.faults],
        "environment": {simulator.variable: simulator.secret},
        "configuration": "\n".join((WORKSPACE, simulator.configuration(NAME, "rehearsal"), *_mapped(simulator))),
    }


def _mapped(simulator: "Simulator") -> Iterator[str]:
    """The first group (of admins) as a role, the second as a team: what this world has of them."""
    admins, *others = [json.dumps(group.name) for group in simulator.world.groups.values()] or [""]
    if admins:
        yield f'[[directory.role]]\naxis = "role"\ngroups = {{ {admins} = "admin" }}\n'
    for name in others[:1]:
        yield f"[[directory.team]]\ngroup = {name}\nteam = {name}\n"


NAME, FILE = "rehearsal", Path("rehearsal.toml")
WORKSPACE = """\
[[workspace]]
id = "rehearsal"

[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"
"""


def _announce_json(simulator: "Simulator") -> None:
    write_json(_described(simulator))


def _wrong(simulator: "Simulator") -> Iterator[str]:
    for active in simulator.vendor.faults:
        yield f"# Wrong with it: {active.fault.name}: {active.fault.description}."
    if simulator.vendor.faults:
        ended = json.dumps({"op": "no_fault"})
        yield f"# To end that: curl -d {shlex.quote(ended)} {simulator.url}/_control/world"


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
            *_wrong(simulator),
            "#",
            f"# 1. Put this into a file, say {FILE}:",
            "",
            found["configuration"],
            "# 2. In another terminal (the secret is made up, and changes with every start):",
            "",
            *exports,
            command_line("check", config=FILE),
            command_line("sync", config=FILE),
            "",
            "# 3. Change somebody, and sync again:",
            "",
            f"curl -d {hire} {simulator.url}/_control/world",
            "",
            "# Ctrl-C ends it.",
        )
    )
    flush()
