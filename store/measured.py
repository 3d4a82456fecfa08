"""What metrics show of the store, read at once: a few small tables and indexed rows, never all runs or all people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from store.database import Store, rows, scalar
from store.totals import Totals, totals_in


class Held(msgspec.Struct, frozen=True):
    """What a run of a directory holds: `groups` of actions with one step and evidence, `actions` in all."""

    directory: str
    workspace: str
    run: str
    groups: int
    actions: int


class Reading(msgspec.Struct, frozen=True):
    """How a directory is read: its health's state ("never" before the first), failures in a row, when it was last read
    whole, since when and why something is wrong."""

    state: str
    failures: int
    complete_at: str | None
    since: str | None = None
    message: str = ""


class Measured(msgspec.Struct, frozen=True):
    """Everything at one moment. `queue`: number by state; `oldest_wait` of those that may run by now, in seconds."""

    totals: dict[str, Totals]
    held: tuple[Held, ...]
    readings: dict[str, Reading]
    queue: dict[str, int]
    oldest_wait: float
    workers: dict[str, int]
    leniencies: tuple[tuple[str, int], ...]
    token_ends: dict[str, str]
    database_bytes: int


def measured(store: Store, now: str) -> Measured:
    """
    Raises:
        StoreError: the store refused.
    """
    with store.read() as connection:
        waiting, running, oldest = _queue(connection, now)
        return Measured(
            totals=totals_in(connection),
            held=held_in(connection),
            readings=readings_in(connection),
            queue={"waiting": waiting, "running": running},
            oldest_wait=oldest,
            workers=dict(map(tuple, rows(connection, "SELECT kind, count(*) FROM worker GROUP BY kind"))),
            leniencies=tuple(
                (code, int(number))
                for code, number in rows(
                    connection, "SELECT code, sum(count) FROM scim_leniency GROUP BY code ORDER BY code"
                )
            ),
            token_ends=token_ends_in(connection),
            database_bytes=_size(connection, sqlite=store.sqlite),
        )


def held_in(connection: Connection) -> tuple[Held, ...]:
    """What is held now and waits for somebody; what plans would hold does not, and there may be many of those: from one
    run that holds something to the next, an index leads past all that it holds."""
    holding = [row[0] for row in rows(connection, _HOLDING, applied='%"planned_only":false%')]
    found: list[Held] = []
    for start in range(0, len(holding), _MOST):
        some = {"runs": holding[start : start + _MOST]}
        counted = connection.execute(text(_HELD).bindparams(bindparam("runs", expanding=True)), some)
        found += [Held(row[0], row[1], row[2], row[3], int(row[4])) for row in counted]
    return tuple(found)


_HOLDING = (
    "WITH RECURSIVE holding(run) AS (SELECT min(run) FROM action WHERE state = 'held' UNION ALL"
    " SELECT (SELECT min(a.run) FROM action a WHERE a.state = 'held' AND a.run > h.run) FROM holding h"
    " WHERE h.run IS NOT NULL)"
    " SELECT r.id FROM holding h JOIN run r ON r.id = h.run WHERE r.report LIKE :applied ORDER BY r.id"
)
_HELD = (
    "SELECT r.directory, r.workspace, r.id, count(*), sum(h.number) FROM (SELECT run, step, evidence,"
    " count(*) AS number FROM action WHERE state = 'held' AND run IN :runs GROUP BY run, step, evidence) h"
    " JOIN run r ON r.id = h.run GROUP BY r.directory, r.workspace, r.id ORDER BY r.id"
)
_MOST = 500  # runs in one statement


def readings_in(connection: Connection) -> dict[str, Reading]:
    """How each directory is read."""
    found = rows(
        connection,
        "SELECT d.id, coalesce(h.state, CASE WHEN d.complete_at IS NULL THEN 'never' ELSE 'healthy' END),"
        " coalesce(h.failures, 0),"
        " CASE WHEN d.complete_at > h.clean_at OR h.clean_at IS NULL THEN d.complete_at ELSE h.clean_at END,"
        " h.since, coalesce(h.message, '') FROM directory d LEFT JOIN health h ON h.directory = d.id",
    )
    return {row[0]: Reading(*row[1:]) for row in found}


def token_ends_in(connection: Connection) -> dict[str, str]:
    """When the last token of each directory ends or ended, of those whose last one ends at all. One that was revoked is
    none: somebody wanted that."""
    sql = "SELECT directory, max(coalesce(expires, '9')) FROM token WHERE revoked IS NULL GROUP BY directory"
    return {directory: ends for directory, ends in rows(connection, sql) if ends != "9"}


def _queue(connection: Connection, now: str) -> tuple[int, int, float]:
    """The partial indexes of waiting and running wishes are small, however many are over."""
    waiting: Sequence[Any] = rows(
        connection,
        "SELECT count(*), min(CASE WHEN not_before <= :now THEN CASE WHEN not_before > asked_at THEN not_before"
        " ELSE asked_at END END) FROM wish WHERE state = 'waiting'",
        now=now,
    )[0]
    running = scalar(connection, "SELECT count(*) FROM wish WHERE state = 'running'")
    since = 0.0
    if waiting[1] is not None:
        since = (datetime.fromisoformat(now) - datetime.fromisoformat(waiting[1])).total_seconds()
    return int(waiting[0]), int(running), max(0.0, since)


def _size(connection: Connection, *, sqlite: bool) -> int:
    if sqlite:
        sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int(scalar(connection, sql))
    return int(scalar(connection, "SELECT pg_database_size(current_database())"))
