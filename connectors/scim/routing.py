"""Which endpoint a path names, and which methods it has (RFC 7644 §3.2 table 2). No meaning beyond that."""

from typing import Literal

from connectors.scim.errors import ScimError
from reconciler.model import Frozen
from reconciler.query import Kind

KINDS: dict[str, Kind] = {"Users": "User", "Groups": "Group"}
_SEARCH = ".search"

Shape = Literal["root", "kind", "resource", "search", "bulk", "config", "types", "type", "schemas", "schema"]

METHODS: dict[Shape, tuple[str, ...]] = {
    "root": ("GET",),
    "kind": ("GET", "POST"),
    "resource": ("GET", "PUT", "PATCH", "DELETE"),
    "search": ("POST",),
    "bulk": ("POST",),
    "config": ("GET",),
    "types": ("GET",),
    "type": ("GET",),
    "schemas": ("GET",),
    "schema": ("GET",),
}
_ALONE: dict[str, Shape] = {"Bulk": "bulk", "ServiceProviderConfig": "config"}
_LISTED: dict[str, tuple[Shape, Shape]] = {"ResourceTypes": ("types", "type"), "Schemas": ("schemas", "schema")}
_NAMES = (*KINDS, *_ALONE, *_LISTED, "Me", _SEARCH)
_FOLDED = {name.lower(): name for name in _NAMES}


class Target(Frozen, frozen=True):
    """What a path names. `kind` is None where it is about all kinds, or about none; `id` names one of several."""

    shape: Shape
    kind: Kind | None = None
    id: str = ""


def target(path: str, *, strict: bool) -> Target:
    """What a path names below the directory, with or without slashes at its end; names in any case unless strict.

    Raises:
        ScimError: 404, and 501 for /Me.
    """
    first, _, rest = path.strip("/").partition("/")
    name = first if strict else _FOLDED.get(first.lower(), first)
    if name == "Me":
        raise ScimError(501, "/Me is not offered: a directory has signed in here, not a person")
    found = _target(name, rest, strict=strict)
    if found is None:
        raise ScimError(404, f"there is no {path}: the endpoints are {', '.join(f'/{each}' for each in _NAMES[:-2])}")
    return found


def _target(name: str, rest: str, *, strict: bool) -> Target | None:
    if name in KINDS:
        return _of_kind(KINDS[name], rest, strict=strict)
    if name in _LISTED:
        listed, single = _LISTED[name]
        return Target(single, id=rest) if rest else Target(listed)
    if rest:
        return None
    if name == _SEARCH:
        return Target("search")
    return Target("root") if not name else Target(_ALONE[name]) if name in _ALONE else None


def _of_kind(kind: Kind, rest: str, *, strict: bool) -> Target:
    if not rest:
        return Target("kind", kind)
    if (rest if strict else rest.lower()) == _SEARCH:
        return Target("search", kind)
    return Target("resource", kind, rest)


def allowed(found: Target, method: str) -> None:
    """Raises:
    ScimError: 405, with what is allowed.
    """
    methods = METHODS[found.shape]
    if method not in methods:
        raise ScimError(
            405, f"{method} is not for this place: {', '.join(methods)}", headers=(("Allow", ", ".join(methods)),)
        )
