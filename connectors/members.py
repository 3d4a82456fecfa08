"""Reading the members of the groups that configuration mentions, and of the groups inside them.

What lives here: the walk over groups, the same for every vendor. What does not: how one group is read (each connector),
and how nested memberships are flattened (reconciler/): only direct edges are reported, since the vendors' own
flattening has lost members (facts: GAM #1210).
"""

from collections.abc import AsyncGenerator, Callable, Container, Iterable
from contextlib import aclosing
from functools import partial

from connectors.base import ConnectorError, Malformed, NotReadable, Resync, Unavailable
from connectors.listing import Listing
from connectors.paging import gather_in_order
from reconciler.model import CollectionEnd, Completeness, MembersSeen

ReadGroup = Callable[[str], AsyncGenerator[MembersSeen, None]]

_SILENCE = 3  # groups in a row that nobody answered for: then the directory is down, not the group


async def expand(
    groups: Iterable[str],
    read: ReadGroup,
    *,
    nested: bool = False,
    window: int = 10,
    known: Container[str] = (),
) -> AsyncGenerator[MembersSeen | CollectionEnd, None]:
    """The direct members of every group, each group closed by its own `CollectionEnd`.

    A group that cannot be read, or not to its end, is partial with the reason, and the others are read. Once several in
    a row go unanswered the rest is partial without being asked for.

    Args:
        groups: ids to begin with.
        read: pages of one group's direct members.
        nested: also read the groups that are members, and theirs; each group once, so that circles end.
        window: how many groups are read at the same time.
        known: groups that need no reading when they turn up inside another.

    Raises:
        Refused: the credentials are not accepted (any more).
    """
    reader = _Reader(read)
    seen = set(groups)
    level = sorted(seen)
    while level:
        inside: set[str] = set()
        async with aclosing(gather_in_order(level, reader.one, window=window)) as found:
            async for observation in found:
                if nested and isinstance(observation, MembersSeen):
                    inside.update(observation.groups)
                yield observation
        level = sorted(group for group in inside - seen if group not in known)
        seen |= inside


class _Reader:
    """Reads groups one by one and closes each; remembers how many in a row went unanswered."""

    def __init__(self, read: ReadGroup) -> None:
        self._read = read
        self._silent = 0

    async def one(self, group: str) -> AsyncGenerator[MembersSeen | CollectionEnd, None]:
        listing = Listing[MembersSeen]()
        failure: ConnectorError | None = None
        if self._silent >= _SILENCE:
            yield _partial(group, "not asked for: the directory stopped answering")
            return
        try:
            async with aclosing(listing.read(partial(self._read, group))) as pages:
                async for page in pages:
                    yield page
        except (NotReadable, Malformed, Resync, Unavailable) as exc:
            failure = exc
        self._silent = self._silent + 1 if isinstance(failure or listing.failure, Unavailable) else 0
        if failure is None and listing.failure is None:
            yield CollectionEnd("members", Completeness.COMPLETE, group)
        else:
            yield _partial(group, listing.reason or str(failure))


def _partial(group: str, reason: str) -> CollectionEnd:
    return CollectionEnd("members", Completeness.PARTIAL, group, reason)
