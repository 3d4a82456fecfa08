"""Versions of resources as entity tags, and the conditions that requests set on them (RFC 7644 §3.14, RFC 9110 §13).

The tags are weak: what a resource shows of others (the groups of a user, the names of members) is not part of its
version.
"""

from connectors.scim.errors import ScimError
from reconciler.resources import Resource


def etag(resource: Resource) -> str:
    """The tag of the resource as it is. Ids are never used again, so a count of changes tells all versions apart."""
    return f'W/"{resource.version}"'


def demand(if_match: str, resource: Resource) -> None:
    """Holds a change to the version that its client saw, if it names one.

    Raises:
        ScimError: 412.
    """
    if if_match and not _names(if_match, resource):
        raise ScimError(412, f"it is at version {etag(resource)}, not {if_match}: read it again")


def unchanged(if_none_match: str, resource: Resource) -> bool:
    """Whether the client has this version already."""
    return bool(if_none_match) and _names(if_none_match, resource)


def _names(tags: str, resource: Resource) -> bool:
    """Weak comparison (RFC 9110 §8.8.3.2); our tags hold no comma. Some clients leave the quotes out."""
    said = {_opaque(each) for each in tags.split(",")}
    return "*" in said or _opaque(etag(resource)) in said


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/").removeprefix("w/").strip('"')
