"""Microsoft Entra ID: people, groups and group members of one tenant, read from Microsoft Graph with msgraph's adapter.

The typed models cost 500 times what raw JSON costs and the page iterator stops at the first empty page: neither is used
(docs/opinions.md, "Raw JSON").
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from connectors import confirming, cursors, listing
from connectors.address import Address
from connectors.base import (
    ConnectorConfig,
    ConnectorError,
    Counts,
    Finding,
    Opened,
    Refused,
    SecretRef,
    Unavailable,
)
from connectors.checking import Check, People
from connectors.confirming import Asked, ById
from connectors.entra_attributes import paths, values_of
from connectors.entra_check import EntraProbe, EntraReads
from connectors.entra_delta import GROUP, GROUPS, LATEST, USER, Round, tracked
from connectors.entra_errors import judge, judge_by_id, judge_group, pace
from connectors.entra_graph import Graph
from connectors.entra_sdk import Session, TokenRefused
from connectors.entra_wire import MEMBERS_PAGE, PAGE
from connectors.limits import Limiter
from connectors.members import expand
from connectors.paging import each, text
from connectors.reader import Reader
from connectors.transport import Transport
from reconciler.groups import resolve
from reconciler.model import (
    CollectionEnd,
    Completeness,
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


class Config(ConnectorConfig):
    """One tenant, read as an app registration (client secret, certificate, federated token) or a managed identity."""

    credentials = (
        ("client_id", "client_secret"),
        ("client_id", "certificate"),
        ("client_id", "federated_token_file"),
        ("managed_identity",),
    )
    role_attribute = "onPremisesExtensionAttributes.extensionAttribute1"

    kind: Literal["entra"] = "entra"
    tenant_id: str = Field(
        min_length=1,
        description="Directory (tenant) ID, on the app's Overview page",
        examples=["00000000-0000-4000-8000-000000000000"],
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        description="Application (client) ID, on the app's Overview page",
        examples=["11111111-1111-4111-8111-111111111111"],
    )
    client_secret: SecretRef | None = Field(default=None, description="the Value of a client secret, not its Secret ID")
    certificate: SecretRef | None = Field(
        default=None,
        description="PEM with the certificate and its private key",
        examples=[{"file": "entra-certificate.pem"}],
    )
    federated_token_file: Path | None = Field(
        default=None,
        description="token of a federated credential (workload identity), read again when it changes",
        examples=["/var/run/secrets/azure/tokens/azure-identity-token"],
    )
    managed_identity: bool = Field(
        default=False, description="use the Azure machine's own identity; client_id chooses a user-assigned one"
    )
    authority: Address | None = Field(
        default=None, description="replaces https://login.microsoftonline.com", examples=["http://127.0.0.1:8471"]
    )
    endpoint: Address | None = Field(
        default=None, description="replaces https://graph.microsoft.com", examples=["http://127.0.0.1:8471"]
    )

    @model_validator(mode="after")
    def _one_credential(self) -> "Config":
        given = [self.client_secret, self.certificate, self.federated_token_file, self.managed_identity or None]
        if sum(one is not None for one in given) != 1:
            raise ValueError("give one of client_secret, certificate, federated_token_file or managed_identity")
        if self.client_id is None and not self.managed_identity:
            raise ValueError("client_id is missing")
        return self


def open(config: Config, opened: Opened) -> "Entra":  # noqa: A001 -- what the registry calls
    """The connector of one tenant.

    Raises:
        Refused: a secret is missing, or azure-identity cannot use it.
    """
    return Entra(config, opened)


# -- the connector ------------------------------------------------------------------------------------------------

_GRAPH = "https://graph.microsoft.com"
_USERS = "/v1.0/users?$select=accountEnabled,userType,{}&$top=999"
_GROUPS = "/v1.0/groups?$select=id,displayName&$top=999"
_MEMBERS = "/v1.0/groups/{}/members?$select=id&$top=999"
_SELECTED = ("id", "userPrincipalName", "mail", "displayName", "givenName", "surname", "jobTitle", "department")
_ONE = "/v1.0/users/{}?$select=accountEnabled,userType,{}"
_DELTA = "/v1.0/users/delta?$select=accountEnabled,userType,{}"
# A navigation property: expanded, not selected (learn.microsoft.com/graph/api/user-list-manager).
_MANAGER = "&$expand=manager($select=id,displayName,mail,userPrincipalName)"
_DELETED = "/v1.0/directory/deletedItems/{}?$select=id,deletedDateTime"
_GROUP = "/v1.0/groups/{}?$select=id,displayName"
_WITH_ID = "&$filter=id%20eq%20'{}'"
_AT_ONCE = 8
_ASK_AGAIN = 20  # people without accountEnabled among the changes, at most


class Entra(Reader):
    """One tenant, open for reading: people, groups, direct members of wanted groups and of those inside them."""

    def __init__(self, config: Config, opened: Opened) -> None:
        from httpx import HTTPError

        self.counts = Counts()
        self._base = config.endpoint or _GRAPH
        self._opened = opened
        self._client_id, self._signed = config.client_id or "", config.certificate is not None
        self._session = Session(config, self._base, opened.headers)
        transport = Transport(
            opened.directory,
            judge,
            errors=(TokenRefused, HTTPError),
            counts=self.counts,
            limiter=Limiter(_AT_ONCE, pace, clock=opened.monotonic, sleep=opened.sleep),
            renew=self._session.renew,
            deadline=opened.deadline,
            patience=opened.patience,
        )
        self._graph = Graph(self._base, self._session, transport)
        super().__init__(transport, seconds=opened.deadline, window=_AT_ONCE)

    async def check(self, wanted: Wanted) -> list[Finding]:
        """Every feature that a sync uses, tried by itself."""
        reads = EntraReads(
            self._people_pages, self._groups, self._members,
            lambda one, names: self._ask(one, Wanted(attributes=names)), self._graph.get_or_none, _DELETED,
            self._latest, lambda url: self._graph.round(url, Round()), self._paths,
        )  # fmt: skip
        probe = EntraProbe(self._session, self._transport, reads, self._signed, self._client_id)
        return await Check(probe, self._transport, wanted, self._opened).run()

    async def close(self) -> None:
        await self._session.close()

    # -- everything ---------------------------------------------------------------------------------------------

    async def _everything(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        marks = await self._marks(wanted)
        unclear: list[str] = []
        groups: list[DirectoryGroup] = []
        ends: list[CollectionEnd] = []
        start = partial(self._people, wanted, unclear)
        async with aclosing(listing.people("Entra ID", start, unclear, "accountEnabled")) as people:
            async for seen in people:
                ends += [seen] if isinstance(seen, CollectionEnd) else []
                yield seen
        async with aclosing(listing.groups("Entra ID", self._groups, groups, wanted)) as pages_of_groups:
            async for page in pages_of_groups:
                ends += [page] if isinstance(page, CollectionEnd) else []
                yield page
        whole = all(end.completeness is Completeness.COMPLETE for end in ends)
        ids = resolve(wanted.groups, groups, wanted.bound).ids.values()
        async with aclosing(self._expand(ids, wanted)) as members:
            async for observation in members:
                ends += [observation] if isinstance(observation, CollectionEnd) else []
                yield observation
        if marks and whole:
            yield cursors.after(cursors.Place(self._digest(wanted), marks), marks, ends)

    async def _marks(self, wanted: Wanted) -> dict[str, str]:
        """Delta links for "from now on", taken before the listing: five times cheaper than a first round of delta.

        Empty where Graph follows no changes of an attribute, or refuses: then every read is one of everything.
        """
        if not tracked(self._paths(wanted.attributes).values()):
            return {}
        try:
            latest = self._latest(wanted.attributes)
            return {name: await self._graph.round(path, Round()) for name, path in latest.items()}
        except ConnectorError as exc:
            if isinstance(exc, Refused | Unavailable) and exc.status in (None, 401):
                raise  # no token, or nobody there: the listing would say the same
            return {}

    def _latest(self, attributes: frozenset[str]) -> dict[str, str]:
        """Where a round that tells nothing but where the next one begins is asked for."""
        return {"users": users_path(self._paths(attributes).values(), _DELTA) + LATEST, "groups": GROUPS + LATEST}

    async def _people(self, wanted: Wanted, unclear: list[str]) -> AsyncGenerator[tuple[DirectoryUser, ...], None]:
        unclear.clear()
        async with aclosing(self._people_pages(wanted.attributes)) as found:
            async for page in found:
                unclear += [user.external_id for user in page.users if user.state is UserState.UNKNOWN]
                yield page.users

    async def _people_pages(self, attributes: frozenset[str]) -> AsyncGenerator[People, None]:
        paths = self._paths(attributes)
        convert = partial(to_user, attributes=paths)
        async with aclosing(self._graph.pages(users_path(paths.values()), PAGE)) as found:
            async for page in found:
                yield People(each(page.value, convert, "GET /v1.0/users"), page.following is not None)

    def _expand(
        self, groups: Iterable[str], wanted: Wanted, known: Collection[str] = ()
    ) -> AsyncGenerator[MembersSeen | CollectionEnd, None]:
        return expand(groups, self._members, nested=wanted.nested, window=2 * _AT_ONCE, known=known)

    # -- what changed -------------------------------------------------------------------------------------------

    async def _changes(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """Both rounds are read to their ends before anything is told: half a round is nothing."""
        place = cursors.opened(wanted.cursor, self._digest(wanted))
        people, groups = Round(), Round()
        marks = {
            "users": await self._graph.round(place.marks["users"], people),
            "groups": await self._graph.round(place.marks["groups"], groups),
        }
        async with aclosing(self._changed_people(people, wanted)) as changed:
            async for observation in changed:
                yield observation
        named = [raw for raw in groups.last.values() if "displayName" in raw]
        seen = each(named, to_group, "GET /v1.0/groups/delta")
        if seen:
            yield GroupsSeen(seen)
        for group in sorted(groups.gone):
            yield GroupGone(group)
        yield CollectionEnd("groups", Completeness.DELTA)
        for change in groups.changes(place.read):
            yield change
        gone = (place.gone - groups.last.keys()) | groups.gone
        ids = cursors.to_read(wanted, seen, place, gone)
        ids |= (groups.joined(place.read) - place.read - gone) if wanted.nested else set()
        ends: list[CollectionEnd] = []
        async with aclosing(self._expand(ids, wanted, known=place.read)) as members:
            async for member in members:
                ends += [member] if isinstance(member, CollectionEnd) else []
                yield member
        yield cursors.after(place, marks, ends, gone=gone)

    async def _changed_people(self, people: Round, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """Those without accountEnabled are asked for by id: delta will not name them again."""
        convert = partial(to_user, attributes=self._paths(wanted.attributes))
        users = each([*people.last.values()], convert, "GET /v1.0/users/delta")
        if users:
            yield UsersSeen(users)
        for user in sorted(people.gone):
            yield UserGone(user)
        unclear = [user.external_id for user in users if user.state is UserState.UNKNOWN][:_ASK_AGAIN]
        async with aclosing(confirming.confirm(unclear, partial(self._ask, wanted=wanted), window=_AT_ONCE)) as found:
            async for observation in found:
                if isinstance(observation, UsersSeen):  # "not found" of somebody just named is replication that lags
                    yield observation
        yield CollectionEnd("users", Completeness.DELTA)

    def _digest(self, wanted: Wanted) -> str:
        return cursors.digest(wanted, self._base, _DELTA, GROUPS, *self._paths(wanted.attributes).values())

    def _paths(self, attributes: frozenset[str]) -> Mapping[str, str]:
        return paths(attributes, self._client_id)

    # -- requests -----------------------------------------------------------------------------------------------

    def _by_id(self, wanted: Wanted) -> ById:
        return ById(partial(self._ask, wanted=wanted), self._ask_group, self._ask_membership)

    async def _ask(self, external_id: str, wanted: Wanted) -> Observation:
        """One person: still there, among the deleted, or neither."""
        key = quote(external_id, safe="")
        paths = self._paths(wanted.attributes)
        record = await self._graph.get_or_none(users_path(paths.values(), _ONE.replace("{}", key, 1)))
        if record is not None:
            return UsersSeen(each([record], partial(to_user, attributes=paths), "GET /v1.0/users/{id}"))
        deleted = await self._graph.get_or_none(_DELETED.format(key))
        if deleted is None:
            return UserGone(external_id, Evidence.ABSENCE)
        return UserGone(external_id, Evidence.TOMBSTONE, text(deleted.get("deletedDateTime")))

    async def _ask_group(self, group: str) -> Observation:
        """A deleted security group leaves no trace (facts §2); the bin shows others to more permissions only."""
        record = await self._graph.get_or_none(_GROUP.format(quote(group, safe="")))
        if record is None:
            return GroupGone(group, Evidence.ABSENCE)
        return GroupsSeen(each([record], to_group, "GET /v1.0/groups/{id}"))

    async def _ask_membership(self, asked: Asked) -> list[Observation]:
        """By a filter on the direct members: checkMemberGroups counts nested ones too, and memberOf is documented for
        no application permission (group-list-members.md, user-list-memberof-permissions.md)."""
        (one,) = asked
        path = _MEMBERS.format(quote(one.group, safe="")) + _WITH_ID.format(quote(one.member, safe=""))
        found = [page async for page in self._graph.pages(path, MEMBERS_PAGE, judge_by_id)]
        ids = {member.id for page in found for member in page.value}
        return [confirming.in_or_out(one, is_member=one.member in ids)]

    async def _groups(self) -> AsyncGenerator[GroupsSeen, None]:
        async with aclosing(self._graph.pages(_GROUPS, PAGE)) as found:
            async for page in found:
                yield GroupsSeen(each(page.value, to_group, "GET /v1.0/groups"))

    async def _members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        path = _MEMBERS.format(quote(group, safe=""))
        async with aclosing(self._graph.pages(path, MEMBERS_PAGE, judge_group)) as found:
            async for page in found:
                users = tuple([member.id for member in page.value if member.kind == USER])
                groups = tuple([member.id for member in page.value if member.kind == GROUP])
                yield MembersSeen(group, users, groups)


def users_path(attributes: Iterable[str], form: str = _USERS) -> str:
    """The listing of people with the properties that are used; without `$select` there is no accountEnabled.

    Raises:
        Refused: an attribute cannot be the path of a property.
    """
    roots = {name.partition(".")[0] for name in attributes}
    for root in roots:
        if not (root.isascii() and root.replace("_", "").isalnum()):
            raise Refused(f"{root!r} is no property of a Graph user", fix="write the property as Graph names it")
    path = form.format(",".join([*_SELECTED, *sorted(roots - {*_SELECTED, "manager"})]))
    return path + _MANAGER if "manager" in roots else path


# -- to_user, to_group --------------------------------------------------------------------------------------------


def to_user(raw: Mapping[str, Any], attributes: Mapping[str, str] = MappingProxyType({})) -> DirectoryUser:
    """A Graph user. `mail` is empty for people without a mailbox, who are known by their user principal name.

    `attributes` are paths by configured name (entra_attributes.py).

    Raises:
        KeyError: no `id`.
    """
    get = raw.get
    enabled = get("accountEnabled")
    guest = get("userType") == "Guest"
    name = text(get("userPrincipalName"))
    return DirectoryUser(
        external_id=raw["id"],
        state=UserState.ACTIVE if enabled is True else UserState.SUSPENDED if enabled is False else UserState.UNKNOWN,
        user_name=name,
        email=text(get("mail")) or ("" if guest else name),  # a guest's name is x_y#EXT#@tenant, no address
        given_name=text(get("givenName")),
        family_name=text(get("surname")),
        display_name=text(get("displayName")),
        title=text(get("jobTitle")),
        department=text(get("department")),
        guest=guest,
        attributes=values_of(raw, attributes) if attributes else {},
    )


def to_group(raw: Mapping[str, Any]) -> DirectoryGroup:
    """A Graph group.

    Raises:
        KeyError: no `id`.
    """
    return DirectoryGroup(raw["id"], text(raw.get("displayName")))
