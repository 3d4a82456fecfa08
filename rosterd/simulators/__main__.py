"""`python -m rosterd.simulators okta --users 100000`: a simulator in a process of its own, for benchmarks and tests.

Prints one JSON line once it answers: {"kind", "url", "keys", "credentials"}; the credentials are throwaway and open
nothing but this server. Runs until SIGINT or SIGTERM. People use `rosterd simulate`.
"""

import argparse
import json
import sys
from pathlib import Path

from rosterd.simulators.server import Simulator, serve_forever
from rosterd.simulators.world import KINDS, World


def main() -> None:
    """Parses the command line and serves."""
    parser = argparse.ArgumentParser(prog="python -m rosterd.simulators", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--groups", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per answer")
    parser.add_argument("--fault", action="append", default=[], help="a drill (faults.py), as NAME or NAME:TIMES")
    parser.add_argument("--world", type=Path, help="a saved world instead of a generated one")
    given = parser.parse_args()
    world = (
        World.load(given.world)
        if given.world
        else World.generate(given.kind, given.users, given.groups, seed=given.seed)
    )
    serve_forever(Simulator(given.kind, world, port=given.port, latency=given.latency, fault=given.fault), _announce)


def _announce(simulator: Simulator) -> None:
    keys = simulator.vendor.keys(simulator.url)
    line = {"kind": simulator.kind, "url": simulator.url, "keys": keys, "credentials": simulator.credentials}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
