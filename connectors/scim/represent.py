"""Resources as they are shown: with what only the server says, and no more than is asked for (RFC 7644 §3.9).

Memberships are read only when they are shown: `excludedAttributes=members` never asks for them (E13).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.scim.call import Call
from connectors.scim.etags import etag
from connectors.scim.limits import MOST_SHOWN_MEMBERS
from connectors.scim.project import Projection
from connectors.scim.schema import CORE
from reconciler.model import JSON
from reconciler.query import Kind
from reconciler.resources import Link, Resource

LINKS: dict[Kind, str] = {"User": "groups", "Group": "members"}


def location(call: Call, kind: Kind, id: str) -> str:  # noqa: A002 - SCIM's word
    """The address of a resource."""
    return f"{call.endpoint.base}/{kind}s/{id}"


def representation(call: Call, resource: Resource, projection: Projection, *, new: bool = False) -> dict[str, Any]:
    """One resource. A `new` user is in no group yet."""
    links: Sequence[Link] = ()
    if projection.wants(LINKS[resource.kind]) and not (new and resource.kind == "User"):
        if resource.kind == "Group":
            links = call.resources.members(resource.id)
        else:
            links = call.resources.groups_of((resource.id,)).get(resource.id, ())
    return projection.of(_whole(call, resource, links, projection))


def page(call: Call, resources: Sequence[Resource], projection: Projection) -> list[dict[str, Any]]:
    """Several of one kind, in their order. Of groups whose members are many together only the first ones: a list may
    always hold fewer than were asked for, and PingFederate lists all groups with all members. None is cut."""
    if not resources or not projection.wants(LINKS[resources[0].kind]):
        return [projection.of(_whole(call, each, (), projection)) for each in resources]
    if resources[0].kind == "User":
        groups = call.resources.groups_of([each.id for each in resources])
        return [projection.of(_whole(call, each, groups.get(each.id, ()), projection)) for each in resources]
    return [projection.of(_whole(call, group, members, projection)) for group, members in _bounded(call, resources)]


def _bounded(call: Call, groups: Iterable[Resource]) -> Iterable[tuple[Resource, Sequence[Link]]]:
    left = MOST_SHOWN_MEMBERS
    for place, group in enumerate(groups):
        members = call.resources.members(group.id, most=left + 1 if place else None)
        if place and len(members) > left:
            return
        yield group, members
        left = max(0, left - len(members))


def _whole(call: Call, resource: Resource, links: Sequence[Link], projection: Projection) -> dict[str, Any]:
    """`schemas` is what the resource really holds: clients name more (Entra, E10) and less (E11)."""
    kind, body = resource.kind, resource.body
    whole: dict[str, JSON] = {
        "schemas": [CORE[kind], *(name for name in body if name.startswith("urn:"))],
        "id": resource.id,
        **body,
        "meta": {
            "resourceType": kind,
            "created": resource.created,
            "lastModified": resource.modified,
            "location": location(call, kind, resource.id),
            "version": etag(resource),
        },
    }
    if links:
        named = kind == "User" or projection.asks("members.display")
        whole[LINKS[kind]] = [_link(call, kind, link, named=named) for link in links]
    return whole


def _link(call: Call, kind: Kind, link: Link, *, named: bool) -> Mapping[str, str]:
    """A member of a group says what it is, a group of a user how the user is in it (RFC 7643 §4.1.2, §4.2)."""
    said = link.kind if kind == "Group" else "direct" if link.direct else "indirect"
    name = {"display": link.display} if named and link.display else {}
    return {"value": link.id, "$ref": location(call, link.kind, link.id), **name, "type": said}
