"""Reading answers: JSON out of bytes, pages until the vendor says that there are no more, many small collections at
once in bounded memory.

What does not live here: sending, waiting and retrying (transport.py), and anything a single vendor does.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from connectors.answer import Answer
from connectors.base import Malformed

T = TypeVar("T")
P = TypeVar("P")

PAGE_CAP = 100_000  # pages of one collection; 20 million people at 200 a page: more is a loop


def decode(answer: Answer, request: str) -> Any:
    """The body as JSON values.

    Raises:
        Malformed: not JSON, which is how a truncated body or a proxy's HTML page shows.
    """
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_json(answer, request) from exc


def not_json(answer: Answer, request: str) -> Malformed:
    """The error for a body that cannot be parsed; shows how it begins."""
    start = answer.body[:60].decode("utf-8", "replace")
    return Malformed(
        f"the answer is not the JSON that the API documents: {len(answer.body)} bytes starting {start!r}",
        request=request,
        fix="check that the address is the directory's API and that no proxy answers in its place",
        status=answer.status,
    )


def require_object(page: Any, request: str) -> dict[str, Any]:
    """The page itself if it is a JSON object, else Malformed."""
    if isinstance(page, dict):
        return page
    raise Malformed(f"the answer is {_shape(page)} where an object must be", request=request)


def require_array(page: Any, request: str) -> list[Any]:
    """The page itself if it is a JSON list, else Malformed."""
    if isinstance(page, list):
        return page
    raise Malformed(f"the answer is {_shape(page)} where a list must be", request=request)


def require_list(page: Any, key: str, request: str) -> list[Any]:
    """`page[key]` when it is a list, else Malformed: a missing list is not an empty one."""
    found = require_object(page, request).get(key)
    if isinstance(found, list):
        return found
    raise Malformed(f"{key!r} is {_shape(found)} where a list must be", request=request)


def _shape(found: Any) -> str:
    names = {type(None): "nothing", list: "a list", dict: "an object", str: "a text"}
    return names.get(type(found), "a number")


class Endless(Malformed):
    """The pages of a collection do not come to an end."""


# -- many answers -------------------------------------------------------------------------------------------------


async def pages(
    first: T,
    fetch: Callable[[T], Awaitable[P]],
    following: Callable[[P], T | None],
    *,
    request: str = "",
    cap: int = PAGE_CAP,
) -> AsyncGenerator[P, None]:
    """Every page of one collection, in order. Ends only when `following` says None; a page may be empty and still
    have a successor (Graph paging.md).

    Args:
        first: where the first page is: a URL or token, hashable; may be None-like for "no token".
        fetch: reads the page at a place.
        following: the place of the page after this one, None at the end.

    Raises:
        Endless: the same place came twice, or there are more than `cap` pages.
    """
    seen: set[Any] = set()
    place: T | None = first
    for _ in range(cap):
        seen.add(place)
        page = await fetch(place)  # type: ignore[arg-type]  # never None after the first round
        yield page
        place = following(page)
        if place is None:
            return
        if place in seen:
            raise Endless(f"paging goes in circles: page {len(seen) + 1} is one already read", request=request)
    raise Endless(f"the collection has more than {cap} pages", request=request)


async def gather_in_order(
    items: Iterable[T],
    read: Callable[[T], AsyncGenerator[P, None]],
    *,
    window: int = 10,
    ahead: int = 2,
) -> AsyncGenerator[P, None]:
    """What `read` yields for every item, in the order of the items, with up to `window` items read at the same time.

    Memory is bounded: at most `window * ahead` values wait. Requests in flight are bounded by the Limiter. The first
    error, in order of the items, ends everything. Close it (contextlib.aclosing) when leaving early.
    """
    lanes: deque[tuple[_Lane[P], asyncio.Task[None]]] = deque()
    remaining = iter(items)
    try:
        while True:
            for item in islice(remaining, window - len(lanes)):
                lane: _Lane[P] = _Lane(ahead)
                lanes.append((lane, asyncio.create_task(lane.fill(read(item)))))
            if not lanes:
                return
            lane, task = lanes[0]
            async with aclosing(lane.drain()) as values:
                async for value in values:
                    yield value
            await task  # raises what ended the reading
            lanes.popleft()
    finally:
        tasks = [task for _, task in lanes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Lane(Generic[P]):
    """The values of one item on their way to the reader: at most `ahead` wait."""

    def __init__(self, ahead: int) -> None:
        self._values: asyncio.Queue[P | None] = asyncio.Queue()  # None: no more
        self._room = asyncio.Semaphore(ahead)

    async def fill(self, values: AsyncGenerator[P, None]) -> None:
        try:
            async with aclosing(values):
                async for value in values:
                    await self._room.acquire()
                    self._values.put_nowait(value)
        finally:
            self._values.put_nowait(None)

    async def drain(self) -> AsyncGenerator[P, None]:
        while (value := await self._values.get()) is not None:
            self._room.release()
            yield value


# -- values -------------------------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A text as domain values hold it: trimmed, "" when missing, null, or no text at all."""
    return value.strip() if type(value) is str else ""


def each(raw: list[Any], convert: Callable[[Any], P], request: str) -> tuple[P, ...]:
    """Every record of a page, converted.

    Raises:
        Malformed: a record without a required field, or that is no object; names its place on the page.
    """
    found: list[P] = []
    try:
        for record in raw:
            found.append(convert(record))  # noqa: PERF401 -- the length says which record is at fault
    except (KeyError, TypeError, AttributeError) as exc:
        what = f"has no {exc}" if isinstance(exc, KeyError) else "is not an object as documented"
        raise Malformed(f"record {len(found)} of the page {what}", request=request) from exc
    return tuple(found)
