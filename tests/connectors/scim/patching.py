"""PATCH requests in a few words, and what comes of them."""

from typing import Any

import pytest

from connectors.scim.errors import ScimError
from connectors.scim.leniencies import LENIENCIES
from connectors.scim.patch import Membership, Patched, operations, patched
from reconciler.query import Kind

OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WORK, HOME = {"type": "work", "value": "w@example.com"}, {"type": "home", "value": "h@example.com"}
ADA: dict[str, Any] = {
    "userName": "ada",
    "title": "Dr",
    "name": {"givenName": "Ada", "familyName": "L"},
    "emails": [WORK, HOME],
}


def op(name: str, path: str | None = None, /, *value: Any) -> dict[str, Any]:
    """One operation: without a value when none is given."""
    path_member = {} if path is None else {"path": path}
    return {"op": name, **path_member, **({"value": value[0]} if value else {})}


def patch(
    body: dict[str, Any], *ops: dict[str, Any], kind: Kind = "User", strict: bool = False, codes: set[str] | None = None
) -> Patched:
    heard: set[str] = set() if codes is None else codes
    message = {"schemas": [OP], "Operations": list(ops)}
    found = patched(
        body, operations(message, strict=strict, note=heard.add), kind=kind, id="2819", strict=strict, note=heard.add
    )
    assert heard <= set(LENIENCIES)
    assert not (strict and heard)
    return found


def body(before: dict[str, Any], *ops: dict[str, Any], strict: bool = False) -> dict[str, Any]:
    return patch(before, *ops, strict=strict).body


def user(**more: Any) -> dict[str, Any]:
    return {"userName": "ada", **more}


def refused(before: dict[str, Any], *ops: dict[str, Any], kind: Kind = "User", strict: bool = False) -> str:
    with pytest.raises(ScimError) as caught:
        patch(before, *ops, kind=kind, strict=strict)
    assert caught.value.status == 400
    return caught.value.scim_type


def members(*ops: dict[str, Any], strict: bool = False, codes: set[str] | None = None) -> list[Membership]:
    found = patch({"displayName": "g"}, *ops, kind="Group", strict=strict, codes=codes)
    assert found.body == {"displayName": "g"}
    assert not found.changed
    return list(found.memberships)


BOTH = pytest.mark.parametrize("strict", [True, False])
