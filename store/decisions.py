"""What people decide about a run: its held clusters, approved, rejected or superseded; what is not planned again.

Reading and marking the earlier run is here (the `Earlier` port); making the changes is a run of its own.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from reconciler.amend import aspects
from reconciler.model import Evidence
from reconciler.plan import Action, Cluster, Step
from reconciler.report import Report
from store.database import Store, bulk, rows

BATCH = 1000  # actions at a time
_LET_IN = (Step.CREATE, Step.REACTIVATE)
_object = msgspec.json.Decoder(dict[str, Any]).decode
ACTION = "step, kind, external_id, email, member, before, after, evidence, cause, parks"


@dataclass(frozen=True)
class HeldCluster:
    """A cluster that a guard held: `digest` stands for exactly the actions in it."""

    cluster: Cluster
    count: int
    digest: str

    @property
    def key(self) -> str:
        """The name by which a person picks it."""
        return self.cluster.key


def held_clusters(store: Store, run: str) -> list[HeldCluster]:
    """What a run still holds, in plan order; nothing when all of it was approved, rejected or superseded."""
    digests = held_digests(store, run)
    with store.read() as connection:
        return [HeldCluster(cluster, count, digests[cluster]) for cluster, count in _held(connection, run)]


def made(store: Store, run: str) -> bool:
    """Whether a run applied anything."""
    with store.read() as connection:
        return bool(rows(connection, "SELECT 1 FROM action WHERE run = :run AND state = 'applied' LIMIT 1", run=run))


def _held(connection: Connection, run: str) -> list[tuple[Cluster, int]]:
    found = rows(
        connection,
        "SELECT step, coalesce(evidence, ''), cause, count(*) FROM action WHERE run = :run AND state = 'held'"
        " GROUP BY step, coalesce(evidence, ''), cause ORDER BY 1, 3, 2",
        run=run,
    )
    return [(Cluster(Step(step), evidence, cause), count) for step, evidence, cause, count in found]


def held_digests(store: Store, run: str) -> dict[Cluster, str]:
    """ "sha256:…" for each held cluster, over the digests of its actions in plan order."""
    found: dict[Cluster, Any] = {}
    with store.read() as connection:
        for step in Step:
            for action in (each for batch in _actions(connection, run, "held", step) for each in batch):
                cluster = Cluster(step, action.evidence or "", action.cause)
                found.setdefault(cluster, sha256()).update(action.digest.encode())
    return {cluster: f"sha256:{whole.hexdigest()}" for cluster, whole in found.items()}


def _actions(connection: Connection, run: str, state: str, step: Step) -> Iterator[list[Action]]:
    last = 0
    sql = (
        f"SELECT n, {ACTION} FROM action WHERE run = :run AND step = :step AND n > :last AND state = :state"
        " ORDER BY n LIMIT :most"
    )
    while found := rows(connection, sql, run=run, step=int(step), last=last, state=state, most=BATCH):
        last = found[-1][0]
        yield [action_of(row[1:]) for row in found]


def action_of(row: Sequence[Any]) -> Action:
    """An action from the columns `ACTION`."""
    step, kind, external_id, email, member, before, after, evidence, cause, parks = row
    return Action(
        Step(step),
        kind,
        external_id,
        email,
        member,
        _object(before),
        _object(after),
        Evidence(evidence) if evidence else None,
        cause,
        parks=parks,
    )


class EarlierRun:
    """The run that a person decides about; `clusters` are those whose held actions are meant."""

    def __init__(self, store: Store, run: str, directory: str, clusters: Iterable[Cluster] = ()) -> None:
        self._store, self.run, self._directory = store, run, directory
        self._clusters = frozenset(clusters)

    def held(self, external_ids: Sequence[str]) -> Mapping[str, Mapping[str, Action]]:
        """The held actions of the chosen clusters, by person and digest."""
        found: dict[str, dict[str, Action]] = {}
        for action in self._of_people(external_ids, self.run, "held"):
            if Cluster(action.step, action.evidence or "", action.cause) in self._clusters:
                found.setdefault(action.external_id, {})[action.digest] = action
        return found

    def undone(self, external_ids: Sequence[str], run: str) -> Mapping[str, set[tuple[str, str]]]:
        """What `run` took back of each person."""
        found: dict[str, set[tuple[str, str]]] = {}
        for action in self._of_people(external_ids, run, "applied"):
            found.setdefault(action.external_id, set()).update(aspects(action))
        return found

    def _of_people(self, external_ids: Sequence[str], run: str, state: str) -> Iterator[Action]:
        sql = text(
            f"SELECT {ACTION} FROM action WHERE external_id IN :ids AND run = :run AND state = :state"
        ).bindparams(bindparam("ids", expanding=True))
        with self._store.read() as connection:
            for start in range(0, len(external_ids), 500):
                given = {"ids": list(external_ids[start : start + 500]), "run": run, "state": state}
                yield from [action_of(row) for row in connection.execute(sql, given)]

    def applied(self) -> Iterator[Sequence[Action]]:
        """What the run applied, in batches, so that what takes it back is in the order of a plan: both who was created
        and who was let in again is put out, in one order."""
        with self._store.read() as connection:
            for steps in ((step,) for step in Step if step not in _LET_IN):
                yield from self._applied(connection, steps)
            yield from self._applied(connection, _LET_IN)

    def _applied(self, connection: Connection, steps: Sequence[Step]) -> Iterator[Sequence[Action]]:
        each = (_actions(connection, self.run, "applied", step) for step in steps)
        streams = [(action for batch in batches for action in batch) for batches in each]
        merged = heapq.merge(*streams, key=lambda action: action.external_id)
        while batch := list(islice(merged, BATCH)):
            yield batch

    def waiting(self) -> Iterator[Sequence[Action]]:
        """The held actions of the chosen clusters, in batches, in the order of the plan."""
        with self._store.read() as connection:
            for step in Step:
                for batch in _actions(connection, self.run, "held", step):
                    yield [a for a in batch if Cluster(a.step, a.evidence or "", a.cause) in self._clusters]

    def refuse(self, actions: Iterable[Action], code: str, run: str) -> None:
        """These actions are not planned again as they are."""
        with self._store.write() as connection:
            _refuse(connection, self._directory, actions, code=code, run=run)


def _refuse(connection: Connection, directory: str, actions: Iterable[Action], *, code: str, run: str) -> None:
    bulk(
        connection,
        "INSERT INTO refusal (directory, external_id, digest, code, run, at)"
        " SELECT ?, ?, ?, ?, id, began FROM run WHERE id = ?"
        " ON CONFLICT (directory, external_id, digest) DO UPDATE SET code = excluded.code, run = excluded.run",
        [(directory, action.external_id, action.digest, code, run) for action in actions],
    )


def reject(connection: Connection, run: str, directory: str, clusters: Iterable[Cluster]) -> int:
    """Drops held clusters until their cause changes; how many actions that were."""
    dropped = 0
    for cluster in clusters:
        for batch in _actions(connection, run, "held", cluster.step):
            meant = [a for a in batch if (a.evidence or "", a.cause) == (cluster.evidence, cluster.cause)]
            _refuse(connection, directory, meant, code="rejected", run=run)
            dropped += len(meant)
        settle(connection, run, cluster, "rejected", "rejected: not planned again until the cause changes")
    recount(connection, run)
    return dropped


def decided(
    connection: Connection, run: str, found: HeldCluster, *, verdict: str, by: str, at: str, workspace: str,
    directory: str,
) -> None:  # fmt: skip
    """Writes down who decided what about a cluster, and when."""
    connection.execute(
        text(
            "INSERT INTO decision (run, cluster, workspace, directory, digest, verdict, decided_by, decided_at)"
            " VALUES (:run, :cluster, :w, :d, :digest, :verdict, :by, :at) ON CONFLICT (run, cluster) DO UPDATE SET"
            " digest = excluded.digest, verdict = excluded.verdict, decided_by = excluded.decided_by,"
            " decided_at = excluded.decided_at"
        ),
        {
            "run": run, "cluster": found.key, "w": workspace, "d": directory, "digest": found.digest,
            "verdict": verdict, "by": by, "at": at,
        },
    )  # fmt: skip


def settle(connection: Connection, run: str, cluster: Cluster, code: str, said: str) -> int:
    """The held actions of a cluster are held no more: skipped, with what became of them."""
    done = connection.execute(
        text(
            "UPDATE action SET state = 'skipped', code = :code, error = :said WHERE run = :run AND step = :step"
            " AND cause = :cause AND coalesce(evidence, '') = :evidence AND state = 'held'"
        ),
        {
            "run": run, "step": int(cluster.step), "cause": cluster.cause, "evidence": cluster.evidence,
            "code": code, "said": said,
        },
    )  # fmt: skip
    return done.rowcount


def recount(connection: Connection, run: str) -> None:
    """Brings the report of a run up to date with what was decided about its held changes."""
    found = rows(connection, "SELECT report FROM run WHERE id = :run", run=run)
    report: Report = msgspec.json.decode(found[0][0], type=Report)
    if report.state == "running":
        return  # it was killed: there is no report to correct
    left = {cluster.key: count for cluster, count in _held(connection, run)}
    held = sum(left.values())
    counts = msgspec.structs.replace(
        report.counts, held=held, skipped=report.counts.skipped + report.counts.held - held
    )
    causes = tuple(
        msgspec.structs.replace(cause, held=cause.cluster in left) if cause.held else cause for cause in report.causes
    )
    over = report.state == "held" and not held
    state = ("partial" if counts.failed else "succeeded") if over else report.state
    report = msgspec.structs.replace(report, counts=counts, causes=causes, state=state)
    connection.execute(
        text("UPDATE run SET state = :state, report = :report WHERE id = :run"),
        {"state": state, "report": msgspec.json.encode(report).decode(), "run": run},
    )


def superseded(connection: Connection, directory: str, run: str) -> tuple[str, ...]:
    """What earlier runs of the directory hold is planned anew by `run`: a sentence for each of them. What an undo holds
    is not: no directory asks for it."""
    sentences = []
    # By what runs tallied, not by their state: one that was blocked, failed in part or was killed may hold some too.
    sql = (
        "SELECT r.id, r.report FROM run r JOIN (SELECT run, max(ended) AS ended FROM run_tally WHERE directory = :d"
        " AND state = 'held' AND run <> :run GROUP BY run) t ON t.run = r.id"
        " WHERE r.report LIKE :applied ORDER BY t.ended DESC LIMIT 20"
    )
    for earlier, report in rows(connection, sql, d=directory, run=run, applied='%"planned_only":false%'):
        if msgspec.json.decode(report, type=Report).trigger == "undo":
            continue
        count = sum(
            settle(connection, earlier, cluster, "superseded", f"superseded: run {run} planned it anew")
            for cluster, _ in _held(connection, earlier)
        )
        if count:
            recount(connection, earlier)
            changes = "1 change" if count == 1 else f"{count:,} changes"
            sentences.append(
                f"{changes} that run {earlier} held, not approved until now: this run plans anew what the directory"
                " still asks for"
            )
    return tuple(sentences)
