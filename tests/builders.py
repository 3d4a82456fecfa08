"""One-line builders of domain values, and a directory in memory that can be pulled like a real one.

Everybody is called by a first name: it is their external id, and the start of their address.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from connectors.base import Counts, Finding
from connectors.confirming import in_or_out
from reconciler.context import Context
from reconciler.decide import member_id
from reconciler.errors import DirectoryError
from reconciler.groups import resolve
from reconciler.match import Subject
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    Member,
    Membership,
    MembersSeen,
    Observation,
    Profile,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
    Wanted,
    profile_of,
)
from reconciler.plan import Action
from reconciler.policy import GroupView, Policy, RoleAxis, RoleSource, TeamMapping
from reconciler.report import ActionRow, Report
from rosterd.ports import run_once
from store import Store
from store.runs import actions_of
from store.workspace import RosterMember, roster

WORKSPACE, DIRECTORY = "acme", "okta"
ROLE = RoleAxis("role", ("member", "admin"), "member", protect_last="admin")
SOURCE = RoleSource("role", attribute="jamie_role", groups=(("Admins", "admin"),))
TEAM = TeamMapping("Eng", "Engineering")


def user(name: str, state: UserState = UserState.ACTIVE, **fields: Any) -> DirectoryUser:
    """An active person; any field may be given."""
    shown = name.title()
    made = DirectoryUser(name, state, f"{name}@acme.com", f"{name}@acme.com", shown, "Doe", f"{shown} Doe")
    return msgspec.structs.replace(made, **fields)


def gone(name: str, **fields: Any) -> DirectoryUser:
    """Somebody whose account is no more."""
    return user(name, UserState.GONE, **fields)


def suspended(name: str, **fields: Any) -> DirectoryUser:
    """Somebody whose account is disabled."""
    return user(name, UserState.SUSPENDED, **fields)


def group(name: str, external_id: str = "") -> DirectoryGroup:
    """A group whose id is its name, unless given."""
    return DirectoryGroup(external_id or name, name)


def member(name: str, role: str = "member", **fields: Any) -> Member:
    """The active member that follows the directory user of this name."""
    made = Member(
        member_id(WORKSPACE, DIRECTORY, name),
        profile_of(user(name)),
        managed=True,
        directory=DIRECTORY,
        external_id=name,
        roles={"role": role},
    )
    return msgspec.structs.replace(made, **fields)


def by_hand(name: str, role: str = "member", **fields: Any) -> Member:
    """An active member whom somebody added by hand."""
    made = Member(f"hand-{name}", Profile(f"{name}@acme.com"), roles={"role": role})
    return msgspec.structs.replace(made, **fields)


def subject(name: str, *groups: str, **fields: Any) -> Subject:
    """An active directory user in these groups, without a member unless one is given."""
    return Subject(name, fields.pop("user", user(name)), groups=groups, **fields)


def policy(**fields: Any) -> Policy:
    """One role axis (group Admins or attribute jamie_role), one team (group Eng), no limits."""
    made = Policy(WORKSPACE, DIRECTORY, axes=(ROLE,), sources=(SOURCE,), teams=(TEAM,))
    return msgspec.structs.replace(made, **fields)


def view(*refs: str, unknown: Iterable[str] = (), **reach: Iterable[str]) -> GroupView:
    """Groups that are what they are called; `reach` adds what a nested group counts for."""
    reached = {ref: frozenset({ref}) for ref in refs or ("Admins", "Eng")}
    reached |= {name: frozenset(counts) for name, counts in reach.items()}
    return GroupView(reached, frozenset(unknown), {ref: ref for ref in reached})


def context(groups: GroupView | None = None, **fields: Any) -> Context:
    """What deciding needs; fields of the policy may be given."""
    return Context(policy(**fields), view() if groups is None else groups)


def brief(action: Action | ActionRow) -> tuple[Any, ...]:
    """An action as (kind, who, what it changes to or why not)."""
    if action.state == "skipped":
        return action.kind, action.external_id, action.code
    return action.kind, action.external_id, *action.after.values(), *(["-"] if action.kind == "leave_team" else [])


class Directory:
    """A directory in memory that is pulled like a connector; its groups are called by their ids unless renamed."""

    def __init__(self, *names: str) -> None:
        self.counts = Counts()
        self.people: dict[str, DirectoryUser] = {}
        self.confirmed: list[str] = []
        self.witnessed: list[Membership] = []
        self.silent: set[str] = set()
        self.purged: set[str] = set()  # people and groups that were here and of whom it knows nothing any more
        self.groups: dict[str, DirectoryGroup] = {}
        self.inside: dict[str, set[str]] = {}
        self.nested: dict[str, set[str]] = {}
        self.partial: set[str] = set()  # "users", "groups" or a group's id: read short, and said so
        self.hidden: set[str] = set()  # people and groups that reads do not return
        self.unlisted: set[tuple[str, str]] = set()  # (group, member) that the group's listing does not hold
        self.tombstones: list[str] = []
        self.deleted_at: dict[str, str] = {}  # of tombstones
        self.error: DirectoryError | None = None
        self.fail_after = 0  # observations before `error` is raised
        self.page = 2
        self.hire(*names)

    def hire(self, *names: str, groups: Iterable[str] = (), **fields: Any) -> None:
        """New people, or people changed to these fields."""
        for name in names:
            self.people[name] = user(name, **fields)
        self.join(*names, groups=groups)

    def change(self, name: str, **fields: Any) -> None:
        """Some fields of a person change."""
        self.people[name] = msgspec.structs.replace(self.people[name], **fields)

    def suspend(self, *names: str) -> None:
        """Accounts are disabled."""
        for name in names:
            self.change(name, state=UserState.SUSPENDED)

    def restore(self, *names: str) -> None:
        """Accounts are enabled again."""
        for name in names:
            self.change(name, state=UserState.ACTIVE)

    def delete(self, *names: str) -> None:
        """Accounts are no longer listed."""
        for name in names:
            del self.people[name]
            for members in self.inside.values():
                members.discard(name)

    def add_group(self, *names: str) -> None:
        """Groups without members."""
        for name in names:
            self.groups.setdefault(name, group(name))
            self.inside.setdefault(name, set())
            self.nested.setdefault(name, set())

    def join(self, *names: str, groups: Iterable[str]) -> None:
        """People join groups, which are made where they are missing."""
        self.add_group(*groups)
        for each in groups:
            self.inside[each] |= set(names)

    def leave(self, *names: str, groups: Iterable[str]) -> None:
        """People leave groups."""
        for each in groups:
            self.inside[each] -= set(names)

    def nest(self, parent: str, child: str) -> None:
        """A group becomes a member of another."""
        self.add_group(parent, child)
        self.nested[parent].add(child)

    def unnest(self, parent: str, child: str) -> None:
        """A group is no longer a member of another."""
        self.nested[parent].discard(child)

    def drop_group(self, name: str) -> None:
        """A group is deleted."""
        known: dict[str, Any]
        for known in (self.groups, self.inside, self.nested):
            known.pop(name)
        for children in self.nested.values():
            children.discard(name)

    async def check(self, wanted: Wanted) -> list[Finding]:  # noqa: ARG002 - the protocol's argument
        """Nothing to find."""
        return []

    async def close(self) -> None:
        """Nothing to close."""

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """Everything, a page of two at a time, as connectors do it."""
        for number, observation in enumerate(self.observations(wanted)):
            if self.error is not None and number >= self.fail_after:
                raise self.error
            yield observation
        if self.error is not None:
            raise self.error

    async def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:  # noqa: ARG002
        """What the directory says by id: the hidden are still there, the deleted are deleted, of the purged it knows
        nothing, and of the silent it says nothing."""
        self.confirmed += [*questions.people, *questions.groups]
        self.witnessed += questions.members
        for name in (one for one in questions.people if one not in self.silent):
            yield UsersSeen((self.people[name],)) if name in self.people else UserGone(name, self._evidence(name))
        for name in (one for one in questions.groups if one not in self.silent):
            yield GroupsSeen((self.groups[name],)) if name in self.groups else GroupGone(name, self._evidence(name))
        for one in (each for each in questions.members if not self.silent & {each.group, each.member}):
            inside = one.member in (self.nested if one.nested else self.inside)[one.group]
            yield in_or_out(one, is_member=inside)

    def _evidence(self, name: str) -> Evidence:
        return Evidence.ABSENCE if name in self.purged else Evidence.TOMBSTONE

    def observations(self, wanted: Wanted) -> list[Observation]:
        """What a pull reports."""
        people = [person for name, person in self.people.items() if name not in self.hidden]
        listed = [each for name, each in self.groups.items() if name not in self.hidden]
        seen: list[Observation] = [UserGone(name, off_since=self.deleted_at.get(name, "")) for name in self.tombstones]
        seen += [UsersSeen(tuple(people[at : at + self.page])) for at in range(0, len(people), self.page)]
        seen += [self._end("users"), GroupsSeen(tuple(listed)), self._end("groups")]
        for each in self._expanded(wanted, listed):
            seen += [self._members(each), self._end("members", each)]
        return seen

    def _expanded(self, wanted: Wanted, listed: list[DirectoryGroup]) -> list[str]:
        ids = list(dict.fromkeys(resolve(wanted.groups, listed, wanted.bound).ids.values()))
        for each in ids:  # grows while it is walked
            if wanted.nested:
                ids += sorted(self.nested[each] - set(ids))
        return ids

    def _members(self, name: str) -> MembersSeen:
        unlisted = self.hidden | {who for group, who in self.unlisted if group == name}
        return MembersSeen(
            name, tuple(sorted(self.inside[name] - unlisted)), tuple(sorted(self.nested[name] - unlisted))
        )

    def _end(self, collection: str, name: str = "") -> CollectionEnd:
        short = (name or collection) in self.partial
        reason = f"{name or collection} could not be read" if short else ""
        return CollectionEnd(collection, Completeness.PARTIAL if short else Completeness.COMPLETE, name, reason)


def sync(store: Store, directory: Directory, asked: Policy | None = None, **options: Any) -> Report:
    """One run, in this process."""
    wanted = policy() if asked is None else asked
    return asyncio.run(run_once(store, wanted, directory, progress=lambda *_: None, **options))


def changes(store: Store, report: Report) -> list[tuple[Any, ...]]:
    """The actions of a run in short."""
    return [brief(action) for action in actions_of(store, report.run)]


def people(store: Store, workspace: str = WORKSPACE) -> dict[str, RosterMember]:
    """The active members by address."""
    return {each.email: each for each in roster(store, workspace) if each.active}


def admins(store: Store) -> set[str]:
    """First parts of the addresses of active admins."""
    return {email.split("@")[0] for email, each in people(store).items() if each.roles.get("role") == "admin"}
