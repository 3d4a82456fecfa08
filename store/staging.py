"""Staging: one pull's observations on their way into the mirror (the `Absorber` port).

Staging is a set of temporary tables of one connection: a pull that is killed leaves nothing behind, and memory does
not follow the size of the directory. What becomes of it is promotion.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b

import msgspec
from sqlalchemy import text

from reconciler.changes import NOBODY, Touched
from reconciler.errors import StoreError
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Cursor,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
)
from reconciler.policy import Policy, described, match_key
from reconciler.report import Complete
from store.bodies import body_of
from store.database import Store, bulk, rows, same_schema, translated
from store.ends import Ends
from store.history import promoted
from store.leases import Held
from store.mirror import groups_of
from store.promotion import Promotion
from store.questions import MOST, TABLES, Inquiry
from store.ranges import BETWEEN

# Staging is only appended to: a key on a table with bodies costs ten times the insert. Promotion makes the indexes, in
# one sort, and drops what came twice; `seq` says which sight was the later.
_STAGING = {
    "stage_user": "seq INTEGER, external_id {id}, state TEXT, evidence TEXT, match_key TEXT, body TEXT, off_since TEXT",
    "stage_group": "seq INTEGER, external_id {id}, name TEXT, email TEXT",
    "stage_edge": "group_id {id}, member_id {id}, nested {bool}",
    "stage_left": "group_id {id}, member_id {id}",
    "stage_group_gone": "external_id {id}",
    "stage_end": "group_id {id}, complete {bool}, same {bool}, digest TEXT",
    "stage_changed": "external_id {id} PRIMARY KEY",
    "stage_edges_gone": "group_id {id}, member_id {id}, nested {bool}, PRIMARY KEY (group_id, member_id)",
    "stage_edges_changed": "group_id {id}, member_id {id}, nested {bool}",
    **TABLES,
}
_INDEXES = {
    "stage_user": "external_id, seq",
    "stage_group": "external_id, seq",
    "stage_edge": "member_id, group_id, nested",  # the order in which the mirror keeps them
}
BUFFER = 50_000  # memberships kept in memory, about 10 MB, until their group ends
_encode = msgspec.json.Encoder(order="deterministic").encode
_TWICE = "the members of {} ended twice"
_NO_CONNECTOR = "a connector drops such characters (connectors/answer.py): one that does not has an error"


class Staging:
    """One pull's observations on their way into the mirror (the `Absorber` port)."""

    def __init__(
        self, store: Store, policy: Policy, now: Callable[[], str], lease: Held | None = None, *, identity: str = "",
        touched: Touched = NOBODY,
    ) -> None:  # fmt: skip
        self._store, self._policy, self._now, self._lease = store, policy, now, lease
        self._identity, self._touched = identity, touched
        self._cursor = ""
        self._inquiry = Inquiry(policy.directory, identity)
        self._prepared = self._answering = False
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.session())
        self._ends = Ends()
        self._seen = self._seq = 0
        self._kept: dict[str, tuple[list[str], list[str]]] = {}
        self._settled: dict[str, tuple[str, bool, bool, str | None]] = {}
        self._buffered = 0
        self._spilled: set[str] = set()
        self._digests: dict[str, str] = {}
        self._open = True
        self._began = now()
        self._create()

    def _create(self) -> None:
        bare = self._store.sqlite
        kinds = {"id": "TEXT" if bare else 'TEXT COLLATE "C"', "bool": "BOOLEAN"}
        with self._transaction():
            for name, columns in _STAGING.items():
                self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
                self._connection.exec_driver_sql(f"CREATE TEMP TABLE {name} ({columns.format(**kinds)})")
            known = rows(self._connection, _DIGESTS, d=self._policy.directory)
            self._digests = {row[0]: row[1] for row in known}

    def take(self, observation: Observation) -> int:
        """Stages an observation; the number of people staged so far."""
        if self._answering and not self._inquiry.answer(observation):
            if isinstance(observation, CollectionEnd):
                self._ends.add(observation)
        else:
            self._stage(observation)
        return self._seen

    def _stage(self, observation: Observation) -> None:
        match observation:
            case UsersSeen(users):
                self._users(users)
            case UserGone(external_id, evidence, off_since):
                body = body_of(DirectoryUser(external_id, UserState.GONE))
                gone = (self._next(), external_id, "gone", evidence.value, "", body, off_since or None)
                self._insert("stage_user", 7, [gone])
            case GroupGone(external_id):
                self._insert("stage_group_gone", 1, [(external_id,)])
            case MembersLeft(group, users, groups):
                self._insert("stage_left", 2, [(group, member) for member in (*users, *groups)])
            case Cursor(text):
                self._cursor = text
            case GroupsSeen(groups):
                self._insert("stage_group", 4, [(self._next(), g.external_id, g.name, g.email) for g in groups])
            case MembersSeen(group, users, groups):
                self._members(group, users, groups)
            case CollectionEnd():
                self._end(observation)

    def _users(self, users: tuple[DirectoryUser, ...]) -> None:
        policy, matched = self._policy, self._policy.match
        keys = [match_key(matched, described(policy, user) if policy.attributes else user) for user in users]
        staged = [
            (seq, user.external_id, user.state.value, _evidence(user), key, body_of(user), user.off_since or None)
            for seq, (user, key) in enumerate(zip(users, keys, strict=True), self._seq)
        ]
        self._seq += len(users)
        self._seen += len(users)
        self._insert("stage_user", 7, staged)

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1

    def _insert(self, table: str, width: int, staged: Sequence[tuple[object, ...]]) -> None:
        with self._transaction():
            bulk(self._connection, f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", staged)

    def _insert_edges(self, group: str, people: list[str], children: list[str]) -> None:
        """One statement for all ids of a kind: the database takes the list apart faster than a driver binds rows."""
        with self._transaction():
            for nested, ids in ((False, people), (True, children)):
                if not ids:
                    continue
                if self._store.sqlite:
                    sql = "INSERT INTO stage_edge SELECT ?, value, ? FROM json_each(?)"
                    self._connection.exec_driver_sql(sql, (group, nested, msgspec.json.encode(ids).decode()))
                else:
                    sql = "INSERT INTO stage_edge SELECT %s, unnest(%s::text[]), %s"
                    self._connection.exec_driver_sql(sql, (group, ids, nested))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._store.engine), self._connection.begin():
            yield

    def _members(self, group: str, users: tuple[str, ...], groups: tuple[str, ...]) -> None:
        """Keeps a group's memberships until it ends, to see whether anything changed; a huge group goes straight to
        the staging table and is compared there."""
        if BETWEEN in group:
            raise StoreError(f"the id of a group holds a separator of the store: {group!r}", fix=_NO_CONNECTOR)
        people, children = self._kept.setdefault(group, ([], []))
        people += users
        children += groups
        self._buffered += len(users) + len(groups)
        if self._buffered > BUFFER:
            for name, (people, children) in self._kept.items():
                self._insert_edges(name, people, children)
            self._spilled.update(self._kept)
            self._kept.clear()
            self._buffered = 0

    def _end(self, end: CollectionEnd) -> None:
        self._ends.add(end)
        if end.collection != "members":
            return
        people, children = self._kept.pop(end.group, ([], []))
        self._buffered -= len(people) + len(children)
        digest = (
            None
            if end.group in self._spilled or end.completeness is not Completeness.COMPLETE
            else _digest(people, children)
        )
        same = digest is not None and digest == self._digests.get(end.group)
        if not same:
            self._insert_edges(end.group, people, children)
        if end.completeness is Completeness.DELTA:
            return
        settled = (end.group, end.completeness is Completeness.COMPLETE, same, digest)
        if end.group in self._settled:  # of members that came to an end and went on nothing is concluded
            self._ends.add(CollectionEnd("members", Completeness.PARTIAL, end.group, _TWICE.format(end.group)))
            settled = (end.group, False, False, None)
        self._settled[end.group] = settled

    def questions(self, *, thorough: bool, most: int = MOST) -> Iterator[Questions]:
        """What is asked for by id, at most so many of each kind, in rounds; what is taken from here on are answers."""
        self._prepare()
        self._answering = True
        with self._transaction():
            first = self._inquiry.first(self._connection, self._ends, thorough=thorough, most=most)
        if first.people or first.groups:
            yield first
        with self._transaction():
            second = self._inquiry.second(self._connection, self._ends, changed=self._changed, most=most)
        if second.people or second.members:
            yield second

    @property
    def _changed(self) -> bool:
        """Whether a group was read whole and is not as it was."""
        return any(complete and not same for _, complete, same, _ in self._settled.values())

    def _prepare(self) -> None:
        """The pull is through: indexes, and what the groups that changed have lost."""
        if self._prepared:
            return
        self._prepared = True
        self._insert("stage_end", 4, [*self._settled.values()])
        with self._transaction():
            for table, columns in _INDEXES.items():
                self._connection.exec_driver_sql(f"CREATE INDEX {table}_index ON {table} ({columns})")
            if self._changed:  # by group all edges of the directory are looked through
                self._connection.execute(text(_LOST), {"d": self._policy.directory})

    def promote(self) -> Complete:
        """Makes the staged pull the mirror and marks what changed as pending, in one transaction."""
        self._prepare()
        connection = self._connection.execution_options(rosterd_write=True)
        with translated(self._store.engine), connection.begin():
            same_schema(connection)
            if self._lease is not None:  # a run that was overtaken read the directory before the one that overtook it
                self._lease.check(connection, self._now())
            promotion = Promotion(connection, self._policy, self._now(), began=self._began)
            promotion.settle()
            verdict = self._inquiry.verdict(connection, self._ends, self._now())
            unread = self._ends.unread | verdict.unread | promotion.distrust(verdict.unread, everything=verdict.short)
            users = self._ends.whole("users") and verdict.people
            groups = self._ends.whole("groups") and verdict.groups
            promotion.people()
            promotion.groups(complete=not verdict.short and self._ends.all("groups", Completeness.COMPLETE))
            promotion.edges()
            promotion.mark()
            promotion.note(users=users, groups=groups, short=self._ends.broke_off or not verdict.groups)
            if self._lease is not None:
                promoted(connection, self._lease.run, promotion.generation)
            promotion.touch(self._touched)
            if self._ends.all("users", Completeness.COMPLETE):
                promotion.listed(identity=self._identity)
            # Of a group that was not read whole, an incremental read would not speak again.
            void = not self._ends.all("users", Completeness.DELTA) and (bool(unread) or not users)
            promotion.keep_cursor(self._cursor, whole=users and groups and not unread, void=void)
            names = {group.external_id: group.name for group in groups_of(connection, self._policy.directory)}
        incomplete = tuple(sorted(names.get(group, group) for group in unread))
        return Complete(users, groups, not unread, incomplete, (*self._ends.reasons, *verdict.reasons))

    def discard(self) -> None:
        """Drops the staging tables and gives the connection back."""
        if not self._open:
            return
        self._open = False
        with self._stack:
            if self._store.sqlite:
                # Closing takes the temporary file away at once; dropping its tables would free it page by page.
                self._connection.invalidate()
            else:
                with self._transaction():
                    for name in _STAGING:
                        self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


def _evidence(user: DirectoryUser) -> str | None:
    return Evidence.TOMBSTONE.value if user.state is UserState.GONE else None


_LOST = (
    "INSERT INTO stage_lost SELECT e.group_id, e.member_id, e.nested FROM mirror_edge e WHERE e.directory = :d"
    " AND e.group_id IN (SELECT group_id FROM stage_end WHERE complete AND NOT same)"
    " AND NOT EXISTS (SELECT 1 FROM stage_edge s WHERE s.group_id = e.group_id AND s.member_id = e.member_id)"
)


def _digest(people: list[str], children: list[str]) -> str:
    """The same for the same members, in whatever order and however often they came."""
    return blake2b(_encode([sorted(set(ids)) for ids in (people, children)]), digest_size=16).hexdigest()


_DIGESTS = (
    "SELECT external_id, members_digest FROM mirror_group WHERE directory = :d AND NOT gone"
    " AND members_digest IS NOT NULL"
)
