"""The queue of many machines: jobs of procrastinate, in the same database, each carrying the id of a wish.

What is to be run is told by wishes (wishes.py); a job brings one to whichever process is free. `lock` is the workspace,
`queueing_lock` the directory, and of each workspace one job is open at a time, so that the order of jobs is the order
of turns. A job is gone once its run is over: the wish tells what came of it. Of procrastinate this uses the schema, the
statements and the notifications; rosterd/daemon/fleet.py says why not its worker.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.model import Frozen
from store.database import Store, refusal, rows
from store.wishes import MAY, TURN, Wish, alone, claim_in, moments

QUEUE, TASK = "rosterd", "rosterd.run"
MOST = 200  # jobs made in one transaction; the next look makes more
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)  # priorities are 32 bits wide: seconds since then, for 68 years

_READY = f"""
SELECT w.id, w.workspace, w.directory, w.turn FROM (
  SELECT DISTINCT ON (w.workspace) w.id, w.workspace, w.directory, w.asked_at, {TURN} AS turn
  FROM wish w LEFT JOIN turn t ON t.workspace = w.workspace
  WHERE w.state = 'waiting' AND {MAY}
  AND (:workspace = '' OR w.workspace = :workspace)
  AND NOT EXISTS (SELECT 1 FROM wish r WHERE r.state = 'running' AND r.workspace = w.workspace)
  AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing') AND j.lock = w.workspace)
  AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.status = 'todo' AND j.queueing_lock = w.directory)
  ORDER BY w.workspace, w.asked_at, w.id
) w ORDER BY w.turn, w.asked_at, w.id LIMIT :most
"""


class Taken(Frozen, frozen=True):
    """A wish that was claimed, and the job that brought it."""

    wish: Wish
    job: int


def prepare(store: Store) -> None:
    """Makes procrastinate's tables where there are none, one process at a time.

    Raises:
        StoreError: they are those of another version of it.
    """
    from procrastinate.schema import SchemaManager

    schema = SchemaManager.get_schema()
    wanted = set(re.findall(r"CREATE FUNCTION (\w+)", schema))
    with store.read() as connection:
        if _functions(connection) == wanted:
            return
    with store.write() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8460)")  # that of migrations
        found = _functions(connection)
        if not found:
            with _refusals(store):
                _driver(connection).execute(schema)
        elif found != wanted:
            raise _another_version(store, wanted, found)


def _functions(connection: Connection) -> set[str]:
    sql = "SELECT proname FROM pg_proc WHERE proname LIKE :like AND pronamespace = current_schema()::regnamespace"
    return {row.proname for row in rows(connection, sql, like="procrastinate\\_%")}


def _another_version(store: Store, wanted: set[str], found: set[str]) -> StoreError:
    differing = ", ".join(sorted(wanted ^ found)[:3])
    return StoreError(
        f"the database has procrastinate's tables, but of another version (it differs in {differing})",
        code="queue_schema",
        where=store.engine.url.render_as_string(hide_password=True),
        fix="run procrastinate's own migrations, or give rosterd a database to itself",
    )


def register(store: Store) -> int:
    """Enters a worker among procrastinate's; its id there."""
    with store.write() as connection:
        return int(_one(connection, "register_worker")["worker_id"])


def unregister(store: Store, worker: int) -> None:
    """This worker takes no jobs any more."""
    with store.write() as connection:
        _query(connection, "unregister_worker", worker_id=worker)


def beat(store: Store, worker: int) -> bool:
    """A sign of life; whether the worker is still known: one that was silent for too long is not."""
    with store.write() as connection:
        _query(connection, "update_heartbeat", worker_id=worker)
        return bool(rows(connection, "SELECT 1 FROM procrastinate_workers WHERE id = :id", id=worker))


