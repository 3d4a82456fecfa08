"""Both sides of an audit out of one transaction: who was told, with whom the directory lists for them, and who was not.

Chunks of rising external id, each completed by a few look-ups in indexes that are there for other reasons (a person's
key, a resource's externalId): memory does not follow the size of either side, and nothing is kept. What follows from
it is reconciler/audit.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from reconciler.audit import Side, Terms
from reconciler.groups import resolve
from reconciler.model import DirectoryUser, Evidence, Frozen, UserState
from reconciler.policy import GroupView, Policy, described, match_key
from store.database import Store
from store.mirror import bound, group_view, groups_of, peek
from store.scim.statements import Statements
from store.scim.told import basis

CHUNK = 1000
_PERSON = "external_id, state, evidence, match_key, changed_at, body"
_ALIVE = {"active": 0, "pending": 1, "suspended": 2, "unknown": 3}  # who of several with one key is meant
_decode = msgspec.json.Decoder(DirectoryUser).decode


class Moment(Frozen, frozen=True):
    """Up to when a side is settled: people by time, memberships by the mirror's generation. None: however late."""

    at: str | None
    generation: int | None


def current(store: Store, told: Policy) -> bool:
    """Whether the mirror of a told directory is made as this policy reads resources."""
    with store.read() as connection:
        run = Statements(connection)
        if run.one("SELECT 1 FROM scim_resource WHERE directory = ? LIMIT 1", told.directory) is None:
            return True
        sql = "SELECT 1 FROM scim_state WHERE directory = ? AND basis = ?"
        return run.one(sql, told.directory, basis(told)) is not None


def generation(store: Store, directory: str) -> int:
    """The generation of a directory's mirror; 0 when nothing was absorbed yet."""
    with store.read() as connection:
        row = peek(connection, directory)
    return 0 if row is None else row.generation


def last_whole(store: Store, directory: str) -> str | None:
    """When the read began that listed all people of a directory last; None: none did."""
    with store.read() as connection:
        row = peek(connection, directory)
        if row is None or row.users_complete_at is None:
            return None
        sql = "SELECT max(began) FROM run WHERE directory = ? AND began <= ?"
        return _text(Statements(connection).one(sql, directory, row.users_complete_at))


def read_by(store: Store, directory: str, at: str) -> Moment:
    """What reads of a directory had shown by then; the first read at least, which says nothing of when things became
    so. Before that one ended nothing counts as late."""
    with store.read() as connection:
        run = Statements(connection)
        sql = "SELECT min(ended) FROM run WHERE directory = ? AND ended IS NOT NULL AND generation >= 1"
        first = _text(run.one(sql, directory))
        if first is None:
            return Moment(None, None)
        at = max(at, first)
        sql = "SELECT max(generation) FROM run WHERE directory = ? AND ended <= ?"
        return Moment(at, int(run.one(sql, directory, at)[0]))


def told_by(store: Store, directory: str, at: str) -> Moment:
    """What runs of a told directory had planned by then."""
    with store.read() as connection:
        sql = "SELECT max(generation) FROM run WHERE directory = ? AND ended <= ?"
        found = Statements(connection).one(sql, directory, at)[0]
    return Moment(at, found or 0)


def called(store: Store, told: Policy) -> dict[str, str]:
    """What the groups that policy mentions are called by their client; one that it never told, as configuration calls
    it."""
    with store.read() as connection:
        view, _ = group_view(connection, told)
    return {ref: view.names.get(ref, ref) for ref in sorted(told.configured)}


def _text(row: Any) -> str | None:
    return None if row is None or row[0] is None else str(row[0])


