"""The five laws, asked after every step of random histories of two directories that feed one workspace.

What a directory truly says is kept apart from what its reads show (truth.py): reads are cut short, hide people and
groups behind a clean answer, break off, and the process that reads dies at any commit. People change the workspace by
hand, approve, reject and take back; configuration changes; the clock goes forward and back; and while one run is under
way, another begins. Once all that ends, the workspace becomes what the directories say.
"""

import asyncio
import itertools
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.errors import ChangeRefused, DirectoryError, RunError, StoreError
from reconciler.policy import Policy
from reconciler.report import ActionRow, Report
from rosterd.deciding import CannotDecide, approve_run, held_digest, reject_run, undo_run
from rosterd.policies import ownership_of, policy_of
from rosterd.ports import as_followed, now, run_once
from rosterd.settings import Settings
from store import Store, open_store, snapshot
from store import runs as stored
from store.database import rows
from store.decisions import held_clusters
from store.leases import WorkspaceBusy
from store.manual import ByHand
from store.runs import actions_of
from store.workspace import RosterMember, roster
from tests.builders import WORKSPACE, by_hand
from tests.databases import SHARED, Postgres
from tests.store.become import check_roster
from tests.store.configured import LIMITS, SIDES, Choice, configured
from tests.store.tenants import CHANGE, EMAILS, GROUPS, NAMES, Tenant
from tests.store.truth import Truth, believed, lost, takes
from tests.store.watching import Clock, Watch, cluster, dying
from tests.store.workspaces import add, edit

SIDE = st.sampled_from(SIDES)
CHOICES = st.builds(
    Choice,
    sources=st.sampled_from(["both", "groups", "attribute"]),
    silence=st.sampled_from(["default", "keep"]),
    mapped=st.frozensets(st.integers(0, 2)),
    on_remove=st.sampled_from(["", "keep", "remove"]),
    scoped=st.booleans(),
    nested=st.booleans(),
    protected=st.booleans(),
    limits=st.sampled_from(sorted(LIMITS)),
)
Change = tuple[str, str, Any]
CHANGES = st.lists(CHANGE, max_size=4)
HIRED = st.tuples(SIDE, NAMES, st.sets(GROUPS, max_size=3))
ROUNDS = 12


