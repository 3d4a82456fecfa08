"""Runs that a person asks for, driving ports that remember: what is decided again, made, and taken back."""

from collections.abc import Iterable, Iterator, Sequence

import pytest

from reconciler.amend import aspects
from reconciler.decide import actions_for
from reconciler.decisions import approve, undo
from reconciler.errors import StoreError
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.plan import Action
from reconciler.policy import Limit
from reconciler.ports import Job
from reconciler.report import Report
from tests.builders import context, gone, member, policy, subject, suspended
from tests.reconciler.remembering import WHOLE, Ports

LEAVER = subject("ada", user=gone("ada"), member=member("ada"))
AWAY = subject("bob", user=suspended("bob"), member=member("bob"))
ADMIN = subject("cyd", "Admins", "Eng", member=member("cyd"))
(LEAVES,) = actions_for(context(), LEAVER)
(GOES,) = actions_for(context(), AWAY)
RISES, JOINS = actions_for(context(), ADMIN)


class Looked(Ports):
    """The ports of a run that decides people again."""

    def __init__(self, *crowd: Subject) -> None:
        super().__init__(*crowd)
        self.acted_in: list[str] = []
        self.opened: list[Report] = []
        self.idle = True  # nothing to look at again afterwards

    def snapshot(self) -> "Looked":
        self.log.append("snapshot")
        return self

    def tasks(self, report: Report) -> "Ports":
        self.opened.append(report)
        return super().tasks(report)

    def acted(self, run: str) -> Iterator[Sequence[Subject]]:
        self.acted_in.append(run)
        yield from ([each] for each in self.crowd)

    def members(self, ids: Sequence[str]) -> dict[str, Member]:
        found = (each.member for each in self.crowd if each.member is not None and each.member.id in ids)
        return {each.id: each for each in found}


class Earlier:
    """An earlier run `r1`: what it held and was approved, and what it applied."""

    run = "r1"

    def __init__(self, *actions: Action) -> None:
        self.actions = actions
        self.refused: list[tuple[Action, str, str]] = []

    def held(self, external_ids: Sequence[str]) -> dict[str, dict[str, Action]]:
        return {name: {a.digest: a for a in self.actions if a.external_id == name} for name in external_ids}

    def applied(self) -> Iterator[Sequence[Action]]:
        yield from ([each] for each in self.actions)

    def waiting(self) -> Iterator[Sequence[Action]]:
        yield from ([each] for each in self.actions)

    def undone(self, external_ids: Sequence[str], run: str) -> dict[str, set[tuple[str, str]]]:
        assert run == "r2", "what the new run took back"
        taken: dict[str, set[tuple[str, str]]] = {}
        for action in self.actions:
            if action.external_id in external_ids:
                taken.setdefault(action.external_id, set()).update(aspects(action))
        return taken

    def refuse(self, actions: Iterable[Action], code: str, run: str) -> None:
        self.refused += [(action, code, run) for action in actions]


JOB = Job("r2", policy(limits={"deactivate": Limit(count=1)}), trigger="manual")


def test_an_approval_makes_what_was_approved_past_the_limits_and_reads_nothing() -> None:
    ports = Looked(LEAVER, AWAY)
    report = approve(JOB, ports, Earlier(LEAVES))
    assert [(a.external_id, a.state, a.code) for a in ports.actions] == [
        ("ada", "planned", "planned"), ("bob", "skipped", "not_approved"),
    ]  # fmt: skip
    assert ports.log == ["open running", "snapshot", "close", "hold 0", "apply", "counts run", "finish"]
    assert (report.run, report.of, report.mode, report.state, report.trigger) == (
        "r2", "r1", "incremental", "succeeded", "manual",
    )  # fmt: skip
    assert (report.complete, report.planned_only, list(report.phases)) == (WHOLE, False, ["plan", "guard", "apply"])
    assert (report.workspace, report.directory) == ("acme", "okta")
    assert ports.acted_in[-1] == "r1", "only whom the earlier run holds something about"
    assert ports.opened[0].began == report.began == ports.now()
    assert ports.told[0] == ("plan", 1, None)


