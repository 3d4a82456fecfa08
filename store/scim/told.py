"""What a SCIM client told, as part of the mirror, in the transaction of its request.

The same outcome as staging an incremental read and promoting it (store/staging.py, store/promotion.py; a law of the
tests), row by row: mirror, what was, and who is to be looked at again. The cost follows what changes.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.model import (
    DirectoryGroup,
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
    key,
)
from reconciler.policy import AttributeMapping, Policy, described, match_key
from store.bindings import rebind
from store.bodies import body_of
from store.mirror import directory_row
from store.pending import mark_below
from store.promotion import STILL_OFF
from store.ranges import BETWEEN
from store.scim.statements import Statements

_FORM = 1  # of what is read of a resource; another one makes every mirror anew
_encode = msgspec.json.Encoder(order="deterministic").encode
_PENDING = (
    "INSERT INTO pending (directory, external_id, mark) VALUES (?, ?, ?)"
    " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
)
_EDGE_WAS = (
    "INSERT INTO mirror_edge_was (directory, nested, member_id, generation, group_id, came) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)


def basis(policy: Policy) -> str:
    """Stands for what a policy reads of a resource: a mirror of another basis is made anew."""
    return _basis(policy.match, policy.read_attributes, policy.attributes)


@lru_cache(maxsize=1024)
def _basis(match: str, read: frozenset[str], mapped: tuple[AttributeMapping, ...]) -> str:
    return blake2b(_encode([_FORM, match, sorted(read), mapped]), digest_size=16).hexdigest()


def deriving(of: str) -> str:
    """The basis while the mirror is being made anew."""
    return f"making {of}"


class Absorption:
    """Absorbs the observations of one request. They are one generation of the mirror, begun by the first that changes
    anything: of something that changed twice, what was before the request is kept."""

    def __init__(self, connection: Connection, policy: Policy, now: str) -> None:
        self._connection, self._policy, self._now = connection, policy, now
        self._directory = policy.directory
        self._run = Statements(connection)
        self._leaving: dict[str, list[str]] = {}
        self._mark = 0  # the generation; 0: nothing has changed yet

    def absorb(self, observation: Observation) -> None:
        """Makes it part of the mirror. Where a read begins or ends says nothing here: what is told is whole."""
        match observation:
            case UsersSeen(users):
                self._people(users)
            case UserGone(external_id, evidence, _):
                body = body_of(DirectoryUser(external_id, UserState.GONE))
                self._gone(external_id, (evidence.value, "", body), self._known([external_id]).get(external_id))
            case GroupsSeen(groups):
                for group in groups:
                    self._group(group)
            case GroupGone(external_id):
                self._group_gone(external_id)
            case MembersSeen(group, users, groups):
                self._joined(group, users, nested=False)
                self._joined(group, groups, nested=True)
            case MembersLeft(group, users, groups):
                self._left(group, [*users, *groups])

    def deleting(self, group: str, members: list[str]) -> None:
        """Who the members of a group are that is about to be told gone: by group, the mirror's edges are not found
        without looking through all of them."""
        self._leaving[group] = members

    def _changing(self) -> int:
        """The generation of this request."""
        if not self._mark:
            sql = (
                "UPDATE directory SET generation = generation + 1, users_complete_at = ?, groups_complete_at = ?,"
                " complete_at = ? WHERE id = ? RETURNING generation"
            )
            given = (self._now, self._now, self._now, self._directory)
            row = self._run.one(sql, *given)
            if row is None:
                directory_row(self._connection, self._directory)
                row = self._run.one(sql, *given)
            # Marked before the first plan, too: that one compares everybody of a view that may be older than this.
            self._mark = row[0]
            self._void_basis()
        return self._mark

    def _void_basis(self) -> None:
        """A mirror that was made under another policy is not told under this one and called whole."""
        ours = basis(self._policy)
        sql = "UPDATE scim_state SET basis = '' WHERE directory = ? AND basis NOT IN (?, ?, '')"
        self._run.run(sql, self._directory, ours, deriving(ours))

    def _pending(self, ids: Iterable[str]) -> None:
        self._run.each(_PENDING, [(self._directory, one, self._mark) for one in ids])

    # -- people ---------------------------------------------------------------------------------------------------

    def _known(self, ids: list[str]) -> dict[str, Any]:
        sql = (
            "SELECT external_id, state, evidence, match_key, body FROM mirror_user WHERE directory = ? AND external_id "
        )
        found = self._run.all(f"{sql} = ?", self._directory, ids[0]) if len(ids) == 1 else (
            self._run.all(f"{sql} IN ?*", self._directory, ids)
        )  # fmt: skip
        return {row[0]: row[1:] for row in found}

    def _people(self, users: Sequence[DirectoryUser]) -> None:
        policy = self._policy
        known = self._known([user.external_id for user in users]) if users else {}
        for user in users:
            matched = match_key(policy.match, described(policy, user) if policy.attributes else user)
            self._person(user, matched, known.get(user.external_id))

    def _person(self, user: DirectoryUser, matched: str, before: Any) -> None:
        body = body_of(user)
        if user.state is UserState.GONE:
            self._gone(user.external_id, (Evidence.TOMBSTONE.value, matched, body), before)
            return
        if before is not None and (user.state.value, matched, body) == (before[0], before[2], before[3]):
            return
        self._keep(user.external_id, before)
        self._run.run(
            "INSERT INTO mirror_user (directory, external_id, state, match_key, changed_at, body, off_told)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (directory, external_id) DO UPDATE SET state = excluded.state,"
            " evidence = NULL, match_key = excluded.match_key, changed_at = excluded.changed_at, body = excluded.body,"
            f" {STILL_OFF}",
            self._directory, user.external_id, user.state.value, matched, self._now, body,
            self._now if user.state is UserState.SUSPENDED else None,
        )  # fmt: skip
        self._concerns(user.external_id, matched)

    def _gone(self, external_id: str, told: tuple[str, str, str], before: Any) -> None:
        """A gone person keeps the last body, and leaves every group. One whom the mirror never saw matters when a
        member is linked to them."""
        evidence, matched, body = told
        if before is None:
            sql = "SELECT 1 FROM member WHERE directory = ? AND external_id = ?"
            if self._run.one(sql, self._directory, external_id) is None:
                return
        elif before[0] == "gone":
            return
        self._keep(external_id, before)
        self._run.run(
            "INSERT INTO mirror_user (directory, external_id, state, evidence, match_key, changed_at, body, off_told)"
            " VALUES (?, ?, 'gone', ?, ?, ?, ?, ?) ON CONFLICT (directory, external_id) DO UPDATE SET state = 'gone',"
            f" evidence = excluded.evidence, changed_at = excluded.changed_at, {STILL_OFF}, scoped = NULL",
            self._directory, external_id, evidence, matched, self._now, body, self._now,
        )  # fmt: skip
        left = self._run.all(
            "DELETE FROM mirror_edge WHERE directory = ? AND nested = ? AND member_id = ? RETURNING group_id",
            self._directory, False, external_id,
        )  # fmt: skip
        self._edges([(False, external_id, row[0]) for row in left], came=False)
        self._concerns(external_id, matched if before is None else before[2])

    def _keep(self, external_id: str, before: Any) -> None:
        """What was before this request; nothing was before the first."""
        if self._changing() > 1:
            state, evidence, _, body = before or (None, None, None, None)
            self._run.run(
                "INSERT INTO mirror_user_was (directory, external_id, generation, state, evidence, body)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                self._directory, external_id, self._mark, state, evidence, body,
            )  # fmt: skip

    def _concerns(self, external_id: str, matched: str) -> None:
        """The person themselves, and who shares their key."""
        self._pending([external_id])
        if matched:
            sql = (
                "SELECT external_id FROM mirror_user WHERE directory = ? AND match_key = ? AND state = 'active'"
                " AND external_id <> ?"
            )
            self._pending([row[0] for row in self._run.all(sql, self._directory, matched, external_id)])

    # -- groups and memberships -----------------------------------------------------------------------------------

    def _group(self, group: DirectoryGroup) -> None:
        if BETWEEN in group.external_id:
            raise StoreError(f"the id of a group holds a separator of the store: {group.external_id!r}")
        before = self._group_row(group.external_id)
        if before is not None and (group.name, group.email, False) == (before[0], before[1], bool(before[2])):
            return
        self._keep_group(group.external_id, before)
        # One that is new or back has no members yet: it is known whole.
        self._run.run(
            "INSERT INTO mirror_group (directory, external_id, name, email, gone, members_complete_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (directory, external_id) DO UPDATE SET name = excluded.name,"
            " email = excluded.email, gone = excluded.gone, members_complete_at = CASE WHEN mirror_group.gone"
            " THEN excluded.members_complete_at ELSE mirror_group.members_complete_at END",
            self._directory, group.external_id, group.name, group.email, False, self._now,
        )  # fmt: skip
        self._rebind(group.external_id, (group.name, group.email, *(before[:2] if before else ())))

    def _group_gone(self, group: str) -> None:
        before = self._group_row(group)
        if before is not None and not before[2]:
            self._keep_group(group, before)
            sql = "UPDATE mirror_group SET gone = ?, members_digest = NULL WHERE directory = ? AND external_id = ?"
            self._run.run(sql, True, self._directory, group)
        if group in self._leaving:
            self._left(group, self._leaving.pop(group))
        else:
            sql = "DELETE FROM mirror_edge WHERE directory = ? AND group_id = ? RETURNING nested, member_id"
            left = self._run.all(sql, self._directory, group)
            self._edges([(bool(row[0]), row[1], group) for row in left], came=False)
        if before is not None:
            self._rebind(group, before[:2])

    def _group_row(self, group: str) -> Any:
        sql = "SELECT name, email, gone FROM mirror_group WHERE directory = ? AND external_id = ?"
        return self._run.one(sql, self._directory, group)

    def _keep_group(self, group: str, before: Any) -> None:
        if self._changing() > 1:
            self._run.run(
                "INSERT INTO mirror_group_was (directory, external_id, generation, name, email, gone)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                self._directory, group, self._mark, *(before or (None, None, None)),
            )  # fmt: skip

    def _rebind(self, group: str, called: Iterable[str]) -> None:
        """Configured names may mean another group now; most groups are called by none."""
        names = {key(ref) for ref in self._policy.refs} | set(self._policy.refs)
        bound = "SELECT 1 FROM binding WHERE directory = ? AND group_id = ?"
        if group in names or any(key(name) in names for name in called) or self._run.one(bound, self._directory, group):
            concerned = rebind(self._connection, self._policy)
            mark_below(self._connection, self._directory, concerned, self._mark)

    def _joined(self, group: str, ids: Sequence[str], *, nested: bool) -> None:
        if BETWEEN in group:
            raise StoreError(f"the id of a group holds a separator of the store: {group!r}")
        if not ids:
            return
        into = "INSERT INTO mirror_edge (directory, nested, member_id, group_id)"
        ending = "ON CONFLICT DO NOTHING RETURNING member_id"
        if len(ids) == 1:
            came = self._run.all(f"{into} VALUES (?, ?, ?, ?) {ending}", self._directory, nested, ids[0], group)
        else:
            each = "SELECT ?, ?, i.v, ? FROM (SELECT value AS v FROM json_each(?)) i WHERE TRUE"
            if not self._run.sqlite:
                each = "SELECT ?, ?, i.v, ? FROM (SELECT unnest(?::text[]) AS v) i"
            came = self._run.all(f"{into} {each} {ending}", self._directory, nested, group, list(ids))
        self._edges([(nested, row[0], group) for row in came], came=True)

    def _left(self, group: str, ids: Sequence[str]) -> None:
        if not ids:
            return
        sql = (
            "DELETE FROM mirror_edge WHERE directory = ? AND nested IN (FALSE, TRUE) AND member_id IN ?*"
            " AND group_id = ? RETURNING nested, member_id"
        )
        left = self._run.all(sql, self._directory, list(ids), group)
        self._edges([(bool(row[0]), row[1], group) for row in left], came=False)

    def _edges(self, edges: Sequence[tuple[bool, str, str]], *, came: bool) -> None:
        """Keeps what memberships were, and marks whom they concern: everybody below a nested group gains or loses what
        is above."""
        if not edges:
            return
        mark = self._changing()
        if mark > 1:
            self._run.each(
                _EDGE_WAS, [(self._directory, nested, member, mark, group, came) for nested, member, group in edges]
            )
        for group in {group for _, _, group in edges}:
            self._run.run(
                "UPDATE mirror_group SET members_digest = NULL WHERE directory = ? AND external_id = ?"
                " AND members_digest IS NOT NULL",
                self._directory, group,
            )  # fmt: skip
        self._pending(dict.fromkeys(member for nested, member, _ in edges if not nested))
        if inner := {member for nested, member, _ in edges if nested}:
            mark_below(self._connection, self._directory, inner, mark)
