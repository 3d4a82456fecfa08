"""The JSON of Google's Directory API as far as it is read, and the parameters that ask for exactly that.

What does not live here: what the fields mean (google.py), and sending (google_sdk.py). Field names are Google's.

Records are parsed straight into these values, four times cheaper than into dicts: what is not declared is not built,
and the garbage collector has nothing to look at (`gc=False`; parsed JSON has no cycles). Texts are `Any`: one odd value
must not cost a whole page.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from connectors.base import Refused
from reconciler.model import JSON

# -- records ------------------------------------------------------------------------------------------------------


class Name(msgspec.Struct, frozen=True, gc=False):
    """A person's name."""

    givenName: Any = None  # noqa: N815
    familyName: Any = None  # noqa: N815
    fullName: Any = None  # noqa: N815


class Organization(msgspec.Struct, frozen=True, gc=False):
    """One of a person's jobs."""

    title: Any = None
    department: Any = None
    primary: Any = None


class Relation(msgspec.Struct, frozen=True, gc=False):
    """Somebody else in a person's record: their manager, among others."""

    type: Any = None
    value: Any = None


class User(msgspec.Struct, frozen=True, gc=False):
    """A person, with what is always asked for."""

    id: str
    primaryEmail: Any = None  # noqa: N815
    name: Name | None = None
    suspended: Any = None
    archived: Any = None
    deletionTime: Any = None  # noqa: N815
    suspensionTime: Any = None  # noqa: N815
    archivalTime: Any = None  # noqa: N815
    isGuestUser: Any = None  # noqa: N815
    organizations: tuple[Organization, ...] | None = None
    relations: tuple[Relation, ...] | None = None
    customSchemas: dict[str, dict[str, Any]] | None = None  # noqa: N815


class Group(msgspec.Struct, frozen=True, gc=False):
    """A group; its members are counted, nested ones not."""

    id: str
    name: Any = None
    email: Any = None
    directMembersCount: Any = None  # noqa: N815 -- a text


class Member(msgspec.Struct, frozen=True, gc=False):
    """A member of a group: a person, a group, or everybody."""

    type: str
    id: str = ""  # absent for CUSTOMER and some EXTERNAL members


# -- pages: the list is absent when it is empty; `kind` tells an empty page from `{}`, which is no answer (§2) ----


class Page(msgspec.Struct, frozen=True):
    """What every page says."""

    kind: Any = None
    nextPageToken: str | None = None  # noqa: N815


class Groups(Page, frozen=True, rename={"items": "groups"}):
    """A page of groups."""

    items: tuple[Group, ...] | None = None


class Members(Page, frozen=True, rename={"items": "members"}):
    """A page of members."""

    items: tuple[Member, ...] | None = None


GROUPS = msgspec.json.Decoder(Groups)
MEMBERS = msgspec.json.Decoder(Members)
GROUP = msgspec.json.Decoder(Group)
MEMBER = msgspec.json.Decoder(Member)
GROUP_FIELDS = "kind,nextPageToken,groups(id,email,name,directMembersCount)"
MEMBER_FIELDS = "kind,nextPageToken,members(id,type)"


# -- users, with the attributes that configuration names ----------------------------------------------------------

_RECORDS: dict[str, Any] = {"name": Name, "organizations": Organization, "relations": Relation}
# What configuration may name beside them (discovery document, revision 20261104)
STANDARD = frozenset(User.__struct_fields__) - {"customSchemas"} | {
    "addresses", "agreedToTerms", "aliases", "archivalTime", "creationTime", "customerId", "emails", "externalIds",
    "gender", "guestAccountInfo", "ims", "includeInGlobalAddressList", "isAdmin", "isDelegatedAdmin", "isEnforcedIn2Sv",
    "isEnrolledIn2Sv", "isMailboxSetup", "keywords", "languages", "lastLoginTime", "locations", "nonEditableAliases",
    "notes", "orgUnitPath", "phones", "posixAccounts", "recoveryEmail", "recoveryPhone", "suspensionReason",
    "suspensionTime", "websites",
}  # fmt: skip
_ANY = "*"  # the schema of a bare name that is no standard field


def _wider(name: str, paths: list[str]) -> Any:
    """The record of this name with what configuration reads besides: the cost centre of a job."""
    record = _RECORDS[name]
    more: list[Any] = [(one, Any, None) for one in sorted({*paths} - {*record.__struct_fields__})]
    return msgspec.defstruct(record.__name__, more, bases=(record,), gc=False, frozen=True) if more else record


