"""Asking by id for what a complete listing lacked: people, groups, memberships.

What does not live here: what is asked for and what an answer may remove (store/, reconciler/), and the request (each
connector).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from connectors.base import Malformed, NotReadable, Unavailable
from connectors.paging import gather_in_order
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryUser,
    Membership,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
)

T = TypeVar("T")
Ask = Callable[[str], Awaitable[Observation]]
Asked = tuple[Membership, ...]  # in one request, hence of one member

SECONDS = 600.0  # that the questions of one round may take at most
_SILENCE = 3  # things in a row that nobody answered for: then nothing else is asked for


@dataclass(frozen=True)
class ById:
    """How a vendor is asked: each raises NotReadable where it refuses to say.

    `memberships` gets one membership, or all of one member that are asked about where one request tells of all
    (`together`); it may leave some without an answer.
    """

    person: Ask
    group: Ask
    memberships: Callable[[Asked], Awaitable[Sequence[Observation]]]
    together: bool = False


def seen_or_gone(user: DirectoryUser) -> UsersSeen | UserGone:
    """A person's own record: still there, or marked as deleted by the directory itself."""
    gone = user.state is UserState.GONE
    return UserGone(user.external_id, off_since=user.off_since) if gone else UsersSeen((user,))


def in_or_out(asked: Membership, *, is_member: bool) -> MembersSeen | MembersLeft:
    """What became of one membership."""
    told = MembersSeen if is_member else MembersLeft
    return told(asked.group, () if asked.nested else (asked.member,), (asked.member,) if asked.nested else ())


async def confirm(ids: Iterable[str], ask: Ask, *, window: int) -> AsyncGenerator[Observation, None]:
    """What `ask` says of each id, in order; nothing where the vendor refuses, fails or says nonsense about one.

    Without an answer an absence stays unconfirmed, which removes nobody.

    Raises:
        Refused: the credentials are not accepted (any more).
    """
    async with aclosing(_Asker(window).each(ids, _alone(ask))) as found:
        async for observation in found:
            yield observation


async def answers(questions: Questions, by_id: ById, *, window: int) -> AsyncGenerator[Observation, None]:
    """The answers to all questions, people first; where the vendor is silent about a membership, its group as partial.

    Raises:
        Refused: the credentials are not accepted (any more).
    """
    asker = _Asker(window)
    for ids, ask in ((questions.people, by_id.person), (questions.groups, by_id.group)):
        async with aclosing(asker.each(ids, _alone(ask))) as found:
            async for observation in found:
                yield observation
    asked = _of_each_member(questions.members) if by_id.together else [(one,) for one in questions.members]
    async with aclosing(asker.each(asked, by_id.memberships, _unanswered)) as found:
        async for observation in found:
            yield observation


def _alone(ask: Ask) -> Callable[[str], Awaitable[Sequence[Observation]]]:
    async def asked(external_id: str) -> Sequence[Observation]:
        return (await ask(external_id),)

    return asked


def _of_each_member(members: Iterable[Membership]) -> list[Asked]:
    found: dict[tuple[str, bool], list[Membership]] = {}
    for one in members:
        found.setdefault((one.member, one.nested), []).append(one)
    return [tuple(asked) for asked in found.values()]


def _unanswered(asked: Asked) -> Iterator[Observation]:
    for one in asked:
        reason = "the directory did not answer when members missing from the listing were asked for by id"
        yield CollectionEnd("members", Completeness.PARTIAL, one.group, reason)


def _nothing(_: object) -> Iterator[Observation]:
    return iter(())


class _Asker:
    """Asks one by one, `window` at the same time, and stops once several in a row went unanswered."""

    def __init__(self, window: int) -> None:
        self._window, self._silent = window, 0

    async def each(
        self,
        items: Iterable[T],
        ask: Callable[[T], Awaitable[Sequence[Observation]]],
        unanswered: Callable[[T], Iterable[Observation]] = _nothing,
    ) -> AsyncGenerator[Observation, None]:
        """Answers in the order of the items; `unanswered` is told in place of an answer that did not come."""

        async def one(item: T) -> AsyncGenerator[Observation, None]:
            told = await self._put(item, ask)
            for observation in unanswered(item) if told is None else told:
                yield observation

        async with aclosing(gather_in_order(dict.fromkeys(items), one, window=self._window)) as found:
            async for observation in found:
                yield observation

    async def _put(self, item: T, ask: Callable[[T], Awaitable[Sequence[Observation]]]) -> Sequence[Observation] | None:
        """None when nobody answered."""
        if self._silent >= _SILENCE:
            return None
        try:
            told = await ask(item)
        except (NotReadable, Malformed):  # about this one only
            return ()
        except Unavailable:
            self._silent += 1
            return None
        self._silent = 0
        return told
