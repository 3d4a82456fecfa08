"""The embedded workspace as its readers see it: the roster, its counts, who holds what, its teams.

Changing its members is apply.py (a run) and manual.py (people).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from reconciler.model import key
from reconciler.policy import RoleAxis
from store.database import Store, bulk, rows
from store.profiles import added

PAGE = 2000


class RosterMember(msgspec.Struct, frozen=True):
    """One line of `members`, in the shape of the contract."""

    id: str
    email: str
    given_name: str
    family_name: str
    active: bool
    managed: bool
    directory: str | None
    external_id: str | None
    roles: dict[str, str]
    teams: tuple[str, ...]
    display_name: str = ""
    title: str = ""
    department: str = ""
    sessions_valid_after: str | None = None
    user_name: str = ""
    manager: str = ""
    attributes: dict[str, str] = {}


_SELECT = (
    "SELECT no, email_key, id, email, given_name, family_name, active, managed, directory, external_id,"
    " display_name, title, department, sessions_valid_after, user_name, manager, attributes"
    " FROM member WHERE workspace = :w"
)


def roster(store: Store, workspace: str) -> Iterator[RosterMember]:
    """The members of a workspace by email, a page at a time; roles and teams sorted by name.

    Members whose address is just being handed to somebody else come last.
    """
    low = ""
    while True:
        with store.read() as connection:
            sql = f"{_SELECT} AND email_key > :low ORDER BY email_key LIMIT :n"
            found = rows(connection, sql, w=workspace, low=low, n=PAGE)
            high = found[-1][1] if found else low
            page = _lines(connection, found, "email_key > :low AND email_key <= :high", w=workspace, low=low, high=high)
            parked = [] if len(found) == PAGE else rows(connection, f"{_SELECT} AND email_key IS NULL", w=workspace)
            page += _lines(connection, parked, "email_key IS NULL", w=workspace)
        yield from page
        if len(found) < PAGE:
            return
        low = high


Place = tuple[str, int]  # a member's folded address; or "" and a number, of one who has none just now


def roster_page(
    store: Store, workspace: str, after: Place, limit: int, *, like: str = ""
) -> list[tuple[Place, RosterMember]]:
    """The next members by email, each with its place; ("", 0) is the beginning. `like`: a part of the address.

    Members whose address is just being handed to somebody else come last, and have no address to search in.
    """
    address, number = after
    with store.read() as connection:
        found: list[Any] = []
        if not number:
            sql = f"{_SELECT} AND email_key > :low AND email_key LIKE :like ESCAPE '!' ORDER BY email_key LIMIT :n"
            pattern = f"%{_escaped(key(like))}%"
            found = [*rows(connection, sql, w=workspace, low=address, n=limit, like=pattern)]
        if len(found) < limit and not like:
            sql = f"{_SELECT} AND email_key IS NULL AND no > :number ORDER BY no LIMIT :n"
            found += rows(connection, sql, w=workspace, number=number, n=limit - len(found))
        listed = ", ".join(str(int(row[0])) for row in found)
        lines = _lines(connection, found, f"no IN ({listed})", w=workspace)
    return [((row[1], 0) if row[1] is not None else ("", row[0]), line) for row, line in zip(found, lines, strict=True)]


def _escaped(text: str) -> str:
    """A text as part of a LIKE pattern whose escape is "!"."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def member_at(store: Store, workspace: str, email: str) -> RosterMember | None:
    """The line of the member who has this address."""
    with store.read() as connection:
        found = rows(connection, f"{_SELECT} AND email_key = :key", w=workspace, key=key(email))
        return next(iter(_lines(connection, found, "email_key = :key", w=workspace, key=key(email))), None)


def _lines(connection: Connection, found: Sequence[Any], where: str, **given: object) -> list[RosterMember]:
    """These members with their roles and teams, which are read by the same condition."""
    if not found:
        return []
    of = f"JOIN member m ON m.no = x.member_no WHERE m.workspace = :w AND m.{where.replace(' AND ', ' AND m.')}"
    roles: dict[int, dict[str, str]] = defaultdict(dict)
    for member, axis, value in rows(
        connection, f"SELECT x.member_no, x.axis, x.value FROM member_role x {of} ORDER BY x.axis", **given
    ):
        roles[member][axis] = value
    teams: dict[int, set[str]] = defaultdict(set)
    named = dict(tuple(row) for row in rows(connection, "SELECT id, name FROM team WHERE workspace = :w", w=given["w"]))
    for member, team in rows(connection, f"SELECT x.member_no, x.team_id FROM team_member x {of}", **given):
        teams[member].add(named[team])
    return [_line(row, roles.get(row[0], {}), teams.get(row[0], set())) for row in found]


def _line(row: Any, roles: dict[str, str], teams: set[str]) -> RosterMember:
    _, _, member, email, given, family, active, is_managed, directory, external_id, *more, attributes = row
    return RosterMember(
        member, email, given, family, bool(active), bool(is_managed), directory, external_id, roles,
        tuple(sorted(teams)), *[*more, dict(added(attributes))],
    )  # fmt: skip


def line_of(connection: Connection, workspace: str, member: str) -> RosterMember:
    """The line of one member that there is."""
    found = rows(connection, f"{_SELECT} AND id = :id", w=workspace, id=member)
    return _lines(connection, found, "id = :id", w=workspace, id=member)[0]


def holders(connection: Connection, workspace: str, axis: RoleAxis) -> set[str]:
    """Ids of the active members who hold the axis's protected value or a higher one."""
    sql = text(
        "SELECT m.id FROM member_role v CROSS JOIN member m WHERE m.no = v.member_no AND m.workspace = :w"
        " AND m.active AND v.axis = :axis AND v.value IN :values"
    ).bindparams(bindparam("values", expanding=True))
    given = {"w": workspace, "axis": axis.axis, "values": axis.holding}
    return {row[0] for row in connection.execute(sql, given)}


def teams_of(connection: Connection, workspace: str) -> dict[str, int]:
    """Ids of the workspace's teams by name."""
    return {row[0]: row[1] for row in rows(connection, "SELECT name, id FROM team WHERE workspace = :w", w=workspace)}


def made_teams(connection: Connection, workspace: str, names: Iterable[str]) -> dict[str, int]:
    """Ids of the workspace's teams by name; those of `names` that do not exist yet are made."""
    bulk(
        connection,
        "INSERT INTO team (workspace, name) VALUES (?, ?) ON CONFLICT (workspace, name) DO NOTHING",
        [(workspace, name) for name in names],
    )
    return teams_of(connection, workspace)
