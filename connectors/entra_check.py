"""How `rosterd check` asks Microsoft Graph: what each feature needs there, and the requests that try it.

Permissions and menus: facts/setup-steps.md §1.3; facts/directory-apis.md §1.2. A token is read for the permissions that
it carries, which explains a refusal; what works is decided by asking. What does not live here: the order of the steps
(checking.py), and reading itself (entra.py).
"""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from connectors.base import ConnectorError, Finding, Refused
from connectors.checking import Extra, Names, People, Signed, forbidden
from connectors.clocks import Clock
from connectors.entra_attributes import NAMES
from connectors.entra_delta import tracked
from connectors.entra_sdk import Session, TokenRefused
from connectors.permissions import Grant, Need
from reconciler.model import DirectoryGroup, GroupsSeen, MembersSeen, Observation

if TYPE_CHECKING:
    from connectors.transport import Transport

USERS, GROUPS, HIDDEN = "User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"
_API = "App registrations > the app > API permissions"


def _added(permission: str) -> str:
    return f"{_API} > Add a permission > Microsoft Graph > Application permissions: {permission}; Grant admin consent"


def _need(feature: str, what: str, without: str, permission: str, **more: Any) -> Need:
    again = (
        f"{_API}: the row of {permission} must read Granted; Grant admin consent again and wait some minutes; if it "
        "stays, look for a Conditional Access policy for workload identities"
    )
    narrowed = f"{_API}: the row of {permission} must read Granted; compare tenant_id with Overview"
    scope = Grant(f"the application permission {permission}", _added(permission), permission)
    role = Grant(f"a consent that counts (the token carries {permission}, and Graph refuses all the same)", again)
    return Need(feature, what, without, scope, role, narrowed=narrowed, **more)


_SYNC = "no roles or teams come from groups, and every sync fails"
NEEDS = {
    "people": _need("people", "people cannot be read", "nobody can be synced", USERS),
    "groups": _need(
        "groups", "groups cannot be read", _SYNC, GROUPS
    ),
    "members": replace(
        _need("members", "members of groups cannot be read", "groups give no roles and no teams", GROUPS),
        # The same permission has just listed the groups: what is left is that they hide their members.
        role=Grant(f"the application permission {HIDDEN}, which groups with hidden members need,", _added(HIDDEN)),
    ),
    "by_id": _need(
        "leavers", "people cannot be asked for by id", "who vanished from the list is not believed gone, and stays",
        USERS, optional=True,
    ),
    "deleted": _need(
        "leavers", "deleted people cannot be looked up", "who vanished from the list is not believed gone, and stays",
        USERS, optional=True,
    ),
    "people_changes": _need(
        "changes", "changes of people cannot be asked for (delta)", "every run reads everything, which is slower",
        USERS, optional=True,
    ),
    "groups_changes": _need(
        "changes", "changes of groups cannot be asked for (delta)", "every run reads everything, which is slower",
        GROUPS, optional=True,
    ),
}  # fmt: skip
_FINE = {
    "leavers": "who vanishes from the list can be asked for by id, and looked up among the deleted",
    "changes": "what changed since the last run can be asked for (delta)",
}


@dataclass(frozen=True)
class EntraReads:
    """The connector's own requests, as `check` uses them."""

    people: Callable[[frozenset[str]], AsyncGenerator[People, None]]
    groups: Callable[[], AsyncGenerator[GroupsSeen, None]]
    members: Callable[[str], AsyncGenerator[MembersSeen, None]]
    ask: Callable[[str, frozenset[str]], Any]
    get_or_none: Callable[[str], Any]
    deleted_path: str
    latest: Callable[[frozenset[str]], Mapping[str, str]]  # where rounds of delta begin, by "users" and "groups"
    round: Callable[[str], Any]
    paths: Callable[[frozenset[str]], Mapping[str, str]]


@dataclass
class EntraProbe:
    """One tenant."""

    session: Session
    transport: "Transport"
    reads: EntraReads
    signed: bool  # with a certificate
    client_id: str = ""
    vendor: str = "Microsoft"
    needs: Mapping[str, Need] = field(default_factory=lambda: NEEDS)
    fine: Mapping[str, str] = field(default_factory=lambda: _FINE)
    attributes: frozenset[str] = frozenset()

    def lacks(self, error: ConnectorError) -> bool:
        return forbidden(error)

    async def sign_in(self, clock: Clock) -> Signed:
        """The token; Entra issues it whatever the permissions, and says in it which they are."""
        try:
            await self.transport.call("POST /oauth2/v2.0/token", self.session.sign_in)
        except ConnectorError as exc:
            if isinstance(exc.__cause__, TokenRefused):
                clock.note(exc.__cause__.headers)
            raise
        roles = self.session.roles
        if roles is None:
            return Signed(words="a token was issued")
        return Signed(roles, words=f"a token was issued with {', '.join(sorted(roles)) or 'no permission'}")

    # -- what is read ---------------------------------------------------------------------------------------------

    async def people(self, attributes: frozenset[str]) -> AsyncGenerator[People, None]:
        async with aclosing(self.reads.people(attributes)) as pages:
            async for page in pages:
                self.attributes |= attributes  # those that Graph accepts
                yield page

    async def groups(self) -> AsyncGenerator[Sequence[DirectoryGroup], None]:
        async with aclosing(self.reads.groups()) as pages:
            async for page in pages:
                yield page.groups

    def members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        return self.reads.members(group)

    async def person(self, external_id: str) -> Observation:
        found: Observation = await self.reads.ask(external_id, self.attributes)
        return found

    def extras(self, read: Collection[str], someone: str) -> Iterator[Extra]:
        if someone:
            yield Extra("deleted", lambda: self.reads.get_or_none(self.reads.deleted_path.format(someone)))
        if not tracked(self.reads.paths(self.attributes).values()):
            yield Extra("people_changes", self._untracked)
            return
        latest = self.reads.latest(self.attributes)
        if "people" in read:
            yield Extra("people_changes", lambda: self.reads.round(latest["users"]))
        if "groups" in read:
            yield Extra("groups_changes", lambda: self.reads.round(latest["groups"]))

    async def _untracked(self) -> Finding:
        names = ", ".join(map(repr, sorted(self.attributes)))
        text = f"Graph does not tell when one of the attributes {names} changes: every run reads everything"
        return Finding("warning", "changes_not_followed", text, "directory extensions and extensionAttributes are")

    # -- attributes -----------------------------------------------------------------------------------------------

    def places(self) -> Iterable[tuple[str, str]]:
        found = self.reads.paths(self.attributes)
        return [(name, path) for name, path in found.items() if name != path]

    async def names(self) -> Names:
        """Graph's own properties and, where the app may read itself, its directory extensions."""
        if not self.client_id:
            return Names(NAMES)
        path = f"/v1.0/applications(appId='{self.client_id}')/extensionProperties?$select=name"
        try:
            record = await self.reads.get_or_none(path)
        except ConnectorError as exc:
            if isinstance(exc, Refused) and exc.status == 401:
                raise
            return Names(NAMES)  # optional: needs a permission that nothing else does
        found = record.get("value", ()) if isinstance(record, dict) else ()
        return Names(NAMES | {str(each.get("name")) for each in found if isinstance(each, dict)})
