"""Okta: people, groups and group members of one org, read with the `okta` package.

The package signs requests and fetches tokens (`RequestExecutor.create_request`); bodies come as bytes over one aiohttp
session and are parsed once. Its typed models reject whole pages for one odd record, its pager ends without an error
when a page fails, and `execute` parses everything twice: none of them is used (docs/opinions.md, "Raw JSON").
"""

import re
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from connectors import confirming, cursors, listing
from connectors.address import Address, same_origin
from connectors.answer import Answer
from connectors.base import (
    ConnectorConfig,
    Counts,
    Finding,
    Opened,
    Refused,
    SecretRef,
    complaint,
)
from connectors.checking import Check
from connectors.confirming import Asked, ById
from connectors.limits import Limiter
from connectors.members import expand
from connectors.okta_changes import groups_since, instant, moved, users_since
from connectors.okta_check import OktaProbe, OktaReads
from connectors.okta_errors import judge, judge_by_id, judge_group, judge_page
from connectors.okta_limits import family, pace, smaller
from connectors.okta_sdk import Session, TokenRefused
from connectors.okta_wire import member_ids, next_link, records
from connectors.paging import decode, each, pages, text
from connectors.reader import Reader
from connectors.transport import Judge, Transport
from reconciler.groups import resolve
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Cursor,
    DirectoryGroup,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
    UserState,
    Wanted,
)

# -- Config -------------------------------------------------------------------------------------------------------


_ADMIN_CONSOLE = re.compile(r"(https://[\w-]+)-admin(\.okta[\w-]*\.com)(?:/.*)?", re.IGNORECASE)


class Config(ConnectorConfig):
    """One Okta org: an API token (SSWS), or a service app that signs with a private key."""

    credentials = (("token",), ("client_id", "private_key"))

    kind: Literal["okta"] = "okta"
    url: Address = Field(
        description="https://acme.okta.com, never the -admin address", examples=["https://acme.okta.com"]
    )
    token: SecretRef | None = Field(default=None, description="an API token (Security > API > Tokens)")
    client_id: str | None = Field(
        default=None, description="a service app's client ID, instead of a token", examples=["0oa1b2c3d4E5f6G7h8i9"]
    )
    private_key: SecretRef | None = Field(
        default=None,
        description="that app's private key (RSA or EC), PEM or JWK",
        examples=[{"file": "okta-private-key.pem"}],
    )
    key_id: str | None = Field(default=None, description="the key's `kid`, if the key itself does not name it")
    dpop: bool = Field(default=False, description="send DPoP proofs (RFC 9449); new apps require them unless unticked")
    scopes: tuple[str, ...] = Field(default=("okta.users.read", "okta.groups.read"), description="of the service app")
    endpoint: Address | None = Field(
        default=None,
        description="replaces `url` for requests: a simulator or private proxy",
        examples=["http://127.0.0.1:8470"],
    )

    @field_validator("url")
    @classmethod
    def _no_console(cls, url: str) -> str:
        if own := _ADMIN_CONSOLE.fullmatch(url):
            raise complaint("bad_url", "this is the address of Okta's Admin Console", f"write {own[1]}{own[2]}")
        return url

    @model_validator(mode="after")
    def _one_credential(self) -> "Config":
        app = (self.client_id is not None, self.private_key is not None)
        if (self.token is not None, *app) not in ((True, False, False), (False, True, True)):
            raise ValueError("give either token, or client_id and private_key")
        return self


def open(config: Config, opened: Opened) -> "Okta":  # noqa: A001 -- what the registry calls
    """The connector of one org.

    Raises:
        Refused: a secret is missing, or the private key is none that the package can sign with.
    """
    return Okta(config, opened)


# -- the connector ------------------------------------------------------------------------------------------------

_USERS = "/api/v1/users?limit=200&fields=profile:({}),status,statusChanged"
_GROUPS = "/api/v1/groups?limit=200"
_MEMBERS = "/api/v1/groups/{}/users?limit=1000"
_OF_PERSON = "/api/v1/users/{}/groups"
_PROFILE = ("login", "email", "firstName", "lastName", "displayName", "title", "department", "manager")
_AT_ONCE = 5  # of 75 (15 on small plans) for the whole org (facts §5)


