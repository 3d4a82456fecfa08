"""The five laws, asked after every step of random histories of two directories that feed one workspace.

What a directory truly says is kept apart from what its reads show (truth.py): reads are cut short, hide people and
groups behind a clean answer, break off, and the process that reads dies at any commit. People change the workspace by
hand, approve, reject and take back; configuration changes; the clock goes forward and back; and while one run is under
way, another begins. Once all that ends, the workspace becomes what the directories say.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
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

from reconciler.errors import DirectoryError, StoreError
from reconciler.model import UserState
from rosterd.deciding import CannotDecide
from store import Store, open_store, snapshot
from store import runs as stored
from store.decisions import held_clusters
from store.leases import WorkspaceBusy
from tests.databases import SHARED, Postgres
from tests.store.configured import LIMITS, SIDES, Choice
from tests.store.tenants import CHANGE, EMAILS, GROUPS, NAMES
from tests.store.watching import Clock, dying
from tests.store.workspaces import edit
from tests.store.worlds import GIVING, Change, World, just_before

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
CHANGES = st.lists(CHANGE, max_size=4)
HIRED = st.tuples(SIDE, NAMES, st.sets(GROUPS, max_size=3), st.sampled_from(["", "editor", "admin"]))
DECISIONS = st.sampled_from(
    ["approve", "approve one", "approve one", "approve late", "approve another", "reject", "undo", "undo"]
)
BY_HAND = st.sampled_from(["admin", "leave", "emergency", "join", "quit", "demote", "drift"])


class Safety(World, RuleBasedStateMachine):
    """Everything that can come between, in any order."""

    @initialize(choice=CHOICES, staff=st.lists(HIRED, min_size=6, max_size=10))
    def begin(self, choice: Choice, staff: list[tuple[str, str, set[str], str]]) -> None:
        self.open(choice)
        for side, name, groups, role in staff:
            self.happens(side, [("hire", name, groups), ("role", name, role)])
        for side in SIDES:
            self.run(side, verify=False, changes=[])

    def teardown(self) -> None:
        self.close()

    # -- runs

    @rule(side=SIDE, verify=st.booleans(), changes=CHANGES)
    def run(self, side: str, verify: bool, changes: list[Change]) -> None:
        self.happens(side, changes)
        with self.stepping():
            self.sync(side, verify=verify)

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
        with self.stepping():
            self.sync(side, verify=verify)
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
        with self.stepping():
            self.sync(side, verify=verify)
        directory.hidden, directory.unlisted, directory.blind = set(), set(), False

    @rule(side=SIDE, name=NAMES, groups=st.permutations(GIVING), verify=st.booleans())
    def half_seen_move(self, side: str, name: str, groups: list[str], verify: bool) -> None:
        """Somebody moves from one group to another, and is missing from a listing of the new one that came back short:
        of what both give nothing is taken."""
        directory, (old, new, *_) = self.sides[side], groups
        self.happens(side, [("hire", name, {old}), ("state", name, UserState.ACTIVE)])
        directory.add_group(old, new)
        directory.join(name, groups=[old])
        directory.leave(name, groups=[new])
        with self.stepping():
            self.sync(side)
            directory.join(name, groups=[new])
            directory.leave(name, groups=[old])
            directory.partial, directory.unlisted = {new}, {(new, name)}
            self.sync(side, verify=verify)
        directory.partial, directory.unlisted = set(), set()

    @rule(side=SIDE, verify=st.booleans(), changes=CHANGES, after=st.integers(0, 40), elsewhere=st.booleans())
    def killed_run(self, side: str, verify: bool, changes: list[Change], *, after: int, elsewhere: bool) -> None:
        self.happens(side, changes)
        with self.stepping(), dying(self.store, after, elsewhere=elsewhere):
            self.sync(side, verify=verify)

    @rule(side=SIDE, verify=st.booleans())
    def plan_twice(self, side: str, verify: bool) -> None:
        """The same snapshot, policy and workspace: the same plan, byte by byte."""
        with self.stepping():
            reports = [self.sync(side, verify=verify, apply=False) for _ in range(3)]  # the first may settle something
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
                pool.submit(self.sync, second).result()
                assert asleep
            met.append(asleep)

        with self.stepping():
            try:
                self.sync(first, progress=meanwhile)
            except StoreError as error:
                if (error.code, met) != ("lease_lost", [True, True]):
                    raise
            else:
                assert met != [True, True]

    @rule(
        side=SIDE, changes=CHANGES, at=st.integers(0, 25), name=EMAILS, what=BY_HAND,
        role=st.sampled_from(["admin", "member"]),
    )  # fmt: skip
    def interfered_run(
        self, side: str, changes: list[Change], *, at: int, name: str, what: str, role: str
    ) -> None:  # fmt: skip
        """While a run is at any point, somebody changes the workspace."""
        self.happens(side, changes)
        points = itertools.count()

        def meanwhile(*_: Any) -> None:
            if next(points) == at:
                step.excuse(lambda: self.change(name, what, role))

        with self.stepping() as step:
            self.sync(side, progress=meanwhile)

    # -- people

    @rule(choice=CHOICES)
    def configure(self, choice: Choice) -> None:
        self.follow(choice)

    @precondition(lambda self: self.runs)
    @rule(what=DECISIONS, back=st.integers(0, 3), dies=st.one_of(st.none(), st.integers(0, 12)))
    def decide_late(self, what: str, back: int, dies: int | None) -> None:
        """Somebody decides about one of the latest runs, and the process may die over it."""
        run = self.meant(what, back)
        with self.stepping(), suppress(CannotDecide):
            if dies is None:
                self.decide(what, run)
            else:
                with dying(self.store, dies, elsewhere=False):
                    self.decide(what, run)

    @rule(
        side=SIDE, changes=CHANGES, undone=st.booleans(), what=st.sampled_from(["approve", "approve one", "undo"]),
        which=st.integers(0, 3), changed=st.booleans(),
    )  # fmt: skip
    def decide_now(
        self, side: str, changes: list[Change], *, undone: bool, what: str, which: int, changed: bool
    ) -> None:
        """Somebody decides about what a run just did, or held, or about the undo of it; people changed in between."""
        if undone and what == "undo":
            what = "approve"
        run = self.judged(side, changes, undone=undone, held=what != "undo")
        if changed:
            self.meddle(run)
        with self.stepping(), suppress(CannotDecide):
            self.decide(what, run, which=which)

    @rule(
        side=SIDE, changes=CHANGES, undone=st.booleans(), what=st.sampled_from(["approve", "reject"]),
        first=st.one_of(st.sampled_from(["approve", "approve one", "reject"]), SIDE),
    )  # fmt: skip
    def decide_overtaken(self, side: str, changes: list[Change], *, undone: bool, what: str, first: str) -> None:
        """Before a decision gets to what somebody looked at, it is decided otherwise, or planned anew."""
        run, left = self.judged(side, changes, undone=undone, held=True), set[str]()

        def meanwhile() -> None:
            if first in SIDES:
                self.sync(first)
            else:
                self.decide(first, run)
            left.update(each.key for each in held_clusters(self.store, run))
            self.watch.approving = frozenset(left)

        with self.stepping(), just_before(meanwhile):
            try:
                self.decide(what, run)
            except CannotDecide as error:
                assert error.code == "nothing_held"  # noqa: PT017 - whether it is raised is drawn
            else:
                assert left, "nothing was held any more"

    @rule(side=SIDE, names=st.lists(NAMES, min_size=2, max_size=2, unique=True), leaves=st.booleans())
    def succession(self, side: str, names: list[str], leaves: bool) -> None:
        """The only admin goes, and the promotion of who comes after them is held."""
        (old, new), directory = names, self.sides[side]
        self.limit("off")
        for each in SIDES:
            self.happens(each, [("role", name, "editor") for name in self.sides[each].people])
            self.sides[each].add_group("Admins")
            self.sides[each].leave(*self.sides[each].people, groups=["Admins"])
        directory.hire(old, groups=["Admins", "Staff"], attributes={"jamie_role": "admin"})
        directory.hire(new, groups=["Staff"], attributes={"jamie_role": "editor"})
        directory.purged -= {old, new}
        for each in SIDES:
            with self.stepping():
                self.sync(each)
        directory.leave(old, groups=["Admins"])
        gone = UserState.SUSPENDED if leaves else UserState.ACTIVE
        directory.hire(old, state=gone, attributes={"jamie_role": "editor"})
        directory.hire(new, groups=["Admins"], attributes={"jamie_role": "admin"})
        self.limit("promotions")
        with self.stepping():
            self.sync(side)

    @rule(name=EMAILS, what=BY_HAND, role=st.sampled_from(["admin", "member"]))
    def by_hand(self, name: str, what: str, role: str) -> None:
        self.change(name, what, role)

    @rule(hours=st.sampled_from([-30, -1, 1, 25, 24 * 8]))
    def time_passes(self, hours: int) -> None:
        Clock.present += timedelta(hours=hours)
        if hours < 0:  # a lost machine's lease lasts until the clock is where it was: not waited for here
            edit(self.store, "UPDATE lease SET run = '', expires_at = ''")

    # -- what must hold after every step

    @invariant()
    def somebody_holds_on(self) -> None:
        if hasattr(self, "store"):
            self.watch.look_for_holders(self.policy("east"))

    @rule(approving=st.booleans(), verify=st.booleans())
    def converge(self, approving: bool, verify: bool) -> None:
        self.become(approving=approving, verify=verify)


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
