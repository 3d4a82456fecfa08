"""Absorbing: observations into a staging area, and staging into the mirror in one transaction.

Staging is a set of temporary tables of one connection: a pull that is killed leaves nothing behind, and memory does
not follow the size of the directory. Promotion is set-based SQL; what differs is marked pending, and only a collection
that a pull says is complete can make anything disappear.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec
from sqlalchemy import Connection, bindparam, text

from reconciler.groups import resolve
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    Evidence,
    GroupsSeen,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
    UserState,
)
from reconciler.policy import Policy, match_key
from reconciler.report import Complete
from store.database import Store, bulk, rows, scalar, translated
from store.mirror import bound, directory_row, groups_of

_STAGING = (
    " stage_user (external_id {id} PRIMARY KEY, state TEXT, evidence TEXT, match_key TEXT, body TEXT)",
    " stage_group (external_id {id} PRIMARY KEY, name TEXT, email TEXT)",
    " stage_edge (group_id {id}, member_id {id}, nested {bool}, PRIMARY KEY (group_id, member_id))",
    " stage_end (group_id {id} PRIMARY KEY, complete {bool})",
    " stage_changed (external_id {id} PRIMARY KEY)",
    " stage_edges_gone (group_id {id}, member_id {id}, nested {bool}, PRIMARY KEY (group_id, member_id))",
    " stage_edges_changed (group_id {id}, member_id {id}, nested {bool})",
)
_TABLES = (
    "stage_user", "stage_group", "stage_edge", "stage_end", "stage_changed", "stage_edges_gone", "stage_edges_changed",
)  # fmt: skip
_encode = msgspec.json.Encoder(order="deterministic").encode


class Staging:
    """One pull's observations on their way into the mirror (the `Absorber` port)."""

    def __init__(self, store: Store, policy: Policy, now: Callable[[], str]) -> None:
        self._store, self._policy, self._now = store, policy, now
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(store.session())
        self._ends: list[CollectionEnd] = []
        self._seen = 0
        self._open = True
        self._create()

    def _create(self) -> None:
        bare = self._store.sqlite
        kinds = {"id": "TEXT" if bare else 'TEXT COLLATE "C"', "bool": "BOOLEAN"}
        with self._transaction():
            for name in _TABLES:
                self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            for statement in _STAGING:
                rowid = " WITHOUT ROWID" if bare and "PRIMARY KEY" in statement else ""
                self._connection.exec_driver_sql(f"CREATE TEMP TABLE {statement.format(**kinds)}{rowid}")

    def take(self, observation: Observation) -> int:
        """Stages an observation; the number of people staged so far."""
        match observation:
            case UsersSeen(users):
                self._users(users)
            case UserGone(external_id, evidence):
                self._insert("stage_user", 5, [(external_id, "gone", evidence.value, "", "")])
            case GroupsSeen(groups):
                self._insert("stage_group", 3, [(g.external_id, g.name, g.email) for g in groups])
            case MembersSeen(group, users, groups):
                edges = [(group, user, False) for user in users] + [(group, child, True) for child in groups]
                self._insert("stage_edge", 3, edges)
            case CollectionEnd():
                self._end(observation)
        return self._seen

    def _users(self, users: tuple[DirectoryUser, ...]) -> None:
        matched = self._policy.match
        staged = [
            (user.external_id, user.state.value, _evidence(user), match_key(matched, user), _encode(user).decode())
            for user in users
        ]
        self._insert("stage_user", 5, staged)
        self._seen += len(users)

    def _insert(self, table: str, width: int, staged: Sequence[tuple[object, ...]]) -> None:
        # The same item may come twice while pages shift under a reader: the later sight counts.
        marks = ", ".join("?" * width)
        if self._store.sqlite:
            sql = f"INSERT OR REPLACE INTO {table} VALUES ({marks})"
        else:
            sql = f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT {_UPSERTS[table]}"
        with self._transaction():
            bulk(self._connection, sql, staged)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._store.engine), self._connection.begin():
            yield

    def _end(self, end: CollectionEnd) -> None:
        self._ends.append(end)
        if end.collection == "members":
            self._insert("stage_end", 2, [(end.group, end.completeness is Completeness.COMPLETE)])

    def promote(self) -> Complete:
        """Makes the staged pull the mirror and marks what changed as pending, in one transaction."""
        users, groups = self._whole("users"), self._whole("groups")
        connection = self._connection.execution_options(rosterd_write=True)
        with translated(self._store.engine), connection.begin():
            promotion = _Promotion(connection, self._policy, self._now())
            promotion.people(complete=users)
            promotion.groups(complete=groups)
            promotion.edges()
            promotion.mark()
            promotion.note(users=users, groups=groups, short=self._short())
            names = {group.external_id: group.name for group in groups_of(connection, self._policy.directory)}
        unread = [end for end in self._ends if end.collection == "members" and not _complete(end)]
        reasons = [end.reason for end in self._ends if end.reason]
        incomplete = tuple(sorted(names.get(end.group, end.group) for end in unread))
        return Complete(users, groups, not unread, incomplete, tuple(reasons))

    def _whole(self, collection: str) -> bool:
        ends = [end for end in self._ends if end.collection == collection]
        return bool(ends) and all(_complete(end) for end in ends)

    def _short(self) -> bool:
        """Whether the listing of groups came back short, so that some were not even asked for their members."""
        return any(end.collection == "groups" and end.completeness is Completeness.PARTIAL for end in self._ends)

    def discard(self) -> None:
        """Drops the staging tables and gives the connection back."""
        if self._open:
            self._open = False
            with self._stack, self._transaction():
                for name in _TABLES:
                    self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")


