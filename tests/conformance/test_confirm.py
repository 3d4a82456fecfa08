"""Asking every registered connector for people by id, against the simulated directory of its kind."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from starlette.responses import Response

from connectors import CONNECTORS
from connectors.base import Connector, Refused
from reconciler.model import Evidence, Observation, UserGone, UsersSeen, Wanted
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


def confirmed(connector: Connector, ids: Sequence[str]) -> list[Observation]:
    async def read() -> list[Observation]:
        try:
            return [found async for found in connector.confirm(ids, Wanted())]
        finally:
            await connector.close()

    return asyncio.run(read())


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
    assert confirmed(connect(simulator, tmp_path), [gone]) == [UserGone(gone, Evidence.TOMBSTONE)]


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
