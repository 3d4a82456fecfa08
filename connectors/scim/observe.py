"""A SCIM User as the directory user that policy reads: which attribute is the address, the department, the standing.

Pure. The listener observes what a request changed; the store does the same again for resources that it already has,
when policy wants other attributes of them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from reconciler.model import JSON, DirectoryUser, UserState
from reconciler.resources import Resource

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_CORE = "urn:ietf:params:scim:schemas:core:2.0:user"
# what clients of drafts before RFC 7643 call the same (OneLogin, Google)
_FORMER = {
    "urn:scim:schemas:core:1.0": _CORE,
    "urn:scim:schemas:core:2.0": _CORE,
    "urn:scim:schemas:core:2.0:user": _CORE,
    "urn:scim:schemas:extension:enterprise:1.0": ENTERPRISE.lower(),
    "urn:scim:schemas:extension:enterprise:2.0": ENTERPRISE.lower(),
    "urn:scim:schemas:extension:enterprise:2.0:user": ENTERPRISE.lower(),
}


def observed(resource: Resource, attributes: frozenset[str]) -> DirectoryUser:
    """What a User resource says about a person; `active: false` is a suspended account, a missing one is not (RFC 7643
    §4.1.1). `attributes` are paths as configuration names them; those without a value are left out."""
    body = resource.body
    name, enterprise = _object(body.get("name")), _object(body.get(ENTERPRISE))
    manager = _object(enterprise.get("manager"))
    wanted = ((path, _value(resource, path)) for path in attributes) if attributes else ()
    return DirectoryUser(
        resource.id,
        UserState.ACTIVE if body.get("active", True) else UserState.SUSPENDED,
        _text(body.get("userName")),
        _work_email(body.get("emails")),
        _text(name.get("givenName")),
        _text(name.get("familyName")),
        _text(body.get("displayName")),
        _text(body.get("title")),
        _text(enterprise.get("department")),
        _text(manager.get("displayName")) or _text(manager.get("value")),
        attributes={path: value for path, value in wanted if value is not None},
    )


def _text(value: JSON) -> str:
    return value.strip() if isinstance(value, str) else ""


def _object(value: JSON) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _work_email(emails: JSON) -> str:
    """The primary work address, else the work address, else the primary one, else the first."""
    if not isinstance(emails, list):
        return ""
    found = [(_text(email.get("value")), email) for email in emails if isinstance(email, dict)]
    addresses = [(address, email) for address, email in found if address]
    return max(addresses, key=_worth)[0] if addresses else ""


def _worth(found: tuple[str, Mapping[str, Any]]) -> tuple[bool, bool]:
    email = found[1]
    return _text(email.get("type")).lower() == "work", email.get("primary") is True


# -- attributes by path -------------------------------------------------------------------------------------------


def _value(resource: Resource, path: str) -> JSON:
    """The value at a path; None when it has none. A path without a URN that the resource itself does not have means
    the attribute of an extension, when only one extension has it."""
    urn, steps = _split(path)
    if urn and urn != _CORE:
        return _walk(_member(resource.body, urn), steps)
    if steps == ("id",):
        return resource.id
    found = _walk(resource.body, steps)
    if found is not None or urn:
        return found
    others = [_walk(each, steps) for key, each in resource.body.items() if key.startswith("urn:")]
    there = [each for each in others if each is not None]
    return there[0] if len(there) == 1 else None


@lru_cache(maxsize=1024)
def _split(path: str) -> tuple[str, tuple[str, ...]]:
    """The URN, lower-case and as RFC 7643 has it, and the names below it. The names of an attribute hold no colon."""
    urn, _, names = path.strip().rpartition(":")
    urn = urn.lower()
    return _FORMER.get(urn, urn), tuple(names.split("."))


def _walk(value: JSON, steps: Sequence[str]) -> JSON:
    """The value below; of several values, what each of them has."""
    for place, step in enumerate(steps):
        if isinstance(value, list):
            found = (_walk(each, steps[place:]) for each in value)
            value = [each for each in found if each is not None]
            break
        value = _member(value, step)
    return None if value in ([], {}) else value


def _member(value: JSON, name: str) -> JSON:
    """The member of an object by its name, in any case (RFC 7643 §2.1)."""
    if not isinstance(value, dict):
        return None
    if name in value:
        return value[name]
    folded = name.lower()
    return next((each for key, each in value.items() if key.lower() == folded), None)
