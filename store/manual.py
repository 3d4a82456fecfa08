"""Changes that people make by hand to the embedded workspace, each in one transaction.

Every transaction takes the workspace's write lock first, so it falls between two batches of a run that is applying and
never into one: what a batch expects it looks up after that. What may be changed is reconciler/manual.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, text

from reconciler.errors import ChangeRefused
from reconciler.manual import (
    Ownership,
    check_deactivate,
    check_edit,
    check_leave,
    check_reactivate,
    falls,
    invited,
    last,
    unknown,
    with_role,
)
from reconciler.model import FIELDS, Member, Profile, edited, fields_of, key
from store.apply import SET_ROLE
from store.database import Store, bulk, rows
from store.leases import lock_workspace
from store.profiles import COLUMNS, added, columns_of
from store.workspace import RosterMember, holders, line_of, made_teams, teams_of

_SET = ", ".join(f"{name} = ?" for name in COLUMNS)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True)
class _Found:
    """A member in an open transaction; `sources`: who put them into which team, "" for people."""

    connection: Connection
    no: int
    member: Member
    sources: dict[str, frozenset[str]]


class ByHand:
    """One workspace, to be changed by people. Every method gives the member's line of the roster afterwards; a change
    that is there already changes nothing.

    Raises:
        ChangeRefused: a rule of reconciler/manual.py refuses it, or there is no such member, axis, value or team.
        StoreError: the store refused.
    """

    def __init__(self, store: Store, ownership: Ownership, now: Callable[[], str]) -> None:
        self._store, self._ownership, self._now = store, ownership, now
        self._workspace = ownership.workspace

    def invite(self, email: str, fields: Mapping[str, str], roles: Mapping[str, str]) -> RosterMember:
        """Adds somebody who follows no directory."""
        begins = invited(self._ownership, email, roles)
        profile = self._with(Profile(email.strip()), {**fields, "email": email})
        with self._locked() as connection:
            self._check_address(connection, profile.email, "")
            now = self._now()
            seed = f"{self._workspace}\0{key(profile.email)}\0{now}".encode()
            member = blake2b(seed, digest_size=16).hexdigest()
            names = ("id", "workspace", *COLUMNS, "active", "managed", "created_at", "updated_at")
            written = (member, self._workspace, *columns_of(profile), True, False, now, now)
            bulk(
                connection, f"INSERT INTO member ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", [written]
            )
            bulk(connection, SET_ROLE, [(axis, value, member) for axis, value in begins.items()])
            return line_of(connection, self._workspace, member)

    def edit(self, email: str, changes: Mapping[str, str]) -> RosterMember:
        """Changes fields of a member; "" clears one."""
        with self._opened(email) as found:
            profile = self._with(found.member.profile, changes)
            old, new = fields_of(found.member.profile), fields_of(profile)
            differing = [name for name in changes if new.get(name, "") != old.get(name, "")]
            if differing:
                check_edit(self._ownership, found.member, differing)
                self._check_address(found.connection, profile.email, found.member.id)
                bulk(
                    found.connection,
                    f"UPDATE member SET {_SET} WHERE id = ?",
                    [(*columns_of(profile), found.member.id)],
                )
                self._note(found)
            return self._line(found)

    def set_role(self, email: str, axis: str, value: str) -> RosterMember:
        """Gives a member a value on an axis, and what the rules between axes make of it."""
        with self._opened(email) as found:
            after = with_role(self._ownership, found.member, axis, value)
            if after:
                self._check_last(found, after)
                bulk(found.connection, SET_ROLE, [(name, given, found.member.id) for name, given in after.items()])
                self._note(found)
            return self._line(found)

    def join_team(self, email: str, team: str) -> RosterMember:
        """Puts a member into a team, which is made when there is none; no directory takes them out of it."""
        name = team.strip()
        if not name:
            raise ChangeRefused("bad_team", "a team needs a name")
        with self._opened(email) as found:
            if "" not in found.sources.get(name, ()):
                teams = made_teams(found.connection, self._workspace, [name])
                insert = "INSERT INTO team_member (member_no, team_id, source) VALUES (?, ?, ?)"
                bulk(found.connection, insert, [(found.no, teams[name], "")])
                self._note(found)
            return self._line(found)

    def leave_team(self, email: str, team: str) -> RosterMember:
        """Takes a member out of a team."""
        with self._opened(email) as found:
            teams = teams_of(found.connection, self._workspace)
            if team not in teams:
                raise unknown("team", team, sorted(teams))
            sources = found.sources.get(team, frozenset())
            check_leave(self._ownership, found.member, team, sources)
            if sources:
                delete = "DELETE FROM team_member WHERE member_no = ? AND team_id = ?"
                bulk(found.connection, delete, [(found.no, teams[team])])
                self._note(found)
            return self._line(found)

    def deactivate(self, email: str, *, emergency: bool = False) -> RosterMember:
        """Takes a member's access away and signs them out. In an `emergency` that includes those whom a directory
        owns: its next sync brings them back, unless they are suspended there by then."""
        with self._opened(email) as found:
            check_deactivate(self._ownership, found.member, emergency=emergency)
            if found.member.active:
                self._check_last(found, {axis.axis: "" for axis in self._ownership.axes})
                bulk(found.connection, "UPDATE member SET active = ? WHERE id = ?", [(False, found.member.id)])
                self._sign_out(found)
            return self._line(found)

    def reactivate(self, email: str) -> RosterMember:
        """Lets a member in again."""
        with self._opened(email) as found:
            check_reactivate(self._ownership, found.member)
            if not found.member.active:
                bulk(found.connection, "UPDATE member SET active = ? WHERE id = ?", [(True, found.member.id)])
                self._note(found)
            return self._line(found)

    def sign_out(self, email: str) -> RosterMember:
        """Ends every session of a member that is older than this moment."""
        with self._opened(email) as found:
            self._sign_out(found)
            return self._line(found)

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with self._store.write() as connection:
            lock_workspace(connection, self._workspace)
            yield connection

    @contextmanager
    def _opened(self, email: str) -> Iterator[_Found]:
        with self._locked() as connection:
            columns = ", ".join(("no", "id", *FIELDS, "attributes", "active", "managed", "directory", "external_id"))
            sql = f"SELECT {columns} FROM member WHERE workspace = :w AND email_key = :key"
            listed = rows(connection, sql, w=self._workspace, key=key(email))
            if not listed:
                raise ChangeRefused(
                    "unknown_member", f"workspace {self._workspace} has no member {email}",
                    fix=f"rosterd members {self._workspace} lists them",
                )  # fmt: skip
            yield _found(connection, listed[0])

    def _check_address(self, connection: Connection, email: str, member: str) -> None:
        """
        Raises:
            ChangeRefused: this is no address, or it is somebody else's.
        """
        if not _ADDRESS.fullmatch(email):
            raise ChangeRefused("bad_email", f'"{email}" is no mail address', fix="write one like ada@acme.com")
        sql = "SELECT id, active FROM member WHERE workspace = :w AND email_key = :key"
        for owner, active in rows(connection, sql, w=self._workspace, key=key(email)):
            if owner != member:
                free = "give theirs up first" if member else "change what they have, instead of inviting them again"
                fix = free if active else "they left: reactivate them, or change their address first"
                said = "another member's address" if member else "a member's address already"
                raise ChangeRefused("email_taken", f"{email} is {said}", fix=fix)

    def _check_last(self, found: _Found, after: Mapping[str, str]) -> None:
        """
        Raises:
            ChangeRefused: nobody else would be left with a protected value.
        """
        for axis in self._ownership.axes:
            only = {found.member.id}
            if falls(axis, found.member, after) and holders(found.connection, self._workspace, axis) == only:
                raise last(found.member, axis)

    def _sign_out(self, found: _Found) -> None:
        sql = "UPDATE member SET sessions_valid_after = ? WHERE id = ?"
        bulk(found.connection, sql, [(self._now(), found.member.id)])
        self._note(found)

    def _note(self, found: _Found) -> None:
        """Somebody changed: the next run of the directory that owns them looks at them again, whatever a run that is
        planning now settles."""
        bulk(
            found.connection, "UPDATE member SET updated_at = ? WHERE id = ?", [(self._now(), found.member.id)],
        )  # fmt: skip
        found.connection.execute(
            text(
                "INSERT INTO pending (directory, external_id, mark)"
                " SELECT d.id, :external_id, d.generation + 1 FROM directory d WHERE d.id = :d"
                " ON CONFLICT (directory, external_id) DO UPDATE SET mark = excluded.mark"
            ),
            {"d": found.member.directory, "external_id": found.member.external_id},
        )

    def _with(self, profile: Profile, changes: Mapping[str, str]) -> Profile:
        """The profile with these fields changed: those that every workspace has, that a directory of this one fills,
        or that the member has.

        Raises:
            ChangeRefused: there is no field of such a name.
        """
        known = dict.fromkeys((*FIELDS, *self._ownership.fields, *fields_of(profile)))
        for name in changes:
            if name not in known:
                raise unknown("field", name, [*known])
        return edited(profile, {name: value.strip() for name, value in changes.items()})

    def _line(self, found: _Found) -> RosterMember:
        return line_of(found.connection, self._workspace, found.member.id)


def _found(connection: Connection, row: Any) -> _Found:
    no, member, *rest = row
    roles = rows(connection, "SELECT axis, value FROM member_role WHERE member_no = :no", no=no)
    sql = "SELECT t.name, tm.source FROM team_member tm JOIN team t ON t.id = tm.team_id WHERE tm.member_no = :no"
    sources: dict[str, frozenset[str]] = {}
    for team, source in rows(connection, sql, no=no):
        sources[team] = sources.get(team, frozenset()) | {source}
    *fields, attributes, active, managed, directory, external_id = rest
    profile = Profile(*[*fields, added(attributes)])
    granted = frozenset(team for team, by in sources.items() if directory in by)
    return _Found(
        connection, no,
        Member(
            member, profile, bool(active), bool(managed), directory or "", external_id or "", dict(tuple(roles)),
            frozenset(sources), granted,
        ),
        sources,
    )  # fmt: skip
