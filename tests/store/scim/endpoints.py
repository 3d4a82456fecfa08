"""A told directory in a test: one request after the other, each in a transaction of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.model import DirectoryUser, UserState
from reconciler.policy import Policy
from reconciler.query import Kind
from reconciler.resources import Resource
from store import Store
from store.scim.resources import DirectoryResources
from tests.builders import policy

NOW = "2026-01-01T00:00:00.000Z"
LATER = "2026-01-02T00:00:00.000Z"


@contextmanager
def request(
    opened: Store, asked: Policy | None = None, *, now: str = NOW, unique_groups: bool = False
) -> Iterator[DirectoryResources]:
    """The resources of a directory in the transaction of one request."""
    with opened.write() as connection:
        yield DirectoryResources(connection, asked or policy(), now, unique_groups=unique_groups)


def person(name: str, /, **body: Any) -> Resource:
    """A User whose id is the name."""
    return _resource("User", name, {"userName": f"{name}@acme.com", **body})


def team(name: str, /, **body: Any) -> Resource:
    """A Group whose id is the name."""
    return _resource("Group", name, {"displayName": name, **body})


def _resource(kind: Kind, name: str, body: dict[str, Any]) -> Resource:
    return Resource(kind, name, {each: value for each, value in body.items() if value is not None}, NOW, NOW)


def observed(resource: Resource, attributes: frozenset[str]) -> DirectoryUser:
    """As the listener observes, as far as these tests need it."""
    body = resource.body
    active = UserState.ACTIVE if body.get("active", True) else UserState.SUSPENDED
    named = body.get("displayName") or ""
    given = {name: body[name] for name in attributes if name in body}
    return DirectoryUser(resource.id, active, body["userName"], body["userName"], display_name=named, attributes=given)
