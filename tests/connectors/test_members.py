"""Walking over groups and the groups inside them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

import pytest

from connectors.base import Malformed, NotReadable, Refused, Resync, Unavailable
from connectors.members import expand
from reconciler.model import CollectionEnd, Completeness, MembersSeen

INSIDE = {"a": ("b", "c"), "b": ("a",), "c": ("d",), "d": ("c", "d"), "e": ()}


async def read(group: str) -> AsyncGenerator[MembersSeen, None]:
    if group == "hidden":
        raise NotReadable("403")
    if group == "refused":
        raise Refused("401")
    if group == "odd":
        raise Malformed("no list")
    yield MembersSeen(group, (f"{group}1",))
    if group == "half":
        raise NotReadable("404")
    if group == "down":
        raise Unavailable("500", request="GET /down")
    if group == "expired":
        raise Resync("too old", request="GET /expired")
    yield MembersSeen(group, (f"{group}2",), INSIDE.get(group, ()))


def walked(groups: Iterable[str], *, nested: bool = False) -> list[MembersSeen | CollectionEnd]:
    async def walk() -> list[MembersSeen | CollectionEnd]:
        return [seen async for seen in expand(groups, read, nested=nested)]

    return asyncio.run(walk())


def ended(seen: list[MembersSeen | CollectionEnd]) -> list[str]:
    return [each.group for each in seen if isinstance(each, CollectionEnd)]


def test_each_group_ends_once_behind_its_members() -> None:
    assert walked(["e", "a", "e"]) == [
        MembersSeen("a", ("a1",)),
        MembersSeen("a", ("a2",), ("b", "c")),
        CollectionEnd("members", Completeness.COMPLETE, "a"),
        MembersSeen("e", ("e1",)),
        MembersSeen("e", ("e2",)),
        CollectionEnd("members", Completeness.COMPLETE, "e"),
    ]


@pytest.mark.parametrize(
    ("groups", "expected"), [("a", "abcd"), ("d", "dc"), ("b", "bacd"), ("e", "e"), ("ae", "aebcd"), ("", "")]
)
def test_circles_end(groups: str, expected: str) -> None:
    assert ended(walked(groups, nested=True)) == list(expected)


def test_an_unreadable_group_is_partial_and_the_others_are_read() -> None:
    ends = {each.group: each for each in walked(["hidden", "half", "e"]) if isinstance(each, CollectionEnd)}
    assert ends["hidden"] == CollectionEnd("members", Completeness.PARTIAL, "hidden", "403")
    assert ends["half"] == CollectionEnd("members", Completeness.PARTIAL, "half", "404")
    assert ends["e"].completeness is Completeness.COMPLETE


def partial(seen: list[MembersSeen | CollectionEnd]) -> dict[str, str]:
    found = [each for each in seen if isinstance(each, CollectionEnd)]
    return {end.group: end.reason for end in found if end.completeness is Completeness.PARTIAL}


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("down", "GET /down broke off after 1 pages: 500"),
        ("odd", "no list"),
        ("expired", "GET /expired broke off after 2 pages: too old"),
    ],
)
def test_what_goes_wrong_with_one_group_stays_with_it(group: str, reason: str) -> None:
    assert partial(walked(["a", group, "e"])) == {group: reason}


def test_a_directory_that_stops_answering_is_not_asked_for_every_group() -> None:
    asked: list[str] = []

    async def dead(group: str) -> AsyncGenerator[MembersSeen, None]:
        asked.append(group)
        if asked:
            raise Unavailable("500")
        yield MembersSeen(group, ())

    async def walk() -> list[MembersSeen | CollectionEnd]:
        return [seen async for seen in expand("abcdefgh", dead, window=1)]

    found = partial(asyncio.run(walk()))
    assert asked == ["a", "b", "c"]
    assert set(found) == {*"abcdefgh"}
    assert "stopped answering" in found["h"]


def test_refused_credentials_end_the_walk() -> None:
    with pytest.raises(Refused):
        walked(["a", "refused", "e"])


def test_known_groups_inside_others_are_not_read_again() -> None:
    async def walk() -> list[MembersSeen | CollectionEnd]:
        return [seen async for seen in expand("a", read, nested=True, known={"c"})]

    assert ended(asyncio.run(walk())) == ["a", "b"]
