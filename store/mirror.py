"""Small questions about a directory in the mirror: its own row, its groups, what its names mean."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, text

from reconciler.groups import resolve
from reconciler.model import DirectoryGroup, UserState
from reconciler.policy import GroupView, Policy
from reconciler.teams import view_of
from store.database import rows


class DirectoryRow(NamedTuple):
    """What the mirror knows about a directory as a whole."""

    generation: int
    users_complete_at: str | None
    groups_complete_at: str | None
    complete_at: str | None
    policy_digest: str
    verified_at: str | None
    identity: str | None
    cursor: str | None
    last_began: str | None


_DIRECTORY = (
    "SELECT generation, users_complete_at, groups_complete_at, complete_at, policy_digest, verified_at,"
    " identity, cursor, last_began FROM directory WHERE id = :d"
)


def directory_row(connection: Connection, directory: str) -> DirectoryRow:
    """The directory's row, made when it is not there yet (in a transaction that may write)."""
    found = peek(connection, directory)
    if found is None:
        connection.execute(
            text("INSERT INTO directory (id, generation, policy_digest) VALUES (:d, 0, '') ON CONFLICT DO NOTHING"),
            {"d": directory},
        )
        found = peek(connection, directory)
    assert found is not None  # noqa: S101 - just written
    return found


def lock_directory(connection: Connection, directory: str) -> None:
    """Makes this transaction the only one that writes what a told directory says and who is pending, until it ends. On
    SQLite every writing transaction is."""
    if connection.dialect.name == "sqlite":
        return
    directory_row(connection, directory)
    connection.exec_driver_sql("SELECT id FROM directory WHERE id = %s FOR UPDATE", (directory,))


def cursor_of(connection: Connection, directory: str) -> str:
    """Where the next incremental read begins; "" when everything has to be read."""
    found = peek(connection, directory)
    return (found.cursor or "") if found else ""


def peek(connection: Connection, directory: str) -> DirectoryRow | None:
    """The directory's row, None when nothing was ever absorbed."""
    found = rows(connection, _DIRECTORY, d=directory)
    return DirectoryRow(*found[0]) if found else None


def groups_of(connection: Connection, directory: str) -> list[DirectoryGroup]:
    """The groups that the directory lists now, by id."""
    sql = "SELECT external_id, name, email FROM mirror_group WHERE directory = :d AND NOT gone ORDER BY external_id"
    return [DirectoryGroup(*row) for row in rows(connection, sql, d=directory)]


def known_counts(connection: Connection, directory: str) -> tuple[int | None, int | None]:
    """How many people and groups the directory has, as far as they were ever read whole; None: never."""
    found = peek(connection, directory)
    people = "SELECT COUNT(*) FROM mirror_user WHERE directory = :d AND state <> :gone"
    groups = "SELECT COUNT(*) FROM mirror_group WHERE directory = :d AND NOT gone"
    whole = (found.users_complete_at, found.groups_complete_at) if found else (None, None)
    return (
        rows(connection, people, d=directory, gone=UserState.GONE.value)[0][0] if whole[0] else None,
        rows(connection, groups, d=directory)[0][0] if whole[1] else None,
    )


def bound(connection: Connection, directory: str) -> dict[str, str]:
    """Configured group names as earlier pulls resolved them."""
    return {
        row[0]: row[1]
        for row in rows(connection, "SELECT ref, group_id FROM binding WHERE directory = :d", d=directory)
    }


def meanings(connection: Connection, policy: Policy) -> dict[str, str]:
    """What the policy's group names mean as far as the mirror knows, to ids: resolved before, or now among the groups
    that it lists, for names that configuration has not mentioned before."""
    before = bound(connection, policy.directory)
    return {**before, **resolve(policy.refs, groups_of(connection, policy.directory), before).ids}


def group_view(connection: Connection, policy: Policy) -> tuple[GroupView, tuple[str, ...]]:
    """What the policy's groups mean now, and warnings about those that mean nothing or too much.

    Unknown are: ambiguous names, names that never meant a group, groups whose members (or those of a group nested in
    them) were never read whole. A group that was known and is gone from a complete listing is known to be empty.
    """
    if not policy.refs:
        return GroupView(), ()
    listed = groups_of(connection, policy.directory)
    before = bound(connection, policy.directory)
    found = resolve(policy.refs, listed, before)
    gone = {ref: before[ref] for ref in found.missing if ref in before}
    names = {group.external_id: group.name for group in listed} | _last_names(connection, policy.directory, gone)
    view = view_of(
        found.ids,
        nested=nested(connection, policy.directory) if policy.nested else (),
        unknown=(*found.ambiguous, *(ref for ref in found.missing if ref not in before)),
        never=_never_read(connection, policy.directory),
        gone=gone,
        names={ref: names[group] for ref, group in {**gone, **found.ids}.items() if group in names},
    )
    return view, tuple(_warnings(policy.configured.intersection(found.missing), found.ambiguous))


def _last_names(connection: Connection, directory: str, gone: Mapping[str, str]) -> dict[str, str]:
    """What groups that are gone were called last, by id."""
    sql = "SELECT name FROM mirror_group WHERE directory = :d AND external_id = :id"
    found = {group: rows(connection, sql, d=directory, id=group) for group in sorted({*gone.values()})}
    return {group: listed[0][0] for group, listed in found.items() if listed and listed[0][0]}


def nested(connection: Connection, directory: str) -> list[tuple[str, str]]:
    """The edges between groups, (parent id, child id): few."""
    sql = "SELECT group_id, member_id FROM mirror_edge WHERE directory = :d AND nested = TRUE"
    return [(row[0], row[1]) for row in rows(connection, sql, d=directory)]


def _never_read(connection: Connection, directory: str) -> set[str]:
    sql = "SELECT external_id FROM mirror_group WHERE directory = :d AND members_complete_at IS NULL"
    return {row[0] for row in rows(connection, sql, d=directory)}


def _warnings(missing: Iterable[str], ambiguous: dict[str, tuple[str, ...]]) -> Iterable[str]:
    for ref in sorted(missing):
        yield f'the directory lists no group "{ref}"; correct the name in the configuration or create the group'
    for ref, ids in ambiguous.items():
        yield f'{len(ids)} groups are named "{ref}" ({", ".join(ids)}); configure one of these ids instead'
