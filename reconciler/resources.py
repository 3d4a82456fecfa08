"""SCIM resources as a directory's identity provider made them: the values that the listener and the store share.

What a request means is connectors/scim; how resources are kept is store/. Neither knows the other.
"""

from typing import Any

from reconciler.model import Frozen
from reconciler.query import Kind


class Resource(Frozen, frozen=True):
    """A resource as it is kept.

    `body` is what the client sent in the schema's spelling, without what the server says itself: no `schemas`, `id`,
    `meta`, and no `groups` (of a User) or `members` (of a Group), which are memberships. `version` counts changes;
    `created` and `modified` are RFC 3339 in UTC with milliseconds.
    """

    kind: Kind
    id: str
    body: dict[str, Any]
    created: str
    modified: str
    version: int = 1


class Link(Frozen, frozen=True):
    """One end of a membership: a member of a group (User or Group), or a group of a user. `display` is the other's name
    now (displayName, else userName). `direct` is False for a group that is reached through another."""

    kind: Kind
    id: str
    display: str = ""
    direct: bool = True


class Found(Frozen, frozen=True):
    """A page: how many there are in all, those of this page, and where the next begins (None: this is the last)."""

    total: int
    resources: tuple[Resource, ...] = ()
    next: str | None = None


class Taken(Exception):
    """Another resource of this kind has the value of an attribute that is unique (RFC 7644 §3.12 `uniqueness`)."""

    def __init__(self, attribute: str, holder: str) -> None:
        super().__init__(f"{attribute} is taken by {holder}")
        self.attribute = attribute  # "userName", "displayName"
        self.holder = holder  # the id of the other


class VoidCursor(Exception):
    """`Query.after` is no cursor of this query."""
