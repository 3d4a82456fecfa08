"""Where a filter's attributes are found (sql.py's `Place`): columns, memberships, or else the body (document.py)."""

from collections.abc import Set

from reconciler.model import folded, key
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Not, Or, Present
from store.scim.document import Condition, Document, exactly
from store.scim.sql import NO, TEXTS, YES, Sql, outer


class Root:
    """A resource, called `r`."""

    def __init__(self, sqlite: bool, kind: Kind, directory: str) -> None:
        self.sqlite, self._kind, self._directory = sqlite, kind, directory
        self._body = Document(sqlite, "r.body" if sqlite else "r.body::jsonb")

    def value(self, attr: Attr) -> Sql | None:
        """A column where there is one."""
        if attr.keys[0] == "meta":
            return self._meta(attr)
        return self._column(attr) or self._body.value(attr)

    def literal(self, attr: Attr, text: str) -> Sql:
        """Columns are folded by Python."""
        if attr.keys[0] == "meta" or self._column(attr) is not None:
            return Sql("?", (text if exactly(attr) else folded(text),))
        return self._body.literal(attr, text)

    def found_by(self, attr: Attr, text: str) -> Sql:
        """Names are found by their keys."""
        column = self._column(attr)
        if column is None or not column.text.startswith(("r.user_name", "r.display")):
            return YES
        return Sql(f"{column.text}_key = ?", (key(text),))

    def there(self, attr: Attr) -> Sql:
        """As `present`, for what the server says itself."""
        return YES if self._said(attr) else self._body.there(attr)

    def present(self, attr: Attr) -> Sql:
        """What the server says itself is always there."""
        return YES if self._said(attr) else self._body.present(attr)

    def _said(self, attr: Attr) -> bool:
        return attr.keys in (("id",), ("meta",)) or (attr.keys[0] == "meta" and attr.keys[1:] in _META)

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:
        """Addresses and memberships have tables."""
        keys = outer(attr)
        if keys == ("emails",) and where is not None and _only(where, _ADDRESS.keys() | {("primary",)}):
            return self._address(condition, where)
        if keys == ("members",) and self._kind == "Group":
            return self._member(condition, where)
        if keys == ("groups",) and self._kind == "User":
            return self._group(condition, where)
        if keys == ("schemas",):
            return self._schemas(condition)
        return self._body.some(attr, condition, where)

    def first(self, attr: Attr) -> Sql | None:
        """For sorting."""
        return self._body.first(attr)

    def _column(self, attr: Attr) -> Sql | None:
        keys, exact = attr.keys, attr.exact
        if keys == ("active",) and attr.type == "boolean":
            return Sql("r.active")
        if attr.type not in TEXTS:
            return None
        if keys == ("id",):
            return Sql("r.id")
        if keys == ("externalId",) and exact:
            return Sql("r.external_id")
        if keys == ("userName",) and not exact and self._kind == "User":
            return Sql("r.user_name")
        if keys == ("displayName",) and not exact:
            return Sql("r.display")
        return None

    def _meta(self, attr: Attr) -> Sql | None:
        text = _META.get(attr.keys[1:])
        if not text or attr.type not in TEXTS:  # where a resource is found, only who serves it knows
            return None
        text = text.replace("KIND", f"'{self._kind}'")
        return Sql(text) if exactly(attr) else Sql(f"lower({text})")

    def _schemas(self, condition: Condition) -> Sql:
        met = condition(_Text(self.sqlite, "e.name"))
        keys = "json_each(r.body)" if self.sqlite else "jsonb_object_keys(r.body::jsonb) AS k(key)"
        text = (
            f"EXISTS (SELECT 1 FROM (SELECT ? AS name UNION ALL SELECT key FROM {keys}"
            f" WHERE substr(key, 1, 4) = 'urn:') e WHERE {met.text})"
        )
        return Sql(text, (f"urn:ietf:params:scim:schemas:core:2.0:{self._kind}", *met.given))

    def _address(self, condition: Condition, where: Filter) -> Sql:
        met = condition(_Address(self.sqlite))
        if (value := _equal(where)) is not None:
            text = "r.no IN (SELECT a.resource_no FROM scim_email a WHERE a.directory = ? AND a.value = ? AND"
            return Sql(f"{text} {met.text})", (self._directory, value, *met.given))
        return Sql(f"EXISTS (SELECT 1 FROM scim_email a WHERE a.resource_no = r.no AND {met.text})", met.given)

    def _member(self, condition: Condition, where: Filter | None) -> Sql:
        met = condition(_Linked(self.sqlite, "x.kind"))
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
        """From the group down when it is all that is asked for; else from the user up."""
        if where is not None and _only(where, {("value",)}, exact=True) and (value := _equal(where)) is not None:
            met = condition(_Linked(self.sqlite, "''"))
            text = (
                "(r.no IN (WITH RECURSIVE below(no) AS (SELECT m.member_no FROM scim_resource x"
                f" CROSS JOIN scim_member m WHERE x.directory = ? AND x.id = ? AND m.group_no = x.no AND {met.text}"
                " UNION SELECT m.member_no FROM below b CROSS JOIN scim_member m WHERE m.group_no = b.no)"
                " SELECT no FROM below))"
            )
            return Sql(text, (self._directory, value, *met.given))
        direct = "EXISTS (SELECT 1 FROM scim_member d WHERE d.member_no = r.no AND d.group_no = x.no)"
        met = condition(_Linked(self.sqlite, f"CASE WHEN {direct} THEN 'direct' ELSE 'indirect' END"))
        text = (
            "EXISTS (WITH RECURSIVE above(no) AS (SELECT m.group_no FROM scim_member m WHERE m.member_no = r.no"
            " UNION SELECT m.group_no FROM above b CROSS JOIN scim_member m WHERE m.member_no = b.no)"
            f" SELECT 1 FROM above b CROSS JOIN scim_resource x WHERE x.no = b.no AND {met.text})"
        )
        return Sql(text, met.given)


