"""1,000 small directories synced by four worker processes over one PostgreSQL, against one worker; what handing out a
run costs; and how evenly workspaces are served.

One simulated Okta with ten people stands behind all directories, each of which is a workspace of its own. Every worker
process runs one directory at a time. Workers, simulator and PostgreSQL share the cores: when all of them compute, the
ideal of four workers is not a quarter of one worker's time but what the processors give, so the floor is the CPU that
everything spent, over the number of cores (on a machine that does nothing else). When each answer of the directory
takes its time (--latency), the workers wait, and the floor is a quarter of one worker's time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Benchmark
from rosterd.ports import now
from rosterd.simulators import Simulator, World
from rosterd.simulators.server import serve_forever
from store import Store, open_store
from store.database import rows
from store.jobs import end_job, feed, prepare, register, take_job
from store.wishes import Ask, ask, claim, depths, finish
from tests.databases import Postgres, postgres_server

WORKERS = 4
PEOPLE = 10
WARM = 2 * WORKERS
HEAD = '[store]\nurl = "{url}"\n[daemon]\nworkers = 1\n[log]\nlevel = "error"\n'
WORKSPACE = '[[workspace]]\nid = "w{n}"\n[[workspace.role]]\naxis = "role"\nvalues = ["member", "admin"]\n'


def serve(latency: float) -> None:
    """Runs the simulator in this process and prints how to reach it."""
    simulator = Simulator("okta", World.generate("okta", PEOPLE, 3), latency=latency)

    def announce(running: Simulator) -> None:
        print(json.dumps({"secret": running.secret, "block": running.configuration("NAME", "SPACE", env="OKTA")}),
              flush=True)  # fmt: skip

    serve_forever(simulator, announce)


@contextmanager
def process(*command: str, **more: str) -> Iterator[tuple[psutil.Popen, dict[str, Any]]]:
    """A process that says one line of JSON once it is there."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **more}
    started = psutil.Popen([sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield started, json.loads(started.stdout.readline())
    finally:
        started.terminate()
        started.wait(40)
        started.stdout.close()


def configured(folder: Path, url: str, block: str, spaces: int, each: int) -> Path:
    """A configuration of so many workspaces with so many directories each: d7-1 is the second one of w7."""
    parts = [HEAD.format(url=url)]
    for n in range(spaces):
        parts.append(WORKSPACE.format(n=n))
        parts += [block.replace("NAME", f"d{n}-{m}").replace("SPACE", f"w{n}") + 'every = "24h"\n' for m in range(each)]
    file = folder / f"{spaces}x{each}.toml"
    file.write_text("\n".join(parts))
    return file


def wanted(store: Store, names: list[tuple[int, int]]) -> None:
    """Asks for these directories."""
    for start in range(0, len(names), 100):
        with store.write() as connection:
            for n, m in names[start : start + 100]:
                ask(connection, Ask(f"w{n}", f"d{n}-{m}", "schedule"), f"{n}-{m}-{time.monotonic_ns()}", now())


def idle(store: Store) -> None:
    """Waits until all is done."""
    # Nobody tells when nothing happens.
    while any(depths(store).values()):
        time.sleep(0.05)


def spent(processes: Sequence[psutil.Process]) -> float:
    """CPU seconds of these so far."""
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def synced(server: Postgres, workers: int, spaces: int, each: int = 1, latency: float = 0.0) -> dict[str, Any]:
    """Wall seconds and CPU seconds of everything that took part, to sync all directories once; and in which order."""
    name = server.create()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        simulator, said = stack.enter_context(process(__file__, "--serve", str(latency)))
        file = configured(Path(folder), server.url(name), said["block"], spaces, each)
        store = open_store(server.url(name))
        stack.callback(store.close)
        arguments = ("-m", "rosterd", "--config", str(file), "worker", "--json")
        running = [stack.enter_context(process(*arguments, OKTA=said["secret"]))[0] for _ in range(workers)]
        wanted(store, [(n, 0) for n in range(WARM)])
        idle(store)  # what each process imports when it first runs something is not counted
        parts = [simulator, *running]
        before, database, began = spent(parts), server.cpu(), time.perf_counter()
        wanted(store, [(n, m) for n in range(WARM, spaces) for m in range(each)])
        idle(store)
        wall = time.perf_counter() - began
        cpu = spent(parts) - before + server.cpu() - database
        with store.read() as connection:
            order = [row.workspace for row in rows(connection, "SELECT workspace, ended FROM run ORDER BY ended")]
            ends = [row.ended for row in rows(connection, "SELECT ended FROM run ORDER BY ended")]
    server.drop(name)
    return {"wall": wall, "cpu": cpu, "runs": (spaces - WARM) * each, "order": order[WARM:], "ends": ends[WARM:]}


def handed_out(server: Postgres, count: int) -> tuple[float, float]:
    """Seconds to hand out and end one run that does nothing: over procrastinate, and straight from the store."""
    times = []
    for carried in (True, False):
        name = server.create()
        store = open_store(server.url(name))
        prepare(store)
        wanted(store, [(n, 0) for n in range(count)])
        number = register(store)
        began = time.perf_counter()
        for n in range(count):
            if carried:
                taken = take_job(store, number, "w", f"run-{n}", now())
                if taken is None:
                    feed(store, now())
                    taken = take_job(store, number, "w", f"run-{n}", now())
                assert taken is not None
                finish(store, taken.wish, now())
                end_job(store, taken.job, taken.wish.workspace, now())
            else:
                wish = claim(store, "w", f"run-{n}", now())
                assert wish is not None
                finish(store, wish, now())
        times.append((time.perf_counter() - began) / count)
        store.close()
        server.drop(name)
    return times[0], times[1]


def rounds(order: list[str]) -> float:
    """The share of all runs after which every workspace had had its first one."""
    seen = {workspace: number for number, workspace in reversed(list(enumerate(order, 1)))}
    return max(seen.values()) / len(order)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directories", type=int, default=1000)
    parser.add_argument("--waiting", type=int, default=100, help="directories of the variant that answers slowly")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds of each of its answers")
    parser.add_argument("--serve", type=float, metavar="LATENCY", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
        return
    result = Benchmark("fleet")
    cores = os.cpu_count() or 1
    with postgres_server() as server:
        carried, straight = handed_out(server, 300)
        result.add("handing out one run, 300 wait", carried * 1000, "ms", straight * 1000)
        one = synced(server, 1, given.directories)
        four = synced(server, WORKERS, given.directories)
        result.add(f"{one['runs']} directories, one worker", one["wall"], "s")
        result.add("  CPU of workers, simulator, database, per run", one["cpu"] / one["runs"] * 1000, "ms")
        per_run = [each["cpu"] / each["runs"] * 1000 for each in (one, four)]
        result.add(f"  the same with {WORKERS} workers (with one)", per_run[1], "ms", per_run[0])
        floor = four["cpu"] / cores
        result.add(f"{four['runs']} directories, {WORKERS} workers (CPU / cores)", four["wall"], "s", floor)
        slow_one = synced(server, 1, given.waiting, latency=given.latency)
        slow_four = synced(server, WORKERS, given.waiting, latency=given.latency)
        result.add(f"{slow_one['runs']} slow directories, one worker", slow_one["wall"], "s")
        floor = slow_one["wall"] / WORKERS
        result.add(
            f"{slow_four['runs']} slow directories, {WORKERS} workers (a quarter)", slow_four["wall"], "s", floor
        )
        fair = synced(server, WORKERS, WARM + 25, each=4)
        result.add("share of runs until each of 25 x 4 had one", rounds(fair["order"]), "", 0.25)
    result.show(as_json=given.json)


if __name__ == "__main__":
    main()
