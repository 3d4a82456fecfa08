"""A world that random histories happen to: two directories that feed one workspace, what each truly says, and people
who change the workspace by hand and decide about runs.

How each of it is done is here, with what must hold of every run and decision. What happens when is drawn by the machine
(test_safety_machine.py); what a run does inside is seen by `Watch` (watching.py).
"""

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from reconciler.errors import ChangeRefused, RunError
from reconciler.model import UserState
from reconciler.policy import Policy
from reconciler.report import ActionRow, Report
from rosterd import deciding, ports
from rosterd.deciding import CannotDecide, approve_run, held_digest, reject_run, undo_run
from rosterd.policies import ownership_of, policy_of
from rosterd.ports import as_followed, now, run_once
from rosterd.settings import Settings
from store import Store
from store.database import rows
from store.decisions import held_clusters, made
from store.manual import ByHand
from store.runs import actions_of
from store.workspace import RosterMember, roster
from tests.builders import WORKSPACE, by_hand
from tests.store.become import check_roster
from tests.store.configured import SIDES, Choice, configured
from tests.store.tenants import Tenant
from tests.store.truth import Truth, believed, lost, takes
from tests.store.watching import Clock, Watch
from tests.store.workspaces import add, edit

Change = tuple[str, str, Any]
Roster = dict[str, RosterMember]
Takings = dict[str, set[tuple[str, str]]]
ROUNDS = 12
GIVING = ("Admins", "Eng", "Ops", "Sub")  # groups that give a role or a team


