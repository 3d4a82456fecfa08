"""Listings that may break off: read again once when a page token expires, closed as partial when a later page fails.

What lives here: people and groups of a full read, the same for every vendor. What does not: members (members.py), one
page (each connector), and whether a listing that came to its end is believed (completeness.py).

A first page that cannot be read raises: nothing was learned. A later one leaves what was seen standing, and the rest of
the read goes on (docs/opinions.md, "Completeness"). Credentials and permissions always raise.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Generic, TypeVar

from connectors.base import ConnectorError, Malformed, Resync, Unavailable
from connectors.completeness import groups_end, users_end
from reconciler.model import CollectionEnd, Completeness, DirectoryGroup, DirectoryUser, GroupsSeen, UsersSeen, Wanted

P = TypeVar("P")


@contextmanager
def naming(directory: str) -> Iterator[None]:
    """Errors that were raised where nobody knew the directory get its id in front."""
    try:
        yield
    except ConnectorError as exc:
        if not exc.message.startswith(f"{directory}: "):
            exc.message = f"{directory}: {exc.message}"
            exc.args = (exc.message,)
        raise


People = AsyncGenerator[tuple[DirectoryUser, ...], None]


class Listing(Generic[P]):
    """One listing on its way. `failure` is why it broke off, None while it did not; `reason` says so in a sentence."""

    def __init__(self) -> None:
        self.failure: ConnectorError | None = None
        self.reason = ""

    async def read(self, start: Callable[[], AsyncGenerator[P, None]]) -> AsyncGenerator[P, None]:
        """What `start` yields; after an expired page token, once, all of it again: observations are folded by id.

        Raises:
            ConnectorError: the first page failed, or a later one was refused.
        """
        count, again = 0, False
        while True:
            try:
                async with aclosing(start()) as found:
                    async for page in found:
                        count += 1
                        yield page
                return
            except (Resync, Unavailable, Malformed) as exc:
                if not count:
                    raise
                if again or not isinstance(exc, Resync):
                    self.failure, self.reason = exc, f"{exc.request} broke off after {count} pages: {exc.message}"
                    return
                again = True


async def people(
    vendor: str,
    start: Callable[[], People],
    unclear: Sequence[str],
    status: str,
    whole: Completeness = Completeness.COMPLETE,
) -> AsyncGenerator[UsersSeen | CollectionEnd, None]:
    """People and their end.

    Args:
        vendor: name for the reason.
        start: pages of people; begins anew each time it is called.
        unclear: ids of people without a status, filled by `start`.
        status: what the vendor calls it.
        whole: what a listing is that came to its end; DELTA when only changes were asked for.
    """
    listing, count = Listing[tuple[DirectoryUser, ...]](), 0
    async with aclosing(listing.read(start)) as found:
        async for users in found:
            count += len(users)
            yield UsersSeen(users)
    if whole is Completeness.DELTA:
        yield _delta("users", listing)
    else:
        yield users_end(vendor, count, unclear, status, listing.reason)


async def groups(
    vendor: str,
    start: Callable[[], AsyncGenerator[GroupsSeen, None]],
    seen: list[DirectoryGroup],
    wanted: Wanted,
    whole: Completeness = Completeness.COMPLETE,
) -> AsyncGenerator[GroupsSeen | CollectionEnd, None]:
    """Groups, collected in `seen` as well, and their end."""
    listing = Listing[GroupsSeen]()
    async with aclosing(listing.read(start)) as found:
        async for page in found:
            seen += page.groups
            yield page
    yield (
        _delta("groups", listing)
        if whole is Completeness.DELTA
        else groups_end(vendor, len(seen), wanted, listing.reason)
    )


def _delta(collection: str, listing: Listing[P]) -> CollectionEnd:
    """Of changes, none is an ordinary answer; a listing that broke off is not."""
    kind = Completeness.PARTIAL if listing.failure else Completeness.DELTA
    return CollectionEnd(collection, kind, reason=listing.reason)