def stalled(store: Store) -> int:
    """Ends the jobs of workers that are silent for as long as a lease, and forgets these workers; how many jobs."""
    silent = store.lease.total_seconds()
    with store.write() as connection:
        found = _query(
            connection, "select_stalled_jobs_by_heartbeat", queue=QUEUE, task_name=TASK, seconds_since_heartbeat=silent
        )
        for row in found:
            _end(connection, row["id"])
        _query(connection, "prune_stalled_workers", seconds_since_heartbeat=silent)
    return len(found)


def abandon(store: Store, wishes: Sequence[str]) -> None:
    """Ends the jobs that brought these wishes: who had them is gone."""
    with store.write() as connection:
        for row in rows(
            connection,
            "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND args ->> 'wish' = ANY (:wishes) FOR UPDATE",
            wishes=list(wishes),
        ):
            _end(connection, row.id)


def feed(store: Store, now: str, workspace: str = "") -> int:
    """Makes jobs for the wishes that may run now and that none brings yet, of one workspace or of all; how many."""
    with store.read() as connection:
        if not _ready(connection, now, workspace):
            return 0
    with store.write() as connection:
        return feed_in(connection, now, workspace)


def feed_in(connection: Connection, now: str, workspace: str = "") -> int:
    """The same, in a transaction."""
    from procrastinate.types import JobToDefer

    alone(connection)
    found = _ready(connection, now, workspace)
    if found:
        jobs = [
            JobToDefer(QUEUE, TASK, _priority(row.turn), row.workspace, row.directory, {"wish": row.id}, None)
            for row in found
        ]
        _query(connection, "defer_jobs", jobs=jobs)
    return len(found)


def _ready(connection: Connection, now: str, workspace: str) -> Sequence[Any]:
    return rows(connection, _READY, **moments(now), workspace=workspace, most=MOST)


def _priority(turn: str) -> int:
    """The longer ago a workspace was served, the higher."""
    return 0 if not turn else -int((datetime.fromisoformat(turn) - _EPOCH).total_seconds())


def take_job(store: Store, number: int, worker: str, run: str, now: str) -> Taken | None:
    """Takes the next job, as procrastinate's worker of this number, and the wish that it brings, to be run under this
    id. None: there is none that may be taken."""
    with store.write() as connection:
        while (job := _one(connection, "fetch_job", queues=[QUEUE], worker_id=number))["id"] is not None:
            wish = claim_in(connection, job["args"]["wish"], worker, run, now)
            if wish is not None:
                return Taken(wish, job["id"])
            _end(connection, job["id"])  # it was run meanwhile, or another one of its workspace is
        return None


def end_job(store: Store, job: int, workspace: str, now: str) -> None:
    """The run of a job is over; the next of its workspace can come."""
    with store.write() as connection:
        _end(connection, job)
        feed_in(connection, now, workspace)


def _end(connection: Connection, job: int) -> None:
    """Removes a job; one that others ended is no error."""
    if rows(connection, "SELECT 1 FROM procrastinate_jobs WHERE id = :id FOR UPDATE", id=job):
        _query(connection, "finish_job", job_id=job, status="succeeded", delete_job=True)


def _one(connection: Connection, name: str, **given: Any) -> dict[str, Any]:
    return _query(connection, name, **given)[0]


def _query(connection: Connection, name: str, **given: Any) -> list[dict[str, Any]]:
    """One of procrastinate's statements, in our transaction."""
    from procrastinate import SyncPsycopgConnector, sql

    connector = SyncPsycopgConnector()  # never opened: the connection is ours
    with _refusals(connection):
        return list(connector.execute_query_all_with_connection(_driver(connection), query=sql.queries[name], **given))


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@contextmanager
def _refusals(of: Store | Connection) -> Iterator[None]:
    """Turns procrastinate's and the driver's errors into StoreError, as database.translated does SQLAlchemy's."""
    import psycopg
    from procrastinate.exceptions import ConnectorException

    try:
        yield
    except ConnectorException as exc:
        raise refusal(of.engine, exc.__cause__ or exc) from exc
    except psycopg.Error as exc:
        raise refusal(of.engine, exc) from exc
