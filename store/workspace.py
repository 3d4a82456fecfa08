"""The embedded workspace as its readers see it: the roster and its counts. Changing it is apply.py."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from store.database import Store, rows, scalar

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
    """The members of a workspace by email, a page at a time; roles and teams sorted by name."""
    low, last = "", ""
    while True:
        with store.read() as connection:
            sql = (
                f"{_SELECT} AND (coalesce(email_key, '') > :low OR coalesce(email_key, '') = :low AND id > :last)"
                " ORDER BY coalesce(email_key, ''), id LIMIT :n"
            )
            found = rows(connection, sql, w=workspace, low=low, last=last, n=PAGE)
            numbers = [row[13] for row in found]
            roles: dict[int, dict[str, str]] = defaultdict(dict)
            teams: dict[int, set[str]] = defaultdict(set)
            for start in range(0, len(numbers), 500):
                some = {f"i{number}": one for number, one in enumerate(numbers[start : start + 500])}
                inside = ", ".join(f":{name}" for name in some)
                sql = f"SELECT member_no, axis, value FROM member_role WHERE member_no IN ({inside}) ORDER BY axis"
                for member, axis, value in rows(connection, sql, **some):
                    roles[member][axis] = value
                sql = (
                    "SELECT tm.member_no, t.name FROM team_member tm JOIN team t ON t.id = tm.team_id"
                    f" WHERE tm.member_no IN ({inside})"
                )
                for member, name in rows(connection, sql, **some):
                    teams[member].add(name)
        for row in found:
            yield _line(row, roles.get(row[13], {}), teams.get(row[13], set()))
        if len(found) < PAGE:
            return
        low, last = found[-1][12] or "", found[-1][0]


def _line(row: Any, roles: dict[str, str], teams: set[str]) -> RosterMember:
    member, email, given, family, active, is_managed, directory, external_id, *rest = row
    return RosterMember(
        member, email, given, family, bool(active), bool(is_managed), directory, external_id, roles,
        tuple(sorted(teams)), *rest[:4],
    )  # fmt: skip


def managed(store: Store, workspace: str) -> int:
    """How many active members of the workspace are managed by a directory."""
    sql = "SELECT count(*) FROM member WHERE workspace = :w AND managed AND active"
    with store.read() as connection:
        return int(scalar(connection, sql, w=workspace))


def active_members(store: Store, workspace: str) -> tuple[int, int]:
    """(active members, all members) of a workspace."""
    sql = "SELECT coalesce(sum(CASE WHEN active THEN 1 ELSE 0 END), 0), count(*) FROM member WHERE workspace = :w"
    with store.read() as connection:
        active, everybody = rows(connection, sql, w=workspace)[0]
    return int(active), int(everybody)
