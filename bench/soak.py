"""A daemon that is left alone for weeks: what becomes of the store's size, of memory, and of the runs.

Two serving processes and two workers over a PostgreSQL of their own run twenty directories every second, while the
clock goes ahead by half a day at a time (ahead.py), so that retention deletes what weeks leave behind. Each half day
something goes wrong: a fault of the directory, a worker killed with kill -9 or stopped for longer than a lease lasts,
PostgreSQL started anew. Once a day one of the serving processes ends and another one starts. After --days all of them
are told to end. Not a part of `make test`.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.ahead import Ahead
from bench.figures import Benchmark
from rosterd.simulators import Simulator, World
from store.leases import stamp
from tests.acceptance.fleet import LEASE, Fleet, Process, fleet
from tests.databases import Postgres, postgres_server

DIRECTORIES, PEOPLE = 20, 20
FAULTS = ("drop", "error_500", "bad_gateway", "truncate_close", "rate_429", "token_503", "none", "half")
STEP = timedelta(hours=12)
SETTLING = 0.5  # seconds until every process has noticed
KEPT = timedelta(days=8)  # the shortest that the configuration takes
SETTLED = KEPT + timedelta(days=3)  # from then on as much goes as comes
RETENTION = '[retention]\nactions = "8d"\nquiet = "2d"\n'


@dataclass
class Soak:
    """What is running, and what was done to it."""

    acme: Fleet
    okta: Simulator
    server: Postgres
    clock: Ahead
    chance: random.Random
    serve: Process
    spare: Process
    workers: list[Process]
    done: Counter[str] = field(default_factory=Counter)
    runs: dict[str, str] = field(default_factory=dict)
    doubled: set[tuple[str, str]] = field(default_factory=set)

    def mischief(self) -> None:
        """One of them."""
        self.okta.no_fault()
        ways: dict[Callable[[], str], int] = {
            self._kill: 5, self._stop: 2, self._restart: 1, self._change: 7, self._fault: 7,
        }  # fmt: skip
        (way,) = self.chance.choices(list(ways), list(ways.values()))
        self.done[way()] += 1

    def _kill(self) -> str:
        victim = self.workers.pop(self.chance.randrange(len(self.workers)))
        victim.send(signal.SIGKILL)
        victim.end()
        self.acme.processes.remove(victim)
        self.workers += self.acme.start("worker")
        return "workers killed with kill -9"

    def _stop(self) -> str:
        victim = self.chance.choice(self.workers)
        victim.send(signal.SIGSTOP)
        time.sleep(LEASE + 1)
        victim.send(signal.SIGCONT)
        return "workers stopped for longer than a lease"

    def _restart(self) -> str:
        self.server.restart()
        self.acme.store.engine.dispose()
        return "PostgreSQL restarted"

    def _change(self) -> str:
        person = self.chance.choice([each for each in self.okta.world.people.values() if each.status == "active"])
        self.okta.world.rename(person.id, family_name=f"Okafor{self.chance.randrange(1000)}")
        return "people renamed"

    def _fault(self) -> str:
        name = self.chance.choice(FAULTS)
        self.okta.fault(name, times=self.chance.randrange(1, 6))
        return f"fault {name}"

    def figures(self) -> dict[str, float]:
        """How much there is now; memory is that of the serving process, the only one that is never replaced."""
        (found,) = self.acme.rows(
            "SELECT count(*) AS runs, pg_database_size(current_database()) AS size,"
            " count(*) FILTER (WHERE began < :old) AS old, (SELECT count(*) FROM wish) AS wishes,"
            " (SELECT count(*) FROM action) AS actions, (SELECT count(*) FROM procrastinate_jobs) AS jobs FROM run",
            old=_ago(KEPT + timedelta(days=1)),
        )
        memory = psutil.Process(self.serve.popen.pid).memory_info().rss
        return {
            "database, MB": found.size / 2**20, "memory, MB": memory / 2**20, "runs kept": found.runs,
            "of them older than is kept": found.old, "actions kept": found.actions, "wishes": found.wishes,
            "jobs": found.jobs,
        }  # fmt: skip

    def look(self, since: str) -> None:
        """Remembers runs and how they ended, of which most will be deleted; and those that ran side by side, of the
        ones that began since then: in between, processes notice one after the other that the clock was set."""
        found = self.acme.rows("SELECT id, state FROM run WHERE began >= :since", since=_ago(3 * STEP))
        self.runs.update((row.id, row.state) for row in found)
        self.doubled.update(map(tuple, self.acme.overlapping(since)))

    def upgrade(self) -> None:
        """Ends the second serving process as a package manager does, and starts another one."""
        self.end(self.spare)
        (self.spare,) = self.acme.start("serve")

    def end(self, *processes: Process) -> None:
        """SIGTERM; and how each of them ends."""
        for each in processes:
            each.send(signal.SIGTERM)
        for each in processes:
            self.done[f"processes ended by SIGTERM, exit code {each.end()}"] += 1
            self.acme.processes.remove(each)


def _ago(length: timedelta) -> str:
    return stamp(datetime.now(UTC) - length)


def patient(server: Postgres) -> None:
    """A PostgreSQL that clears up after itself as one that is left alone does, only sooner: a day takes seconds."""
    server.set(autovacuum="on", autovacuum_naptime="2s")


def through(soak: Soak, days: float, pause: float) -> list[dict[str, float]]:
    """What there was after each day."""
    told: list[dict[str, float]] = []
    while soak.clock.by < timedelta(days=days):
        soak.clock.set(soak.clock.by + STEP)
        time.sleep(SETTLING)
        since = _ago(timedelta(0))
        soak.mischief()
        time.sleep(pause)
        soak.look(since)
        if not soak.clock.by % timedelta(days=1):
            told.append({"day": soak.clock.by.days, "runs so far": len(soak.runs), **soak.figures()})
            soak.upgrade()
            print(" ".join(f"{name} {value:.0f}," for name, value in told[-1].items()), file=sys.stderr, flush=True)
    return told


def add(result: Benchmark, soak: Soak, told: list[dict[str, float]]) -> None:
    """The figures of one that is over; floors are what there was when as much went as came for the first time."""
    settled = next((each for each in told if each["day"] >= SETTLED.days), told[-1])
    result.add("runs", len(soak.runs), "")
    result.add("days", told[-1]["day"], "days")
    for name, times in sorted(soak.done.items()):
        result.add(f"  {name}", times, "times")
    for state, runs in sorted(Counter(soak.runs.values()).items()):
        result.add(f"runs that ended {state}", runs, "")
    result.add("runs of a workspace at the same time", len(soak.doubled), "")
    for name, value in told[-1].items():
        if name not in ("day", "runs so far"):
            result.add(f"{name} (floor: on day {settled['day']:.0f})", value, "", settled[name])
    (left,) = soak.acme.rows("SELECT count(*) AS runs FROM run WHERE state = 'running'")
    result.add("runs under way when all had ended", left.runs, "")


def main() -> None:
    """Runs it and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=40)
    parser.add_argument("--pause", type=float, default=3, help="seconds of each half day")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = Benchmark("soak")
    names = [f"space{n}-1" for n in range(DIRECTORIES)]
    world = World.generate("okta", PEOPLE, 6, domain="acme.example")
    world.clock = lambda: datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as clocks,
        postgres_server() as server,
        Simulator("okta", world) as okta,
        fleet(Path(folder), server, dict.fromkeys(names, okta), every="1s", more=RETENTION) as acme,
    ):
        patient(server)
        clock = Ahead(Path(clocks))
        acme.rehearsal.environment.update(clock.environment)
        serve, spare, *workers = acme.start("serve", "serve", "worker", "worker")
        soak = Soak(acme, okta, server, clock, random.Random(given.seed), serve, spare, workers)
        told = through(soak, given.days, given.pause)
        soak.end(*acme.processes)
        soak.look(_ago(timedelta(0)))
        add(result, soak, told)
    result.show(as_json=given.json)


if __name__ == "__main__":
    main()
