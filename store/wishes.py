"""What is to be run: wishes, asked by anybody, claimed by whoever runs them, followed by who asked.

At most one wish of a directory waits: a second ask joins it. One that comes while the directory runs waits for the
next run, since what it is about may have changed after that run began to read. At most one wish of a workspace runs;
among those that can, the workspace that was served longest ago is first. Who claims a wish ends it (`finish`), or puts
it back (`put_back`); those of a worker that died are put back by others (`recover`).
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, text

from reconciler.model import Frozen
from store.database import Store, rows
from store.leases import stamp
from store.mirror import lock_directory
from store.totals import add_broken

Trigger = Literal["schedule", "push", "api", "manual"]  # the later one outranks the earlier when asks join
State = Literal["waiting", "running", "done", "lost", "joined"]
RANK: dict[str, int] = {"schedule": 0, "push": 1, "api": 2, "manual": 3}
ASKED = ("api", "manual")  # somebody may come for the outcome
LONGEST_WAIT = timedelta(minutes=10)
MOST_TRIES = 5  # of a wish whose runs end with their workers; then it is lost, or rests
LONGEST_REST = timedelta(hours=24)

TURN = "CASE WHEN t.at <= :now THEN t.at ELSE '' END"
"""When a workspace was served last, of table turn `t`; one that was while the clock was ahead counts as never."""

MAY = "(w.not_before <= :now OR w.not_before > :far AND w.error IS NULL OR w.not_before > :farther)"
"""That wish `w` waits for no time, or for one that is of a clock which was ahead (`moments`)."""

_COLUMNS = (
    "id, workspace, directory, trigger, verify, asked_at, asked_by, state, not_before, tries, worker, run, began,"
    " ended, progress, error, joined"
)
_NAMES = tuple(_COLUMNS.split(", "))
_NEXT = (
    f"SELECT {', '.join(f'w.{name}' for name in _NAMES)} FROM wish w"
    " LEFT JOIN turn t ON t.workspace = w.workspace WHERE w.state = 'waiting'"
    f" AND {MAY} AND NOT EXISTS (SELECT 1 FROM wish r WHERE r.state = 'running' AND r.workspace = w.workspace)"
    f" ORDER BY {TURN}, w.asked_at, w.id LIMIT 1"
)


class Progress(Frozen, frozen=True, omit_defaults=False):
    """How far a run is: done of total, in a phase (pull, plan, apply)."""

    phase: str
    done: int
    total: int | None = None


class Ticket(Frozen, frozen=True, omit_defaults=False):
    """What an ask got: the wish that will serve it; `joined` when that waited already."""

    id: str
    joined: bool = False


class Ask(Frozen, frozen=True):
    """That a directory be run, because of a trigger; `verify` compares everybody. Not before a time, when earlier
    tries broke."""

    workspace: str
    directory: str
    trigger: Trigger
    verify: bool = False
    by: str = ""
    not_before: str = ""
    tries: int = 0


class Wish(Frozen, frozen=True, omit_defaults=False):
    """A wish as it is now. `error` is why there is no report of its run; of one that waits, why it rests."""

    id: str
    workspace: str
    directory: str
    trigger: Trigger
    verify: bool
    asked_at: str
    asked_by: str
    state: State
    not_before: str = ""
    tries: int = 0
    worker: str | None = None
    run: str | None = None
    began: str | None = None
    ended: str | None = None
    progress: Progress | None = None
    error: dict[str, str] | None = None
    joined: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("done", "lost")


def ask(connection: Connection, asked: Ask, id: str, now: str) -> Ticket:  # noqa: A002 - of the wish, if it is a new one
    """Enters a wish, or joins the one of its directory that waits. Who asks by hand does not wait for a back-off."""
    alone(connection)
    found = rows(connection, f"SELECT {_COLUMNS} FROM wish WHERE directory = :d AND state = 'waiting'",
                 d=asked.directory)  # fmt: skip
    if found:
        _join(connection, _wish(found[0]), asked)
        return Ticket(found[0].id, joined=True)
    connection.execute(
        text(
            "INSERT INTO wish (id, workspace, directory, trigger, verify, asked_at, asked_by, state, not_before, tries)"
            " VALUES (:id, :w, :d, :trigger, :verify, :now, :by, 'waiting', :not_before, :tries)"
        ),
        {
            "id": id, "w": asked.workspace, "d": asked.directory, "trigger": asked.trigger, "verify": asked.verify,
            "now": now, "by": asked.by, "not_before": asked.not_before,
            "tries": max(asked.tries, _tried(connection, asked)),
        },
    )  # fmt: skip
    return Ticket(id)


def _tried(connection: Connection, asked: Ask) -> int:
    """What workers died of when a person asked is tried by the schedule once, not as often again."""
    lost = (
        "SELECT 1 FROM wish l WHERE l.directory = :d AND l.state = 'lost' AND NOT EXISTS (SELECT 1 FROM wish n"
        " WHERE n.directory = :d AND n.state = 'done' AND n.error IS NULL AND n.ended >= l.ended)"
    )
    return MOST_TRIES - 1 if asked.trigger not in ASKED and rows(connection, lost, d=asked.directory) else 0


def _join(connection: Connection, waiting: Wish, asked: Ask) -> None:
    higher = RANK[asked.trigger] > RANK[waiting.trigger]
    by_hand = asked.trigger in ASKED or waiting.trigger in ASKED
    anew = asked.trigger in ASKED and waiting.error is None  # workers did not die of it
    connection.execute(
        text(
            "UPDATE wish SET trigger = :trigger, verify = :verify, asked_by = :by, not_before = :not_before,"
            " tries = :tries, workspace = :w WHERE id = :id"
        ),
        {
            "trigger": asked.trigger if higher else waiting.trigger,
            "verify": asked.verify or waiting.verify,
            "by": asked.by if higher else waiting.asked_by,
            "not_before": "" if by_hand else max(asked.not_before, waiting.not_before),
            "tries": max(asked.tries, 0 if anew else waiting.tries),
            "w": waiting.workspace if asked.tries else asked.workspace,  # a further try knows nothing newer
            "id": waiting.id,
        },
    )


def claim(store: Store, worker: str, run: str, now: str) -> Wish | None:
    """Takes the next wish for a worker, to be run under this id. None: nothing waits that may run."""
    with store.read() as connection:  # most looks find nothing, and take no lock
        if _next(connection, now) is None:
            return None
    with store.write() as connection:
        alone(connection)
        found = _next(connection, now)
        return found and _begin(connection, found, worker, run, now)


def _next(connection: Connection, now: str) -> Wish | None:
    found = rows(connection, _NEXT, **moments(now))
    return _wish(found[0]) if found else None


def moments(now: str) -> dict[str, str]:
    """The parameters of MAY and TURN: nothing waits until `far`, and nothing rests until `farther`."""
    moment = datetime.fromisoformat(now)
    return {"now": now, "far": stamp(moment + LONGEST_WAIT), "farther": stamp(moment + LONGEST_REST)}


def claim_in(connection: Connection, id: str, worker: str, run: str, now: str) -> Wish | None:  # noqa: A002
    """Takes this wish, in a transaction. None: it does not wait, or another one of its workspace runs."""
    alone(connection)
    found = rows(
        connection,
        f"SELECT {_COLUMNS} FROM wish w WHERE id = :id AND state = 'waiting' AND NOT EXISTS"
        " (SELECT 1 FROM wish r WHERE r.state = 'running' AND r.workspace = w.workspace)",
        id=id,
    )
    return _begin(connection, _wish(found[0]), worker, run, now) if found else None


def _begin(connection: Connection, wish: Wish, worker: str, run: str, now: str) -> Wish:
    connection.execute(
        text(
            "UPDATE wish SET state = 'running', worker = :worker, run = :run, began = :now, error = NULL WHERE id = :id"
        ),
        {"worker": worker, "run": run, "now": now, "id": wish.id},
    )
    connection.execute(
        text("INSERT INTO turn (workspace, at) VALUES (:w, :now) ON CONFLICT (workspace) DO UPDATE SET"
             " at = excluded.at"),
        {"w": wish.workspace, "now": now},
    )  # fmt: skip
    return msgspec.structs.replace(wish, state="running", worker=worker, run=run, began=now)


def advance(store: Store, wish: Wish, progress: Progress) -> bool:
    """Tells how far the run of a claimed wish is; whether the wish still is its worker's."""
    with store.write() as connection:
        done = connection.execute(
            text(f"UPDATE wish SET progress = :progress WHERE {_MINE}"),
            {"progress": msgspec.json.encode(progress).decode(), **_mine(wish)},
        )
    return done.rowcount == 1


