"""Policy as values: what configuration asks for, with nothing left to look up.

A `Policy` belongs to one directory and its workspace. It holds names (of groups, attributes, values), never ids of a
particular read; `GroupView` holds what those names mean in one snapshot. Both are plain values: the same pair and the
same person always give the same answer.
"""

import re
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from hashlib import sha256
from typing import Literal

import msgspec

from reconciler.model import FIELDS, JSON, DirectoryUser, Frozen, Profile, Wanted, key, profile_of

Change = Literal["create", "update", "deactivate", "leave_team", "promote", "demote"]
OnRemove = Literal["keep", "remove"]
OUTSIDE_GROUPS = "not in any of the synced groups"


class RoleAxis(Frozen, frozen=True):
    """One independent dimension of roles; `values` are ordered, lowest first."""

    axis: str
    values: tuple[str, ...]
    default: str
    when_absent: Literal["default", "keep"] = "default"
    protect_last: str = ""
    disabled: frozenset[str] = frozenset()

    @property
    def holding(self) -> list[str]:
        """The values that count as holding the protected one: itself and those above it."""
        return [value for value in self.values if self.rank(value) >= self.rank(self.protect_last)]

    def offers(self, value: str) -> bool:
        """Whether somebody may have this value now: the axis has it, and it is not switched off."""
        return value in self.values and value not in self.disabled

    def rank(self, value: str) -> int:
        """The place of a value, lowest 0; -1 for one that the axis does not have."""
        return self.values.index(value) if value in self.values else -1


class RoleSource(Frozen, frozen=True):
    """Where an axis gets its value in this directory: an attribute, groups (name or id → value), or both."""

    axis: str
    attribute: str = ""
    groups: tuple[tuple[str, str], ...] = ()


class RoleRule(Frozen, frozen=True):
    """When every axis of `when` has its value, the axes of `force` get theirs."""

    when: tuple[tuple[str, str], ...]
    force: tuple[tuple[str, str], ...]


class TeamMapping(Frozen, frozen=True):
    """Members of `group` (name or id) are members of `team`.

    `on_remove` says what becomes of the memberships it made once configuration has it no longer: None while nobody
    has decided.
    """

    group: str
    team: str
    on_remove: OnRemove | None = None


class AttributeMapping(Frozen, frozen=True):
    """The attribute `source` of the directory is the member field `to`: one of `FIELDS`, or an additional one."""

    source: str
    to: str


class Scope(Frozen, frozen=True):
    """Who belongs at all. Empty `domains` or `groups` mean no such limit.

    `exclude` are shell patterns of addresses and user names, compared in their normal form, of accounts that are
    nobody's: services, bots.
    """

    domains: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    guests: bool = False
    exclude: tuple[str, ...] = ()


class Limit(Frozen, frozen=True):
    """Trips when `count` or `percent` (of the managed members) is reached, never below `floor` changes."""

    count: int | None = None
    percent: float | None = None
    floor: int = 0


class Flap(Frozen, frozen=True):
    """What returned to an earlier value `times` times within the last `runs` runs of the directory is held."""

    times: int
    runs: int


class Policy(Frozen, frozen=True):
    """Everything configuration says about one directory and its workspace.

    `retired` are team mappings that configuration has no longer, while memberships that they made are left: they put
    nobody into a team.
    """

    workspace: str
    directory: str
    match: Literal["email", "user_name"] = "email"
    nested: bool = True
    scope: Scope = Scope()
    attributes: tuple[AttributeMapping, ...] = ()
    axes: tuple[RoleAxis, ...] = ()
    sources: tuple[RoleSource, ...] = ()
    rules: tuple[RoleRule, ...] = ()
    teams: tuple[TeamMapping, ...] = ()
    retired: tuple[TeamMapping, ...] = ()
    protected: frozenset[str] = frozenset()
    limits: dict[str, Limit] = {}  # by the key in configuration: guard.py
    flap: Flap | None = None

    @property
    def configured(self) -> frozenset[str]:
        """Every group that configuration mentions, as it is written there."""
        named = {ref for source in self.sources for ref, _ in source.groups}
        return frozenset(named | {mapping.group for mapping in self.teams} | set(self.scope.groups))

    @property
    def refs(self) -> tuple[str, ...]:
        """Every group that matters, sorted: those that configuration mentions and those of retired mappings."""
        return tuple(sorted(self.configured | {mapping.group for mapping in self.retired}))

    def wanted(self, bound: dict[str, str], cursor: str = "") -> Wanted:
        """What a connector has to read for this policy."""
        return Wanted(frozenset(self.refs), bound, self.read_attributes, self.nested, cursor)

    @property
    def read_attributes(self) -> frozenset[str]:
        """Every attribute of people that configuration asks for."""
        return frozenset({*self.role_attributes, *(mapping.source for mapping in self.attributes)})

    @property
    def role_attributes(self) -> tuple[str, ...]:
        """The attributes that give role values, sorted."""
        return tuple(sorted({source.attribute for source in self.sources if source.attribute}))

    @property
    def digest(self) -> str:
        """Changes when anything that can alter a plan changes. Limits are left out, and so is what would become of
        mappings that are in force: they alter no plan."""
        teams = tuple([TeamMapping(mapping.group, mapping.team) for mapping in self.teams])
        plain = msgspec.structs.replace(self, limits={}, flap=None, teams=teams)
        return sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


