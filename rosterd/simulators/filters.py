"""The filter expressions of Okta (`status eq "ACTIVE"`) and of OData (`displayName eq 'Design'`): one small grammar.

    or     = and *( "or" and )
    and    = term *( "and" term )
    term   = "(" or ")" / attribute operator value / attribute "in" "(" value *( "," value ) ")" / attribute "pr"
           / "startswith" "(" attribute "," value ")"

What a vendor allows (attributes, operators, quotes) is its `Dialect`; everything else raises ValueError with a reason.
"""

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rosterd.simulators.world import stamp

Getter = Callable[[str], object]
Predicate = Callable[[Getter], bool]

_TOKEN = re.compile(r"""\s*(?:([(),])|"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s(),"']+))""")
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "sw": str.startswith,
    "co": str.__contains__,
}


@dataclass(frozen=True)
class Dialect:
    """What may be asked. `attributes` maps a name, or a prefix that ends in ".", to its operators."""

    quote: str
    attributes: Mapping[str, frozenset[str]]
    times: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # values that stand without quotes: true, false
    fold: bool = False  # values compare without case

    def operators(self, attribute: str) -> frozenset[str]:
        for name, allowed in self.attributes.items():
            if attribute == name or (name.endswith(".") and attribute.startswith(name)):
                return allowed
        raise ValueError(f"{attribute!r} cannot be filtered")


def parse(text: str, dialect: Dialect) -> Predicate:
    """Compiles an expression.

    Raises:
        ValueError: not of this grammar, or not of this dialect.
    """
    reader = _Reader(text, dialect)
    predicate = reader.disjunction()
    if reader.kind:
        raise ValueError(f"unexpected {reader.text!r}")
    return predicate


class _Reader:
    """Recursive descent over the tokens; `kind` is "", a quote, "word" or the bracket or comma itself."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._source, self._at = text.strip(), 0
        self.kind = self.text = ""
        self._step()

    def disjunction(self) -> Predicate:
        parts = [self._conjunction()]
        while self._accept_word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda get: any(part(get) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._term()]
        while self._accept_word("and"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda get: all(part(get) for part in parts)

    def _term(self) -> Predicate:
        if self.kind == "(":
            self._step()
            inner = self.disjunction()
            self._expect(")")
            return inner
        name = self._expect("word")
        if name.lower() == "startswith" and self.kind == "(":
            return self._startswith()
        return self._comparison(name)

    def _startswith(self) -> Predicate:
        self._expect("(")
        name = self._expect("word")
        self._expect(",")
        value = self._value(name)
        self._expect(")")
        return self._test(name, "sw", [value])

    def _comparison(self, name: str) -> Predicate:
        word = self._expect("word").lower()
        if word == "in":
            return self._test(name, word, self._list(name))
        return self._test(name, word, [] if word == "pr" else [self._value(name)])

    def _list(self, name: str) -> list[str]:
        self._expect("(")
        values = [self._value(name)]
        while self.kind == ",":
            self._step()
            values.append(self._value(name))
        self._expect(")")
        return values

    def _test(self, name: str, word: str, values: list[str]) -> Predicate:
        if word not in self._dialect.operators(name):
            raise ValueError(f"operator {word!r} is not supported for {name!r}")
        if word == "pr":
            return lambda get: get(name) not in (None, "", [])
        text = self._comparable
        if word == "in":
            return lambda get: text(get(name)) in values
        compare, value = _COMPARE[word], values[0]
        return lambda get: (found := get(name)) is not None and compare(text(found), value)

    def _value(self, name: str) -> str:
        kind, value = self.kind, self.text
        if kind != self._dialect.quote and not (kind == "word" and value in self._dialect.words):
            raise ValueError(f"the value of {name!r} must stand in {self._dialect.quote} quotes")
        self._step()
        if name in self._dialect.times:
            return stamp(dt.datetime.fromisoformat(value))
        return self._comparable(value)

    def _comparable(self, value: object) -> str:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return text.casefold() if self._dialect.fold else text

    def _accept_word(self, word: str) -> bool:
        if self.kind == "word" and self.text.lower() == word:
            self._step()
            return True
        return False

    def _expect(self, kind: str) -> str:
        if self.kind != kind:
            raise ValueError(f"expected {kind!r}, found {self.text or 'the end'!r}")
        text = self.text
        self._step()
        return text

    def _step(self) -> None:
        if self._at >= len(self._source):
            self.kind = self.text = ""
            return
        match = _TOKEN.match(self._source, self._at)
        if match is None:
            raise ValueError(f"cannot read {self._source[self._at :]!r}")
        self._at = match.end()
        mark, double, single, word = match.groups()
        if mark is not None:
            self.kind = self.text = mark
        elif double is not None:
            self.kind, self.text = '"', re.sub(r"\\(.)", r"\1", double)
        elif single is not None:
            self.kind, self.text = "'", single.replace("''", "'")
        else:
            self.kind, self.text = "word", word
