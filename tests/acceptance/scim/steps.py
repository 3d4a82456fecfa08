"""Steps of a conversation in one line each, for the tables of the quirk sheet (entra_rows.py, other_rows.py).

<me> is a name that no other row has; what is kept of an answer is <ada>, <group> and so on.
"""

from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

Step = dict[str, Any]


def post(name: str = "ada", /, **attributes: Any) -> Step:
    """A new person of this row; <ada> is their id from then on."""
    body = {"schemas": [USER], **person(name), **attributes}
    return {"does": f"creates {name}", "send": "POST /Users", "body": body, "status": 201, "keep": {name: "id"}}


def person(name: str = "ada", /, **attributes: Any) -> Step:
    """What is sent of a person of this row."""
    mail = f"{name}.<me>@acme.com"
    emails = [{"type": "work", "primary": True, "value": mail}]
    called = {"givenName": name.title(), "familyName": "Doe"}
    return {"userName": mail, "emails": emails, "name": called, "active": True, **attributes}


def group(*members: str, name: str = "Engineering", **attributes: Any) -> Step:
    """A new group of this row with members; <group> is its id from then on."""
    there = {"members": [{"value": f"<{each}>"} for each in members]} if members else {}
    body = {"schemas": [GROUP], "displayName": f"{name} <me>", **there, **attributes}
    return {"does": "creates a group", "send": "POST /Groups", "body": body, "status": 201, "keep": {"group": "id"}}


def patch(where: str, *operations: Step, status: Any = 200, **more: Any) -> Step:
    """Operations on a resource."""
    body = {"schemas": [PATCH], "Operations": list(operations)}
    return {"does": f"changes {where}", "send": f"PATCH /{where}", "body": body, "status": status, **more}


def op(kind: str, path: str = "", *value: Any) -> Step:
    """An operation; without a path when that is "", without a value when there is none."""
    return {"op": kind} | ({"path": path} if path else {}) | ({"value": value[0]} if value else {})


def get(path: str, status: int = 200, **more: Any) -> Step:
    """A request that only looks."""
    return {"does": "looks", "send": f"GET /{path}", "status": status, **more}


def found(*names: str, **fields: Any) -> Step:
    """A list of these resources."""
    return {"totalResults": len(names), "Resources": [{"id": f"<{each}>", **fields} for each in names]}


def sees(name: str = "ada", **fields: Any) -> Step:
    """What the workspace has to show of a person of this row."""
    return {"members": {f"{name}.<me>@acme.com": fields}}


def linked(*names: str) -> list[Step]:
    """Members of a group as they are shown."""
    return [{"value": f"<{each}>"} for each in names]
