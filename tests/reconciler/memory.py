"""A directory, a workspace and applying a plan, all in memory: what the laws of deciding are tested against.

It answers the same questions as the store (who shares an address, whose member holds it) in the plainest way, and
applies one action at a time, so that every prefix of a plan can be looked at.
"""

from collections.abc import Iterable

import msgspec

from reconciler.context import Context
from reconciler.decide import plan
from reconciler.holders import with_stays
from reconciler.match import Subject
from reconciler.model import DirectoryUser, Evidence, Member, Profile, UserState, edited, key
from reconciler.plan import Action, Plan
from reconciler.policy import GroupView, Policy, RoleAxis, described, match_key
from reconciler.teams import view_of


class World(msgspec.Struct):
    """What the mirror knows: people, their direct groups, groups inside groups, groups not read whole."""

    people: dict[str, DirectoryUser]
    groups: dict[str, frozenset[str]]
    nested: tuple[tuple[str, str], ...] = ()
    unread: frozenset[str] = frozenset()
    users_known: bool = True

    def view(self, policy: Policy) -> GroupView:
        """The groups, which are called by their ids."""
        return view_of({ref: ref for ref in policy.refs}, nested=self.nested, never=self.unread, names={})


class Workspace:
    """Members by id; those who gave up their address to somebody else and have no new one yet are parked."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = {each.id: each for each in members}
        self.parked: set[str] = set()

    def subjects(self, policy: Policy, world: World) -> list[Subject]:
        """Everybody whom the directory or the workspace knows."""
        linked = {each.external_id: each for each in self.members.values() if each.directory == policy.directory}
        holders = {key(each.profile.email): each for each in self.members.values() if each.id not in self.parked}
        keys = {name: match_key(policy.match, described(policy, who)) for name, who in world.people.items()}
        sharing: dict[str, list[str]] = {}
        for name, who in sorted(world.people.items()):
            if who.state is UserState.ACTIVE and keys[name]:
                sharing.setdefault(keys[name], []).append(name)
        found = []
        for name in sorted(world.people.keys() | linked.keys()):
            person, member = world.people.get(name), linked.get(name)
            if person is None and world.users_known:
                person = DirectoryUser(name, UserState.GONE)
            active = person is not None and person.state is UserState.ACTIVE
            other = holders.get(keys[name]) if active else None
            if other is None or (member is not None and other.id == member.id):
                other, left, renamed = None, False, False
            else:
                left, renamed = self._other(policy, world, other, keys[name])
            rivals = tuple(one for one in sharing.get(keys.get(name, ""), []) if one != name)
            found.append(
                Subject(
                    name, person, Evidence.ABSENCE, tuple(sorted(world.groups.get(name, ()))), member, other, left,
                    renamed, rivals if active else (),
                )
            )  # fmt: skip
        return found

    @staticmethod
    def _other(policy: Policy, world: World, other: Member, wanted: str) -> tuple[bool, bool]:
        if other.directory != policy.directory:
            return False, False
        owner = world.people.get(other.external_id)
        if owner is None:
            return world.users_known, False
        return owner.state is UserState.GONE, owner.state is not UserState.GONE and (
            match_key(policy.match, described(policy, owner)) != wanted
        )

    def plan(self, policy: Policy, world: World, order: Iterable[int] = ()) -> Plan:
        """The plan; `order` shuffles the people that it is made from."""
        crowd = self.subjects(policy, world)
        for swap in order:
            if crowd:
                crowd.append(crowd.pop(swap % len(crowd)))
        context = Context(policy, world.view(policy))
        return plan(with_stays(context, lambda axis: self.holders(axis, crowd), lambda: crowd), crowd)

    def holders(self, axis: RoleAxis, crowd: Iterable[Subject]) -> list[Subject | Member]:
        """Active holders of the protected value."""
        linked = {who.member.id: who for who in crowd if who.member is not None}
        alone = (who for who in crowd if who.member is None)  # who has a member adopts no other
        adopting = {who.other.id: who for who in alone if who.other is not None and not who.other.managed}
        active = [each for each in self.members.values() if each.active and each.roles.get(axis.axis) == "admin"]
        return [linked.get(each.id) or adopting.get(each.id) or each for each in active]

    def admins(self) -> set[str]:
        """Ids of the active admins."""
        return {each.id for each in self.members.values() if each.active and each.roles.get("role") == "admin"}

    def apply(self, policy: Policy, action: Action) -> None:
        """One action."""
        if action.state == "skipped":
            return
        if action.parks:
            self.parked.add(action.parks)
        if action.kind == "create":
            fields = {name: value for name, value in action.after.items() if name != "roles"}
            profile = edited(Profile(""), fields)
            self.members[action.member] = Member(
                action.member, profile, True, True, policy.directory, action.external_id,
                dict(action.after["roles"]),
            )  # fmt: skip
            return
        self._change(policy, action, self.members[action.member])

    def _change(self, policy: Policy, action: Action, member: Member) -> None:
        match action.kind:
            case "adopt":
                self._edit(member.id, managed=True, directory=policy.directory, external_id=action.external_id)
            case "reactivate":
                self._edit(member.id, active=True)
            case "update":
                self.parked -= {member.id} if "email" in action.after else set()
                self._edit(member.id, profile=edited(member.profile, action.after))
            case "set_role":
                self._edit(member.id, roles={**member.roles, **action.after})
            case "join_team":
                team = {str(action.after["team"])}
                self._edit(member.id, teams=member.teams | team, granted=member.granted | team)
            case "leave_team":
                team = {str(action.before["team"])}
                self._edit(member.id, teams=member.teams - team, granted=member.granted - team)
            case "deactivate":
                if member.external_id == action.external_id:  # else adopted by a new account in this same plan
                    self._edit(member.id, active=False)

    def _edit(self, member: str, **changes: object) -> None:
        self.members[member] = msgspec.structs.replace(self.members[member], **changes)
