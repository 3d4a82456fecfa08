"""A filter as SQL with bound parameters, for SQLite and PostgreSQL: the same answer as connectors/scim/matching.py.

What has a column is compared there (places.py); everything else in the JSON of the body. Text that is compared without
regard to case is as reconciler.model.folded makes it: in columns and on SQLite exactly so; PostgreSQL's own folding of
a body's text leaves apart what only Unicode's full case folding brings together ("ß" and "ss").

Every condition is TRUE or FALSE, never NULL, so that NOT means the others.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from reconciler.query import And, Attr, AttrType, Compare, Filter, Has, Never, Not, Operator, Or, Present

# The only times are those of meta, which are kept as they are compared: of one width, in UTC.
TEXTS: frozenset[AttrType] = frozenset({"string", "reference", "binary", "dateTime"})
NUMBERS: frozenset[AttrType] = frozenset({"integer", "decimal"})
_HOLES = re.compile(r"\{(?:held|lit)\}")
_SIGNS: dict[str, str] = {"eq": "=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Sql(NamedTuple):
    """A piece of SQL and what its "?" stand for, in order."""

    text: str
    given: tuple[Any, ...] = ()

    def __and__(self, other: "Sql") -> "Sql":
        return Sql(f"({self.text} AND {other.text})", self.given + other.given)


NO, YES = Sql("FALSE"), Sql("TRUE")


class Place(Protocol):
    """What attributes belong to: a resource, or one value of a multi-valued attribute."""

    sqlite: bool

    def value(self, attr: Attr) -> Sql | None:
        """The single value of an attribute, folded unless it is compared exactly; NULL when there is none of its type.
        None: this place cannot have one."""
        ...

    def literal(self, attr: Attr, text: str) -> Sql:
        """A text to compare with `value`, folded as it is."""
        ...

    def found_by(self, attr: Attr, text: str) -> Sql:
        """A condition that holds wherever the attribute equals this text, and that an index knows; YES for none."""
        ...

    def there(self, attr: Attr) -> Sql:
        """Whether an attribute has any value but null."""
        ...

    def present(self, attr: Attr) -> Sql:
        """Whether an attribute has a value that is not empty."""
        ...

    def some(self, attr: Attr, condition: "Callable[[Place], Sql]", where: Filter | None) -> Sql:
        """Whether one of the values of a multi-valued attribute meets a condition; `where` is the same as a filter on
        the value, as far as there is one."""
        ...


def condition(term: Filter, place: Place) -> Sql:
    """A filter on a place."""
    match term:
        case And(terms):
            return _joined(" AND ", [condition(each, place) for each in terms], YES)
        case Or(terms):
            return _joined(" OR ", [condition(each, place) for each in terms], NO)
        case Not(inner):
            return negated(condition(inner, place))
        case Has(attr, where):
            return place.some(attr, lambda value: condition(where, value), where)
        case Present(attr):
            return _present(attr, place)
        case Compare(attr, op, value):
            return _compared(attr, op, value, place)
        case Never():
            return NO


def _joined(word: str, parts: list[Sql], nothing: Sql) -> Sql:
    if not parts:
        return nothing
    return Sql(f"({word.join(part.text for part in parts)})", tuple(each for part in parts for each in part.given))


def _present(attr: Attr, place: Place) -> Sql:
    if attr.many is None:
        return place.present(attr)
    return place.some(attr, lambda value: value.present(inner(attr)), None)


def _compared(attr: Attr, op: Operator, value: str | bool | int | float | None, place: Place) -> Sql:
    if value is None:  # RFC 7643 §2.5: null is the same as no value
        there = _present(attr, place)
        return there if op == "ne" else negated(there) if op == "eq" else NO
    if attr.many is None:  # without a value it is not equal to anything
        return negated(scalar(attr, "eq", value, place)) if op == "ne" else scalar(attr, op, value, place)
    below = inner(attr)
    where = Compare(msgspec.structs.replace(below, keys=below.keys or ("value",)), op, value)
    if op == "ne":
        return place.some(
            attr, lambda one: one.there(below) & negated(scalar(below, "eq", value, one)), where if below.keys else None
        )
    return place.some(attr, lambda one: scalar(below, op, value, one), where)


def negated(term: Sql) -> Sql:
    """The others."""
    return Sql(f"NOT {term.text}", term.given)


def inner(attr: Attr) -> Attr:
    """The attribute of one value of a multi-valued one; no keys: the value itself."""
    assert attr.many is not None  # noqa: S101 - asked for these only
    return Attr(attr.keys[attr.many + 1 :], attr.type, attr.exact)


def outer(attr: Attr) -> tuple[str, ...]:
    """The keys of the array."""
    return attr.keys if attr.many is None else attr.keys[: attr.many + 1]


def scalar(attr: Attr, op: Operator, value: str | bool | int | float, place: Place) -> Sql:
    """A single value against a literal; `op` is not `ne`. One of another type than the attribute's is none."""
    held = place.value(attr)
    if held is None:
        return NO
    if attr.type in TEXTS:
        if not isinstance(value, str):
            return NO
        met = _texts(held, op, place.literal(attr, value), place.sqlite)
        hint = place.found_by(attr, value) if op == "eq" else YES
        return met if hint is YES else hint & met
    if attr.type == "boolean":
        return _signed(held, op, value) if isinstance(value, bool) and op == "eq" else NO
    if attr.type in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return _signed(held, op, value)
    return NO


def _signed(held: Sql, op: Operator, value: object) -> Sql:
    return _against(held, op, Sql("?", (value,)))


def _against(held: Sql, op: Operator, literal: Sql) -> Sql:
    if op not in _SIGNS:
        return NO
    text = f"({held.text} IS NOT NULL AND {held.text} {_SIGNS[op]} {literal.text})"
    return Sql(text, held.given * 2 + literal.given)


def _texts(held: Sql, op: Operator, literal: Sql, sqlite: bool) -> Sql:
    if op in _SIGNS:
        return _against(held, op, literal)
    # No LIKE: it would read % and _ in what people are called, and SQLite's knows no case. Every text holds the empty
    # one; of that one, SQLite's substr makes something else.
    found = {
        ("co", True): "instr({held}, {lit}) > 0",
        ("co", False): "strpos({held}, {lit}) > 0",
        ("sw", True): "substr({held}, 1, length({lit})) = {lit}",
        ("sw", False): "left({held}, length({lit})) = {lit}",
        ("ew", True): "({lit} = '' OR substr({held}, -length({lit})) = {lit})",
        ("ew", False): "right({held}, length({lit})) = {lit}",
    }[op, sqlite]
    given: list[Any] = [*held.given]
    for hole in _HOLES.findall(found):
        given += held.given if hole == "{held}" else literal.given
    return Sql(f"({held.text} IS NOT NULL AND {found.format(held=held.text, lit=literal.text)})", tuple(given))
