"""The words of the design page as frozen values: what a directory says, and what a workspace has.

Here live shapes only. How they are compared is in decide.py, how policy reads them in policy.py; where they come
from is connectors/, where they are kept is store/.

Values are `msgspec.Struct`s: frozen, compared and encoded in C, JSON both ways (docs/opinions.md, "msgspec").
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

JSON = Any  # a decoded JSON value: str | int | float | bool | None | list | dict


class Frozen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value: never changed in place, only replaced.

    Those that exist by the million say `gc=False`: they hold texts and containers of texts, so no cycle can pass
    through them, and the collector need not visit them.
    """


class UserState(StrEnum):
    """What a directory says about a person's standing.

    `PENDING` people are not let in yet and not put out either (Okta STAGED); `UNKNOWN` means that the directory sent
    no status or one that nobody documented: it grants nothing and removes nothing (facts: Firezone #15291).
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    PENDING = "pending"
    UNKNOWN = "unknown"
    GONE = "gone"


class Evidence(StrEnum):
    """Why a removal is believed."""

    TOMBSTONE = "tombstone"  # the directory itself says that the account was deleted
    STATUS = "status"  # the account is listed as suspended, disabled, archived
    SCOPE = "scope"  # the account lives but left the groups or domains that are synced
    ABSENCE = "absence"  # a complete read no longer holds it


class DirectoryUser(Frozen, frozen=True, gc=False, array_like=True):
    """One person as a directory describes them; strings are trimmed, a missing text is "".

    `external_id` is the vendor's immutable id. `email` is the primary work address. `attributes` holds the custom
    attributes that configuration mentions, under the name that configuration uses, as the vendor sent them. `off_since`
    is when somebody who is not active became so, where the vendor says it: for measuring only, and no part of who they
    are. Nobody has checked that it is a time.

    As JSON it is an array in the order of the fields, half the size of an object: stores keep it a million times. New
    fields go to the end, with a default.
    """

    external_id: str
    state: UserState
    user_name: str = ""
    email: str = ""
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    title: str = ""
    department: str = ""
    manager: str = ""
    guest: bool = False
    attributes: dict[str, JSON] = {}
    off_since: str = ""


class DirectoryGroup(Frozen, frozen=True):
    """One group; `email` is set where the vendor has group addresses (Google) and may be used as its name."""

    external_id: str
    name: str
    email: str = ""


class Completeness(StrEnum):
    """How much of a collection a pull saw. Only COMPLETE lets the store conclude that what was not seen is gone."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    DELTA = "delta"


# -- observations: facts a connector reports, a page of them at a time --------------------------------------------


class UsersSeen(Frozen, frozen=True, tag="users_seen"):
    """A page of people."""

    users: tuple[DirectoryUser, ...]


class UserGone(Frozen, frozen=True, tag="user_gone"):
    """The directory says outright that this account is no more."""

    external_id: str
    evidence: Evidence = Evidence.TOMBSTONE
    off_since: str = ""  # as DirectoryUser's


class GroupsSeen(Frozen, frozen=True, tag="groups_seen"):
    """A page of groups."""

    groups: tuple[DirectoryGroup, ...]


class GroupGone(Frozen, frozen=True, tag="group_gone"):
    """The directory says outright that this group is no more, or (ABSENCE) knows no such id when asked for it."""

    external_id: str
    evidence: Evidence = Evidence.TOMBSTONE
    off_since: str = ""  # as DirectoryUser's


class MembersSeen(Frozen, frozen=True, tag="members_seen"):
    """A page of one group's direct members: ids of people and ids of nested groups."""

    group: str
    users: tuple[str, ...]
    groups: tuple[str, ...] = ()


class MembersLeft(Frozen, frozen=True, tag="members_left"):
    """People and nested groups that the directory says are not in a group any more (incremental reads, and answers by
    id)."""

    group: str
    users: tuple[str, ...]
    groups: tuple[str, ...] = ()


