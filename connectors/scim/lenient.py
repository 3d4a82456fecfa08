"""Reads the resource of a request into the schema's spelling and types: schema-driven, leniently or to the letter.

Here is what is done about values; which codes the leniencies have is leniencies.py, and what changes do to a resource
is patch.py. Nothing is stored that PostgreSQL or UTF-8 could not hold, and nothing that is nested without end.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import Tolerance, unheard
from connectors.scim.names import Place, new, place, place_or_new, sub_attribute
from connectors.scim.schema import CORE, SCHEMAS, Attribute
from reconciler.query import Kind

DEEPEST = 16  # levels of what no schema knows
MOST_VALUES = 1000  # of one attribute; a group's members are bounded by the body alone
_BOOLEANS = {"true": True, "false": False}
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_LARGEST = 2**63


def normal(body: object, kind: Kind, *, strict: bool, note: Callable[[str], None] = unheard) -> dict[str, Any]:
    """The resource of a POST or PUT as it is kept: without what the server says itself, and without a password.

    A Group's `members` stay, as objects with a `value`; they are not part of `Resource.body`.

    Raises:
        ScimError: 400, for what cannot be read.
    """
    how = Tolerance(strict, note)
    if not isinstance(body, dict):
        raise ScimError(400, "The body has to be a JSON object.", "invalidSyntax")
    read: dict[str, Any] = {}
    for name, value in body.items():
        take(read, name, value, kind, how)
    _check_schemas(body, read, kind, how)
    for attribute in SCHEMAS[CORE[kind]].attributes.values():
        if attribute.required:
            check_required(attribute, read.get(attribute.name))
    return read


def check_required(attribute: Attribute, value: object) -> None:
    """Raises a ScimError when a required attribute has no value."""
    if attribute.required and (value is None or (isinstance(value, str) and not value.strip())):
        raise ScimError(400, f"{attribute.name} is required.", "invalidValue")


def kept(attribute: Attribute) -> bool:
    """Whether what a client says about it is kept: not what only the server says, and no password, ever."""
    return attribute.mutability not in ("readOnly", "writeOnly") and attribute.name != "schemas"


def take(read: dict[str, Any], name: object, value: object, kind: Kind, how: Tolerance) -> None:
    """Reads one member of a resource's JSON object into `read`."""
    if not isinstance(name, str):
        raise ScimError(400, "The names in a JSON object have to be text.", "invalidSyntax")
    where = place_or_new(name, kind, how)
    attribute = where.attribute
    if attribute is None:
        _take_schema(read, where.urn, value, kind, how)
    elif value is None or not kept(attribute):
        return
    elif where.sub is None:
        put(read, where, value_of(attribute, value, how, name), how)
    else:
        how.allow("key-path", f"{name!r} is no attribute: write it as an object.", "invalidSyntax")
        put(read, where, value_of(attribute, {where.sub.name: value}, how, name, listed=False), how)


def put(read: dict[str, Any], where: Place, value: object, how: Tolerance) -> None:
    """Puts a value that was read where it belongs; objects that come in parts are put together."""
    if value is None or where.attribute is None:
        return
    holder = read.setdefault(where.urn, {}) if where.urn else read
    name = where.attribute.name
    before = holder.get(name)
    if before is None:
        holder[name] = value
    elif isinstance(before, dict) and isinstance(value, dict):
        before.update(value)
    else:
        if how.strict:
            raise ScimError(400, f"{name!r} is given twice.", "invalidSyntax")
        holder[name] = value


