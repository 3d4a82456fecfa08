"""Every connector × every fault that the simulators know, through the connector alone.

What is asked of each pair: nothing is called complete that was not read whole, an error names the directory, the
request and the way out, nothing secret is in it, and the next clean read is whole. What a run makes of it is in
test_drills.py.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.base import ConnectorError
from reconciler.model import (
    Completeness,
    Evidence,
    GroupGone,
    GroupsSeen,
    Membership,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    Wanted,
)
from rosterd.simulators import Simulator, World
from rosterd.simulators.faults import FAULTS
from rosterd.simulators.world import Kind
from tests.connectors.directories import connect, ends, pull

GROUPS = ("Eng", "Ops", "Design")
WANTED = Wanted(groups=frozenset(GROUPS))
PATIENCE = 0.8  # seconds that a read under a fault may take
PAIRS = [(kind, fault.name) for fault in FAULTS for kind in sorted(fault.kinds)]

# No client can see these in one read: well-formed, 200, and short. What is missing then is asked for by id, and nobody
# and nothing may be found absent that is there.
SHORT_PEOPLE = {"half", "narrowed", "narrowed_404", "missing_next", "changes_mid_read"}
SHORT_GROUPS = {"hidden_groups", "narrowed", "narrowed_404"}
SHORT_MEMBERS = {"half_members", "group_members_empty", "narrowed", "narrowed_404"}
# Nor by id: then no client can know, and the store wants to see it twice.
UNKNOWN_BY_ID = {"narrowed_404"}


def world(kind: Kind) -> World:
    made = World(kind)
    people = [made.hire(f"Given{number}", "Family") for number in range(14)]
    for name in GROUPS:
        group = made.add_group(name)
        for person in people[1:8]:
            made.join(group.id, person.id)
    return made


@pytest.fixture(params=PAIRS, ids="-".join)
def drill(request: pytest.FixtureRequest) -> Iterator[tuple[Simulator, str]]:
    kind, name = request.param
    with Simulator(kind, world(kind)) as simulator:
        simulator.fault(name)
        yield simulator, name


def seen(observations: list[Observation]) -> dict[str, set[str]]:
    """Ids by collection; a group's members under its id."""
    found: dict[str, set[str]] = {"users": set(), "groups": set()}
    for each in observations:
        if isinstance(each, UsersSeen):
            found["users"].update(user.external_id for user in each.users)
        if isinstance(each, GroupsSeen):
            found["groups"].update(group.external_id for group in each.groups)
        if isinstance(each, MembersSeen):
            found.setdefault(each.group, set()).update(each.users, each.groups)
    return found


def complete(observations: list[Observation]) -> dict[str, set[str]]:
    """The collections that the connector calls whole."""
    found = seen(observations)
    whole = [end for end in ends(observations) if end.completeness is Completeness.COMPLETE]
    return {end.group or end.collection: found.get(end.group or end.collection, set()) for end in whole}


def truth(simulator: Simulator) -> dict[str, set[str]]:
    living = {person.id for person in simulator.world.people.values() if person.status not in GONE}
    members = {group.id: set(group.members) for group in simulator.world.groups.values()}
    return {"users": living, "groups": set(simulator.world.groups), **members}


GONE = ("deleted", "deprovisioned")


def excused(collection: str, name: str) -> bool:
    short = {"users": SHORT_PEOPLE, "groups": SHORT_GROUPS}.get(collection, SHORT_MEMBERS)
    return name in short


def confirmed(simulator: Simulator, folder: Path, questions: Questions) -> list[Observation]:
    async def read() -> list[Observation]:
        connector = connect(simulator, folder, deadline=PATIENCE)
        try:
            return [found async for found in connector.confirm(questions, WANTED)]
        except ConnectorError:
            return []  # which confirms nobody's absence either
        finally:
            await connector.close()

    return asyncio.run(read())


def test_nothing_is_called_complete_that_was_not_read_whole(drill: tuple[Simulator, str], tmp_path: Path) -> None:
    simulator, name = drill
    try:
        observations = pull(connect(simulator, tmp_path, deadline=PATIENCE), WANTED)
    except ConnectorError as error:
        assert_tells(error, simulator)
        observations = []
    expected = truth(simulator)
    for collection, found in complete(observations).items():
        assert excused(collection, name) or found == expected[collection], collection
    for end in ends(observations):
        assert bool(end.reason) is (end.completeness is Completeness.PARTIAL)
        assert simulator.secret not in end.reason
    assert not any(isinstance(each, UserGone) and each.external_id in expected["users"] for each in observations)
    answers = confirmed(simulator, tmp_path, missing(observations, expected))
    gone = [each for each in answers if isinstance(each, UserGone | GroupGone)]
    assert not [each for each in gone if name not in UNKNOWN_BY_ID or each.evidence is not Evidence.ABSENCE]
    assert not [each for each in answers if isinstance(each, MembersLeft)]


def missing(observations: list[Observation], expected: dict[str, set[str]]) -> Questions:
    """Everything that is there and was not seen."""
    found = seen(observations)
    lost = {name: expected[name] - found.get(name, set()) for name in expected}
    people, groups = lost.pop("users"), lost.pop("groups")
    members = [Membership(group, who) for group, lacking in sorted(lost.items()) for who in sorted(lacking)]
    return Questions(tuple(sorted(people)), tuple(sorted(groups)), tuple(members[::3]))


def assert_tells(error: ConnectorError, simulator: Simulator) -> None:
    """Whose, what, and the way out; and nothing secret."""
    assert "acme" in error.message
    assert error.request.startswith("GET /")
    assert error.fix
    assert simulator.secret not in f"{error} {error.fix}"
    assert "Bearer" not in str(error)


def test_the_next_clean_read_is_whole(drill: tuple[Simulator, str], tmp_path: Path) -> None:
    simulator, _ = drill
    try:
        pull(connect(simulator, tmp_path, deadline=PATIENCE / 4), WANTED)
    except ConnectorError as error:
        assert error.code  # noqa: PT017 -- whether it fails is the other test's matter
    simulator.no_fault()
    expected = truth(simulator)
    found = complete(pull(connect(simulator, tmp_path), WANTED))
    mapped = {group.id for group in simulator.world.groups.values() if group.name in GROUPS}
    assert found == {key: expected[key] for key in {"users", "groups", *mapped}}
