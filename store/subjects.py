"""The people of one range, each as a Subject: what mirror, workspace and earlier runs know about them.

Not here: the queries' shape (ranges.py), and which ranges a view goes through (snapshot.py).
"""

from collections import defaultdict
from typing import Any

import msgspec

from reconciler.match import Refused, Subject
from reconciler.model import DirectoryUser, Evidence, Member, UserState
from store.ranges import MEMBER, NO_TEAMS, Ranges, decode_user, member_of

_EVIDENCE: dict[str | None, Evidence | None] = {None: None, **{kind.value: kind for kind in Evidence}}
_SCOPED: dict[Any, bool | None] = {None: None, 0: False, 1: True}


class Chunk:
    """Everything about the people of one range, and each of them as a Subject."""

    def __init__(self, ranges: Ranges, selection: str, given: dict[str, Any]) -> None:
        self._ranges = ranges
        self._load_people(selection, given)
        self._load_members(selection, given)
        self._load_others()
        self._load_refusals(selection, given)
        self.ids = sorted(self._users.keys() | self._members.keys())

    def _load_people(self, selection: str, given: dict[str, Any]) -> None:
        ranges = self._ranges
        sql = (
            "SELECT external_id, state, evidence, scoped, match_key, body FROM mirror_user"
            " WHERE directory = :d AND :range"
        )
        self._users = {row[0]: row for row in ranges.range(sql, "external_id", selection, given)}
        self._groups: dict[str, tuple[str, ...]] = {}
        if ranges.view.reach:
            sql = (
                "SELECT member_id, :join(group_id) FROM mirror_edge WHERE directory = :d AND nested = FALSE AND :range"
                " GROUP BY member_id"
            )
            parse = ranges.groups_in
            self._groups = {row[0]: parse(row[1]) for row in ranges.range(sql, "member_id", selection, given)}
        sql = (
            # CROSS JOIN fixes the order on SQLite: from the people of the chunk to those who share their key. A column
            # that the key's index lacks makes it look for these people by id instead of walking that index.
            "SELECT a.external_id, b.external_id FROM mirror_user a CROSS JOIN mirror_user b WHERE b.directory = :d"
            " AND b.match_key = a.match_key AND b.external_id <> a.external_id AND b.state = 'active'"
            " AND a.directory = :d AND a.match_key <> '' AND a.state = 'active' AND a.changed_at <> '' AND :range"
        )
        self._rivals: dict[str, list[str]] = defaultdict(list)
        shared = ranges.range(sql, "a.external_id", selection, given)
        belonging = ranges.belonging({row[1] for row in shared}) if shared else set()
        for one, other in shared:
            if other in belonging:
                self._rivals[one].append(other)

    def _load_members(self, selection: str, given: dict[str, Any]) -> None:
        ranges = self._ranges
        sql = (
            "SELECT m.external_id, :join(v.axis || :within || v.value) FROM member m"
            " JOIN member_role v ON v.member_no = m.no WHERE m.directory = :d AND :range GROUP BY m.external_id"
        )
        roles = {row[0]: ranges.roles_in(row[1]) for row in ranges.range(sql, "m.external_id", selection, given)}
        sql = (
            "SELECT m.external_id, :join(t.team_id || :within || t.source) FROM member m"
            " JOIN team_member t ON t.member_no = m.no WHERE m.directory = :d AND :range GROUP BY m.external_id"
        )
        teams = {row[0]: ranges.teams_in(row[1]) for row in ranges.range(sql, "m.external_id", selection, given)}
        sql = f"SELECT {MEMBER}, m.{ranges.key_column} FROM member m WHERE m.directory = :d AND :range"
        self._members: dict[str, Member] = {}
        self._keys: dict[str, str | None] = {}
        for row in ranges.range(sql, "m.external_id", selection, given):
            external_id = row[13]
            self._members[external_id] = member_of(row, roles.get(external_id, {}), teams.get(external_id, NO_TEAMS))
            self._keys[external_id] = row[14]

    def _load_refusals(self, selection: str, given: dict[str, Any]) -> None:
        self._refused: dict[str, list[Refused]] = defaultdict(list)
        if self._ranges.refusing:
            sql = "SELECT external_id, digest, code, run FROM refusal WHERE directory = :d AND :range"
            for external_id, *refused in self._ranges.range(sql, "external_id", selection, given):
                self._refused[external_id].append(Refused(*refused))

    def _load_others(self) -> None:
        """Members who hold a key of this chunk's people without being linked to them."""
        held = self._keys
        keys = [
            row[4]
            for external_id, row in self._users.items()
            if row[4] != held.get(external_id) and row[4] and row[1] == "active"
        ]
        self._others = self._ranges.by_keys(keys) if keys else {}
        ours = [m.external_id for m in self._others.values() if m.directory == self._ranges.policy.directory]
        self._standing = self._ranges.standing(ours) if ours else {}

    def subject(self, external_id: str) -> Subject:
        """One person of the chunk."""
        row, member = self._users.get(external_id), self._members.get(external_id)
        if row is None:
            return Subject(external_id, member=member, refused=tuple(self._refused.get(external_id, ())))
        _, state, evidence, scoped, key, body = row
        user: DirectoryUser = decode_user(body)
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
        if other.directory != self._ranges.policy.directory:
            return other, False, False
        state, now = self._standing.get(other.external_id, ("", ""))
        left = state == "gone"
        # Somebody whom no read has shown yet keeps the address: there is nothing to say that they gave it up.
        return other, left, bool(state) and not left and now != key
