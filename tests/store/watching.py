"""Watching runs from the inside while a test drives them: a clock, a death at any commit, and what each run planned,
held and applied.

`Watch` asserts what must hold at every single step of a run; what must hold between runs is asserted by whoever drives
them.
"""

import gc
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import msgspec
import pytest
from sqlalchemy import event

from reconciler import decisions, sync
from reconciler.context import Context
from reconciler.decide import decide
from reconciler.guard import GUARDED, Hold
from reconciler.match import Subject
from reconciler.plan import Action, Cluster, Plan, Tally
from reconciler.policy import Policy
from reconciler.report import Report
from rosterd import deciding, ports
from store import Store
from store import runs as stored
from store.apply import Batch, apply_batch
from store.workspace import RosterMember, roster
from tests.store.workspaces import edit

NOBODY = 1 << 30  # no process has this id


class Killed(BaseException):
    """As if the process ended here."""


class Clock(datetime):
    """`datetime`, with a present that a test sets."""

    present: ClassVar[datetime] = datetime(2026, 11, 21, 10, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:  # noqa: ARG003 - its signature
        """The present, a millisecond later each time."""
        Clock.present += timedelta(milliseconds=1)
        return cls.fromisoformat(Clock.present.isoformat())


def cluster(action: Action) -> Cluster:
    """What an action is judged with."""
    return Cluster(action.step, action.evidence or "", action.cause)


class Ran(msgspec.Struct):
    """A run as it was seen: what it planned, what was held, under which policy."""

    report: Report
    policy: Policy
    approved: frozenset[str] | None = None  # keys of clusters of the run that this one is about
    planned: list[Action] = []
    held: frozenset[Cluster] | None = None  # until the guard judged: then nothing is released

    @property
    def released(self) -> list[Action]:
        """What is planned and not held."""
        if self.held is None:
            return []
        return [action for action in self.planned if action.state == "planned" and cluster(action) not in self.held]

    @property
    def withheld(self) -> list[Action]:
        """What is planned and held."""
        held = self.held or ()
        return [action for action in self.planned if action.state == "planned" and cluster(action) in held]

    @property
    def plan(self) -> Plan:
        """The plan that was recorded."""
        ordered = tuple(sorted(self.planned, key=lambda action: action.order))
        return Plan(self.policy.workspace, self.policy.directory, ordered)


class Watch:
    """Sees every run between `begin` and `end`; `fresh` are those since it was last emptied."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._patch = pytest.MonkeyPatch()
        self.runs: dict[str, Ran] = {}
        self.fresh: list[str] = []
        self.held_before: set[str] = set()
        self.approving: frozenset[str] | None = None  # keys of clusters, while somebody approves them

    def begin(self) -> None:
        """From here on everything is seen, and time is the test's."""
        Clock.present = datetime(2026, 11, 21, 10, tzinfo=UTC)
        numbers = itertools.count(1)
        wrapped: list[tuple[Any, str, Any]] = [
            (ports, "datetime", Clock),
            (deciding, "datetime", Clock),
            (ports, "secrets", SimpleNamespace(token_hex=lambda _: f"{next(numbers):06x}")),
            (sync, "decide", _twice),
            (decisions, "decide", _twice),
            (stored.RunTasks, "open", self._opening(stored.RunTasks.open)),
            (stored.RunTasks, "record", self._recording(stored.RunTasks.record)),
            (stored.RunTasks, "hold", self._holding(stored.RunTasks.hold)),
            (stored, "apply_batch", self._applying),
        ]
        for place, name, value in wrapped:
            self._patch.setattr(place, name, value)

    def end(self) -> None:
        """Nothing is seen any more."""
        self._patch.undo()

    # -- what a run does

    def _opening(self, opens: Callable[..., None]) -> Callable[..., None]:
        def opening(tasks: Any, report: Report) -> None:
            opens(tasks, report)
            self.runs[report.run] = Ran(report, tasks._policy, self.approving if report.of else None)
            self.fresh.append(report.run)

        return opening

    def _recording(self, records: Callable[..., None]) -> Callable[..., None]:
        def recording(tasks: Any, actions: Iterable[Action], **more: Any) -> None:
            listed = list(actions)
            records(tasks, listed, **more)
            self.runs[tasks._run].planned += listed
            if self.runs[tasks._run].report.of:
                self._check_found(tasks._policy.workspace, listed)

        return recording

    def _holding(self, holds: Callable[..., None]) -> Callable[..., None]:
        def holding(tasks: Any, held: Iterable[Hold]) -> None:
            listed = list(held)
            self.runs[tasks._run].held = frozenset(hold.cluster for hold in listed)
            holds(tasks, listed)

        return holding

    def _applying(self, store: Store, batch: Batch, now: Callable[[], str]) -> None:
        """Law 2: what is applied was recorded and released. Law 5: whoever has the last word, somebody holds on."""
        released = {(action.step, action.digest) for action in self.runs[batch.lease.run].released}
        assert {(batch.step, action.digest) for _, action in batch.actions} <= released
        apply_batch(store, batch, now)
        self.look_for_holders(batch.policy)

    def look_for_holders(self, policy: Policy) -> None:
        """Every protected value that was ever held is held by somebody active."""
        members = [each for each in roster(self._store, policy.workspace) if each.active]
        for axis in policy.axes:
            held = any(each.roles.get(axis.axis) in axis.holding for each in members if axis.protect_last)
            assert held or axis.axis not in self.held_before, f"nobody holds {axis.protect_last} any more"
            self.held_before |= {axis.axis} if held else set()

    def check_plans(self) -> None:
        """The digest of a report is that of what was recorded, and a plan is the same after a trip through JSON."""
        for ran in (self.runs[run] for run in self.fresh):
            tally = Tally()
            tally.add(ran.planned)
            assert tally.digest == ran.plan.digest
            assert Plan.from_json(ran.plan.to_json()) == ran.plan
            if ran.approved is not None:
                self._check_approved(ran, ran.approved)
            else:
                self._check_limits(ran)

    def _check_approved(self, ran: Ran, approved: frozenset[str]) -> None:
        """Law 2: what was approved is what is applied, and nothing that the earlier run did not hold."""
        held = [each for each in self.runs[ran.report.of].withheld if cluster(each).key in approved]
        assert {action.digest for action in ran.released} <= {action.digest for action in held}

    def _check_found(self, workspace: str, actions: list[Action]) -> None:
        """What a person decided is made of members who are as it says, whatever they were when they were looked at."""
        known = {each.id: each for each in roster(self._store, workspace)}
        for action in (each for each in actions if each.state == "planned"):
            assert action.member not in known or as_found(action, known[action.member]), action

    def _check_limits(self, ran: Ran) -> None:
        """Of what a limit counts, less is released than the limit."""
        for change, limit in ran.policy.limits.items():
            if limit.count is None or change not in GUARDED:
                continue
            released = [action for action in ran.released if action.step is GUARDED[change]]
            assert len(released) < limit.count, (change, released)


def as_found(action: Action, member: RosterMember) -> bool:
    """Whether a member is as an action found them."""
    match action.kind:
        case "deactivate" | "reactivate":
            return member.active is (action.kind == "deactivate")
        case "set_role":
            return all(member.roles.get(axis) == value for axis, value in action.before.items())
        case "join_team":
            return action.after["team"] not in member.teams
        case "leave_team":
            return action.before["team"] in member.teams
        case "update":
            return all(getattr(member, name) == value for name, value in action.before.items())
    return True


def _twice(context: Context, subject: Subject) -> Any:
    """Law 3: deciding knows nothing but its arguments, whatever was decided before."""
    first = decide(context, subject)
    assert decide(Context(context.policy, context.view, context.stays), subject) == first
    return first


@contextmanager
def dying(store: Store, after: int, *, elsewhere: bool) -> Iterator[None]:
    """The process ends before its next commit but `after`; its lease is that of a dead process, or of another machine
    that is not heard of again."""
    left = iter(range(after))

    def kill(_: object) -> None:
        if next(left, None) is None:
            raise Killed

    event.listen(store.engine, "commit", kill)
    try:
        with suppress(Killed):
            yield
    finally:
        event.remove(store.engine, "commit", kill)
        gc.collect()  # what the dead process left open is closed now, and not by whoever comes next
        store.engine.dispose()
    if elsewhere:
        Clock.present += timedelta(seconds=61)
    else:
        edit(store, "UPDATE lease SET pid = :nobody", nobody=NOBODY)
