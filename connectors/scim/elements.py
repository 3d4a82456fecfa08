"""Changes to the values of a multi-valued attribute (RFC 7644 §3.5.2.1 to §3.5.2.3): lists of JSON objects, in place.

Which attribute an operation is about, and everything with a single value, is patch.py.
"""

from collections.abc import Sequence
from typing import Any

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import Tolerance
from connectors.scim.lenient import MOST_VALUES, has_content, single, value_of
from connectors.scim.matching import matches
from connectors.scim.schema import Attribute
from reconciler.query import And, Compare, Filter

Elements = list[dict[str, Any]]


def add(elements: Elements, attribute: Attribute, value: object, how: Tolerance) -> None:
    """Adds the values that are not there yet: adding what is there is no change (RFC 7644 §3.5.2.1)."""
    new: Elements | None = value_of(attribute, value, how, attribute.name)
    if new is None:
        how.allow("null-added", f"Adding to {attribute.name} needs a value.")
        return
    before = _primary(elements)
    for item in new:
        if not any(item == held or (not how.strict and item.items() <= held.items()) for held in elements):
            elements.append(item)
    if len(elements) > MOST_VALUES:
        raise ScimError(400, f"{attribute.name} has more than {MOST_VALUES} values.", "invalidValue")
    _settle_primary(elements, before, attribute, how)


def remove(elements: Elements, attribute: Attribute, value: object, how: Tolerance) -> None:
    """Removes the values that are named, which only lenient mode allows: by `value` where they have one (facts: E8)."""
    how.allow("removal-value", f"A removal has no value: select from {attribute.name} in the path.")
    named: Elements = value_of(attribute, value, how, attribute.name) or []
    gone = [held for held in elements if any(_names(item, held) for item in named)]
    if not gone:
        how.note("nothing-removed")
    elements[:] = [held for held in elements if not any(held is item for item in gone)]


def _names(item: dict[str, Any], held: dict[str, Any]) -> bool:
    keys = [key for key in ("value", "type") if key in item] if "value" in item else list(item)
    return all(held.get(key) == item[key] for key in keys)


def set_everywhere(elements: Elements, attribute: Attribute, sub: Attribute, value: object, how: Tolerance) -> None:
    """attribute.sub without a filter: of all values, or of a new one when there are none."""
    new = sub_value(attribute, sub, value, how)
    before = _primary(elements)
    if not elements and new is not None:
        elements.append({})
    _set(elements, list(elements), sub, new, how)
    _settle_primary(elements, before, attribute, how)


def remove_where(
    elements: Elements, attribute: Attribute, where: Filter | None, sub: Attribute | None, how: Tolerance
) -> None:
    """Removes the values that meet the filter, or a sub-attribute of them."""
    found = [item for item in elements if where is None or matches(where, item)]
    if not found and where is not None:
        how.allow("nothing-removed", f"No value of {attribute.name} meets the filter.", "noTarget")
    if sub is None:
        elements[:] = [item for item in elements if not any(item is gone for gone in found)]
    else:
        _set(elements, found, sub, None, how)


def set_where(
    elements: Elements, attribute: Attribute, where: Filter, *, sub: Attribute | None, value: object, op: str,
    how: Tolerance,
) -> None:  # fmt: skip
    """Adds to or replaces the values that meet the filter. Leniently, one that nobody meets is made (facts: E4)."""
    found = [item for item in elements if matches(where, item)]
    if sub is not None:
        new = sub_value(attribute, sub, value, how)
        part = None if new is None else {sub.name: new}
    else:
        part = single(attribute, value, how, attribute.name)
    if part is None:
        remove_where(elements, attribute, where, sub, how)
        return
    before = _primary(elements)
    if not found:
        _made(elements, attribute, where, how).update(part)
    else:
        given = {} if how.strict else _terms(where) or {}
        for item in found:
            if sub is None and op == "replace":
                item.clear()
                item.update(given)
            item.update(part)
    _settle_primary(elements, before, attribute, how)


def _made(elements: Elements, attribute: Attribute, where: Filter, how: Tolerance) -> dict[str, Any]:
    """A new value that meets the filter."""
    made = _terms(where)
    refusal = f"No value of {attribute.name} meets the filter."
    if made is None or len(elements) >= MOST_VALUES:
        raise ScimError(400, refusal, "noTarget")
    how.allow("value-made", refusal, "noTarget")
    elements.append(made)
    return made


def _terms(where: Filter) -> dict[str, Any] | None:
    """What the filter says that a value is; None when it says anything else."""
    terms: Sequence[Filter] = where.terms if isinstance(where, And) else (where,)
    said: dict[str, Any] = {}
    for term in terms:
        if not isinstance(term, Compare) or term.op != "eq" or term.value is None or len(term.attr.keys) != 1:
            return None
        said[term.attr.keys[0]] = term.value
    return said


def sub_value(attribute: Attribute, sub: Attribute, value: object, how: Tolerance) -> Any:
    """The value of a sub-attribute; None unassigns it."""
    if value == "" and sub.name == "value" and not how.strict:
        how.note("empty-unassigns")
        return None
    return value_of(sub, value, how, f"{attribute.name}.{sub.name}")


def _set(elements: Elements, found: Elements, sub: Attribute, value: Any, how: Tolerance) -> None:
    for item in found:
        if value is not None:
            item[sub.name] = value
        else:
            item.pop(sub.name, None)
    if value is None:  # what is left says which value it was, and no value (facts: E4 the other way round)
        elements[:] = [item for item in elements if item and (how.strict or has_content(item))]


def _primary(elements: Elements) -> Elements:
    return [item for item in elements if item.get("primary") is True]


def _settle_primary(elements: Elements, before: Elements, attribute: Attribute, how: Tolerance) -> None:
    """A value that is made the primary one ends that of the one before (RFC 7644 §3.5.2)."""
    now = _primary(elements)
    made = [item for item in now if not any(item is each for each in before)]
    if len(made) > 1:
        how.allow("many-primary", f"{attribute.name} has more than one primary value.")
    for item in now:
        if item is not (made or now)[0]:
            item["primary"] = False
