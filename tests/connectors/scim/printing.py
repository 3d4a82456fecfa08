"""Bound filters as text again, and random ones: for the laws that filters are held to."""

import json
from typing import Any

from hypothesis import strategies as st

from connectors.scim.leniencies import Tolerance
from connectors.scim.names import attr, place
from connectors.scim.schema import CORE, ENTERPRISE
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Not, Or, Present


def printed(filter: Filter) -> str:  # noqa: A002 - SCIM's word
    """The text that means this filter (RFC 7644 §3.4.2.2)."""
    if isinstance(filter, Compare):
        return f"{name(filter.attr)} {filter.op} {json.dumps(filter.value)}"
    if isinstance(filter, Present):
        return f"{name(filter.attr)} pr"
    if isinstance(filter, Has):
        return f"{name(filter.attr)}[{printed(filter.where)}]"
    if isinstance(filter, Not):
        return f"not ({printed(filter.term)})"
    if isinstance(filter, And):
        return " and ".join(
            f"({printed(term)})" if isinstance(term, And | Or) else printed(term) for term in filter.terms
        )
    if isinstance(filter, Or):
        return " or ".join(f"({printed(term)})" if isinstance(term, Or) else printed(term) for term in filter.terms)
    raise AssertionError(filter)


def name(attribute: Attr) -> str:
    if ":" in attribute.keys[0]:
        return f"{attribute.keys[0]}:{'.'.join(attribute.keys[1:])}"
    return ".".join(attribute.keys)


def bound(text: str, kind: Kind = "User") -> Attr:
    found = place(text, kind, Tolerance(strict=True))
    assert found is not None, text
    return attr(found)


TEXTS = st.sampled_from(
    ["", "a", "A", "ada", "Ada", "ada@example.com", "b", 'x"y', "back\\slash", "50%_a", " a", "ÄÖ", "work"]
)
_EQUAL, _ALL = ["eq", "ne"], ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
_TIMES = ["2026-01-01T00:00:00.000Z", "2026-06-01T12:00:00.500Z", "2027-01-01T00:00:00.000Z"]
SINGLE = ["userName", "externalId", "title", "displayName", "name.familyName", f"{ENTERPRISE}:department",
          f"{ENTERPRISE}:manager.value", f"{CORE['User']}:nickName"]  # fmt: skip
# `entitlements`, because scim2-models takes only addresses for the values of emails.
MANY = ["entitlements.value", "entitlements.type", "roles.value"]
COMPLEX = ["entitlements", "roles", "name", f"{ENTERPRISE}:manager", "addresses"]


def _leaf(names: list[str], operators: list[str], literals: st.SearchStrategy[Any]) -> st.SearchStrategy[Filter]:
    return st.builds(
        lambda text, op, value: Compare(bound(text), op, value),
        st.sampled_from(names), st.sampled_from(operators), literals,
    )  # fmt: skip


def _joined(terms: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, terms))


def _inner(names: list[str]) -> st.SearchStrategy[Filter]:
    """Filters on the values of emails or roles: their keys begin at the value."""
    texts = st.builds(lambda sub, op, value: Compare(Attr((sub,)), op, value),
                      st.sampled_from(names), st.sampled_from(_ALL), TEXTS)  # fmt: skip
    primary = st.builds(lambda op, value: Compare(Attr(("primary",), "boolean"), op, value),
                        st.sampled_from(_EQUAL), st.booleans())  # fmt: skip
    present = st.sampled_from(names).map(lambda sub: Present(Attr((sub,))))
    return st.recursive(st.one_of(texts, primary, present), _joined, max_leaves=3)


LEAVES: st.SearchStrategy[Filter] = st.one_of(
    _leaf(SINGLE, _ALL, TEXTS),
    _leaf(MANY, [each for each in _ALL if each != "ne"], TEXTS),
    _leaf(["active"], _EQUAL, st.booleans()),
    _leaf(["meta.lastModified"], ["eq", "ne", "gt", "ge", "lt", "le"], st.sampled_from(_TIMES)),
    _leaf([*SINGLE, "active"], _EQUAL, st.none()),
    st.sampled_from([*SINGLE, *MANY, *COMPLEX, "active"]).map(lambda text: Present(bound(text))),
    st.builds(
        lambda holder, where: Has(bound(holder), where),
        st.sampled_from(["entitlements", "roles"]),
        _inner(["value", "type"]),
    ),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(LEAVES, _joined, max_leaves=6)


def _some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


_FULL = TEXTS.filter(bool)
_VALUES = st.lists(
    _some(value=_FULL, type=st.sampled_from(["work", "Work", "home"]), primary=st.booleans()).filter(bool),
    min_size=1,
    max_size=3,
)
USERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "userName": _FULL,
        "id": st.just("2819"),
        "meta": st.fixed_dictionaries({"lastModified": st.sampled_from(_TIMES)}),
    },
    optional={
        "externalId": _FULL,
        "title": _FULL,
        "displayName": _FULL,
        "nickName": _FULL,
        "active": st.booleans(),
        "name": _some(familyName=_FULL, givenName=_FULL).filter(bool),
        "entitlements": _VALUES,
        "roles": _VALUES,
        ENTERPRISE: _some(department=_FULL, manager=st.fixed_dictionaries({"value": _FULL})).filter(bool),
    },
)
