"""The run of a directory that audits: read whole into a mirror of its own, compared with what was told, reported.

It takes turns with nothing but itself: no member is planned or changed, so what is told meanwhile is not held up. What
differs between two people is reconciler/audit.py; who they are on both sides, store/audit.py.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from connectors.base import Connector
from reconciler.audit import CODES, Finding, Tally, Terms, Verdict, compared, groups, mentioned, spoken, untold
from reconciler.errors import DirectoryError, RunError
from reconciler.policy import Policy, Scope, TeamMapping
from reconciler.ports import Job, Progress
from reconciler.report import Audited, Cause, Counts, Report
from reconciler.sync import finish, read
from reconciler.watch import Watch
from rosterd.ports import RunPorts, lease, new_run, now, renewed
from store.audit import Moment, Sides, called, current, generation, last_whole, read_by, told_by
from store.database import Store
from store.leases import stamp

# A provider tells a change some time after it is made: Microsoft Entra ID's cycle takes 40 minutes
# (learn.microsoft.com/entra/identity/app-provisioning/how-provisioning-works), a busy one longer.
GRACE = timedelta(hours=1)
CAUSES = 100  # that a report names
Found = Callable[[Finding], None]


class ToldOtherwise(RunError):
    """The mirror of the told directory is not made as configuration reads it now."""

    code = "told_not_current"


def auditing(told: Policy, own: Policy) -> Policy:
    """How a directory that audits is read: everybody whom its own keys call provisioned, matched as the told side
    matches people; the groups that the told side's policy mentions."""
    excluded = tuple(dict.fromkeys((*own.scope.exclude, *told.scope.exclude)))
    return msgspec.structs.replace(
        own, match=told.match, scope=Scope(told.scope.domains, own.scope.groups, own.scope.guests, excluded), axes=(),
        sources=(), rules=(), teams=_mentioned({ref: ref for ref in told.configured}), protected=frozenset(), limits={},
        flap=None,
    )  # fmt: skip


def _mentioned(names: dict[str, str]) -> tuple[TeamMapping, ...]:
    """Groups are wanted of a directory because a mapping mentions them."""
    return tuple(TeamMapping(name, name) for name in sorted({*names.values()}))


def turn(directory: str) -> str:
    """What audits of a directory take turns in: only one runs at a time, and a workspace's runs do not wait for it."""
    return f"audit:{directory}"


async def audit(
    store: Store, told: Policy, listed: Policy, connector: Connector, *, progress: Progress, trigger: str = "manual",
    identity: str = "", found: Found | None = None, run: str = "",
) -> Report:  # fmt: skip
    """One audit. `found` is told every finding; `run` is its id, if it has one already.

    Raises:
        ToldOtherwise: the told side has to run first.
        WorkspaceBusy: another audit of this directory runs.
        StoreError: the store refused.
    """
    if not current(store, told):
        raise ToldOtherwise(
            f"{told.directory} was told under another configuration, and not read anew yet",
            where=told.directory, fix=f"rosterd sync {told.directory}, then again",
        )  # fmt: skip
    names = called(store, told)
    listed = msgspec.structs.replace(listed, teams=_mentioned(names))
    run = run or new_run(now())
    with lease(store, turn(listed.directory), run) as held:
        ports = RunPorts(store, listed, connector, held=held, progress=progress, identity=identity)
        async with renewed(ports.renewal):
            return await _audit(Job(run, listed, trigger, verify=True), ports, _Comparison(store, told, names, found))


async def _audit(job: Job, ports: RunPorts, comparison: "_Comparison") -> Report:
    watch, policy = Watch(ports), job.policy
    report = Report(
        job.run, policy.workspace, policy.directory, job.trigger, "full", "running", watch.began,
        audit=Audited(comparison.told.directory),
    )  # fmt: skip
    tasks = ports.tasks(report)
    pushed = generation(comparison.store, comparison.told.directory)
    try:
        if job.trigger == "schedule":
            ports.check_due()
        with watch.phase("pull"):
            complete = await read(job, ports)
    except DirectoryError as error:
        blocked = msgspec.structs.replace(report, state="blocked", error=error.as_dict())
        return finish(blocked, ports, tasks, watch, whole=False)
    with watch.phase("compare"):
        report = msgspec.structs.replace(report, complete=complete)
        report = comparison.compare(report, policy, Moment(watch.began, pushed), ports.progress)
    return finish(report, ports, tasks, watch, whole=complete.whole)


