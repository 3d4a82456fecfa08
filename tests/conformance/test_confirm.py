"""Asking every registered connector for people by id, against the simulated directory of its kind."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from starlette.responses import Response

from connectors import CONNECTORS
from connectors.base import Connector, Refused
from reconciler.model import (
    CollectionEnd,
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
from rosterd.simulators.world import Kind
from tests.connectors.directories import break_, connect


@pytest.fixture(params=sorted(CONNECTORS))
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    kind = cast("Kind", request.param)
    world = World(kind)
    for number in range(12):
        world.hire(f"Given{number}", "Family")
    with Simulator(kind, world) as running:
        yield running


def asked(connector: Connector, questions: Questions) -> list[Observation]:
    async def read() -> list[Observation]:
        try:
            return [found async for found in connector.confirm(questions, Wanted())]
        finally:
            await connector.close()

    return asyncio.run(read())


def confirmed(connector: Connector, ids: Sequence[str]) -> list[Observation]:
    return asked(connector, Questions(people=tuple(ids)))


def seen(found: list[Observation]) -> list[str]:
    return [user.external_id for page in found if isinstance(page, UsersSeen) for user in page.users]


def test_people_who_are_still_there_are_seen(simulator: Simulator, tmp_path: Path) -> None:
    ids = list(simulator.world.people)
    simulator.world.suspend(ids[-1])
    found = confirmed(connect(simulator, tmp_path), ids)
    assert seen(found) == ids
    assert sum(simulator.requests.values()) == len(ids)


def test_somebody_deleted_has_a_tombstone(simulator: Simulator, tmp_path: Path) -> None:
    gone = list(simulator.world.people)[-1]  # the first is the subject of the token
    simulator.world.delete(gone)
    (told,) = confirmed(connect(simulator, tmp_path), [gone])
    assert isinstance(told, UserGone)
    assert (told.external_id, told.evidence) == (gone, Evidence.TOMBSTONE)
    since = datetime.fromisoformat(simulator.world.people[gone].status_changed)
    assert datetime.fromisoformat(told.off_since) == since


def test_somebody_nobody_knows_is_absent(simulator: Simulator, tmp_path: Path) -> None:
    gone = list(simulator.world.people)[-1]  # the first is the subject of the token
    simulator.world.delete(gone)
    simulator.world.purge(gone)
    assert confirmed(connect(simulator, tmp_path), [gone]) == [UserGone(gone, Evidence.ABSENCE)]


@pytest.mark.parametrize("status", [400, 403, 404, 302, 200])
def test_an_answer_that_is_not_the_vendors_own_word_says_nothing(
    simulator: Simulator, tmp_path: Path, status: int
) -> None:
    """Least of all a proxy's 404."""
    ids = list(simulator.world.people)[:3]
    break_(simulator, lambda: Response(b"<html>not here</html>", status, media_type="text/html"), where=ids[1])
    assert seen(confirmed(connect(simulator, tmp_path), ids)) == [ids[0], ids[2]]


def test_a_narrowed_permission_confirms_nobodys_absence(simulator: Simulator, tmp_path: Path) -> None:
    ids = list(simulator.world.people)
    simulator.fault("narrowed")
    found = confirmed(connect(simulator, tmp_path), ids)
    assert 0 < len(found) < len(ids)
    assert not any(isinstance(each, UserGone) for each in found)


def test_refused_credentials_raise(simulator: Simulator, tmp_path: Path) -> None:
    simulator.fault("revoked")
    with pytest.raises(Refused):
        confirmed(connect(simulator, tmp_path), list(simulator.world.people))


# -- groups and memberships ---------------------------------------------------------------------------------------


def grouped(simulator: Simulator) -> tuple[list[str], str, str]:
    """Everybody, and two groups that the first three are in; where groups nest, the second is in the first."""
    world, people = simulator.world, list(simulator.world.people)
    eng, ops = world.add_group("Eng"), world.add_group("Ops")
    for group in (eng, ops):
        for person in people[:3]:
            world.join(group.id, person)
    if simulator.kind != "okta":
        world.join(eng.id, ops.id)
    return people, eng.id, ops.id


