"""What changed in a world, in order and with the fields: what a delta query is answered from. Keeps the newest only."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

KEPT = 100_000
EVERYTHING = "*"  # in place of fields: somebody came, left, or came back


class Change(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """One change of a person or group; with `member`, somebody who joined or left the group.

    `fields` are names of `Person` or `Group`, "attributes.NAME" for a custom one; `nested` when the member is a group.
    """

    about: str
    fields: tuple[str, ...] = ()
    group: bool = False
    member: str = ""
    joined: bool = False
    nested: bool = False


class Journal:
    """The last `kept` changes; `end` counts all that there ever were, and is a position that can be gone on from."""

    def __init__(self, kept: int = KEPT) -> None:
        self.end = 0
        self._changes: deque[Change] = deque(maxlen=kept)

    @property
    def began(self) -> int:
        """The oldest position that can still be gone on from."""
        return self.end - len(self._changes)

    def note(self, change: Change) -> None:
        self.end += 1
        self._changes.append(change)

    def since(self, position: int, until: int) -> list[Change]:
        """The changes between two positions.

        Raises:
            ValueError: they are not all here any more, or not yet.
        """
        if not self.began <= position <= until <= self.end:
            raise ValueError(f"positions {position} to {until} are not within {self.began} to {self.end}")
        return list(islice(self._changes, position - self.began, until - self.began))

    def forget(self) -> None:
        """Nothing before now can be gone on from."""
        self._changes.clear()

    def restore(self, end: int, changes: Iterable[Change]) -> None:
        """As it was saved."""
        self._changes.extend(changes)
        self.end = end

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)
