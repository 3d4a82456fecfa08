"""The listener of one directory: finds what a request is about and has it answered; every refusal is a SCIM error.

What the requests mean is in users.py, groups.py, lists.py, bulk.py and discovery.py.
"""

from collections.abc import Callable
from typing import Any

from connectors.scim import bulk, discovery, groups, lists, users
from connectors.scim.call import Call
from connectors.scim.errors import ScimError
from connectors.scim.etags import etag, unchanged
from connectors.scim.exchange import Endpoint, Request, Response, refused
from connectors.scim.limits import MOST_ANSWERED_MEMBERS
from connectors.scim.outcome import Outcome, existing
from connectors.scim.paging import parameters, shown
from connectors.scim.ports import Resources
from connectors.scim.project import Projection
from connectors.scim.represent import location, representation
from connectors.scim.routing import Target, allowed, target
from reconciler.query import Kind
from reconciler.resources import Resource

__all__ = ["Endpoint", "Listener", "Request", "Response"]

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_DOERS: dict[Kind, Any] = {"User": users, "Group": groups}


class Listener:
    """Answers the requests to one directory. It keeps no state: one instance serves every thread."""

    def __init__(self, endpoint: Endpoint, new_id: Callable[[], str]) -> None:
        self.endpoint = endpoint
        self._new_id = new_id

    def writes(self, request: Request) -> bool:
        """Whether it needs a transaction that writes. A search by POST does not."""
        if request.method in _READS:
            return False
        return not request.path.rstrip("/").lower().endswith("/.search")

    def answer(self, request: Request, resources: Resources, now: str) -> Response:
        """The response to any request. One of 400 and above means that nothing of it may stay: roll back."""
        call = Call(self.endpoint, request, resources=resources, now=now, new_id=self._new_id)
        try:
            found = target(request.path, strict=self.endpoint.strict)
            allowed(found, request.method)
            return _answer(call, found)
        except ScimError as error:
            return refused(error, call.header("accept"), call.noted)


def _answer(call: Call, found: Target) -> Response:
    if found.shape == "resource" and found.kind is not None:
        return _get(call, found.kind, found.id) if call.request.method == "GET" else _change(call, found.kind, found.id)
    if found.shape == "kind" and found.kind is not None and call.request.method == "POST":
        return _create(call, found.kind)
    if found.shape in {"root", "kind"}:
        return lists.answer(call, found.kind)
    if found.shape == "search":
        return lists.search(call, found.kind)
    return bulk.answer(call) if found.shape == "bulk" else discovery.answer(call, found)


def _get(call: Call, kind: Kind, id: str) -> Response:  # noqa: A002 - SCIM's word
    wanted = shown(parameters(call), kind)
    found = existing(call, kind, id)
    headers = (("ETag", etag(found)),)
    if unchanged(call.header("if-none-match"), found):
        return call.response(304, headers=headers)
    return call.response(200, representation(call, found, wanted), headers=headers)


def _create(call: Call, kind: Kind) -> Response:
    wanted = shown(parameters(call), kind)
    outcome: Outcome = _DOERS[kind].create(call, call.new_id(), call.body())
    return _told(call, outcome, wanted)


def _change(call: Call, kind: Kind, id: str) -> Response:  # noqa: A002
    doer, if_match, wanted = _DOERS[kind], call.header("if-match"), shown(parameters(call), kind)
    if call.request.method == "DELETE":
        gone: Outcome = doer.delete(call, id, if_match)
        return _told(call, gone, wanted)
    change: Callable[..., Outcome] = doer.replace if call.request.method == "PUT" else doer.patch
    return _told(call, change(call, id, call.body(), if_match), wanted)


def _told(call: Call, outcome: Outcome, wanted: Projection) -> Response:
    """The response to a change. Who names the attributes that they want is shown them (RFC 7644 §3.5.2)."""
    resource = outcome.resource
    if resource is None:
        return call.response(outcome.status, changed=outcome.changed)
    headers = (("Location", location(call, resource.kind, resource.id)), ("ETag", etag(resource)))
    if outcome.status == 204 and "attributes" not in parameters(call) and not _shows(call, resource, wanted):
        return call.response(204, headers=headers, changed=outcome.changed)
    status = 200 if outcome.status == 204 else outcome.status
    value = representation(call, resource, wanted, new=outcome.new)
    return call.response(status, value, headers=headers, changed=outcome.changed)


def _shows(call: Call, resource: Resource, wanted: Projection) -> bool:
    """Whether who PATCHed a group is shown it. That means all of its members (RFC 7644 §3.5.2), for which a group may
    be too large."""
    if resource.kind == "User" or not call.dialect.group_patch_body:
        return False
    most = MOST_ANSWERED_MEMBERS
    return not wanted.wants("members") or len(call.resources.members(resource.id, most=most + 1)) <= most
