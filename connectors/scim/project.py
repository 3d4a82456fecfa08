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
    """What a client wants: `only` these (None: what is returned by default), and nothing of `excluded`."""

    kind: Kind
    only: Names | None = None
    excluded: Names = {}

    def wants(self, name: str) -> bool:
        """Whether an attribute of the core schema is returned, or a part of it. Members that nobody wants are never
        read (facts: Entra E13)."""
        folded = name.lower()
        return self.excluded.get(folded) != {} and (self.only is None or folded in self.only)

    def of(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The resource as this client sees it. `schemas` and what else is always returned stay."""
        shown = {name: value for name, value in resource.items() if name not in _NEVER[self.kind]}
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
    return Projection(kind, _names(attributes, kind) or None, _names(excluded, kind))


def _names(said: str | Iterable[str] | None, kind: Kind) -> Names:
    how = Tolerance(strict=False)
    found: Names = {}
    for part in said.split(",") if isinstance(said, str) else said or ():
        if not part.strip():
            continue
        place = place_or_new(part.strip(), kind, how, "invalidPath")
        named = [each.name.lower() for each in (place.attribute, place.sub) if each is not None]
        if place.urn:
            named.insert(0, place.urn.lower())
        for keys in [named] if named else [[name] for name in (*COMMON, *SCHEMAS[CORE[kind]].attributes)]:
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
