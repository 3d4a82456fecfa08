"""Filters on attributes that no schema knows: of a client's own extension, by their URN, or mapped by configuration.

Entra matches people by such an attribute when an admin chooses it, and its Test Connection asks for it (E14). Names are
taken as they are spelt; values are compared in the type of the literal, one by one where several are kept.
"""

from collections.abc import Set

import msgspec

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import Tolerance
from connectors.scim.names import Place, attr, place_or_new
from reconciler.query import AttrType, Compare, Filter, Kind, Not, Operator, Or

_BOOLEANS = {"true": True, "false": False}
_LENIENT = Tolerance(strict=False)


def unregistered(text: str, kind: Kind, mapped: Set[str]) -> Place | None:
    """What such a name means; None for a bare one that configuration does not map either."""
    if not text.lower().startswith("urn:"):
        paths = {path for path in mapped if path.rpartition(":")[2].lower() == text.lower()}
        if len(paths) != 1:
            return None
        path = paths.pop()
        urn, colon, _ = path.rpartition(":")
        text = f"{urn}{colon}{text}"
    try:
        return place_or_new(text, kind, _LENIENT)
    except ScimError:
        return None


def compared(found: Place, op: Operator, value: str | bool | int | float | None) -> Filter:
    """Such an attribute against a value. `ne` means that none of several is equal."""
    if op == "ne" and value is not None:
        return Not(compared(found, "eq", value))
    one = msgspec.structs.replace(attr(found), type=_type(value))
    if value is None:
        return Compare(one, op, None)
    several = msgspec.structs.replace(one, many=1 if found.urn else 0)
    terms: tuple[Filter, ...] = (Compare(one, op, value), Compare(several, op, value))
    if isinstance(value, str) and op == "eq" and (truth := _BOOLEANS.get(value.lower())) is not None:
        terms = (*terms, Compare(msgspec.structs.replace(one, type="boolean"), op, truth))
    return Or(terms)


def _type(value: object) -> AttrType:
    if isinstance(value, bool):
        return "boolean"
    return "decimal" if isinstance(value, int | float) else "string"
