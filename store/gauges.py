"""What limits are measured against: the workspace's size, its teams, and what earlier runs did in a window of time."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from reconciler.guard import EACH_ROLE, EACH_TEAM, Gauges, size_matters, windows
from reconciler.policy import Limit, Policy
from store.database import Store, rows, scalar
from store.leases import stamp

SAMPLE = 5_000  # memberships that tell large teams from small ones


def gauges(
    store: Store, policy: Policy, lost: Mapping[str, int], now: str, *,
    lowered: Mapping[tuple[str, str], int] | None = None,
) -> Gauges:  # fmt: skip
    """The gauges of a workspace at this moment; `lost` says how many people a plan takes out of which teams, `lowered`
    how many lose which value of which axis."""
    with store.read() as connection:
        each, role = policy.limits.get(EACH_TEAM), policy.limits.get(EACH_ROLE)
        return Gauges(
            managed(connection, policy.workspace),
            used(connection, policy.workspace, policy.limits, now=now),
            _team_sizes(connection, policy.workspace, each, lost) if each is not None else {},
            _role_sizes(connection, policy.workspace, role, lowered or {}) if role is not None else {},
        )


def managed(connection: Connection, workspace: str) -> int:
    """How many active members of the workspace are managed by a directory."""
    # Compared with TRUE, the three columns of an index are one range of it; a bare boolean is looked at row by row.
    sql = "SELECT count(*) FROM member WHERE workspace = :w AND managed = TRUE AND active = TRUE"
    return int(scalar(connection, sql, w=workspace))


def used(connection: Connection, workspace: str, limits: Iterable[str], *, now: str) -> dict[str, int]:
    """How many changes were applied to a workspace in the window of each limit that has one, up to `now`."""
    looking_back = windows(limits)
    sql = (
        "SELECT step, sum(number) FROM run_tally WHERE workspace = :w AND ended > :since AND ended <= :now"
        " AND state = 'applied' GROUP BY step"
    )
    done: dict[int, dict[int, int]] = {}
    for seconds in {seconds for _, seconds in looking_back.values()}:
        since = stamp(datetime.fromisoformat(now) - timedelta(seconds=seconds))
        done[seconds] = {
            int(step): int(number) for step, number in rows(connection, sql, w=workspace, since=since, now=now)
        }
    return {key: done[seconds].get(int(step), 0) for key, (step, seconds) in looking_back.items()}


def _team_sizes(connection: Connection, workspace: str, limit: Limit, lost: Mapping[str, int]) -> dict[str, int]:
    """How many members of each team directories put there, as far as it takes their number to judge those who leave.

    Counting all memberships costs more than all else that guards do, so the first of them come before the rest: a team
    of which they hold many is large enough to lose a few.
    """
    asked = [team for team, leaving in sorted(lost.items()) if size_matters(limit, leaving, 0)]
    if not asked:
        return {}
    known = rows(connection, "SELECT name, id FROM team WHERE workspace = :w", w=workspace)
    ids = {name: int(number) for name, number in known}
    sampled = f"(SELECT member_no, team_id FROM team_member WHERE source <> '' LIMIT {SAMPLE})"
    seen = dict(connection.execute(text(f"{_SIZES} {sampled} x GROUP BY team_id")).tuples().all())
    small = [team for team in asked if team in ids and size_matters(limit, lost[team], seen.get(ids[team], 0))]
    counted = text(f"{_SIZES} team_member WHERE team_id IN :ids AND source <> '' GROUP BY team_id")
    sizes: dict[int, int] = {}
    for start in range(0, len(small), _MOST):
        some = {"ids": [ids[team] for team in small[start : start + _MOST]]}
        sizes |= dict(connection.execute(counted.bindparams(bindparam("ids", expanding=True)), some).tuples().all())
    return {team: sizes[ids[team]] for team in small if ids[team] in sizes}


def _role_sizes(
    connection: Connection, workspace: str, limit: Limit, lowered: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:  # fmt: skip
    """How many active members hold each value, as far as it takes their number to judge those who lose it: no more are
    counted than it takes for the limit not to trip."""
    sizes: dict[tuple[str, str], int] = {}
    for (axis, value), losing in lowered.items():
        if size_matters(limit, losing, 0) and limit.percent:
            given = {"w": workspace, "axis": axis, "value": value, "most": int(losing * 100 / limit.percent) + 1}
            sizes[axis, value] = int(scalar(connection, _HOLDERS, **given))
    return sizes


# CROSS JOIN fixes the order on SQLite: from those who hold the value to their members.
_HOLDERS = (
    "SELECT count(*) FROM (SELECT 1 FROM member_role v CROSS JOIN member m WHERE v.axis = :axis AND v.value = :value"
    " AND m.no = v.member_no AND m.workspace = :w AND m.active = TRUE LIMIT :most) x"
)
_SIZES = "SELECT team_id, count(DISTINCT member_no) FROM"
_MOST = 1000  # teams in one statement


def tallied(connection: Connection, run: str, ended: str) -> None:
    """Adds up what a run did, for the windows of later ones."""
    connection.execute(
        text(
            "INSERT INTO run_tally (run, step, evidence, state, workspace, directory, ended, number)"
            " SELECT r.id, a.step, a.evidence, a.state, r.workspace, r.directory, :ended, a.number FROM run r"
            " CROSS JOIN (SELECT step, coalesce(evidence, '') AS evidence, state, count(*) AS number FROM action"
            " WHERE run = :run GROUP BY step, coalesce(evidence, ''), state) a WHERE r.id = :run"
        ),
        {"run": run, "ended": ended},
    )
