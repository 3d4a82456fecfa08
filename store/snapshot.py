"""A consistent view of mirror and workspace, read in chunks of rising external id (the `Snapshot` port).

One range of ids is one chunk. Every query of a chunk has the same shape, a range and optionally a selection of ids in
it, so that looking at a few people and looking at everybody run the same code, and memory does not follow the size of
the directory.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec
from sqlalchemy import BindParameter, bindparam, text

from reconciler.match import Subject
from reconciler.model import DirectoryUser, Evidence, Member, Profile, UserState
from reconciler.policy import Policy, RoleAxis, match_key
from store.database import Store, rows, translated
from store.mirror import group_view, peek

CHUNK = 2000  # people at a time: about 10 MB of Python objects
LAST = "\U0010ffff"  # sorts after every id, byte by byte

_PENDING = (
    "(SELECT external_id FROM pending WHERE directory = :d AND mark <= :mark"
    " AND external_id > :lo AND external_id <= :hi)"
)
_HOLDERS = (
    "(SELECT h.external_id FROM member h JOIN member_role v ON v.member_id = h.id WHERE h.directory = :d AND h.active"
    " AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo AND h.external_id <= :hi)"
)
_MEMBER = (
    "m.id, m.email, m.user_name, m.given_name, m.family_name, m.display_name, m.title, m.department, m.manager,"
    " m.active, m.managed, m.directory, m.external_id"
)
_decode = msgspec.json.Decoder(DirectoryUser).decode


class View:
    """The view; closes its connection in `close`."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store = store
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.read())
        self._policy = policy
        self.view, self.warnings = group_view(self._connection, policy)
        row = peek(self._connection, policy.directory)
        self.users_known = row is not None and row.users_complete_at is not None
        self.mark = row.generation if row else 0
        self._parameters: dict[str, Any] = {"d": policy.directory, "mark": self.mark}
        self._key_column = "name_key" if policy.match == "user_name" else "email_key"

    def close(self) -> None:
        """Ends the view."""
        self._stack.close()

    def pending(self) -> Iterator[Sequence[Subject]]:
        """The people whom something changed about."""
        ids = (
            "SELECT external_id FROM pending WHERE directory = :d AND mark <= :mark AND external_id > :lo"
            " ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, _PENDING, {})

    def everyone(self) -> Iterator[Sequence[Subject]]:
        """All people of the mirror and all members linked to the directory."""
        ids = (
            "SELECT external_id FROM mirror_user WHERE directory = :d AND external_id > :lo"
            " ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, "", {}, open_end=True)

    def holders(self, axis: RoleAxis) -> Iterator[Subject | Member]:
        """Active holders of the protected value or a higher one; somebody whom this directory does not own first."""
        values = [value for value in axis.values if axis.rank(value) >= axis.rank(axis.protect_last)]
        sql = (
            f"SELECT {_MEMBER} FROM member m JOIN member_role v ON v.member_id = m.id WHERE m.workspace = :w"
            " AND m.active AND v.axis = :axis AND v.value IN :values "
            " AND (m.directory IS NULL OR m.directory <> :d) LIMIT 1"
        )
        given = {"axis": axis.axis, "values": values}
        statement = text(sql).bindparams(bindparam("values", expanding=True))
        for row in self._connection.execute(statement, {**self._parameters, **given, "w": self._policy.workspace}):
            yield _member(row, {}, frozenset(), frozenset())
        ids = (
            "SELECT h.external_id FROM member h JOIN member_role v ON v.member_id = h.id WHERE h.directory = :d"
            " AND h.active AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo"
            " ORDER BY h.external_id LIMIT :n"
        )
        for chunk in self._chunks(ids, _HOLDERS, given):
            yield from chunk

    def _chunks(
        self, ids: str, selection: str, given: dict[str, Any], *, open_end: bool = False
    ) -> Iterator[Sequence[Subject]]:
        low = ""
        while True:
            found = [row[0] for row in self._rows(ids, {**given, "lo": low, "n": CHUNK})]
            last = len(found) < CHUNK
            high = LAST if last and open_end else found[-1] if found else low
            if high > low:
                yield self._subjects(selection, {**given, "lo": low, "hi": high})
            if last:
                return
            low = high

    def _rows(self, sql: str, given: dict[str, Any]) -> Sequence[Any]:
        statement = text(sql)
        used = {name: value for name, value in {**self._parameters, **given}.items() if f":{name}" in sql}
        lists: list[BindParameter[Any]] = [
            bindparam(name, expanding=True) for name, value in used.items() if isinstance(value, list)
        ]
        with translated(self._store.engine):
            return self._connection.execute(statement.bindparams(*lists), used).all()

    def _subjects(self, selection: str, given: dict[str, Any]) -> list[Subject]:
        chunk = _Chunk(self, selection, given)
        return [chunk.subject(external_id) for external_id in chunk.ids]

    def range(self, sql: str, column: str, selection: str, given: dict[str, Any]) -> Sequence[Any]:
        """Rows of `sql` whose `column` is in the chunk's range and selection."""
        where = f" {column} > :lo AND {column} <= :hi" + (f" AND {column} IN {selection}" if selection else "")
        return self._rows(sql.replace(":range", where), given)

    @property
    def policy(self) -> Policy:
        """The policy that the view is for."""
        return self._policy

    def by_keys(self, keys: list[str]) -> dict[str, Member]:
        """Members of the workspace by the keys of the policy's matching (roles and teams not filled in)."""
        found: dict[str, Member] = {}
        for start in range(0, len(keys), 500):
            sql = (
                f"SELECT m.{self._key_column}, {_MEMBER} FROM member m"
                f" WHERE m.workspace = :w AND m.{self._key_column} IN :keys"
            )
            given = {"w": self._policy.workspace, "keys": keys[start : start + 500]}
            found |= {row[0]: self._whole(row[1:]) for row in self._rows(sql, given)}
        return found

    def _whole(self, row: Any) -> Member:
        roles = rows(self._connection, "SELECT axis, value FROM member_role WHERE member_id = :m", m=row[0])
        teams = rows(
            self._connection,
            "SELECT t.name, tm.source FROM team_member tm JOIN team t ON t.id = tm.team_id WHERE tm.member_id = :m",
            m=row[0],
        )
        granted = frozenset(name for name, source in teams if source == self._policy.directory)
        return _member(row, dict(tuple(role) for role in roles), frozenset(name for name, _ in teams), granted)

    def standing(self, external_ids: list[str]) -> dict[str, tuple[str, str]]:
        """State and key of directory users, by external id."""
        found: dict[str, tuple[str, str]] = {}
        for start in range(0, len(external_ids), 500):
            sql = "SELECT external_id, state, match_key FROM mirror_user WHERE directory = :d AND external_id IN :ids"
            asked = self._rows(sql, {"ids": external_ids[start : start + 500]})
            found |= {row[0]: (row[1], row[2]) for row in asked}
        return found


class _Chunk:
    """Everything about the people of one range, and each of them as a Subject."""

    def __init__(self, view: View, selection: str, given: dict[str, Any]) -> None:
        self._view = view
        self._load_people(selection, given)
        self._load_members(selection, given)
        self._load_others()
        self.ids = sorted(self._users.keys() | self._members.keys())

    def _load_people(self, selection: str, given: dict[str, Any]) -> None:
        view = self._view
        sql = (
            "SELECT external_id, state, evidence, scoped, match_key, body FROM mirror_user"
            " WHERE directory = :d AND :range"
        )
        self._users = {row[0]: row for row in view.range(sql, "external_id", selection, given)}
        self._groups: dict[str, list[str]] = defaultdict(list)
        if view.view.reach:
            sql = "SELECT member_id, group_id FROM mirror_edge WHERE directory = :d AND NOT nested AND :range"
            for member, group in view.range(sql, "member_id", selection, given):
                self._groups[member].append(group)
        sql = (
            "SELECT a.external_id, b.external_id FROM mirror_user a JOIN mirror_user b ON b.directory = a.directory"
            " AND b.match_key = a.match_key AND b.external_id <> a.external_id AND b.state = 'active'"
            " WHERE a.directory = :d AND a.match_key <> '' AND a.state = 'active' AND :range"
        )
        self._rivals: dict[str, list[str]] = defaultdict(list)
        for one, other in view.range(sql, "a.external_id", selection, given):
            self._rivals[one].append(other)

    def _load_members(self, selection: str, given: dict[str, Any]) -> None:
        view = self._view
        roles: dict[str, dict[str, str]] = defaultdict(dict)
        sql = (
            "SELECT m.external_id, v.axis, v.value FROM member m JOIN member_role v ON v.member_id = m.id"
            " WHERE m.directory = :d AND :range"
        )
        for external_id, axis, value in view.range(sql, "m.external_id", selection, given):
            roles[external_id][axis] = value
        teams: dict[str, set[str]] = defaultdict(set)
        granted: dict[str, set[str]] = defaultdict(set)
        sql = (
            "SELECT m.external_id, t.name, tm.source FROM member m JOIN team_member tm ON tm.member_id = m.id"
            " JOIN team t ON t.id = tm.team_id WHERE m.directory = :d AND :range"
        )
        for external_id, name, source in view.range(sql, "m.external_id", selection, given):
            teams[external_id].add(name)
            if source == view.policy.directory:
                granted[external_id].add(name)
        sql = f"SELECT {_MEMBER} FROM member m WHERE m.directory = :d AND :range"
        self._members = {
            row[12]: _member(
                row, roles.get(row[12], {}), frozenset(teams.get(row[12], ())), frozenset(granted.get(row[12], ()))
            )
            for row in view.range(sql, "m.external_id", selection, given)
        }

    def _load_others(self) -> None:
        """Members who hold a key of this chunk's people without being linked to them."""
        matched = self._view.policy.match
        keys = []
        for external_id, row in self._users.items():
            member = self._members.get(external_id)
            if row[4] and row[1] == "active" and (member is None or _key_of(matched, member) != row[4]):
                keys.append(row[4])
        self._others = self._view.by_keys(keys) if keys else {}
        ours = [m.external_id for m in self._others.values() if m.directory == self._view.policy.directory]
        self._standing = self._view.standing(ours) if ours else {}

    def subject(self, external_id: str) -> Subject:
        """One person of the chunk."""
        row, member = self._users.get(external_id), self._members.get(external_id)
        if row is None:
            return Subject(external_id, member=member)
        user: DirectoryUser = _decode(row[5])
        if row[1] == "gone":
            user = msgspec.structs.replace(user, state=UserState.GONE)
        other = self._others.get(row[4]) if self._others else None
        if other is not None and member is not None and other.id == member.id:
            other = None
        left = renamed = False
        if other is not None and other.directory == self._view.policy.directory:
            state, now = self._standing.get(other.external_id, ("", ""))
            left = state == "gone" or (not state and self._view.users_known)
            renamed = not left and now != row[4]
        return Subject(
            external_id,
            user,
            Evidence(row[2]) if row[2] else None,
            tuple(self._groups.get(external_id, ())),
            member,
            other,
            left,
            renamed,
            tuple(sorted(self._rivals.get(external_id, ()))),
            None if row[3] is None else bool(row[3]),
        )


def _key_of(matched: str, member: Member) -> str:
    profile = member.profile
    return match_key(
        matched, DirectoryUser(member.id, UserState.ACTIVE, user_name=profile.user_name, email=profile.email)
    )


def _member(row: Any, roles: dict[str, str], teams: frozenset[str], granted: frozenset[str]) -> Member:
    return Member(
        row[0],
        Profile(*row[1:9]),
        bool(row[9]),
        bool(row[10]),
        row[11] or "",
        row[12] or "",
        roles,
        teams,
        granted,
    )
