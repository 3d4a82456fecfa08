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
_LOST = "CASE WHEN step IN (:leave, :demote) THEN before ELSE '' END"
_CLUSTERS = (
    f"SELECT step, coalesce(evidence, ''), cause, {_LOST}, count(*) FROM action"
    f" WHERE run = :run AND step IN :steps AND {_PLANNED} GROUP BY step, coalesce(evidence, ''), cause, {_LOST}"
)
_object = msgspec.json.Decoder(dict[str, Any]).decode
_Sizes = dict[str | tuple[str, str], int]
"""How many are in a team, or active with a value of an axis."""


def past_runs(store: Store, workspace: str, keys: Collection[str], *, days: float, now: str) -> Iterator[PastRun]:
    """The runs of a workspace in these days, oldest first; `keys` are those of the limits that they are judged by.

    Plans that were not applied and second looks at earlier runs are left out: a person asked for them. The sizes of
    teams are those of today, and the holders of roles, with what runs did since to teams and roles taken back.
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
        sizes = _today(connection, workspace)
        judged = []
        for run, directory, began, managed, report in found:
            _take_back(connection, run, sizes)
            header = msgspec.json.decode(report, type=_Header)
            if not header.planned_only and not header.of:
                judged.append((run, directory, began, managed, dict(sizes)))
        for run, directory, began, managed, then in reversed(judged):
            teams = {name: size for name, size in then.items() if isinstance(name, str)}
            roles = {role: size for role, size in then.items() if not isinstance(role, str)}
            gauges = Gauges(managed, used(connection, workspace, keys, now=began), teams, roles)
            yield _past(connection, run, directory, began, gauges=gauges)


class _Header(msgspec.Struct, frozen=True):
    """Of a report only what tells how the run came about."""

    planned_only: bool = False
    of: str = ""


def _past(connection: Connection, run: str, directory: str, began: str, *, gauges: Gauges) -> PastRun:
    sql = text(_CLUSTERS).bindparams(bindparam("steps", expanding=True))
    given = {
        "run": run, "leave": int(Step.LEAVE_TEAM), "demote": int(Step.DEMOTE),
        "steps": [int(step) for step in GUARDED.values()],
    }  # fmt: skip
    clusters: dict[Cluster, int] = defaultdict(int)
    leaving: dict[str, dict[Cluster, int]] = defaultdict(dict)
    lowering: dict[tuple[str, str], dict[Cluster, int]] = defaultdict(dict)
    for step, evidence, cause, before, count in connection.execute(sql, given):
        cluster = Cluster(Step(step), evidence, cause)
        clusters[cluster] += count
        if step == Step.LEAVE_TEAM:
            leaving[str(_object(before).get("team", ""))][cluster] = count
        elif step == Step.DEMOTE:
            for role in _object(before).items():
                lowering[role][cluster] = count
    return PastRun(run, directory, began, clusters, leaving, gauges, lowering)


def _today(connection: Connection, workspace: str) -> _Sizes:
    """How many members of each team directories put there, and how many active members hold each value."""
    teams = (
        "SELECT t.name, count(DISTINCT m.member_no) FROM team t JOIN team_member m ON m.team_id = t.id"
        " WHERE t.workspace = :w AND m.source <> '' GROUP BY t.name"
    )
    roles = (
        "SELECT v.axis, v.value, count(*) FROM member m JOIN member_role v ON v.member_no = m.no"
        " WHERE m.workspace = :w AND m.active = TRUE GROUP BY v.axis, v.value"
    )
    sizes: _Sizes = {row[0]: row[1] for row in rows(connection, teams, w=workspace)}
    return sizes | {(row[0], row[1]): row[2] for row in rows(connection, roles, w=workspace)}


def _take_back(connection: Connection, run: str, sizes: _Sizes) -> None:
    """The sizes as they were before a run."""
    sql = (
        "SELECT step, before, after, count(*) FROM action WHERE run = :run AND step IN :steps AND state = 'applied'"
        " GROUP BY step, before, after"
    )
    given = {"run": run, "steps": [Step.JOIN_TEAM, Step.LEAVE_TEAM, Step.PROMOTE, Step.DEMOTE]}
    for step, before, after, count in connection.execute(
        text(sql).bindparams(bindparam("steps", expanding=True)), given
    ):
        for said, sign in ((after, -1), (before, 1)):
            for name, value in _object(said).items():
                changed = str(value) if step in (Step.JOIN_TEAM, Step.LEAVE_TEAM) else (name, str(value))
                sizes[changed] = sizes.get(changed, 0) + sign * count
