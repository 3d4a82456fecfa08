"""How Okta writes a user, a group and the user schema (Okta's OpenAPI document: User, Group, UserSchema)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rosterd.simulators.names import words
from rosterd.simulators.world import Group, Person, World

_TOP = frozenset(
    words(
        "id status created activated statusChanged lastLogin lastUpdated passwordChanged type profile credentials "
        "_links transitioningToStatus realmId"
    )
)
_NEVER_ACTIVATED = ("staged", "provisioned", "activating")
USER_TYPE = "oty1ro5t3rdu5ert0001"


@dataclass(frozen=True)
class Omissions:
    """`Content-Type: application/json; okta-response=omitCredentials,…` on a GET (facts §2)."""

    words: frozenset[str] = frozenset()

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> "Omissions":
        _, found, value = headers.get("content-type", "").partition("okta-response=")
        return cls(frozenset(word.strip(' "') for word in value.split(","))) if found else cls()


@dataclass(frozen=True)
class Fields:
    """`fields=id,status,profile:(firstName,login)`: sub-fields only inside `profile:()`; the id always comes."""

    top: frozenset[str]
    profile: frozenset[str] | None

    @classmethod
    def read(cls, text: str) -> "Fields":
        head, found, rest = text.partition("profile:(")
        inside, closed, tail = rest.partition(")")
        if found and not closed:
            raise ValueError("profile:( is not closed")
        top = {name.strip() for name in f"{head},{tail}".split(",") if name.strip()}
        if unknown := sorted(top - _TOP):
            raise ValueError(f"unknown field {unknown[0]}")
        profile = frozenset(name.strip() for name in inside.split(",")) if found else None
        return cls(frozenset(top | {"id"} | ({"profile"} if found else set())), profile)

    def of(self, user: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in user.items() if name in self.top}
        if self.profile is not None:
            kept["profile"] = {name: value for name, value in user["profile"].items() if name in self.profile}
        return kept


def status(person: Person) -> str:
    return person.status.upper()


def user(world: World, person: Person, base: str, omit: Omissions) -> dict[str, Any]:
    """A User object."""
    never = person.status in _NEVER_ACTIVATED
    found: dict[str, Any] = {
        "id": person.id,
        "status": status(person),
        "created": person.created,
        "activated": None if never else person.created,
        "statusChanged": person.status_changed,
        "lastLogin": None,
        "lastUpdated": person.updated,
        "passwordChanged": None if never else person.created,
        "type": {"id": USER_TYPE},
        "profile": profile(world, person),
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": f"{base}/api/v1/users/{person.id}"}},
    }
    if person.status == "activating" and "omitTransitioningToStatus" not in omit.words:
        found["transitioningToStatus"] = "ACTIVE"
    if "omitCredentials" in omit.words:
        del found["credentials"]
    return found


def profile(world: World, person: Person) -> dict[str, Any]:
    """The profile: the base attributes are always there, others once they have a value."""
    found: dict[str, Any] = {
        "firstName": person.given_name,
        "lastName": person.family_name,
        "mobilePhone": None,
        "secondEmail": None,
        "login": person.user_name,
        "email": person.email,
    }
    if person.title:
        found["title"] = person.title
    if person.department:
        found["department"] = person.department
    if person.manager:
        boss = world.people[person.manager]
        found["manager"], found["managerId"] = boss.display_name, boss.user_name
    return {**found, **person.attributes} if person.attributes else found


def user_getter(world: World, person: Person) -> Callable[[str], object]:
    """Attribute by the name that filters use."""
    top: dict[str, object] = {
        "id": person.id,
        "status": status(person),
        "created": person.created,
        "activated": None if person.status in _NEVER_ACTIVATED else person.created,
        "statusChanged": person.status_changed,
        "lastUpdated": person.updated,
    }
    return lambda name: profile(world, person).get(name[8:]) if name.startswith("profile.") else top.get(name)


def group(found: Group, base: str, *, stats: bool = False) -> dict[str, Any]:
    """A Group object."""
    href = f"{base}/api/v1/groups/{found.id}"
    logo = [{"name": size, "href": f"{base}/assets/img/logos/groups/okta-{size}.png", "type": "image/png"}
            for size in ("medium", "large")]  # fmt: skip
    shown: dict[str, Any] = {
        "id": found.id,
        "created": found.created,
        "lastUpdated": found.updated,
        "lastMembershipUpdated": found.membership_updated,
        "objectClass": ["okta:user_group"],
        "type": "OKTA_GROUP",
        "profile": {"name": found.name, **({"description": found.description} if found.description else {})},
        "_links": {"logo": logo, "users": {"href": f"{href}/users"}, "apps": {"href": f"{href}/apps"}},
    }
    if stats:
        counts = {"usersCount": len(found.members), "appsCount": 0, "groupPushMappingsCount": 0}
        shown["_embedded"] = {"stats": {**counts, "hasAdminPrivlege": False}}
    return shown


def group_getter(found: Group) -> Callable[[str], object]:
    """Attribute by the name that filters use."""
    known = {
        "id": found.id,
        "type": "OKTA_GROUP",
        "created": found.created,
        "lastUpdated": found.updated,
        "lastMembershipUpdated": found.membership_updated,
        "profile.name": found.name,
        "profile.description": found.description,
    }
    return known.get


def user_schema(world: World, base: str) -> dict[str, Any]:
    """The default UserSchema: base attributes and the custom ones."""
    names = ("login", "firstName", "lastName", "email", "title", "department", "manager", "managerId")
    return {
        "id": f"{base}/meta/schemas/user/default",
        "$schema": "http://json-schema.org/draft-04/schema#",
        "name": "user",
        "title": "User",
        "type": "object",
        "definitions": {
            "base": {
                "id": "#base",
                "type": "object",
                "properties": {name: {"title": name, "type": "string"} for name in names},
                "required": ["login", "email"],
            },
            "custom": {
                "id": "#custom",
                "type": "object",
                "properties": {name: {"title": name, "type": "string"} for name in world.schema},
                "required": [],
            },
        },
        "properties": {"profile": {"allOf": [{"$ref": "#/definitions/custom"}, {"$ref": "#/definitions/base"}]}},
    }
