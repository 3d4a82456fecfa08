"""What is deleted once it is old: runs with their actions, and what was kept for them alone.

A run goes when it began before the horizon, or before the nearer one for quiet runs, which changed nothing. Whatever
its age, a run stays that decides about later ones (the latest of each directory, as many as flaps are looked for in;
the windows of limits are shorter than any horizon), that holds something, or that was a directory's last before the
horizon: it says what was known when the first run after that was made. So what is kept is planned, undone and explained
as before. Before-images of the mirror and policies go when no run is about them any more.

All of it in small transactions with a pause after each, so that whoever writes meanwhile has a turn. A run goes before
its actions: who is stopped in between leaves actions without a run, which nobody sees and the next time deletes. Which
runs are old is expired.py; how long things are kept is configuration; when it is done, rosterd/daemon/retention.py.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, text

from reconciler.model import Frozen
from store.database import Store, bulk, rows, scalar
from store.expired import Horizon, Watched, expired
from store.mirror import peek

ROWS = 1000  # deleted in one transaction, at most
RUNS = 50  # with their tallies, which are a few dozen each at most
INCREMENTAL = 2  # as SQLite says it
PAGES = 500  # of a SQLite file given back at a time
SHORTEST_PAUSE = 0.02  # seconds; otherwise as long as what came before took

Pause = Callable[[float], None]
GoOn = Callable[[], bool]


class Deleted(Frozen, frozen=True, omit_defaults=False):
    """How much was deleted: `images` are before-images of the mirror."""

    runs: int = 0
    actions: int = 0
    images: int = 0
    policies: int = 0

    @property
    def anything(self) -> bool:
        """Whether anything was."""
        return bool(self.runs or self.actions or self.images or self.policies)


def retain(
    store: Store, horizon: Horizon, watched: Iterable[Watched], *, go_on: GoOn = lambda: True, pause: Pause = time.sleep
) -> Deleted:
    """Deletes what is old; `watched` are the directories of the configuration. Ends early when `go_on` says so.

    Raises:
        StoreError: the store refused; what was deleted by then is.
    """
    turns = _Turns(store, go_on, pause)
    runs = 0
    ids = expired(store, horizon, tuple(watched))
    while go_on() and (some := list(islice(ids, RUNS))):
        with turns.turn() as connection:
            _runs(connection, some)
        runs += len(some)
    actions = _actions(turns)
    images = sum(_images(turns, directory) for directory in _directories(store))
    policies = sum(_policies(turns, directory, horizon.actions) for directory in _directories(store))
    if store.sqlite:
        _give_back(turns)
    return Deleted(runs, actions, images, policies)


@dataclass(frozen=True)
class _Turns:
    """Transactions, each followed by as long a pause."""

    store: Store
    go_on: GoOn
    pause: Pause

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """One of them."""
        began = time.monotonic()
        with self.store.write() as connection:
            yield connection
        self.pause(max(SHORTEST_PAUSE, time.monotonic() - began))


def _runs(connection: Connection, ids: Sequence[str]) -> None:
    for table, column in (("run_tally", "run"), ("decision", "run"), ("run", "id")):
        bulk(connection, f"DELETE FROM {table} WHERE {column} = ?", [(each,) for each in ids])


_ORPHANS = (  # from one run to the next in the primary key, never from action to action
    "WITH RECURSIVE known(run) AS (SELECT min(run) FROM action UNION ALL"
    " SELECT (SELECT min(a.run) FROM action a WHERE a.run > known.run) FROM known WHERE known.run IS NOT NULL)"
    " SELECT run FROM known WHERE run IS NOT NULL AND NOT EXISTS (SELECT 1 FROM run r WHERE r.id = known.run)"
)
_BOUND = f"SELECT step, n FROM action WHERE run = :run ORDER BY step, n LIMIT 1 OFFSET {ROWS - 1}"
_UP_TO = "DELETE FROM action WHERE run = :run AND (step, n) <= (:step, :n)"


def _actions(turns: _Turns) -> int:
    """Deletes the actions whose run is gone."""
    with turns.store.read() as connection:
        orphans = [row[0] for row in rows(connection, _ORPHANS)]
    total = 0
    for run in orphans:
        while turns.go_on():
            with turns.turn() as connection:
                done = _some_actions(connection, run)
            total += done
            if done < ROWS:
                break
    return total


def _some_actions(connection: Connection, run: str) -> int:
    bound = rows(connection, _BOUND, run=run)
    if not bound:
        return connection.execute(text("DELETE FROM action WHERE run = :run"), {"run": run}).rowcount
    step, n = bound[0]
    return connection.execute(text(_UP_TO), {"run": run, "step": step, "n": n}).rowcount


def _directories(store: Store) -> list[str]:
    with store.read() as connection:
        return [row[0] for row in rows(connection, "SELECT id FROM directory ORDER BY id")]


_IMAGES = {
    "mirror_user_was": ("external_id", "generation"),
    "mirror_group_was": ("external_id", "generation"),
    "mirror_edge_was": ("nested", "member_id", "generation", "group_id"),
}
_FIRST_NEEDED = "SELECT min(generation) FROM run WHERE directory = :d AND generation >= 1"


def _images(turns: _Turns, directory: str) -> int:
    """Deletes before-images that no run needs: the mirror after a promotion is put together from later ones only."""
    with turns.store.read() as connection:
        unknown = "SELECT 1 FROM run WHERE directory = :d AND generation IS NULL LIMIT 1"  # of before history was kept
        needed = None if rows(connection, unknown, d=directory) else scalar(connection, _FIRST_NEEDED, d=directory)
    if needed is None:
        return 0
    return sum(_images_of(turns, table, key, directory, int(needed)) for table, key in _IMAGES.items())


def _images_of(turns: _Turns, table: str, key: Sequence[str], directory: str, needed: int) -> int:
    """One walk along the primary key, which does not begin with the generation."""
    names, marks = ", ".join(key), ", ".join(f":{name}" for name in key)
    place, at = key.index("generation"), ""
    sql = f"SELECT {names} FROM {table} WHERE directory = :d"
    delete = f"DELETE FROM {table} WHERE directory = ? AND {' AND '.join(f'{name} = ?' for name in key)}"
    total, last = 0, dict[str, object]()
    while turns.go_on():
        with turns.store.read() as connection:
            found = rows(connection, f"{sql}{at} ORDER BY {names} LIMIT {ROWS}", d=directory, **last)
        old = [(directory, *row) for row in found if row[place] <= needed]
        if old:
            with turns.turn() as connection:
                bulk(connection, delete, old)
            total += len(old)
        if len(found) < ROWS:
            break
        at, last = f" AND ({names}) > ({marks})", dict(zip(key, found[-1], strict=True))
    return total


def _policies(turns: _Turns, directory: str, before: str) -> int:
    """Deletes policies that nobody followed since and no run is about; that of the last comparison stays."""
    with turns.store.read() as connection:
        sql = "SELECT digest FROM policy WHERE directory = :d AND used_at < :before"
        old = {row[0] for row in rows(connection, sql, d=directory, before=before)}
        if old:
            row = peek(connection, directory)
            followed = rows(connection, "SELECT DISTINCT policy FROM run WHERE directory = :d", d=directory)
            old -= {each[0] for each in followed} | {row.policy_digest if row else ""}
    if old:
        sql = "DELETE FROM policy WHERE directory = ? AND digest = ? AND used_at < ?"
        gone = [(directory, digest, before) for digest in sorted(old)]
        with turns.turn() as connection:
            bulk(connection, sql, gone)
    return len(old)


def _give_back(turns: _Turns) -> None:
    """Gives the free pages of a SQLite file back, a few at a time; a file that was made without auto_vacuum keeps them
    for what comes."""
    while turns.go_on():
        with turns.store.read() as connection:
            free = scalar(connection, "PRAGMA freelist_count")
            kept = scalar(connection, "PRAGMA auto_vacuum") != INCREMENTAL
        if kept or not free:
            return
        with turns.turn() as connection:
            for _ in range(min(free, PAGES)):  # sqlite3 takes one step of this statement, which is one page
                connection.exec_driver_sql("PRAGMA incremental_vacuum(1)").close()
