"""Random PATCHes of random users come out as scim2-models says, in strict mode.

Where the two read RFC 7644 otherwise on purpose, the operation is not generated, and a test below says which clause
decided. (Filters: `ne` of several values, test_matching.py.)
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim2_models import Context, EnterpriseUser, PatchOp, SCIMException, User

from connectors.scim.errors import ScimError
from connectors.scim.lenient import normal
from connectors.scim.patch import SCHEMA, operations, patched
from connectors.scim.schema import ENTERPRISE, USER
from tests.connectors.scim.printing import USERS

THEIRS = User[EnterpriseUser]
REFUSED = "refused"

_TEXT = st.sampled_from(["a", "b", "Ada", "work"])
_ITEM: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"value": _TEXT}, optional={"type": st.sampled_from(["work", "home"]), "primary": st.booleans(), "display": _TEXT}
)
_WHOLE = st.fixed_dictionaries(
    {"value": _TEXT, "type": st.sampled_from(["work", "home"]), "primary": st.booleans(), "display": _TEXT}
)


def _one_primary(items: list[dict[str, Any]]) -> bool:
    return sum(item.get("primary") is True for item in items) < 2


_ITEMS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    _ITEM, min_size=1, max_size=2, unique_by=lambda item: item["value"]
).filter(_one_primary)
_NAME = st.fixed_dictionaries({}, optional={"familyName": _TEXT, "givenName": _TEXT, "middleName": _TEXT}).filter(bool)
_USER = st.fixed_dictionaries({}, optional={"title": _TEXT, "name": _NAME, "roles": _ITEMS})
_BOOLEAN = st.booleans()
_WHERE = st.sampled_from(
    ['type eq "work"', 'value eq "a"', 'type eq "home" and value eq "b"', "primary eq true", 'not (type eq "work")']
)
_MANY = st.sampled_from(["roles", "entitlements"])
_SET, _REPLACE, _REMOVE = st.sampled_from(["add", "replace"]), st.just("replace"), st.just("remove")


def _op(op: st.SearchStrategy[str], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": op, **members})


def _path(*paths: str) -> st.SearchStrategy[str]:
    return st.sampled_from(paths)


def _selected(*subs: str) -> st.SearchStrategy[str]:
    return st.builds(lambda many, where, sub: f"{many}[{where}]{sub}", _MANY, _WHERE, st.sampled_from(subs))


DEPARTMENT = f"{ENTERPRISE}:department"
_REMOVABLE = ["title", "name", "name.familyName", "roles", "userName", "active", ENTERPRISE, DEPARTMENT, "id"]
OPERATIONS = st.one_of(
    _op(_SET, path=_path("title", "userName", "name.middleName", "NAME.familyName", DEPARTMENT), value=_TEXT),
    _op(_SET, path=_path("id", "nothing", "name.nothing"), value=_TEXT),
    _op(_SET, path=_path("userName"), value=st.just(5)),
    _op(_SET, path=_path("active"), value=_BOOLEAN),
    _op(_SET, path=_path("name"), value=_NAME),
    _op(_SET, path=_path(ENTERPRISE), value=st.fixed_dictionaries({"department": _TEXT})),
    _op(_SET, path=_MANY, value=_ITEMS),
    _op(_SET, path=_selected(".value", ".display"), value=_TEXT),
    _op(_SET, path=_selected(".primary"), value=_BOOLEAN),
    _op(_SET, value=_USER),
    _op(_REPLACE, path=_selected(""), value=_WHOLE),
    _op(_REPLACE, path=_path("title", "name", "roles"), value=st.none()),
    _op(_REMOVE, path=_selected("", ".display", ".value")),
    _op(_REMOVE, path=st.sampled_from(_REMOVABLE)),
    _op(_REMOVE),
)


def ours(user: dict[str, Any], ops: list[dict[str, Any]]) -> Any:
    body = {name: value for name, value in user.items() if name not in ("id", "meta")}
    try:
        asked = operations({"schemas": [SCHEMA], "Operations": ops}, strict=True)
        return patched(body, asked, kind="User", id=user["id"], strict=True).body
    except ScimError as error:
        return REFUSED, error.scim_type


def theirs(user: dict[str, Any], ops: list[dict[str, Any]]) -> Any:
    resource = THEIRS.model_validate({"schemas": [USER, ENTERPRISE], **user})
    try:
        message = {"schemas": [SCHEMA], "Operations": ops}
        PatchOp[THEIRS].model_validate(message, scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(resource)
    except (SCIMException, ValueError) as error:
        return REFUSED, error
    found = resource.model_dump()
    return {name: value for name, value in found.items() if name not in ("schemas", "id", "meta")}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) or isinstance(other, tuple):
        return isinstance(one, tuple) and isinstance(other, tuple)
    return bool(one == other)


@settings(max_examples=400, deadline=None)
@given(USERS, st.lists(OPERATIONS, min_size=1, max_size=4))
def test_scim2_models_agrees(user: dict[str, Any], ops: list[dict[str, Any]]) -> None:
    user = {**user, **normal(user, "User", strict=False)}  # one primary value
    here, there = ours(user, ops), theirs(user, ops)
    if here == (REFUSED, "noTarget") and any(op["op"] == "remove" and "[" in op.get("path", "") for op in ops):
        return  # see DIFFERENCES
    assert same(here, there), (here, there)
    if isinstance(here, dict):
        assert normal({"schemas": [USER, ENTERPRISE], **here}, "User", strict=True) == here


# -- where the two differ ---------------------------------------------------------------------------------------------

ROLES: dict[str, Any] = {"userName": "a", "id": "2819", "roles": [{"value": "a", "type": "work"}]}
DIFFERENCES = [
    # RFC 7644 table 9, noTarget: "occurs when the path value contains a filter that yields no match"
    (
        {"op": "remove", "path": 'roles[type eq "home"]'},
        (REFUSED, "noTarget"),
        {"userName": "a", "roles": [{"value": "a", "type": "work"}]},
    ),
    # §3.5.2.3: "all matching record values SHALL be replaced", not merged
    (
        {"op": "replace", "path": 'roles[type eq "work"]', "value": {"value": "b"}},
        {"userName": "a", "roles": [{"value": "b"}]},
        {"userName": "a", "roles": [{"value": "b", "type": "work"}]},
    ),
    # RFC 7643 §2.4: the same value SHOULD NOT be there twice
    (
        {"op": "add", "path": "entitlements", "value": [{"value": "x"}, {"value": "x"}]},
        {"userName": "a", "roles": ROLES["roles"], "entitlements": [{"value": "x"}]},
        {"userName": "a", "roles": ROLES["roles"], "entitlements": [{"value": "x"}, {"value": "x"}]},
    ),
    # §3.5.2.1: without a path the value is "a set of attributes": its names are those of attributes, not paths
    (
        {"op": "add", "value": {"name.givenName": "x"}},
        (REFUSED, "invalidSyntax"),
        {"userName": "a", "roles": ROLES["roles"], "name": {"givenName": "x"}},
    ),
]


@pytest.mark.parametrize(("op", "here", "there"), DIFFERENCES)
def test_where_scim2_models_reads_it_otherwise(op: dict[str, Any], here: Any, there: Any) -> None:
    assert ours(ROLES, [op]) == here
    assert theirs(ROLES, [op]) == there
