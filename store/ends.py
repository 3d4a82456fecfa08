"""How much of each collection one pull read, by what the connector said at the end of each.

What does not live here: whether a listing that came to its end is believed (questions.py).
"""

from reconciler.model import CollectionEnd, Completeness


class Ends:
    """The ends that came so far. A collection that ended twice is as whole as its worse end."""

    def __init__(self) -> None:
        self._ends: list[CollectionEnd] = []

    def add(self, end: CollectionEnd) -> None:
        """One more end."""
        self._ends.append(end)

    def all(self, collection: str, how: Completeness) -> bool:
        """Whether a collection ended, and always this way."""
        ends = [end.completeness for end in self._ends if end.collection == collection]
        return bool(ends) and all(end is how for end in ends)

    def whole(self, collection: str) -> bool:
        """Whether a collection ended, and nothing of it is missing."""
        ends = [end for end in self._ends if end.collection == collection]
        return bool(ends) and not any(partial(end) for end in ends)

    @property
    def broke_off(self) -> bool:
        """Whether the listing of groups came back short, so that some were not even asked for their members."""
        return any(end.collection == "groups" and partial(end) for end in self._ends)

    @property
    def unread(self) -> set[str]:
        """Ids of groups whose members were not read whole."""
        return {end.group for end in self._ends if end.collection == "members" and partial(end)}

    @property
    def reasons(self) -> list[str]:
        """Why something is missing, in sentences, each once."""
        return list(dict.fromkeys(end.reason for end in self._ends if end.reason))


def partial(end: CollectionEnd) -> bool:
    """Whether this collection is known to be short."""
    return end.completeness is Completeness.PARTIAL
