"""Runs that a person asks for: making held changes after all (`approve`), and taking a run back (`undo`).

Both are runs like any other, with a report of their own. They read no directory: an approval decides the people it is
about again, from what is known now, and makes only what is still the same; undoing goes through the guards, and what
the directory asked for then is not planned again until it asks for something else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from reconciler.amend import approved, aspects, inverse, still
from reconciler.context import Context
from reconciler.decide import decide
from reconciler.holders import with_stays
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.plan import Action, Tally
from reconciler.ports import Job, Ports, Snapshot, Tasks
from reconciler.report import Complete, Report
from reconciler.sync import carry_out, plan
from reconciler.watch import Watch


class Looked(Snapshot, Protocol):
    """A view that finds people and members again."""

    def acted(self, run: str) -> Iterator[Sequence[Subject]]:
        """The people whom a run holds something about or did something to, in chunks of rising external id."""
        ...

    def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id."""
        ...


class Earlier(Protocol):
    """What the store knows of the run that a person decides about."""

    run: str

    def held(self, external_ids: Sequence[str]) -> Mapping[str, Mapping[str, Action]]:
        """The held actions that were approved, by person and digest."""
        ...

    def applied(self) -> Iterator[Sequence[Action]]:
        """What the run applied, in batches; what takes it back comes in the order of a plan within each step."""
        ...

    def waiting(self) -> Iterator[Sequence[Action]]:
        """What the run holds and was approved, in batches, in the order of its plan."""
        ...

    def undone(self, external_ids: Sequence[str], run: str) -> Mapping[str, set[tuple[str, str]]]:
        """What `run` took back of each person, as `amend.aspects`."""
        ...

    def refuse(self, actions: Iterable[Action], code: str, run: str) -> None:
        """These actions are not planned again as they are."""
        ...


class DecisionPorts(Ports, Protocol):
    """What such a run needs from the outside."""

    def snapshot(self) -> Looked:
        """A view of now."""
        ...


def approve(job: Job, ports: DecisionPorts, earlier: Earlier) -> Report:
    """Makes those held changes of an earlier run that were approved and are still what would be planned.

    Raises:
        StoreError: the store refused; what was applied before is recorded.
    """
    watch, report, tasks = _begin(job, ports, earlier)
    snapshot = ports.snapshot()
    allowed: dict[str, Mapping[str, Action]] = {}

    def chunks() -> Iterator[Sequence[Subject]]:
        for chunk in snapshot.acted(earlier.run):
            allowed.clear()
            allowed.update(earlier.held([subject.external_id for subject in chunk]))
            yield chunk

    def choose(subject: Subject, actions: tuple[Action, ...]) -> tuple[tuple[Action, ...], tuple[str, ...]]:
        return approved(actions, allowed.get(subject.external_id, {})), ()

    try:
        with watch.phase("plan"):
            tally = plan(job.policy, snapshot, chunks, tasks, ports=ports, choose=choose)
    finally:
        snapshot.close()
    return carry_out(report, tally, ports, tasks, watch=watch, policy=job.policy, approved=True)


def undo(job: Job, ports: DecisionPorts, earlier: Earlier) -> Report:
    """Takes back what an earlier run applied, where nothing changed since, through the same guards.

    Raises:
        StoreError: the store refused; what was applied before is recorded.
    """
    return _back(
        job, ports, earlier, earlier.applied(), lambda action, member: inverse(action, member, earlier.run)
    )  # fmt: skip


def approve_undo(job: Job, ports: DecisionPorts, earlier: Earlier) -> Report:
    """Takes back after all what a guard held of an undo, and was approved, where nothing changed since.

    Raises:
        StoreError: the store refused; what was applied before is recorded.
    """
    return _back(job, ports, earlier, earlier.waiting(), still, approved=True)


Back = Callable[[Action, Member | None], Action]


def _back(
    job: Job, ports: DecisionPorts, earlier: Earlier, found: Iterator[Sequence[Action]], back: Back, *,
    approved: bool = False,
) -> Report:  # fmt: skip
    """Makes what `back` makes of each of these actions, and of the member as they are now."""
    watch, report, tasks = _begin(job, ports, earlier)
    tally = Tally()
    with watch.phase("plan"):
        snapshot = ports.snapshot()
        try:
            for actions in found:
                members = snapshot.members([action.member for action in actions])
                planned = [back(action, members.get(action.member)) for action in actions]
                tally.add(planned)
                tasks.record(planned, settled=(), scope={})
        finally:
            snapshot.close()
    report = carry_out(report, tally, ports, tasks, watch=watch, policy=job.policy, approved=approved)
    if job.apply:
        _refuse_again(job, ports, earlier)
    return report


def _refuse_again(job: Job, ports: DecisionPorts, earlier: Earlier) -> None:
    """What the directory would have done again, about the same things, is refused until it asks for something else."""
    snapshot = ports.snapshot()
    try:
        context = Context(job.policy, snapshot.view)
        context = with_stays(context, snapshot.holders, lambda: (s for part in snapshot.acted(job.run) for s in part))
        for chunk in snapshot.acted(job.run):
            undone = earlier.undone([subject.external_id for subject in chunk], job.run)
            again = [
                action
                for subject in chunk
                for action in decide(context, subject).actions
                if aspects(action) & undone.get(subject.external_id, set())
            ]
            earlier.refuse(again, "undone", job.run)
    finally:
        snapshot.close()


def _begin(job: Job, ports: DecisionPorts, earlier: Earlier) -> tuple[Watch, Report, Tasks]:
    watch = Watch(ports)
    report = Report(
        job.run, job.policy.workspace, job.policy.directory, job.trigger, "incremental", "running", watch.began,
        planned_only=not job.apply, of=earlier.run,
    )  # fmt: skip
    # Nothing is read, so nothing is incomplete: what is decided again is what is known.
    report = msgspec.structs.replace(report, complete=Complete(users=True, groups=True, memberships=True))
    return watch, report, ports.tasks(report)
