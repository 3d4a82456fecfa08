"""Google Workspace: people, groups and group members of one customer, read with google-api-python-client.

What is asked and what the answers mean (facts: directory-apis.md §2, §3, §6; setup-steps.md §1.4). What does not
live here: the libraries, the key and the token (google_sdk.py), and the JSON (google_wire.py).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Container
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Literal

from msgspec import DecodeError, ValidationError
from msgspec.json import Decoder
from pydantic import Field

from connectors import confirming, listing
from connectors.address import Address
from connectors.answer import Answer
from connectors.base import (
    ConnectorConfig,
    Counts,
    Finding,
    Malformed,
    NotReadable,
    Opened,
    SecretRef,
)
from connectors.checking import Check, People
from connectors.confirming import Asked, ById
from connectors.google_check import GoogleProbe, GoogleReads
from connectors.google_errors import judge, judge_by_id, judge_item, judge_member
from connectors.google_sdk import API, AT_ONCE, Sdk, foreign, key_of
from connectors.google_wire import (
    GROUP,
    GROUP_FIELDS,
    GROUPS,
    MEMBER,
    MEMBER_FIELDS,
    MEMBERS,
    Group,
    Groups,
    Member,
    Name,
    Organization,
    Reading,
    Relation,
    User,
    attributes_of,
    primary,
)
from connectors.limits import Budget, Limiter
from connectors.members import expand
from connectors.paging import not_json, pages, text
from connectors.reader import Reader
from connectors.transport import Judge, Transport
from reconciler.groups import resolve
from reconciler.model import (
    DirectoryGroup,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersSeen,
    Observation,
    UserGone,
    UserState,
    Wanted,
)

# -- Config -------------------------------------------------------------------------------------------------------


class Config(ConnectorConfig):
    """One Google customer: a service account with domain-wide delegation reads in the name of an admin."""

    role_attribute = "Jamie.jamie_role"

    kind: Literal["google"] = "google"
    customer: str = Field(default="my_customer", description="the customer ID; my_customer is the subject's own")
    subject: str = Field(
        description="address of the admin in whose name the service account reads", examples=["admin@acme.com"]
    )
    service_account: SecretRef = Field(
        description="the service account's JSON key file", examples=[{"file": "google-service-account.json"}]
    )
    endpoint: Address | None = Field(
        default=None,
        description=f"replaces {API}: a simulator or private proxy",
        examples=["http://127.0.0.1:8472"],
    )
    token_endpoint: Address | None = Field(
        default=None,
        description="replaces the token_uri of the key file",
        examples=["http://127.0.0.1:8472/token"],
    )


def open(config: Config, opened: Opened) -> "Google":  # noqa: A001 -- what the registry calls
    """The connector of one customer; imports the SDK.

    Raises:
        Refused: no key, one that cannot be used, or one that points away from Google.
    """
    key = key_of(config.service_account, config.token_endpoint)
    return Google(config.customer, Sdk(key, config.subject, config.endpoint or API), opened)


# -- the connector ------------------------------------------------------------------------------------------------

_BURST, _PER_SECOND = 1000, 20  # together below 2,400 in any minute, which no header tells (facts §5)
_REFETCH = 20  # after that many people whose second reading had no status either, nobody else is asked for again


class Google(Reader):
    """One customer, open for reading: people (suspended and archived ones are listed), groups, wanted members."""

    def __init__(self, customer: str, sdk: Sdk, opened: Opened) -> None:
        self.counts = Counts()
        self._customer = customer
        self._sdk = sdk
        self._opened = opened
        budget = Budget(_BURST, _PER_SECOND)
        limiter = Limiter(AT_ONCE, budget=budget, clock=opened.monotonic, sleep=opened.sleep)
        transport = Transport(
            opened.directory,
            judge,
            errors=foreign(),
            counts=self.counts,
            limiter=limiter,
            renew=sdk.renew,
            deadline=opened.deadline,
            patience=opened.patience,
        )
        super().__init__(transport, seconds=opened.deadline, window=AT_ONCE)

    async def check(self, wanted: Wanted) -> list[Finding]:
        """Every feature that a sync uses, tried by itself."""
        reads = GoogleReads(
            self._people_pages, self._groups_seen, self._members, self._ask_once, self._deleted, self._schemas
        )
        probe = GoogleProbe(self._sdk, self._transport, reads)
        return await Check(probe, self._transport, wanted, self._opened).run()

    async def close(self) -> None:
        await self._sdk.close()

    async def _everything(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        unclear: list[str] = []
        groups: list[DirectoryGroup] = []
        peopled: set[str] = set()
        start = partial(self._people, wanted.attributes, unclear)
        async with aclosing(listing.people("Google", start, unclear, "status")) as people:
            async for observation in people:
                yield observation
        read_groups = partial(self._groups_seen, peopled)
        async with aclosing(listing.groups("Google", read_groups, groups, wanted)) as pages_of_groups:
            async for page in pages_of_groups:
                yield page
        ids = resolve(wanted.groups, groups, wanted.bound).ids.values()
        read = partial(self._members, peopled=peopled)
        async with aclosing(expand(ids, read, nested=wanted.nested, window=2 * AT_ONCE)) as members:
            async for member in members:
                yield member

    def _changes(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """Google tells no changes: without a cursor nobody asks for them."""
        return self._everything(wanted)

    def _by_id(self, wanted: Wanted) -> ById:
        ask = partial(self._ask, reading=Reading(wanted.attributes), wanted=wanted, bin_=_Bin(self._deleted))
        return ById(ask, self._ask_group, self._ask_membership)

    async def _ask(self, external_id: str, reading: Reading, wanted: Wanted, bin_: "_Bin") -> Observation:
        """One person: still there, deleted (listed as such for about 20 days, facts §2), or unknown to Google."""
        query = {"userKey": external_id, **reading.query}
        found = await self._get_or_none(f"users/{external_id}", self._sdk.users.get, query, reading.one)
        if found is None:
            deleted = (await bin_.people()).get(external_id)
            return UserGone(external_id, Evidence.ABSENCE) if deleted is None else deleted
        return confirming.seen_or_gone(to_user(found, wanted.attributes))

    async def _ask_group(self, group: str) -> Observation:
        query = {"groupKey": group, "fields": "id,email,name"}
        found = await self._get_or_none(f"groups/{group}", self._sdk.groups.get, query, GROUP)
        return GroupGone(group, Evidence.ABSENCE) if found is None else GroupsSeen((to_group(found),))

    async def _ask_membership(self, asked: Asked) -> list[Observation]:
        """`members.get` knows direct members only; `hasMember` counts nested ones too."""
        (one,) = asked
        path = f"groups/{one.group}/members/{one.member}"
        query = {"groupKey": one.group, "memberKey": one.member, "fields": "id,type"}
        found = await self._get_or_none(path, self._sdk.members.get, query, MEMBER, judge_member)
        return [confirming.in_or_out(one, is_member=found is not None)]

    async def _get_or_none(
        self, path: str, method: Any, query: dict[str, Any], decoder: Decoder[Any], judge: Judge = judge_by_id
    ) -> Any:
        """One object by id, None when Google says that it does not know it."""
        answer = await self._transport.call(_name(path), partial(self._sdk.send, method(**query)), judge)
        return None if answer.status == 404 else _decoded(answer, decoder, _name(path))

    async def _deleted(self) -> AsyncGenerator[Any, None]:
        """Pages of people who were deleted and can be restored."""
        reading = Reading(frozenset())
        query = {"customer": self._customer, "maxResults": 500, "showDeleted": "true", **reading.page_query}
        async with aclosing(self._pages("users", self._sdk.users.list, query, reading.page, judge_item)) as listed:
            async for page in listed:
                yield page

    async def _people(
        self, attributes: frozenset[str], unclear: list[str]
    ) -> AsyncGenerator[tuple[DirectoryUser, ...], None]:
        unclear.clear()
        reading = Reading(attributes)
        async with aclosing(self._users(reading)) as listed:
            async for page in listed:
                reading.note(page.items or ())
                users = [to_user(raw, attributes) for raw in page.items or ()]
                for place, user in enumerate(users):
                    if user.state is UserState.UNKNOWN:
                        users[place] = await self._settled(user, reading, attributes, unclear)
                yield tuple(users)

    async def _settled(
        self, user: DirectoryUser, reading: Reading, attributes: frozenset[str], unclear: list[str]
    ) -> DirectoryUser:
        """A person without a status, asked for again: newcomers lack it for minutes (Firezone #15291)."""
        if len(unclear) < _REFETCH:
            query = {"userKey": user.external_id, **reading.query}
            with suppress(NotReadable):  # gone since it was listed: stays unclear
                raw = await self._get(f"users/{user.external_id}", self._sdk.users.get, query, reading.one, judge_item)
                user = to_user(raw, attributes)
        if user.state is UserState.UNKNOWN:
            unclear.append(user.external_id)
        return user

    async def _people_pages(self, reading: Reading, attributes: frozenset[str]) -> AsyncGenerator[People, None]:
        """Pages as they come, for `check`: nobody is asked for again."""
        async with aclosing(self._users(reading)) as listed:
            async for page in listed:
                reading.note(page.items or ())
                users = tuple([to_user(raw, attributes) for raw in page.items or ()])
                yield People(users, page.nextPageToken is not None)

    async def _ask_once(self, external_id: str, attributes: frozenset[str]) -> Observation:
        wanted = Wanted(attributes=attributes)
        return await self._ask(external_id, Reading(attributes), wanted, _Bin(self._deleted))

    async def _schemas(self) -> Answer:
        """The definitions of custom attributes."""
        path = f"customer/{self._customer}/schemas"
        return await self._transport.call(
            _name(path), partial(self._sdk.send, self._sdk.schemas.list(customerId=self._customer))
        )

    def _users(self, reading: Reading) -> AsyncGenerator[Any, None]:
        query = {"customer": self._customer, "maxResults": 500, **reading.page_query}
        return self._pages("users", self._sdk.users.list, query, reading.page)

    async def _groups_seen(self, peopled: set[str]) -> AsyncGenerator[GroupsSeen, None]:
        """Pages of groups; `peopled` collects those that Google counts members in."""
        async with aclosing(self._groups()) as listed:
            async for page in listed:
                found: tuple[Group, ...] = page.items or ()
                peopled.update([raw.id for raw in found if text(raw.directMembersCount) not in ("", "0")])
                yield GroupsSeen(tuple([to_group(raw) for raw in found]))

    def _groups(self) -> AsyncGenerator[Groups, None]:
        query = {"customer": self._customer, "maxResults": 200, "fields": GROUP_FIELDS}
        return self._pages("groups", self._sdk.groups.list, query, GROUPS)

    async def _members(self, group: str, peopled: Container[str] = ()) -> AsyncGenerator[MembersSeen, None]:
        """Raises NotReadable at the end when what was listed is not all."""
        path, query = f"groups/{group}/members", {"groupKey": group, "maxResults": 200, "fields": MEMBER_FIELDS}
        everybody = seen = False
        async with aclosing(self._pages(path, self._sdk.members.list, query, MEMBERS, judge_item)) as listed:
            async for page in listed:
                members: tuple[Member, ...] = page.items or ()
                everybody = everybody or any(member.type == "CUSTOMER" for member in members)
                seen = seen or bool(members)
                users = tuple([member.id for member in members if member.type == "USER"])
                groups = tuple([member.id for member in members if member.type == "GROUP"])
                if "" in users or "" in groups:
                    raise Malformed("a member of type USER or GROUP has no id", request=_name(path))
                yield MembersSeen(group, users, groups)
        if everybody:
            raise NotReadable("every user of the account is a member, which Google does not list", request=_name(path))
        if not seen and group in peopled:  # well-formed, 200 and incomplete does happen (§0)
            raise NotReadable("Google counts members but lists none", request=_name(path))

    async def _pages(
        self, path: str, method: Any, query: dict[str, Any], decoder: Decoder[Any], judge: Judge = judge
    ) -> AsyncGenerator[Any, None]:
        """Every page of a collection; a page without a list has to say what it is (`{}` is no answer, §2)."""

        async def fetch(token: str) -> Any:
            page = await self._get(path, method, {**query, "pageToken": token} if token else query, decoder, judge)
            if page.items is None and page.kind is None:
                raise Malformed("neither a list nor an empty page", request=_name(path))
            return page

        async with aclosing(pages("", fetch, lambda page: page.nextPageToken or None, request=_name(path))) as found:
            async for page in found:
                yield page

    async def _get(self, path: str, method: Any, query: dict[str, Any], decoder: Decoder[Any], judge: Judge) -> Any:
        request = _name(path)
        answer = await self._transport.call(request, partial(self._sdk.send, method(**query)), judge)
        return _decoded(answer, decoder, request)


class _Bin:
    """The deleted, listed once and only when somebody cannot be found."""

    def __init__(self, listed: Callable[[], AsyncGenerator[Any, None]]) -> None:
        self._listed = listed
        self._lock = asyncio.Lock()
        self._people: dict[str, UserGone] | None = None

    async def people(self) -> dict[str, UserGone]:
        async with self._lock:
            if self._people is None:
                async with aclosing(self._listed()) as found:
                    gone = [_deleted(raw) async for page in found for raw in page.items or ()]
                self._people = {each.external_id: each for each in gone}
            return self._people


def _deleted(raw: User) -> UserGone:
    return UserGone(raw.id, Evidence.TOMBSTONE, text(raw.deletionTime))


def _decoded(answer: Answer, decoder: Decoder[Any], request: str) -> Any:
    try:
        return decoder.decode(answer.body)
    except ValidationError as exc:
        raise Malformed(f"not as the API documents: {exc}", request=request, status=answer.status) from exc
    except (DecodeError, UnicodeDecodeError) as exc:
        raise not_json(answer, request) from exc


def _name(path: str) -> str:
    """Method and path for messages, without the query: it holds page tokens."""
    return f"GET /admin/directory/v1/{path}"


# -- to_user, to_group --------------------------------------------------------------------------------------------

_NAMELESS, _NO_WORK = Name(), Organization()


def to_user(raw: User, attributes: frozenset[str] = frozenset()) -> DirectoryUser:
    """A User resource of the Directory API. Its address is its login; title and department are of the primary job."""
    email, name = text(raw.primaryEmail), raw.name or _NAMELESS
    work = primary(raw.organizations) if raw.organizations else _NO_WORK
    state = _state(raw)
    return DirectoryUser(
        raw.id,
        state,
        email,
        email,
        text(name.givenName),
        text(name.familyName),
        text(name.fullName),
        text(work.title),
        text(work.department),
        _manager(raw.relations) if raw.relations else "",
        raw.isGuestUser is True,
        attributes_of(raw, attributes) if attributes else {},
        "" if state is UserState.ACTIVE else _off_since(raw),
    )


def to_group(raw: Group) -> DirectoryGroup:
    """A Group resource of the Directory API."""
    return DirectoryGroup(raw.id, text(raw.name), text(raw.email))


def _state(raw: User) -> UserState:
    """Off is suspended or archived; a status that is missing is not "active" (facts §0)."""
    if raw.deletionTime:
        return UserState.GONE
    if raw.suspended is True or raw.archived is True:
        return UserState.SUSPENDED
    return UserState.ACTIVE if raw.suspended is False and raw.archived is False else UserState.UNKNOWN


def _off_since(raw: User) -> str:
    """Whichever of them came first took the access away; after a deletion that counts."""
    if raw.deletionTime:
        return text(raw.deletionTime)
    on = ((raw.suspended, raw.suspensionTime), (raw.archived, raw.archivalTime))
    return min((text(moment) for off, moment in on if off is True and moment), default="")


def _manager(relations: tuple[Relation, ...]) -> str:
    return next((text(found.value) for found in relations if found.type == "manager"), "")
