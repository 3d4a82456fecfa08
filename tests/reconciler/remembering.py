"""Ports (reconciler/ports.py) that only remember what they were asked, for runs of the loop over a few people."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from reconciler.errors import CursorExpired
from reconciler.flaps import Past
from reconciler.guard import Gauges, Hold
from reconciler.health import Health, after, check_due
from reconciler.lasting import Lost, Numbered
from reconciler.match import Subject
from reconciler.model import Member, Observation, Questions, UserGone, UsersSeen, Wanted
from reconciler.plan import Action
from reconciler.policy import Flap, GroupView, Policy, RoleAxis
from reconciler.ports import Job
from reconciler.report import Cause, Complete, Counts, Report, Transport
from reconciler.sync import sync
from tests.builders import gone, member, policy, subject, user, view

WHOLE = Complete(users=True, groups=True, memberships=True)


class Ports:
    """Absorber, snapshot and tasks in one; `log` is everything that was asked, in order."""

    transport = Transport(requests=3)

    def __init__(self, *crowd: Subject, complete: Complete = WHOLE) -> None:
        self.crowd, self.complete = crowd, complete
        self.log: list[str] = []
        self.stale: list[tuple[str, str]] = []
        self.fresh: tuple[str, ...] = ()
        self.told: list[tuple[str, int, int | None]] = []
        self.actions: list[Action] = []
        self.settled: list[str] = []
        self.scope: dict[str, bool] = {}
        self.held: list[Hold] = []
        self.failed = 0
        self.idle = False
        self.after: list[Subject] = []
        self.touched: set[str] = set()
        self.gone_again: list[tuple[str, str]] = []
        self.error: Exception | None = None
        self.promote_error: Exception | None = None
        self.record_error: Exception | None = None
        self.apply_error: Exception | None = None
        self.finished: list[Report] = []
        self.wanted: list[Wanted] = []
        self.view: GroupView = view()
        self.warnings: tuple[str, ...] = ("look out",)
        self.seconds = 0.0
        self.place = ""
        self.known = Health()
        self.before: dict[str, list[Past]] = {}
        self.gaps: tuple[Questions, ...] = ()
        self.asked: list[Questions] = []

    # -- ports
    @property
    def source(self) -> "Ports":
        return self

    def progress(self, phase: str, done: int, total: int | None) -> None:
        self.told.append((phase, done, total))

    def bound(self) -> dict[str, str]:
        return {"Eng": "g1"}

    def unread(self) -> tuple[str, ...]:
        return self.fresh

    def cursor(self) -> str:
        return self.place

    def absorber(self) -> "Ports":
        return self

    def snapshot(self) -> "Ports":
        self.log.append("snapshot")
        return self

    def tasks(self, report: Report) -> "Ports":
        self.log.append(f"open {report.state}")
        return self

    def aftermath(self) -> "Ports":
        self.log.append("aftermath")
        return self

    def gauges(self, _lost: Mapping[str, int], _lowered: Mapping[tuple[str, str], int]) -> Gauges:
        return Gauges(managed=100)

    def past(self, external_ids: Sequence[str], _flap: Flap) -> dict[str, list[Past]]:
        return {name: self.before[name] for name in external_ids if name in self.before}

    def check_due(self) -> None:
        self.log.append("check due")
        check_due(self.known, "okta", self.now())

    def health(self, report: Report) -> Health:
        assert report.ended is not None
        return after(self.known, report.ended, error=report.error, whole=report.complete.whole)

    def now(self) -> str:
        return "2026-11-21T10:00:00.000Z"

    def elapsed(self) -> float:
        self.seconds += 0.5
        return self.seconds

    # -- source
    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        self.wanted.append(wanted)
        yield UsersSeen((user("ada"),))
        if wanted.cursor == "void":
            raise CursorExpired("too old")
        if self.error is not None:
            raise self.error

    async def confirm(self, questions: Questions, _wanted: Wanted) -> AsyncIterator[Observation]:
        self.asked.append(questions)
        for name in questions.people:
            yield UserGone(name)

    # -- absorber
    def questions(self, *, thorough: bool) -> Iterator[Questions]:
        self.log.append("questions, thorough" if thorough else "questions")
        yield from self.gaps

    def take(self, observation: Observation) -> int:
        self.log.append("take")
        return len(observation.users) if isinstance(observation, UsersSeen) else 0

    def promote(self) -> Complete:
        if self.promote_error is not None:
            raise self.promote_error
        self.log.append("promote")
        return self.complete

    def discard(self) -> None:
        self.log.append("discard")

    # -- snapshot
    def pending(self) -> Iterator[Sequence[Subject]]:
        self.log.append("pending")
        yield from ([each] for each in self.crowd)

    def everyone(self) -> Iterator[Sequence[Subject]]:
        self.log.append("everyone")
        yield from ([each] for each in self.crowd)

    def holders(self, axis: RoleAxis) -> Iterator[Subject | Member]:
        yield from (each for each in self.crowd if each.member and each.member.roles.get(axis.axis) == "admin")

    def close(self) -> None:
        self.log.append("close")

    # -- tasks
    def record(
        self,
        actions: Iterable[Action],
        *,
        settled: Sequence[str],
        scope: dict[str, bool],
        stale: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.stale += stale
        if self.record_error is not None:
            raise self.record_error
        self.actions += actions
        self.settled += settled
        self.scope |= scope

    def planned(self) -> tuple[str, ...]:
        self.log.append("planned")
        return ()

    def hold(self, holds: Iterable[Hold]) -> None:
        self.held = list(holds)
        self.log.append(f"hold {len(self.held)}")

    def apply(self) -> Iterator[int]:
        self.log.append("apply")
        if self.idle:
            return
        yield 1
        if self.apply_error is not None:
            raise self.apply_error
        yield 2

    # -- aftermath
    news = False

    def done(self) -> Iterator[Sequence[tuple[str, Sequence[Numbered]]]]:
        for external_id, actions in groupby(self.actions, key=lambda action: action.external_id):
            yield [(external_id, [(1, action) for action in actions if action.state == "planned"])]

    def these(self, external_ids: Sequence[str]) -> Sequence[Subject]:
        return [each for each in self.after if each.external_id in external_ids]

    def members(self, ids: Sequence[str]) -> dict[str, Member]:
        return {each.member.id: each.member for each in self.after if each.member and each.member.id in ids}

    def by_hand(self, external_ids: Collection[str]) -> set[str]:
        return set(external_ids) & self.touched

    def lost(self, found: Iterable[Lost]) -> None:
        listed = list(found)
        self.failed += len(listed)
        self.gone_again += [(each.action.kind, each.said) for each in listed]

    def counts(self, *, in_plan: bool) -> tuple[Counts, tuple[Cause, ...]]:
        self.log.append(f"counts {'plan' if in_plan else 'run'}")
        held = sum(hold.count for hold in self.held)
        causes = tuple(
            Cause(hold.cause, hold.step.kind, hold.count, held=True, cluster=hold.cluster.key) for hold in self.held
        )
        return Counts(seen=len(self.crowd), held=held, failed=self.failed), causes

    def finish(self, report: Report) -> None:
        self.log.append("finish")
        self.finished.append(report)


def run(ports: Ports, asked: Policy | None = None, **options: Any) -> Report:
    report = asyncio.run(sync(Job("r1", asked or policy(), **options), ports))
    assert ports.finished[-1] == report
    return report


LEAVER = subject("ada", user=gone("ada"), member=member("ada"))