def finish(
    store: Store, wish: Wish, now: str, error: dict[str, str] | None = None, *, later: tuple[str, Ask] | None = None
) -> bool:  # fmt: skip
    """Ends a claimed wish: its run has a report, or there is an error instead. Whether it still was its worker's; then
    `later` is asked for, under that id.

    Of what nobody asked for by hand the last one of each directory is kept.
    """
    with store.write() as connection:
        if error:
            lock_directory(connection, wish.directory)
        if later:
            alone(connection)  # after that, which may wait for somebody who writes what the directory says
        done = connection.execute(
            text(f"UPDATE wish SET state = 'done', ended = :now, progress = NULL, error = :error WHERE {_MINE}"),
            {"now": now, "error": _text(error), **_mine(wish)},
        )
        connection.execute(
            text("DELETE FROM wish WHERE directory = :d AND ended < :now AND trigger IN ('schedule', 'push')"),
            {"d": wish.directory, "now": now},
        )
        if error and done.rowcount == 1:
            add_broken(connection, wish.directory, wish.workspace, wish.began or now, error)
        if later and done.rowcount == 1:  # in one transaction: there is no second chance to ask
            ask(connection, later[1], later[0], now)
    return done.rowcount == 1


def put_back(store: Store, wish: Wish, not_before: str = "", *, tries: int = 0) -> bool:
    """Has a claimed wish wait again; when another one of its directory waits meanwhile, it joins that. Whether it
    still was its worker's."""
    with store.write() as connection:
        alone(connection)
        return _put_back(connection, wish, not_before, tries)


