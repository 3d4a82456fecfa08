"""100,000 directories, simulated: how busy workers and database are, how long runs wait, how many workers that needs.

A discrete-event simulation of the daemon's queue, by seed: every directory is due at its interval from a time of its
own; a run needs a worker for its service time and the database for a part of it, which serves so many runs at once.
Service times are measured ones (bench/fleet.py), and stand as options; what a directory's answers take is drawn, so
that some are ten times slower than the usual one. None of it is rosterd's code: it is the model behind docs/scaling.md.
"""

import argparse
import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.figures import Benchmark

DUE, READ, ENDED = range(3)


@dataclass
class Given:
    """What is simulated. Seconds."""

    directories: int
    every: float
    workers: int  # runs at once, over all machines
    database: int  # statements of runs that the database serves at once: its cores
    cpu: float = 0.045  # of a worker, for a run
    written: float = 0.010  # of the database, for a run
    answers: float = 1.5  # the directory's, usually
    horizon: float = 3600.0
    seed: int = 7


@dataclass
class Found:
    """What came of it."""

    waits: list[float] = field(default_factory=list)
    busy: float = 0.0  # of workers, seconds
    stored: float = 0.0  # of the database
    left: int = 0

    def percentile(self, share: float) -> float:
        """Of the waiting times."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def simulated(given: Given) -> Found:
    """So long of it, after a quarter of an hour to settle."""
    chance, found = random.Random(given.seed), Found()
    settle = min(900.0, given.every)
    # Time, what happens, and when the run began that it happens to.
    events = [(chance.uniform(0, given.every), DUE, 0.0) for _ in range(given.directories)]
    heapq.heapify(events)
    free, waiting = given.workers, deque[float]()
    servers = [0.0] * given.database  # when each core of the database is free again
    while events[0][0] <= settle + given.horizon:
        now, what, began = heapq.heappop(events)
        counts = now > settle
        if what == DUE:
            heapq.heappush(events, (now + given.every * chance.uniform(0.98, 1.02), DUE, 0.0))
            waiting.append(now)
        elif what == READ:  # the run has read its directory, and waits for its turn at the database
            writes = given.written * chance.lognormvariate(0, 0.5)
            at = max(now, servers[0])
            heapq.heapreplace(servers, at + writes)
            heapq.heappush(events, (at + writes, ENDED, began))
            found.stored += writes * counts
        else:
            free += 1
            found.busy += (now - began) * counts
        while free and waiting:
            asked = waiting.popleft()
            free -= 1
            reads = given.cpu + given.answers * chance.lognormvariate(0, 0.8)
            heapq.heappush(events, (now + reads, READ, now))
            if counts:
                found.waits.append(now - asked)
    found.left = len(waiting)
    return found


def enough(given: Given, patience: float) -> int:
    """The fewest workers with which 99 of 100 runs wait no longer than that."""
    low, high = 1, 1
    while _late(given, high, patience):
        low, high = high + 1, high * 2
        if high > 1 << 14:
            return 0
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _late(given, middle, patience) else (low, middle)
    return low


def _late(given: Given, workers: int, patience: float) -> bool:
    found = simulated(Given(**{**vars(given), "workers": workers}))
    return found.percentile(0.99) > patience or found.left > workers * 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directories", type=int, default=100_000)
    parser.add_argument("--every", type=float, default=900.0, help="seconds between two runs of a directory")
    parser.add_argument("--database", type=int, default=8, help="cores of PostgreSQL")
    parser.add_argument("--cpu", type=float, default=0.045, help="seconds of a worker's CPU for a run")
    parser.add_argument("--written", type=float, default=0.010, help="seconds of PostgreSQL's CPU for a run")
    parser.add_argument("--answers", type=float, default=1.5, help="seconds that a directory's answers take, usually")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds that 99 of 100 runs may wait")
    parser.add_argument("--horizon", type=float, default=600.0, help="seconds that are simulated")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    base = Given(
        given.directories, given.every, 1, given.database, given.cpu, given.written, given.answers, given.horizon,
        given.seed,
    )  # fmt: skip
    result = Benchmark(f"{given.directories:,} directories every {given.every:g} s, simulated")
    result.add("runs a second", given.directories / given.every, "")
    needed = enough(base, given.patience)
    result.add(f"workers, so that 99 % wait at most {given.patience:g} s (0: the database is full)", needed, "")
    for share in (1.0, 1.25, 2.0):
        workers = max(1, round(needed * share))
        found = simulated(Given(**{**vars(base), "workers": workers}))
        result.add(f"{workers} workers: busy", found.busy / given.horizon / workers * 100, "%")
        result.add("  PostgreSQL busy", found.stored / given.horizon / given.database * 100, "%")
        result.add("  waiting time, p50", found.percentile(0.5), "s")
        result.add("  waiting time, p99", found.percentile(0.99), "s")
    cores = given.directories / given.every * given.cpu
    result.add("cores that the workers compute on", cores, "")
    result.show(as_json=given.json)


if __name__ == "__main__":
    main()
