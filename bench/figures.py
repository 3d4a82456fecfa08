"""What the benchmarks share: figures in the shape of the contract, and steps measured in processes of their own."""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Figure:
    """One measured value; `floor` is the least that the same work cost in this run, `ratio` their quotient."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        if self.floor and self.ratio is None:
            self.ratio = round(self.value / self.floor, 2)


@dataclass
class Benchmark:
    """The result of one benchmark."""

    name: str
    machine: str = field(
        default_factory=lambda: f"{platform.machine()}, {os.cpu_count()} cpus, Python {platform.python_version()}"
    )
    figures: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, floor: float | None = None) -> None:
        """Adds a figure."""
        self.figures.append(Figure(name, round(value, 4), unit, None if floor is None else round(floor, 4)))

    def show(self, *, as_json: bool) -> None:
        """Prints the figures."""
        if as_json:
            print(json.dumps(asdict(self)))
            return
        print(f"{self.name} ({self.machine})")
        for figure in self.figures:
            against = "" if figure.ratio is None else f"   floor {figure.floor:g}, ratio {figure.ratio:g}"
            print(f"  {figure.name:<52} {figure.value:>12,.3f} {figure.unit}{against}")


@contextmanager
def cpu() -> Iterator[dict[str, float]]:
    """CPU seconds (user and system, this process) and wall seconds of the block."""
    spent: dict[str, float] = {}
    wall, began = time.perf_counter(), time.process_time()
    yield spent
    spent["cpu"] = time.process_time() - began
    spent["wall"] = time.perf_counter() - wall


def peak_mb() -> float:
    """Peak resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(script: str, *arguments: str) -> dict[str, Any]:
    """Runs one step of a benchmark in a process of its own, so that its CPU and memory are its own; its JSON."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, script, *arguments], check=True, stdout=subprocess.PIPE, env=environment, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main(
    about: str | None, measure: Callable[[int], Benchmark], one_step: Callable[[str, str, int], dict[str, object]]
) -> None:
    """Command line of the contract, for a benchmark whose steps run in processes of their own over one database."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(one_step(given.step, given.database, given.people)))
        return
    measure(given.people).show(as_json=given.json)
