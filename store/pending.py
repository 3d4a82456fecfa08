"""Marking people to be looked at again, by what they have in common: groups, attributes, teams.

What lives here: set-based SQL that fills `pending`. What does not: who is to be marked because the mirror changed
(promotion.py), and what lies between two policies (reconciler/changes.py).
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, bindparam, text

from reconciler.changes import Touched
from reconciler.policy import Policy
from reconciler.teams import closure
from store.mirror import bound, nested

_INTO = "INSERT INTO pending (directory, external_id, mark) "
_UPSERT = " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
_BELOW = (
    f"{_INTO}SELECT DISTINCT :d, member_id, :mark FROM mirror_edge"
    f" WHERE directory = :d AND nested = FALSE AND group_id IN :below{_UPSERT}"
)
_GRANTED = (
    f"{_INTO}SELECT DISTINCT :d, m.external_id, :mark FROM team t CROSS JOIN team_member tm CROSS JOIN member m"
    " WHERE t.workspace = :w AND t.name IN :teams AND tm.team_id = t.id AND tm.source = :d AND m.no = tm.member_no"
    f" AND m.directory = :d{_UPSERT}"
)
_HOLDING = (
    f"{_INTO}SELECT directory, external_id, :mark FROM mirror_user WHERE directory = :d AND body LIKE :key{_UPSERT}"
)


def mark_below(connection: Connection, directory: str, groups: Iterable[str], mark: int) -> None:
    """Everybody in these groups, and in the groups below them."""
    wanted = set(groups)
    if not wanted:
        return
    children: dict[str, list[str]] = {}
    for parent, child in nested(connection, directory):
        children.setdefault(parent, []).append(child)
    below = {each for group in wanted for each in closure(group, children)}
    sql = text(_BELOW).bindparams(bindparam("below", expanding=True))
    connection.execute(sql, {"d": directory, "mark": mark, "below": sorted(below)})


def mark_touched(connection: Connection, policy: Policy, touched: Touched, mark: int) -> None:
    """Everybody whom a changed policy touches; not for one that touches everybody. Names are as `binding` has them."""
    ids = bound(connection, policy.directory)
    mark_below(connection, policy.directory, {ids[ref] for ref in touched.refs if ref in ids}, mark)
    if touched.teams:
        sql = text(_GRANTED).bindparams(bindparam("teams", expanding=True))
        given = {"d": policy.directory, "w": policy.workspace, "mark": mark, "teams": sorted(touched.teams)}
        connection.execute(sql, given)
    for attribute in sorted(touched.attributes):
        # Finds some others too (case, other places of the body), which costs a look and no more.
        key = msgspec.json.encode(attribute).decode().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        sql = text(_HOLDING.replace(":key", ":key ESCAPE '\\'"))
        connection.execute(sql, {"d": policy.directory, "mark": mark, "key": f"%{key}:%"})
