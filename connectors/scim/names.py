"""What a name in a request means: an attribute by its short, dotted or qualified name, in any case (RFC 7644 §3.10).

Names without filters only; paths with filters are filters.py.
"""

import re

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import Tolerance
from connectors.scim.schema import COMMON, CORE, EXTENSIONS, SCHEMAS, Attribute, aliases
from reconciler.model import Frozen
from reconciler.query import Attr, Kind

LONGEST = 512  # characters of a name
_UNFIT = re.compile(r'[\x00-\x1f\x7f\[\]"\\\ud800-\udfff]')
_SCHEMA_END = re.compile(r"(user|group|[\d.]+)$", re.IGNORECASE)


class Place(Frozen, frozen=True):
    """Where something is: in the core schema (`urn` "") or an extension; an attribute of it or, when None, all of it;
    a sub-attribute or, when None, the whole attribute. `leniency` is the code of what had to be forgiven."""

    urn: str = ""
    attribute: Attribute | None = None
    sub: Attribute | None = None
    leniency: str = ""


def attr(place: Place) -> Attr:
    """The place as the filters of reconciler/query.py know it."""
    attribute, sub = place.attribute, place.sub
    if attribute is None:
        return Attr((place.urn,), "complex")
    leaf = sub or attribute
    keys = (attribute.name,) if sub is None else (attribute.name, sub.name)
    many = (1 if place.urn else 0) if attribute.multi else None
    return Attr((place.urn, *keys) if place.urn else keys, leaf.type, leaf.exact, many)


def sub_attribute(attribute: Attribute, name: str) -> tuple[Attribute | None, str]:
    """An attribute's own one by its name in any case, and the code of the leniency it takes."""
    folded = name.lower()
    if (found := attribute.sub.get(folded)) is not None:
        return found, ""
    if folded == "displayname" and attribute.multi and "display" in attribute.sub:
        return attribute.sub["display"], "display-name"
    return None, ""


def place(text: str, kind: Kind, how: Tolerance) -> Place | None:
    """What is meant; None when no schema knows it, or only by a name that strict mode does not."""
    found = _PLACES[kind].get(text) or _PLACES[kind].get(text.lower())
    if found is not None and found.leniency:
        if how.strict:
            return None
        how.note(found.leniency)
    return found


def place_or_new(text: str, kind: Kind, how: Tolerance, scim_type: str = "invalidSyntax") -> Place:
    """What is meant; in lenient mode a name that no schema knows means an attribute of its own.

    Raises:
        ScimError: in strict mode for such a name; for what cannot be a name in either.
    """
    found = place(text, kind, how)
    return found if found is not None else _unknown(text, kind, how, scim_type)


def new(name: str) -> Attribute:
    """An attribute that no schema knows. A password is never kept, wherever it stands."""
    return Attribute(name, known=False, mutability="writeOnly" if name.lower() == "password" else "readWrite")


def _unknown(text: str, kind: Kind, how: Tolerance, scim_type: str) -> Place:
    if not text.strip() or text.endswith(":") or len(text) > LONGEST or _UNFIT.search(text) is not None:
        raise ScimError(400, f"{text[:60]!r} cannot be the name of an attribute.", "invalidPath")
    how.allow("unknown-attribute", f"{text!r} is no attribute of a {kind}.", scim_type)
    urn, _, name = text.rpartition(":")
    if urn and _SCHEMA_END.fullmatch(name) is not None:
        return Place(text)
    if urn:
        known = _PLACES[kind].get(urn.lower())
        urn = urn if known is None or known.attribute is not None else known.urn
    name, dot, below = name.partition(".")
    if not dot:
        return Place(urn, new(name))
    holder = _PLACES[kind].get(f"{urn.lower()}:{name.lower()}" if urn else name.lower())
    attribute = holder.attribute if holder is not None and holder.attribute is not None else new(name)
    if not name or not below or "." in below or (attribute.known and attribute.type != "complex"):
        raise ScimError(400, f"{text[:60]!r} cannot be the name of an attribute.", "invalidPath")
    return Place(holder.urn if holder is not None else urn, attribute, new(below))


def _places(kind: Kind) -> dict[str, Place]:
    """Every name of this kind's attributes. The right ones come first, in lower case and as they are spelt."""
    found: dict[str, Place] = {}
    core = (*COMMON.values(), *SCHEMAS[CORE[kind]].attributes.values())
    extended = {urn: tuple(SCHEMAS[urn].attributes.values()) for urn in EXTENSIONS[kind]}
    _name(found, "", "", core)
    _name(found, CORE[kind], "", core)
    for urn, attributes in extended.items():
        _name(found, urn, urn, attributes)
        _name(found, "", urn, attributes, leniency="unqualified-extension")
    for alias, urn in aliases(kind):
        is_core = urn == CORE[kind]
        _name(found, alias, "" if is_core else urn, core if is_core else extended[urn], leniency="legacy-urn")
    return found


def _name(
    found: dict[str, Place], prefix: str, urn: str, attributes: tuple[Attribute, ...], *, leniency: str = ""
) -> None:
    def add(text: str, place: Place) -> None:
        found.setdefault(text, place)
        found.setdefault(text.lower(), place)

    if prefix:
        add(prefix, Place(urn, leniency=leniency))
    for attribute in attributes:
        name = f"{prefix}:{attribute.name}" if prefix else attribute.name
        add(name, Place(urn, attribute, leniency=leniency))
        for sub in attribute.sub.values():
            add(f"{name}.{sub.name}", Place(urn, attribute, sub, leniency))
        if attribute.multi and "display" in attribute.sub:
            add(f"{name}.displayName", Place(urn, attribute, attribute.sub["display"], "display-name"))


_PLACES: dict[Kind, dict[str, Place]] = {"User": _places("User"), "Group": _places("Group")}
