"""Asking by id for people who were missing from a complete listing.

What does not live here: who is asked for and what an answer may remove (store/, reconciler/), and the request (each
connector).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing

from connectors.base import Malformed, NotReadable, Unavailable
from connectors.paging import gather_in_order
from reconciler.model import DirectoryUser, Observation, UserGone, UsersSeen, UserState

Ask = Callable[[str], Awaitable[Observation]]

SECONDS = 600.0  # that all questions of one read may take at most
_SILENCE = 3  # people in a row that nobody answered for: then nobody else is asked for


def seen_or_gone(user: DirectoryUser) -> UsersSeen | UserGone:
    """A person's own record: still there, or marked as deleted by the directory itself."""
    return UserGone(user.external_id) if user.state is UserState.GONE else UsersSeen((user,))


async def confirm(ids: Iterable[str], ask: Ask, *, window: int) -> AsyncGenerator[Observation, None]:
    """What `ask` says of each id, in order; nothing where the vendor refuses, fails or says nonsense about one.

    Without an answer an absence stays unconfirmed, which removes nobody.

    Raises:
        Refused: the credentials are not accepted (any more).
    """
    silent = 0

    async def one(external_id: str) -> AsyncGenerator[Observation, None]:
        nonlocal silent
        if silent >= _SILENCE:
            return
        try:
            answer = await ask(external_id)
        except (NotReadable, Malformed):  # about this one only
            return
        except Unavailable:
            silent += 1
            return
        silent = 0
        yield answer

    async with aclosing(gather_in_order(dict.fromkeys(ids), one, window=window)) as found:
        async for observation in found:
            yield observation