class Reading:
    """How people are read for a set of configured attributes: parameters, parsers, and where each attribute is.

    An attribute is `Schema.field` of a custom schema, a standard field (`orgUnitPath`, `organizations.department`), or
    the bare name of a custom field, which is then looked for in every schema (contract.md).
    """

    def __init__(self, attributes: frozenset[str]) -> None:
        self.places = places(attributes)
        paths = [path.split(".") for _, schema, path in self.places if not schema]
        extra = {first for first, *_ in paths} - {*User.__struct_fields__}
        wider = {name: _wider(name, [rest[0] for first, *rest in paths if first == name and rest]) for name in _RECORDS}
        fields: list[Any] = [(name, Any, None) for name in sorted(extra)]
        for name, found in wider.items():
            shape: Any = found if name == "name" else tuple.__class_getitem__((found, ...))
            fields.append((name, shape | None, None))
        # organizations and relations are untyped ("any") in the discovery document, so they are asked for whole.
        self._inside = {"name": f"({','.join(wider['name'].__struct_fields__)})"}
        record: Any = msgspec.defstruct("User", fields, bases=(User,), gc=False)
        page: Any = msgspec.defstruct(
            "Users", [("items", tuple[record, ...] | None, None)], bases=(Page,), rename={"items": "users"}
        )
        self.one = msgspec.json.Decoder(record)
        self.page = msgspec.json.Decoder(page)
        self._bare: dict[str, set[str]] = {path: set() for _, schema, path in self.places if schema == _ANY}
        self.query = self._query([*User.__struct_fields__, *sorted(extra)])

    def _query(self, fields: list[str]) -> dict[str, str]:
        schemas = sorted({schema for _, schema, _ in self.places} - {""})
        mask = ",".join(name + self._inside.get(name, "") for name in fields if schemas or name != "customSchemas")
        if _ANY in schemas:
            return {"projection": "full", "fields": mask}
        if schemas:
            return {"projection": "custom", "customFieldMask": ",".join(schemas), "fields": mask}
        return {"projection": "basic", "fields": mask}

    @property
    def page_query(self) -> dict[str, str]:
        return {**self.query, "fields": f"kind,nextPageToken,users({self.query['fields']})"}

    @property
    def resolved(self) -> list[tuple[str, str]]:
        """What the bare names turned out to be, so far."""
        return [(name, f"{schema}.{name}") for name, found in sorted(self._bare.items()) for schema in found]

    def note(self, users: tuple[User, ...]) -> None:
        """Remembers in which schemas the bare names turn up.

        Raises:
            Refused: in more than one, so that nobody can tell which is meant.
        """
        for name, found in self._bare.items():
            for user in users:
                found.update(schema for schema, fields in (user.customSchemas or {}).items() if name in fields)
            if len(found) > 1:
                both = " or ".join(f"{schema}.{name}" for schema in sorted(found))
                raise Refused(f"attribute {name!r} is a field of {len(found)} custom schemas", fix=f"write {both}")


def _place(name: str) -> tuple[str, str, str]:
    """(the attribute as configured, its custom schema or "" or _ANY, the field or path there)"""
    first, dot, rest = name.removeprefix("customSchemas.").partition(".")
    if first in STANDARD:
        return name, "", name
    return (name, first, rest) if dot else (name, _ANY, first)


@lru_cache(maxsize=64)
def places(attributes: frozenset[str]) -> tuple[tuple[str, str, str], ...]:
    """Where each configured attribute is (`_place`)."""
    return tuple(_place(name) for name in sorted(attributes))


def attributes_of(user: User, attributes: frozenset[str]) -> dict[str, JSON]:
    """The configured attributes that this person has, under their configured names."""
    custom = user.customSchemas or {}
    found: dict[str, JSON] = {}
    for name, schema, path in places(attributes):
        if not schema:
            value = _dig(user, path)
        elif schema == _ANY:
            value = next((fields[path] for fields in custom.values() if path in fields), None)
        else:
            value = custom.get(schema, {}).get(path)
        if value is not None:
            found[name] = _plain(value)
    return found


def primary(several: Sequence[Any]) -> Any:
    """The primary one, else the first."""
    return next((found for found in several if _field(found, "primary")), several[0])


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, dict) else getattr(record, name, None)


def _dig(value: Any, path: str) -> JSON:
    for step in path.split("."):
        if isinstance(value, tuple | list) and value:
            value = primary(value)
        value = _field(value, step)
    return msgspec.to_builtins(value)


def _plain(value: JSON) -> JSON:
    """A multi-valued custom field, a list of {type, value}, as the list of its values."""
    if isinstance(value, list) and all(isinstance(item, dict) and "value" in item for item in value):
        return [item["value"] for item in value]
    return value