def test_what_was_approved_is_looked_up_for_each_person_anew() -> None:
    """What is allowed for one chunk says nothing about the people of the next."""
    ports = Looked(LEAVER, AWAY)
    approve(JOB, ports, Earlier(LEAVES, GOES))
    assert [(a.external_id, a.state) for a in ports.actions] == [("ada", "planned"), ("bob", "planned")]
    assert ports.stale == [], "an approval forgets no refusal"


def test_what_is_approved_is_not_planned_and_not_asked_for_any_more() -> None:
    back = subject("ada", member=member("ada"))
    ports = Looked(back)
    approve(JOB, ports, Earlier(LEAVES))
    assert [(a.kind, a.code) for a in ports.actions] == [("deactivate", "changed_since")]


def test_undoing_takes_back_what_was_applied_through_the_guards() -> None:
    back = subject("ada", user=gone("ada"), member=member("ada", active=False))
    ports = Looked(back)
    earlier = Earlier(LEAVES)
    report = undo(JOB, ports, earlier)
    assert [(a.kind, a.external_id, a.cause, a.state) for a in ports.actions] == [
        ("reactivate", "ada", "undo of run r1", "planned"),
    ]  # fmt: skip
    assert (ports.settled, ports.scope, ports.stale) == ([], {}, [])
    assert ports.log[:4] == ["open running", "snapshot", "close", "hold 0"]
    assert (report.of, report.state, report.complete, list(report.phases)) == (
        "r1", "succeeded", WHOLE, ["plan", "guard", "apply"],
    )  # fmt: skip


def test_what_undoing_would_take_is_judged_by_the_limits() -> None:
    ports = Looked(subject("ada", member=member("ada")))
    (created,) = actions_for(context(), subject("ada"))
    report = undo(JOB, ports, Earlier(created))
    assert [(hold.step.change, hold.count) for hold in ports.held] == [("deactivate", 1)]
    assert report.state == "held"


def test_somebody_who_is_no_member_any_more_is_left_alone() -> None:
    ports = Looked()
    undo(JOB, ports, Earlier(LEAVES))
    assert [(a.state, a.code) for a in ports.actions] == [("skipped", "changed_since")]


def test_what_the_directory_would_do_again_is_refused_until_it_asks_for_something_else() -> None:
    """Only about what was taken back: Cyd's role was, her team was not."""
    ports, earlier = Looked(LEAVER, ADMIN), Earlier(LEAVES, RISES)
    undo(JOB, ports, earlier)
    assert earlier.refused == [(LEAVES, "undone", "r2"), (RISES, "undone", "r2")]
    assert JOINS not in [action for action, _, _ in earlier.refused]
    assert ports.acted_in[-1] == "r2", "whom this run did something to"
    assert ports.log[-2:] == ["snapshot", "close"]


def test_what_is_refused_knows_the_last_holder() -> None:
    """Everybody is decided as a run would: with the whole workspace in view."""
    last = subject("ada", user=gone("ada"), member=member("ada", "admin"))
    ports, earlier = Looked(last), Earlier(LEAVES)
    undo(JOB, ports, earlier)
    assert [(action.state, action.code) for action, _, _ in earlier.refused] == [("skipped", "last_holder")]


def test_a_rehearsed_undo_refuses_nothing() -> None:
    ports, earlier = Looked(LEAVER), Earlier(LEAVES)
    report = undo(Job("r2", policy(), apply=False), ports, earlier)
    assert (report.planned_only, earlier.refused, "apply" in ports.log) == (True, [], False)


def test_views_are_closed_when_recording_fails() -> None:
    ports = Looked(LEAVER)
    ports.record_error = StoreError("disk full")
    for run in (approve, undo):
        with pytest.raises(StoreError):
            run(JOB, ports, Earlier(LEAVES))
        assert ports.log[-1] == "close"