class _Comparison:
    """Everybody on both sides, a chunk at a time; what was found goes into the report."""

    def __init__(self, store: Store, told: Policy, names: dict[str, str], found: Found | None) -> None:
        self.store, self.told = store, told
        self._names, self._found = names, found
        self._tally = Tally()

    def compare(self, report: Report, listed: Policy, began: Moment, progress: Progress) -> Report:
        """Compares what the store holds now; `began` is when the read did, and what was told by then."""
        pushed = began if report.complete.users else self._last_whole(listed)
        if pushed is None:
            said = "the directory never listed all its people: nobody was compared"
            return msgspec.structs.replace(report, warnings=(said,))
        since = stamp(datetime.fromisoformat(report.began) - GRACE)
        sides = Sides(
            self.store, self.told, listed, names=self._names, pushed=pushed,
            read=read_by(self.store, listed.directory, since),
        )  # fmt: skip
        try:
            fields, silent = self._fields(sides, listed)
            self._judge(sides, sides.terms(fields, whole=report.complete.users), progress)
            return self._told(report, sides, silent)
        finally:
            sides.close()

    def _last_whole(self, listed: Policy) -> Moment | None:
        """After a short read, the mirror may be as old as the last whole one: who was told anew since is not judged."""
        at = last_whole(self.store, listed.directory)
        return None if at is None else told_by(self.store, self.told.directory, at)

    def _fields(self, sides: Sides, listed: Policy) -> tuple[frozenset[str], tuple[str, ...]]:
        """The fields that both sides speak of, and those that only the directory does."""
        here = spoken(self.told, sides.active(self.told.directory))
        there = spoken(listed, sides.active(listed.directory))
        asked = {*mentioned(self.told)}
        return here & there, tuple(name for name in mentioned(listed) if name in (there - here) & asked)

    def _judge(self, sides: Sides, terms: Terms, progress: Progress) -> None:
        for finding in groups(terms):
            self._tally.note(finding)
            self._tell(finding)
        done = 0
        for chunk in self._verdicts(sides, terms):
            for verdict in chunk:
                self._tally.add(verdict)
                for finding in verdict.findings:
                    self._tell(finding)
            done += len(chunk)
            progress("compare", done, None)

    def _verdicts(self, sides: Sides, terms: Terms) -> Iterator[list[Verdict]]:
        for pairs in sides.told():
            yield [compared(terms, told, listed) for told, listed in pairs]
        for people in sides.untold():
            yield [untold(terms, listed, left=left) for listed, left in people]

    def _tell(self, finding: Finding) -> None:
        if self._found is not None:
            self._found(finding)

    def _told(self, report: Report, sides: Sides, silent: tuple[str, ...]) -> Report:
        tally = self._tally
        counts = Counts(seen=sides.seen(), in_scope=tally.inside, unchanged=tally.alike)
        causes = sorted(tally.causes.items(), key=lambda each: (CODES.index(each[0][0]), -each[1], each[0][1]))
        return msgspec.structs.replace(
            report, counts=counts, warnings=(*_remarks(tally, self.told.directory, silent), *sides.warnings),
            causes=tuple(Cause(cause, code, count, held=False) for (code, cause), count in islice(causes, CAUSES)),
            audit=Audited(self.told.directory, tally.found, tally.underway, tally.unjudged),
        )  # fmt: skip


def _remarks(tally: Tally, told: str, silent: tuple[str, ...]) -> Iterator[str]:
    """What a reader of the report has to know besides the numbers."""
    for code, count in tally.found.items():
        first = tally.first[code]  # type: ignore[index]  # the keys are codes
        more = f" and {count - len(first):,} more" if count > len(first) else ""
        yield f"{code}: {', '.join(first)}{more}; each of them: rosterd audit {told}"
    if tally.underway:
        yield f"{_people(tally.underway)} changed too lately to be judged: the next audit does"
    if tally.unjudged:
        yield f"{_people(tally.unjudged)} could not be judged: the directory was not read whole, or gave no status"
    if silent:
        yield f"not compared, since the client tells them of nobody: {', '.join(silent)}"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"
