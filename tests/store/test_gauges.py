"""What limits are measured against, on both databases: windows add up what every run of the workspace applied."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.guard import Gauges
from reconciler.policy import Limit, TeamMapping
from store import Store
from store.gauges import gauges
from store.leases import stamp
from tests.builders import Directory, policy, sync

WINDOWED = {"deactivate_1h": Limit(count=100), "deactivate_7d": Limit(count=100), "create_24h": Limit(count=100)}


def later(**after: int) -> str:
    return stamp(datetime.now(UTC) + timedelta(**after))


def leaving(store: Store, *names: str) -> None:
    """One run after another in which one more person is suspended."""
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory)
    for name in names:
        directory.suspend(name)
        sync(store, directory)


@pytest.mark.parametrize(
    ("after", "used"),
    [
        ({"minutes": 59}, {"deactivate_1h": 2, "deactivate_7d": 2, "create_24h": 4}),
        ({"minutes": 61}, {"deactivate_1h": 0, "deactivate_7d": 2, "create_24h": 4}),
        ({"days": 6}, {"deactivate_1h": 0, "deactivate_7d": 2, "create_24h": 0}),
        ({"days": 8}, {"deactivate_1h": 0, "deactivate_7d": 0, "create_24h": 0}),
    ],
)
def test_a_window_counts_what_runs_applied_in_it(store: Store, after: dict[str, int], used: dict[str, int]) -> None:
    leaving(store, "ada", "bob")
    assert gauges(store, policy(limits=WINDOWED), (), later(**after)) == Gauges(2, used)


def test_what_was_held_or_only_planned_is_in_no_window(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory)
    directory.suspend("ada")
    sync(store, directory, policy(limits={"deactivate": Limit(count=1)}))
    sync(store, directory, apply=False)
    assert gauges(store, policy(limits=WINDOWED), (), later()).used["deactivate_7d"] == 0


def test_a_slow_bleed_is_held_by_the_window_it_fills(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    limits = policy(limits={"deactivate": Limit(count=2), "deactivate_24h": Limit(count=3)})
    states = []
    for name in ("ada", "bob", "cyd"):
        sync(store, directory, limits)
        directory.suspend(name)
        states.append(sync(store, directory, limits).state)
    assert states == ["succeeded", "succeeded", "held"]


def test_the_size_of_a_team_is_those_whom_directories_put_there(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    directory.join("ada", "bob", groups=["Design"])
    limits = policy(teams=(TeamMapping("Design", "Design"),), limits={"leave_team_each": Limit(percent=50)})
    sync(store, directory, limits)
    assert gauges(store, limits, ["Design", "Ops"], later()).teams == {"Design": 2}
    assert gauges(store, limits, (), later()).teams == {}
