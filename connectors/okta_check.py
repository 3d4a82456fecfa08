"""How `rosterd check` asks Okta: what each feature needs there, and the requests that try it.

Scopes, roles and menus: facts/setup-steps.md §1.1, §1.2; facts/directory-apis.md §1.3. What does not live here: the
order of the steps (checking.py), and reading itself (okta.py).
"""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from connectors.base import ConnectorError, Refused
from connectors.checking import Extra, Names, People, Signed, forbidden, separately
from connectors.clocks import Clock
from connectors.okta_changes import groups_since, instant, users_since
from connectors.okta_errors import ROLE, SCOPES
from connectors.okta_sdk import Session, TokenRefused
from connectors.paging import decode, require_array
from connectors.permissions import Grant, Need
from reconciler.model import DirectoryGroup, DirectoryUser, GroupsSeen, MembersSeen, Observation

if TYPE_CHECKING:
    from connectors.answer import Answer
    from connectors.transport import Transport

USERS, GROUPS, SCHEMAS = "okta.users.read", "okta.groups.read", "okta.schemas.read"
_VIEW_USERS, _VIEW_GROUPS = "View users and their details", "View groups and their details"
_SCHEMA = "/api/v1/meta/schemas/user/default"
_SCOPE_ERRORS = ("invalid_scope", "access_denied")


def _need(feature: str, what: str, without: str, scope: str, view: str, **more: Any) -> Need:
    role = Grant(f"an admin role with '{view}'", f"{ROLE}, or a custom role with '{view}' and a resource set of all")
    granted = Grant(f"the Okta scope {scope}", f"{SCOPES}: {scope}", scope)
    narrowed = f"{ROLE}; a custom role shows what its resource set holds"
    return Need(feature, what, without, granted, role, narrowed=narrowed, **more)


_SYNC = "no roles or teams come from groups, and every sync fails"
_NEEDS = {
    "people": _need("people", "people cannot be read", "nobody can be synced", USERS, _VIEW_USERS),
    "groups": _need("groups", "groups cannot be read", _SYNC, GROUPS, _VIEW_GROUPS),
    "members": _need(
        "members", "members of groups cannot be read", "groups give no roles and no teams", GROUPS, _VIEW_GROUPS
    ),
    "by_id": _need(
        "leavers", "people cannot be asked for by id", "who vanished from the list is not believed gone, and stays",
        USERS, _VIEW_USERS, optional=True,
    ),
    "people_changes": _need(
        "changes", "people cannot be filtered by the time of their last change", "runs between two whole reads fail",
        USERS, _VIEW_USERS,
    ),
    "groups_changes": _need(
        "changes", "groups cannot be filtered by the time of their last change", "runs between two whole reads fail",
        GROUPS, _VIEW_GROUPS,
    ),
}  # fmt: skip
_FINE = {
    "leavers": "who vanishes from the list can be asked for by id",
    "changes": "what changed since the last run can be asked for",
}


@dataclass(frozen=True)
class OktaReads:
    """The connector's own requests, as `check` uses them."""

    users_path: Callable[[Iterable[str]], str]
    groups_path: str
    users: Callable[["Answer", frozenset[str]], tuple[DirectoryUser, ...]]
    pages: Callable[[str], AsyncGenerator["Answer", None]]
    following: Callable[[Mapping[str, str]], str | None]
    groups: Callable[[str, dict[str, str]], AsyncGenerator[GroupsSeen, None]]
    members: Callable[[str], AsyncGenerator[MembersSeen, None]]
    ask: Callable[[str, frozenset[str]], Any]


