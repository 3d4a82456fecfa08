"""WHEN a woken workspace runs, and what failed is tried again: pure, the clock is an argument. Seconds, on a clock that
only goes forward.

A push is waited for until nothing came for a moment, so that a burst is one run, but not for long. What keeps coming
gets runs that are farther and farther apart: a plan costs the same for one change as for a hundred.
"""

from reconciler.model import Frozen

QUIET = 0.05
PATIENCE = 0.5
LONGEST_REST = 0.4  # or as long as the run took, when that is longer
FEW = 3
AGAIN = 0.25  # after a run that found the workspace taken
STORE_AGAIN = 2.0  # before the next try of whatever the store refused
LONGEST_AGAIN = 5.0
BACK_OFF = 1.0  # after a run that broke
LONGEST_BACK_OFF = 300.0
LONGEST_OUTAGE = 10.0  # after a run that broke because the store takes nothing: that may be over at any moment


class Wakes(Frozen, frozen=True):
    """The first and the last wake since the last run began, and how many there were."""

    first: float
    last: float
    count: int = 1

    def again(self, now: float) -> "Wakes":
        """With one more wake."""
        return Wakes(self.first, now, self.count + 1)

    @property
    def stream(self) -> bool:
        """Whether they are more than somebody makes who waits for what came of the one before."""
        return self.count > FEW

    @property
    def ready(self) -> float:
        """When to run."""
        return min(self.last + QUIET, self.first + PATIENCE)


def rest(took: float, streak: int) -> float:
    """How long a workspace rests after a run that took so long, when a stream came meanwhile for the `streak`th time in
    a row (0: none did)."""
    return min(took * 2.0 ** (min(streak, 10) - 1), max(LONGEST_REST, took)) if streak else 0.0


def again(waited: float) -> float:
    """How long to wait when another run holds the workspace and this has waited so long already; a clock that was set
    back says nothing."""
    return min(max(waited, AGAIN), LONGEST_AGAIN)


def back_off(failures: int, *, outage: bool = False) -> float:
    """How long to wait after a run broke for the `failures`th time in a row; `outage`: because the store takes nothing,
    which costs little to find out, and keeps leavers waiting after it is over."""
    return min(BACK_OFF * 2.0 ** (min(failures, 20) - 1), LONGEST_OUTAGE if outage else LONGEST_BACK_OFF)
