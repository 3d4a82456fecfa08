"""What other limits would have held of the runs that were made: a back-test, before limits are changed.

Each run is judged by itself, with what was measured at its time; that holding some of it would have changed the runs
after it is left out. Reading the runs is store/backtest.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from reconciler.guard import Gauges, Verdict, judge
from reconciler.model import Frozen
from reconciler.plan import Cluster, Tally
from reconciler.policy import Policy


class PastRun(Frozen, frozen=True):
    """A run as limits see it: what it planned, by cluster; who was to leave which team, what that is measured by,
    and who was to lose which value of an axis."""

    run: str
    directory: str
    began: str
    clusters: Mapping[Cluster, int] = {}
    leaving: Mapping[str, Mapping[Cluster, int]] = {}
    gauges: Gauges = Gauges(0)
    lowering: Mapping[tuple[str, str], Mapping[Cluster, int]] = {}

    @property
    def planned(self) -> int:
        """How many changes of the kinds that have limits it planned."""
        return sum(self.clusters.values())


def backtest(policies: Mapping[str, Policy], runs: Iterable[PastRun]) -> Iterator[tuple[PastRun, Verdict]]:
    """Each run with what the limits of its directory's policy would have held of it; runs of other directories are
    left out."""
    for past in runs:
        if past.directory in policies:
            yield past, judge(policies[past.directory], _tally(past), past.gauges)


def _tally(past: PastRun) -> Tally:
    tally = Tally()
    tally.clusters.update(past.clusters)
    for team, lost in past.leaving.items():
        tally.leaving[team] = Counter(lost)
    for role, losing in past.lowering.items():
        tally.lowering[role] = Counter(losing)
    return tally
