"""The command as a process, and a rehearsal: a configuration over simulated directories of this test process."""

import datetime as dt
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rosterd.cli.app import run
from rosterd.simulators import Simulator, World
from rosterd.simulators.world import Kind

SECONDS = 60  # no command of these tests takes longer
WORKSPACE = """\
[[workspace]]
id = "{id}"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"
{limits}
"""
MAPPED = """
[[directory.role]]
axis = "role"
groups = { "Rosterd Admins" = "admin" }
[[directory.team]]
group = "Engineering"
team = "Engineering"
[[directory.team]]
group = "Product"
team = "Product"
"""


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass
class Rehearsal:
    """A folder with a configuration; `run` is the command in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    simulators: dict[str, Simulator] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "rosterd.toml"

    @property
    def database(self) -> Path:
        return self.folder / "rosterd.db"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "rosterd", *arguments],
            cwd=self.folder,
            env=_environment(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Result:
        """The command, ended."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=SECONDS)
        return Result(process.returncode, out, err)

    def here(self, *arguments: str) -> Result:
        """The same command line in this process, where the libraries are loaded already."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            code = run(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    def world(self, directory: str) -> World:
        """The simulated directory."""
        return self.simulators[directory].world

    def roster(self, workspace: str = "acme") -> dict[str, Any]:
        """The members by address."""
        result = self.here("members", workspace, "--json")
        assert result.code == 0, result.err
        return {member["email"]: member for member in result.json}


def seconds_of(command: Callable[[], Result]) -> tuple[Result, float]:
    """What a command said, and its processor time: unlike a clock on the wall, the same on a busy machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = command()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment(more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROSTERD_", "COLUMNS"))}
    root = Path(__file__).parents[2]
    return {**kept, "PYTHONPATH": str(root), **more}


Generate = Callable[[Kind], World]


def people(users: int, **options: Any) -> Generate:
    """Worlds of so many people."""
    return lambda kind: World.generate(kind, users, options.get("groups", 6), domain="acme.example")


@contextmanager
def rehearsal(folder: Path, *kinds: Kind, world: Generate | None = None, limits: str = "") -> Iterator[Rehearsal]:
    """A workspace "acme" fed by one simulated directory of each kind, named after it."""
    made = Rehearsal(folder)
    generate = world or people(60)
    blocks = [WORKSPACE.format(id="acme", limits=limits)]
    try:
        for kind in kinds:
            simulator = Simulator(kind, generate(kind))
            simulator.world.clock = lambda: dt.datetime.now(dt.UTC)  # the command's own time: check compares them
            made.simulators[kind] = simulator.__enter__()
            secret = f"SECRET_{kind.upper()}"
            made.environment[secret] = simulator.secret
            blocks.append(simulator.configuration(kind, "acme", env=secret) + MAPPED)
        made.file.write_text("\n".join(blocks), encoding="utf-8")
        yield made
    finally:
        for simulator in made.simulators.values():
            simulator.stop()
