"""Policy as values: what configuration asks for, with nothing left to look up.

A `Policy` belongs to one directory and its workspace. It holds names (of groups, attributes, values), never ids of a
particular read; `GroupView` holds what those names mean in one snapshot. Both are plain values: the same pair and the
same person always give the same answer.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from reconciler.model import DirectoryUser, Frozen, Profile, Wanted, key, profile_of

Change = Literal["create", "update", "deactivate", "leave_team", "promote", "demote"]


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
    """Members of `group` (name or id) are members of `team`."""

    group: str
    team: str


class Scope(Frozen, frozen=True):
    """Who belongs at all. Empty `domains` or `groups` mean no such limit."""

    domains: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    guests: bool = False


class Limit(Frozen, frozen=True):
    """Trips when `count` or `percent` (of the managed members) is reached, never below `floor` changes."""

    count: int | None = None
    percent: float | None = None
    floor: int = 0


class Policy(Frozen, frozen=True):
    """Everything configuration says about one directory and its workspace."""

    workspace: str
    directory: str
    match: Literal["email", "user_name"] = "email"
    nested: bool = True
    scope: Scope = Scope()
    axes: tuple[RoleAxis, ...] = ()
    sources: tuple[RoleSource, ...] = ()
    rules: tuple[RoleRule, ...] = ()
    teams: tuple[TeamMapping, ...] = ()
    protected: frozenset[str] = frozenset()
    limits: dict[str, Limit] = {}  # by the key in configuration: guard.py

    @property
    def refs(self) -> tuple[str, ...]:
        """Every group that configuration mentions, as it is written there, sorted."""
        named = {ref for source in self.sources for ref, _ in source.groups}
        return tuple(sorted(named | {mapping.group for mapping in self.teams} | set(self.scope.groups)))

    def wanted(self, bound: dict[str, str], cursor: str = "") -> Wanted:
        """What a connector has to read for this policy."""
        attributes = frozenset(source.attribute for source in self.sources if source.attribute)
        return Wanted(frozenset(self.refs), bound, attributes, self.nested, cursor)

    @property
    def digest(self) -> str:
        """Changes when anything that can alter a plan changes; limits are left out, they alter no plan."""
        plain = msgspec.structs.replace(self, limits={})
        return sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


class GroupView(Frozen, frozen=True):
    """What the policy's groups mean in one snapshot.

    `reach` maps a direct group id to the configured refs it counts for (itself and, when nested, the groups above
    it). `unknown` are refs whose members were not read whole: they grant what they show and take nothing away.
    `names` gives a ref's group name for sentences.
    """

    reach: dict[str, frozenset[str]] = {}
    unknown: frozenset[str] = frozenset()
    names: dict[str, str] = {}

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


def desired_profile(user: DirectoryUser) -> Profile:
    """The member fields a person should have."""
    profile = profile_of(user)
    return profile if profile.email else msgspec.structs.replace(profile, email=address(user))


def out_of_scope(policy: Policy, view: GroupView, user: DirectoryUser, refs: frozenset[str]) -> str:
    """Why a person does not belong, as a sentence; "" when they do, "?" when that is not known."""
    scope = policy.scope
    if user.guest and not scope.guests:
        return "guest accounts are not synced"
    if scope.domains and key(address(user)).rpartition("@")[2] not in scope.domains:
        return "address outside the workspace's domains"
    if scope.groups and refs.isdisjoint(scope.groups):
        return "?" if not view.unknown.isdisjoint(scope.groups) else "not in any of the synced groups"
    return ""
