"""The embedded workspace as its readers see it: the roster and its counts. Changing it is apply.py."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from store.database import Store, rows

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


_SELECT = (
    "SELECT id, email, given_name, family_name, active, managed, directory, external_id, display_name, title,"
    " department, sessions_valid_after, email_key, no FROM member WHERE workspace = :w"
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
            high = found[-1][12] if found else low
            page = _lines(connection, found, "email_key > :low AND email_key <= :high", w=workspace, low=low, high=high)
            parked = [] if len(found) == PAGE else rows(connection, f"{_SELECT} AND email_key IS NULL", w=workspace)
            page += _lines(connection, parked, "email_key IS NULL", w=workspace)
        yield from page
        if len(found) < PAGE:
            return
        low = high


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
    return [_line(row, roles.get(row[13], {}), teams.get(row[13], set())) for row in found]


def _line(row: Any, roles: dict[str, str], teams: set[str]) -> RosterMember:
    member, email, given, family, active, is_managed, directory, external_id, *rest = row
    return RosterMember(
        member, email, given, family, bool(active), bool(is_managed), directory, external_id, roles,
        tuple(sorted(teams)), *rest[:4],
    )  # fmt: skip
