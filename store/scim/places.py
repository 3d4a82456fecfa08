"""Where the attributes of a filter are found (sql.py's `Place`): in columns, in memberships, or in a body's JSON."""

from collections.abc import Callable

from reconciler.model import key
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Not, Or, Present
from store.scim.sql import NO, NUMBERS, TEXTS, YES, Place, Sql, inner, outer

Condition = Callable[[Place], Sql]

# The seconds of an RFC 3339 text without anything that fails: PostgreSQL's own casts end the whole query at a 13th
# month. (A 30th of February is the 2nd of March here, and no time at all in Python.)
_POSTGRES_INSTANT = (
    "(SELECT ((make_date(greatest(substr(t, 1, 4)::int, 1), substr(t, 6, 2)::int, 1) - date '1970-01-01'"
    " + substr(t, 9, 2)::int - 1)::bigint * 86400 + substr(t, 12, 2)::int * 3600 + substr(t, 15, 2)::int * 60"
    " + substr(t, 18, 2)::int - CASE WHEN t ~ '[+-]\\d\\d:\\d\\d$' THEN (substr(right(t, 6), 2, 2)::int * 3600"
    " + right(t, 2)::int * 60) * (substr(right(t, 6), 1, 1) || '1')::int ELSE 0 END) * 1000000"
    " + rpad(left(coalesce(substring(t from '\\.(\\d+)'), ''), 6), 6, '0')::int FROM (SELECT {text} AS t) moment"
    " WHERE t ~ '^\\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])[Tt]([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d"
    "(\\.\\d+){{0,1}}([Zz]|[+-]\\d\\d:\\d\\d){{0,1}}$')"
)


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
        if attr.type == "dateTime":
            text = "rosterd_instant({text})" if self.sqlite else _POSTGRES_INSTANT
            return Sql(text.format(text=found.text), found.given)
        return found if attr.exact else _fold(found, self.sqlite)

    def literal(self, attr: Attr, text: str) -> Sql:
        """On PostgreSQL a literal is folded as what it is compared with."""
        if attr.exact:
            return Sql("?", (text,))
        return Sql("?", (key(text),)) if self.sqlite else _fold(Sql("?::text", (text,)), sqlite=False)

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


class Root:
    """A resource, called `r`."""

    def __init__(self, sqlite: bool, kind: Kind, directory: str) -> None:
        self.sqlite, self._kind, self._directory = sqlite, kind, directory
        self._body = Document(sqlite, "r.body" if sqlite else "r.body::jsonb")

    def value(self, attr: Attr) -> Sql | None:
        """A column where there is one."""
        return self._column(attr) or self._body.value(attr)

    def literal(self, attr: Attr, text: str) -> Sql:
        """Columns are folded by Python."""
        if self._column(attr) is None:
            return self._body.literal(attr, text)
        return Sql("?", (text if attr.exact else key(text),))

    def present(self, attr: Attr) -> Sql:
        """What the server says itself is always there."""
        if attr.keys in (("id",), ("meta",), ("schemas",)) or attr.keys in _META:
            return YES
        if attr.keys == ("externalId",):
            return Sql("(r.external_id IS NOT NULL AND r.external_id <> '')")
        return self._body.present(attr)

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:
        """Addresses and memberships have tables."""
        keys = outer(attr)
        if keys == ("emails",) and where is not None and _only(where, _Address.held):
            return self._address(condition, where)
        if keys == ("members",) and self._kind == "Group":
            return self._member(condition, where)
        if keys == ("groups",) and self._kind == "User":
            return self._group(condition, where)
        return self._body.some(attr, condition, where)

    def first(self, attr: Attr) -> Sql | None:
        """For sorting."""
        return self._body.first(attr)

    def _column(self, attr: Attr) -> Sql | None:
        keys, exact = attr.keys, attr.exact
        if keys == ("id",):
            return Sql("r.id")
        if keys == ("externalId",) and exact and attr.type in TEXTS:
            return Sql("r.external_id")
        if keys == ("userName",) and not exact and self._kind == "User" and attr.type in TEXTS:
            return Sql("r.user_name_key")
        if keys == ("displayName",) and not exact and attr.type in TEXTS:
            return Sql("r.display_key")
        if keys == ("active",) and attr.type == "boolean":
            return Sql("r.active")
        if keys in _META:
            return self._meta(attr)
        return None

    def _meta(self, attr: Attr) -> Sql | None:
        if attr.type == "dateTime":
            moment = _META[attr.keys]
            text = "rosterd_instant({text})" if self.sqlite else _POSTGRES_INSTANT
            return Sql(text.format(text=moment))
        named = {"resourceType": ("'User'", "'Group'"), "version": ("'W/\"' || r.version || '\"'",) * 2}
        found = named.get(attr.keys[1])
        if found is None:
            return None
        text = found[self._kind == "Group"]
        return Sql(f"({text})") if attr.exact else Sql(f"lower({text})")

    def _address(self, condition: Condition, where: Filter) -> Sql:
        met = condition(_Address(self.sqlite))
        if (value := _equal(where)) is not None:
            text = "r.no IN (SELECT a.resource_no FROM scim_email a WHERE a.directory = ? AND a.value_key = ? AND"
            return Sql(f"{text} {met.text})", (self._directory, value, *met.given))
        return Sql(f"EXISTS (SELECT 1 FROM scim_email a WHERE a.resource_no = r.no AND {met.text})", met.given)

    def _member(self, condition: Condition, where: Filter | None) -> Sql:
        met = condition(_Linked(self.sqlite, ("'User'", "'Group'")))
        if where is not None and (value := _equal(where)) is not None:
            text = (
                "r.no IN (SELECT m.group_no FROM scim_resource x CROSS JOIN scim_member m WHERE x.directory = ?"
                f" AND x.id = ? AND m.member_no = x.no AND {met.text})"
            )
            return Sql(text, (self._directory, value, *met.given))
        text = (
            "EXISTS (SELECT 1 FROM scim_member m CROSS JOIN scim_resource x WHERE m.group_no = r.no"
            f" AND x.no = m.member_no AND {met.text})"
        )
        return Sql(text, met.given)

    def _group(self, condition: Condition, where: Filter | None) -> Sql:
        """From the group down when it is named; else from the user up."""
        met = condition(_Linked(self.sqlite, None))
        if where is not None and (value := _equal(where)) is not None:
            text = (
                "r.no IN (WITH RECURSIVE below(no) AS (SELECT x.no FROM scim_resource x WHERE x.directory = ?"
                f" AND x.id = ? AND {met.text} UNION SELECT m.member_no FROM below b CROSS JOIN scim_member m"
                " WHERE m.group_no = b.no) SELECT no FROM below)"
            )
            return Sql(text, (self._directory, value, *met.given))
        text = (
            "EXISTS (WITH RECURSIVE above(no) AS (SELECT m.group_no FROM scim_member m WHERE m.member_no = r.no"
            " UNION SELECT m.group_no FROM above b CROSS JOIN scim_member m WHERE m.member_no = b.no)"
            f" SELECT 1 FROM above b CROSS JOIN scim_resource x WHERE x.no = b.no AND {met.text})"
        )
        return Sql(text, met.given)


