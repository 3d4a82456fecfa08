"""Reading the members of the groups that configuration mentions, and of the groups inside them.

What lives here: the walk over groups, the same for every vendor. What does not: how one group is read (each connector),
and how nested memberships are flattened (reconciler/): only direct edges are reported, since the vendors' own
flattening has lost members (facts: GAM #1210).
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from connectors.base import NotReadable
from connectors.paging import gather_in_order
from reconciler.model import CollectionEnd, Completeness, MembersSeen

ReadGroup = Callable[[str], AsyncGenerator[MembersSeen, None]]


async def expand(
    groups: Iterable[str], read: ReadGroup, *, nested: bool = False, window: int = 10
) -> AsyncGenerator[MembersSeen | CollectionEnd, None]:
    """The direct members of every group, each group closed by its own `CollectionEnd`.

    Args:
        groups: ids to begin with.
        read: pages of one group's direct members.
        nested: also read the groups that are members, and theirs; each group once, so that circles end.
        window: how many groups are read at the same time.
    """

    async def one(group: str) -> AsyncGenerator[MembersSeen | CollectionEnd, None]:
        end = CollectionEnd("members", Completeness.COMPLETE, group)
        try:
            async with aclosing(read(group)) as pages:
                async for page in pages:
                    yield page
        except NotReadable as exc:
            end = CollectionEnd("members", Completeness.PARTIAL, group, str(exc))
        yield end

    seen = set(groups)
    level = sorted(seen)
    while level:
        inside: set[str] = set()
        async with aclosing(gather_in_order(level, one, window=window)) as found:
            async for observation in found:
                if nested and isinstance(observation, MembersSeen):
                    inside.update(observation.groups)
                yield observation
        level = sorted(inside - seen)
        seen |= inside
