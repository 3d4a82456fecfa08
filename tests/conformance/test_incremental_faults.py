"""Reading changes while the directory misbehaves: nothing is lost, and nobody is taken for deleted who is there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.base import ConnectorError, Resync
from reconciler.model import Completeness, Membership, MembersSeen, Observation, Questions, UserGone
from rosterd.simulators import Simulator, World
from rosterd.simulators.faults import FAULTS
from tests.conformance.test_incremental import WANTED, Clock, Mirror, everything, person, replace_cursor
from tests.connectors.directories import connect, ends, pull

PAIRS = [(kind, fault.name) for fault in FAULTS for kind in sorted(fault.kinds - {"google"})]
# A change that the directory leaves out of its changes, with a clean 200, is found by the next read of everything.
LEFT_OUT = {"half", "none", "narrowed", "narrowed_404", "missing_next", "missing_status"}


@pytest.fixture(params=PAIRS, ids="-".join)
def drill(request: pytest.FixtureRequest) -> Iterator[tuple[Simulator, str]]:
    kind, name = request.param
    world = World(kind)
    clock = world.clock = Clock()
    for number in range(14):
        world.hire(f"Given{number}", "Family")
    for group in ("Eng", "Later"):
        made = world.add_group(group)
        for number in range(1, 6):
            world.join(made.id, list(world.people)[number])
    clock.passes(hours=1)
    with Simulator(kind, world) as simulator:
        yield simulator, name


def test_changes_survive_a_fault(drill: tuple[Simulator, str], tmp_path: Path) -> None:
    simulator, name = drill
    mirror = everything(simulator, tmp_path)
    gone = person(simulator, 9)
    simulator.world.rename(person(simulator, 3), family_name="Married")
    simulator.world.join("Eng", person(simulator, 8))
    simulator.world.delete(gone)
    simulator.fault(name)
    told = ("acme", "nothing to do")
    try:
        seen = pull(connect(simulator, tmp_path, deadline=0.6), replace_cursor(WANTED, mirror.cursor))
        if not contradicted(simulator, tmp_path, mirror, seen):  # else the next read begins where this one did
            mirror.take(seen)
        there = {one.id for one in simulator.world.people.values() if one.status not in ("deleted", "deprovisioned")}
        assert not there & {each.external_id for each in seen if isinstance(each, UserGone)}
        assert simulator.secret not in str(ends(seen))
    except Resync:
        mirror.cursor = ""
    except ConnectorError as error:
        told = (error.message, error.fix)
    assert all(told)
    assert told[0].startswith("acme")
    simulator.no_fault()
    cursor = "" if name in LEFT_OUT else mirror.cursor
    clean = pull(connect(simulator, tmp_path), replace_cursor(WANTED, cursor))
    found = (mirror if cursor else Mirror()).take(clean)
    fresh = everything(simulator, tmp_path)
    assert found.users == fresh.users
    assert gone not in found.users
    assert found.groups == fresh.groups
    assert {id_: members - {gone} for id_, members in found.members.items()} == {
        id_: members - {gone} for id_, members in fresh.members.items()
    }


def contradicted(simulator: Simulator, folder: Path, mirror: Mirror, seen: list[Observation]) -> bool:
    """Whether somebody whom a group lost, by what was seen, is in it when asked by id."""
    found = Mirror().take(seen).members
    whole = [end.group for end in ends(seen) if end.group and end.completeness is Completeness.COMPLETE]
    lost = [
        Membership(group, who) for group in whole for who in sorted(mirror.members.get(group, set()) - found[group])
    ]

    async def read() -> list[Observation]:
        connector = connect(simulator, folder)
        try:
            return [answer async for answer in connector.confirm(Questions(members=tuple(lost)), WANTED)]
        finally:
            await connector.close()

    return any(isinstance(answer, MembersSeen) for answer in (asyncio.run(read()) if lost else ()))
