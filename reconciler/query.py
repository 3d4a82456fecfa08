"""What is asked of a SCIM endpoint's resources, as values: a bound filter, an order, a page.

Binding (which attribute a name means, of which type, compared how) is the listener's work; turning a filter into SQL is
the store's. Both know these shapes only. Source: RFC 7644 §3.4.2, RFC 9865 (cursors).
"""

from typing import Literal

from reconciler.model import Frozen

Kind = Literal["User", "Group"]
AttrType = Literal["string", "boolean", "integer", "decimal", "dateTime", "reference", "binary", "complex"]
Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]


class Attr(Frozen, frozen=True):
    """An attribute by its keys in the resource, in the schema's spelling: ("userName",), ("name", "familyName"),
    ("emails", "value"), ("urn:…:enterprise:2.0:User", "department"), ("meta", "lastModified").

    Inside the filter of a value path the keys begin at the value. `many`: the first of the keys that holds an array (as
    all multi-valued attributes do); None when there is none. `exact`: compared with regard to case.
    """

    keys: tuple[str, ...]
    type: AttrType = "string"
    exact: bool = False
    many: int | None = None


class Compare(Frozen, frozen=True, tag="compare"):
    """attr op value; `value` None is JSON null, which equals an attribute without a value (RFC 7643 §2.5): `eq` is then
    the opposite of `Present`, and `ne` the same.

    For several values it holds when it holds for one of them; `ne` too, so it does not when there are none. A single
    attribute without a value is not equal to anything: `ne` holds, the others do not. Texts are compared by code point,
    as `reconciler.model.folded` makes them unless `exact`; times as UTC with milliseconds
    ("2026-11-28T07:49:20.000Z"), in which `value` is given.
    """

    attr: Attr
    op: Operator
    value: str | bool | int | float | None


class Present(Frozen, frozen=True, tag="present"):
    """attr pr: it has a value that is not empty."""

    attr: Attr


class Has(Frozen, frozen=True, tag="has"):
    """attr[where]: one of the values of a complex attribute meets all of `where`."""

    attr: Attr
    where: "Filter"


class And(Frozen, frozen=True, tag="and"):
    """All of them."""

    terms: "tuple[Filter, ...]"


class Or(Frozen, frozen=True, tag="or"):
    """One of them."""

    terms: "tuple[Filter, ...]"


class Not(Frozen, frozen=True, tag="not"):
    """The others."""

    term: "Filter"


class Never(Frozen, frozen=True, tag="never"):
    """Holds for nothing: an attribute that this kind of resource does not have, asked of several kinds at once (RFC
    7644 §3.4.2.1)."""


Filter = Compare | Present | Has | And | Or | Not | Never


class Query(Frozen, frozen=True):
    """One page of the resources of a kind.

    In order of creation unless `sort` names an attribute; equal ones, and those without a value (last), in order of
    creation. `start` is 1-based; `count` is what the page holds at most, 0: only the total. With `after` (what the last
    page gave as `next`; "" for the first page) the page follows that place instead of `start`.
    """

    kind: Kind
    count: int
    filter: Filter | None = None
    sort: Attr | None = None
    descending: bool = False
    start: int = 1
    after: str | None = None
