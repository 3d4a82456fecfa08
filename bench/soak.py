"""Thousands of scheduled runs with faults and kills: what becomes of the store's size, of memory, and of the runs.

One serving process and three workers over a PostgreSQL of its own run twenty directories every second. Every few
seconds the directory does something wrong (a fault of the simulator), or a worker is killed with kill -9 and another
one started. It ends after --runs runs or --seconds. Not a part of `make test`.
"""

import argparse
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from bench.figures import Benchmark
from rosterd.simulators import Simulator, World
from tests.acceptance.fleet import Fleet, Process, fleet
from tests.databases import postgres_server

DIRECTORIES, PEOPLE = 20, 20
FAULTS = ("drop", "error_500", "bad_gateway", "truncate_close", "rate_429", "token_503", "none", "half")
EVERY = 5.0  # seconds between two mischiefs


def memory(process: Process) -> float:
    """Resident memory, MB."""
    return float(psutil.Process(process.popen.pid).memory_info().rss) / 2**20


def size(acme: Fleet) -> float:
    """The database, MB."""
    return float(acme.rows("SELECT pg_database_size(current_database()) AS size")[0].size) / 2**20


def runs(acme: Fleet) -> int:
    """How many there are."""
    return int(acme.rows("SELECT count(*) AS runs FROM run")[0].runs)


def mischief(acme: Fleet, okta: Simulator, workers: list[Process], chance: random.Random) -> str:
    """One of them; its name."""
    okta.no_fault()
    if chance.random() < 0.3:
        victim = workers.pop(chance.randrange(len(workers)))
        victim.send(signal.SIGKILL)
        victim.end()
        acme.processes.remove(victim)
        workers += acme.start("worker")
        return "kill"
    if chance.random() < 0.5:
        person = chance.choice([each for each in okta.world.people.values() if each.status == "active"])
        okta.world.rename(person.id, family_name=f"Okafor{chance.randrange(1000)}")
        return "change"
    name = chance.choice(FAULTS)
    okta.fault(name, times=chance.randrange(1, 6))
    return name


def main() -> None:
    """Runs it and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chance, done = random.Random(given.seed), Counter[str]()
    names = [f"space{n}-1" for n in range(DIRECTORIES)]
    result = Benchmark("soak")
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server() as server,
        Simulator("okta", World.generate("okta", PEOPLE, 6, domain="acme.example")) as okta,
        fleet(Path(folder), server, dict.fromkeys(names, okta), every="1s") as acme,
    ):
        (serve,) = acme.start("serve")
        workers = acme.start("worker", "worker", "worker")
        began, early = time.monotonic(), (0, 0.0, 0.0)
        while (count := runs(acme)) < given.runs and time.monotonic() - began < given.seconds:
            if not early[0] and (count > given.runs / 4 or time.monotonic() - began > given.seconds / 4):
                early = (count, size(acme), memory(serve))
            done[mischief(acme, okta, workers, chance)] += 1
            time.sleep(EVERY)
        result.add("runs", count, "")
        result.add("seconds", time.monotonic() - began, "s")
        for name, times in sorted(done.items()):
            result.add(f"  {name}", times, "times")
        for state in acme.rows("SELECT state, count(*) AS runs FROM run GROUP BY state ORDER BY state"):
            result.add(f"runs that ended {state.state}", state.runs, "")
        result.add("runs of a workspace at the same time", len(acme.overlapping()), "")
        result.add(f"memory of the serving process (after {early[0]} runs)", memory(serve), "MB", early[2])
        result.add(f"database (after {early[0]} runs)", size(acme), "MB", early[1])
        jobs = acme.rows("SELECT count(*) AS jobs FROM procrastinate_jobs")[0].jobs
        result.add("jobs that are open", jobs, "")
        okta.no_fault()
        result.add("processes that live", sum(each.popen.poll() is None for each in acme.processes), "of 4")
    result.show(as_json=given.json)


if __name__ == "__main__":
    main()
