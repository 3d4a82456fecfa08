"""Whatever JSON arrives, the answer is a resource or a ScimError: nothing else is ever raised."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.scim.errors import SCIM_TYPES, ScimError
from connectors.scim.filters import parse_filter, parse_path, parse_sort
from connectors.scim.leniencies import LENIENCIES
from connectors.scim.lenient import normal
from connectors.scim.patch import operations, patched
from connectors.scim.project import projection
from connectors.scim.schema import ENTERPRISE, GROUP, USER
from reconciler.query import Kind

KINDS: st.SearchStrategy[Kind] = st.sampled_from(["User", "Group"])
_NAMES = """
    schemas id meta externalId userName name name.givenName displayName active password emails roles groups members
    department manager value type primary display displayName $ref op path operations title x509Certificates
"""
NAMES = st.one_of(
    st.sampled_from(
        [
            *_NAMES.split(),
            USER,
            GROUP,
            ENTERPRISE,
            f"{ENTERPRISE}:manager",
            "urn:x:User:y",
            "urn:x:User",
            "a.b",
            "",
            ":",
            "a:",
        ]
    ),
    st.sampled_from(['emails[type eq "work"].value', 'members[value eq "a"]', "emails[", "[", "a.b.c", ".", "urn:"]),
    st.text(max_size=6),
)
_SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.text(alphabet=st.characters(codec=None), max_size=4),
    st.sampled_from(
        ["True", "False", "", "{", '{"value":"a"}', '["a"]', "[[", "\0", "\ud800", 10**400, -(10**400), 1e308]
    ),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
BODIES = st.dictionaries(NAMES, JSON, max_size=6)
PATHS = st.one_of(st.none(), NAMES, JSON)
OPERATIONS = st.fixed_dictionaries(
    {}, optional={"op": st.sampled_from(["add", "Replace", "remove"]) | JSON, "path": PATHS, "value": JSON}
)
_TOKENS = """
    ( ) [ ] not and or eq co pr gt userName emails members type "a" " true null 1e999 -1 .value meta.created x:y:z
    "2026-01-01T00:00:00Z" \\ \0
"""
TEXTS = st.one_of(st.lists(st.sampled_from(_TOKENS.split()), max_size=12).map(" ".join), st.text(max_size=30), NAMES)


NEVER: dict[Kind, set[str]] = {
    "User": {"password", "groups", "meta", "id", "schemas"},
    "Group": {"password", "meta", "id", "schemas"},
}


class Heard(set[str]):
    """The leniencies that were told, each of which has a sentence."""

    def note(self, code: str) -> None:
        assert code in LENIENCIES
        self.add(code)


class refusals(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads like contextlib.suppress
    """Lets only a ScimError pass, one that can be answered."""

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if not isinstance(error, ScimError):
            return False
        assert error.status in (400, 413)
        assert not error.scim_type or error.scim_type in SCIM_TYPES
        error.detail.encode()
        return True


def storable(body: Any) -> None:
    """A resource survives JSON in UTF-8, and holds no NUL."""
    assert "\\u0000" not in json.dumps(body).replace("\\\\", "")
    assert json.loads(json.dumps(body, ensure_ascii=False, allow_nan=False).encode()) == body


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"value": "x"}
    for number in range(depth):
        found = {"custom": found} if number % 2 else {"emails": [found]}
    return found


@settings(max_examples=300, deadline=None)
@given(BODIES, KINDS, st.booleans())
def test_normal(body: dict[str, Any], kind: Kind, strict: bool) -> None:
    heard = Heard()
    with refusals():
        found = normal({"userName": "ada", "displayName": "g", **body}, kind, strict=strict, note=heard.note)
        storable(found)
        assert not NEVER[kind] & set(found)
        assert normal(found, kind, strict=False, note=heard.note) == found or "json-text" in heard


@settings(max_examples=100, deadline=None)
@given(JSON, KINDS, st.booleans())
def test_normal_of_anything(body: object, kind: Kind, strict: bool) -> None:
    with refusals():
        normal(body, kind, strict=strict)


@settings(max_examples=400, deadline=None)
@given(BODIES, st.lists(OPERATIONS | JSON, max_size=4), KINDS, st.booleans())
def test_patched(body: dict[str, Any], ops: list[Any], kind: Kind, strict: bool) -> None:
    heard = Heard()
    before: dict[str, Any] = {"userName": "ada"} if kind == "User" else {"displayName": "g"}
    with refusals():
        before = normal({"userName": "ada", "displayName": "g", **body}, kind, strict=False)
        before.pop("members", None)
    was = json.dumps(before)
    with refusals():
        message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": ops}
        asked = operations(message, strict=strict, note=heard.note)
        found = patched(before, asked, kind=kind, id="1", strict=strict, note=heard.note)
        storable(found.body)
        assert not NEVER[kind] & set(found.body)
        assert kind == "User" or "members" not in found.body
        assert found.changed is (found.body != before)
        assert all(isinstance(each, str) for change in found.memberships for each in change.ids)
    assert json.dumps(before) == was


DEEP, HUGE = nested(900), [10**5000, -(10**5000), float("inf"), float("nan"), "x" * 1_000_000]


@pytest.mark.parametrize(
    "place", ["custom", "emails", "name", ENTERPRISE, "urn:x:User", "roles", "members", "userName"]
)
def test_deep_and_huge_values(place: str) -> None:
    """Not generated: hypothesis itself cannot print them."""
    kind: Kind = "Group" if place == "members" else "User"
    for value in [DEEP, [DEEP], *HUGE, HUGE, {"value": DEEP}, {"value": HUGE[0]}, "{" * 100_000, '{"a":' * 100_000]:
        for strict in (True, False):
            with refusals():
                storable(normal({"userName": "a", "displayName": "g", place: value}, kind, strict=strict))
            for sent in ({"value": {place: value}}, {"path": place, "value": value}):
                for op in ("add", "replace", "remove"):
                    with refusals():
                        asked = operations({"Operations": [{"op": op, **sent}]}, strict=False)
                        storable(patched({"userName": "a"}, asked, kind=kind, strict=strict).body)


@settings(max_examples=300, deadline=None)
@given(TEXTS, KINDS, st.booleans(), st.booleans())
@example("(" * 8000, "User", False, False)
@example("not(" * 2000, "User", False, False)
@example("emails[" * 1000, "User", False, False)
@example("emails[" * 1000, "Group", False, True)
@example('"' + "\\" * 8000, "User", False, False)
@example("userName eq " + "9" * 8000, "User", False, False)
def test_parse_filter(text: str, kind: Kind, strict: bool, several: bool) -> None:
    with refusals():
        parse_filter(text, kind, strict=strict, several=several, note=Heard().note)
    with refusals():
        parse_sort(text, kind, strict=strict, note=Heard().note)


@settings(max_examples=300, deadline=None)
@given(TEXTS, KINDS, st.booleans())
@example("emails[" + "(" * 8000, "User", False)
@example("a:" * 5000, "User", False)
def test_parse_path(text: str, kind: Kind, strict: bool) -> None:
    with refusals():
        parse_path(text, kind, strict=strict, note=Heard().note)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES, max_size=4).map(",".join), st.lists(NAMES, max_size=4).map(",".join), BODIES, KINDS)
def test_projection(only: str, excluded: str, body: dict[str, Any], kind: Kind) -> None:
    with refusals():
        shown = projection(only, excluded, kind).of({"id": "1", "schemas": [USER], **body})
        assert {"id", "schemas"} <= set(shown)
        assert kind == "Group" or "password" not in shown