def _put_back(
    connection: Connection, wish: Wish, not_before: str, tries: int, *, error: dict[str, str] | None = None
) -> bool:  # fmt: skip
    found = rows(connection, f"SELECT {_COLUMNS} FROM wish WHERE directory = :d AND state = 'waiting'",
                 d=wish.directory)  # fmt: skip
    other = found[0].id if found else None
    done = connection.execute(
        text(
            f"UPDATE wish SET state = :state, joined = :joined, worker = NULL, run = NULL, began = NULL, progress ="
            f" NULL, not_before = :not_before, tries = :tries, error = :error WHERE {_MINE}"
        ),
        {
            "state": "joined" if other else "waiting", "joined": other, "not_before": not_before, "tries": tries,
            "error": _text(error), **_mine(wish),
        },
    )  # fmt: skip
    if other and done.rowcount == 1:
        again = Ask(found[0].workspace, wish.directory, wish.trigger, wish.verify, wish.asked_by, not_before, tries)
        _join(connection, _wish(found[0]), again)
        if error:
            connection.execute(
                text("UPDATE wish SET error = :error WHERE id = :id"), {"error": _text(error), "id": other}
            )
    return done.rowcount == 1


def recover(
    store: Store, alive: Callable[[], Collection[str]], now: str, *, under_way: Callable[[Wish], bool] = lambda _: True
) -> list[Wish]:  # fmt: skip
    """Puts back what workers had claimed that are not among those alive, and what is not `under_way` though its worker
    lives; which wishes these were. One whose workers died again and again is lost when a person asked, and rests when
    not."""
    with store.read() as connection:
        running = _running(connection)
    known = alive()  # asked after that: whoever had claimed by then had entered before
    left = {(each.id, each.run) for each in running if each.worker not in known or not under_way(each)}
    if not left:
        return []
    with store.write() as connection:
        alone(connection)
        found = [each for each in _running(connection) if (each.id, each.run) in left]
        return [wish for wish in found if _recover(connection, wish, now)]


