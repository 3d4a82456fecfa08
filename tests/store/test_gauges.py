"""What limits are measured against, on both databases: windows add up what every run of the workspace applied."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.guard import Gauges
from reconciler.policy import Limit, Policy, TeamMapping
from store import Store
from store import gauges as gauging
from store.gauges import gauges
from store.leases import stamp
from tests.builders import Directory, by_hand, member, policy, sync
from tests.store.workspaces import add, join

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
    assert gauges(store, policy(limits=WINDOWED), {}, later(**after)) == Gauges(2, used)


def test_what_was_held_or_only_planned_is_in_no_window(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory)
    directory.suspend("ada")
    sync(store, directory, policy(limits={"deactivate": Limit(count=1)}))
    sync(store, directory, apply=False)
    assert gauges(store, policy(limits=WINDOWED), {}, later()).used["deactivate_7d"] == 0


def test_a_slow_bleed_is_held_by_the_window_it_fills(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    limits = policy(limits={"deactivate": Limit(count=2), "deactivate_24h": Limit(count=3)})
    states = []
    for name in ("ada", "bob", "cyd"):
        sync(store, directory, limits)
        directory.suspend(name)
        states.append(sync(store, directory, limits).state)
    assert states == ["succeeded", "succeeded", "held"]


def designers(store: Store, limit: Limit) -> Policy:
    """Two people in one team, one in another."""
    directory = Directory("ada", "bob", "cyd")
    directory.join("ada", "bob", groups=["Design"])
    directory.join("ada", groups=["Ops"])
    teams = (TeamMapping("Design", "Design"), TeamMapping("Ops", "Ops"))
    asked = policy(teams=teams, limits={"leave_team_each": limit})
    sync(store, directory, asked)
    return asked


def test_the_size_of_a_team_is_those_whom_directories_put_there(store: Store) -> None:
    asked = designers(store, Limit(percent=50))
    join(store, member("cyd").id, "Design")
    assert gauges(store, asked, {"Design": 1, "Elsewhere": 1}, later()).teams == {"Design": 2}
    assert gauges(store, asked, {}, later()).teams == {}


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        (Limit(percent=50), {"Design": 2, "Ops": 1}),
        (Limit(percent=60), {"Ops": 1}),  # one of at least two is less
        (Limit(percent=50, floor=2), {}),
        (Limit(count=1, percent=50), {}),
        (Limit(count=1), {}),
    ],
)
def test_teams_are_counted_where_their_size_decides(store: Store, limit: Limit, sizes: dict[str, int]) -> None:
    assert gauges(store, designers(store, limit), {"Design": 1, "Ops": 1}, later()).teams == sizes


def test_a_team_of_which_few_are_seen_at_first_is_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first memberships tell large teams; whom they do not hold is not small for that."""
    asked = designers(store, Limit(percent=60))
    monkeypatch.setattr(gauging, "SAMPLE", 1)
    assert gauges(store, asked, {"Design": 1, "Ops": 1}, later()).teams == {"Design": 2, "Ops": 1}


@pytest.mark.parametrize(
    ("limit", "lowered", "sizes"),
    [
        (Limit(percent=50, floor=2), 2, 4),
        (Limit(percent=100), 2, 3),  # no more are counted than it takes: two of three are less than all
        (Limit(percent=50, floor=2), 1, None),
        (Limit(count=2), 2, None),
    ],
)
def test_the_holders_of_a_role_are_counted_as_far_as_it_takes(
    store: Store, limit: Limit, lowered: int, sizes: int | None
) -> None:
    directory = Directory("ada", "bob", "cyd", "dan", "eve")
    directory.join("ada", "bob", "cyd", "dan", groups=["Admins"])
    asked = policy(limits={"demote_each": limit})
    sync(store, directory, asked)
    directory.suspend("dan")
    sync(store, directory, asked)
    add(store, by_hand("owner", "admin"), by_hand("stranger"))
    found = gauges(store, asked, {}, later(), lowered={("role", "admin"): lowered}).roles
    assert found == ({("role", "admin"): sizes} if sizes else {})
    assert gauges(store, asked, {}, later()).roles == {}


def test_admins_whose_group_is_gone_are_held_and_the_demotion_of_one_is_not(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan", "eve")
    directory.join("ada", "bob", "cyd", "dan", groups=["Admins"])
    asked = policy(limits={"demote_each": Limit(percent=50, floor=2)})
    sync(store, directory, asked)
    directory.leave("dan", groups=["Admins"])
    assert sync(store, directory, asked).counts.set_role == 1
    directory.drop_group("Admins")
    report = sync(store, directory, asked)
    assert (report.state, report.counts.held) == ("held", 2)  # the third is the last one
