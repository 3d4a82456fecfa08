"""Simulated directories: a made-up organisation served by the API of Google, Entra or Okta on loopback.

Used by `rosterd simulate`, the demo, the tests and the benchmarks. Each vendor refuses what the real API refuses.
`World` (world.py) is the organisation, `Simulator` (server.py) the running server, faults.py what
can be wrong with it.
"""

from rosterd.simulators.server import Simulator, serve_forever, simulate
from rosterd.simulators.world import World

__all__ = ["Simulator", "World", "serve_forever", "simulate"]