class Okta(Reader):
    """One org, open for reading: the bare list of people (without DEPROVISIONED ones), groups, wanted members."""

    def __init__(self, config: Config, opened: Opened) -> None:
        from aiohttp import ClientError

        self.counts = Counts()
        self._base = config.endpoint or config.url
        self._scopes = config.scopes
        self._opened = opened
        self._session = Session(config, self._base, opened.headers)
        transport = Transport(
            opened.directory,
            judge,
            errors=(TokenRefused, ClientError, TimeoutError),
            counts=self.counts,
            limiter=Limiter(_AT_ONCE, pace, clock=opened.monotonic, sleep=opened.sleep),
            renew=self._session.renew if config.token is None else None,
            deadline=opened.deadline,
            patience=opened.patience,
        )
        super().__init__(transport, seconds=opened.deadline, window=_AT_ONCE)

    async def check(self, wanted: Wanted) -> list[Finding]:
        """Every feature that a sync uses, tried by itself."""
        reads = OktaReads(
            users_path, _GROUPS, lambda answer, attributes: self._users(answer, Wanted(attributes=attributes)),
            self._pages, next_link, self._groups, self._members,
            lambda one, attributes: self._ask(one, Wanted(attributes=attributes)),
        )  # fmt: skip
        probe = OktaProbe(self._session, self._transport, reads, self._scopes)
        return await Check(probe, self._transport, wanted, self._opened).run()

    async def close(self) -> None:
        await self._session.close()

    # -- everything ---------------------------------------------------------------------------------------------

    async def _everything(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        place = cursors.Place(self._digest(wanted), {})
        async with aclosing(self._read(wanted, place, users_path(wanted.attributes), _GROUPS)) as found:
            async for observation in found:
                yield observation

    async def _changes(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """People and groups changed since a while before the last read; the members of groups that moved since."""
        place = cursors.opened(wanted.cursor, self._digest(wanted))
        since = place.marks["since"]
        people = users_path(wanted.attributes) + users_since(since)
        async with aclosing(self._read(wanted, place, people, _GROUPS + groups_since(since))) as found:
            async for observation in found:
                yield observation

    async def _read(
        self, wanted: Wanted, place: cursors.Place, users: str, groups: str
    ) -> AsyncGenerator[Observation, None]:
        """One read, of everything or (when `place` has marks) of changes."""
        whole = Completeness.DELTA if place.marks else Completeness.COMPLETE
        unclear: list[str] = []
        marks: dict[str, str] = {}
        seen: list[DirectoryGroup] = []
        stamps: dict[str, str] = {}
        ends: list[CollectionEnd] = []
        start = partial(self._people, users, wanted, unclear, marks)
        async with aclosing(listing.people("Okta", start, unclear, "status", whole)) as people:
            async for observation in people:
                ends += [observation] if isinstance(observation, CollectionEnd) else []
                for told in _told(observation):
                    yield told
        start_groups = partial(self._groups, groups, stamps)
        async with aclosing(listing.groups("Okta", start_groups, seen, wanted, whole)) as pages_of_groups:
            async for page in pages_of_groups:
                ends += [page] if isinstance(page, CollectionEnd) else []
                yield page
        told_whole = all(end.completeness is whole for end in ends)
        async with aclosing(expand(self._ids(wanted, seen, place, stamps), self._members, window=2 * _AT_ONCE)) as read:
            async for member in read:
                ends += [member] if isinstance(member, CollectionEnd) else []
                yield member
        if told_whole and marks:
            yield cursors.after(place, marks, ends, stamps=moved(stamps, marks["since"]))
        elif place.marks:
            yield Cursor(wanted.cursor)  # the next read begins where this one did

    def _ids(
        self, wanted: Wanted, seen: list[DirectoryGroup], place: cursors.Place, stamps: Mapping[str, str]
    ) -> set[str]:
        """Groups whose members are read: all that are wanted, or those that moved or were not read before."""
        if not place.marks:
            return {*resolve(wanted.groups, seen, wanted.bound).ids.values()}
        fresh = moved(stamps, place.marks["since"])
        changed = {group for group, stamp in fresh.items() if place.stamps.get(group) != stamp}
        return (changed & place.read) | cursors.to_read(wanted, seen, place)

    def _digest(self, wanted: Wanted) -> str:
        return cursors.digest(wanted, self._base, _USERS)

    # -- requests -----------------------------------------------------------------------------------------------

    def _by_id(self, wanted: Wanted) -> ById:
        return ById(partial(self._ask, wanted=wanted), self._ask_group, self._ask_memberships, together=True)

    async def _ask(self, external_id: str, wanted: Wanted) -> Observation:
        """One person: still there, deprovisioned (which the bare list leaves out), or unknown to Okta."""
        record = await self._record("users", external_id)
        if record is None:
            return UserGone(external_id, Evidence.ABSENCE)
        (user,) = each([record], partial(to_user, attributes=wanted.attributes), "GET /api/v1/users/{id}")
        return confirming.seen_or_gone(user)

    async def _ask_group(self, group: str) -> Observation:
        record = await self._record("groups", group)
        if record is None:
            return GroupGone(group, Evidence.ABSENCE)
        return GroupsSeen(each([record], to_group, "GET /api/v1/groups/{id}"))

    async def _record(self, kind: str, external_id: str) -> Any:
        """One object by id, None when Okta does not know it."""
        request, path = f"GET /api/v1/{kind}/{external_id}", f"/api/v1/{kind}/{quote(external_id, safe='')}"
        send = partial(self._session.get, self._base + path)
        answer = await self._transport.call(request, send, judge_by_id, family=family(path))
        return None if answer.status == 404 else decode(answer, request)

    async def _ask_memberships(self, asked: Asked) -> list[Observation]:
        """All of one person's groups at once; of somebody whom Okta does not know it tells none."""
        path, groups = _OF_PERSON.format(quote(asked[0].member, safe="")), set[str]()
        async with aclosing(self._pages(path, judge_by_id)) as answers:
            async for answer in answers:
                found = each(records(answer, f"GET {path}"), to_group, f"GET {path}")
                groups.update([group.external_id for group in found])
        return [confirming.in_or_out(one, is_member=one.group in groups) for one in asked]

    def _users(self, answer: Answer, wanted: Wanted, unclear: list[str] | None = None) -> tuple[DirectoryUser, ...]:
        request = "GET /api/v1/users"
        raw = records(answer, request)
        users = each(raw, partial(to_user, attributes=wanted.attributes), request)
        if unclear is not None:
            unclear += [record["id"] for record in raw if not record.get("status")]
        return users

    async def _people(
        self, path: str, wanted: Wanted, unclear: list[str], marks: dict[str, str]
    ) -> AsyncGenerator[tuple[DirectoryUser, ...], None]:
        """Pages of people; the first answer's own time is where the next read begins."""
        unclear.clear()
        async with aclosing(self._pages(path)) as answers:
            async for answer in answers:
                if not marks and (now := instant(answer.headers)):
                    marks["since"] = now
                yield self._users(answer, wanted, unclear)

    async def _groups(self, path: str, stamps: dict[str, str]) -> AsyncGenerator[GroupsSeen, None]:
        """Pages of groups; `stamps` collects when each one's members changed last."""
        request = "GET /api/v1/groups"
        async with aclosing(self._pages(path)) as answers:
            async for answer in answers:
                raw = records(answer, request)
                found = each(raw, to_group, request)
                stamps.update((record["id"], text(record.get("lastMembershipUpdated"))) for record in raw)
                yield GroupsSeen(found)

    async def _members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        async with aclosing(self._pages(_MEMBERS.format(quote(group, safe="")), judge_group)) as answers:
            async for answer in answers:
                yield MembersSeen(group, member_ids(answer, group))

    async def _pages(self, path: str, judge: Judge = judge) -> AsyncGenerator[Answer, None]:
        request = f"GET {path.partition('?')[0]}"

        def following(answer: Answer) -> str | None:
            link = next_link(answer.headers)
            return None if link is None else same_origin(link, self._base, request)

        fetch = partial(self._get, judge=judge)
        async with aclosing(pages(self._base + path, fetch, following, request=request)) as answers:
            async for answer in answers:
                yield answer

    async def _get(self, url: str, judge: Judge = judge) -> Answer:
        """One page; with half as many records, and half of those, while Okta says that it takes too long."""
        url = url if url.startswith("http") else self._base + url
        while True:
            path, half = url.removeprefix(self._base), smaller(url)
            judged = judge if half is None else partial(judge_page, judge=judge)
            send = partial(self._session.get, url)
            answer = await self._transport.call(f"GET {path}", send, judged, family=family(path))
            if half is None or answer.status == 200:
                return answer
            url = half
            self.counts.retries += 1


def _told(observation: UsersSeen | CollectionEnd) -> Iterable[Observation]:
    """DEPROVISIONED people as the tombstones that they are (facts §2); pages of others as they are."""
    if isinstance(observation, CollectionEnd):
        return (observation,)
    gone = [
        UserGone(user.external_id, off_since=user.off_since)
        for user in observation.users
        if user.state is UserState.GONE
    ]
    if not gone:
        return (observation,)
    return (UsersSeen(tuple([user for user in observation.users if user.state is not UserState.GONE])), *gone)


def users_path(attributes: Iterable[str]) -> str:
    """The listing of people with the profile keys that are used, and no others (sub-fields only inside `profile:()`).

    Raises:
        Refused: an attribute cannot be a key of an Okta profile.
    """
    for name in attributes:
        if not re.fullmatch(r"\w+", name, re.ASCII):
            raise Refused(
                f"{name!r} is no attribute of an Okta profile", fix="write its variable name (Profile Editor)"
            )
    return _USERS.format(",".join([*_PROFILE, *sorted(set(attributes) - set(_PROFILE))]))


# -- to_user, to_group --------------------------------------------------------------------------------------------

# RECOVERY, PASSWORD_EXPIRED and LOCKED_OUT people are still employed (facts §2). ACTIVATING, which is documented in
# prose only, and whatever comes next is UNKNOWN.
STATES = {
    "ACTIVE": UserState.ACTIVE,
    "RECOVERY": UserState.ACTIVE,
    "PASSWORD_EXPIRED": UserState.ACTIVE,
    "LOCKED_OUT": UserState.ACTIVE,
    "SUSPENDED": UserState.SUSPENDED,
    "DEPROVISIONED": UserState.GONE,
    "STAGED": UserState.PENDING,
    "PROVISIONED": UserState.PENDING,
}
OFF = frozenset({UserState.SUSPENDED, UserState.GONE})


def to_user(raw: Mapping[str, Any], attributes: Collection[str] = ()) -> DirectoryUser:
    """A User object of the management API.

    Raises:
        KeyError: no `id`.
    """
    profile = raw.get("profile") or {}
    get = profile.get
    state = STATES.get(raw.get("status", ""), UserState.UNKNOWN)
    return DirectoryUser(
        external_id=raw["id"],
        state=state,
        user_name=text(get("login")),
        email=text(get("email")),
        given_name=text(get("firstName")),
        family_name=text(get("lastName")),
        display_name=text(get("displayName")),
        title=text(get("title")),
        department=text(get("department")),
        manager=text(get("manager")),
        attributes={name: get(name) for name in attributes if get(name) is not None} if attributes else {},
        off_since=text(raw.get("statusChanged")) if state in OFF else "",
    )


def to_group(raw: Mapping[str, Any]) -> DirectoryGroup:
    """A Group object of the management API; its name is in the profile.

    Raises:
        KeyError: no `id`.
    """
    return DirectoryGroup(raw["id"], text((raw.get("profile") or {}).get("name")))
