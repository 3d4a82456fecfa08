"""The loop: pull → absorb → plan → guard → apply → report, for one directory.

It drives ports (ports.py) and does no I/O of its own; the shell gives it a connector, the store's parts and a clock.
Killed anywhere and run again, it converges: what is not applied stays pending in the mirror.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from reconciler.amend import respected
from reconciler.context import Context
from reconciler.decide import decide
from reconciler.errors import CursorExpired, DirectoryError
from reconciler.flaps import marked
from reconciler.guard import Hold, Verdict, judge
from reconciler.holders import with_stays
from reconciler.lasting import looked_again
from reconciler.match import Subject
from reconciler.plan import Action, Tally
from reconciler.policy import Policy
from reconciler.ports import Job, Ports, Snapshot, Tasks
from reconciler.report import Complete, Report, State
from reconciler.watch import Watch


async def sync(job: Job, ports: Ports) -> Report:
    """One pass of the loop. A directory that cannot be read gives a `blocked` report, not an exception.

    Raises:
        StoreError: the store refused; what was applied before is recorded.
    """
    watch = Watch(ports)
    report = Report(
        job.run, job.policy.workspace, job.policy.directory, job.trigger, job.mode, "running", watch.began,
        planned_only=not job.apply,
    )  # fmt: skip
    tasks = ports.tasks(report)
    try:
        if job.trigger == "schedule":
            ports.check_due()
        with watch.phase("pull"):
            complete = await _pull(job, ports)
    except DirectoryError as error:
        report = msgspec.structs.replace(report, state="blocked", error=error.as_dict())
        return finish(report, ports, tasks, watch, whole=False)
    if unread := () if complete.users else ports.unread():
        refused = _not_read(job, unread).as_dict()
        report = msgspec.structs.replace(report, state="blocked", complete=complete, error=refused)
        return finish(report, ports, tasks, watch, whole=False)
    with watch.phase("plan"):
        tally, warnings = _plan(job, ports, tasks)
    report = msgspec.structs.replace(report, complete=complete, warnings=warnings)
    return carry_out(report, tally, ports, tasks, watch=watch, policy=job.policy)


def _not_read(job: Job, attributes: Sequence[str]) -> DirectoryError:
    """Who was read before configuration asked for an attribute seems not to have it: nobody is judged by that."""
    named = ", ".join(attributes)
    error = DirectoryError(
        f"the configuration now asks for {named}, and the listing of people was not whole: nobody is judged by it yet",
        where=job.policy.directory,
        fix="nothing was changed; the first whole listing settles it",
    )
    error.code = "attributes_not_read"
    return error


def carry_out(
    report: Report, tally: Tally, ports: Ports, tasks: Tasks, *, watch: Watch, policy: Policy, approved: bool = False
) -> Report:
    """Guards a recorded plan (unless it was approved), applies what is released, looks again, and ends the run."""
    with watch.phase("guard"):
        gauges = ports.gauges(tally.lost, tally.lowered)
        verdict = Verdict() if approved else judge(policy, tally, gauges)
        tasks.hold(verdict.holds)
    if not report.planned_only and _apply(tasks, ports, watch, tally.planned - verdict.held):
        with watch.phase("recheck"):
            lost = _look_again(report, policy, ports)
        report = msgspec.structs.replace(report, warnings=(*lost, *report.warnings))
    report = msgspec.structs.replace(report, digest=tally.digest, managed=gauges.managed)
    return finish(_with_counts(report, tasks, verdict.holds), ports, tasks, watch, whole=report.complete.whole)


def _apply(tasks: Tasks, ports: Ports, watch: Watch, released: int) -> bool:
    """Whether there was something to apply."""
    done = 0
    with watch.phase("apply"):
        for done in tasks.apply():
            ports.progress("apply", done, released)
    return done > 0


def _look_again(report: Report, policy: Policy, ports: Ports) -> tuple[str, ...]:
    aftermath = ports.aftermath()
    try:
        return looked_again(policy, aftermath, taken_back=report.trigger == "undo")
    finally:
        aftermath.close()


async def _pull(job: Job, ports: Ports) -> Complete:
    """Reads what changed where that is possible, else everything; a void cursor means everything."""
    cursor = "" if job.verify else ports.cursor()
    if cursor:
        with suppress(CursorExpired):
            return await read(job, ports, cursor)
    return await read(job, ports)


async def read(job: Job, ports: Ports, cursor: str = "") -> Complete:
    """Reads what changed since a cursor, or everything, and makes it the mirror."""
    absorber = ports.absorber()
    wanted = job.policy.wanted(ports.bound(), cursor)
    try:
        async for observation in ports.source.pull(wanted):
            ports.progress("pull", absorber.take(observation), None)
        for questions in absorber.questions(thorough=job.verify):
            async for observation in ports.source.confirm(questions, wanted):
                ports.progress("pull", absorber.take(observation), None)
        return absorber.promote()
    finally:
        absorber.discard()


def _plan(job: Job, ports: Ports, tasks: Tasks) -> tuple[Tally, tuple[str, ...]]:
    snapshot = ports.snapshot()
    try:
        chunks = snapshot.everyone if job.verify else snapshot.pending
        tally = plan(job.policy, snapshot, chunks, tasks, ports=ports, choose=respecting)
        return tally, (*tasks.planned(), *snapshot.warnings)
    finally:
        snapshot.close()


Chunks = Callable[[], Iterator[Sequence[Subject]]]
Choose = Callable[[Subject, tuple[Action, ...]], tuple[tuple[Action, ...], tuple[str, ...]]]
"""From what is decided about a person to what is recorded, with the digests of refusals that are over."""


def respecting(subject: Subject, actions: tuple[Action, ...]) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """Everything that is decided, without what a person refused."""
    return respected(subject, actions) if subject.refused else (actions, ())


def plan(
    policy: Policy, snapshot: Snapshot, chunks: Chunks, tasks: Tasks, *, ports: Ports, choose: Choose
) -> Tally:  # fmt: skip
    """Decides people a chunk at a time and records what comes of it."""
    context = Context(policy, snapshot.view)
    context = with_stays(context, snapshot.holders, lambda: (s for chunk in chunks() for s in chunk))
    tally, done = Tally(), 0
    for chunk in chunks():
        _plan_chunk(context, chunk, tally, tasks, snapshot=snapshot, choose=choose)
        done += len(chunk)
        ports.progress("plan", done, None)
    return tally


def _plan_chunk(
    context: Context, chunk: Sequence[Subject], tally: Tally, tasks: Tasks, *, snapshot: Snapshot, choose: Choose
) -> None:
    actions: list[Action] = []
    settled: list[str] = []
    scope: dict[str, bool] = {}
    stale: list[tuple[str, str]] = []
    decided = [(subject, decide(context, subject)) for subject in chunk]
    flapping, said = marked(context.policy, decided, snapshot.past)
    for subject, decision in decided:
        chosen, over = choose(subject, flapping.get(subject.external_id, decision.actions))
        stale += [(subject.external_id, digest) for digest in over]
        if chosen:
            actions += chosen
        else:
            settled.append(subject.external_id)
        if subject.user is not None and decision.in_scope is not subject.scoped:
            scope[subject.external_id] = decision.in_scope
    tally.flapping = said | tally.flapping
    tally.add(actions)
    tasks.record(actions, settled=settled, scope=scope, stale=stale)


def _with_counts(report: Report, tasks: Tasks, holds: Iterable[Hold]) -> Report:
    counts, causes = tasks.counts(in_plan=report.planned_only)
    why = {hold.cluster.key: hold for hold in holds}
    explained = tuple(
        msgspec.structs.replace(cause, sentence=why[cause.cluster].sentence, limit=why[cause.cluster].limit)
        if cause.held and cause.cluster in why
        else cause
        for cause in causes
    )
    return msgspec.structs.replace(report, counts=counts, causes=explained)


def finish(report: Report, ports: Ports, tasks: Tasks, watch: Watch, *, whole: bool) -> Report:
    """The report of a run that is over, recorded; `whole`: its read was."""
    counts = report.counts
    states: list[tuple[bool, State]] = [
        (report.error is not None or not whole, "blocked"),
        (counts.failed > 0, "partial"),
        (counts.held > 0, "held"),
        (True, "succeeded"),
    ]
    report = msgspec.structs.replace(
        report,
        state=next(state for applies, state in states if applies),
        ended=ports.now(),
        phases=watch.phases,
        transport=ports.source.transport,
    )
    report = msgspec.structs.replace(report, health=ports.health(report))
    tasks.finish(report)
    return report
