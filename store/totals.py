"""What the runs of each directory added up to, kept in the transaction that ends a run: metrics and notifications read
one row of each directory, whatever number of runs there were, and retention takes nothing away from it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from reconciler.plan import Step
from reconciler.report import Audited, Report
from store.database import UNAVAILABLE, rows

BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 14400, 86400)  # seconds
WELL = ("succeeded", "held")  # states of a run with which nothing is wrong
KILLED = "killed"
DONE = ("applied", "failed")  # states of an action that was tried
SINCE = ("vendor", "request", "last_read", "first_read")
"""From when a leaver is timed: the directory's own time; the SCIM request that told it; the beginning of the last whole
read that did not show it yet (so at the latest they left then, and the latency is at most that); the beginning of the
first whole read, of who left before it."""


class Latencies(msgspec.Struct):
    """How long leavers took, as a histogram: `counts` by BUCKETS, the last one for whatever took longer."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


class Totals(msgspec.Struct, omit_defaults=True):
    """Of one directory, since its first run in this store. `actions` by kind and state; `last` is its last run.

    `wrong_since`: when the first of the runs in a row began that did not go well; `was_wrong_since`: of the row before
    that, which is over. "": none. `broke`: what was wrong when the latest run broke before it had a report. `left`:
    leavers, by SINCE. `audit`: what the last audit found that compared anybody.
    """

    runs: dict[str, int] = {}
    actions: dict[str, dict[str, int]] = {}
    failures: dict[str, int] = {}
    action_failures: dict[str, int] = {}
    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    left: dict[str, Latencies] = {}
    audit: Audited | None = None
    workspace: str = ""
    last: str = ""
    last_state: str = ""
    last_error: str = ""
    wrong_since: str = ""
    was_wrong_since: str = ""
    broke: str = ""


def totals_in(connection: Connection) -> dict[str, Totals]:
    """The totals of every directory that ever ran."""
    found = rows(connection, "SELECT directory, body FROM directory_total")
    return {directory: _totals(body) for directory, body in found}


def add_up(connection: Connection, report: Report) -> None:
    """Adds an ended run to the totals of its directory, whose row the transaction has locked. Plans are none."""
    if report.planned_only:
        return
    totals = _kept(connection, report.directory)
    _count(totals.runs, report.state)
    if report.error is not None:
        _count(totals.failures, report.error["code"])
    totals.requests += report.transport.requests
    totals.retries += report.transport.retries
    totals.throttled_seconds += report.transport.throttled_seconds
    _actions(connection, totals, report.run, (*DONE, "held", "skipped"))
    _leavers(connection, totals, report.directory, report.run, report.ended or report.began)
    _how_it_went(totals, report)
    _keep(connection, report.directory, totals)


def add_killed(connection: Connection, directory: str, runs: Sequence[str], now: str) -> None:
    """Adds runs that ended without a report, and what they had done by then: `now`, when they are closed, is the latest
    that it can have been. What they left undone is the next run's to count."""
    if not runs:
        return
    totals = _kept(connection, directory)
    _count(totals.runs, KILLED, len(runs))
    for run in runs:
        _actions(connection, totals, run, DONE)
        _leavers(connection, totals, directory, run, now)
    _keep(connection, directory, totals)


def add_broken(connection: Connection, directory: str, workspace: str, began: str, error: dict[str, str]) -> None:
    """Adds a run that broke before it had a report, in a transaction that has locked its directory. What the store
    itself refused is no news of the directory."""
    if error["code"] in UNAVAILABLE:
        return
    totals = _kept(connection, directory)
    _count(totals.failures, error["code"])
    totals.workspace, totals.broke = workspace, error["message"]
    totals.wrong_since = totals.wrong_since or began
    _keep(connection, directory, totals)


def _how_it_went(totals: Totals, report: Report) -> None:
    totals.workspace, totals.last, totals.last_state = report.workspace, report.run, report.state
    totals.last_error = report.error["message"] if report.error is not None else ""
    if report.of:
        return  # an approval says nothing about the directory
    totals.broke = ""
    if report.audit is None or _compared(report):
        totals.audit = report.audit
    if report.state not in WELL:
        totals.wrong_since = totals.wrong_since or report.began
    elif totals.wrong_since:
        totals.was_wrong_since, totals.wrong_since = totals.wrong_since, ""


def _compared(report: Report) -> bool:
    """Whether an audit got so far; one that could not read says nothing about what the one before found."""
    return report.error is None and (report.complete.users or report.counts.seen > 0)


def _actions(connection: Connection, totals: Totals, run: str, states: Sequence[str]) -> None:
    found = rows(connection, "SELECT step, state, number FROM run_tally WHERE run = :run", run=run)
    for step, state, number in found:
        if state in states:
            _count(totals.actions.setdefault(Step(step).kind, {}), state, number)
    if any(state == "failed" for _, state, _ in found):
        sql = "SELECT code, count(*) FROM action WHERE run = :run AND state = 'failed' GROUP BY code"
        for code, number in rows(connection, sql, run=run):
            _count(totals.action_failures, code, number)


def _leavers(connection: Connection, totals: Totals, directory: str, run: str, ended: str) -> None:
    """Who left the directory, from when that was to the end of the run that followed."""
    found = rows(
        connection,
        "SELECT m.off_since, m.off_told, m.off_after, m.changed_at, d.first_began FROM action a"
        " JOIN mirror_user m ON m.directory = :d AND m.external_id = a.external_id JOIN directory d ON d.id = :d"
        " WHERE a.run = :run AND a.step = :step AND a.state = 'applied'"
        " AND a.evidence IN ('tombstone', 'status', 'absence')",
        d=directory, run=run, step=int(Step.DEACTIVATE),
    )  # fmt: skip
    for row in found:
        since, began = _began(*row)
        seconds = (datetime.fromisoformat(ended) - began).total_seconds()
        totals.left.setdefault(since, Latencies()).add(max(0.0, seconds))


def _began(
    said: str | None, told: str | None, after: str | None, changed: str, first: str | None
) -> tuple[str, datetime]:  # fmt: skip
    """From when a leaver is timed, and what that is. Before a directory was read at all, nobody could follow it."""
    if told is not None:
        return "request", datetime.fromisoformat(told)
    seen = datetime.fromisoformat(changed)
    earliest = seen if first is None else min(seen, datetime.fromisoformat(first))
    if (moment := _time(said)) is not None and moment <= seen:
        return ("vendor", moment) if moment >= earliest else ("first_read", earliest)
    return ("first_read", earliest) if after is None else ("last_read", datetime.fromisoformat(after))


def _time(said: str | None) -> datetime | None:
    """The time that a directory says, when it is one."""
    try:
        moment = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _count(counts: dict[str, int], key: str, number: int = 1) -> None:
    counts[key] = counts.get(key, 0) + number


def _kept(connection: Connection, directory: str) -> Totals:
    found = rows(connection, "SELECT body FROM directory_total WHERE directory = :d", d=directory)
    return _totals(found[0][0]) if found else Totals()


def _totals(body: str) -> Totals:
    return msgspec.json.decode(body, type=Totals)


def _keep(connection: Connection, directory: str, totals: Totals) -> None:
    connection.execute(
        text(
            "INSERT INTO directory_total (directory, body) VALUES (:d, :body)"
            " ON CONFLICT (directory) DO UPDATE SET body = excluded.body"
        ),
        {"d": directory, "body": msgspec.json.encode(totals).decode()},
    )
