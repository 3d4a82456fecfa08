"""Asking by id: one answer each, none where the vendor does not say."""

import asyncio

import pytest

from connectors.base import ConnectorError, Malformed, NotReadable, Refused, Unavailable
from connectors.confirming import confirm, seen_or_gone
from reconciler.model import DirectoryUser, Evidence, Observation, UserGone, UsersSeen, UserState

Answers = dict[str, Observation | ConnectorError]
GONE, HERE = UserGone("gone", Evidence.ABSENCE), UsersSeen((DirectoryUser("here", UserState.ACTIVE),))


def confirmed(answers: Answers, window: int = 4) -> tuple[list[Observation], list[str]]:
    asked: list[str] = []

    async def ask(external_id: str) -> Observation:
        asked.append(external_id)
        answer = answers[external_id]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    async def walk() -> list[Observation]:
        return [found async for found in confirm(answers, ask, window=window)]

    return asyncio.run(walk()), asked


@pytest.mark.parametrize("error", [NotReadable("403"), Malformed("html"), Unavailable("500")])
def test_no_answer_where_the_vendor_does_not_say(error: ConnectorError) -> None:
    answers: Answers = {"a": error, "gone": GONE, "here": HERE}
    assert confirmed(answers) == ([GONE, HERE], ["a", "gone", "here"])


def test_refused_credentials_raise() -> None:
    with pytest.raises(Refused):
        confirmed({"gone": GONE, "a": Refused("401")})


def test_a_silent_directory_is_not_asked_on_and_on() -> None:
    answers: Answers = {name: Unavailable("500") for name in "abcdefgh"}
    assert confirmed(answers, window=1) == ([], ["a", "b", "c"])


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
