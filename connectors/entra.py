"""Microsoft Entra ID: people, groups and group members of one tenant, read from Microsoft Graph with msgraph's adapter.

The typed models cost 500 times what raw JSON costs and the page iterator stops at the first empty page: neither is used
(docs/opinions.md, "Raw JSON").
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Literal

import msgspec
from pydantic import Field, field_validator, model_validator

from connectors.address import base_address, same_origin
from connectors.base import ConnectorConfig, ConnectorError, Counts, Finding, Malformed, Opened, Refused, SecretRef
from connectors.completeness import groups_end, users_end
from connectors.entra_sdk import Session, TokenRefused
from connectors.findings import of_error, of_groups, of_users
from connectors.members import expand
from connectors.paging import each, not_json, pages, text
from connectors.transport import Action, Answer, Judge, Limiter, Transport, Verdict, retry_after
from reconciler.groups import resolve
from reconciler.model import (
    DirectoryGroup,
    DirectoryUser,
    GroupsSeen,
    MembersSeen,
    Observation,
    UsersSeen,
    UserState,
    Wanted,
)

# -- Config -------------------------------------------------------------------------------------------------------


class Config(ConnectorConfig):
    """One tenant, read as an app registration with a client secret or a certificate."""

    kind: Literal["entra"] = "entra"
    tenant_id: str = Field(min_length=1, description="Directory (tenant) ID, on the app's Overview page")
    client_id: str = Field(min_length=1, description="Application (client) ID, on the app's Overview page")
    client_secret: SecretRef | None = Field(default=None, description="the Value of a client secret, not its Secret ID")
    certificate: SecretRef | None = Field(default=None, description="PEM with the certificate and its private key")
    authority: str | None = Field(default=None, description="replaces https://login.microsoftonline.com")
    endpoint: str | None = Field(default=None, description="replaces https://graph.microsoft.com")

    @field_validator("authority", "endpoint")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        return None if url is None else base_address(url)

    @model_validator(mode="after")
    def _one_credential(self) -> "Config":
        if (self.client_secret is None) == (self.certificate is None):
            raise ValueError("give either client_secret or certificate")
        return self


def open(config: Config, opened: Opened) -> "Entra":  # noqa: A001 -- what the registry calls
    """The connector of one tenant.

    Raises:
        Refused: a secret is missing, or azure-identity cannot use it.
    """
    return Entra(config, opened)


# -- what answers mean --------------------------------------------------------------------------------------------

_CONSENT = (
    "App registrations > the app > API permissions: User.Read.All and GroupMember.Read.All as Application permissions, "
    "then Grant admin consent"
)
_SECRET = "Certificates & secrets > New client secret: copy the Value, not the Secret ID"  # noqa: S105
_IDS = "copy both ids again from the app's Overview page"
_SELECT = "Graph cannot list one of the configured attributes: compare them with the tenant's attribute names"
_CONDITIONS = "the token was withdrawn: look for a changed secret, a disabled app, or a Conditional Access policy"

_BY_CODE = {
    "Authorization_RequestDenied": (Action.PAUSE, _CONSENT),
    "Directory_ExpiredPageToken": (Action.RESYNC, ""),
    "syncStateNotFound": (Action.RESYNC, ""),
    "resyncRequired": (Action.RESYNC, ""),
}
_BY_STATUS = {
    400: (Action.PAUSE, _SELECT),
    401: (Action.RENEW, _CONDITIONS),
    403: (Action.PAUSE, _CONSENT),
    410: (Action.RESYNC, ""),
    429: (Action.THROTTLE, ""),
    501: (Action.PAUSE, _SELECT),
    503: (Action.THROTTLE, ""),
    509: (Action.THROTTLE, ""),
}
# The decision follows `error`; the numbers, which clients should not branch on, only choose the advice.
_ADVICE = {
    "AADSTS7000215": _SECRET,
    "AADSTS7000222": f"the secret expired. {_SECRET}; a certificate lasts longer",
    "AADSTS700027": "upload the public part of this certificate under Certificates & secrets, and check the clock",
    "AADSTS700016": _IDS,
    "AADSTS90002": _IDS,
}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Graph's answers, and failed token requests, as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, Answer):
        return None if outcome.status == 200 else _judge_answer(outcome)
    if isinstance(outcome, TokenRefused):
        return _judge_token(outcome)
    return Verdict(Action.RETRY, f"no answer from Microsoft Graph: {type(outcome).__name__} {outcome}".rstrip())


def judge_group(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group's members: a hidden or deleted group does not stop the others."""
    verdict = judge(outcome)
    if verdict is not None and isinstance(outcome, Answer) and outcome.status in (403, 404):
        return Verdict(
            Action.SKIP_ITEM, verdict.message, "a group with hidden members needs Member.Read.Hidden as well"
        )
    return verdict