def _evidence(user: DirectoryUser) -> str | None:
    return Evidence.TOMBSTONE.value if user.state is UserState.GONE else None


def _complete(end: CollectionEnd) -> bool:
    return end.completeness is Completeness.COMPLETE


_UPSERTS = {
    "stage_user": "(external_id) DO UPDATE SET state=excluded.state, evidence=excluded.evidence, "
    "match_key=excluded.match_key, body=excluded.body",
    "stage_group": "(external_id) DO UPDATE SET name=excluded.name, email=excluded.email",
    "stage_edge": "(group_id, member_id) DO UPDATE SET nested=excluded.nested",
    "stage_end": "(group_id) DO UPDATE SET complete=excluded.complete",
}


class _Promotion:
    """The steps of one promotion, on one connection, in one transaction."""

    def __init__(self, connection: Connection, policy: Policy, now: str) -> None:
        self._connection, self._policy, self._now = connection, policy, now
        self._directory = policy.directory
        row = directory_row(connection, policy.directory)
        self._mark = row.generation + 1

    def _run(self, sql: str) -> None:
        known = {"d": self._directory, "now": self._now, "mark": self._mark}
        self._connection.execute(text(sql), {name: value for name, value in known.items() if f":{name}" in sql})

    def people(self, *, complete: bool) -> None:
        """New and changed people; with a complete read, those who are not in it any more."""
        self._run(
            "INSERT INTO stage_changed SELECT s.external_id FROM stage_user s LEFT JOIN mirror_user m"
            " ON m.directory = :d AND m.external_id = s.external_id WHERE m.external_id IS NULL AND s.state <> 'gone'"
            " OR m.state <> s.state OR s.state <> 'gone' AND (m.body <> s.body OR m.match_key <> s.match_key)"
        )
        self._run(
            "INSERT INTO mirror_user (directory, external_id, state, evidence, match_key, changed_at, body)"
            " SELECT :d, external_id, state, evidence, match_key, :now, body FROM stage_user"
            " WHERE state <> 'gone' AND external_id IN (SELECT external_id FROM stage_changed)"
            " ON CONFLICT (directory, external_id) DO UPDATE SET state = excluded.state, evidence = NULL,"
            " match_key = excluded.match_key, changed_at = excluded.changed_at, body = excluded.body"
        )
        self._run(
            "UPDATE mirror_user SET state = 'gone', changed_at = :now, scoped = NULL, evidence ="
            " (SELECT s.evidence FROM stage_user s WHERE s.external_id = mirror_user.external_id)"
            " WHERE directory = :d AND state <> 'gone' AND external_id IN"
            " (SELECT external_id FROM stage_user WHERE state = 'gone')"
        )
        if complete:
            absent = (
                " FROM mirror_user WHERE directory = :d AND state <> 'gone'"
                " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = mirror_user.external_id)"
            )
            self._run(f"INSERT INTO stage_changed SELECT external_id{absent}")
            self._run(
                "UPDATE mirror_user SET state = 'gone', evidence = 'absence', changed_at = :now, scoped = NULL"
                " WHERE directory = :d AND external_id IN (SELECT external_id FROM stage_changed)"
                " AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.external_id = mirror_user.external_id)"
            )

    def groups(self, *, complete: bool) -> None:
        """Groups as listed; with a complete listing, those not in it are gone, and so are their members' edges."""
        self._run(
            "INSERT INTO mirror_group (directory, external_id, name, email, gone)"
            " SELECT :d, s.external_id, s.name, s.email, FALSE FROM stage_group s LEFT JOIN mirror_group g"
            " ON g.directory = :d AND g.external_id = s.external_id"
            " WHERE g.external_id IS NULL OR g.name <> s.name OR g.email <> s.email OR g.gone"
            " ON CONFLICT (directory, external_id) DO UPDATE SET name = excluded.name, email = excluded.email,"
            " gone = FALSE"
        )
        if complete:
            self._run(
                "UPDATE mirror_group SET gone = TRUE WHERE directory = :d AND NOT gone AND NOT EXISTS"
                " (SELECT 1 FROM stage_group s WHERE s.external_id = mirror_group.external_id)"
            )

    def edges(self) -> None:
        """Memberships: added ones always; missing ones only in groups that were read whole or are gone."""
        self._run(
            "INSERT INTO stage_edges_changed SELECT s.group_id, s.member_id, s.nested FROM stage_edge s"
            " LEFT JOIN mirror_edge e ON e.directory = :d AND e.group_id = s.group_id AND e.member_id = s.member_id"
            " WHERE e.group_id IS NULL"
        )
        self._run(
            "INSERT INTO mirror_edge (directory, group_id, member_id, nested)"
            " SELECT :d, group_id, member_id, nested FROM stage_edges_changed"
        )
        # A primary key of its own, for the deletion to look up.
        self._run(
            "INSERT INTO stage_edges_gone SELECT group_id, member_id, nested FROM mirror_edge WHERE directory = :d AND"
            " (group_id IN (SELECT group_id FROM stage_end WHERE complete) AND NOT EXISTS (SELECT 1 FROM stage_edge s"
            " WHERE s.group_id = mirror_edge.group_id AND s.member_id = mirror_edge.member_id)"
            " OR group_id IN (SELECT external_id FROM mirror_group WHERE directory = :d AND gone))"
        )
        self._run(
            "DELETE FROM mirror_edge WHERE directory = :d AND (group_id, member_id) IN"
            " (SELECT group_id, member_id FROM stage_edges_gone)"
        )
        self._run("INSERT INTO stage_edges_changed SELECT group_id, member_id, nested FROM stage_edges_gone")

    def mark(self) -> None:
        """Everybody whom a change concerns is pending: the changed, those who share their key, members of groups."""
        upsert = " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
        into = "INSERT INTO pending (directory, external_id, mark) "
        self._run(f"{into}SELECT :d, external_id, :mark FROM stage_changed WHERE TRUE{upsert}")
        # A key that was shared and no longer is frees its conflict, which is pending by itself until it is settled.
        self._run(
            f"{into}SELECT DISTINCT :d, o.external_id, :mark FROM stage_changed c JOIN mirror_user m"
            " ON m.directory = :d AND m.external_id = c.external_id JOIN mirror_user o ON o.directory = :d"
            " AND o.match_key = m.match_key AND o.external_id <> m.external_id AND o.state = 'active'"
            f" WHERE m.match_key <> ''{upsert}"
        )
        self._run(f"{into}SELECT DISTINCT :d, member_id, :mark FROM stage_edges_changed WHERE NOT nested{upsert}")
        nested = rows(self._connection, "SELECT DISTINCT member_id FROM stage_edges_changed WHERE nested")
        self._mark_below({row[0] for row in nested})

    def _mark_below(self, groups: set[str]) -> None:
        """A nested group came or went, or a name means another group: everybody below gains or loses what is above."""
        if not groups:
            return
        sql = text(
            "WITH RECURSIVE below (group_id) AS (SELECT group_id FROM mirror_edge WHERE directory = :d"
            " AND group_id IN :groups UNION SELECT e.member_id FROM mirror_edge e JOIN below b ON e.directory = :d"
            " AND e.group_id = b.group_id AND e.nested = TRUE) INSERT INTO pending (directory, external_id, mark)"
            " SELECT DISTINCT :d, e.member_id, :mark FROM mirror_edge e JOIN below b ON e.directory = :d"
            " AND e.group_id = b.group_id WHERE e.nested = FALSE"
            " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
        ).bindparams(bindparam("groups", expanding=True))
        self._connection.execute(sql, {"d": self._directory, "mark": self._mark, "groups": sorted(groups)})

    def note(self, *, users: bool, groups: bool, short: bool) -> None:
        """The directory's own row: generation, what was complete when; names resolved to ids; groups read whole."""
        self._run("UPDATE directory SET generation = :mark WHERE id = :d")
        for column, whole in (("users_complete_at", users), ("groups_complete_at", groups)):
            if whole:
                self._run(f"UPDATE directory SET {column} = :now WHERE id = :d")
        unread = scalar(self._connection, "SELECT count(*) FROM stage_end WHERE NOT complete")
        if users and groups and not unread:
            self._run("UPDATE directory SET complete_at = :now WHERE id = :d")
        # A read that came back short hides who moved into the group, whatever an earlier one saw.
        unread_groups = "NOT IN (SELECT group_id FROM stage_end WHERE complete)" if short else (
            "IN (SELECT group_id FROM stage_end WHERE NOT complete)"
        )  # fmt: skip
        self._run(
            "UPDATE mirror_group SET members_complete_at = NULL WHERE directory = :d"
            f" AND members_complete_at IS NOT NULL AND external_id {unread_groups}"
        )
        self._run(
            "UPDATE mirror_group SET members_complete_at = :now WHERE directory = :d AND external_id IN"
            " (SELECT group_id FROM stage_end WHERE complete)"
        )
        self._bind()

    def _bind(self) -> None:
        listed: list[DirectoryGroup] = groups_of(self._connection, self._directory)
        known = bound(self._connection, self._directory)
        resolved = resolve(self._policy.refs, listed, known)
        changed = {ref: group for ref, group in resolved.ids.items() if known.get(ref) != group}
        bulk(
            self._connection,
            "INSERT INTO binding (directory, ref, group_id) VALUES (?, ?, ?)"
            " ON CONFLICT (directory, ref) DO UPDATE SET group_id = excluded.group_id",
            [(self._directory, ref, group) for ref, group in changed.items()],
        )
        if self._mark > 1:  # the first promotion marks everybody anyway
            self._mark_below({known[ref] for ref in changed if ref in known} | set(changed.values()))
