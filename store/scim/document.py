"""Attributes that have no column: in the JSON of a body (sql.py's `Place`)."""

from collections.abc import Callable

from reconciler.model import folded
from reconciler.query import Attr, Filter
from store.scim.sql import NO, NUMBERS, YES, Place, Sql, inner, outer

Condition = Callable[[Place], Sql]
_EMPTY = ("''", "'[]'", "'{}'")


class Document:
    """A JSON object, or any other value of an array: `kind` is the SQL of its JSON type, `value` of itself."""

    def __init__(self, sqlite: bool, value: str, kind: str = "'object'", *, depth: int = 0) -> None:
        self.sqlite, self._value, self._kind, self._depth = sqlite, value, kind, depth

    def value(self, attr: Attr) -> Sql | None:
        """What is there, when it is of the attribute's type."""
        if self.sqlite and any('"' in name for name in attr.keys):
            return None  # SQLite's paths cannot say it
        held, kind = self._at(attr.keys)
        if attr.type == "complex":
            return None
        if attr.type == "boolean":
            return self._boolean(held, kind)
        if attr.type in NUMBERS:
            names = "'integer', 'real'" if self.sqlite else "'number'"
            number = held.text if self.sqlite else f"({held.text})::double precision"
            return Sql(f"CASE WHEN {kind.text} IN ({names}) THEN {number} END", kind.given + held.given)
        name = "'text'" if self.sqlite else "'string'"
        found = Sql(f"CASE WHEN {kind.text} = {name} THEN {held.text} END", kind.given + held.given)
        if exactly(attr):
            return found if self.sqlite else Sql(f'({found.text}) COLLATE "C"', found.given)
        return _fold(found, self.sqlite)

    def literal(self, attr: Attr, text: str) -> Sql:
        """On PostgreSQL a literal is folded as what it is compared with."""
        if exactly(attr):
            return Sql("?", (text,))
        return Sql("?", (folded(text),)) if self.sqlite else _fold(Sql("?::text", (text,)), sqlite=False)

    def found_by(self, attr: Attr, text: str) -> Sql:  # noqa: ARG002 - the protocol's
        """Nothing of a body is indexed."""
        return YES

    def there(self, attr: Attr) -> Sql:
        """Anything but null."""
        if self.sqlite and any('"' in name for name in attr.keys):
            return NO
        _, kind = self._at(attr.keys)
        return Sql(f"(coalesce({kind.text}, 'null') <> 'null')", kind.given)

    def present(self, attr: Attr) -> Sql:
        """Neither null nor an empty text, list or object."""
        if self.sqlite and any('"' in name for name in attr.keys):
            return NO
        held, kind = self._at(attr.keys)
        texts = ("'text'", "'array'", "'object'") if self.sqlite else ("'string'", "'array'", "'object'")
        empty = " ".join(f"WHEN {name} THEN {held.text} <> {none}" for name, none in zip(texts, _EMPTY, strict=True))
        return Sql(
            f"(coalesce({kind.text}, 'null') <> 'null' AND CASE {kind.text} {empty} ELSE TRUE END)",
            kind.given * 2 + held.given * 3,
        )

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:  # noqa: ARG002 - the protocol's
        """One of the array's values."""
        keys, alias = outer(attr), f"e{self._depth}"
        if self.sqlite:
            if any('"' in name for name in keys):
                return NO
            path = _path(keys)
            element = condition(Document(True, f"{alias}.value", f"{alias}.type", depth=self._depth + 1))
            array = (
                f"json_each(CASE json_type({self._object}, ?) WHEN 'array' THEN json_extract({self._object}, ?) END)"
            )
            return Sql(f"EXISTS (SELECT 1 FROM {array} {alias} WHERE {element.text})", (path, path, *element.given))
        element = condition(Document(False, f"{alias}.v", f"jsonb_typeof({alias}.v)", depth=self._depth + 1))
        held = f"jsonb_extract_path({self._value}, VARIADIC ?::text[])"
        array = f"jsonb_array_elements(CASE jsonb_typeof({held}) WHEN 'array' THEN {held} ELSE '[]' END)"
        text = f"EXISTS (SELECT 1 FROM {array} AS {alias}(v) WHERE {element.text})"
        return Sql(text, ([*keys], [*keys], *element.given))

    def first(self, attr: Attr) -> Sql | None:
        """The primary one of an array's values, else the first that there is (RFC 7644 §3.4.2.3)."""
        keys, below = outer(attr), inner(attr)
        if self.sqlite:
            if any('"' in name for name in attr.keys):
                return None
            held = Document(True, "f.value", "f.type").value(below)
            main = "json_extract(CASE f.type WHEN 'object' THEN f.value END, '$.primary') = 1"
            array = (
                f"json_each(CASE json_type({self._value}, ?) WHEN 'array' THEN json_extract({self._value}, ?) END) f"
            )
            given: tuple[object, ...] = (_path(keys),) * 2
            place = "f.key"
        else:
            held = Document(False, "f.v", "jsonb_typeof(f.v)").value(below)
            main = "(CASE jsonb_typeof(f.v) WHEN 'object' THEN f.v ->> 'primary' END) = 'true'"
            there = f"jsonb_extract_path({self._value}, VARIADIC ?::text[])"
            array = (
                f"jsonb_array_elements(CASE jsonb_typeof({there}) WHEN 'array' THEN {there} ELSE '[]' END)"
                " WITH ORDINALITY AS f(v, place)"
            )
            given, place = ([*keys],) * 2, "f.place"
        if held is None:
            return None
        text = (
            f"(SELECT {held.text} FROM {array} WHERE {held.text} IS NOT NULL"
            f" ORDER BY CASE WHEN {main} THEN 0 ELSE 1 END, {place} LIMIT 1)"
        )
        return Sql(text, (*held.given, *given, *held.given))

    @property
    def _object(self) -> str:
        """The value where it is an object: of a text, SQLite would try to read JSON."""
        if self._kind == "'object'":
            return self._value
        return f"CASE {self._kind} WHEN 'object' THEN {self._value} END"

    def _at(self, keys: tuple[str, ...]) -> tuple[Sql, Sql]:
        """The value at these keys and its JSON type; no keys: this value itself."""
        if not self.sqlite:
            given = ([*keys],)
            return (
                Sql(f"jsonb_extract_path_text({self._value}, VARIADIC ?::text[])", given),
                Sql(f"jsonb_typeof(jsonb_extract_path({self._value}, VARIADIC ?::text[]))", given),
            )
        if not keys:
            return Sql(self._value), Sql(self._kind)
        path = (_path(keys),)
        return Sql(f"json_extract({self._object}, ?)", path), Sql(f"json_type({self._object}, ?)", path)

    def _boolean(self, held: Sql, kind: Sql) -> Sql:
        if self.sqlite:
            return Sql(f"CASE WHEN {kind.text} IN ('true', 'false') THEN {held.text} END", kind.given + held.given)
        return Sql(f"CASE WHEN {kind.text} = 'boolean' THEN ({held.text})::boolean END", kind.given + held.given)


def exactly(attr: Attr) -> bool:
    """Whether its texts are compared as they are; times are."""
    return attr.exact or attr.type == "dateTime"


def _path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{name}"' for name in keys)


def _fold(text: Sql, sqlite: bool) -> Sql:
    if sqlite:
        return Sql(f"rosterd_folded({text.text})", text.given)
    return Sql(f'lower(normalize({text.text}, NFKC)) COLLATE "C"', text.given)