def _judge_answer(answer: Answer) -> Verdict:
    status = answer.status
    code, sentence = _said(answer.body)
    said = " ".join(part for part in (f"Microsoft Graph answered {status}", code, sentence) if part)
    action, fix = _BY_CODE.get(code) or _BY_STATUS.get(status) or (Action.PAUSE, "check `endpoint`")
    if status >= 500 and status not in _BY_STATUS:
        action, fix = Action.RETRY, ""
    wait = retry_after(answer.headers)
    if action is Action.THROTTLE and wait is None and status != 429:
        action = Action.RETRY
    return Verdict(action, said, fix, wait)


def _judge_token(refused: TokenRefused) -> Verdict:
    """By the answer, not by the class: a 503 of the token endpoint is no wrong secret."""
    said = f"no token from Entra ID: {refused.error} {refused.description}".rstrip()
    if refused.status is None or refused.status >= 500 or (refused.status != 429 and not refused.error):
        return Verdict(Action.RETRY, said, wait=retry_after(refused.headers))
    if refused.status == 429:
        return Verdict(Action.THROTTLE, said, wait=retry_after(refused.headers))
    number = refused.description.partition(":")[0]
    return Verdict(Action.PAUSE, said, _ADVICE.get(number, f"{_IDS}; {_SECRET}"))


def _said(body: bytes) -> tuple[str, str]:
    """Graph's error code and sentence, "" where the body is something else."""
    try:
        error = msgspec.json.decode(body)["error"]
        return text(error["code"]), text(error["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return "", ""


# -- the connector ------------------------------------------------------------------------------------------------

_GRAPH = "https://graph.microsoft.com"
_USERS = "/v1.0/users?$select=accountEnabled,userType,{}&$top=999"
_GROUPS = "/v1.0/groups?$select=id,displayName&$top=999"
_MEMBERS = "/v1.0/groups/{}/members?$select=id&$top=999"
_SELECTED = ("id", "userPrincipalName", "mail", "displayName", "givenName", "surname", "jobTitle", "department")
_USER, _GROUP = "#microsoft.graph.user", "#microsoft.graph.group"
_AT_ONCE = 8
_CHECK_SECONDS = 60.0


class _Page(msgspec.Struct):
    """A collection's page; `value` must be there, an empty page may have a successor."""

    value: list[Any]
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)


class _Member(msgspec.Struct):
    """All that is read of a member: its other properties are null where permission is missing (limited-info.md)."""

    id: str
    kind: str = msgspec.field(name="@odata.type")


class _MembersPage(msgspec.Struct):
    value: list[_Member]
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)


_page = msgspec.json.Decoder(_Page)
_members_page = msgspec.json.Decoder(_MembersPage)


