"""Every connector × every named fault, through the whole loop, on SQLite and on PostgreSQL.

A day's changes happen while the directory misbehaves. Whatever it does: nobody is put out without evidence, a run whose
roster is wrong does not say that it succeeded, what is said names the way out and holds no secret, and the first clean
sync after it has the right roster.
"""

import asyncio
from pathlib import Path
from typing import cast

import msgspec
import pytest

from reconciler.policy import Limit, Policy, RoleAxis, RoleSource, TeamMapping
from reconciler.report import Report
from rosterd.ports import run_once
from rosterd.simulators import Simulator, World
from rosterd.simulators.faults import FAULTS
from rosterd.simulators.world import KINDS, Group, Kind
from store import Store
from store.workspace import roster
from tests.connectors.directories import connect

PATIENCE = 0.8  # seconds that a pull under a fault may take
POLICY = Policy(
    "acme",
    "acme",
    axes=(RoleAxis("role", ("member", "admin"), "member", protect_last="admin"),),
    sources=(RoleSource("role", groups=(("Rosterd Admins", "admin"),)),),
    teams=(TeamMapping("Engineering", "Engineering"), TeamMapping("Sales", "Sales")),
)
PAIRS = [(kind, fault.name) for fault in FAULTS for kind in sorted(fault.kinds)]

# Members or groups are missing with a clean 200, and the report says which groups are short.
HIDING_MEMBERS = {"half_members", "group_members_empty", "hidden_groups"}
UNSEEN_NEWCOMERS = {"narrowed", "narrowed_404", "missing_next", "changes_mid_read"}  # which no client can know of
# What is missing is unknown by id as well: one whole listing takes nothing away, the next is for the limits (below).
UNKNOWN_BY_ID = {"narrowed_404"}
Roster = dict[str, tuple[str, tuple[str, ...]]]  # role and teams by address


class Drill:
    """One simulated directory, one store, and the roster that there should be."""

    def __init__(self, kind: Kind, store: Store, folder: Path, limits: dict[str, Limit] | None = None) -> None:
        self.world = World.generate(kind, 40, 8, domain="acme.com")
        self.simulator = Simulator(kind, self.world)
        self.store, self.folder = store, folder
        self.policy = msgspec.structs.replace(POLICY, limits=limits or {})

    def sync(self, *, deadline: float = 60.0, verify: bool = False) -> Report:
        async def run() -> Report:
            connector = connect(self.simulator, self.folder, deadline=deadline)
            try:
                return await run_once(self.store, self.policy, connector, progress=lambda *_: None, verify=verify)
            finally:
                await connector.close()

        return asyncio.run(run())

    def a_day(self) -> None:
        """Somebody comes, one is suspended, one deleted, one changes teams; none of them is the one whom Google asks
        as."""
        people = [person for person in self.world.people.values() if person.status == "active"]
        self.world.hire("New", "Comer", email="newcomer@acme.com")
        self.world.suspend(people[20].id)
        self.world.delete(people[21].id)
        engineers = self.world.members(self.world.group("Engineering"))
        mover = next(one for one in engineers if one.id not in (people[0].id, people[20].id, people[21].id))
        self.world.leave("Engineering", mover.id)
        self.world.join("Sales", mover.id)

    def expected(self) -> Roster:
        """Role and teams that the active people should have, by address."""
        teams = {name: self._inside(self.world.group(name)) for name in ("Engineering", "Sales", "Rosterd Admins")}
        admins = teams.pop("Rosterd Admins")
        return {
            person.email: (
                "admin" if person.id in admins else "member",
                tuple(name for name in sorted(teams) if person.id in teams[name]),
            )
            for person in self.world.people.values()
            if person.status == "active"
        }

    def _inside(self, group: Group) -> set[str]:
        """Everybody in a group and in the groups inside it; none is inside itself here."""
        found = set(group.members)
        for member in group.members:
            found |= self._inside(self.world.groups[member]) if member in self.world.groups else set()
        return found

    def active(self) -> Roster:
        """Role and teams of the active members by address."""
        return {one.email: (one.roles["role"], one.teams) for one in roster(self.store, "acme") if one.active}


@pytest.mark.parametrize(("kind", "fault"), PAIRS)
def test_a_fault_is_survived(kind: str, fault: str, store: Store, tmp_path: Path) -> None:
    drill = Drill(cast("Kind", kind), store, tmp_path)
    with drill.simulator as simulator:
        assert drill.sync().state == "succeeded"
        before = drill.active()
        assert before == drill.expected()
        drill.a_day()
        simulator.fault(fault)
        for verify in (False, True) if fault not in UNKNOWN_BY_ID else (True,):
            report = drill.sync(deadline=PATIENCE, verify=verify)
            no_removal_without_evidence(before, drill.active(), drill.expected())
            says_what_to_do(report, simulator.secret)
        no_success_with_a_wrong_roster(report, set(drill.active()), set(drill.expected()), fault)
        assert bool(report.complete.incomplete_groups) or fault not in HIDING_MEMBERS
        simulator.no_fault()
        drill.sync(verify=True)
        drill.sync(verify=True)  # what was absent in strange circumstances has to be absent twice
        assert drill.active() == drill.expected()
        clean = drill.sync(verify=True)
        assert (clean.state, clean.changes) == ("succeeded", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_people_whom_a_narrowed_permission_makes_unknown_are_held_by_the_limits(
    kind: Kind, store: Store, tmp_path: Path
) -> None:
    """Nothing that the directory says tells it from a purge. It is said in the report first, and then held."""
    drill = Drill(kind, store, tmp_path, {"deactivate_absence": Limit(count=50, percent=5, floor=5)})
    with drill.simulator as simulator:
        drill.sync()
        before = drill.active()
        simulator.fault("narrowed_404")
        report = drill.sync(verify=True)
        assert (report.state, report.counts.deactivate, drill.active()) == ("blocked", 0, before)
        assert any("the directory knows no such id" in reason for reason in report.complete.reasons)
        report = drill.sync(verify=True)
        assert (report.state, report.counts.deactivate) == ("held", 0)
        assert report.counts.held >= len(before) // 2 - 2
        assert set(drill.active()) == set(before)
        simulator.no_fault()
        drill.sync(verify=True)
        assert drill.active() == before


def no_removal_without_evidence(before: Roster, after: Roster, expected: Roster) -> None:
    """Only they went who really left, and nobody lost a role or team that they still should have."""
    assert (set(before) - set(after)).isdisjoint(expected)
    for email in before.keys() & expected.keys():
        assert "admin" not in (before[email][0], expected[email][0]) or after[email][0] == before[email][0]
        assert set(before[email][1]) & set(expected[email][1]) <= set(after[email][1]), email
    assert "admin" in {role for role, _ in after.values()}


def no_success_with_a_wrong_roster(report: Report, active: set[str], expected: set[str], fault: str) -> None:
    """A full read under a fault. Somebody missing from the roster whom the listing hides is the one thing unseen."""
    wrong = active ^ expected if fault not in UNSEEN_NEWCOMERS else active - expected
    if wrong:
        assert report.state in ("blocked", "failed", "held", "partial"), (report.state, wrong)


def says_what_to_do(report: Report, secret: str) -> None:
    if report.state == "blocked":
        said = report.error or {}
        assert report.complete.reasons or (said["message"] and said["fix"] and said["code"]), report
    written = msgspec.json.encode(report).decode()
    assert secret[:40] not in written
