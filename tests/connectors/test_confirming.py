"""Asking by id: one answer each, none where the vendor does not say."""

import asyncio
from collections.abc import Sequence

import pytest

from connectors.base import ConnectorError, Malformed, NotReadable, Refused, Unavailable
from connectors.confirming import Asked, ById, answers, confirm, in_or_out, seen_or_gone
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryUser,
    Evidence,
    Membership,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
)

Answers = dict[str, Observation | ConnectorError]
GONE, HERE = UserGone("gone", Evidence.ABSENCE), UsersSeen((DirectoryUser("here", UserState.ACTIVE),))


def confirmed(known: Answers, window: int = 4) -> tuple[list[Observation], list[str]]:
    asked: list[str] = []

    async def ask(external_id: str) -> Observation:
        asked.append(external_id)
        answer = known[external_id]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    async def walk() -> list[Observation]:
        return [found async for found in confirm(known, ask, window=window)]

    return asyncio.run(walk()), asked


@pytest.mark.parametrize("error", [NotReadable("403"), Malformed("html"), Unavailable("500")])
def test_no_answer_where_the_vendor_does_not_say(error: ConnectorError) -> None:
    known: Answers = {"a": error, "gone": GONE, "here": HERE}
    assert confirmed(known) == ([GONE, HERE], ["a", "gone", "here"])


def test_refused_credentials_raise() -> None:
    with pytest.raises(Refused):
        confirmed({"gone": GONE, "a": Refused("401")})


def test_a_silent_directory_is_not_asked_on_and_on() -> None:
    known: Answers = {name: Unavailable("500") for name in "abcdefgh"}
    assert confirmed(known, window=1) == ([], ["a", "b", "c"])


Told = dict[tuple[str, ...], Sequence[Observation] | ConnectorError]  # by the groups of one request


def of_members(members: Sequence[Membership], told: Told, *, together: bool = False) -> list[Observation]:
    async def nobody(_: str) -> Observation:
        raise AssertionError("nobody asked for people or groups")

    async def memberships(asked: Asked) -> Sequence[Observation]:
        answer = told[tuple(one.group for one in asked)]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    async def walk() -> list[Observation]:
        by_id = ById(nobody, nobody, memberships, together=together)
        return [found async for found in answers(Questions(members=tuple(members)), by_id, window=1)]

    return asyncio.run(walk())


ADA = [Membership(name, "ada") for name in ("Eng", "Ops", "Adm")]


def test_memberships_of_one_person_are_one_question_where_one_answer_tells_of_all() -> None:
    told: Told = {("Eng", "Adm"): [MembersLeft("Eng", ("ada",))], ("Eng",): [MembersSeen("Eng", ("bob",))]}
    asked = [ADA[0], Membership("Eng", "bob"), ADA[2]]
    assert of_members(asked, told, together=True) == [MembersLeft("Eng", ("ada",)), MembersSeen("Eng", ("bob",))]


def test_a_refusal_says_nothing_and_silence_says_that_nothing_is_known() -> None:
    told: Told = {("Eng",): NotReadable("403"), ("Ops",): Unavailable("503"), ("Adm",): Malformed("html")}
    (end,) = of_members(ADA, told)
    assert isinstance(end, CollectionEnd)
    assert (end.collection, end.completeness, end.group) == ("members", Completeness.PARTIAL, "Ops")
    assert "did not answer" in end.reason


def test_groups_that_nobody_asks_about_any_more_are_not_known_either() -> None:
    members = [Membership(name, "ada") for name in "abcdef"]
    ends = of_members(members, {(name,): Unavailable("503") for name in "abc"})
    assert [end.group for end in ends if isinstance(end, CollectionEnd)] == [*"abcdef"]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (in_or_out(Membership("Eng", "ada"), is_member=True), MembersSeen("Eng", ("ada",))),
        (in_or_out(Membership("Eng", "ada"), is_member=False), MembersLeft("Eng", ("ada",))),
        (in_or_out(Membership("Eng", "Sub", nested=True), is_member=True), MembersSeen("Eng", (), ("Sub",))),
        (in_or_out(Membership("Eng", "Sub", nested=True), is_member=False), MembersLeft("Eng", (), ("Sub",))),
    ],
)
def test_an_answer_about_a_membership(asked: Observation, answer: Observation) -> None:
    assert asked == answer


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (UserState.GONE, UserGone("1")),
        (UserState.ACTIVE, UsersSeen((DirectoryUser("1", UserState.ACTIVE),))),
        (UserState.UNKNOWN, UsersSeen((DirectoryUser("1", UserState.UNKNOWN),))),
    ],
)
def test_a_record_speaks_for_itself(state: UserState, answer: Observation) -> None:
    assert seen_or_gone(DirectoryUser("1", state)) == answer