class World:
    """Two directories, their truths, one workspace, and everybody who changes any of them."""

    opening: Callable[[], Store]
    folder: Path

    def open(self, choice: Choice) -> None:
        """An empty workspace, and directories that have groups and nobody in them."""
        self.store = type(self).opening()
        self.watch = Watch(self.store)
        self.watch.begin()
        self.sides = {side: Tenant() for side in SIDES}
        for each in self.sides.values():
            each.add_group("Admins", "Eng", "Ops", "Sub", "Staff")
        self.truths: dict[str, list[Truth]] = {side: [] for side in SIDES}
        self.untold: set[str] = set(SIDES)  # directories that are not as the last whole read showed them
        self.runs: list[str] = []
        self.drifted = False  # behind rosterd's back
        self.choice = choice
        self.settings: Settings = configured(self.folder, choice)

    def close(self) -> None:
        """What was a good history until here converges."""
        if hasattr(self, "store"):
            try:
                if sys.exc_info()[0] is None:
                    self.become(approving=True, verify=False)
            finally:
                self.watch.end()
                self.store.close()

    def follow(self, choice: Choice) -> None:
        """Another configuration."""
        self.choice, self.settings = choice, configured(self.folder, choice)
        self.untold |= set(SIDES)  # of a group that is read for the first time nobody knows what a listing hides

    def limit(self, limits: str) -> None:
        """Other limits, and nothing else."""
        self.follow(msgspec.structs.replace(self.choice, limits=limits))

    def policy(self, side: str) -> Policy:
        """What the configuration says of a directory."""
        directory = self.settings.directory_named(side)
        assert directory is not None
        return policy_of(self.settings, directory)

    def happens(self, side: str, changes: Sequence[Change]) -> None:
        """What happens in a directory, as far as it can."""
        if changes:
            self.untold.add(side)
        for what, name, more in changes:
            if what in ("hire", "nest") or not name or name in self.sides[side].people:
                self.sides[side].happens(what, name, more)

    def sync(
        self, side: str, *, verify: bool = False, apply: bool = True, progress: Any = lambda *_: None
    ) -> Report:  # fmt: skip
        """One run."""
        self.untold.add(side)
        truth = Truth.of(self.sides[side])
        self.truths[side].append(truth)
        report = asyncio.run(
            run_once(
                self.store, self.policy(side), self.sides[side], progress=progress, verify=verify, apply=apply,
                verify_every=timedelta(hours=24),
            )
        )  # fmt: skip
        if report.complete.whole:
            self.truths[side] = [truth]
            self.untold.discard(side)
        if report.digest:
            assert report.digest == self.watch.runs[report.run].plan.digest
        if not report.planned_only:
            self.runs.append(report.run)
        return report

    # -- people

    def change(self, name: str, what: str, role: str) -> None:
        """Somebody changes the workspace, through rosterd or behind its back."""
        here = ByHand(self.store, ownership_of(self.settings, WORKSPACE), now)
        known = {each.email.lower(): each for each in roster(self.store, WORKSPACE)}
        with suppress(ChangeRefused):
            match what:
                case "admin" if name.lower() not in known:
                    named = by_hand(name.split("@")[0], role, roles={"role": role, "seat": "paid"})
                    if named.id not in {each.id for each in known.values()}:
                        add(self.store, named)
                        self.drifted = True
                case "leave" | "emergency":
                    here.deactivate(name, emergency=what == "emergency")
                case "join":
                    here.join_team(name, "Engineering")
                case "quit":
                    here.leave_team(name, "Engineering")
                case "demote":
                    here.set_role(name, "role", role)
                case "drift" if name.lower() in known:
                    edit(self.store, "UPDATE member SET title = 'Boss' WHERE id = :id", id=known[name.lower()].id)
                    self.drifted = True

    def meddle(self, run: str) -> None:
        """Everybody about whom a run did or holds something is changed behind rosterd's back, in every way."""
        about = {each.member for each in actions_of(self.store, run) if each.state in ("applied", "held")}
        rest = [each for each in roster(self.store, WORKSPACE) if each.active and each.id not in about]
        # Nothing is taken from the last holder of a role: that is not rosterd's to prevent.
        value = "editor" if any(each.roles.get("role") == "admin" for each in rest) else "admin"
        for member in sorted(about):
            for sql in MEDDLING:
                edit(self.store, sql, **{"id": member, **({"value": value} if ":value" in sql else {})})
        self.drifted = True

    def meant(self, what: str, back: int) -> str:
        """One of the latest runs of which there is something to take back, or to decide, if there is one."""
        fits = made if what == "undo" else held_clusters
        found = [run for run in self.runs[-8:] if fits(self.store, run)] or self.runs
        return found[-1 - back % len(found)]

    def judged(self, side: str, changes: Sequence[Change], *, undone: bool, held: bool) -> str:
        """A run that takes something, or the undo of one that gave it, with these changes. It holds whatever takes
        something, or makes everything."""
        self.happens(side, [*(self._gains(side) if undone else self._losses(side)), *changes])
        self.limit("everything" if held and not undone else "off")
        with self.stepping():
            run = self.sync(side).run
        if undone:
            self.limit("everything" if held else "off")
            with self.stepping(), suppress(CannotDecide):
                self.decide("undo", run)
                run = self.runs[-1]
        return run

    def _losses(self, side: str) -> list[Change]:
        """One of those who have most to lose is suspended, another leaves every group."""
        here = self.sides[side]
        mine = (each for each in roster(self.store, WORKSPACE) if each.active and each.directory == side)
        having = sorted(mine, key=lambda each: (-len(each.teams), sorted(each.roles.values()), each.id))
        found = [str(each.external_id) for each in having if each.external_id in here.people]
        changes: list[Change] = [("state", name, UserState.SUSPENDED) for name in found[:1]]
        for name in found[1:3]:
            changes += [("regroup", name, group) for group in GIVING if name in here.inside.get(group, ())]
            changes.append(("role", name, ""))
        return changes

    def _gains(self, side: str) -> list[Change]:
        """Two people are let in, and get everything."""
        here = self.sides[side]
        changes: list[Change] = []
        for name in sorted(here.people)[:2]:
            changes += [("state", name, UserState.ACTIVE), ("role", name, "admin")]
            changes += [("regroup", name, group) for group in GIVING if name not in here.inside.get(group, ())]
        return changes

    def decide(self, what: str, run: str, *, which: int = 0) -> None:
        """Somebody decides about a run; what comes of it is no more than what they decided."""
        clusters = held_clusters(self.store, run)
        keys = [each.key for each in clusters]
        given: dict[str, Any] = {"progress": lambda *_: None}
        match what:
            case "approve":
                self.approve(run, keys, digest=held_digest(clusters))
            case "approve one":
                named = keys[which % len(keys) :][:1] if keys else []
                self.approve(run, named, only=named)
                left = [each.key for each in held_clusters(self.store, run)]
                assert left == [each for each in keys if each not in named], "what nobody named was decided"
            case "approve late":
                Clock.present += timedelta(hours=73)
                with pytest.raises(CannotDecide):
                    approve_run(self.settings, self.store, run, **given)
            case "approve another":
                with pytest.raises(CannotDecide):
                    approve_run(self.settings, self.store, run, digest="sha256:00", **given)
            case "reject":
                reject_run(self.settings, self.store, run)
                assert held_clusters(self.store, run) == []
            case "undo":
                self._decided(undo_run(self.settings, self.store, run, apply=True, **given))

    def approve(self, run: str, keys: Collection[str], **given: Any) -> Report:
        """Somebody approves these clusters of a run."""
        self.watch.approving = frozenset(keys)
        report = approve_run(self.settings, self.store, run, progress=lambda *_: None, **given)
        assert keys, "nothing was held, and something was approved"
        self.watch.approving = None
        self._decided(report)
        return report

    def _decided(self, report: Report) -> None:
        assert report.digest == self.watch.runs[report.run].plan.digest
        self.runs.append(report.run)

    # -- what must hold after every step

    def stepping(self) -> "Step":
        """What runs take in it is asked for at its end."""
        return Step(self)

    def check_takings(self, before: Roster, excused: Takings) -> None:
        """Law 1: whoever lost something lost it by a recorded action that had a true reason, or by hand (`excused`)."""
        taken: Takings = {}
        for run in self.watch.fresh:
            ran = self.watch.runs[run]
            for row in actions_of(self.store, run):
                if row.state == "applied" and (found := takes(ran.policy, row)):
                    taken[row.member] = taken.get(row.member, set()) | found
                    assert self._reason(ran.report, ran.policy, row), row
        for member, gone in self.losses(before).items():
            assert gone <= taken.get(member, set()) | excused.get(member, set()), (member, gone)

    def losses(self, before: Roster) -> Takings:
        """What members have no more, by id."""
        axes = self.policy("east").axes
        now_there = (each for each in roster(self.store, WORKSPACE) if each.id in before)
        return {each.id: lost(before[each.id], each, axes) for each in now_there}

    def _reason(self, report: Report, policy: Policy, row: ActionRow) -> bool:
        if report.trigger != "undo":
            return believed(self.truths[report.directory], policy, row)
        made_by = report.of
        while self.watch.runs[made_by].report.trigger == "undo":  # an undo that was held and approved, or taken back
            made_by = self.watch.runs[made_by].report.of
        earlier = [each for each in actions_of(self.store, made_by) if each.state == "applied"]
        return any(each.member == row.member for each in earlier)

    # -- what must become of it

    def become(self, *, approving: bool, verify: bool) -> None:
        """Law 4: once nothing is in the way, the workspace becomes what the directories say, and stays so. It takes a
        full comparison where somebody changed it behind rosterd's back."""
        edit(self.store, "DELETE FROM refusal")
        Clock.present += timedelta(minutes=5)
        if not approving:
            self.limit("off")
        for side in SIDES:
            self.sides[side].add_group(*self.policy(side).configured - self._bound(side))
            if not self.sides[side].people:  # one that lists nobody is never believed
                self.sides[side].hire("zoe")
        for _ in range(ROUNDS):
            done = [self._settle(side, verify=verify or self.drifted) for side in SIDES]
            if not any(done):
                break
        else:
            pytest.fail(f"still changing after {ROUNDS} rounds")
        self.drifted = False
        for side in SIDES:
            with self.stepping():
                report = self.sync(side, verify=True)
            left = list(actions_of(self.store, report.run))
            assert (report.changes, report.counts.failed, report.counts.held) == (0, 0, 0), left
            assert report.complete.whole
            check_roster(self.store, as_followed(self.store, self.policy(side)), self.truths[side][-1], left)

    def _bound(self, side: str) -> set[str]:
        """The names of groups that have meant one: one that never did is an error of the configuration."""
        with self.store.read() as connection:
            return {str(row[0]) for row in rows(connection, "SELECT ref FROM binding WHERE directory = :d", d=side)}

    def _settle(self, side: str, *, verify: bool) -> int:
        """One run, with everything that it holds approved; how many changes were made."""
        with self.stepping():
            report = self.sync(side, verify=verify)
            changes = report.changes + (0 if report.complete.whole else 1)
            if report.counts.held:
                keys = [each.key for each in held_clusters(self.store, report.run)]
                changes += self.approve(report.run, keys).changes + report.counts.held
        return changes


