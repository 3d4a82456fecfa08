"""What deciding needs besides the person: the policy, the groups, who must keep a role; and what it remembers of them.

Who must keep a role is found in holders.py; what is decided with all this in decide.py.
"""

import msgspec

from reconciler.model import DirectoryUser, Frozen
from reconciler.policy import GroupView, Policy
from reconciler.roles import Grant, desired_roles
from reconciler.teams import desired_teams, kept_teams

_ENCODER = msgspec.json.Encoder(order="deterministic")
_REMEMBERED = 20_000  # different sets of groups


class Membership(Frozen, frozen=True):
    """What a set of direct groups comes to: the configured refs, the teams, and teams that are not left although no
    mapping gives them any more."""

    refs: frozenset[str]
    teams: frozenset[str]
    kept: frozenset[str]


class Roles(Frozen, frozen=True):
    """What a person's groups and attributes come to on every axis, and whether it differs from what they have."""

    grants: dict[str, Grant]
    differ: bool


class Context(Frozen, frozen=True):
    """What deciding needs besides the person: policy, groups, and who must keep which axis because nobody else would
    be left (`stays`: member id → axes).

    `seen` and `granted` remember what the same groups, attributes and roles came to, for many people share theirs;
    they hold nothing that policy and view do not say.
    """

    policy: Policy
    view: GroupView
    stays: dict[str, frozenset[str]] = {}
    seen: dict[tuple[str, ...], Membership] = {}
    granted: dict[tuple[frozenset[str], tuple[tuple[str, str], ...], bytes], Roles] = {}
    asked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Notes which attributes give roles: others, that become fields of members, are of one person each."""
        msgspec.structs.force_setattr(self, "asked", self.policy.role_attributes)

    def membership(self, groups: tuple[str, ...]) -> Membership:
        """Refs and teams of a person with these direct groups."""
        found = self.seen.get(groups)
        if found is None:
            if len(self.seen) >= _REMEMBERED:
                self.seen.clear()
            refs = self.view.refs_of(groups)
            kept = kept_teams(self.policy, self.view, refs)
            found = self.seen[groups] = Membership(refs, desired_teams(self.policy, refs), kept)
        return found

    def roles(self, user: DirectoryUser, refs: frozenset[str], current: dict[str, str]) -> Roles:
        """The roles of a person in these configured groups who has `current` now."""
        sent = user.attributes
        said = _ENCODER.encode([sent.get(name) for name in self.asked]) if sent else b""
        known = (refs, tuple(current.items()), said)
        found = self.granted.get(known)
        if found is None:
            if len(self.granted) >= _REMEMBERED:
                self.granted.clear()
            grants = desired_roles(self.policy, user, refs, view=self.view, current=current)
            differ = any(current.get(axis) != grant.value or grant.withheld for axis, grant in grants.items())
            found = self.granted[known] = Roles(grants, differ)
        return found
