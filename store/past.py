"""The mirror as it was after a promotion: present rows, with what later promotions replaced put back.

Reading only; what is kept is history.py. `generation` counts promotions; 0 is before the first, when nothing was known.
A directory whose history began later (its first promotions were made by an older rosterd) is as it was at the earliest
promotion that is kept.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from reconciler.model import DirectoryGroup, DirectoryUser, Evidence, UserState
from store.database import rows

NOW = 1 << 31  # later than any promotion
_decode = msgspec.json.Decoder(DirectoryUser).decode


class Sighting(NamedTuple):
    """What the directory had last said of a person: a gone person keeps the last description."""

    user: DirectoryUser
    evidence: Evidence | None


def person(connection: Connection, directory: str, external_id: str, generation: int = NOW) -> Sighting | None:
    """A person as the mirror held them after this promotion, None when it did not know them."""
    given = {"d": directory, "x": external_id, "g": generation}
    found = rows(connection, _PERSON_WAS, **given) or rows(connection, _PERSON, **given)
    if generation == 0 or not found or found[0][0] is None:
        return None
    state, evidence, body = found[0]
    user: DirectoryUser = _decode(body)
    if state == UserState.GONE:
        user = msgspec.structs.replace(user, state=UserState.GONE)
    return Sighting(user, Evidence(evidence) if evidence else None)


def direct_groups(connection: Connection, directory: str, external_id: str, generation: int = NOW) -> tuple[str, ...]:
    """The ids of the groups that a person was a direct member of, sorted."""
    given = {"d": directory, "x": external_id, "g": generation}
    now = rows(connection, _GROUPS, **given)
    return tuple(sorted(group for (group,) in _unwound(generation, now, rows(connection, _GROUPS_WAS, **given))))


def nested(connection: Connection, directory: str, generation: int = NOW) -> list[tuple[str, str]]:
    """The edges between groups, (parent id, child id), sorted."""
    given = {"d": directory, "g": generation}
    now = rows(connection, _NESTED, **given)
    return sorted(
        (parent, child) for parent, child in _unwound(generation, now, rows(connection, _NESTED_WAS, **given))
    )


def _unwound(generation: int, now: Iterable[tuple[str, ...]], later: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Edges as they were: what came later is taken out, what went is put back, the latest change first."""
    edges = {tuple(row) for row in now} if generation else set()
    for *edge, came in later if generation else ():
        (edges.discard if came else edges.add)(tuple(edge))
    return edges


def groups(connection: Connection, directory: str, generation: int = NOW) -> list[DirectoryGroup]:
    """The groups that the directory listed, by id."""
    if generation == 0:
        return []
    given = {"d": directory, "g": generation}
    known = {row[0]: row for row in rows(connection, _LISTED, **given)}
    known |= {row[0]: row for row in rows(connection, _LISTED_WAS, **given)}  # the earliest of the later comes last
    return [DirectoryGroup(*row[:3]) for _, row in sorted(known.items()) if row[1] is not None and not row[3]]


_PERSON = "SELECT state, evidence, body FROM mirror_user WHERE directory = :d AND external_id = :x"
_PERSON_WAS = (
    "SELECT state, evidence, body FROM mirror_user_was WHERE directory = :d AND external_id = :x"
    " AND generation > :g ORDER BY generation LIMIT 1"
)
_GROUPS = "SELECT group_id FROM mirror_edge WHERE directory = :d AND nested = FALSE AND member_id = :x"
_GROUPS_WAS = (
    "SELECT group_id, came FROM mirror_edge_was WHERE directory = :d AND nested = FALSE AND member_id = :x"
    " AND generation > :g ORDER BY generation DESC"
)
_NESTED = "SELECT group_id, member_id FROM mirror_edge WHERE directory = :d AND nested = TRUE"
_NESTED_WAS = (
    "SELECT group_id, member_id, came FROM mirror_edge_was WHERE directory = :d AND nested = TRUE"
    " AND generation > :g ORDER BY generation DESC"
)
_LISTED = "SELECT external_id, name, email, gone FROM mirror_group WHERE directory = :d"
_LISTED_WAS = (
    "SELECT external_id, name, email, gone FROM mirror_group_was WHERE directory = :d AND generation > :g"
    " ORDER BY generation DESC"
)
