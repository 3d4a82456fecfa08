"""One directory's SCIM resources in the transaction of one request: the listener's port `Resources`.

Filters as SQL are sql.py, memberships memberships.py, what becomes of the mirror told.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.model import Observation, folded, key
from reconciler.policy import Policy
from reconciler.query import Kind, Query
from reconciler.resources import Found, Link, Resource, Taken
from store.database import REFUSED_VALUE
from store.mirror import lock_directory
from store.scim.memberships import Memberships
from store.scim.pages import found
from store.scim.statements import Statements
from store.scim.told import Absorption

COLUMNS = "kind, id, body, created, modified, version"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class DirectoryResources:
    """The resources of the policy's directory. With `unique_groups` no two groups have one displayName.

    `writes`: the transaction may write; then no other one writes to this directory until it ends.
    """

    def __init__(
        self, connection: Connection, policy: Policy, now: str, *, unique_groups: bool = False, writes: bool = True
    ) -> None:
        self._run = Statements(connection)
        self._directory, self._unique_groups = policy.directory, unique_groups
        self._memberships = Memberships(self._run, policy.directory)
        self._absorption = Absorption(connection, policy, now)
        if writes:
            lock_directory(connection, policy.directory)

    def get(self, kind: Kind, id: str) -> Resource | None:  # noqa: A002
        """The resource of this id."""
        if not storable(id):
            return None
        sql = f"SELECT {COLUMNS} FROM scim_resource WHERE directory = ? AND id = ? AND kind = ?"
        row = self._run.one(sql, self._directory, id, kind)
        return None if row is None else resource_of(row)

    def find(self, query: Query) -> Found:
        """A page of resources."""
        return found(self._run, self._directory, query)

    def insert(self, resource: Resource) -> None:
        """A new resource."""
        self._free(resource)
        columns = _columns(resource)
        sql = (
            f"INSERT INTO scim_resource (directory, kind, id, created, {', '.join(columns)})"
            f" VALUES (?, ?, ?, ?, {', '.join('?' * len(columns))}) RETURNING no"
        )
        number = self._run.one(sql, self._directory, resource.kind, resource.id, resource.created, *columns.values())[0]
        self._addresses(number, resource)
        self._count(resource.kind, 1)

    def update(self, resource: Resource) -> None:
        """The resource of this id as it is now."""
        self._free(resource)
        columns = _columns(resource)
        sql = (
            f"UPDATE scim_resource SET {', '.join(f'{name} = ?' for name in columns)}"
            " WHERE directory = ? AND id = ? RETURNING no"
        )
        number = self._run.one(sql, *columns.values(), self._directory, resource.id)[0]
        if resource.kind == "User":
            self._addresses(number, resource, before=self._known_addresses(number))

    def delete(self, kind: Kind, id: str) -> bool:  # noqa: A002
        """Removes it and its memberships."""
        number = self._number(id, kind)
        if number is None:
            return False
        if kind == "Group":
            self._absorption.deleting(id, [link.id for link in self._memberships.listed(number, None)])
        self._memberships.forget(number)
        self._run.run("DELETE FROM scim_email WHERE resource_no = ?", number)
        self._run.run("DELETE FROM scim_resource WHERE no = ?", number)
        self._count(kind, -1)
        return True

    def known(self, ids: Iterable[str]) -> Mapping[str, Kind]:
        """Which of these are there, and of what kind."""
        return {one: kind for one, (_, kind) in self._kinds(ids).items()}

    def members(self, group: str, *, most: int | None = None) -> Sequence[Link]:
        """The direct members of a group in order of joining."""
        number = self._number(group, "Group")
        return () if number is None else self._memberships.listed(number, most)

    def has_member(self, group: str, member: str) -> bool:
        """Whether it is a direct member."""
        there = self._kinds((group, member))
        return group in there and member in there and self._memberships.holds(there[group][0], there[member][0])

    def add_members(self, group: str, ids: Sequence[str]) -> tuple[str, ...]:
        """Makes them members; those that were none before. Who is not there is left out."""
        number, members = self._ends(group, ids)
        return () if number is None else self._memberships.add(number, members)

    def remove_members(self, group: str, ids: Sequence[str] | None) -> tuple[str, ...]:
        """Ends their membership, everybody's with None; those that were members."""
        number, members = self._ends(group, ids or ())
        if number is None:
            return ()
        return self._memberships.clear(number) if ids is None else self._memberships.remove(number, members)

    def set_members(self, group: str, ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Makes exactly these the members; who came and who went."""
        wanted = set(ids)
        before = [link.id for link in self.members(group)]
        went = self.remove_members(group, [one for one in before if one not in wanted])
        return self.add_members(group, ids), went

    def groups_of(self, users: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        """The groups of each of these users, directly or through nested groups."""
        return self._memberships.above(user for user in users if storable(user))

    def absorb(self, observation: Observation) -> None:
        """Makes it part of the mirror and marks whom it concerns."""
        self._absorption.absorb(observation)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _ends(self, group: str, ids: Iterable[str]) -> tuple[int | None, dict[str, int]]:
        """The number of a group, and those of the members, in order, without those that are not there."""
        asked = list(dict.fromkeys(ids))
        there = self._kinds((group, *asked))
        number, kind = there.get(group, (None, "Group"))
        return (number if kind == "Group" else None), {one: there[one][0] for one in asked if one in there}

    def _kinds(self, ids: Iterable[str]) -> dict[str, tuple[int, Kind]]:
        return self._memberships.kinds(one for one in ids if storable(one))

    def _number(self, id: str, kind: Kind) -> int | None:  # noqa: A002
        number, found = self._kinds((id,)).get(id, (None, kind))
        return number if found == kind else None

    def _count(self, kind: Kind, more: int) -> None:
        self._run.run(
            "INSERT INTO scim_count (directory, kind, number) VALUES (?, ?, ?) ON CONFLICT (directory, kind)"
            " DO UPDATE SET number = scim_count.number + excluded.number",
            self._directory, kind, more,
        )  # fmt: skip

    def _free(self, resource: Resource) -> None:
        """
        Raises:
            Taken: somebody else has a value that is unique.
        """
        unique = [("user_name_key", "userName")] if resource.kind == "User" else []
        if resource.kind == "Group" and self._unique_groups:
            unique.append(("display_key", "displayName"))
        for column, attribute in unique:
            wanted = _key(resource.body.get(attribute))
            sql = f"SELECT id FROM scim_resource WHERE directory = ? AND {column} = ? AND kind = ? AND id <> ?"
            if wanted is None:
                continue
            _refuse_unstorable(wanted)
            if holder := self._run.one(sql, self._directory, wanted, resource.kind, resource.id):
                raise Taken(attribute, holder[0])

    def _known_addresses(self, number: int) -> list[tuple[Any, ...]]:
        sql = "SELECT place, value, type, main FROM scim_email WHERE resource_no = ? ORDER BY place"
        return [tuple(row) for row in self._run.all(sql, number)]

    def _addresses(self, number: int, resource: Resource, *, before: Sequence[tuple[Any, ...]] = ()) -> None:
        now = addresses_of(resource.body) if resource.kind == "User" else []
        if [*before] == now:
            return
        if before:
            self._run.run("DELETE FROM scim_email WHERE resource_no = ?", number)
        self._run.each(
            "INSERT INTO scim_email (resource_no, directory, place, value, type, main) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, self._directory, *address) for address in now],
        )


def resource_of(row: Any) -> Resource:
    """A resource from `COLUMNS`."""
    kind, one, body, *stamps = row
    return Resource(kind, one, _decode(body), *stamps)


def addresses_of(body: Mapping[str, Any]) -> list[tuple[int, str | None, str | None, bool | None]]:
    """Place, value, type and primary of each address, folded; what is no text is none."""
    emails = body.get("emails")
    listed = emails if isinstance(emails, list) else []
    return [
        (place, _folded(email.get("value")), _folded(email.get("type")), _boolean(email.get("primary")))
        for place, email in enumerate(listed)
        if isinstance(email, dict)
    ]


def storable(text: str) -> bool:
    """Whether the databases can hold this text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def _columns(resource: Resource) -> dict[str, Any]:
    """What changes when a resource does."""
    body = resource.body
    external = body.get("externalId")
    written = _written(body)
    user_name = body.get("userName") if resource.kind == "User" else None
    return {
        "user_name_key": _key(user_name),
        "user_name": _folded(user_name),
        "display_key": _key(body.get("displayName")),
        "display": _folded(body.get("displayName")),
        "external_id": external if isinstance(external, str) else None,
        "active": _boolean(body.get("active")),
        "version": resource.version,
        "modified": resource.modified,
        "body": written,
    }


def _written(body: Mapping[str, Any]) -> str:
    try:
        written = _encode(body).decode()
    except UnicodeEncodeError as exc:
        raise _unstorable() from exc
    _refuse_unstorable("\0" if "\\u0000" in written and _has_nul(body) else "")
    return written


def _has_nul(value: Any) -> bool:
    """An escaped backslash before u0000 looks like it in JSON."""
    if isinstance(value, dict):
        return any(_has_nul(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(_has_nul(each) for each in value)
    return isinstance(value, str) and "\0" in value


def _refuse_unstorable(text: str) -> None:
    if not storable(text):
        raise _unstorable()


def _unstorable() -> StoreError:
    return StoreError(
        "the store refused: a text holds a character that no database keeps (NUL, half of a surrogate pair)",
        code=REFUSED_VALUE,
        fix="correct the text in the directory",
    )


def _folded(value: object) -> str | None:
    return folded(value) if isinstance(value, str) else None


def _key(value: object) -> str | None:
    return key(value) if isinstance(value, str) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