class _Address:
    """A row of scim_email, called `a`."""

    held = frozenset({("value",), ("type",), ("primary",)})

    def __init__(self, sqlite: bool) -> None:
        self.sqlite = sqlite

    def value(self, attr: Attr) -> Sql | None:
        if attr.type == "boolean":
            return Sql("a.main") if attr.keys == ("primary",) else None
        column = _ADDRESS.get(attr.keys or ("value",))
        return None if column is None else Sql(column)

    def literal(self, attr: Attr, text: str) -> Sql:  # noqa: ARG002 - the protocol's
        return Sql("?", (key(text),))

    def present(self, attr: Attr) -> Sql:
        column = _ADDRESS.get(attr.keys)
        return Sql("(a.main IS NOT NULL)") if column is None else Sql(f"(coalesce({column}, '') <> '')")

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:  # noqa: ARG002
        return NO


class _Linked:
    """The other end of a membership, a row of scim_resource called `x`."""

    def __init__(self, sqlite: bool, types: tuple[str, str] | None) -> None:
        self.sqlite, self._types = sqlite, types
        display = ("json_extract(x.body, '$.displayName')", "json_extract(x.body, '$.userName')") if sqlite else (
            "(x.body::jsonb ->> 'displayName')", "(x.body::jsonb ->> 'userName')"
        )  # fmt: skip
        self._display = f"coalesce(nullif({display[0]}, ''), {display[1]}, '')"

    def value(self, attr: Attr) -> Sql | None:
        keys = attr.keys or ("value",)
        if attr.type not in TEXTS:
            return None
        if keys == ("value",):
            return Sql("x.id")
        if keys == ("type",) and self._types is not None:
            return Sql("x.kind") if attr.exact else Sql("lower(x.kind)")
        if keys == ("display",):
            return Sql(self._display) if attr.exact else _fold(Sql(self._display), self.sqlite)
        return None

    def literal(self, attr: Attr, text: str) -> Sql:
        if attr.exact:
            return Sql("?", (text,))
        if attr.keys == ("display",) and not self.sqlite:
            return _fold(Sql("?::text", (text,)), sqlite=False)
        return Sql("?", (key(text),))

    def present(self, attr: Attr) -> Sql:
        if attr.keys in ((), ("value",), ("$ref",)) or attr.keys == ("type",):
            return YES
        return Sql(f"({self._display} <> '')") if attr.keys == ("display",) else NO

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:  # noqa: ARG002
        return NO


_ADDRESS: dict[tuple[str, ...], str] = {("value",): "a.value_key", ("type",): "a.type_key"}
_EMPTY = ("''", "'[]'", "'{}'")
_META: dict[tuple[str, ...], str] = {
    ("meta", "created"): "r.created",
    ("meta", "lastModified"): "r.modified",
    ("meta", "resourceType"): "",
    ("meta", "version"): "",
    ("meta", "location"): "",
}


def _path(keys: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{name}"' for name in keys)


def _fold(text: Sql, sqlite: bool) -> Sql:
    if sqlite:
        return Sql(f"rosterd_key({text.text})", text.given)
    return Sql(f"lower(normalize(btrim({text.text}, E' \\t\\n\\r\\f\\v'), NFKC)) COLLATE \"C\"", text.given)


def _only(where: Filter, held: frozenset[tuple[str, ...]]) -> bool:
    """Whether a filter on a value asks for these of its attributes only, and without regard to case."""
    match where:
        case And(terms) | Or(terms):
            return all(_only(term, held) for term in terms)
        case Not(term):
            return _only(term, held)
        case Compare(attr) | Present(attr):
            return attr.keys in held and not attr.exact and attr.many is None
        case Has():
            return False
    return True


def _equal(where: Filter) -> str | None:
    """The value that a value has to be equal to for the filter to hold, if there is one."""
    match where:
        case Compare(Attr(("value",), "string" | "reference") as attr, "eq", str(value)):
            return value if attr.exact else key(value)
        case And(terms):
            return next((found for term in terms if (found := _equal(term)) is not None), None)
    return None