def _recover(connection: Connection, wish: Wish, now: str) -> bool:
    tries = wish.tries + 1
    if tries < MOST_TRIES:
        return _put_back(connection, wish, "", tries)
    error = {
        "code": "lost",
        "message": f"{tries} workers in a row ended while they ran it",
        "where": f"run {wish.run}",
        "fix": f"look into the logs of the workers, and then: rosterd sync {wish.directory}",
    }
    lock_directory(connection, wish.directory)
    add_broken(connection, wish.directory, wish.workspace, wish.began or now, error)
    if wish.trigger not in ASKED:
        rest = min(LONGEST_WAIT / 2 * 2.0 ** min(tries - MOST_TRIES, 20), LONGEST_REST)
        return _put_back(connection, wish, stamp(datetime.fromisoformat(now) + rest), tries, error=error)
    done = connection.execute(
        text(f"UPDATE wish SET state = 'lost', ended = :now, tries = :tries, error = :error WHERE {_MINE}"),
        {"now": now, "tries": tries, "error": _text(error), **_mine(wish)},
    )
    return done.rowcount == 1


def _running(connection: Connection) -> list[Wish]:
    return [_wish(row) for row in rows(connection, f"SELECT {_COLUMNS} FROM wish WHERE state = 'running'")]


def wish_of(store: Store, id: str) -> Wish | None:  # noqa: A002
    """A wish as it is now; of one that joined another, that. None: there is none, or its day is over."""
    with store.read() as connection:
        for _ in range(10):  # joins of joins
            found = rows(connection, f"SELECT {_COLUMNS} FROM wish WHERE id = :id", id=id)
            if not found or found[0].state != "joined":
                break
            id = found[0].joined  # noqa: A001
    return _wish(found[0]) if found else None


def open_wishes(store: Store) -> Iterator[Wish]:
    """What runs and what waits, the oldest first."""
    with store.read() as connection:
        found = rows(
            connection,
            f"SELECT {_COLUMNS} FROM wish WHERE state IN ('waiting', 'running') ORDER BY state, asked_at, id",
        )
    return (_wish(row) for row in found)


def depths(store: Store) -> dict[str, int]:
    """How many wishes wait and run."""
    with store.read() as connection:
        found = rows(
            connection, "SELECT state, count(*) FROM wish WHERE state IN ('waiting', 'running') GROUP BY state"
        )
    return {"waiting": 0, "running": 0, **{row[0]: row[1] for row in found}}


def forget(store: Store, before: str) -> int:
    """Removes wishes that were over before then."""
    with store.write() as connection:
        done = connection.execute(
            text("DELETE FROM wish WHERE ended < :before OR state = 'joined' AND asked_at < :before"),
            {"before": before},
        )
    return done.rowcount


_MINE = "id = :id AND state = 'running' AND worker = :worker AND run = :run"


def _mine(wish: Wish) -> dict[str, Any]:
    return {"id": wish.id, "worker": wish.worker, "run": wish.run}


def alone(connection: Connection) -> None:
    """One transaction at a time enters, takes or puts back. On SQLite every writing one is alone."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8461)")


def _text(error: dict[str, str] | None) -> str | None:
    return msgspec.json.encode(error).decode() if error else None


def _wish(row: Any) -> Wish:
    found = dict(zip(_NAMES, row, strict=True))
    progress, error = found["progress"], found["error"]
    found["progress"] = None if progress is None else msgspec.json.decode(progress, type=Progress)
    found["error"] = None if error is None else msgspec.json.decode(error)
    return Wish(**{**found, "verify": bool(found["verify"])})
