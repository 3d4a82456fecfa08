"""What other limits would have held of past runs; reading the runs is tests/store/test_backtest.py."""

from reconciler.backtest import PastRun, backtest
from reconciler.guard import Gauges
from reconciler.plan import Cluster, Step
from reconciler.policy import Limit
from tests.builders import policy

GONE, LEFT = Cluster(Step.DEACTIVATE, "absence", "gone"), Cluster(Step.LEAVE_TEAM, "scope", "left Eng")
STRICT = policy(limits={"deactivate": Limit(count=3), "leave_team_each": Limit(percent=50)})


def past(run: str, directory: str = "okta", leavers: int = 0, left: int = 0) -> PastRun:
    clusters = {GONE: leavers, LEFT: left}
    return PastRun(run, directory, "then", clusters, {"Eng": {LEFT: left}}, Gauges(100, teams={"Eng": 4}))


def test_each_run_is_judged_by_itself_with_what_was_measured_then() -> None:
    runs = [past("r1", leavers=2), past("r2", leavers=3), past("r3", left=1), past("r4", left=2)]
    found = [(each.run, verdict.held) for each, verdict in backtest({"okta": STRICT}, runs)]
    assert found == [("r1", 0), ("r2", 3), ("r3", 0), ("r4", 2)]


def test_runs_of_directories_that_are_not_configured_are_left_out() -> None:
    runs = [past("r1", "google", leavers=9), past("r2", leavers=9)]
    assert [each.run for each, _ in backtest({"okta": STRICT}, runs)] == ["r2"]


def test_how_many_changes_a_run_planned() -> None:
    assert past("r1", leavers=2, left=3).planned == 5