class Entra:
    """One tenant, open for reading."""

    def __init__(self, config: Config, opened: Opened) -> None:
        from httpx import HTTPError

        self.counts = Counts()
        self._base = config.endpoint or _GRAPH
        self._seconds = opened.deadline
        self._session = Session(config, self._base, opened.headers)
        self._transport = Transport(
            opened.directory,
            judge,
            errors=(TokenRefused, HTTPError),
            counts=self.counts,
            limiter=Limiter(_AT_ONCE),
            renew=self._session.renew,
            deadline=opened.deadline,
        )

    async def check(self, wanted: Wanted) -> list[Finding]:
        """One page of people, the groups, one page of one group's members."""
        self._transport.begin(_CHECK_SECONDS)
        try:
            page = await self._get(users_path(wanted.attributes), _page)
            users = each(page.value, partial(to_user, attributes=wanted.attributes), "GET /v1.0/users")
            found = of_users(users, wanted, more=page.following is not None)
            groups = [group async for seen in self._groups() for group in seen.groups]
            found += of_groups(groups, wanted)
            for group in sorted(resolve(wanted.groups, groups, wanted.bound).ids.values())[:1]:
                members = (await self._get(_MEMBERS.format(group), _members_page)).value
                found.append(Finding("ok", "members_readable", f"members can be read: {len(members)} in {group}"))
        except ConnectorError as exc:
            return [of_error(exc)]
        return found

    async def pull(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """All people, all groups, the direct members of wanted groups and of the groups inside them."""
        self._transport.begin(self._seconds)
        unclear: list[str] = []
        count = 0
        convert = partial(to_user, attributes=wanted.attributes)
        async with aclosing(self._pages(users_path(wanted.attributes), _page)) as found:
            async for page in found:
                users = each(page.value, convert, "GET /v1.0/users")
                unclear += [user.external_id for user in users if user.state is UserState.UNKNOWN]
                count += len(users)
                yield UsersSeen(users)
        yield users_end("Entra ID", count, unclear, "accountEnabled")
        groups: list[DirectoryGroup] = []
        async with aclosing(self._groups()) as seen:
            async for observed in seen:
                groups += observed.groups
                yield observed
        yield groups_end("Entra ID", len(groups), wanted)
        ids = resolve(wanted.groups, groups, wanted.bound).ids.values()
        async with aclosing(expand(ids, self._members, nested=wanted.nested)) as members:
            async for observation in members:
                yield observation

    async def close(self) -> None:
        await self._session.close()

    async def _groups(self) -> AsyncGenerator[GroupsSeen, None]:
        async with aclosing(self._pages(_GROUPS, _page)) as found:
            async for page in found:
                yield GroupsSeen(each(page.value, to_group, "GET /v1.0/groups"))

    async def _members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        async with aclosing(self._pages(_MEMBERS.format(group), _members_page, judge_group)) as found:
            async for page in found:
                users = tuple([member.id for member in page.value if member.kind == _USER])
                groups = tuple([member.id for member in page.value if member.kind == _GROUP])
                yield MembersSeen(group, users, groups)

    async def _pages(
        self, path: str, decoder: msgspec.json.Decoder[Any], judge: Judge = judge
    ) -> AsyncGenerator[Any, None]:
        request = f"GET {path.partition('?')[0]}"

        def following(page: _Page | _MembersPage) -> str | None:
            return None if page.following is None else same_origin(page.following, self._base, request)

        fetch = partial(self._get, decoder=decoder, judge=judge)
        async with aclosing(pages(self._base + path, fetch, following, request=request)) as found:
            async for page in found:
                yield page

    async def _get(self, url: str, decoder: msgspec.json.Decoder[Any], judge: Judge = judge) -> Any:
        url = url if url.startswith("http") else self._base + url
        request = "GET " + url.removeprefix(self._base).partition("$skiptoken")[0].rstrip("?&")
        answer = await self._transport.call(request, partial(self._session.get, url), judge)
        try:
            return decoder.decode(answer.body)
        except msgspec.ValidationError as exc:
            raise Malformed(f"not the page that Graph documents: {exc}", request=request, status=200) from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise not_json(answer, request) from exc


def users_path(attributes: Iterable[str]) -> str:
    """The listing of people with the properties that are used; without `$select` there is no accountEnabled.

    Raises:
        Refused: an attribute cannot be the path of a property.
    """
    roots = [name.partition(".")[0] for name in attributes]
    for root in roots:
        if not (root.isascii() and root.replace("_", "").isalnum()):
            raise Refused(f"{root!r} is no property of a Graph user", fix="write the property as Graph names it")
    return _USERS.format(",".join([*_SELECTED, *sorted(set(roots) - set(_SELECTED))]))


# -- to_user, to_group --------------------------------------------------------------------------------------------


def to_user(raw: Mapping[str, Any], attributes: Collection[str] = ()) -> DirectoryUser:
    """A Graph user. `mail` is empty for people without a mailbox, who are known by their user principal name.

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
        attributes=_attributes(raw, attributes) if attributes else {},
    )


def _attributes(raw: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The wanted values that are there; `onPremisesExtensionAttributes.extensionAttribute1` is a path."""
    found: dict[str, Any] = {}
    for name in wanted:
        value: Any = raw
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            found[name] = value
    return found


def to_group(raw: Mapping[str, Any]) -> DirectoryGroup:
    """A Graph group.

    Raises:
        KeyError: no `id`.
    """
    return DirectoryGroup(raw["id"], text(raw.get("displayName")))
