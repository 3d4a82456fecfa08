"""Walking over groups and the groups inside them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

import pytest

from connectors.base import NotReadable, Unavailable
from connectors.members import expand
from reconciler.model import CollectionEnd, Completeness, MembersSeen

INSIDE = {"a": ("b", "c"), "b": ("a",), "c": ("d",), "d": ("c", "d"), "e": ()}


async def read(group: str) -> AsyncGenerator[MembersSeen, None]:
    if group == "hidden":
        raise NotReadable("403")
    yield MembersSeen(group, (f"{group}1",))
    if group == "half":
        raise NotReadable("404")
    if group == "down":
        raise Unavailable("500")
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


def test_a_directory_that_does_not_answer_ends_the_walk() -> None:
    with pytest.raises(Unavailable):
        walked(["a", "down", "e"])
