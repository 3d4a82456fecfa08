"""Rows about a range of people, in few queries: what a chunk of a view is put together from.

What lives here: the shape of such a query, texts that the database joined and how they come apart again, members. What
does not: whom a view looks at (snapshot.py), and what the rows say about a person (subjects.py).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, text

from reconciler.model import DirectoryUser, Member, Profile
from reconciler.policy import GroupView, Policy, described, outsider
from store.database import Store, rows, translated
from store.profiles import added

REMEMBERED = 20_000  # different sets of groups, roles or teams kept parsed
# Between the joined texts of one person, and inside of one. No text that is joined may hold them: connectors drop them
# (answer.py), configuration refuses them, staging does not take a group whose id has one.
BETWEEN, WITHIN = "\x1f", "\x1e"
MEMBER = (
    "m.id, m.email, m.user_name, m.given_name, m.family_name, m.display_name, m.title, m.department, m.manager,"
    " m.attributes, m.active, m.managed, m.directory, m.external_id"
)
NO_TEAMS: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
_T = TypeVar("_T")
decode_user = msgspec.json.Decoder(DirectoryUser).decode


class Ranges:
    """What a view of a policy asks over its connection. `mark` is the generation of the mirror that it is of."""

    def __init__(self, store: Store, connection: Connection, policy: Policy, view: GroupView, mark: int) -> None:
        self._store, self._connection = store, connection
        self.policy, self.view = policy, view
        self._parameters: dict[str, Any] = {"d": policy.directory, "mark": mark}
        self.key_column = "name_key" if policy.match == "user_name" else "email_key"
        names = rows(connection, "SELECT id, name FROM team WHERE workspace = :w", w=policy.workspace)
        self._team_names = {str(row[0]): row[1] for row in names}
        self._parsed: dict[tuple[str, str], Any] = {}
        refusal = "SELECT 1 FROM refusal WHERE directory = :d LIMIT 1"
        self.refusing = bool(rows(connection, refusal, d=policy.directory))

    def rows(self, sql: str, given: dict[str, Any]) -> Sequence[Any]:
        """What a statement yields; lists among the parameters are expanded."""
        statement = text(sql)
        used = {name: value for name, value in {**self._parameters, **given}.items() if f":{name}" in sql}
        lists: list[BindParameter[Any]] = [
            bindparam(name, expanding=True) for name, value in used.items() if isinstance(value, list)
        ]
        with translated(self._store.engine):
            return self._connection.execute(statement.bindparams(*lists), used).all()

    def range(self, sql: str, column: str, selection: str, given: dict[str, Any]) -> Sequence[Any]:
        """Rows of `sql` whose `column` is in the chunk's range and selection.

        `:join(x)` becomes the database's way to put the texts of a group together; one string per person instead of
        one row per membership halves what a full comparison costs.
        """
        # A selection is bounded by the range itself; with both conditions SQLite would walk the whole range.
        where = f"{column} IN {selection}" if selection else f"{column} > :lo AND {column} <= :hi"
        joined = "group_concat(\\1, char(31))" if self._store.sqlite else "string_agg(\\1, chr(31))"
        within = "char(30)" if self._store.sqlite else "chr(30)"
        written = re.sub(r":join\(([^()]*)\)", joined, sql).replace(":within", within).replace(":range", where)
        return self.rows(written, given)

    def groups_in(self, text: str) -> tuple[str, ...]:
        """Group ids from a joined text."""
        return self._memo("groups", text, lambda: tuple(text.split(BETWEEN)))

    def roles_in(self, text: str) -> dict[str, str]:
        """Values by axis from a joined text of axis and value."""
        return self._memo("roles", text, lambda: dict(role.split(WITHIN, 1) for role in text.split(BETWEEN)))

    def teams_in(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """(all team names, those that this directory gave) from a joined text of team id and source."""
        return self._memo("teams", text, lambda: self._teams(text))

    def _teams(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        pairs = [pair.split(WITHIN, 1) for pair in text.split(BETWEEN)]
        names = self._team_names
        granted = frozenset(names[team] for team, source in pairs if source == self.policy.directory)
        return frozenset(names[team] for team, _ in pairs), granted

    def _memo(self, kind: str, text: str, parse: Callable[[], _T]) -> _T:
        """Many people share their groups, roles and teams: parsed once, bounded."""
        found = self._parsed.get((kind, text))
        if found is None:
            if len(self._parsed) > REMEMBERED:
                self._parsed.clear()
            found = self._parsed[kind, text] = parse()
        return cast("_T", found)

    def by_keys(self, keys: list[str]) -> dict[str, Member]:
        """Members of the workspace by the keys of the policy's matching."""
        found: dict[str, Member] = {}
        for start in range(0, len(keys), 500):
            # Pairs, because with "workspace = ?" beside an IN list SQLite walks the whole workspace.
            sql = (
                f"SELECT m.{self.key_column}, {MEMBER} FROM member m WHERE (m.workspace, m.{self.key_column}) IN :keys"
            )
            given = {"keys": [(self.policy.workspace, key) for key in keys[start : start + 500]]}
            found |= {row[0]: self.whole(row[1:]) for row in self.rows(sql, given)}
        return found

    def whole(self, row: Any) -> Member:
        """A member from the columns of MEMBER, with roles and teams."""
        roles = rows(
            self._connection,
            "SELECT v.axis, v.value FROM member m JOIN member_role v ON v.member_no = m.no WHERE m.id = :m",
            m=row[0],
        )
        teams = rows(
            self._connection,
            "SELECT t.name, tm.source FROM member m JOIN team_member tm ON tm.member_no = m.no"
            " JOIN team t ON t.id = tm.team_id WHERE m.id = :m",
            m=row[0],
        )
        granted = frozenset(name for name, source in teams if source == self.policy.directory)
        return member_of(row, dict(roles), (frozenset(name for name, _ in teams), granted))

    def belonging(self, external_ids: set[str]) -> set[str]:
        """Those of these directory users who are not out of scope for what they are: a service account that carries
        its owner's address is nobody's rival."""
        found: set[str] = set()
        listed = sorted(external_ids)
        for start in range(0, len(listed), 500):
            sql = "SELECT external_id, body FROM mirror_user WHERE directory = :d AND external_id IN :ids"
            for external_id, body in self.rows(sql, {"ids": listed[start : start + 500]}):
                if not outsider(self.policy, described(self.policy, decode_user(body))):
                    found.add(external_id)
        return found

    def standing(self, external_ids: list[str]) -> dict[str, tuple[str, str]]:
        """State and key of directory users, by external id."""
        found: dict[str, tuple[str, str]] = {}
        for start in range(0, len(external_ids), 500):
            sql = "SELECT external_id, state, match_key FROM mirror_user WHERE directory = :d AND external_id IN :ids"
            asked = self.rows(sql, {"ids": external_ids[start : start + 500]})
            found |= {row[0]: (row[1], row[2]) for row in asked}
        return found


def member_of(row: Any, roles: dict[str, str], teams: tuple[frozenset[str], frozenset[str]]) -> Member:
    """A member from the columns of MEMBER, roles, and teams: all, and those that the directory gave."""
    return Member(
        row[0], Profile(*row[1:9], *((added(row[9]),) if row[9] else ())), bool(row[10]), bool(row[11]), row[12] or "",
        row[13] or "", roles, *teams,
    )  # fmt: skip
