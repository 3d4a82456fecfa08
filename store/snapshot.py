"""A consistent view of mirror and workspace, read in chunks of rising external id (the `Snapshot` port).

One range of ids is one chunk. Every query of a chunk has the same shape, a range and optionally a selection of ids in
it, so that looking at a few people and looking at everybody run the same code, and memory does not follow the size of
the directory.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import BindParameter, bindparam, text

from reconciler.flaps import Past
from reconciler.match import Refused, Subject
from reconciler.model import DirectoryUser, Evidence, Member, Profile, UserState
from reconciler.policy import Flap, Policy, RoleAxis, described, outsider
from store.database import Store, rows, translated
from store.flaps import History
from store.mappings import notes
from store.mirror import group_view, peek
from store.profiles import added

CHUNK = 2000  # people at a time: about 10 MB of Python objects
REMEMBERED = 20_000  # different sets of groups, roles or teams kept parsed
# Between the joined texts of one person, and inside of one. No text that is joined may hold them: connectors drop them
# (answer.py), configuration refuses them, staging does not take a group whose id has one.
BETWEEN, _WITHIN = "\x1f", "\x1e"
_T = TypeVar("_T")
LAST = "\U0010ffff"  # sorts after every id, byte by byte

_PENDING = (
    "(SELECT external_id FROM pending WHERE directory = :d AND mark <= :mark"
    " AND external_id > :lo AND external_id <= :hi)"
)
_ACTED = (
    "(SELECT external_id FROM action WHERE run = :run AND state IN ('held', 'applied')"
    " AND external_id > :lo AND external_id <= :hi)"
)
_HOLDERS = (
    "(SELECT h.external_id FROM member_role v CROSS JOIN member h WHERE h.no = v.member_no AND h.directory = :d"
    " AND h.active AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo AND h.external_id <= :hi)"
)
_ADOPTING = (
    "SELECT external_id FROM mirror_user WHERE directory = :d AND match_key = :key AND match_key <> ''"
    " AND state = 'active'"
)
MEMBER = (
    "m.id, m.email, m.user_name, m.given_name, m.family_name, m.display_name, m.title, m.department, m.manager,"
    " m.attributes, m.active, m.managed, m.directory, m.external_id"
)
_decode = msgspec.json.Decoder(DirectoryUser).decode


class View:
    """The view; closes its connection in `close`."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self._store = store
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.read())
        self._policy = policy
        self.view, warnings = group_view(self._connection, policy)
        self.warnings = (*warnings, *notes(self._connection, policy, self.view))
        row = peek(self._connection, policy.directory)
        self.mark = row.generation if row else 0
        self._parameters: dict[str, Any] = {"d": policy.directory, "mark": self.mark}
        self.key_column = "name_key" if policy.match == "user_name" else "email_key"
        names = rows(self._connection, "SELECT id, name FROM team WHERE workspace = :w", w=policy.workspace)
        self._team_names = {str(row[0]): row[1] for row in names}
        self._history = History(self._connection, policy.workspace, policy.directory)
        self._parsed: dict[tuple[str, str], Any] = {}
        refusal = "SELECT 1 FROM refusal WHERE directory = :d LIMIT 1"
        self.refusing = bool(rows(self._connection, refusal, d=policy.directory))

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

    def acted(self, run: str) -> Iterator[Sequence[Subject]]:
        """The people whom a run holds something about, or did something to."""
        ids = (
            "SELECT DISTINCT external_id FROM action WHERE run = :run AND state IN ('held', 'applied')"
            " AND external_id > :lo ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, _ACTED, {"run": run})

    def past(self, external_ids: Sequence[str], flap: Flap) -> dict[str, list[Past]]:
        """What the latest runs applied to these people, oldest first."""
        return self._history.past(external_ids, flap)

    def members(self, ids: Sequence[str]) -> dict[str, Member]:
        """Members of the workspace by id, with their roles and teams."""
        found: dict[str, Member] = {}
        for start in range(0, len(ids), 500):
            sql = f"SELECT {MEMBER} FROM member m WHERE m.workspace = :w AND m.id IN :ids"
            given = {"w": self._policy.workspace, "ids": list(ids[start : start + 500])}
            found |= {row[0]: self._whole(row) for row in self._rows(sql, given)}
        return found

    def everyone(self) -> Iterator[Sequence[Subject]]:
        """All people of the mirror and all members linked to the directory."""
        ids = (
            "SELECT external_id FROM mirror_user WHERE directory = :d AND external_id > :lo"
            " ORDER BY external_id LIMIT :n"
        )
        return self._chunks(ids, "", {}, open_end=True)

    def these(self, external_ids: Sequence[str]) -> list[Subject]:
        """These people, at most 500, as far as mirror or workspace know them."""
        return self._subjects(":ids", {"ids": list(external_ids)})

    def one(self, external_id: str) -> Subject:
        """One person, whether or not anything changed about them."""
        found = self._subjects("(:one)", {"one": external_id, "lo": "", "hi": LAST})
        return found[0] if found else Subject(external_id)

    def holders(self, axis: RoleAxis) -> Iterator[Subject | Member]:
        """Active holders of the protected value or a higher one; somebody whom this directory does not own first."""
        given = {"axis": axis.axis, "values": axis.holding}
        yield from self._foreign(given)
        ids = (
            "SELECT h.external_id FROM member_role v CROSS JOIN member h WHERE h.no = v.member_no AND h.directory = :d"
            " AND h.active AND v.axis = :axis AND v.value IN :values AND h.external_id > :lo"
            " ORDER BY h.external_id LIMIT :n"
        )
        for chunk in self._chunks(ids, _HOLDERS, given):
            yield from chunk

    def _foreign(self, given: dict[str, Any]) -> Iterator[Subject | Member]:
        """One holder whom another directory manages; else those added by hand, or who in this directory adopts them."""
        sql = (
            # CROSS JOIN fixes the order on SQLite: from the few who hold the value to their members.
            f"SELECT {MEMBER}, m.{self.key_column} FROM member_role v CROSS JOIN member m WHERE m.no = v.member_no"
            " AND m.workspace = :w AND m.active AND v.axis = :axis AND v.value IN :values"
        )
        here = {**given, "w": self._policy.workspace}
        for row in self._rows(f"{sql} AND m.managed AND m.directory <> :d LIMIT 1", here):
            yield member_of(row, {}, _NO_TEAMS)
        for row in self._rows(f"{sql} AND NOT m.managed", here):
            adopting = {"key": row[14] or ""}
            ids = f"{_ADOPTING} AND external_id > :lo ORDER BY external_id LIMIT :n"
            sharing = (one for chunk in self._chunks(ids, f"({_ADOPTING})", adopting) for one in chunk)
            found = [one for one in sharing if one.member is None]  # who has a member adopts no other
            yield from found
            if not found:
                yield member_of(row, {}, _NO_TEAMS)

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
        """Rows of `sql` whose `column` is in the chunk's range and selection.

        `:join(x)` becomes the database's way to put the texts of a group together; one string per person instead of
        one row per membership halves what a full comparison costs.
        """
        # A selection is bounded by the range itself; with both conditions SQLite would walk the whole range.
        where = f"{column} IN {selection}" if selection else f"{column} > :lo AND {column} <= :hi"
        joined = "group_concat(\\1, char(31))" if self._store.sqlite else "string_agg(\\1, chr(31))"
        within = "char(30)" if self._store.sqlite else "chr(30)"
        written = re.sub(r":join\(([^()]*)\)", joined, sql).replace(":within", within).replace(":range", where)
        return self._rows(written, given)

    def groups_in(self, text: str) -> tuple[str, ...]:
        """Group ids from a joined text."""
        return self._memo("groups", text, lambda: tuple(text.split(BETWEEN)))

    def roles_in(self, text: str) -> dict[str, str]:
        """Values by axis from a joined text of axis and value."""
        return self._memo("roles", text, lambda: dict(role.split(_WITHIN, 1) for role in text.split(BETWEEN)))

    def teams_in(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """(all team names, those that this directory gave) from a joined text of team id and source."""
        return self._memo("teams", text, lambda: self._teams(text))

    def _teams(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        pairs = [pair.split(_WITHIN, 1) for pair in text.split(BETWEEN)]
        names = self._team_names
        granted = frozenset(names[team] for team, source in pairs if source == self._policy.directory)
        return frozenset(names[team] for team, _ in pairs), granted

    def _memo(self, kind: str, text: str, parse: Callable[[], _T]) -> _T:
        """Many people share their groups, roles and teams: parsed once, bounded."""
        found = self._parsed.get((kind, text))
        if found is None:
            if len(self._parsed) > REMEMBERED:
                self._parsed.clear()
            found = self._parsed[kind, text] = parse()
        return cast("_T", found)

    @property
    def policy(self) -> Policy:
        """The policy that the view is for."""
        return self._policy

    def by_keys(self, keys: list[str]) -> dict[str, Member]:
        """Members of the workspace by the keys of the policy's matching (roles and teams not filled in)."""
        found: dict[str, Member] = {}
        for start in range(0, len(keys), 500):
            # Pairs, because with "workspace = ?" beside an IN list SQLite walks the whole workspace.
            sql = (
                f"SELECT m.{self.key_column}, {MEMBER} FROM member m WHERE (m.workspace, m.{self.key_column}) IN :keys"
            )
            given = {"keys": [(self._policy.workspace, key) for key in keys[start : start + 500]]}
            found |= {row[0]: self._whole(row[1:]) for row in self._rows(sql, given)}
        return found

    def _whole(self, row: Any) -> Member:
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
        granted = frozenset(name for name, source in teams if source == self._policy.directory)
        return member_of(row, dict(roles), (frozenset(name for name, _ in teams), granted))

    def belonging(self, external_ids: set[str]) -> set[str]:
        """Those of these directory users who are not out of scope for what they are: a service account that carries
        its owner's address is nobody's rival."""
        found: set[str] = set()
        listed = sorted(external_ids)
        for start in range(0, len(listed), 500):
            sql = "SELECT external_id, body FROM mirror_user WHERE directory = :d AND external_id IN :ids"
            for external_id, body in self._rows(sql, {"ids": listed[start : start + 500]}):
                if not outsider(self._policy, described(self._policy, _decode(body))):
                    found.add(external_id)
        return found

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
        self._load_refusals(selection, given)
        self.ids = sorted(self._users.keys() | self._members.keys())

    def _load_people(self, selection: str, given: dict[str, Any]) -> None:
        view = self._view
        sql = (
            "SELECT external_id, state, evidence, scoped, match_key, body FROM mirror_user"
            " WHERE directory = :d AND :range"
        )
        self._users = {row[0]: row for row in view.range(sql, "external_id", selection, given)}
        self._groups: dict[str, tuple[str, ...]] = {}
        if view.view.reach:
            sql = (
                "SELECT member_id, :join(group_id) FROM mirror_edge WHERE directory = :d AND nested = FALSE AND :range"
                " GROUP BY member_id"
            )
            parse = view.groups_in
            self._groups = {row[0]: parse(row[1]) for row in view.range(sql, "member_id", selection, given)}
        sql = (
            # CROSS JOIN fixes the order on SQLite: from the people of the chunk to those who share their key. A column
            # that the key's index lacks makes it look for these people by id instead of walking that index.
            "SELECT a.external_id, b.external_id FROM mirror_user a CROSS JOIN mirror_user b WHERE b.directory = :d"
            " AND b.match_key = a.match_key AND b.external_id <> a.external_id AND b.state = 'active'"
            " AND a.directory = :d AND a.match_key <> '' AND a.state = 'active' AND a.changed_at <> '' AND :range"
        )
        self._rivals: dict[str, list[str]] = defaultdict(list)
        shared = view.range(sql, "a.external_id", selection, given)
        belonging = view.belonging({row[1] for row in shared}) if shared else set()
        for one, other in shared:
            if other in belonging:
                self._rivals[one].append(other)

    def _load_members(self, selection: str, given: dict[str, Any]) -> None:
        view = self._view
        sql = (
            "SELECT m.external_id, :join(v.axis || :within || v.value) FROM member m"
            " JOIN member_role v ON v.member_no = m.no WHERE m.directory = :d AND :range GROUP BY m.external_id"
        )
        roles = {row[0]: view.roles_in(row[1]) for row in view.range(sql, "m.external_id", selection, given)}
        sql = (
            "SELECT m.external_id, :join(t.team_id || :within || t.source) FROM member m"
            " JOIN team_member t ON t.member_no = m.no WHERE m.directory = :d AND :range GROUP BY m.external_id"
        )
        teams = {row[0]: view.teams_in(row[1]) for row in view.range(sql, "m.external_id", selection, given)}
        sql = f"SELECT {MEMBER}, m.{view.key_column} FROM member m WHERE m.directory = :d AND :range"
        self._members: dict[str, Member] = {}
        self._keys: dict[str, str | None] = {}
        for row in view.range(sql, "m.external_id", selection, given):
            external_id = row[13]
            self._members[external_id] = member_of(row, roles.get(external_id, {}), teams.get(external_id, _NO_TEAMS))
            self._keys[external_id] = row[14]

    def _load_refusals(self, selection: str, given: dict[str, Any]) -> None:
        self._refused: dict[str, list[Refused]] = defaultdict(list)
        if self._view.refusing:
            sql = "SELECT external_id, digest, code, run FROM refusal WHERE directory = :d AND :range"
            for external_id, *refused in self._view.range(sql, "external_id", selection, given):
                self._refused[external_id].append(Refused(*refused))

    def _load_others(self) -> None:
        """Members who hold a key of this chunk's people without being linked to them."""
        held = self._keys
        keys = [
            row[4]
            for external_id, row in self._users.items()
            if row[4] != held.get(external_id) and row[4] and row[1] == "active"
        ]
        self._others = self._view.by_keys(keys) if keys else {}
        ours = [m.external_id for m in self._others.values() if m.directory == self._view.policy.directory]
        self._standing = self._view.standing(ours) if ours else {}

    def subject(self, external_id: str) -> Subject:
        """One person of the chunk."""
        row, member = self._users.get(external_id), self._members.get(external_id)
        if row is None:
            return Subject(external_id, member=member, refused=tuple(self._refused.get(external_id, ())))
        _, state, evidence, scoped, key, body = row
        user: DirectoryUser = _decode(body)
        if state == "gone":
            user = msgspec.structs.replace(user, state=UserState.GONE)
        other, left, renamed = self._other(key, member) if self._others else (None, False, False)
        return Subject(
            external_id,
            user,
            _EVIDENCE[evidence],
            self._groups.get(external_id, ()),
            member,
            other,
            left,
            renamed,
            tuple(sorted(self._rivals[external_id])) if external_id in self._rivals else (),
            _SCOPED[scoped],
            tuple(self._refused[external_id]) if external_id in self._refused else (),
        )

    def _other(self, key: str, member: Member | None) -> tuple[Member | None, bool, bool]:
        """(the other holder of a key, whether their directory user left, whether it has another key now)."""
        other = self._others.get(key)
        if other is None or (member is not None and other.id == member.id):
            return None, False, False
        if other.directory != self._view.policy.directory:
            return other, False, False
        state, now = self._standing.get(other.external_id, ("", ""))
        left = state == "gone"
        # Somebody whom no read has shown yet keeps the address: there is nothing to say that they gave it up.
        return other, left, bool(state) and not left and now != key


_EVIDENCE: dict[str | None, Evidence | None] = {None: None, **{kind.value: kind for kind in Evidence}}
_SCOPED: dict[Any, bool | None] = {None: None, 0: False, 1: True}
_NO_TEAMS: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def member_of(row: Any, roles: dict[str, str], teams: tuple[frozenset[str], frozenset[str]]) -> Member:
    """A member from the columns of MEMBER, roles, and teams: all, and those that the directory gave."""
    return Member(
        row[0], Profile(*row[1:9], *((added(row[9]),) if row[9] else ())), bool(row[10]), bool(row[11]), row[12] or "",
        row[13] or "", roles, *teams,
    )  # fmt: skip
