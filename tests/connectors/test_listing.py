"""Listings that break off, begin again, or never began."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from connectors import listing
from connectors.base import ConnectorError, Malformed, Refused, Resync, Unavailable
from connectors.listing import Listing
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    GroupsSeen,
    UsersSeen,
    UserState,
    Wanted,
)

GET = "GET /users"


def broken(*runs: list[str | ConnectorError]) -> Callable[[], AsyncGenerator[str, None]]:
    """A listing that does one of `runs` each time it begins."""
    left = list(runs)

    async def pages() -> AsyncGenerator[str, None]:
        for page in left.pop(0):
            if isinstance(page, ConnectorError):
                raise page
            yield page

    return pages


def read(*runs: list[str | ConnectorError]) -> tuple[list[str], Listing[str]]:
    reading = Listing[str]()

    async def walk() -> list[str]:
        return [page async for page in reading.read(broken(*runs))]

    return asyncio.run(walk()), reading


def test_a_listing_that_comes_to_its_end_has_no_reason() -> None:
    pages, reading = read(["a", "b"])
    assert (pages, reading.failure, reading.reason) == (["a", "b"], None, "")


@pytest.mark.parametrize("error", [Malformed, Unavailable])
def test_a_later_page_that_fails_ends_it_with_a_reason(error: type[ConnectorError]) -> None:
    failure = error("500", request=GET)
    pages, reading = read(["a", "b", failure])
    assert (pages, reading.failure, reading.reason) == (["a", "b"], failure, "GET /users broke off after 2 pages: 500")


@pytest.mark.parametrize("error", [Malformed("x"), Unavailable("x"), Resync("x"), Refused("x")])
def test_a_first_page_that_fails_raises(error: ConnectorError) -> None:
    with pytest.raises(type(error)):
        read([error])


def test_a_refusal_raises_on_any_page() -> None:
    with pytest.raises(Refused):
        read(["a", Refused("403")])


def test_an_expired_page_token_begins_the_listing_again_once() -> None:
    pages, reading = read(["a", Resync("old")], ["a", "b"])
    assert (pages, reading.failure) == (["a", "a", "b"], None)
    pages, reading = read(["a", Resync("old", request=GET)], [Resync("old again", request=GET)])
    assert (pages, reading.reason) == (["a"], "GET /users broke off after 1 pages: old again")


# -- people and groups --------------------------------------------------------------------------------------------

ADA, ENG = DirectoryUser("1", UserState.ACTIVE), DirectoryGroup("g", "Eng")
HALF = Malformed("no list", request=GET)
COMPLETE, PARTIAL, DELTA = Completeness.COMPLETE, Completeness.PARTIAL, Completeness.DELTA


async def users(*pages: tuple[DirectoryUser, ...] | ConnectorError) -> AsyncGenerator[tuple[DirectoryUser, ...], None]:
    for page in pages:
        if isinstance(page, ConnectorError):
            raise page
        yield page


async def groups(*pages: tuple[DirectoryGroup, ...] | ConnectorError) -> AsyncGenerator[GroupsSeen, None]:
    for page in pages:
        if isinstance(page, ConnectorError):
            raise page
        yield GroupsSeen(page)


@pytest.mark.parametrize(
    ("pages", "whole", "unclear", "ends"),
    [
        ([(ADA,)], COMPLETE, [], COMPLETE),
        ([(ADA,)], COMPLETE, ["1"], PARTIAL),
        ([()], COMPLETE, [], PARTIAL),
        ([(ADA,), HALF], COMPLETE, [], PARTIAL),
        ([()], DELTA, [], DELTA),
        ([(ADA,), HALF], DELTA, [], PARTIAL),
    ],
)
def test_how_people_end(
    pages: list[tuple[DirectoryUser, ...] | ConnectorError], whole: Completeness, unclear: list[str], ends: Completeness
) -> None:
    async def walk() -> list[UsersSeen | CollectionEnd]:
        return [each async for each in listing.people("Acme", lambda: users(*pages), unclear, "status", whole)]

    end = asyncio.run(walk())[-1]
    assert isinstance(end, CollectionEnd)
    assert (end.completeness, bool(end.reason)) == (ends, ends is PARTIAL)


@pytest.mark.parametrize(
    ("pages", "whole", "ends"),
    [
        ([(ENG,)], COMPLETE, COMPLETE),
        ([()], COMPLETE, PARTIAL),
        ([(ENG,), HALF], COMPLETE, PARTIAL),
        ([()], DELTA, DELTA),
        ([(ENG,), HALF], DELTA, PARTIAL),
    ],
)
def test_how_groups_end(
    pages: list[tuple[DirectoryGroup, ...] | ConnectorError], whole: Completeness, ends: Completeness
) -> None:
    seen: list[DirectoryGroup] = []
    wanted = Wanted(groups=frozenset({"Eng"}))

    async def walk() -> list[GroupsSeen | CollectionEnd]:
        return [each async for each in listing.groups("Acme", lambda: groups(*pages), seen, wanted, whole)]

    end = asyncio.run(walk())[-1]
    assert isinstance(end, CollectionEnd)
    assert (end.completeness, bool(end.reason)) == (ends, ends is PARTIAL)
    assert seen == ([ENG] if pages[0] else [])
