"""Past runs judged by other limits, on both databases: what a run planned, however it was decided about since."""

from datetime import UTC, datetime, timedelta

from reconciler.backtest import backtest
from reconciler.policy import Limit, Policy, TeamMapping
from store import Store
from store.backtest import past_runs
from store.leases import stamp
from tests.builders import WORKSPACE, Directory, policy, sync

NAMES = [f"p{number}" for number in range(10)]
DESIGN = (TeamMapping("Design", "Design"),)


def judged(store: Store, asked: Policy, *, days: float = 1, ahead: timedelta = timedelta(0)) -> list[tuple[int, int]]:
    """(planned, would have been held) of each run, oldest first."""
    now = stamp(datetime.now(UTC) + ahead)
    runs = past_runs(store, WORKSPACE, asked.limits, days=days, now=now)
    return [(past.planned, verdict.held) for past, verdict in backtest({asked.directory: asked}, runs)]


def limited(**limits: Limit) -> Policy:
    return policy(teams=DESIGN, limits=limits)


def story(store: Store, made_under: Policy) -> None:
    """Ten people, six of them in a team; then two, then three are suspended, and four leave the team."""
    directory = Directory(*NAMES)
    directory.join(*NAMES[:6], groups=["Design"])
    sync(store, directory, made_under)
    for names in (NAMES[8:], NAMES[5:8]):
        directory.suspend(*names)
        sync(store, directory, made_under)
    directory.leave(*NAMES[:4], groups=["Design"])
    sync(store, directory, made_under)


def test_runs_are_judged_by_the_limits_of_today(store: Store) -> None:
    story(store, limited())
    planned = [10, 2, 3, 4]
    assert judged(store, limited()) == [(count, 0) for count in planned]
    assert judged(store, limited(deactivate=Limit(count=3))) == [(10, 0), (2, 0), (3, 3), (4, 0)]
    assert judged(store, limited(create=Limit(count=10))) == [(10, 10), (2, 0), (3, 0), (4, 0)]
    assert judged(store, limited(deactivate=Limit(percent=25))) == [(10, 0), (2, 0), (3, 3), (4, 0)]  # of 8


def test_a_window_counts_what_runs_before_it_applied(store: Store) -> None:
    story(store, limited())
    assert judged(store, limited(deactivate_24h=Limit(count=5))) == [(10, 0), (2, 0), (3, 3), (4, 0)]
    assert judged(store, limited(deactivate_24h=Limit(count=6))) == [(10, 0), (2, 0), (3, 0), (4, 0)]


def test_a_team_is_measured_as_it_was(store: Store) -> None:
    """Two members are left of six; p5, who was suspended, keeps the place."""
    story(store, limited())
    assert judged(store, limited(leave_team_each=Limit(percent=60))) == [(10, 0), (2, 0), (3, 0), (4, 4)]
    assert judged(store, limited(leave_team_each=Limit(percent=70))) == [(10, 0), (2, 0), (3, 0), (4, 0)]


def test_a_role_is_measured_as_it_was(store: Store) -> None:
    """Four admins of whom two are demoted, then one of the two left, then somebody becomes one."""
    directory = Directory(*NAMES)
    directory.join(*NAMES[:4], groups=["Admins"])
    sync(store, directory, limited())
    for names in (NAMES[:2], NAMES[2:3]):
        directory.leave(*names, groups=["Admins"])
        sync(store, directory, limited())
    directory.join("p9", groups=["Admins"])
    sync(store, directory, limited())
    assert judged(store, limited(demote_each=Limit(percent=50))) == [(10, 0), (2, 2), (1, 1), (1, 0)]
    assert judged(store, limited(demote_each=Limit(percent=50, floor=2))) == [(10, 0), (2, 2), (1, 0), (1, 0)]
    assert judged(store, limited(demote_each=Limit(percent=51))) == [(10, 0), (2, 0), (1, 0), (1, 0)]


def test_what_was_held_was_planned(store: Store) -> None:
    story(store, limited(deactivate=Limit(count=3)))
    assert judged(store, limited(deactivate=Limit(count=3)))[2] == (3, 3)
    assert judged(store, limited(deactivate=Limit(count=4)))[2] == (3, 0)


def test_plans_and_runs_before_the_time_are_left_out(store: Store) -> None:
    story(store, limited())
    sync(store, Directory(*NAMES[:2]), limited(), apply=False)
    assert len(judged(store, limited())) == 4
    assert judged(store, limited(), ahead=timedelta(days=2)) == []


def test_runs_of_directories_that_are_not_configured_are_left_out(store: Store) -> None:
    story(store, limited())
    assert judged(store, policy(directory="google")) == []
