"""Filters and paths as text → the bound values of reconciler/query.py (RFC 7644 §3.4.2.2, §3.5.2 figure 7).

Recursive descent over the whole grammar: `not` before `and` before `or`, groups, value paths. What the tokens are is
lexer.py, what a name means names.py, whether a resource meets a filter matching.py, and how it becomes SQL the store's.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import Tolerance, unheard
from connectors.scim.lexer import NUMBER, Token, fit, number, quoted, refuse, tokens
from connectors.scim.matching import instant
from connectors.scim.names import Place, attr, place, place_or_new, sub_attribute
from connectors.scim.schema import Attribute
from connectors.scim.unregistered import compared, unregistered
from reconciler.model import Frozen
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Never, Not, Operator, Or, Present

LONGEST = 8192  # characters
DEEPEST = 32  # groups inside groups
MOST_TERMS = 500
_CACHED = 512  # characters of a text that is worth remembering
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_OPERATORS: dict[str, Operator] = {op: op for op in ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")}
_PARTS = frozenset({"co", "sw", "ew"})


class Path(Frozen, frozen=True):
    """What a PATCH operation is about: a place, or of a multi-valued attribute the values that meet `where`."""

    place: Place
    where: Filter | None = None


def parse_filter(
    text: str,
    kind: Kind,
    *,
    strict: bool,
    several: bool = False,
    mapped: frozenset[str] = frozenset(),
    note: Callable[[str], None] = unheard,
) -> Filter:
    """A filter on resources of this kind. `several`: other kinds are asked the same, so an attribute that this one
    lacks holds for none (RFC 7644 §3.4.2.1). `mapped`: attributes of which configuration knows.

    Raises:
        ScimError: 400 invalidFilter with the place in the text.
    """
    read = _filter if len(text) <= _CACHED else _filter.__wrapped__
    found, codes = read(text, kind, strict, several, mapped)
    for code in codes:
        note(code)
    return found


def parse_path(text: str, kind: Kind, *, strict: bool, note: Callable[[str], None] = unheard) -> Path:
    """The path of a PATCH operation.

    Raises:
        ScimError: 400 invalidPath, or invalidFilter for what is in its brackets.
    """
    read = _path if len(text) <= _CACHED else _path.__wrapped__
    found, codes = read(text, kind, strict)
    for code in codes:
        note(code)
    return found


def parse_sort(text: str, kind: Kind, *, strict: bool, note: Callable[[str], None] = unheard) -> Attr:
    """The attribute that `sortBy` names.

    Raises:
        ScimError: 400 invalidPath, also for an attribute that has no order of its own.
    """
    found = place(text, kind, Tolerance(strict, note))
    bound = _comparable(found) if found is not None else None
    if bound is None:
        raise ScimError(400, f"{text[:60]!r} is nothing to sort a {kind} by.", "invalidPath")
    return bound[0]


@lru_cache(maxsize=2048)
def _filter(
    text: str, kind: Kind, strict: bool, several: bool, mapped: frozenset[str]
) -> tuple[Filter, tuple[str, ...]]:
    codes: list[str] = []
    parser = _Parser(text, kind, Tolerance(strict, codes.append), several=several, mapped=mapped)
    found = parser.any_of(None)
    parser.end()
    return found, tuple(codes)


@lru_cache(maxsize=2048)
def _path(text: str, kind: Kind, strict: bool) -> tuple[Path, tuple[str, ...]]:
    codes: list[str] = []
    how = Tolerance(strict, codes.append)
    name, bracket, _ = text.strip().partition("[")
    if not bracket:
        return Path(place_or_new(name, kind, how, "invalidPath")), tuple(codes)
    holder = place(name, kind, how)
    attribute = holder.attribute if holder is not None and holder.sub is None else None
    if holder is None or attribute is None or not attribute.multi or not attribute.sub:
        raise ScimError(400, f"{name[:60]!r} has no values to select from.", "invalidPath")
    parser = _Parser(text, kind, how, start=text.index("["))
    parser.expect("[")
    where = parser.any_of(attribute)
    parser.expect("]")
    sub = parser.sub_of(attribute)
    parser.end()
    return Path(Place(holder.urn, attribute, sub), where), tuple(codes)


class _Parser:
    """One text, read from left to right; `scope` is the attribute whose values a value path selects from."""

    def __init__(
        self, text: str, kind: Kind, how: Tolerance, *, several: bool = False,
        mapped: frozenset[str] = frozenset(), start: int = 0,
    ) -> None:  # fmt: skip
        if len(text) > LONGEST:
            raise ScimError(400, f"A filter has at most {LONGEST} characters, not {len(text)}.", "invalidFilter")
        self._kind = kind
        self._how = how
        self._several, self._mapped = several, mapped
        self._tokens = tokens(text, start)
        self._at = 0
        self._depth = 0
        self._terms = 0

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _is_word(self, word: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == "word" and token.text.lower() == word:
            self._at += 1
            return True
        return False

    def expect(self, bracket: str) -> None:
        token = self._next()
        if token.kind != bracket:
            refuse(
                f"Expected {bracket!r}, found {token.text[:60]!r}" if token.text else f"{bracket!r} is missing", token
            )

    def end(self) -> None:
        token = self._next()
        if token.kind != "end":
            refuse(f"{token.text[:60]!r} is not expected", token)

    # -- grammar ------------------------------------------------------------------------------------------------------

    def any_of(self, scope: Attribute | None) -> Filter:
        """FILTER: terms joined by `or` of terms joined by `and`."""
        self._depth += 1
        if self._depth > DEEPEST:
            refuse(f"A filter is at most {DEEPEST} levels deep", self._tokens[self._at])
        found = [self._all_of(scope)]
        while self._is_word("or"):
            found.append(self._all_of(scope))
        self._depth -= 1
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _all_of(self, scope: Attribute | None) -> Filter:
        found = [self._term(scope)]
        while self._is_word("and"):
            found.append(self._term(scope))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _term(self, scope: Attribute | None) -> Filter:
        self._terms += 1
        token = self._next()
        if self._terms > MOST_TERMS:
            refuse(f"A filter has at most {MOST_TERMS} terms", token)
        if token.kind == "(":
            found = self.any_of(scope)
            self.expect(")")
            return found
        if token.kind != "word":
            refuse(f"Expected an attribute, found {token.text[:60]!r}" if token.text else "A term is missing", token)
        after = self._tokens[self._at]
        if after.kind == "(" and token.text.lower() == "not":
            self._at += 1
            found = self.any_of(scope)
            self.expect(")")
            return Not(found)
        if after.kind == "[":
            return self._selection(token, scope)
        return self._comparison(token, self._place(token, scope))

    def _selection(self, name: Token, scope: Attribute | None) -> Filter:
        """attr[filter], and attr[filter].sub op value, which clients send though only paths have it (facts: E12)."""
        found = self._place(name, scope)
        if scope is not None or (found is not None and (found.sub or not found.attribute or not found.attribute.sub)):
            refuse(f"{name.text[:60]!r} has no values to select from", name)
        if found is None or found.attribute is None:
            return self._unknown_selection()
        if not found.attribute.multi:
            refuse(f"{name.text[:60]!r} has one value, nothing to select from", name)
        self.expect("[")
        where = self.any_of(found.attribute)
        self.expect("]")
        token = self._tokens[self._at]
        if (sub := self.sub_of(found.attribute)) is not None:
            self._how.allow(
                "selection-compared", f"{name.text[:60]!r}[…] is compared inside its brackets", "invalidFilter"
            )
            where = And((where, self._comparison(token, Place("", sub))))
        return Has(attr(found), where)

    def _unknown_selection(self) -> Filter:
        """Of an attribute of another kind: what its brackets hold is that kind's to judge."""
        depth = 0
        while (token := self._next()).kind != "end":
            depth += {"[": 1, "]": -1}.get(token.kind, 0)
            if not depth:
                break
        else:
            refuse("']' is missing", token)
        after = self._tokens[self._at]
        if after.kind == "word" and after.text.startswith("."):
            self._comparison(self._next(), None)
        return Never()

    def sub_of(self, attribute: Attribute) -> Attribute | None:
        """The `.sub` that may follow a selection."""
        token = self._tokens[self._at]
        if token.kind != "word" or not token.text.startswith("."):
            return None
        self._at += 1
        found, code = sub_attribute(attribute, token.text[1:])
        if found is None or (code and self._how.strict):
            refuse(f"{attribute.name} has no sub-attribute {token.text[1:61]!r}", token, "invalidPath")
        if code:
            self._how.note(code)
        return found

    def _place(self, token: Token, scope: Attribute | None) -> Place | None:
        """The attribute of this name; None for one of another kind."""
        if scope is not None:
            found, code = sub_attribute(scope, token.text)
            if found is None or (code and self._how.strict):
                refuse(f"{scope.name} has no sub-attribute {token.text[:60]!r}", token)
            if code:
                self._how.note(code)
            return Place("", found)
        named = place(token.text, self._kind, self._how)
        if named is not None and named.attribute is not None:
            if named.attribute.returned == "never":
                refuse(f"{named.attribute.name} is never kept, and cannot be asked for", token)
            return named
        if named is None and not self._how.strict and (named := unregistered(token.text, self._kind, self._mapped)):
            self._how.note("unregistered-filter")
        if named is not None:
            return named
        if not self._several:
            refuse(f"{token.text[:60]!r} is no attribute of a {self._kind}", token)
        return None

    def _comparison(self, name: Token, found: Place | None) -> Filter:
        operator = self._next()
        word = operator.text.lower() if operator.kind == "word" else ""
        if word == "pr":
            return Present(attr(found)) if found is not None else Never()
        if (op := _OPERATORS.get(word)) is None:
            refuse(f"{operator.text[:60]!r} is no operator" if operator.text else "An operator is missing", operator)
        token = self._next()
        value = self._literal(token)
        if found is None:
            return Never()
        leaf = found.sub or found.attribute
        if leaf is not None and not leaf.known:
            return compared(found, op, self._unregistered(op, value, token))
        bound = _comparable(found)
        if bound is None:
            refuse(f"{name.text[:60]!r} has parts: compare one of them", name)
        return Compare(bound[0], op, self._typed(bound[1], op, value, token))

    # -- values -------------------------------------------------------------------------------------------------------

    def _literal(self, token: Token) -> str | bool | int | float | None:
        if token.kind == "text":
            return quoted(token)
        if token.kind != "word":
            refuse("A value is missing", token)
        word = token.text
        if (folded := word.lower()) in _LITERALS:
            if word != folded:
                self._how.allow("boolean-text", f"{word!r} has to be in lower case.", "invalidFilter")
            return _LITERALS[folded]
        if NUMBER.fullmatch(word) is not None:
            return number(token)
        self._how.allow("unquoted-filter", f"{word[:60]!r} has to be in quotes.", "invalidFilter")
        return fit(word, token)

    def _typed(self, attribute: Attribute, op: Operator, value: Any, token: Token) -> Any:
        """The value in the attribute's type, when it has one that can be compared so."""
        kind = attribute.type
        if (kind in ("boolean", "binary") and op not in ("eq", "ne")) or (kind == "dateTime" and op in _PARTS):
            refuse(f"{attribute.name} is a {kind}, which {op!r} does not compare", token)
        if value is None:
            if op not in ("eq", "ne"):
                refuse(f"null cannot be compared with {op!r}", token)
            return None
        if kind == "boolean":
            return self._boolean(attribute, value, token)
        if not isinstance(value, str):
            self._how.allow("unquoted-filter", f"{attribute.name} is compared with text in quotes.", "invalidFilter")
            value = token.text
        if kind != "dateTime":
            return value
        found = instant(value)
        if found is None:
            refuse(f"{value[:60]!r} is no time as in 2026-11-28T07:49:20Z", token)
        return found

    def _unregistered(self, op: Operator, value: Any, token: Token) -> Any:
        if op not in ("eq", "ne") and (value is None or isinstance(value, bool)):
            refuse(f"{token.text} is not compared with {op!r}", token)
        return value

    def _boolean(self, attribute: Attribute, value: object, token: Token) -> bool:
        if isinstance(value, bool):
            return value
        found = _LITERALS.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            refuse(f"{attribute.name} is true or false, not {token.text[:60]}", token)
        self._how.allow("boolean-text", f"{attribute.name} is compared with true or false, not text.", "invalidFilter")
        return found


def _comparable(found: Place) -> tuple[Attr, Attribute] | None:
    """What is compared: of a complex attribute its `value` (RFC 7644 §3.4.2.2: `emails co "example.com"`)."""
    leaf = found.sub or found.attribute
    if leaf is None:
        return None
    if leaf.type != "complex":
        return attr(found), leaf
    value = leaf.sub.get("value")
    return (attr(Place(found.urn, leaf, value)), value) if value is not None else None
