"""Pages of a directory's resources: filtered, in order, by index (RFC 7644 §3.4.2.4) or by cursor (RFC 9865)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import msgspec

from reconciler.query import And, Attr, Compare, Filter, Has, Query
from reconciler.resources import Found, Resource, VoidCursor
from store.scim.places import Root
from store.scim.sql import NUMBERS, TEXTS, YES, Sql, condition
from store.scim.statements import Statements

_COLUMNS = "r.kind, r.id, r.body, r.created, r.modified, r.version, r.no"
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode
_INDEXED = {("id",), ("userName",), ("externalId",), ("displayName",), ("emails", "value"), ("members", "value"),
            ("groups", "value")}  # fmt: skip


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the query's digest, the last resource's number and what it was sorted by."""

    query: str
    no: int
    value: str | int | float | None = None


class Page:
    """One query of one directory."""

    def __init__(self, run: Statements, directory: str, query: Query) -> None:
        self._run, self._directory, self._query = run, directory, query
        root = Root(run.sqlite, query.kind, directory)
        met = condition(query.filter, root) if query.filter is not None else YES
        self._where = Sql(f"r.directory = ? AND r.kind = ? AND {met.text}", (directory, query.kind, *met.given))
        self._sort = _sorting(root, query.sort)
        # Few are expected: sorting them is cheap, and walking all resources in order to find them is not.
        self._no = "+r.no" if query.filter is not None and _selective(query.filter) else "r.no"

    def found(self) -> Found:
        """The page."""
        query = self._query
        after = None if not query.after else self._cursor(query.after)
        if query.count <= 0:
            return Found(self._total())
        if query.after is not None:
            rows = self._rows(self._beyond(after), query.count + 1, 0)
        else:
            rows = self._rows(YES, query.count + 1, max(query.start, 1) - 1)
        page, more = rows[: query.count], len(rows) > query.count
        following = self._written(page[-1]) if more and page else None
        first = query.start <= 1 if query.after is None else after is None
        total = len(page) if first and not more else self._total()
        return Found(total, tuple(_resource(row) for row in page), following)

    def _total(self) -> int:
        if self._query.filter is None:
            return counted(self._run, self._directory).get(self._query.kind, 0)
        return int(
            self._run.one(f"SELECT count(*) FROM scim_resource r WHERE {self._where.text}", *self._where.given)[0]
        )

    def _rows(self, beyond: Sql, limit: int, skipped: int) -> list[Any]:
        sql, given = self.statement(limit, skipped, beyond)
        return [*self._run.all(sql, *given)]

    def statement(self, limit: int, skipped: int, beyond: Sql = YES) -> tuple[str, tuple[Any, ...]]:
        """The query for a page; `beyond` says where it begins."""
        page = (*self._where.given, *beyond.given, limit, skipped)
        if self._sort is None:
            sql = (
                f"SELECT {_COLUMNS}, NULL FROM scim_resource r WHERE {self._where.text} AND {beyond.text}"
                f" ORDER BY {self._no} LIMIT ? OFFSET ?"
            )
            return sql, page
        inside = f"SELECT {_COLUMNS}, {self._sort.text} AS sorted FROM scim_resource r WHERE {self._where.text}"
        order = (
            f"CASE WHEN s.sorted IS NULL THEN 1 ELSE 0 END, s.sorted{' DESC' if self._query.descending else ''}, s.no"
        )
        sql = f"SELECT * FROM ({inside}) s WHERE {beyond.text} ORDER BY {order} LIMIT ? OFFSET ?"
        return sql, (*self._sort.given, *page)

    def _beyond(self, after: _Place | None) -> Sql:
        if after is None:
            return YES
        if self._sort is None:
            return Sql("r.no > ?", (after.no,))
        if after.value is None:
            return Sql("(s.sorted IS NULL AND s.no > ?)", (after.no,))
        sign = "<" if self._query.descending else ">"
        text = f"(s.sorted IS NULL OR s.sorted {sign} ? OR (s.sorted = ? AND s.no > ?))"
        return Sql(text, (after.value, after.value, after.no))

    def _digest(self) -> str:
        query = self._query
        asked = _encode([query.kind, query.filter, query.sort, query.descending])
        return blake2b(asked, digest_size=6).hexdigest()

    def _written(self, row: Any) -> str:
        place = _Place(self._digest(), row[6], row[7])
        return urlsafe_b64encode(_encode(place)).decode().rstrip("=")

    def _cursor(self, text: str) -> _Place:
        """
        Raises:
            VoidCursor: it is none of this query's.
        """
        try:
            place = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Place)
        except (ValueError, msgspec.MsgspecError) as exc:
            raise VoidCursor from exc
        if place.query != self._digest() or not 0 <= place.no < 1 << 62:
            raise VoidCursor
        return place


def counted(run: Statements, directory: str) -> dict[str, int]:
    """How many resources of each kind a directory has."""
    found = run.all("SELECT kind, number FROM scim_count WHERE directory = ?", directory)
    return {row[0]: row[1] for row in found}


def found(run: Statements, directory: str, query: Query) -> Found:
    """A page of the directory's resources.

    Raises:
        VoidCursor: `query.after` is none of this query's.
    """
    return Page(run, directory, query).found()


def _resource(row: Any) -> Resource:
    kind, one, body, *stamps = row[:6]
    return Resource(kind, one, _decode(body), *stamps)


def _selective(term: Filter) -> bool:
    """Whether an index finds the few whom it can hold for."""
    match term:
        case Compare(attr, "eq", str()):
            return attr.keys in _INDEXED
        case Has(Attr(("emails",)), where):
            return _names_value(where)
        case And(terms):
            return any(_selective(each) for each in terms)
    return False


def _names_value(where: Filter) -> bool:
    match where:
        case Compare(Attr(("value",)), "eq", str()):
            return True
        case And(terms):
            return any(_names_value(each) for each in terms)
    return False


def _sorting(root: Root, sort: Attr | None) -> Sql | None:
    """What is sorted by, as one value; of several the primary one, else the first (RFC 7644 §3.4.2.3)."""
    if sort is None or sort.type == "complex":
        return None
    held = root.value(sort) if sort.many is None else root.first(sort)
    if held is None:
        return None
    if root.sqlite:
        return held
    if sort.type == "boolean":
        return Sql(f"({held.text})::int", held.given)
    if sort.type in NUMBERS:
        return Sql(f"({held.text})::double precision", held.given)
    return Sql(f'({held.text}) COLLATE "C"', held.given) if sort.type in TEXTS else None
