"""Runs: a plan as it is recorded, its outcomes, its report (the `Tasks` port), and reading them back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from reconciler.guard import Hold
from reconciler.plan import KINDS, Action, Cluster, Step
from reconciler.policy import Policy
from reconciler.ports import Mode
from reconciler.report import ActionRow, Cause, Counts, Report
from store import killed, mappings, policies
from store.apply import Batch, apply_batch
from store.database import Store, bulk, rows, scalar
from store.decisions import action_of, held_digests, superseded
from store.gauges import tallied
from store.history import opened
from store.leases import Held
from store.mirror import directory_row, lock_directory
from store.totals import add_up

BATCH = 1000  # actions in one transaction
CAUSES = 100  # clusters that a report names
PAGE = 5000  # actions read at a time

_COLUMNS = "step, n, kind, external_id, email, member, before, after, evidence, cause, parks, state, code, error"
_json = msgspec.json.Encoder(order="deterministic").encode
_object = msgspec.json.Decoder(dict[str, Any]).decode


class RunTasks:
    """One run in the store."""

    def __init__(self, store: Store, policy: Policy, *, held: Held, now: Callable[[], str], mode: Mode) -> None:
        self._store, self._policy, self._lease, self._now = store, policy, held, now
        self._run, self._mode = held.run, mode
        self._numbers = dict.fromkeys(Step, 0)
        self.mark = 0
        self._pending = True
        self._second = self._planned_only = False  # about an earlier run; without writing to the workspace

    def follow(self, mark: int) -> None:
        """The plan to come is of the mirror's generation `mark`: what becomes pending later stays pending."""
        self.mark = mark
        with self._store.read() as connection:
            sql = "SELECT 1 FROM pending WHERE directory = :d AND mark <= :mark LIMIT 1"
            self._pending = scalar(connection, sql, d=self._policy.directory, mark=mark) is not None

    def open(self, report: Report) -> None:
        """Writes the run's row and closes those that a killed process of this directory left open."""
        self._second, self._planned_only = bool(report.of), report.planned_only
        with self._store.write() as connection:
            directory_row(connection, self._policy.directory)
            lock_directory(connection, self._policy.directory)
            killed.close(connection, report.directory, killed.left_running(connection, report.directory), self._now())
            connection.execute(
                text(
                    "INSERT INTO run (id, workspace, directory, state, began, report)"
                    " VALUES (:id, :w, :d, 'running', :began, :report)"
                ),
                {
                    "id": report.run,
                    "w": report.workspace,
                    "d": report.directory,
                    "began": report.began,
                    "report": msgspec.json.encode(report).decode(),
                },
            )
            opened(connection, report.run, self._policy, self._now())

    def record(
        self, actions: Iterable[Action], *, settled: Sequence[str], scope: dict[str, bool],
        stale: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """Writes a chunk of the plan; marks its people pending, clears the settled ones, notes who is in scope, forgets
        refusals that nothing is planned for any more."""
        listed = list(actions)
        cleared = settled if self._pending else ()
        if not (listed or scope or cleared or stale):
            return
        directory = self._policy.directory
        with self._store.write() as connection:
            lock_directory(connection, directory)
            self._lease.check(connection, self._now())
            self._insert(connection, listed)
            concerned = dict.fromkeys(action.external_id for action in listed)
            if self._mode == "full" or self._second:
                bulk(
                    connection,
                    "INSERT INTO pending (directory, external_id, mark) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(directory, external_id, self.mark) for external_id in concerned],
                )
            bulk(
                connection,
                "DELETE FROM pending WHERE directory = ? AND external_id = ? AND mark <= ?",
                [(directory, external_id, self.mark) for external_id in cleared],
            )
            bulk(
                connection,
                "UPDATE mirror_user SET scoped = ? WHERE directory = ? AND external_id = ?",
                [(inside, directory, external_id) for external_id, inside in scope.items()],
            )
            bulk(
                connection,
                "DELETE FROM refusal WHERE directory = ? AND external_id = ? AND digest = ?",
                [(directory, *refusal) for refusal in stale],
            )

    def _insert(self, connection: Connection, actions: list[Action]) -> None:
        recorded = []
        for action in actions:
            self._numbers[action.step] = number = self._numbers[action.step] + 1
            recorded.append(
                (
                    self._run, int(action.step), number, action.kind, action.external_id, action.email, action.member,
                    _json(action.before).decode(), _json(action.after).decode(),
                    action.evidence and action.evidence.value, action.cause, action.parks, action.state, action.code,
                    action.detail or None,
                )
            )  # fmt: skip
        marks = ", ".join("?" * 15)
        bulk(connection, f"INSERT INTO action (run, {_COLUMNS}, attempts) VALUES ({marks}, 0)", recorded)

    def planned(self) -> tuple[str, ...]:
        """The plan is whole: a changed policy has been dealt with, its differences are pending. What is going to be
        applied is followed, and what earlier runs of the directory hold is planned anew."""
        with self._store.write() as connection:
            now = self._now()
            self._lease.check(connection, now)
            policies.compared(connection, self._policy, now, everybody=self._mode == "full")
            if self._planned_only:
                return ()
            mappings.follow(connection, self._policy, now)
            return superseded(connection, self._policy.directory, self._run)

    def hold(self, holds: Iterable[Hold]) -> None:
        """Marks the actions of held clusters."""
        listed = [(self._run, int(hold.step), hold.cause, hold.evidence) for hold in holds]
        if listed:
            sql = (
                "UPDATE action SET state = 'held', code = 'held' WHERE run = ? AND step = ? AND cause = ?"
                " AND coalesce(evidence, '') = ?"
            )
            with self._store.write() as connection:
                bulk(connection, f"{sql} AND state = 'planned'", listed)

    def apply(self) -> Iterator[int]:
        """Applies the planned actions in the order of steps, in batches; yields how many are done."""
        done = 0
        for step in Step:
            last = 0
            while batch := self._next(step, last):
                last = batch[-1][0]
                apply_batch(self._store, Batch(self._policy, self._lease, step, batch), self._now)
                done += len(batch)
                yield done
        if self._policy.retired and not self._second:
            with self._store.write() as connection:
                self._lease.check(connection, self._now())
                mappings.settle(connection, self._policy, self._now())

    def _next(self, step: Step, after: int) -> list[tuple[int, Action]]:
        sql = (
            f"SELECT {_COLUMNS} FROM action WHERE run = :run AND step = :step AND n > :after AND state = 'planned'"
            " ORDER BY n LIMIT :limit"
        )
        with self._store.read() as connection:
            found = rows(connection, sql, run=self._run, step=int(step), after=after, limit=BATCH)
        return [(row[1], _action(row)) for row in found]

    def counts(self, *, in_plan: bool) -> tuple[Counts, tuple[Cause, ...]]:
        """The funnel and the causes, from what is recorded."""
        with self._store.read() as connection:
            funnel = _funnel(connection, self._policy.directory, self._run)
            states = rows(
                connection,
                "SELECT kind, state, count(*) FROM action WHERE run = :run GROUP BY kind, state",
                run=self._run,
            )
            causes = rows(
                connection,
                "SELECT cause, kind, count(*) AS many, state, step, evidence FROM action WHERE run = :run"
                " AND state <> 'skipped' GROUP BY cause, kind, state, step, evidence"
                " ORDER BY many DESC, kind, cause, step, evidence LIMIT :most",
                run=self._run,
                most=CAUSES,
            )
        done = "planned" if in_plan else "applied"
        kinds = {kind: sum(n for k, state, n in states if k == kind and state == done) for kind in KINDS}
        totals = {state: sum(n for _, s, n in states if s == state) for state in ("held", "failed", "skipped")}
        seen, inside, touched = funnel
        counts = Counts(
            seen=seen, in_scope=inside, unchanged=inside - touched, held=totals["held"], failed=totals["failed"],
            skipped=seen - inside + totals["skipped"], **kinds,
        )  # fmt: skip
        digests = held_digests(self._store, self._run) if counts.held else {}
        return counts, tuple(_cause(row, digests) for row in causes)

    def finish(self, report: Report) -> None:
        """Keeps the report; people whose every action was applied are not pending any more."""
        with self._store.write() as connection:
            lock_directory(connection, self._policy.directory)
            self._lease.check(connection, self._now())  # a run that was overtaken was ended by the one that did it
            tallied(connection, self._run, report.ended or self._now())
            add_up(connection, report)
            if not report.planned_only and report.trigger != "undo":  # what is undone waits for other news
                connection.execute(
                    text(
                        "DELETE FROM pending WHERE directory = :d AND mark <= :mark AND external_id IN"
                        " (SELECT external_id FROM action WHERE run = :run) AND external_id NOT IN"
                        " (SELECT external_id FROM action WHERE run = :run AND state <> 'applied')"
                    ),
                    {"d": self._policy.directory, "mark": self.mark, "run": self._run},
                )
            connection.execute(
                text(
                    "UPDATE run SET state = :state, ended = :ended, report = :report, managed = :managed,"
                    " generation = coalesce(:mark, generation) WHERE id = :run"
                ),
                {
                    "managed": report.managed,
                    "state": report.state,
                    "ended": report.ended,
                    "report": msgspec.json.encode(report).decode(),
                    "run": self._run,
                    "mark": self.mark or None,  # what was planned; a run without a plan is of what it found
                },
            )


def _cause(row: Any, digests: Mapping[Cluster, str]) -> Cause:
    cause, kind, count, state, step, evidence = row
    cluster = Cluster(Step(step), evidence or "", cause)
    digest = digests.get(cluster, "") if state == "held" else ""
    return Cause(cause, kind, count, state == "held", cluster=cluster.key, evidence=evidence, digest=digest)


def _action(row: Any) -> Action:
    """An action from `_COLUMNS`, which are those of `ACTION` with a number after the step and outcomes at the end."""
    return action_of((row[0], *row[2:11]))


def _funnel(connection: Connection, directory: str, run: str) -> tuple[int, int, int]:
    """(people seen, of them in scope, of those touched by the run)."""
    seen, inside = rows(
        connection,
        "SELECT count(*), coalesce(sum(CASE WHEN scoped THEN 1 ELSE 0 END), 0) FROM mirror_user"
        " WHERE directory = :d AND state <> 'gone'",
        d=directory,
    )[0]
    touched = scalar(
        connection,
        "SELECT count(*) FROM mirror_user WHERE directory = :d AND scoped AND state <> 'gone' AND external_id IN"
        " (SELECT external_id FROM action WHERE run = :run)",
        d=directory,
        run=run,
    )
    return int(seen), int(inside), int(touched)


def report_of(store: Store, run: str) -> Report | None:
    """The report of a run, None when there is none of that id."""
    with store.read() as connection:
        found = rows(connection, "SELECT report, state, ended FROM run WHERE id = :run", run=run)
    return _report(found[0]) if found else None


_CHOSEN = {
    "directory": "directory = :directory",
    "workspace": "workspace = :workspace",
    "state": "state = :state",
    "since": "began >= :since",
    "began": "(began, id) < (:began, :run)",
}


def reports(
    store: Store, *, directory: str | None = None, limit: int = 20, workspace: str | None = None,
    state: str | None = None, since: str | None = None, before: tuple[str, str] | None = None,
) -> list[Report]:  # fmt: skip
    """The newest reports first; `before` is when the last one of the page before began, and its run."""
    given = {"directory": directory, "workspace": workspace, "state": state, "since": since}
    if before is not None:
        given |= {"began": before[0], "run": before[1]}
    wanted = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join(_CHOSEN[name] for name in _CHOSEN if name in wanted) or "TRUE"
    with store.read() as connection:
        found = rows(
            connection,
            f"SELECT report, state, ended FROM run WHERE {where} ORDER BY began DESC, id DESC LIMIT :n",
            n=limit,
            **wanted,
        )
    return [_report(row) for row in found]


def _report(row: Any) -> Report:
    """A run that was killed has no report of its end: others closed it as failed (killed.py)."""
    body, state, ended = row
    report: Report = msgspec.json.decode(body, type=Report)
    if report.state == state:
        return report
    error = {"code": "killed", "message": "the run ended without a report", "where": f"run {report.run}",
             "fix": "nothing was lost: the next run of the directory finishes its work"}  # fmt: skip
    return msgspec.structs.replace(report, state=state, ended=ended, error=error)


def actions_of(store: Store, run: str) -> Iterator[ActionRow]:
    """The actions of a run in plan order, a page at a time."""
    place = (0, 0)
    while True:
        found = actions_page(store, run, place, PAGE)
        yield from (row for _, row in found)
        if len(found) < PAGE:
            return
        place = found[-1][0]


def actions_page(
    store: Store, run: str, after: tuple[int, int], limit: int, *, state: str | None = None
) -> list[tuple[tuple[int, int], ActionRow]]:
    """The next actions of a run in plan order, each with its place: its step, and its number in it. `after` is the
    place of the last one before, (0, 0) at the beginning; `state` leaves out those of another."""
    only = "" if state is None else " AND state = :state"
    sql = (
        f"SELECT {_COLUMNS}, attempts FROM action WHERE run = :run AND (step > :step OR step = :step AND n > :last)"
        f"{only} ORDER BY step, n LIMIT :limit"
    )
    given = {"run": run, "step": after[0], "last": after[1], "limit": limit, **({"state": state} if state else {})}
    with store.read() as connection:
        found = rows(connection, sql, **given)
        begins = _begins(connection, run) if found else {}
    return [((row[0], row[1]), _row(begins[row[0]] + row[1], row)) for row in found]


def _begins(connection: Connection, run: str) -> dict[int, int]:
    """How many actions of a run come before those of each step, which are numbered without a gap."""
    found = rows(connection, "SELECT step, max(n) FROM action WHERE run = :run GROUP BY step ORDER BY step", run=run)
    totals = accumulate((number for _, number in found), initial=0)
    return {step: before for (step, _), before in zip(found, totals, strict=False)}


def _row(seq: int, row: Any) -> ActionRow:
    _, _, kind, external_id, email, member, before, after, evidence, cause, _, state, code, error, attempts = row
    return ActionRow(
        seq, kind, email, external_id, member, _object(before), _object(after), evidence, cause, state, code, attempts,
        error,
    )  # fmt: skip
