"""Which runs are old enough to be deleted, and needed for nothing. Reading only; deleting is retention.py."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from store.database import Store, rows
from store.mirror import peek

PAGE = 200  # runs looked at at a time
LOOKED_BACK = 50  # runs of a directory: plans and approvals in a row before its last read


class Horizon(NamedTuple):
    """Times as stored: runs that began before `actions` are old, those that changed nothing before `quiet`."""

    actions: str
    quiet: str


class Watched(NamedTuple):
    """A directory of the configuration; how many of its latest runs flaps are looked for since (1: none are)."""

    directory: str
    workspace: str
    runs: int = 1


class _Head(msgspec.Struct, frozen=True):
    """What it takes of a report."""

    digest: str = ""
    planned_only: bool = False
    of: str = ""
    audit: msgspec.Raw | None = None

    @property
    def plain(self) -> bool:
        """Whether it read its directory and planned, and was neither a plan only nor about another run."""
        return bool(self.digest) and not self.planned_only and not self.of and self.audit is None


class _Row(NamedTuple):
    id: str
    directory: str
    began: str
    state: str
    holds: bool
    acts: bool
    head: _Head


_decode = msgspec.json.Decoder(_Head).decode
_RUNS = (
    "SELECT id, directory, began, state, EXISTS (SELECT 1 FROM action a WHERE a.run = run.id AND a.state = 'held'),"
    " EXISTS (SELECT 1 FROM action a WHERE a.run = run.id), report FROM run WHERE workspace = :w"
    " AND (began > :b OR began = :b AND id > :i) AND began >= :b ORDER BY began, id LIMIT :n"
)


def expired(store: Store, horizon: Horizon, watched: Sequence[Watched]) -> Iterator[str]:
    """The ids of runs that are old and not needed, by workspace, the oldest first. They may be deleted meanwhile."""
    with store.read() as connection:
        workspaces = [row[0] for row in rows(connection, "SELECT DISTINCT workspace FROM run ORDER BY 1")]
    for workspace in workspaces:
        yield from _Workspace(store, workspace, horizon, watched).expired()


class _Workspace:
    """The runs of one workspace."""

    def __init__(self, store: Store, workspace: str, horizon: Horizon, watched: Sequence[Watched]) -> None:
        self._store, self._workspace, self._quiet = store, workspace, horizon.quiet
        self._latest = {each.directory: each.runs for each in watched}
        mine = [each for each in watched if each.workspace == workspace and each.runs > 1]
        with store.read() as connection:
            # Flaps are looked for in what all runs of the workspace did since a directory's latest runs began.
            begins = [_latest(connection, each.directory, each.runs)[-1:] for each in mine]
        self._old = min([horizon.actions, *(row[1] for each in begins for row in each)])
        self._needed: dict[str, frozenset[str]] = {}

    def expired(self) -> Iterator[str]:
        """Those that are not needed."""
        quiet: str | None = None  # it goes if the next run shows the same directory anew
        before: _Row | None = None
        for run in self._runs():
            if quiet is not None and before is not None and run.directory == before.directory and run.head.digest:
                yield quiet
            if run.began >= max(self._old, self._quiet):
                return
            free = not run.holds or run.head.planned_only
            free = free and run.state != "running" and run.id not in self._needed_of(run.directory)
            if free and run.began < self._old:
                yield run.id
            can_be = free and run.began >= self._old and run.began < self._quiet
            calm = run.state == "succeeded" and not run.acts and run.head.plain
            quiet, before = (run.id if can_be and calm else None), run

    def _runs(self) -> Iterator[_Row]:
        began = run = ""
        while True:
            given = {"w": self._workspace, "b": began, "i": run, "n": PAGE}
            with self._store.read() as connection:
                found = [_row(row) for row in rows(connection, _RUNS, **given)]
            yield from found
            if len(found) < PAGE:
                return
            began, run = found[-1].began, found[-1].id

    def _needed_of(self, directory: str) -> frozenset[str]:
        if directory not in self._needed:
            with self._store.read() as connection:
                self._needed[directory] = frozenset(self._needed_in(connection, directory))
        return self._needed[directory]

    def _needed_in(self, connection: Connection, directory: str) -> Iterator[str]:
        """The latest runs; the last one, the last with a plan and the last plain one before the horizon; the one that
        last listed everybody."""
        yield from (row[0] for row in _latest(connection, directory, self._latest.get(directory, 1)))
        found = rows(connection, _BEFORE, d=directory, w=self._workspace, old=self._old, n=LOOKED_BACK)
        heads = [(row[0], _decode(row[1])) for row in found]
        yield from (run for run, _ in heads[:1])
        yield from [run for run, head in heads if head.digest][:1]
        yield from [run for run, head in heads if head.plain][:1]
        known = peek(connection, directory)
        if known is not None and known.users_complete_at is not None:
            yield from (row[0] for row in rows(connection, _LISTED, d=directory, at=known.users_complete_at))


_LATEST = "SELECT id, began FROM run WHERE directory = :d ORDER BY began DESC, id DESC LIMIT :n"
_BEFORE = (
    "SELECT id, report FROM run WHERE directory = :d AND workspace = :w AND began < :old"
    " ORDER BY began DESC, id DESC LIMIT :n"
)
_LISTED = "SELECT id FROM run WHERE directory = :d AND began <= :at ORDER BY began DESC, id DESC LIMIT 1"


def _latest(connection: Connection, directory: str, number: int) -> Sequence[Any]:
    return rows(connection, _LATEST, d=directory, n=number)


def _row(row: Any) -> _Row:
    run, directory, began, state, holds, acts, report = row
    return _Row(run, directory, began, state, bool(holds), bool(acts), _decode(report))
