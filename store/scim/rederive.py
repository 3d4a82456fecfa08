"""The run of a told directory: nothing is read, the resources are the truth (the `Absorber` port).

What was told is in the mirror already. It is made anew where it was made for another policy, or when everything is to
be compared: in chunks, each a transaction of its own that reads resources and writes the mirror, so that a request that
comes meanwhile is never overwritten by something older.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from reconciler.changes import NOBODY, Touched
from reconciler.model import (
    DirectoryGroup,
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
)
from reconciler.policy import Policy
from reconciler.report import Complete
from reconciler.resources import Resource
from store.bindings import rebind
from store.database import Store
from store.history import promoted
from store.leases import Held
from store.mirror import directory_row, lock_directory
from store.pending import mark_below, mark_touched
from store.scim.resources import COLUMNS, resource_of
from store.scim.statements import Statements
from store.scim.told import Absorption, basis, deriving

Observe = Callable[[Resource, frozenset[str]], DirectoryUser]
CHUNK = 500  # resources in one transaction


class Rederivation:
    """One run's part in the mirror of a told directory. `observe` is what a User resource says about a person, with
    these attributes."""

    def __init__(
        self, store: Store, policy: Policy, now: Callable[[], str], lease: Held | None = None, *, observe: Observe,
        touched: Touched = NOBODY,
    ) -> None:  # fmt: skip
        self._store, self._policy, self._now, self._lease = store, policy, now, lease
        self._observe, self._touched = observe, touched
        self._thorough = False

    def take(self, observation: Observation) -> int:  # noqa: ARG002 - the protocol's argument
        """Nothing is read."""
        return 0

    def questions(self, *, thorough: bool) -> Iterator[Questions]:
        """There is nobody to ask."""
        self._thorough = thorough
        return iter(())

    def discard(self) -> None:
        """Nothing is staged."""

    def promote(self) -> Complete:
        """Makes the mirror anew where it has to be, and marks whom a changed policy touches."""
        if self._thorough or self._stale():
            self._anew()
        with self._store.write() as connection:
            self._enter(connection)
            self._settle(connection)
        return Complete(users=True, groups=True, memberships=True)

    def _stale(self) -> bool:
        with self._store.read() as connection:
            sql = "SELECT 1 FROM scim_state WHERE directory = ? AND basis = ?"
            return Statements(connection).one(sql, self._policy.directory, basis(self._policy)) is None

    def _enter(self, connection: Connection) -> None:
        lock_directory(connection, self._policy.directory)
        if self._lease is not None:
            self._lease.check(connection, self._now())

    def _anew(self) -> None:
        ours, directory = basis(self._policy), self._policy.directory
        with self._store.write() as connection:
            self._enter(connection)
            sql = (
                "INSERT INTO scim_state (directory, basis) VALUES (?, ?)"
                " ON CONFLICT (directory) DO UPDATE SET basis = excluded.basis"
            )
            Statements(connection).run(sql, directory, deriving(ours))
        for step in (self._groups, self._people, self._edges, self._gone):
            last: Any = 0
            while last is not None:
                with self._store.write() as connection:
                    self._enter(connection)
                    absorption = Absorption(connection, self._policy, self._now())
                    last = step(Statements(connection), absorption, last)
        with self._store.write() as connection:
            # A request under another policy that came meanwhile has voided it: the next run makes it anew.
            sql = "UPDATE scim_state SET basis = ? WHERE directory = ? AND basis = ?"
            Statements(connection).run(sql, ours, directory, deriving(ours))

    def _chunk(self, run: Statements, kind: str, last: int) -> tuple[list[Resource], int | None]:
        """The next resources, and where the ones after them begin."""
        sql = f"SELECT {COLUMNS}, no FROM scim_resource WHERE directory = ? AND kind = ? AND no > ? ORDER BY no LIMIT ?"
        found = run.all(sql, self._policy.directory, kind, last, CHUNK)
        return [resource_of(row[:6]) for row in found], found[-1][6] if len(found) == CHUNK else None

    def _groups(self, run: Statements, absorption: Absorption, last: int) -> int | None:
        listed, following = self._chunk(run, "Group", last)
        named = ((group.id, group.body.get("displayName")) for group in listed)
        groups = tuple(DirectoryGroup(one, name if isinstance(name, str) else "") for one, name in named)
        absorption.absorb(GroupsSeen(groups))
        return following

    def _people(self, run: Statements, absorption: Absorption, last: int) -> int | None:
        listed, following = self._chunk(run, "User", last)
        attributes = self._policy.read_attributes
        absorption.absorb(UsersSeen(tuple(self._observe(user, attributes) for user in listed)))
        return following

    def _edges(self, run: Statements, absorption: Absorption, last: int) -> int | None:
        """By member, as the mirror keeps them: what is told and not there, what is there and not told."""
        directory = self._policy.directory
        sql = "SELECT no, id, kind FROM scim_resource WHERE directory = ? AND no > ? ORDER BY no LIMIT ?"
        chunk = run.all(sql, directory, last, CHUNK)
        sql = (
            "SELECT u.kind, u.id, g.id FROM scim_resource u CROSS JOIN scim_member m CROSS JOIN scim_resource g"
            " WHERE u.no IN ?# AND m.member_no = u.no AND g.no = m.group_no"
        )
        told = {(kind == "Group", member, group) for kind, member, group in run.all(sql, [row[0] for row in chunk])}
        sql = (
            "SELECT nested, member_id, group_id FROM mirror_edge WHERE directory = ? AND nested IN (FALSE, TRUE)"
            " AND member_id IN ?*"
        )
        held = {(bool(row[0]), row[1], row[2]) for row in run.all(sql, directory, [row[1] for row in chunk])}
        wrong = sorted(held - told)
        for _, member, group in wrong:  # whichever it was held as
            absorption.absorb(MembersLeft(group, (member,)))
        missing = told - held | {each for each in told if (not each[0], *each[1:]) in held}
        for nested, member, group in sorted(missing):
            one = (member,)
            absorption.absorb(MembersSeen(group, (), one) if nested else MembersSeen(group, one))
        return chunk[-1][0] if len(chunk) == CHUNK else None

    def _gone(self, run: Statements, absorption: Absorption, last: int) -> int | None:  # noqa: ARG002
        """What the mirror holds and no resource is: nobody told that it went, so it is absent."""
        for table, alive, gone in (
            ("mirror_user", "state <> 'gone'", lambda one: UserGone(one, Evidence.ABSENCE)),
            ("mirror_group", "NOT gone", lambda one: GroupGone(one, Evidence.ABSENCE)),
        ):
            sql = (
                f"SELECT external_id FROM {table} m WHERE directory = ? AND {alive} AND NOT EXISTS (SELECT 1 FROM"
                " scim_resource r WHERE r.directory = ? AND r.id = m.external_id) ORDER BY external_id LIMIT ?"
            )
            found = run.all(sql, self._policy.directory, self._policy.directory, CHUNK)
            for (one,) in found:
                absorption.absorb(gone(one))
            if len(found) == CHUNK:
                return 1
        sql = (
            "SELECT DISTINCT group_id, member_id FROM mirror_edge m WHERE directory = ? AND NOT EXISTS (SELECT 1 FROM"
            " scim_resource r WHERE r.directory = ? AND r.id = m.member_id) LIMIT ?"
        )
        left = run.all(sql, self._policy.directory, self._policy.directory, CHUNK)
        for group, member in left:
            absorption.absorb(MembersLeft(group, (member,)))
        return 1 if len(left) == CHUNK else None

    def _settle(self, connection: Connection) -> None:
        """The directory's own row: everything is known whole, names mean what they mean now."""
        policy, now, run = self._policy, self._now(), Statements(connection)
        row = directory_row(connection, policy.directory)
        mark, planned = row.generation + 1, bool(row.policy_digest)
        run.run(
            "UPDATE directory SET generation = ?, users_complete_at = ?, groups_complete_at = ?, complete_at = ?"
            " WHERE id = ?",
            mark, now, now, now, policy.directory,
        )  # fmt: skip
        run.run(
            "UPDATE mirror_group SET members_complete_at = ? WHERE directory = ? AND NOT gone"
            " AND members_complete_at IS NULL",
            now, policy.directory,
        )  # fmt: skip
        concerned = rebind(connection, policy)
        if planned:
            mark_below(connection, policy.directory, concerned, mark)
            if self._touched and not self._touched.everybody:
                mark_touched(connection, policy, self._touched, mark)
        if self._lease is not None:
            promoted(connection, self._lease.run, mark)
