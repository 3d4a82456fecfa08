"""How `rosterd check` asks Google: what each feature needs there, and the requests that try it.

Scopes, privileges and menus: facts/setup-steps.md §1.4; facts/directory-apis.md §1.1. What does not live here: the
order of the steps (checking.py), and reading itself (google.py).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.base import ConnectorError, Malformed, NotReadable, Refused
from connectors.checking import Extra, Names, People, Signed, forbidden, separately
from connectors.clocks import Clock
from connectors.google_errors import DELEGATE, ROLE
from connectors.google_sdk import GROUPS_SCOPE, SCOPES, USERS_SCOPE, Sdk
from connectors.google_wire import STANDARD, Reading
from connectors.paging import decode, text
from connectors.permissions import Grant, Need
from reconciler.model import DirectoryGroup, GroupsSeen, MembersSeen, Observation

if TYPE_CHECKING:
    from connectors.answer import Answer
    from connectors.transport import Transport

SCHEMAS_SCOPE = "https://www.googleapis.com/auth/admin.directory.userschema.readonly"

_ENTRY = (
    "admin.google.com > Security > Access and data control > API controls > Manage Domain Wide Delegation: at the "
    "entry of the key file's client_id"
)


def _need(feature: str, what: str, without: str, scope: str, privilege: str, **more: Any) -> Need:
    role = Grant(f"the admin API privilege {privilege} of the subject", f"{ROLE}; here it is {privilege}")
    granted = Grant(f"the scope {scope}", f"{_ENTRY} add {scope}; it can take up to 24 hours", scope)
    return Need(feature, what, without, granted, role, narrowed=f"{ROLE}, for all organizational units", **more)


_USERS, _GROUPS = (USERS_SCOPE, "Users > Read"), (GROUPS_SCOPE, "Groups > Read")
_KEPT = "who vanished from the list is not believed gone, and stays"
NEEDS = {
    "people": _need("people", "people cannot be read", "nobody can be synced", *_USERS),
    "groups": _need(
        "groups", "groups cannot be read", "no roles or teams come from groups, and every sync fails", *_GROUPS
    ),
    "members": _need("members", "members of groups cannot be read", "groups give no roles and no teams", *_GROUPS),
    "by_id": _need("leavers", "people cannot be asked for by id", _KEPT, *_USERS, optional=True),
    "deleted": _need("leavers", "deleted people cannot be listed", _KEPT, *_USERS, optional=True),
}
_FINE = {"leavers": "who vanishes from the list can be asked for by id, and looked up among the deleted"}


@dataclass(frozen=True)
class GoogleReads:
    """The connector's own requests, as `check` uses them."""

    people: Callable[[Reading, frozenset[str]], AsyncGenerator[People, None]]
    groups: Callable[[set[str]], AsyncGenerator[GroupsSeen, None]]
    members: Callable[[str, Collection[str]], AsyncGenerator[MembersSeen, None]]
    ask: Callable[[str, frozenset[str]], Awaitable[Observation]]
    deleted: Callable[[], AsyncGenerator[Any, None]]
    schemas: Callable[[], Awaitable["Answer"]]


@dataclass
class GoogleProbe:
    """One customer; `peopled` are groups in which Google counts members."""

    sdk: Sdk
    transport: "Transport"
    reads: GoogleReads
    vendor: str = "Google"
    signed: bool = True
    needs: Mapping[str, Need] = field(default_factory=lambda: NEEDS)
    fine: Mapping[str, str] = field(default_factory=lambda: _FINE)
    granted: frozenset[str] = frozenset(SCOPES)
    peopled: set[str] = field(default_factory=set)
    attributes: frozenset[str] = frozenset()
    found: dict[str, str] = field(default_factory=dict)  # where bare names turned up

    def lacks(self, error: ConnectorError) -> bool:
        """403 says other things too: the API is off, or closed for the domain."""
        return forbidden(error) and (isinstance(error, NotReadable) or error.fix in (ROLE, DELEGATE))

    async def sign_in(self, clock: Clock) -> Signed:
        """A token; one scope that is not delegated fails the whole request, so that each is then tried by itself."""
        try:
            try:
                await self._token(SCOPES)
            except Refused as exc:
                if exc.fix != DELEGATE:
                    raise
                self.granted = await separately(SCOPES, lambda scope: self._token((scope,)))
                if not self.granted:
                    raise
                await self._token(self.granted)
        finally:
            clock.note(self.sdk.token_headers)
        names = ", ".join(sorted(scope.rpartition("/")[2] for scope in self.granted))
        words = f"a token was issued with {names}; the subject's admin role decides what they show"
        return Signed(self.granted, frozenset(SCOPES) - self.granted, words)

    async def _token(self, scopes: Iterable[str]) -> None:
        self.sdk.ask_for(sorted(scopes))
        await self.transport.call("POST /token", self.sdk.sign_in)

    # -- what is read ---------------------------------------------------------------------------------------------

    async def people(self, attributes: frozenset[str]) -> AsyncGenerator[People, None]:
        reading = Reading(attributes)
        async with aclosing(self.reads.people(reading, attributes)) as pages:
            async for page in pages:
                self.attributes |= attributes  # those that Google accepts
                self.found.update(reading.resolved)
                yield page

    async def groups(self) -> AsyncGenerator[Sequence[DirectoryGroup], None]:
        async with aclosing(self.reads.groups(self.peopled)) as pages:
            async for page in pages:
                yield page.groups

    def members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        return self.reads.members(group, self.peopled)

    async def person(self, external_id: str) -> Observation:
        return await self.reads.ask(external_id, self.attributes)

    def extras(self, read: Collection[str], someone: str) -> Iterator[Extra]:  # noqa: ARG002 -- a Probe
        if someone:
            yield Extra("deleted", self._first_deleted)

    async def _first_deleted(self) -> None:
        async with aclosing(self.reads.deleted()) as pages:
            await anext(pages)

    # -- attributes -----------------------------------------------------------------------------------------------

    def places(self) -> Iterable[tuple[str, str]]:
        return self.found.items()

    async def names(self) -> Names:
        """The custom schemas, where their scope is delegated too, else the fields that a page of people shows."""
        try:
            await self._token((SCHEMAS_SCOPE,))
            return Names(STANDARD | _fields(decode(await self.reads.schemas(), "GET schemas")), whole=True)
        except (Refused, Malformed):
            return Names(STANDARD)  # optional: nothing else needs that scope
        finally:
            self.sdk.ask_for(sorted(self.granted))


def _fields(body: Any) -> frozenset[str]:
    """`Schema.field` of every custom field; an account without any has no list."""
    schemas = body.get("schemas", ()) if isinstance(body, dict) else ()
    return frozenset(
        f"{text(schema.get('schemaName'))}.{text(each.get('fieldName'))}"
        for schema in schemas
        for each in schema.get("fields", ())
    )