class Cursor(Frozen, frozen=True, tag="cursor"):
    """Where the next incremental read begins; opaque to everybody but the connector that wrote it."""

    text: str


class CollectionEnd(Frozen, frozen=True, tag="collection_end"):
    """Closes a collection: "users", "groups", or "members" of `group`. `reason` is a sentence when not complete."""

    collection: str
    completeness: Completeness
    group: str = ""
    reason: str = ""


Observation = UsersSeen | UserGone | GroupsSeen | GroupGone | MembersSeen | MembersLeft | Cursor | CollectionEnd


class Wanted(Frozen, frozen=True):
    """What configuration needs from a directory, so that a connector reads no more than that.

    `groups` are names or ids as configured; `bound` maps those that the mirror already resolved to ids;
    `attributes` are custom attributes as the vendor names them. With a `cursor` only what changed since is wanted.
    """

    groups: frozenset[str] = frozenset()
    bound: dict[str, str] = {}
    attributes: frozenset[str] = frozenset()
    nested: bool = True
    cursor: str = ""


class Membership(Frozen, frozen=True):
    """One direct membership: of a person, or (`nested`) of another group."""

    group: str
    member: str
    nested: bool = False


class Questions(Frozen, frozen=True):
    """What is asked for by id because a listing lacked it: people, groups, and memberships of groups that were listed.

    A listing that comes back short looks like the truth; what it lacks may only go when asking by id agrees.
    """

    people: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    members: tuple[Membership, ...] = ()


# -- the workspace ------------------------------------------------------------------------------------------------


class Profile(Frozen, frozen=True, gc=False):
    """The directory-owned fields of a member; "" is a cleared field.

    `attributes` are the fields that configuration adds to these, by name, sorted; a cleared one is not among them.
    """

    email: str
    user_name: str = ""
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    title: str = ""
    department: str = ""
    manager: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


FIELDS = Profile.__struct_fields__[:-1]  # those that every workspace has


class Member(Frozen, frozen=True, gc=False):
    """One member of a workspace.

    `managed` members follow `directory`, linked by `external_id`. `teams` are all team names, `granted` those that
    this member's directory put them into (the rest were added by hand and are never touched).
    """

    id: str
    profile: Profile
    active: bool = True
    managed: bool = False
    directory: str = ""
    external_id: str = ""
    roles: dict[str, str] = {}
    teams: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()


def key(text: str) -> str:
    """The one normal form in which addresses, names of groups and role values are compared.

    Trimmed, Unicode NFKC, case-folded (RFC 8265 §3.3's username case-mapping, with the compatibility form that mail
    systems fold to).
    """
    return folded(text.strip())


def folded(text: str) -> str:
    """Text without regard to case: Unicode NFKC, case-folded; blanks are kept."""
    if text.isascii():
        return text.lower()
    from unicodedata import normalize

    return normalize("NFKC", normalize("NFKC", text).casefold())


def profile_of(user: DirectoryUser) -> Profile:
    """The member fields that a directory user stands for."""
    return Profile(
        user.email,
        user.user_name,
        user.given_name,
        user.family_name,
        user.display_name or f"{user.given_name} {user.family_name}".strip(),
        user.title,
        user.department,
        user.manager,
    )


def fields_of(profile: Profile) -> dict[str, str]:
    """The profile as a mapping: every field that a workspace has, and the additional ones that are set."""
    return {name: getattr(profile, name) for name in FIELDS} | dict(profile.attributes)


def edited(profile: Profile, changes: Mapping[str, JSON]) -> Profile:
    """The profile with these fields changed; a name that is none of `FIELDS` is an additional one."""
    own = {name: text for name, text in changes.items() if name in FIELDS}
    added = dict(profile.attributes) | {name: text for name, text in changes.items() if name not in FIELDS}
    attributes = tuple(sorted((name, text) for name, text in added.items() if text))
    return msgspec.structs.replace(profile, **own, attributes=attributes)
