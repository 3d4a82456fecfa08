"""Whether a resource, as JSON, meets a filter. The store's SQL has to answer the same."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from reconciler.model import folded
from reconciler.query import And, Attr, Compare, Filter, Has, Not, Or, Present


def matches(filter: Filter, resource: Mapping[str, Any]) -> bool:  # noqa: A002 - SCIM's word
    """Whether it does. `resource` is whole: with its id, meta and memberships, where the filter asks for them."""
    if isinstance(filter, Compare):
        return _compares(filter, resource)
    if isinstance(filter, Present):
        return any(_present(value) for value in values(filter.attr, resource))
    if isinstance(filter, Has):
        return any(matches(filter.where, item) for item in values(filter.attr, resource) if isinstance(item, dict))
    if isinstance(filter, And):
        return all(matches(term, resource) for term in filter.terms)
    if isinstance(filter, Or):
        return any(matches(term, resource) for term in filter.terms)
    return isinstance(filter, Not) and not matches(filter.term, resource)  # else Never


def values(attr: Attr, resource: Mapping[str, Any]) -> list[Any]:
    """The values of an attribute, one by one; none when it is unassigned."""
    found: list[Any] = [resource]
    for place, key in enumerate(attr.keys):
        below: list[Any] = []
        for holder in found:
            value = holder.get(key) if isinstance(holder, Mapping) else None
            if place == attr.many and isinstance(value, list):
                below.extend(value)
            elif value is not None:
                below.append(value)
        found = below
    return found


def instant(text: str) -> str | None:
    """A time as it is compared: UTC with milliseconds; None when it is none (RFC 7643 §2.3.5)."""
    return _instant(text) if len(text) <= 40 else None


@lru_cache(maxsize=256)
def _instant(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if "T" not in text.upper():
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _present(value: object) -> bool:
    return value not in (None, "", [], {})


def _compares(term: Compare, resource: Mapping[str, Any]) -> bool:
    found = values(term.attr, resource)
    if term.value is None:
        return any(_present(value) for value in found) is (term.op == "ne")
    if not found:
        return term.op == "ne" and term.attr.many is None
    wanted = _comparable(term.attr, term.value)
    return any(_holds(_comparable(term.attr, value), term.op, wanted) for value in found)


def _comparable(attr: Attr, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if attr.type == "dateTime":
        return instant(value) or value
    return value if attr.exact else folded(value)


def _holds(value: Any, op: str, wanted: Any) -> bool:
    if op in ("eq", "ne"):
        return (isinstance(value, bool) is isinstance(wanted, bool) and value == wanted) is (op == "eq")
    if isinstance(value, str) and isinstance(wanted, str):
        return _TEXT[op](value, wanted) if op in _TEXT else _ORDER[op](value, wanted)
    return op in _ORDER and _number(value) and _number(wanted) and bool(_ORDER[op](value, wanted))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)  # to Python, true is 1


_TEXT = {"co": str.__contains__, "sw": str.startswith, "ew": str.endswith}
_ORDER = {
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
}
