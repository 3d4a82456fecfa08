"""What is done to Users (RFC 7644 §3.3, §3.5, §3.6), and what the directory then says about a person."""

from typing import Any

from connectors.scim.call import Call
from connectors.scim.lenient import normal
from connectors.scim.observe import observed
from connectors.scim.outcome import Outcome, existing, inserted, removed, updated
from connectors.scim.patch import operations, patched
from reconciler.model import UserGone, UsersSeen
from reconciler.resources import Resource


def create(call: Call, id: str, sent: dict[str, Any]) -> Outcome:  # noqa: A002 - SCIM's word
    """POST: a new user, 201."""
    made = Resource("User", id, _read(call, sent), call.now, call.now)
    inserted(call, made)
    _tell(call, made)
    return Outcome(201, made, changed=True, new=True)


def replace(call: Call, id: str, sent: dict[str, Any], if_match: str = "") -> Outcome:  # noqa: A002
    """PUT: exactly what is sent. What is left out is cleared, what only the server says is not listened to (O6)."""
    before = existing(call, "User", id, if_match)
    return _changed(call, before, _read(call, sent), 200)


def patch(call: Call, id: str, sent: dict[str, Any], if_match: str = "") -> Outcome:  # noqa: A002
    """PATCH: every operation in order, or none of them."""
    before = existing(call, "User", id, if_match)
    asked = operations(sent, strict=call.strict, note=call.note)
    now = patched(before.body, asked, kind="User", id=id, strict=call.strict, note=call.note)
    return _changed(call, before, now.body, 200 if call.dialect.user_patch_body else 204)


def delete(call: Call, id: str, if_match: str = "") -> Outcome:  # noqa: A002
    """DELETE: they are gone, out of their groups too; the userName is free (JumpCloud uses it again at once)."""
    existing(call, "User", id, if_match)
    removed(call, "User", id)
    call.resources.absorb(UserGone(id))
    return Outcome(204, changed=True)


def _read(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    return normal(sent, "User", strict=call.strict, note=call.note)


def _changed(call: Call, before: Resource, body: dict[str, Any], status: int) -> Outcome:
    """What changes nothing moves neither version nor lastModified (RFC 7644 §3.5.2.1)."""
    if body == before.body:
        return Outcome(status, before)
    now = updated(call, before, body)
    _tell(call, now)
    return Outcome(status, now, changed=True)


def _tell(call: Call, user: Resource) -> None:
    call.resources.absorb(UsersSeen((observed(user, call.endpoint.attributes),)))