@dataclass
class OktaProbe:
    """One org; `scopes` are those of the configuration, empty for an API token."""

    session: Session
    transport: "Transport"
    reads: OktaReads
    scopes: tuple[str, ...]
    vendor: str = "Okta"
    fine: Mapping[str, str] = field(default_factory=lambda: _FINE)
    since: str = ""
    attributes: frozenset[str] = frozenset()

    @property
    def signed(self) -> bool:
        return self.session.signed

    @property
    def needs(self) -> Mapping[str, Need]:
        if self.session.signed:
            return {name: _unasked(need, self.scopes) for name, need in _NEEDS.items()}
        return {name: _by_role(need) for name, need in _NEEDS.items()}

    def lacks(self, error: ConnectorError) -> bool:
        return forbidden(error) and "E0000015" not in error.message  # a feature that the org does not have

    # -- signing in -----------------------------------------------------------------------------------------------

    async def sign_in(self, clock: Clock) -> Signed:
        """A service app's token; where Okta refuses some of the scopes, each is asked for by itself."""
        if not self.session.signed:
            words = "the API token is accepted; it sees no more than its owner's admin role shows"
            return Signed(words=words, proven=False)
        try:
            try:
                await self._token()
            except Refused as exc:
                if not _about_scopes(exc):
                    raise
                granted = await separately(self.scopes, self._token)
                if not granted:
                    raise
                await self._token(*granted)
        finally:
            clock.note(self.session.token_headers)
        granted = self.session.granted
        said = f"a token was issued with {', '.join(sorted(granted))}; the app's admin role decides what they show"
        return Signed(_reading(granted), frozenset({USERS, GROUPS}) - _reading(granted), said)

    async def _token(self, *scopes: str) -> None:
        if scopes:
            self.session.ask_for(scopes)
        await self.transport.call("POST /oauth2/v1/token", self.session.sign_in)

    # -- what is read ---------------------------------------------------------------------------------------------

    async def people(self, attributes: frozenset[str]) -> AsyncGenerator[People, None]:
        self.attributes = attributes
        async with aclosing(self.reads.pages(self.reads.users_path(attributes))) as answers:
            async for answer in answers:
                self.since = self.since or instant(answer.headers)
                more = self.reads.following(answer.headers) is not None
                yield People(self.reads.users(answer, attributes), more)

    async def groups(self) -> AsyncGenerator[Sequence[DirectoryGroup], None]:
        async with aclosing(self.reads.groups(self.reads.groups_path, {})) as pages:
            async for page in pages:
                yield page.groups

    def members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        return self.reads.members(group)

    async def person(self, external_id: str) -> Observation:
        found: Observation = await self.reads.ask(external_id, self.attributes)
        return found

    def extras(self, read: Collection[str], someone: str) -> Iterator[Extra]:  # noqa: ARG002 -- a Probe
        if "people" in read and self.since:
            people = self.reads.users_path(self.attributes) + users_since(self.since)
            yield Extra("people_changes", lambda: self._first(people))
        if "groups" in read and self.since:
            groups = self.reads.groups_path + groups_since(self.since)
            yield Extra("groups_changes", lambda: self._first(groups))

    async def _first(self, path: str) -> "Answer":
        async with aclosing(self.reads.pages(path)) as answers:
            return await anext(answers)

    # -- attributes -----------------------------------------------------------------------------------------------

    def places(self) -> Iterable[tuple[str, str]]:
        return [(name, f"profile.{name}") for name in self.attributes]

    async def names(self) -> Names:
        """The user schema, where it may be read; else the keys that a page of profiles shows."""
        if not self.session.signed or SCHEMAS in self.session.granted:
            try:
                return Names(_properties(decode(await self._first(_SCHEMA), f"GET {_SCHEMA}")), whole=True)
            except Refused:
                pass  # optional: the profiles tell something too
        answer = await self._first("/api/v1/users?limit=200")
        raw = require_array(decode(answer, "GET /api/v1/users"), "GET /api/v1/users")
        return Names(frozenset(name for user in raw for name in user.get("profile") or ()))


def _reading(scopes: Iterable[str]) -> frozenset[str]:
    """A scope that lets write lets read too."""
    return frozenset(name for scope in scopes for name in (scope, scope.replace(".manage", ".read")))


def _about_scopes(exc: Refused) -> bool:
    cause = exc.__cause__
    return isinstance(cause, TokenRefused) and getattr(cause.cause, "error_code", "") in _SCOPE_ERRORS


def _properties(schema: Any) -> frozenset[str]:
    parts = schema["definitions"].values() if isinstance(schema, dict) else ()
    return frozenset(name for part in parts if isinstance(part, dict) for name in part.get("properties", ()))


def _by_role(need: Need) -> Need:
    """An API token has no scopes: what its owner's role does not show is refused."""
    return replace(need, scope=Grant(need.role.words, need.role.fix))


def _unasked(need: Need, scopes: Iterable[str]) -> Need:
    """A scope that the configuration itself does not ask for."""
    if need.scope.name in _reading(scopes):
        return need
    fix = f"add it to `scopes` in the configuration, or remove that line; then {need.scope.fix}"
    return replace(need, scope=replace(need.scope, fix=fix))
