"""Everybody whom an address, a user name or a vendor's id may mean, with all that the store knows of them.

Reading only, and only what is stored: no directory is asked, and none has to be configured any more. One person is one
`Known` in each workspace; what it means is reconciler/why.py.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from sqlalchemy import Connection

from reconciler.known import Known, RunOf
from reconciler.model import Member, key
from reconciler.policy import Policy, match_key
from reconciler.rewind import rewound, uncertain
from store.database import Store, rows
from store.ranges import MEMBER, member_of
from store.recorded import recorded, told
from store.standing import Reading, escaped, named

NEAR, LOOKED_AT = 3, 5000  # addresses named as near, out of at most so many
Id = tuple[str, str]  # a directory and an external id in it


def workspaces(store: Store) -> list[str]:
    """The workspaces that the store knows."""
    with store.read() as connection:
        found = rows(connection, "SELECT workspace FROM run UNION SELECT workspace FROM member ORDER BY 1")
    return [row[0] for row in found]


def known(
    store: Store,
    asked: str,
    *,
    at: RunOf | None = None,
    workspace: str | None = None,
    configured: Mapping[str, Policy] | None = None,
) -> list[Known]:
    """Who is meant by an address, a user name or an external id: each person in each workspace, or in one.

    `at` asks for how they were after that run, in its workspace. `configured` are the policies of the directories that
    configuration has now; of others, what their last run followed is known.
    """
    with store.read() as connection:
        reading = Reading(store, connection, until=at, configured=configured or {})
        asked_about = {workspace, None if at is None else _workspace_of(connection, at)} - {None}
        found = []
        for each, directories in _directories(connection).items():
            if asked_about <= {each}:
                found += _Workspace(reading, each, directories).known(asked)
        return found


def _workspace_of(connection: Connection, run: RunOf) -> str:
    return str(rows(connection, "SELECT workspace FROM run WHERE id = :run", run=run.run)[0][0])


def _directories(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for (workspace,) in rows(connection, "SELECT DISTINCT workspace FROM member ORDER BY 1"):
        found[workspace] = []
    for workspace, directory in rows(connection, "SELECT DISTINCT workspace, directory FROM run ORDER BY 1, 2"):
        found.setdefault(workspace, []).append(directory)
    return found


class _Workspace:
    """The people of one workspace."""

    def __init__(self, reading: Reading, workspace: str, directories: Sequence[str]) -> None:
        self._reading, self._workspace, self._directories = reading, workspace, directories
        self._connection = reading.connection

    def known(self, asked: str) -> list[Known]:
        """Everybody meant, those with a member first. An address means whoever has it, then whoever has it as a user
        name, then whoever had it at another time."""
        ids, members = self._named(asked, ever=False)
        if self._reading.until is not None or not (ids or members):
            more, _ = self._named(asked, ever=True)
            ids |= more
        everybody = [self._filled(asked, member, theirs) for member, theirs in self._people(ids, members)]
        found = [one for one in everybody if one.member is not None or any(s.subject.user for s in one.standings)]
        return [one for one in found if one.has_address] or [one for one in found if one.is_called] or found

    def _named(self, asked: str, *, ever: bool) -> tuple[set[Id], list[Member]]:
        """(directory users, members) of this name; `ever`: also by names that they no longer have."""
        name, ids = key(asked), set[Id]()
        for directory in self._directories:
            if ever:
                ids |= {(directory, one) for one in named(self._connection, directory, name)}
            sql = "SELECT external_id FROM mirror_user WHERE directory = :d AND (external_id = :x OR match_key = :k)"
            ids |= {(directory, row[0]) for row in rows(self._connection, sql, d=directory, x=asked, k=name)}
        members = self._members("m.email_key = :k", k=name)
        members += self._members("m.name_key = :k AND m.email_key <> :k", k=name)
        for directory in self._directories:
            members += self._members("m.directory = :d AND m.external_id = :x", d=directory, x=asked)
        return ids, members

    def _members(self, where: str, **given: object) -> list[Member]:
        """Members with their roles, and with teams as given by their own directory."""
        sql = f"SELECT {MEMBER}, m.no, m.created_at FROM member m WHERE m.workspace = :w AND {where}"
        found = []
        for row in rows(self._connection, sql, w=self._workspace, **given):
            number, created = row[-2:]
            until = self._reading.until
            if until is not None and until.ended is not None and created > until.ended:
                continue
            roles = rows(self._connection, "SELECT axis, value FROM member_role WHERE member_no = :n", n=number)
            teams = rows(
                self._connection,
                "SELECT t.name, tm.source FROM team_member tm JOIN team t ON t.id = tm.team_id WHERE tm.member_no = :n",
                n=number,
            )
            granted = frozenset(name for name, source in teams if source and source == row.directory)
            every = frozenset(name for name, _ in teams)
            found.append(member_of(row, dict(tuple(one) for one in roles), (every, granted)))
        return found

    def _people(self, ids: set[Id], members: list[Member]) -> list[tuple[Member | None, list[Id]]]:
        """Each member with those directory users who are, or claim to be, them; users without one are one person."""
        found: dict[str, tuple[Member | None, list[Id]]] = {each.id: (each, []) for each in members}
        loose: list[Id] = []
        for directory, external_id in sorted(ids):
            linked = self._members("m.directory = :d AND m.external_id = :x", d=directory, x=external_id)
            if linked:
                found.setdefault(linked[0].id, (linked[0], []))[1].append((directory, external_id))
            else:
                loose.append((directory, external_id))
        for each, theirs in found.values():
            if each is not None and each.directory and (each.directory, each.external_id) not in theirs:
                theirs.insert(0, (each.directory, each.external_id))
        if loose:
            mine = self._claimed(loose, [each for each, _ in found.values() if each is not None])
            found.setdefault(mine.id if mine else "", (mine, []))[1].extend(loose)
        return [*found.values()]

    def _claimed(self, loose: list[Id], members: list[Member]) -> Member | None:
        """The member who has an address of these users, whom no member is linked to."""
        for directory, external_id in loose:
            seen = self._reading.sighting(directory, external_id)
            keys = {match_key(how, seen.user) for how in ("email", "user_name")} if seen else set()
            for name in sorted(keys - {""}):
                for each in (*members, *self._members("m.email_key = :k", k=name)):
                    if key(each.profile.email) == name:
                        return each
        return None

    def _filled(self, asked: str, member: Member | None, ids: list[Id]) -> Known:
        """Everything about one person; `ids` are their users in directories."""
        until = self._reading.until
        everything = recorded(self._connection, self._reading.runs, self._all_ids(ids, member))
        then = [one for one in everything if until is None or _place(one.run) <= _place(until)]
        doubts: tuple[str, ...] = ()
        unrecorded = False
        if until is not None and member is not None:
            mine = [one for one in everything if one.action.state == "applied" and one.action.member == member.id]
            member = rewound(member, [one.action for one in mine if _place(one.run) > _place(until)])
            earlier = [one.action for one in mine if _place(one.run) <= _place(until)]
            doubts = () if member is None else uncertain(member, earlier)
            unrecorded = not any(action.kind == "create" for action in earlier)
        linked = None if member is None else (member.directory, member.external_id)
        standings = tuple(self._reading.standing(*one, member if one == linked else None) for one in dict.fromkeys(ids))
        return Known(asked, self._workspace, member, doubts, unrecorded, standings, told(then), until)

    def _all_ids(self, ids: list[Id], member: Member | None) -> list[Id]:
        """With the users whom the member followed before: an adoption names the one that it took them from."""
        found = dict.fromkeys(ids)
        for directory, external_id in ids:
            for one in recorded(self._connection, self._reading.runs, [(directory, external_id)]):
                earlier = one.action.before.get("external_id") if one.action.kind == "adopt" else None
                if member is not None and one.action.member == member.id and earlier:
                    found[directory, str(earlier)] = None
        return [*found]


def _place(run: RunOf) -> tuple[str, str]:
    return run.began, run.run


def nearest(store: Store, asked: str) -> list[str]:
    """Addresses that look like this one, the nearest first."""
    name = key(asked)
    local = name.partition("@")[0]
    patterns = {f"{escaped(local[:2])}%", f"%{escaped(local[1:5])}%"}
    near: set[str] = set()
    with store.read() as connection:
        for table, column in (("member", "email_key"), ("mirror_user", "match_key")):
            sql = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE :p ESCAPE '\\' LIMIT :n"
            for pattern in patterns:
                near |= {row[0] for row in rows(connection, sql, p=pattern, n=LOOKED_AT)}
    return get_close_matches(name, sorted(near), n=NEAR, cutoff=0.6)