def test_a_group_is_there_or_unknown(simulator: Simulator, tmp_path: Path) -> None:
    _, eng, ops = grouped(simulator)
    simulator.world.delete_group(ops)
    found = asked(connect(simulator, tmp_path), Questions(groups=(eng, ops)))
    assert [(each.groups[0].external_id, each.groups[0].name) for each in found if isinstance(each, GroupsSeen)] == [
        (eng, "Eng")
    ]
    assert found[1:] == [GroupGone(ops, Evidence.ABSENCE)]


def test_a_membership_is_there_or_not_whatever_the_listing_says(simulator: Simulator, tmp_path: Path) -> None:
    people, eng, ops = grouped(simulator)
    simulator.world.leave(eng, people[1])
    simulator.fault("half_members")
    members = [Membership(group, person) for group in (eng, ops) for person in people[:4]]
    found = asked(connect(simulator, tmp_path), Questions(members=tuple(members)))
    sent = sum(simulator.requests.values())
    assert sent == (4 if simulator.kind == "okta" else 8)
    left = {(eng, people[1]), (eng, people[3]), (ops, people[3])}
    assert {(one.group, one.users[0]) for one in found if isinstance(one, MembersLeft)} == left
    assert {(one.group, one.users[0]) for one in found if isinstance(one, MembersSeen)} == {
        (one.group, one.member) for one in members
    } - left


def test_a_nested_group_is_a_member_too_and_what_is_in_it_is_not(simulator: Simulator, tmp_path: Path) -> None:
    people, eng, ops = grouped(simulator)
    if simulator.kind == "okta":  # which has no groups inside groups
        return
    simulator.world.leave(eng, people[0])  # still in through Ops, which is in Eng
    questions = Questions(members=(Membership(eng, ops, nested=True), Membership(eng, people[0])))
    found = asked(connect(simulator, tmp_path), questions)
    assert found == [MembersSeen(eng, (), (ops,)), MembersLeft(eng, (people[0],))]


@pytest.mark.parametrize("status", [400, 403, 404, 302, 200])
def test_another_answer_about_a_group_or_a_membership_says_nothing(
    simulator: Simulator, tmp_path: Path, status: int
) -> None:
    people, eng, _ = grouped(simulator)
    break_(simulator, lambda: Response(b"<html>not here</html>", status, media_type="text/html"))
    questions = Questions(groups=(eng,), members=(Membership(eng, people[0]),))
    assert asked(connect(simulator, tmp_path), questions) == []


def test_a_group_that_nobody_knows_says_nothing_about_its_members(simulator: Simulator, tmp_path: Path) -> None:
    if simulator.kind == "okta":  # which is asked about the person
        return
    people, eng, _ = grouped(simulator)
    simulator.world.delete_group(eng)
    assert asked(connect(simulator, tmp_path), Questions(members=(Membership(eng, people[0]),))) == []


def test_an_outage_leaves_the_group_unknown(simulator: Simulator, tmp_path: Path) -> None:
    people, eng, _ = grouped(simulator)
    simulator.fault("error_503")
    questions = Questions(groups=(eng,), members=(Membership(eng, people[0]),))
    (end,) = asked(connect(simulator, tmp_path, deadline=0.5), questions)
    assert isinstance(end, CollectionEnd)
    assert (end.collection, end.completeness, end.group) == ("members", Completeness.PARTIAL, eng)


def test_members_out_of_sight_are_not_said_to_have_left(simulator: Simulator, tmp_path: Path) -> None:
    people, eng, ops = grouped(simulator)
    simulator.fault("narrowed")
    members = tuple(Membership(group, person) for group in (eng, ops) for person in people[:3])
    found = asked(connect(simulator, tmp_path), Questions(groups=(eng, ops), members=members))
    assert not [each for each in found if isinstance(each, MembersLeft | GroupGone)]