class Sides:
    """A consistent view of both; `told` and `listed` say how they are read, `names` what the groups of the one are
    called in the other. Closes its connection in `close`."""

    def __init__(
        self, store: Store, told: Policy, listed: Policy, *, names: Mapping[str, str], pushed: Moment, read: Moment
    ) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.read())
        self._run = Statements(self._connection)
        self._told, self._listed, self._names = told, listed, dict(names)
        self._told_view, _ = group_view(self._connection, told)
        self._listed_view, self.warnings = group_view(self._connection, listed)
        self._pushed = _Late(self._run, told.directory, pushed)
        self._read = _Late(self._run, listed.directory, read)
        self._former = self._former_keys()

    def close(self) -> None:
        """Ends the view."""
        self._stack.close()

    def terms(self, fields: frozenset[str], *, whole: bool) -> Terms:
        """What people are judged with."""
        missing = resolve(
            self._told.refs, groups_of(self._connection, self._told.directory),
            bound(self._connection, self._told.directory),
        ).missing  # fmt: skip
        moved = {self._names.get(ref, ref) for ref in self._pushed.groups(self._told_view)}
        return Terms(
            self._told, self._told_view, self._listed, self._listed_view, self._names, frozenset(missing),
            frozenset(moved | self._read.groups(self._listed_view)), fields, whole,
        )  # fmt: skip

    def seen(self) -> int:
        """How many people the directory lists."""
        sql = "SELECT count(*) FROM mirror_user WHERE directory = ? AND state <> 'gone'"
        return int(self._run.one(sql, self._listed.directory)[0])

    def active(self, directory: str) -> Iterator[DirectoryUser]:
        """The active people of one side."""
        sql = f"SELECT {_PERSON} FROM mirror_user WHERE directory = ? AND external_id > ? ORDER BY external_id LIMIT ?"
        for chunk in self._chunks(sql, directory):
            yield from (_decode(row[5]) for row in chunk if row[1] == "active")

    def told(self) -> Iterator[Sequence[tuple[Side, Side | None]]]:
        """Everybody who was told, with whom the directory has for them: by the id that the client gave, else by the
        key of matching; an account that lives goes before one that does not."""
        columns = ", ".join(f"t.{name}" for name in _PERSON.split(", "))
        sql = (
            f"SELECT {columns}, r.external_id, r.modified FROM mirror_user t LEFT JOIN scim_resource r"
            " ON r.directory = t.directory AND r.id = t.external_id WHERE t.directory = ? AND t.external_id > ?"
            " ORDER BY t.external_id LIMIT ?"
        )
        for chunk in self._chunks(sql, self._told.directory):
            people = [row for row in chunk if row[1] != "gone"]
            partners = self._partners(people)
            told = self._sides(self._told, self._told_view, self._pushed, [(row, row[7]) for row in people])
            found = {row[0]: row for row in partners.values()}
            listed = self._sides(self._listed, self._listed_view, self._read, [(row, row[4]) for row in found.values()])
            yield [(told[row[0]], listed[partners[row[0]][0]] if row[0] in partners else None) for row in people]

    def untold(self) -> Iterator[Sequence[tuple[Side, bool]]]:
        """Active people of the directory for whom nobody is told, and whether somebody was. Who changed their key or
        was deleted too lately counts as told."""
        sql = f"SELECT {_PERSON} FROM mirror_user WHERE directory = ? AND external_id > ? ORDER BY external_id LIMIT ?"
        for chunk in self._chunks(sql, self._listed.directory):
            people = [row for row in chunk if row[1] == "active"]
            by_id = self._given([row[0] for row in people])
            known = self._standing([row[3] for row in people if row[3]])
            left = [row for row in people if row[0] not in by_id and known.get(row[3]) is not True]
            sides = self._sides(self._listed, self._listed_view, self._read, [(row, row[4]) for row in left])
            yield [(sides[row[0]], row[3] in known) for row in left]

    def _chunks(self, sql: str, directory: str) -> Iterator[Sequence[Any]]:
        last = ""
        while found := self._run.all(sql, directory, last, CHUNK):
            yield found
            last = found[-1][0]

    def _partners(self, people: Sequence[Any]) -> dict[str, Any]:
        """Rows of the directory by the told ids of the people they stand for."""
        sql = f"SELECT {_PERSON} FROM mirror_user WHERE directory = ? AND external_id IN ?*"
        given = [row[6] for row in people if row[6]]
        by_id = {row[0]: row for row in self._run.all(sql, self._listed.directory, given)} if given else {}
        sql = f"SELECT {_PERSON} FROM mirror_user WHERE directory = ? AND match_key IN ?*"
        keys = [row[3] for row in people if row[3] and _alive(by_id.get(row[6])) is None]
        by_key: dict[str, Any] = {}
        for row in self._run.all(sql, self._listed.directory, keys) if keys else ():
            by_key[row[3]] = min(by_key.get(row[3], row), row, key=lambda each: (_ALIVE.get(each[1], 9), each[0]))
        return {row[0]: best for row in people if (best := _better(by_id.get(row[6]), by_key.get(row[3]))) is not None}

    def _sides(
        self, policy: Policy, view: GroupView, late: "_Late", people: Sequence[tuple[Any, str | None]]
    ) -> dict[str, Side]:
        """People as one side has them, by id; each row with when it last changed."""
        ids = [row[0] for row, _ in people]
        inside: dict[str, list[str]] = {}
        if ids and view.reach:
            sql = (
                "SELECT member_id, group_id FROM mirror_edge WHERE directory = ? AND nested = FALSE AND member_id IN ?*"
            )
            for member, group in self._run.all(sql, policy.directory, ids):
                inside.setdefault(member, []).append(group)
        regrouped = late.members(ids)
        return {
            row[0]: Side(
                _user(row), tuple(inside.get(row[0], ())), None if row[2] is None else Evidence(row[2]),
                late.person(changed or row[4]), row[0] in regrouped,
            )
            for row, changed in people
        }  # fmt: skip

    def _given(self, ids: list[str]) -> set[str]:
        """Those of these ids that a client gives as the externalId of somebody."""
        sql = "SELECT external_id FROM scim_resource WHERE directory = ? AND kind = 'User' AND external_id IN ?*"
        return {row[0] for row in self._run.all(sql, self._told.directory, ids)} if ids else set()

    def _standing(self, keys: list[str]) -> dict[str, bool]:
        """Keys that were told, and whether they still are, or were until too lately."""
        sql = "SELECT match_key, state, changed_at FROM mirror_user WHERE directory = ? AND match_key IN ?*"
        found: dict[str, bool] = {}
        for key, state, changed in self._run.all(sql, self._told.directory, keys) if keys else ():
            found[key] = found.get(key, False) or state != "gone" or self._pushed.person(changed)
        return found | dict.fromkeys(self._former.intersection(keys), True)

    def _former_keys(self) -> frozenset[str]:
        """The keys that people had who were told anew too lately."""
        if self._pushed.moment.at is None:
            return frozenset()
        sql = (
            "SELECT w.body FROM mirror_user t CROSS JOIN mirror_user_was w WHERE t.directory = ? AND t.changed_at >= ?"
            " AND w.directory = t.directory AND w.external_id = t.external_id AND w.generation > ?"
            " AND w.body IS NOT NULL"
        )
        moment = self._pushed.moment
        bodies = self._run.all(sql, self._told.directory, moment.at, moment.generation or 0)
        users = (described(self._told, _decode(row[0])) for row in bodies)
        return frozenset(match_key(self._told.match, user) for user in users) - {""}


