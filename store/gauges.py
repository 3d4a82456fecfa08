"""What limits are measured against: the workspace's size, its teams, and what earlier runs did in a window of time."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from reconciler.guard import EACH_TEAM, Gauges, windows
from reconciler.plan import Step
from reconciler.policy import Policy
from store.database import Store, scalar
from store.leases import stamp

_USED = (
    "SELECT coalesce(sum(number), 0) FROM run_tally WHERE workspace = :w AND ended > :since AND ended <= :now"
    " AND step = :step AND state = 'applied'"
)


def gauges(store: Store, policy: Policy, teams: Collection[str], now: str) -> Gauges:
    """The gauges of a workspace at this moment; of `teams`, those that a plan takes people out of."""
    with store.read() as connection:
        return Gauges(
            managed(connection, policy.workspace),
            {
                key: used(connection, policy.workspace, step, seconds, now=now)
                for key, (step, seconds) in windows(policy.limits).items()
            },
            _team_sizes(connection, policy.workspace, teams) if EACH_TEAM in policy.limits and teams else {},
        )


def managed(connection: Connection, workspace: str) -> int:
    """How many active members of the workspace are managed by a directory."""
    sql = "SELECT count(*) FROM member WHERE workspace = :w AND managed AND active"
    return int(scalar(connection, sql, w=workspace))


def used(connection: Connection, workspace: str, step: Step, seconds: int, *, now: str) -> int:
    """How many changes of a step were applied to a workspace in the seconds before `now`."""
    since = stamp(datetime.fromisoformat(now) - timedelta(seconds=seconds))
    return int(scalar(connection, _USED, w=workspace, since=since, now=now, step=int(step)))


def _team_sizes(connection: Connection, workspace: str, teams: Collection[str]) -> dict[str, int]:
    """How many members of each team directories put there."""
    sql = text(
        "SELECT t.name, count(DISTINCT m.member_no) FROM team t JOIN team_member m ON m.team_id = t.id"
        " WHERE t.workspace = :w AND t.name IN :teams AND m.source <> '' GROUP BY t.name"
    ).bindparams(bindparam("teams", expanding=True))
    return {row[0]: row[1] for row in connection.execute(sql, {"w": workspace, "teams": sorted(teams)})}


def tallied(connection: Connection, run: str, ended: str) -> None:
    """Adds up what a run did, for the windows of later ones."""
    connection.execute(
        text(
            "INSERT INTO run_tally (run, step, evidence, state, workspace, directory, ended, number)"
            " SELECT a.run, a.step, coalesce(a.evidence, ''), a.state, r.workspace, r.directory, :ended, count(*)"
            " FROM action a JOIN run r ON r.id = a.run WHERE a.run = :run"
            " GROUP BY a.run, a.step, coalesce(a.evidence, ''), a.state, r.workspace, r.directory"
        ),
        {"run": run, "ended": ended},
    )
