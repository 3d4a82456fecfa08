"""What the listener needs from the outside: one directory's resources, inside one transaction.

The store implements `Resources`; a second implementation in memory serves the listener's unit tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from reconciler.model import Observation
from reconciler.query import Kind, Query
from reconciler.resources import Found, Link, Resource


class Resources(Protocol):
    """The resources of one directory, read and written in the transaction of one request.

    Everything that a request changes is also told as observations (`absorb`), in the same transaction.
    """

    def get(self, kind: Kind, id: str) -> Resource | None:  # noqa: A002 - SCIM's word
        """The resource of this id, whatever text that is; None when there is none of this kind in this directory."""
        ...

    def find(self, query: Query) -> Found:
        """A page of resources.

        Raises:
            VoidCursor: `query.after` is none of this query's.
        """
        ...

    def insert(self, resource: Resource) -> None:
        """A new resource.

        Raises:
            Taken: its userName (compared as `reconciler.model.key` folds it) or, where the directory asks for that, its
                displayName is another's.
        """
        ...

    def update(self, resource: Resource) -> None:
        """The resource of this id as it is now; it is there.

        Raises:
            Taken: as for `insert`.
        """
        ...

    def delete(self, kind: Kind, id: str) -> bool:  # noqa: A002
        """Removes it and its memberships, both ways; False when there was none. Its id is never used again, its
        userName or displayName at once if need be."""
        ...

    def known(self, ids: Iterable[str]) -> Mapping[str, Kind]:
        """Which of these ids are there, and of what kind; the others are left out."""
        ...

    def members(self, group: str, *, most: int | None = None) -> Sequence[Link]:
        """The direct members of a group in order of joining."""
        ...

    def has_member(self, group: str, member: str) -> bool:
        """Whether it is a direct member."""
        ...

    def add_members(self, group: str, ids: Sequence[str]) -> tuple[str, ...]:
        """Makes them members; those that were none before. The cost follows `ids`, not the group."""
        ...

    def remove_members(self, group: str, ids: Sequence[str] | None) -> tuple[str, ...]:
        """Ends their membership, everybody's with None; those that were members."""
        ...

    def set_members(self, group: str, ids: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Makes exactly these the members; who came and who went."""
        ...

    def groups_of(self, users: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        """The groups that each of these users is a member of, directly or through nested groups."""
        ...

    def absorb(self, observation: Observation) -> None:
        """Makes it part of the mirror and marks whom it concerns, as a pull's promotion does: UsersSeen, UserGone,
        GroupsSeen, GroupGone, MembersSeen, MembersLeft."""
        ...