class _Row:
    """What a row of a table says; it has no values of several below it."""

    def __init__(self, sqlite: bool) -> None:
        self.sqlite = sqlite

    def literal(self, attr: Attr, text: str) -> Sql:
        """Folded by Python."""
        return Sql("?", (text if exactly(attr) else folded(text),))

    def found_by(self, attr: Attr, text: str) -> Sql:  # noqa: ARG002 - the protocol's
        """Of a table, `_equal` says by what it is found."""
        return YES

    def some(self, attr: Attr, condition: Condition, where: Filter | None) -> Sql:  # noqa: ARG002
        """None."""
        return NO


class _Address(_Row):
    """A row of scim_email, called `a`."""

    def value(self, attr: Attr) -> Sql | None:
        """A column."""
        if attr.type == "boolean":
            return Sql("a.main") if attr.keys == ("primary",) else None
        column = _ADDRESS.get(attr.keys or ("value",))
        return None if column is None else Sql(column)

    def there(self, attr: Attr) -> Sql:
        """Whether the column is not null."""
        return Sql(f"({_ADDRESS.get(attr.keys) or 'a.main'} IS NOT NULL)")

    def present(self, attr: Attr) -> Sql:
        """Nor empty."""
        column = _ADDRESS.get(attr.keys)
        return self.there(attr) if column is None else Sql(f"(coalesce({column}, '') <> '')")


class _Linked(_Row):
    """The other end of a membership, a row of scim_resource called `x`; `kind` is the SQL of the membership's type."""

    def __init__(self, sqlite: bool, kind: str) -> None:
        super().__init__(sqlite)
        self._type = kind
        names = ("json_extract(x.body, '$.displayName')", "json_extract(x.body, '$.userName')") if sqlite else (
            "(x.body::jsonb ->> 'displayName')", "(x.body::jsonb ->> 'userName')"
        )  # fmt: skip
        self._display = f"coalesce(nullif({names[0]}, ''), {names[1]}, '')"
        self._folded = "coalesce(nullif(x.display, ''), x.user_name, '')"

    def value(self, attr: Attr) -> Sql | None:
        """Its id, its name now, or what it is."""
        keys = attr.keys or ("value",)
        found: dict[tuple[str, ...], str] = {
            ("value",): "x.id",
            ("type",): f"({self._type})" if attr.exact else f"lower({self._type})",
            ("display",): f"nullif({self._display if attr.exact else self._folded}, '')",
        }
        return Sql(found[keys]) if keys in found and attr.type in TEXTS else None

    def there(self, attr: Attr) -> Sql:
        """Its name may be missing; an address it has."""
        return Sql(f"({self._folded} <> '')") if attr.keys == ("display",) else YES

    def present(self, attr: Attr) -> Sql:
        """Nothing is there and empty."""
        return self.there(attr)


class _Text(_Row):
    """A text that is a value by itself."""

    def __init__(self, sqlite: bool, column: str) -> None:
        super().__init__(sqlite)
        self._column = column

    def value(self, attr: Attr) -> Sql | None:
        """Itself."""
        if attr.keys not in ((), ("value",)) or attr.type not in TEXTS:
            return None
        text = self._column if self.sqlite else f'({self._column}) COLLATE "C"'
        return Sql(text) if exactly(attr) else Sql(f"lower({text})")

    def there(self, attr: Attr) -> Sql:  # noqa: ARG002 - the protocol's
        """Always."""
        return YES

    present = there


_ADDRESS: dict[tuple[str, ...], str] = {("value",): "a.value", ("type",): "a.type"}
_META: dict[tuple[str, ...], str] = {
    ("created",): "r.created",
    ("lastModified",): "r.modified",
    ("resourceType",): "KIND",
    ("version",): "('W/\"' || r.version || '\"')",
    ("location",): "",
}


def _only(where: Filter, held: Set[tuple[str, ...]], *, exact: bool = False) -> bool:
    """Whether a filter on a value asks for these of its attributes only, and with as much regard to case."""
    match where:
        case And(terms) | Or(terms):
            return all(_only(term, held, exact=exact) for term in terms)
        case Not(term):
            return _only(term, held, exact=exact)
        case Compare(attr) | Present(attr):
            return attr.keys in held and attr.exact is exact and attr.many is None
        case Has():
            return False
    return True


def _equal(where: Filter) -> str | None:
    """The value, as it is compared, that a value has to be equal to for the filter to hold, if there is one."""
    match where:
        case Compare(Attr(("value",), "string" | "reference") as attr, "eq", str(value)):
            return value if attr.exact else folded(value)
        case And(terms):
            return next((found for term in terms if (found := _equal(term)) is not None), None)
    return None