class GroupView(Frozen, frozen=True):
    """What the policy's groups mean in one snapshot.

    `reach` maps a direct group id to the configured refs it counts for (itself and, when nested, the groups above
    it). `unknown` are refs whose members were not read whole: they grant what they show and take nothing away. `gone`
    are refs whose group was known and is deleted. `names` gives a ref's group name for sentences.
    """

    reach: dict[str, frozenset[str]] = {}
    unknown: frozenset[str] = frozenset()
    names: dict[str, str] = {}
    gone: frozenset[str] = frozenset()

    def refs_of(self, groups: tuple[str, ...]) -> frozenset[str]:
        """The configured refs that a person with these direct groups is a member of."""
        reach = self.reach
        return frozenset().union(*[reach[group] for group in groups if group in reach])


def match_key(policy_match: str, user: DirectoryUser) -> str:
    """The key by which a person is matched to an existing member: of the address, or of the user name."""
    return key(user.user_name if policy_match == "user_name" else address(user))


def address(user: DirectoryUser) -> str:
    """The primary work address; a user name that is an address stands in where the directory keeps no mail."""
    return user.email or (user.user_name if "@" in user.user_name else "")


def text_of(value: JSON) -> str:
    """An attribute's value as one text, "" when there is none.

    Of several values the one marked primary (RFC 7643 §2.4), else the first: a member field holds one. Of an object
    its `value`, else its `displayName`; numbers, true and false as JSON writes them.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return text_of(value.get("value", value.get("displayName")))
    if isinstance(value, list):
        primary = (item for item in value if isinstance(item, dict) and item.get("primary") is True)
        return text_of(next(primary, next(iter(value), None)))
    return ""


def described(policy: Policy, user: DirectoryUser) -> DirectoryUser:
    """The person with the fields that configuration takes from other attributes: an absent one clears its field."""
    if not policy.attributes:
        return user
    given = {each.to: text_of(user.attributes.get(each.source)) for each in policy.attributes if each.to in FIELDS}
    return msgspec.structs.replace(user, **given)


def desired_profile(policy: Policy, user: DirectoryUser) -> Profile:
    """The member fields that a `described` person should have."""
    profile = profile_of(user)
    if policy.attributes:
        given = ((each.to, text_of(user.attributes.get(each.source))) for each in policy.attributes)
        added = tuple(sorted((name, text) for name, text in given if text and name not in FIELDS))
        profile = msgspec.structs.replace(profile, attributes=added)
    return profile if profile.email else msgspec.structs.replace(profile, email=address(user))


def out_of_scope(policy: Policy, view: GroupView, user: DirectoryUser, refs: frozenset[str]) -> str:
    """Why a person does not belong, as a sentence; "" when they do, "?" when that is not known."""
    groups = policy.scope.groups
    if (why := outsider(policy, user)) or not groups or not refs.isdisjoint(groups):
        return why
    return OUTSIDE_GROUPS if view.unknown.isdisjoint(groups) else "?"


def outsider(policy: Policy, user: DirectoryUser) -> str:
    """Why a person does not belong whatever their groups are, as a sentence; "" when nothing is against it."""
    scope = policy.scope
    if user.guest and not scope.guests:
        return "guest accounts are not synced"
    if scope.exclude and (pattern := excluding(scope.exclude, user)):
        return f'excluded by the pattern "{pattern}"'
    if scope.domains and key(address(user)).rpartition("@")[2] not in scope.domains:
        return "address outside the workspace's domains"
    return ""


def excluding(patterns: tuple[str, ...], user: DirectoryUser) -> str:
    """The first pattern that the address or the user name matches, "" when none does."""
    names = (key(address(user)), key(user.user_name))
    if not any(_any_of(patterns).match(name) for name in names):
        return ""
    return next(each for each in patterns if any(fnmatchcase(name, key(each)) for name in names))


@lru_cache(maxsize=64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """All patterns as one: most people match none of them."""
    return re.compile("|".join(translate(key(each)) for each in patterns))
