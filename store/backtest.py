"""Past runs as limits see them, read back from what they recorded."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from reconciler.backtest import PastRun
from reconciler.guard import GUARDED, Gauges
from reconciler.plan import Cluster, Step
from store.database import Store, rows
from store.gauges import used
from store.leases import stamp

# What a run planned: all but what it skipped. What it held and a person decided about, or a later run planned anew, is
# skipped since; a change that is skipped because it was refused after an earlier run names that one.
_PLANNED = (
    "(state <> 'skipped' OR code IN ('approved', 'superseded')"
    " OR code = 'rejected' AND error NOT LIKE 'rejected after run %')"
)
_CLUSTERS = (
    "SELECT step, coalesce(evidence, ''), cause, CASE WHEN step = :leave THEN before ELSE '' END, count(*) FROM action"
    f" WHERE run = :run AND step IN :steps AND {_PLANNED}"
    " GROUP BY step, coalesce(evidence, ''), cause, CASE WHEN step = :leave THEN before ELSE '' END"
)
_team = msgspec.json.Decoder(dict[str, Any]).decode


def past_runs(store: Store, workspace: str, keys: Collection[str], *, days: float, now: str) -> Iterator[PastRun]:
    """The runs of a workspace in these days, oldest first; `keys` are those of the limits that they are judged by.

    Plans that were not applied and second looks at earlier runs are left out: a person asked for them. The sizes of
    teams are those of today, with what runs did since taken back.
    """
    since = stamp(datetime.fromisoformat(now) - timedelta(days=days))
    with store.read() as connection:
        found = rows(
            connection,
            "SELECT id, directory, began, managed, report FROM run WHERE workspace = :w AND began > :since"
            " AND managed IS NOT NULL ORDER BY began DESC, id DESC",
            w=workspace,
            since=since,
        )
        sizes = _teams_today(connection, workspace)
        judged = []
        for run, directory, began, managed, report in found:
            _take_back(connection, run, sizes)
            header = msgspec.json.decode(report, type=_Header)
            if not header.planned_only and not header.of:
                judged.append((run, directory, began, managed, dict(sizes)))
        for run, directory, began, managed, teams in reversed(judged):
            before = used(connection, workspace, keys, now=began)
            yield _past(connection, run, directory, began, gauges=Gauges(managed, before, teams))


class _Header(msgspec.Struct):
    """Of a report only what tells how the run came about."""

    planned_only: bool = False
    of: str = ""


def _past(connection: Connection, run: str, directory: str, began: str, *, gauges: Gauges) -> PastRun:
    sql = text(_CLUSTERS).bindparams(bindparam("steps", expanding=True))
    given = {"run": run, "leave": int(Step.LEAVE_TEAM), "steps": [int(step) for step in GUARDED.values()]}
    clusters: dict[Cluster, int] = defaultdict(int)
    leaving: dict[str, dict[Cluster, int]] = defaultdict(dict)
    for step, evidence, cause, before, count in connection.execute(sql, given):
        cluster = Cluster(Step(step), evidence, cause)
        clusters[cluster] += count
        if before:
            leaving[str(_team(before).get("team", ""))][cluster] = count
    return PastRun(run, directory, began, clusters, leaving, gauges)


def _teams_today(connection: Connection, workspace: str) -> dict[str, int]:
    """How many members of each team directories put there."""
    sql = (
        "SELECT t.name, count(DISTINCT m.member_no) FROM team t JOIN team_member m ON m.team_id = t.id"
        " WHERE t.workspace = :w AND m.source <> '' GROUP BY t.name"
    )
    return {row[0]: row[1] for row in rows(connection, sql, w=workspace)}


def _take_back(connection: Connection, run: str, sizes: dict[str, int]) -> None:
    """The teams' sizes as they were before a run."""
    for step, column, sign in ((Step.JOIN_TEAM, "after", -1), (Step.LEAVE_TEAM, "before", 1)):
        sql = (
            f"SELECT {column}, count(*) FROM action WHERE run = :run AND step = :step AND state = 'applied'"
            f" GROUP BY {column}"
        )
        for said, count in rows(connection, sql, run=run, step=int(step)):
            team = str(_team(said).get("team", ""))
            sizes[team] = sizes.get(team, 0) + sign * count