class _Late:
    """What of one side changed too late to be compared."""

    def __init__(self, run: Statements, directory: str, moment: Moment) -> None:
        self._run, self._directory, self.moment = run, directory, moment

    def person(self, changed: str) -> bool:
        """Whether that is too late."""
        return self.moment.at is not None and changed >= self.moment.at

    def members(self, ids: list[str]) -> set[str]:
        """Those of these people who joined or left a group too late."""
        if self.moment.generation is None or not ids:
            return set()
        sql = (
            "SELECT DISTINCT member_id FROM mirror_edge_was WHERE directory = ? AND nested = FALSE AND member_id IN ?*"
            " AND generation > ?"
        )
        return {row[0] for row in self._run.all(sql, self._directory, ids, self.moment.generation)}

    def groups(self, view: GroupView) -> frozenset[str]:
        """The groups of policy that came, went, were renamed or nested otherwise too late."""
        if self.moment.generation is None:
            return frozenset()
        groups = "SELECT external_id FROM mirror_group_was WHERE directory = ? AND generation > ?"
        nested = "SELECT group_id FROM mirror_edge_was WHERE directory = ? AND nested = TRUE AND generation > ?"
        moved = {row[0] for sql in (groups, nested) for row in self._run.all(sql, *self._since)}
        return self._meant(moved) | view.refs_of(tuple(moved))

    @property
    def _since(self) -> tuple[str, int | None]:
        return self._directory, self.moment.generation

    def _meant(self, groups: Iterable[str]) -> frozenset[str]:
        """The configured names that mean, or meant, one of these."""
        sql = "SELECT ref FROM binding WHERE directory = ? AND group_id IN ?*"
        return frozenset(row[0] for row in self._run.all(sql, self._directory, sorted(groups)))


def _alive(row: Any) -> Any:
    return None if row is None or row[1] == "gone" else row


def _better(by_id: Any, by_key: Any) -> Any:
    return _alive(by_id) or _alive(by_key) or by_id or by_key


def _user(row: Any) -> DirectoryUser:
    """Who is gone keeps the last body."""
    user = _decode(row[5])
    return msgspec.structs.replace(user, state=UserState.GONE) if row[1] == "gone" else user
