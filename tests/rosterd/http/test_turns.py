"""What requests of one turn ask for is handed over together, and each hears of its own."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from reconciler.errors import StoreError
from rosterd.http.turns import Turns
from store.scim.writer import Outcome, Told


def test_what_is_asked_in_one_turn_comes_together_and_is_answered_in_order() -> None:
    handed: list[list[int]] = []

    def hand(works: Sequence[int], told: Told) -> None:
        handed.append([*works])
        threading.Thread(target=told, args=([Outcome(work * 10) for work in works],)).start()

    async def asking() -> list[int]:
        turns: Turns[int] = Turns(hand, 3)
        first = await asyncio.gather(*(turns.done(number) for number in range(5)))
        return [*first, await turns.done(5)]

    assert asyncio.run(asking()) == [0, 10, 20, 30, 40, 50]
    assert handed == [[0, 1, 2], [3, 4], [5]]


def test_what_goes_wrong_with_one_is_told_to_that_one() -> None:
    def hand(works: Sequence[int], told: Told) -> None:
        told([Outcome(error=ValueError("no")) if work == 1 else Outcome(work) for work in works])

    async def asking() -> list[object]:
        turns: Turns[int] = Turns(hand, 3)
        return [*await asyncio.gather(*(turns.done(number) for number in range(3)), return_exceptions=True)]

    zero, one, two = asyncio.run(asking())
    assert (zero, two) == (0, 2)
    assert isinstance(one, ValueError)


def test_what_is_not_taken_is_told_at_once() -> None:
    def hand(works: Sequence[int], told: Told) -> None:
        raise StoreError("full")

    async def asking() -> None:
        turns: Turns[int] = Turns(hand, 3)
        with pytest.raises(StoreError, match="full"):
            await turns.done(0)

    asyncio.run(asking())


def test_who_does_not_wait_any_more_is_no_trouble_for_the_others() -> None:
    kept: list[Told] = []

    async def asking() -> int:
        turns: Turns[int] = Turns(lambda _, told: kept.append(told), 3)
        one, two = asyncio.create_task(turns.done(1)), asyncio.create_task(turns.done(2))
        await asyncio.wait([one, two], timeout=0.01)
        one.cancel()
        kept[0]([Outcome(1), Outcome(2)])
        return int(await two)

    assert asyncio.run(asking()) == 2


def test_an_answer_after_the_loop_has_ended_is_nobodys() -> None:
    kept: list[Told] = []

    async def asking() -> None:
        turns: Turns[int] = Turns(lambda _, told: kept.append(told), 3)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turns.done(1), 0.01)

    asyncio.run(asking())
    kept[0]([Outcome(1)])
