"""Staging: one pull's observations on their way into the mirror (the `Absorber` port).

Staging is a set of temporary tables of one connection: a pull that is killed leaves nothing behind, and memory does
not follow the size of the directory. What becomes of it is promotion.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection

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
    UserGone,
    UsersSeen,
    UserState,
)
from reconciler.policy import Policy, described, match_key
from reconciler.report import Complete
from store.database import Store, bulk, rows, scalar, translated
from store.history import promoted
from store.leases import Held
from store.mirror import directory_row, groups_of
from store.promotion import Promotion

# Staging is only appended to: a key on a table with bodies costs ten times the insert. Promotion makes the indexes, in
# one sort, and drops what came twice; `seq` says which sight was the later.
_STAGING = {
    "stage_user": "seq INTEGER, external_id {id}, state TEXT, evidence TEXT, match_key TEXT, body TEXT",
    "stage_group": "seq INTEGER, external_id {id}, name TEXT, email TEXT",
    "stage_edge": "group_id {id}, member_id {id}, nested {bool}",
    "stage_left": "group_id {id}, member_id {id}",
    "stage_group_gone": "external_id {id}",
    "stage_end": "group_id {id}, complete {bool}, same {bool}, digest TEXT",
    "stage_changed": "external_id {id} PRIMARY KEY",
    "stage_edges_gone": "group_id {id}, member_id {id}, nested {bool}, PRIMARY KEY (group_id, member_id)",
    "stage_edges_changed": "group_id {id}, member_id {id}, nested {bool}",
}
_INDEXES = {
    "stage_user": "external_id, seq",
    "stage_group": "external_id, seq",
    "stage_edge": "member_id, group_id, nested",  # the order in which the mirror keeps them
}
FEW, SHARE = 20, 0.05  # more people absent at once than both have to be absent from two listings running
BUFFER = 50_000  # memberships kept in memory, about 10 MB, until their group ends
_encode = msgspec.json.Encoder(order="deterministic").encode


class Staging:
    """One pull's observations on their way into the mirror (the `Absorber` port)."""

    def __init__(
        self, store: Store, policy: Policy, now: Callable[[], str], lease: Held | None = None, *, identity: str = ""
    ) -> None:
        self._store, self._policy, self._now, self._lease = store, policy, now, lease
        self._identity = identity
        self._cursor = ""
        self._asked: tuple[str, ...] = ()
        self._missing = 0
        self._indexed = False
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.session())
        self._ends: list[CollectionEnd] = []
        self._seen = self._seq = 0
        self._kept: dict[str, tuple[list[str], list[str]]] = {}
        self._settled: list[tuple[str, bool, bool, str | None]] = []
        self._buffered = 0
        self._spilled: set[str] = set()
        self._digests: dict[str, str] = {}
        self._open = True
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
        match observation:
            case UsersSeen(users):
                self._users(users)
            case UserGone(external_id, evidence):
                body = _encode(DirectoryUser(external_id, UserState.GONE)).decode()
                self._insert("stage_user", 6, [(self._next(), external_id, "gone", evidence.value, "", body)])
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
        return self._seen

    def _users(self, users: tuple[DirectoryUser, ...]) -> None:
        policy, matched = self._policy, self._policy.match
        keys = [match_key(matched, described(policy, user) if policy.attributes else user) for user in users]
        staged = [
            (seq, user.external_id, user.state.value, _evidence(user), key, _encode(user).decode())
            for seq, (user, key) in enumerate(zip(users, keys, strict=True), self._seq)
        ]
        self._seq += len(users)
        self._seen += len(users)
        self._insert("stage_user", 6, staged)

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
        self._ends.append(end)
        if end.collection != "members":
            return
        people, children = self._kept.pop(end.group, ([], []))
        self._buffered -= len(people) + len(children)
        digest = None if end.group in self._spilled or not _complete(end) else _digest(people, children)
        same = digest is not None and digest == self._digests.get(end.group)
        if not same:
            self._insert_edges(end.group, people, children)
        if end.completeness is not Completeness.DELTA:
            self._settled.append((end.group, _complete(end), same, digest))

    def missing(self, most: int, *, thorough: bool) -> tuple[str, ...]:
        """Up to `most` ids of people whom a whole listing did not hold although the mirror does, or (`thorough`, or
        when the mirror never saw a whole listing) although a member of the workspace is linked to them."""
        if not self._ended("users", Completeness.COMPLETE):
            return ()
        self._index()
        with translated(self._store.engine), self._connection.begin():
            row = directory_row(self._connection, self._policy.directory)
            sql = _MISSING + (_UNKNOWN if thorough or row.users_complete_at is None else "")
            found = rows(self._connection, f"SELECT external_id FROM ({sql}) x LIMIT :n", **self._here, n=most)
            self._asked = tuple(str(one[0]) for one in found)
            self._missing = len(found)
            if len(found) == most:
                self._missing = scalar(self._connection, f"SELECT count(*) FROM ({sql}) x", **self._here)
        return self._asked

    @property
    def _here(self) -> dict[str, str]:
        return {"d": self._policy.directory}

    def _index(self) -> None:
        if not self._indexed:
            self._indexed = True
            with self._transaction():
                for table, columns in _INDEXES.items():
                    self._connection.exec_driver_sql(f"CREATE INDEX {table}_index ON {table} ({columns})")

    def promote(self) -> Complete:
        """Makes the staged pull the mirror and marks what changed as pending, in one transaction."""
        self._insert("stage_end", 4, self._settled)
        self._index()
        connection = self._connection.execution_options(rosterd_write=True)
        with translated(self._store.engine), connection.begin():
            if self._lease is not None:  # a run that was overtaken read the directory before the one that overtook it
                self._lease.check(connection, self._now())
            promotion = Promotion(connection, self._policy, self._now())
            promotion.settle()
            doubt, suspect = self._doubt(connection)
            open_question = self._open_question(connection, doubt)
            short = self._short_listing(connection)
            if short:
                promotion.distrust_groups()
            users = self._whole("users") and not open_question and not short
            groups = self._whole("groups") and not short
            promotion.people()
            promotion.groups(complete=not short and self._ended("groups", Completeness.COMPLETE))
            promotion.edges()
            promotion.mark()
            promotion.note(users=users, groups=groups, short=self._short() or bool(short))
            if self._lease is not None:
                promoted(connection, self._lease.run, promotion.generation)
            if self._ended("users", Completeness.COMPLETE):
                promotion.listed(identity=self._identity, suspect=suspect)
            unread = {end.group for end in self._ends if end.collection == "members" and _partial(end)}
            unread |= set(promotion.distrusted)
            # Of a group that was not read whole, an incremental read would not speak again.
            void = not self._ended("users", Completeness.DELTA) and (bool(unread) or not users)
            promotion.keep_cursor(self._cursor, whole=users and groups and not unread, void=void)
            names = {group.external_id: group.name for group in groups_of(connection, self._policy.directory)}
        reasons = [end.reason for end in self._ends if end.reason]
        reasons += [sentence for sentence in (short, open_question) if sentence]
        incomplete = tuple(sorted(names.get(group, group) for group in unread))
        return Complete(users, groups, not unread, incomplete, tuple(reasons))

    def _doubt(self, connection: Connection) -> tuple[str, bool]:
        """Why absence is not believed this time ("" when it is), and whether that is for the number of the absent.

        What is not believed is taken out of the staging again; tombstones stay.
        """
        sql = "SELECT count(*) FROM stage_user WHERE state = 'gone' AND evidence = 'absence'"
        absent = int(scalar(connection, sql))
        if not absent:
            return "", False
        row = directory_row(connection, self._policy.directory)
        sql = "SELECT count(*) FROM mirror_user WHERE directory = :d AND state <> 'gone'"
        known = int(scalar(connection, sql, **self._here))
        many = absent > FEW and absent > SHARE * known
        if row.identity != self._identity:
            doubt = "this is the first whole listing with these credentials"
        elif many and not row.suspect:
            doubt = f"{absent} of {known} people are absent at once"
        else:
            return "", False
        connection.exec_driver_sql("DELETE FROM stage_user WHERE state = 'gone' AND evidence = 'absence'")
        return doubt, many

    def _open_question(self, connection: Connection, doubt: str) -> str:
        """A sentence about people missing from the listing of whom nothing is concluded; "" when there are none."""
        answered = sum(
            scalar(connection, "SELECT count(*) FROM stage_user WHERE external_id = :id", id=one) > 0
            for one in self._asked
        )
        left = self._missing - answered
        if left <= 0:
            return ""
        people = "1 person is" if left == 1 else f"{left} people are"
        if doubt:
            return f"{people} missing from the listing; {doubt}: believed when the next whole listing shows the same"
        return f"{people} missing from the listing, and asking for them by id did not settle it; they keep their place"

    def _short_listing(self, connection: Connection) -> str:
        """A sentence when somebody whom the whole listing lacked is there when asked by id, else "".

        A directory that leaves out people leaves out members too: then no changed group is believed to be whole.
        """
        sql = "SELECT count(*) FROM stage_user WHERE external_id = :id AND state <> 'gone'"
        there = sum(scalar(connection, sql, id=one) > 0 for one in self._asked)
        if not there:
            return ""
        people = "1 person is" if there == 1 else f"{there} people are"
        return f"the listing of people was short: {people} there whom it did not hold; nobody leaves a group this time"

    def _ended(self, collection: str, how: Completeness) -> bool:
        ends = [end.completeness for end in self._ends if end.collection == collection]
        return bool(ends) and all(end is how for end in ends)

    def _whole(self, collection: str) -> bool:
        ends = [end for end in self._ends if end.collection == collection]
        return bool(ends) and not any(_partial(end) for end in ends)

    def _short(self) -> bool:
        """Whether the listing of groups came back short, so that some were not even asked for their members."""
        return any(end.collection == "groups" and end.completeness is Completeness.PARTIAL for end in self._ends)

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


def _complete(end: CollectionEnd) -> bool:
    return end.completeness is Completeness.COMPLETE


def _partial(end: CollectionEnd) -> bool:
    return end.completeness is Completeness.PARTIAL


_MISSING = (
    "SELECT m.external_id FROM mirror_user m WHERE m.directory = :d AND m.state <> 'gone'"
    " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = m.external_id)"
)
_UNKNOWN = (
    " UNION ALL SELECT k.external_id FROM member k WHERE k.directory = :d AND k.active"
    " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = k.external_id)"
    " AND NOT EXISTS (SELECT 1 FROM mirror_user m WHERE m.directory = :d AND m.external_id = k.external_id)"
)


def _digest(people: list[str], children: list[str]) -> str:
    """The same for the same members, in whatever order and however often they came."""
    seed = "\x1d".join("\x1f".join(sorted(set(ids))) for ids in (people, children))
    return blake2b(seed.encode(), digest_size=16).hexdigest()


_DIGESTS = (
    "SELECT external_id, members_digest FROM mirror_group WHERE directory = :d AND NOT gone"
    " AND members_digest IS NOT NULL"
)
