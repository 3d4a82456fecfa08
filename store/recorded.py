"""What runs recorded about one person: their actions, with what the guard said of those that it held."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from reconciler.known import Recorded, RunOf
from reconciler.report import ActionRow, Report
from store.database import rows

SUPERSEDED = "superseded"  # held until a later plan took its place: that it was held is what its run did
REPEATED = 1000  # actions that were not applied are looked at back to so many
_object = msgspec.json.Decoder(dict[str, Any]).decode
_COLUMNS = (
    "a.kind, a.email, a.external_id, a.member, a.before, a.after, a.evidence, a.cause, a.state, a.code, a.attempts,"
    " a.error, a.step, a.n, r.id"
)
_ACTIONS = f"SELECT {_COLUMNS} FROM action a JOIN run r ON r.id = a.run WHERE a.external_id = :x AND r.directory = :d"
_RUNS = "SELECT id, directory, began, ended, state, generation, policy, report FROM run"


class RunRow(NamedTuple):
    """A run with what it was about."""

    run: RunOf
    generation: int | None
    policy: str | None
    report: Report

    @property
    def planned(self) -> bool:
        """It came as far as a plan."""
        return bool(self.report.digest)


class Runs:
    """The runs of a store, each read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, RunRow] = {}

    def of(self, run: str) -> RunRow | None:
        """A run by its id."""
        if run not in self._known:
            for row in rows(self._connection, f"{_RUNS} WHERE id = :run", run=run):
                self._known[run] = _run(row)
        return self._known.get(run)

    def newest(self, directory: str, until: RunOf | None) -> Iterator[RunRow]:
        """The runs of a directory, the newest first; those up to a run, with it."""
        until_then = "" if until is None else " AND (began < :b OR (began = :b AND id <= :r))"
        given = {} if until is None else {"b": until.began, "r": until.run}
        sql = f"{_RUNS} WHERE directory = :d{until_then} ORDER BY began DESC, id DESC LIMIT 1 OFFSET :n"
        for number in count():
            found = rows(self._connection, sql, d=directory, n=number, **given)
            if not found:
                return
            self._known[found[0][0]] = _run(found[0])
            yield self._known[found[0][0]]


def _run(row: Any) -> RunRow:
    run, directory, began, ended, state, generation, policy, body = row
    report: Report = msgspec.json.decode(body, type=Report)
    return RunRow(RunOf(run, directory, began, ended, state, report.planned_only), generation, policy, report)


def recorded(connection: Connection, runs: Runs, people: Iterable[tuple[str, str]]) -> list[Recorded]:
    """Everything applied to these people (directory, external id), and lately not applied; the newest first."""
    found: list[tuple[tuple[str, str, int, int], Recorded]] = []
    for directory, external_id in people:
        given = {"x": external_id, "d": directory}
        applied = rows(connection, f"{_ACTIONS} AND a.state = 'applied'", **given)
        others = rows(
            connection,
            f"{_ACTIONS} AND a.state <> 'applied' ORDER BY r.began DESC, r.id DESC LIMIT :n",
            n=REPEATED,
            **given,
        )
        found += [_placed(runs, row) for row in chain(applied, others)]
    return [one for _, one in sorted(found, key=lambda each: each[0], reverse=True)]


def of_run(connection: Connection, runs: Runs, run: RunRow, external_id: str) -> tuple[Recorded, ...]:
    """What one run recorded about a person, in the order of the plan."""
    sql = f"{_ACTIONS} AND a.run = :run ORDER BY a.step, a.n"
    found = rows(connection, sql, x=external_id, d=run.run.directory, run=run.run.run)
    return tuple(_placed(runs, row)[1] for row in found)


def _placed(runs: Runs, row: Any) -> tuple[tuple[str, str, int, int], Recorded]:
    kind, email, external_id, member, before, after, evidence, cause, state, code, attempts, error, *rest = row
    step, number, run_id = rest
    action = ActionRow(
        number, kind, email, external_id, member, _object(before), _object(after), evidence, cause, state, code,
        attempts, error,
    )  # fmt: skip
    run = runs.of(run_id)
    assert run is not None  # noqa: S101 - the action was joined with it
    place = (run.run.began, run.run.run, step, number)
    if code not in ("held", SUPERSEDED):
        return place, Recorded(run.run, action)
    action = msgspec.structs.replace(action, state="held", code="held", error=None)
    for each in run.report.causes:
        if each.limit and (each.kind, each.cause, each.evidence) == (kind, cause, evidence):
            return place, Recorded(run.run, action, each.sentence, each.limit, each.cluster)
    return place, Recorded(run.run, action)


def told(found: Sequence[Recorded]) -> tuple[Recorded, ...]:
    """As it is told to people: without what was only planned, and once what run after run could not do."""
    listed: list[Recorded] = []
    repeated: dict[tuple[str, bytes], int] = {}
    for one in found:
        action, run = one.action, one.run
        if run.planned_only or action.state == "planned":
            continue
        same = (run.directory, msgspec.json.encode(msgspec.structs.replace(action, seq=0, attempts=0)))
        at = repeated.get(same) if action.state != "applied" else None
        if at is not None:
            newest = listed[at]
            listed[at] = msgspec.structs.replace(newest, times=newest.times + 1, since=run.began)
            continue
        if action.state == "applied":
            repeated.clear()
        else:
            repeated[same] = len(listed)
        listed.append(one)
    return tuple(listed)