def _take_schema(read: dict[str, Any], urn: str, value: object, kind: Kind, how: Tolerance) -> None:
    """What stands under a schema's URN. Under one that nobody knows, as sent."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise ScimError(400, f"{urn or CORE[kind]!r} has to be an object.", "invalidValue")
    if urn and urn not in SCHEMAS:
        said = {name: item for name, item in checked(value).items() if item not in (None, [])}
        if present := {name: item for name, item in said.items() if kept(new(name))}:
            read.setdefault(urn, {}).update(present)
        return
    for name, item in value.items():
        if name.lower() != "schemas":  # an extension that names its own schema says nothing
            take(read, f"{urn or CORE[kind]}:{name}", item, kind, how)


def _check_schemas(body: Mapping[str, object], read: Mapping[str, object], kind: Kind, how: Tolerance) -> None:
    """RFC 7643 §3: `schemas` names what the resource holds. Leniently, it is not believed (facts: Entra E9 to E11)."""
    named = next((value for name, value in body.items() if name.lower() == "schemas"), None)
    urns = {urn.lower() for urn in named if isinstance(urn, str)} if isinstance(named, list) else set()
    held = {CORE[kind], *(name for name in read if ":" in name)}
    for urn in held:
        if urn.lower() not in urns:
            how.allow("missing-schemas", f"'schemas' has to name {urn}.", "invalidSyntax")
            break
    for urn in sorted(urns):
        found = urn in {each.lower() for each in held} or place(urn, kind, how)
        if not found:
            how.allow("unknown-schema", f"The schema {urn[:100]!r} is not known.", "invalidSyntax")


# -- values -----------------------------------------------------------------------------------------------------------


def value_of(attribute: Attribute, value: object, how: Tolerance, name: str, *, listed: bool = True) -> Any:
    """A value of an attribute in its type; None when it is unassigned: null, an empty list, an empty object (RFC 7643
    §2.5). `listed` False: an object of a multi-valued attribute may stand without its list."""
    if value is None:
        return None
    if not attribute.known:
        return checked(value) if value != [] else None
    if attribute.multi:
        return _list_of(attribute, value, how, name, listed=listed)
    return single(attribute, value, how, name)


def single(attribute: Attribute, value: object, how: Tolerance, name: str) -> Any:
    """One value in its type, of a multi-valued attribute too."""
    if isinstance(value, list):
        if not value:
            return None
        if len(value) > 1:
            raise ScimError(400, f"{name} has one value, not {len(value)}.", "invalidValue")
        how.allow("single-in-list", f"{name} has to be a single value, not a list.")
        value = value[0]
    if value is None:
        return None
    if attribute.type == "complex":
        return _object_of(attribute, value, how, name)
    if isinstance(value, dict):
        inner = next((item for key, item in value.items() if isinstance(key, str) and key.lower() == "value"), None)
        if inner is None or isinstance(inner, dict | list):
            raise ScimError(400, f"{name} has to be a single value, not an object.", "invalidValue")
        how.allow("single-in-list", f"{name} has to be a single value, not an object.")
        value = inner
    if attribute.type == "boolean":
        return _boolean(value, how, name)
    if isinstance(value, str):
        return text(value, name)
    return _number_as_text(value, how, name)


def _number_as_text(value: object, how: Tolerance, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScimError(400, f"{name} has to be text.", "invalidValue")
    how.allow("number-text", f"{name} has to be text, not a number.")
    return str(checked(value))


def _boolean(value: object, how: Tolerance, name: str) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.strip():
            how.allow("empty-unassigns", f"{name} has to be true or false.")
            return None
        if (found := _BOOLEANS.get(value.strip().lower())) is not None:
            how.allow("boolean-text", f"{name} has to be true or false, not text.")
            return found
    raise ScimError(400, f"{name} has to be true or false.", "invalidValue")


def text(value: str, name: str) -> str:
    """Text as it is. Raises a ScimError for NUL and lone surrogates, which no database keeps."""
    if ("\0" in value) if value.isascii() else (_UNFIT.search(value) is not None):
        raise ScimError(400, f"{name} holds a character that cannot be kept (NUL, or half of a pair).", "invalidValue")
    return value


def _list_of(attribute: Attribute, value: object, how: Tolerance, name: str, *, listed: bool) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        value = _unpacked(value, list, how, name)
    if not isinstance(value, list):
        if value == "":
            how.allow("empty-unassigns", f"{name} has to be a list.")
            return None
        if listed:
            how.allow("single-value", f"{name} has to be a list.")
        value = [value]
    if len(value) > MOST_VALUES and attribute.name != "members":
        raise ScimError(400, f"{name} has more than {MOST_VALUES} values.", "invalidValue")
    read = [item for item in (_item_of(attribute, item, how, name) for item in value) if item is not None]
    if "primary" in attribute.sub:
        one_primary(read, how, name)
    return read or None


def _item_of(attribute: Attribute, value: object, how: Tolerance, name: str) -> Any:
    if isinstance(value, list):
        raise ScimError(400, f"{name} is a list of values, not of lists.", "invalidValue")
    return single(attribute, value, how, name)


def one_primary(values: list[Any], how: Tolerance, name: str) -> None:
    """Primary is one value at most (RFC 7643 §2.4); leniently, the first that says so."""
    primary = [item for item in values if item.get("primary") is True]
    if len(primary) > 1:
        how.allow("many-primary", f"{name} has more than one primary value.")
        for item in primary[1:]:
            item["primary"] = False


def _object_of(attribute: Attribute, value: object, how: Tolerance, name: str) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        value = _object_from_plain(attribute, value, how, name)
        if value is None:
            return None
    if attribute.multi and not how.strict:
        value = _with_packed(value, how, name)
    read: dict[str, Any] = {}
    emptied = False
    for key, item in value.items():
        if not isinstance(key, str):
            raise ScimError(400, f"The names in {name} have to be text.", "invalidSyntax")
        if item == "" and key.lower() == "value" and not how.strict:
            how.note("empty-unassigns")
            emptied = True
        elif item is not None:
            sub = _written_sub(attribute, key, how, name)
            if sub is not None and (taken := value_of(sub, item, how, f"{name}.{sub.name}")) is not None:
                read[sub.name] = taken
    if emptied and not has_content(read):
        return None
    return _member(read, how) if attribute.name == "members" else read or None


def _with_packed(value: dict[Any, Any], how: Tolerance, name: str) -> dict[Any, Any]:
    """With the members of the JSON object that its `value` holds as text, where it does (facts: Entra E6)."""
    packed = value.get("value")
    if isinstance(packed, str) and packed.startswith("{"):
        inner = _unpacked(packed, dict, how, name)
        if isinstance(inner, dict):
            return {**value, "value": None, **inner}
    return value


def has_content(item: Mapping[str, object]) -> bool:
    """Whether it says more than which one of several values it is."""
    return any(key not in ("type", "primary", "display") for key in item)


def _written_sub(attribute: Attribute, key: str, how: Tolerance, name: str) -> Attribute | None:
    """The sub-attribute of this name; None for one that clients do not write."""
    sub, code = attribute.sub.get(key), ""
    if sub is None:
        sub, code = sub_attribute(attribute, key)
    if code:
        how.allow(code, f"{name} has no sub-attribute {key!r}.", "invalidSyntax")
    if sub is None:
        how.allow("unknown-attribute", f"{name} has no sub-attribute {key[:60]!r}.", "invalidSyntax")
        sub = new(text(key, name))
    elif sub.mutability == "readOnly" and how.strict:
        return None  # leniently kept: the name of a manager that is no user here is worth having
    return sub


def _member(read: dict[str, Any], how: Tolerance) -> dict[str, Any]:
    if "value" not in read:
        reference = read.get("$ref", "").rstrip("/").rpartition("/")[2]
        if not reference:
            raise ScimError(400, "A member needs a value: the id of a user or group.", "invalidValue")
        how.allow("member-reference", "A member needs a value: the id of a user or group.")
        read["value"] = reference
    return read


def _object_from_plain(attribute: Attribute, value: object, how: Tolerance, name: str) -> dict[Any, Any] | None:
    """An object that came as text: JSON (facts: Entra E6), or what matters of it (E7)."""
    main = next((sub for sub in ("value", "formatted") if sub in attribute.sub), None)
    if isinstance(value, str):
        if not value.strip():
            how.allow("empty-unassigns", f"{name} has to be an object.")
            return None
        if value.lstrip()[:1] == "{" and isinstance(unpacked := _unpacked(value, dict, how, name), dict):
            return unpacked
    elif main != "value" or isinstance(value, bool) or not isinstance(value, int | float):
        main = None
    if main is None:
        raise ScimError(400, f"{name} has to be an object.", "invalidValue")
    how.allow("plain-value", f"{name} has to be an object.")
    return {main: value}


def _unpacked(value: str, shape: type[Any], how: Tolerance, name: str) -> object:
    """JSON in a text; the text itself when it is none, or of another shape."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return value
    if not isinstance(found, shape):
        return value
    how.allow("json-text", f"{name} has to be JSON, not text that holds JSON.")
    return found


def checked(value: Any, depth: int = 0) -> Any:
    """What no schema knows, as sent.

    Raises:
        ScimError: it cannot be kept: nested too deep, a number out of bounds, NUL.
    """
    if isinstance(value, str):
        return text(value, "A text")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not -_LARGEST <= value < _LARGEST or math.isnan(value):
            raise ScimError(400, "A number is too large to be kept.", "invalidValue")
        return value
    if depth >= DEEPEST:
        raise ScimError(400, f"The body is nested more than {DEEPEST} levels deep.", "invalidSyntax")
    if isinstance(value, list):
        return [checked(item, depth + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {text(key, "A name"): checked(item, depth + 1) for key, item in value.items()}
    raise ScimError(400, "The body holds what is no JSON.", "invalidSyntax")
