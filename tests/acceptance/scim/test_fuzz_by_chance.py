"""Requests by chance, the same ones every time: known forms with something odd somewhere in them,
    and filters of words in
any order. Each has to have an answer that is no fault of the server's.
"""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from connectors.scim.schema import CORE, ENTERPRISE, EXTENSIONS, SCHEMAS
from tests.acceptance.scim.attacked import GROUP, MESSAGES, USER, Attacked, dumped

pytestmark = pytest.mark.acceptance

NAMES = sorted(
    {
        each.name
        for urns in (CORE.values(), *EXTENSIONS.values())
        for urn in urns
        for each in SCHEMAS[urn].attributes.values()
    }
)
ODD: list[Any] = [
    None, True, False, 0, -1, 2**63, 10**400, 1.5, 1e308, "", " ", "\x00", "\ud800", "x" * 5000, "true", "😀", "İ",
    [], {}, [[]],
    [None], [{}], {"": ""}, {"value": None}, {"value": {"value": []}}, {"$ref": 1}, [1, "a", None], "urn:",
    "members[value eq",
    'emails[type eq "work"].value', "a.b.c.d", '{"id":"x"}', "__proto__", "$", "ada", USER, ENTERPRISE,
    f"{ENTERPRISE}:manager",
    f"{MESSAGES}PatchOp", "bulkId:a", "bulkId:", "/Users/bulkId:a", "2026-02-30T00:00:00Z", "remove", "Add",
]  # fmt: skip
MEMBER = {"op": "add", "path": "members", "value": [{"value": "<ada>"}]}
WHOLE = {
    "schemas": [USER, ENTERPRISE], "userName": "odd", "externalId": "1", "active": True,
    "name": {"familyName": "O"},
    "emails": [{"value": "o@acme.com", "type": "work", "primary": True}], "roles": ["a"], "groups": [],
    "meta": {"version": "1"},
    ENTERPRISE: {"department": "R", "manager": {"value": "<ada>"}}, "urn:own:User": {"badge": [1, "a"]},
}  # fmt: skip
BULK = [
    {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "B",
                                                                 "members": [{"value": "bulkId:u"}]}},
    {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER], "userName": "bulk"}},
    {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"schemas": [f"{MESSAGES}PatchOp"], "Operations": []}},
]  # fmt: skip
FORMS: list[tuple[str, str, Any]] = [
    ("POST", "/Users", WHOLE),
    ("PUT", "/Users/<ada>", WHOLE),
    ("POST", "/Groups", {"schemas": [GROUP], "displayName": "Odd", "members": [{"value": "<ada>", "type": "User"}]}),
    ("PUT", "/Groups/<eng>", {"schemas": [GROUP], "displayName": "Eng", "members": [{"value": "<ada>"}]}),
    ("PATCH", "/Users/<ada>", {"schemas": [f"{MESSAGES}PatchOp"], "Operations": [
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "x@acme.com"}, {"op": "remove",
        "path": "title"},
        {"op": "add", "value": {"name.givenName": "A", f"{ENTERPRISE}:manager": "m"}}]}),
    ("PATCH", "/Groups/<eng>", {"schemas": [f"{MESSAGES}PatchOp"], "Operations": [
        MEMBER, {"op": "remove", "path": 'members[value eq "<ada>"]'},
        {"op": "replace", "value": {"displayName": "E"}}]}),
    ("POST", "/.search", {"schemas": [f"{MESSAGES}SearchRequest"], "filter": "userName pr", "attributes": ["userName"],
                          "sortBy": "userName", "count": 2, "startIndex": 1}),
    ("POST", "/Users/.search", {"schemas": [f"{MESSAGES}SearchRequest"], "filter": 'emails[type eq "w"]', "cursor": "",
                                "sortOrder": "descending", "excludedAttributes": "emails"}),
    ("POST", "/Bulk", {"schemas": [f"{MESSAGES}BulkRequest"], "failOnErrors": 1, "Operations": BULK}),
]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """JSON with something odd somewhere in it."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(spoilt(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(spoilt(value[place])), *value[place + 1 :]]
    if isinstance(value, dict) and draw(st.booleans()):
        name = draw(st.one_of(st.sampled_from(NAMES), st.sampled_from([each for each in ODD if isinstance(each, str)])))
        return {**value, name: draw(st.sampled_from(ODD))}
    return draw(st.one_of(st.sampled_from(ODD), st.sampled_from(ODD), JSON))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(max_size=5), below, max_size=3)),
    max_leaves=8,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bool, str, str, bytes]:
    """A request of a known form, spoilt once or twice; now and then its bytes as well."""
    method, place, form = draw(st.sampled_from(FORMS))
    for _ in range(draw(st.integers(1, 2))):
        form = draw(spoilt(form))
    body = dumped(form)
    if not draw(st.integers(0, 7)):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + draw(st.integers(0, 3)) :]
    query = draw(
        st.sampled_from(["", "", "", "?attributes=userName,members", "?excludedAttributes=members", "?attributes=%00"])
    )
    return draw(st.booleans()), method, place + query, body


@settings(
    max_examples=800, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(asked=requests())
def test_requests_that_are_almost_right(attacked: Attacked, asked: tuple[bool, str, str, bytes]) -> None:
    strict, method, place, body = asked
    ada, eng = attacked.ids[strict]
    body = body.replace(b"<ada>", ada.encode()).replace(b"<eng>", eng.encode())
    attacked.wires[strict].send(method, place.replace("<ada>", ada).replace("<eng>", eng), body)


WORDS = ["userName", "emails", "emails.type", "active", "meta.created", "meta.lastModified", "members",
    "groups.value", "title",
         "urn:own:User:badge", f"{ENTERPRISE}:manager", f"{USER}:name.familyName", "schemas", "id", "password",
         "[", "]", "(", ")",
         "and", "or", "not", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", '"a"', '"\\u0000"',
         '"\\ud800"', '"', "\\",
         "true", "null", "1", "1e400", "-", '"2026-01-01T00:00:00Z"', "😀", ".value", "not (", "x"]  # fmt: skip


@settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    words=st.lists(st.sampled_from(WORDS), max_size=8),
    strict=st.booleans(),
    place=st.sampled_from(["", "/Users", "/Groups"]),
)
def test_filters_of_words_in_any_order(attacked: Attacked, words: list[str], strict: bool, place: str) -> None:
    asked = {"schemas": [f"{MESSAGES}SearchRequest"], "filter": " ".join(words), "count": 1}
    attacked.wires[strict].send("POST", f"{place}/.search", dumped(asked))
