"""What an operation on one resource came to, before it is put into a response: alone (listener.py) or one of many
(bulk.py); and the steps that changes of users and of groups have in common."""

from typing import Any

import msgspec

from connectors.scim.call import Call
from connectors.scim.errors import ScimError
from connectors.scim.etags import demand
from reconciler.model import Frozen
from reconciler.query import Kind
from reconciler.resources import Resource, Taken


class Outcome(Frozen, frozen=True):
    """`resource` is as it is now; None: it is gone. `new`: nothing can be said of it that the request did not say."""

    status: int
    resource: Resource | None = None
    changed: bool = False
    new: bool = False


def existing(call: Call, kind: Kind, id: str, if_match: str = "") -> Resource:  # noqa: A002 - SCIM's word
    """The resource that a request is about.

    Raises:
        ScimError: 404, 412.
    """
    found = call.resources.get(kind, id)
    if found is None:
        raise ScimError(404, f"there is no {kind} {id!r} in this directory")
    demand(if_match, found)
    return found


def inserted(call: Call, made: Resource) -> None:
    """Raises:
    ScimError: 409 uniqueness.
    """
    try:
        call.resources.insert(made)
    except Taken as taken:
        raise _refused(made, taken) from taken


def updated(call: Call, before: Resource, body: dict[str, Any]) -> Resource:
    """The resource with this body, one version on.

    Raises:
        ScimError: 409 uniqueness.
    """
    now = msgspec.structs.replace(before, body=body, modified=call.now, version=before.version + 1)
    try:
        call.resources.update(now)
    except Taken as taken:
        raise _refused(now, taken) from taken
    return now


def removed(call: Call, kind: Kind, id: str) -> None:  # noqa: A002
    """It is gone; the groups that it was in have other members than their last versions."""
    groups = call.resources.groups_of([id]).get(id, ())
    call.resources.delete(kind, id)
    for link in groups:
        if link.direct and (group := call.resources.get("Group", link.id)) is not None:
            updated(call, group, group.body)


def _refused(resource: Resource, taken: Taken) -> ScimError:
    value = resource.body.get(taken.attribute)
    said = f"the {taken.attribute} {value!r} is that of another {resource.kind}: {taken.holder}"
    return ScimError(409, said, "uniqueness")
