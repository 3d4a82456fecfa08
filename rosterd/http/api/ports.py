"""What the REST API needs from the outside."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from rosterd.settings.model import Settings
from store.database import Store
from store.wishes import Ask, Ticket, Wish


class Asks(Protocol):
    """The queue, by its front. Both may block."""

    def ask(self, wanted: Ask, /) -> Ticket:
        """Has a directory run soon; what waits already is joined."""
        ...

    def look(self, id: str, /) -> Wish:  # noqa: A002 - a wish's
        """What came of an ask until now.

        Raises:
            RunError: nothing is known of it (code unknown_wish).
        """
        ...


DECIDING, FOLLOWERS = 2, 100


def _deciding() -> asyncio.Semaphore:
    return asyncio.Semaphore(DECIDING)


def _followers() -> asyncio.Semaphore:
    return asyncio.Semaphore(FOLLOWERS)


@dataclass(frozen=True)
class Outside:
    """The daemon around the API. `settings` are those of now; `reload` has them read again and tells which keys have to
    wait for the next start, or raises ConfigError; `stop` is set when the process ends. So many approvals and undos are
    made, and requests followed, at once."""

    settings: Callable[[], Settings]
    store: Store
    queue: Asks
    reload: Callable[[], Awaitable[tuple[str, ...]]]
    stop: threading.Event = field(default_factory=threading.Event)
    deciding: asyncio.Semaphore = field(default_factory=_deciding)
    followers: asyncio.Semaphore = field(default_factory=_followers)