MEDDLING = (
    "UPDATE member SET active = TRUE, title = 'Boss' WHERE id = :id",
    "UPDATE member_role SET value = :value WHERE axis = 'role' AND member_no = (SELECT no FROM member WHERE id = :id)",
    "DELETE FROM team_member WHERE member_no = (SELECT no FROM member WHERE id = :id)",
)


class Step:
    """One step: what runs took in it is asked for once it is over, however it ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._excused: Takings = {}

    def __enter__(self) -> Self:
        self._world.watch.fresh.clear()
        self._world.watch.approving = None
        self._before = self._roster()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, RunError):
            self._world.check_takings(self._before, self._excused)
            self._world.watch.check_plans()

    def excuse(self, happens: Callable[[], None]) -> None:
        """What is taken by what happens now needs no run."""
        before = self._roster()
        happens()
        for member, gone in self._world.losses(before).items():
            self._excused[member] = self._excused.get(member, set()) | gone

    def _roster(self) -> Roster:
        return {each.id: each for each in roster(self._world.store, WORKSPACE)}


@contextmanager
def just_before(happens: Callable[[], None]) -> Iterator[None]:
    """Between what somebody looked at and the lease that it takes to do something about it, something happens."""
    taking = ports.lease
    with pytest.MonkeyPatch.context() as patch:

        def lease(*given: Any) -> Any:
            patch.undo()
            happens()
            return taking(*given)

        patch.setattr(deciding, "lease", lease)
        yield
