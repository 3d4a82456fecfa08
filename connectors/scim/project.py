"""Which attributes of a resource are returned: `attributes` and `excludedAttributes` (RFC 7644 §3.9; RFC 7643 §7).

Pure. What a resource is as a whole, its `schemas`, `meta` and memberships, is put together by the listener.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.scim.leniencies import Tolerance
from connectors.scim.names import place_or_new
from connectors.scim.schema import COMMON, CORE, EXTENSIONS, SCHEMAS, Attribute
from reconciler.model import Frozen
from reconciler.query import Kind

# Names in lower case, and below each what is named of it; nothing below: all of it.
Names = dict[str, Any]


class Projection(Frozen, frozen=True):
    """What a client wants: `only` these (None: what is returned by default), and nothing of `excluded`. `named` are the
    names of `only` in lower case, with dots."""

    kind: Kind
    only: Names | None = None
    excluded: Names = {}
    named: frozenset[str] = frozenset()

    def asks(self, name: str) -> bool:
        """Whether an attribute is named itself: what is returned by request only (RFC 7643 §7)."""
        return name.lower() in self.named

    def wants(self, name: str) -> bool:
        """Whether an attribute of the core schema is returned, or a part of it. Members that nobody wants are never
        read (facts: Entra E13)."""
        folded = name.lower()
        return self.excluded.get(folded) != {} and (self.only is None or folded in self.only)

    def of(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The resource as this client sees it. `schemas` and what else is always returned stay."""
        hidden = _NEVER[self.kind]
        shown = {**resource} if hidden.isdisjoint(resource) else {
            name: value for name, value in resource.items() if name not in hidden
        }  # fmt: skip
        if self.only is None and not self.excluded:
            return shown
        kept = shown if self.only is None else _picked(shown, self.only)
        kept = _dropped(kept, self.excluded) if self.excluded else kept
        return {**{name: shown[name] for name in _ALWAYS if name in shown}, **kept}


def projection(attributes: str | Iterable[str] | None, excluded: str | Iterable[str] | None, kind: Kind) -> Projection:
    """What the parameters ask for: names joined by commas, or a list of them (`.search`). A name that no schema knows
    asks for what a client may have stored under it.

    Raises:
        ScimError: 400 invalidPath, for what cannot be a name.
    """
    only = [keys for name in _said(attributes) for keys in _keys(name, kind)]
    without = [keys for name in _said(excluded) for keys in _keys(name, kind)]
    return Projection(kind, _tree(only) or None, _tree(without), frozenset(".".join(keys) for keys in only))


def _said(names: str | Iterable[str] | None) -> list[str]:
    return [part.strip() for part in (names.split(",") if isinstance(names, str) else names or ()) if part.strip()]


def _keys(name: str, kind: Kind) -> list[list[str]]:
    """What a name means, as lower-case keys: one attribute, or all of the core schema."""
    place = place_or_new(name, kind, Tolerance(strict=False), "invalidPath")
    named = [each.name.lower() for each in (place.attribute, place.sub) if each is not None]
    if place.urn:
        named.insert(0, place.urn.lower())
    return [named] if named else [[each.lower()] for each in (*COMMON, *SCHEMAS[CORE[kind]].attributes)]


def _tree(names: Iterable[list[str]]) -> Names:
    found: Names = {}
    for keys in names:
        _enter(found, keys)
    return found


def _enter(found: Names, keys: list[str]) -> None:
    """Adds a name; what is named as a whole is not narrowed by a part of it."""
    for depth, key in enumerate(keys, 1):
        last = depth == len(keys)
        if last:
            found[key] = {}
        elif found.get(key) == {}:
            return
        else:
            found = found.setdefault(key, {})


def _picked(value: Any, names: Names) -> Any:
    """Of a value, what is named; a list keeps the values of which something is."""
    if isinstance(value, list):
        return [part for part in (_picked(item, names) for item in value) if part]
    if not isinstance(value, dict):
        return None
    found = {}
    for name, item in value.items():
        below = names.get(name.lower())
        if below is not None and (part := _picked(item, below) if below else item) not in (None, {}, []):
            found[name] = part
    return found


def _dropped(value: Any, names: Names) -> Any:
    """Of a value, what is not named."""
    if isinstance(value, list):
        return [part for part in (_dropped(item, names) for item in value) if part]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, item in value.items():
        below = names.get(name.lower())
        if below is None:
            found[name] = item
        elif below and (part := _dropped(item, below)) not in ({}, []):
            found[name] = part
    return found


def _returned(attributes: Iterable[Attribute], returned: str) -> frozenset[str]:
    return frozenset(attribute.name for attribute in attributes if attribute.returned == returned)


_ALWAYS = sorted(_returned(COMMON.values(), "always"), reverse=True)
_NEVER: dict[Kind, frozenset[str]] = {
    kind: _returned(
        (each for urn in (CORE[kind], *EXTENSIONS[kind]) for each in SCHEMAS[urn].attributes.values()), "never"
    )
    for kind in CORE
}
