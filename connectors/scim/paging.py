"""Which page of which resources a list or search asks for: in a query or in a SearchRequest (RFC 7644 §3.4.2, §3.4.3),
by index or by cursor (RFC 9865)."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.scim.call import Call
from connectors.scim.dialects import LARGEST_PAGE
from connectors.scim.errors import ScimError
from connectors.scim.messages import SEARCH
from connectors.scim.project import Projection, projection
from reconciler.model import Frozen
from reconciler.query import Kind

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_FURTHEST = 2**53  # beyond it no store counts; nobody has as many resources


class Asked(Frozen, frozen=True):
    """A page as it was asked for, with the numbers set right: `count` within the bounds, `start` from 1. `cursor` is
    None for paging by index, "" for the first page by cursor."""

    count: int
    start: int = 1
    cursor: str | None = None
    filter: str = ""
    sort_by: str = ""
    descending: bool = False


def asked(call: Call, told: Mapping[str, Any]) -> Asked:
    """The page that parameters or a SearchRequest ask for.

    Raises:
        ScimError: 400 invalidValue, invalidCount.
    """
    cursor = _text(told, "cursor")
    number = _integer(told, "count", call.dialect.page, "invalidValue" if cursor is None else "invalidCount")
    start = _integer(told, "startIndex", 1, "invalidValue")
    if cursor is not None and call.strict and "startIndex" in told:
        raise ScimError(400, "startIndex and cursor are two ways of paging: send one of them", "invalidValue")
    return Asked(
        count=max(0, min(number, LARGEST_PAGE)),
        start=max(1, min(start, _FURTHEST)),
        cursor=cursor,
        filter=_text(told, "filter") or "",
        sort_by=_text(told, "sortBy") or "",
        descending=_descending(_text(told, "sortOrder") or "ascending", call),
    )


def parameters(call: Call) -> dict[str, str]:
    """The query's parameters by their names as RFC 7644 writes them; unknown ones are left for nobody to read (E3), the
    first of two of a name counts."""
    found: dict[str, str] = {}
    for name, value in call.request.query:
        found.setdefault(name if call.strict else _NAMES.get(name.lower(), name), value)
    return found


_NAMES = {
    name.lower(): name
    for name in ("filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes")
}


def search_request(call: Call) -> Mapping[str, Any]:
    """The body of a POST to .search.

    Raises:
        ScimError: 400 invalidSyntax.
    """
    body = call.body()
    if call.strict and SEARCH not in _listed(body.get("schemas")):
        raise ScimError(400, f"schemas has to be [{SEARCH!r}]", "invalidSyntax")
    if call.strict:
        return body
    return {_NAMES.get(name.lower(), name): value for name, value in body.items()}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def shown(told: Mapping[str, Any], kind: Kind) -> Projection:
    """What of each resource is asked for.

    Raises:
        ScimError: 400 invalidValue, invalidPath.
    """
    return projection(_names(told, "attributes"), _names(told, "excludedAttributes"), kind)


def _names(told: Mapping[str, Any], name: str) -> str | list[str]:
    """Names of attributes, in one text with commas or as a list."""
    value = told.get(name) or ""
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        return value
    raise ScimError(400, f"{name} has to be names of attributes", "invalidValue")


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    if value is None or isinstance(value, str):
        return value if value or name == "cursor" else None
    raise ScimError(400, f"{name} has to be a text", "invalidValue")


def _integer(told: Mapping[str, Any], name: str, default: int, scim_type: str) -> int:
    """A number, as JSON or as text."""
    value = told.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise ScimError(400, f"{name} has to be a whole number, not {str(value)[:40]!r}", scim_type)


def _descending(order: str, call: Call) -> bool:
    said = order if call.strict else order.lower()
    if said not in {"ascending", "descending"}:
        raise ScimError(400, f"sortOrder is ascending or descending, not {order!r}", "invalidValue")
    return said == "descending"
