"""What the requests of one turn of the event loop ask for, handed to another thread together, and answered together.

A thread that gets requests one by one takes the interpreter from the event loop at each, and the loop takes it back at
each answer: at 8 connections that costs more than the work. What the work is, is not here.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from reconciler.errors import StoreError
from store.scim.writer import Outcome, Told

_W = TypeVar("_W")


class Turns(Generic[_W]):
    """Hands over at most `most` pieces of work at once. `hand` begins to do them elsewhere, and tells their outcomes
    in their order, in any thread."""

    def __init__(self, hand: Callable[[Sequence[_W], Told], None], most: int) -> None:
        self._hand, self._most = hand, most
        self._asked: list[tuple[_W, asyncio.Future[Any]]] = []

    async def done(self, work: _W) -> Any:
        """What the work came to.

        Raises:
            StoreError: it was not taken. Otherwise whatever went wrong with it.
        """
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._over, loop)
        future = loop.create_future()
        self._asked.append((work, future))
        return await future

    def _over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every request of this turn has asked."""
        asked, self._asked = self._asked, []
        for first in range(0, len(asked), self._most):
            part = asked[first : first + self._most]
            self._handed(loop, [work for work, _ in part], [future for _, future in part])

    def _handed(self, loop: asyncio.AbstractEventLoop, works: list[_W], futures: list[asyncio.Future[Any]]) -> None:
        def told(outcomes: Sequence[Outcome]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_answer, futures, outcomes)

        try:
            self._hand(works, told)
        except StoreError as error:
            _answer(futures, [Outcome(error=error)] * len(futures))


def _answer(futures: Sequence[asyncio.Future[Any]], outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # whoever waited was cancelled
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
