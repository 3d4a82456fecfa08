"""Pages, many collections at once, and the values of a page."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from connectors.answer import Answer
from connectors.base import Malformed
from connectors.paging import (
    decode,
    each,
    gather_in_order,
    pages,
    require_array,
    require_list,
    require_object,
    text,
)


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, body)


def read(links: dict[str, str | None], cap: int = 100) -> list[str]:
    """Walks pages that are called by their own names."""

    async def fetch(name: str) -> str:
        return name

    async def walk() -> list[str]:
        return [page async for page in pages("a", fetch, links.__getitem__, request="GET /users", cap=cap)]

    return asyncio.run(walk())


def test_pages_come_in_order_until_there_is_no_next() -> None:
    assert read({"a": "b", "b": "c", "c": None}) == ["a", "b", "c"]


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_a_circle_is_malformed_and_not_the_end(links: dict[str, str | None]) -> None:
    with pytest.raises(Malformed, match="in circles"):
        read(links)


def test_more_pages_than_can_be_is_malformed() -> None:
    with pytest.raises(Malformed, match="more than 2 pages") as raised:
        read({"a": "b", "b": "c", "c": None}, cap=2)
    assert raised.value.request == "GET /users"


def test_a_failing_page_raises() -> None:
    async def fetch(name: str) -> str:
        raise Malformed("broken") if name == "b" else AssertionError if name == "c" else StopAsyncIteration

    async def walk() -> None:
        async for _ in pages("b", fetch, lambda _: None):
            pass

    with pytest.raises(Malformed, match="broken"):
        asyncio.run(walk())


# -- many collections ---------------------------------------------------------------------------------------------


async def three(item: int) -> AsyncGenerator[tuple[int, int], None]:
    for page in range(3):
        await asyncio.sleep(0.001 * ((item * 7 + page) % 3))
        yield item, page


def gathered(count: int, window: int) -> list[tuple[int, int]]:
    async def walk() -> list[tuple[int, int]]:
        return [found async for found in gather_in_order(range(count), three, window=window)]

    return asyncio.run(walk())


@pytest.mark.parametrize("window", [1, 3, 50])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_values_come_in_the_order_of_the_items(count: int, window: int) -> None:
    assert gathered(count, window) == [(item, page) for item in range(count) for page in range(3)]


def test_items_are_read_at_the_same_time_but_only_so_far_ahead() -> None:
    produced: list[tuple[int, int]] = []

    async def endless(item: int) -> AsyncGenerator[int, None]:
        for value in range(1000):
            produced.append((item, value))
            yield value

    async def first() -> None:
        async with aclosing(gather_in_order(range(100), endless, window=4, ahead=2)) as found:
            assert await anext(found) == 0
            for _ in range(50):
                await asyncio.sleep(0)

    asyncio.run(first())
    assert {item for item, _ in produced} == {0, 1, 2, 3}
    assert len(produced) <= 4 * (2 + 2)


def test_an_error_ends_everything_and_leaves_no_task() -> None:
    async def failing(item: int) -> AsyncGenerator[int, None]:
        yield item
        if item == 2:
            raise Malformed("group 2")
        await asyncio.sleep(0 if item < 2 else 60)

    async def walk() -> list[int]:
        found = gather_in_order(range(9), failing, window=9)
        seen = [await anext(found) for _ in range(3)]
        with pytest.raises(Malformed, match="group 2"):
            await anext(found)
        assert len(asyncio.all_tasks()) == 1
        return seen

    assert asyncio.run(walk()) == [0, 1, 2]


def test_leaving_early_cancels_what_is_being_read() -> None:
    async def walk() -> None:
        async with aclosing(gather_in_order(range(9), three, window=9)) as found:
            await anext(found)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(walk())


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'[{"id": "1"}, {"i', b"\xff\xfe"])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match=f"{len(body)} bytes") as raised:
        decode(answer(body), "GET /users")
    assert (raised.value.status, raised.value.request) == (200, "GET /users")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({}, "'users' is nothing where a list must be"),
        ({"users": None}, "'users' is nothing where"),
        ({"users": {}}, "'users' is an object where"),
        ([], "the answer is a list where an object must be"),
        ("text", "the answer is a text where an object must be"),
    ],
)
def test_a_missing_list_is_not_an_empty_one(page: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        require_list(page, "users", "GET /users")


def test_what_is_there_is_returned() -> None:
    assert require_list({"users": []}, "users", "") == []
    assert require_object({}, "") == {}
    assert require_array([1], "") == [1]
    with pytest.raises(Malformed, match="an object where a list"):
        require_array({"errorCode": "E0000006"}, "")


@pytest.mark.parametrize(("value", "expected"), [(" Ada ", "Ada"), (None, ""), (7, ""), (["x"], ""), ("", "")])
def test_texts_are_trimmed(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [([{"id": "1"}, {}], "record 1 of the page has no 'id'"), ([{"id": "1"}, None], "record 1 of the page is not an")],
)
def test_a_record_without_its_id_is_named_by_its_place(raw: list[Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        each(raw, lambda record: record["id"], "GET /users")