class Safety(RuleBasedStateMachine):
    """Two directories, their truths, and everything that can come between."""

    opening: Callable[[], Store]
    folder: Path

    @initialize(choice=CHOICES, staff=st.lists(HIRED, min_size=6, max_size=10))
    def begin(self, choice: Choice, staff: list[tuple[str, str, set[str]]]) -> None:
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
        for side, name, groups in staff:
            self.happens(side, [("hire", name, groups)])
        for side in SIDES:
            self.run(side, verify=False, changes=[])

    def teardown(self) -> None:
        if hasattr(self, "store"):
            try:
                if sys.exc_info()[0] is None:
                    self.converge(approving=True, verify=False)
            finally:
                self.watch.end()
                self.store.close()

    # -- what happens in a directory

    def happens(self, side: str, changes: list[Change]) -> None:
        if changes:
            self.untold.add(side)
        for what, name, more in changes:
            if what in ("hire", "nest") or not name or name in self.sides[side].people:
                self.sides[side].happens(what, name, more)

    # -- runs

    @rule(side=SIDE, verify=st.booleans(), changes=CHANGES)
    def run(self, side: str, verify: bool, changes: list[Change]) -> None:
        self.happens(side, changes)
        with self._stepping():
            self._sync(side, verify=verify)

    @rule(
        side=SIDE, verify=st.booleans(), changes=CHANGES,
        partial=st.sets(st.one_of(st.sampled_from(["users", "groups"]), GROUPS)),
        hidden=st.sets(NAMES, max_size=3), silent=st.sets(st.one_of(NAMES, GROUPS), max_size=2),
        broken=st.integers(0, 9),
    )  # fmt: skip
    def short_run(
        self, side: str, verify: bool, changes: list[Change], *, partial: set[str], hidden: set[str], silent: set[str],
        broken: int,
    ) -> None:  # fmt: skip
        """A read that lacks something and says so, or breaks off."""
        self.happens(side, changes)
        directory = self.sides[side]
        directory.partial, directory.silent, directory.fail_after = {*partial}, silent, broken
        directory.hidden = hidden if partial else set()
        if directory.hidden:  # what lacks them says so, groups included
            directory.partial |= {"users", *(group for group, inside in directory.inside.items() if hidden & inside)}
        directory.error = DirectoryError("HTTP 503", where="GET /users", fix="later") if not partial else None
        with self._stepping():
            self._sync(side, verify=verify)
        directory.partial, directory.silent, directory.hidden, directory.error = set(), set(), set(), None

    @rule(
        side=SIDE, verify=st.booleans(), hidden=st.sets(st.one_of(NAMES, GROUPS), min_size=1), blind=st.booleans(),
        unlisted=st.sets(st.tuples(GROUPS, st.one_of(NAMES, GROUPS)), max_size=4),
    )  # fmt: skip
    def lying_run(
        self, side: str, verify: bool, hidden: set[str], blind: bool, unlisted: set[tuple[str, str]]
    ) -> None:  # fmt: skip
        """A clean answer that lacks half of everything; asked by id, the directory knows better, or knows nobody.

        A few members of each group are asked for: a listing that hides some where others truly left may be believed.
        """
        directory = self.sides[side]
        directory.hidden, directory.blind = hidden, blind
        directory.unlisted = set() if side in self.untold else unlisted
        with self._stepping():
            self._sync(side, verify=verify)
        directory.hidden, directory.unlisted, directory.blind = set(), set(), False

    @rule(side=SIDE, verify=st.booleans(), changes=CHANGES, after=st.integers(0, 40), elsewhere=st.booleans())
    def killed_run(self, side: str, verify: bool, changes: list[Change], *, after: int, elsewhere: bool) -> None:
        self.happens(side, changes)
        with self._stepping(), dying(self.store, after, elsewhere=elsewhere):
            self._sync(side, verify=verify)

    @rule(side=SIDE, verify=st.booleans())
    def plan_twice(self, side: str, verify: bool) -> None:
        """The same snapshot, policy and workspace: the same plan, byte by byte."""
        with self._stepping():
            reports = [self._sync(side, verify=verify, apply=False) for _ in range(3)]  # the first may settle something
            one, other = (self.watch.runs[report.run].plan for report in reports[1:])
            assert one.to_json() == other.to_json()
            assert reports[1].digest == reports[2].digest == one.digest

    @rule(first=SIDE, second=SIDE, changes=CHANGES, at=st.integers(0, 25), asleep=st.booleans())
    def overlap(self, first: str, second: str, changes: list[Change], *, at: int, asleep: bool) -> None:
        """While one run is at any point, another wants to begin: it is refused, unless the first seems dead; then the
        first may not write any more."""
        for side in sorted({first, second}):
            self.happens(side, changes)
        before = iter(range(at))
        met: list[bool] = []

        def meanwhile(*_: Any) -> None:
            if met or next(before, None) is not None:
                return
            met.append(True)
            if asleep:
                Clock.present += timedelta(seconds=120)
            with ThreadPoolExecutor(1) as pool, suppress(WorkspaceBusy):
                pool.submit(self._sync, second).result()
                assert asleep
            met.append(asleep)

        with self._stepping():
            try:
                self._sync(first, progress=meanwhile)
            except StoreError as error:
                if (error.code, met) != ("lease_lost", [True, True]):
                    raise
            else:
                assert met != [True, True]

    def _sync(
        self, side: str, *, verify: bool = False, apply: bool = True, progress: Any = lambda *_: None
    ) -> Report:  # fmt: skip
        self.untold.add(side)
        truth = Truth.of(self.sides[side])
        self.truths[side].append(truth)
        report = asyncio.run(
            run_once(
                self.store, self._policy(side), self.sides[side], progress=progress, verify=verify, apply=apply,
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

    def _policy(self, side: str) -> Policy:
        directory = self.settings.directory_named(side)
        assert directory is not None
        return policy_of(self.settings, directory)

    # -- people

    @rule(choice=CHOICES)
    def configure(self, choice: Choice) -> None:
        self.choice, self.settings = choice, configured(self.folder, choice)
        self.untold |= set(SIDES)  # of a group that is read for the first time nobody knows what a listing hides

    @precondition(lambda self: self.runs)
    @rule(
        what=st.sampled_from(["approve", "approve one", "approve late", "approve another", "reject", "undo", "undo"]),
        back=st.integers(0, 3), dies=st.one_of(st.none(), st.integers(0, 12)),
    )  # fmt: skip
    def decide(self, what: str, back: int, dies: int | None) -> None:
        """Somebody decides about one of the latest runs; the process may die meanwhile."""
        run = self.runs[-1 - back % len(self.runs)]
        clusters = held_clusters(self.store, run)
        given: dict[str, Any] = {"progress": lambda *_: None}
        with self._stepping(), suppress(CannotDecide):
            if dies is not None:
                with dying(self.store, dies, elsewhere=False):
                    self._decide(what, run, [each.key for each in clusters], held_digest(clusters), given)
            else:
                self._decide(what, run, [each.key for each in clusters], held_digest(clusters), given)

    def _decide(self, what: str, run: str, clusters: list[str], digest: str, given: dict[str, Any]) -> None:
        match what:
            case "approve":
                self._decided(approve_run(self.settings, self.store, run, digest=digest, **given))
            case "approve one":
                self._decided(approve_run(self.settings, self.store, run, only=clusters[:1], **given), clusters[:1])
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

    def _decided(self, report: Report, only: Sequence[str] = ()) -> None:
        ran = self.watch.runs[report.run]
        assert report.digest == ran.plan.digest
        if report.trigger == "approval":  # what was approved is what is applied
            held = [each for each in self.watch.runs[report.of].withheld if not only or cluster(each).key in only]
            assert {action.digest for action in ran.released} <= {action.digest for action in held}
        self.runs.append(report.run)

    @rule(
        name=EMAILS, what=st.sampled_from(["admin", "leave", "emergency", "join", "quit", "demote", "drift"]),
        role=st.sampled_from(["admin", "member"]),
    )  # fmt: skip
    def by_hand(self, name: str, what: str, role: str) -> None:
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

    @rule(hours=st.sampled_from([-30, -1, 1, 25, 24 * 8]))
    def time_passes(self, hours: int) -> None:
        Clock.present += timedelta(hours=hours)
        if hours < 0:  # a lost machine's lease lasts until the clock is where it was: not waited for here
            edit(self.store, "UPDATE lease SET run = '', expires_at = ''")

    # -- what must hold after every step

    @invariant()
    def somebody_holds_on(self) -> None:
        if hasattr(self, "store"):
            self.watch.look_for_holders(self._policy("east"))

    def _stepping(self) -> "Step":
        return Step(self)

    def check_takings(self, before: dict[str, RosterMember]) -> None:
        """Law 1: whoever lost something lost it by a recorded action, and the action had a true reason."""
        taken: dict[str, set[tuple[str, str]]] = {}
        for run in self.watch.fresh:
            ran = self.watch.runs[run]
            for row in actions_of(self.store, run):
                if row.state == "applied" and (found := takes(ran.policy, row)):
                    taken[row.member] = taken.get(row.member, set()) | found
                    assert self._reason(ran.report, ran.policy, row), row
        for member in roster(self.store, WORKSPACE):
            if member.id in before:
                gone = lost(before[member.id], member, self._policy("east").axes)
                assert gone <= taken.get(member.id, set()), (member.email, gone)

    def _reason(self, report: Report, policy: Policy, row: ActionRow) -> bool:
        if report.trigger != "undo":
            return believed(self.truths[report.directory], policy, row)
        earlier = [each for each in actions_of(self.store, report.of) if each.state == "applied"]
        return any(each.member == row.member for each in earlier)

    # -- what must become of it

    @rule(approving=st.booleans(), verify=st.booleans())
    def converge(self, approving: bool, verify: bool) -> None:
        """Law 4: once nothing is in the way, the workspace becomes what the directories say, and stays so. It takes a
        full comparison where somebody changed it behind rosterd's back."""
        edit(self.store, "DELETE FROM refusal")
        Clock.present += timedelta(minutes=5)
        if not approving:
            self.configure(msgspec.structs.replace(self.choice, limits="off"))
        for side in SIDES:
            self.sides[side].add_group(*self._policy(side).configured - self._meant(side))
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
            with self._stepping():
                report = self._sync(side, verify=True)
            assert (report.changes, report.counts.failed, report.counts.held) == (0, 0, 0), report
            assert report.complete.whole
            policy = as_followed(self.store, self._policy(side))
            check_roster(self.store, policy, self.truths[side][-1], list(actions_of(self.store, report.run)))

    def _meant(self, side: str) -> set[str]:
        """The names of groups that have meant one: one that never did is an error of the configuration."""
        with self.store.read() as connection:
            return {str(row[0]) for row in rows(connection, "SELECT ref FROM binding WHERE directory = :d", d=side)}

    def _settle(self, side: str, *, verify: bool) -> int:
        """One run, with everything that it holds approved; how many changes were made."""
        with self._stepping():
            report = self._sync(side, verify=verify)
            changes = report.changes + (0 if report.complete.whole else 1)
            if report.counts.held:
                approved = approve_run(self.settings, self.store, report.run, progress=lambda *_: None)
                self._decided(approved)
                changes += approved.changes + report.counts.held
        return changes


class Step:
    """One step: what runs took in it is asked for once it is over, however it ended."""

    def __init__(self, machine: Safety) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        self._machine.watch.fresh.clear()
        self._before = {each.id: each for each in roster(self._machine.store, WORKSPACE)}

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, RunError):
            self._machine.check_takings(self._before)
            self._machine.watch.check_plans()


def follow(opening: Callable[[], Store], folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """Follows random histories, each in an empty store."""
    monkeypatch.setattr(stored, "BATCH", 2)
    monkeypatch.setattr(snapshot, "CHUNK", 2)
    Safety.opening, Safety.folder = staticmethod(opening), folder
    profile = settings(
        deadline=None, suppress_health_check=list(HealthCheck),
        **{"max_examples": 30, "stateful_step_count": 20, "derandomize": True, "database": None, **options},
    )  # fmt: skip
    run_state_machine_as_test(Safety, settings=profile)


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Callable[[], Store]:
    numbers = itertools.count()

    def opening() -> Store:
        file = tmp_path / f"{next(numbers)}.db"
        shutil.copy(sqlite_template, file)
        return open_store(f"sqlite:///{file}")

    return opening


@pytest.fixture
def on_postgres(postgres: Postgres) -> Iterator[Callable[[], Store]]:
    def opening() -> Store:
        postgres.empty()
        return open_store(postgres.url(SHARED))

    yield opening
    postgres.empty()


def test_the_laws_on_sqlite(on_sqlite: Callable[[], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(on_sqlite, tmp_path, monkeypatch)


def test_the_laws_on_postgresql(
    on_postgres: Callable[[], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(on_postgres, tmp_path, monkeypatch, max_examples=12)
