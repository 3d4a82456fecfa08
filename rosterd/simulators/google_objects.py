"""How the Directory API writes a user, a group, a member and the custom schemas.

The shapes are those of the discovery document admin.directory_v1.
"""

from collections.abc import Callable
from typing import Any

from rosterd.simulators.ids import draw
from rosterd.simulators.world import Group, Person, World

_OWN_SCHEMA = "Jamie"  # the custom schema of attributes that are set by bare name
_NEVER = "1970-01-01T00:00:00.000Z"  # lastLoginTime of an account that nobody signed in to


def etag(*about: object) -> str:
    return f'"{draw(*about):032x}"'


def user(world: World, person: Person, schemas: frozenset[str] | None, *, admin: bool) -> dict[str, Any]:
    """A User; `schemas` are the custom schemas to show, None for all.

    `suspensionReason`, `suspensionTime`, `archivalTime`, `deletionTime` are there only when they apply (facts §2).
    """
    found: dict[str, Any] = {
        "kind": "admin#directory#user",
        "id": person.id,
        "etag": f'"{person.id}/{person.updated}"',
        "primaryEmail": person.email,
        "name": {"givenName": person.given_name, "familyName": person.family_name, "fullName": person.display_name},
        "isAdmin": admin,
        "isDelegatedAdmin": False,
        "lastLoginTime": _NEVER,
        "creationTime": person.created,
        "agreedToTerms": True,
        "suspended": person.status == "suspended",
        "archived": person.status == "archived",
        "changePasswordAtNextLogin": False,
        "ipWhitelisted": False,
        "emails": [{"address": person.email, "primary": True}],
        "customerId": world.tenant,
        "orgUnitPath": f"/{person.department}",
        "isMailboxSetup": True,
        "isEnrolledIn2Sv": False,
        "isEnforcedIn2Sv": False,
        "includeInGlobalAddressList": True,
    }
    if person.title or person.department:
        found["organizations"] = [{"title": person.title, "department": person.department, "primary": True}]
    if person.manager:
        found["relations"] = [{"value": world.people[person.manager].email, "type": "manager"}]
    if person.aliases:
        found["aliases"] = person.aliases
    if person.guest:
        found["isGuestUser"] = True
    return found | _leaving(person) | _custom(person, schemas)


def _leaving(person: Person) -> dict[str, Any]:
    if person.status == "suspended":
        return {"suspensionReason": "ADMIN", "suspensionTime": person.status_changed}
    if person.status == "archived":
        return {"archivalTime": person.status_changed}
    return {"deletionTime": person.status_changed} if person.status == "deleted" else {}


def _custom(person: Person, schemas: frozenset[str] | None) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in person.attributes.items():
        schema, field = _schema_field(name)
        if schemas is None or schema in schemas:
            found.setdefault(schema, {})[field] = value
    return {"customSchemas": found} if found else {}


def _schema_field(name: str) -> tuple[str, str]:
    schema, found, field = name.partition(".")
    return (schema, field) if found else (_OWN_SCHEMA, name)


def schema_names(world: World) -> frozenset[str]:
    return frozenset(_schema_field(name)[0] for name in world.schema)


def schemas(world: World) -> dict[str, Any]:
    """The list of custom schemas; empty lists omit the key here too."""
    shown = [_schema(world, name) for name in sorted(schema_names(world))]
    head = {"kind": "admin#directory#schemas", "etag": etag("schemas", world.revision)}
    return {**head, "schemas": shown} if shown else head


def _schema(world: World, schema: str) -> dict[str, Any]:
    names = [_schema_field(name)[1] for name in world.schema if _schema_field(name)[0] == schema]
    fields = [{"kind": "admin#directory#schema#fieldspec", "fieldId": f"{draw(schema, name):032x}"[:22],
               "etag": etag(name), "fieldName": name, "displayName": name, "fieldType": "STRING", "multiValued": False,
               "readAccessType": "ADMINS_AND_SELF"} for name in names]  # fmt: skip
    return {"kind": "admin#directory#schema", "schemaId": f"{draw('schema', schema):032x}"[:22],
            "etag": etag("schema", schema), "schemaName": schema, "displayName": schema, "fields": fields}  # fmt: skip


def group(found: Group) -> dict[str, Any]:
    """A Group; `directMembersCount` is a string (facts §3.1)."""
    return {
        "kind": "admin#directory#group",
        "id": found.id,
        "etag": f'"{found.id}/{found.updated}/{len(found.members)}"',
        "email": found.email,
        "name": found.name,
        "directMembersCount": str(len(found.members)),
        "description": found.description,
        "adminCreated": True,
    }


def member(world: World, member_id: str, role: str) -> dict[str, Any]:
    """A Member: a USER, a nested GROUP, an EXTERNAL person of another company, whose status nobody here knows, or the
    CUSTOMER, which stands for everybody and has no address."""
    found: dict[str, Any] = {"kind": "admin#directory#member", "etag": f'"{member_id}/{role}"', "id": member_id}
    if member_id == world.tenant:
        return {**found, "role": role, "type": "CUSTOMER", "status": "ACTIVE"}
    if member_id in world.outsiders:
        return {**found, "email": world.outsiders[member_id], "role": role, "type": "EXTERNAL"}
    if member_id in world.groups:
        return {**found, "email": world.groups[member_id].email, "role": role, "type": "GROUP", "status": "ACTIVE"}
    person = world.people[member_id]
    status = "ACTIVE" if person.status == "active" else "SUSPENDED"
    return {**found, "email": person.email, "role": role, "type": "USER", "status": status}


USER_QUERY: dict[str, Callable[[Person], str]] = {
    "email": lambda p: p.email,
    "name": lambda p: p.display_name,
    "givenName": lambda p: p.given_name,
    "familyName": lambda p: p.family_name,
    "orgUnitPath": lambda p: f"/{p.department}",
    "isSuspended": lambda p: str(p.status == "suspended").lower(),
    "isArchived": lambda p: str(p.status == "archived").lower(),
}
GROUP_QUERY: dict[str, Callable[[Group], str]] = {"email": lambda g: g.email, "name": lambda g: g.name}
