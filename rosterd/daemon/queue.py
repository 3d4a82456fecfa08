"""The one door to what is run: whoever wants a directory run asks here, and follows what comes of it.

Asks live in the store (store/wishes.py), so that every process over it sees the same queue. Who runs them is told by
`announce`: the workers of this process (workers.py), or whatever spreads them over many.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

from reconciler.errors import RunError
from rosterd.ports import now
from store.database import Store
from store.wishes import Ask, Ticket, Wish, ask, wish_of

Announce = Callable[[Sequence[str]], None]
"""Told the ids of wishes that are new or may run earlier than they could; called from any thread, after the commit."""

LOOK = 0.1  # seconds between two looks at a wish that is followed


class WishGone(RunError):
    """What was asked for is not known any more."""

    code = "unknown_wish"


def new_id(moment: str) -> str:
    """An id for a wish: its time and six random hex digits."""
    return f"{moment[:19].replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


def unheard(_ids: Sequence[str]) -> None:
    """The `Announce` of a process that runs nothing: others look into the store by themselves."""


class Queue:
    """Asks and follows, over a store. Every method may block: call it in a thread."""

    def __init__(self, store: Store, announce: Announce = unheard) -> None:
        self._store, self._announce = store, announce

    def ask(self, wanted: Ask) -> Ticket:
        """Has a directory run soon; what waits already is joined.

        Raises:
            StoreError: the store refused.
        """
        return self.ask_all((wanted,))[0]

    def ask_all(self, wanted: Sequence[Ask]) -> list[Ticket]:
        """Several at once, in one transaction.

        Raises:
            StoreError: the store refused.
        """
        moment = now()
        with self._store.write() as connection:
            tickets = [ask(connection, each, new_id(moment), moment) for each in wanted]
        self._announce([ticket.id for ticket in tickets])
        return tickets

    def announce(self, tickets: Sequence[Ticket]) -> None:
        """Tells of wishes that somebody else's transaction entered."""
        if tickets:
            self._announce([ticket.id for ticket in tickets])

    def look(self, id: str) -> Wish:  # noqa: A002 - a wish's
        """A wish as it is now; of one that joined another, that.

        Raises:
            WishGone: there is none; it is over since long, or never was.
        """
        found = wish_of(self._store, id)
        if found is None:
            raise WishGone(
                f"there is no wish {id}", where="the queue", fix="what was run is in: rosterd reports"
            )  # fmt: skip
        return found

    def follow(self, id: str, seconds: float = LOOK) -> Iterator[Wish]:  # noqa: A002
        """The wish whenever it changed, the last time when it is over.

        Raises:
            WishGone: see `look`.
        """
        last: Wish | None = None
        while last is None or not last.over:
            found = self.look(id)
            if found != last:
                yield found
                last = found
            else:
                time.sleep(seconds)
