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

import msgspec
from pydantic import Field, field_validator, model_validator

from connectors.address import base_address, same_origin
from connectors.base import ConnectorConfig, ConnectorError, Counts, Finding, Malformed, Opened, Refused, SecretRef
from connectors.completeness import groups_end, users_end
from connectors.findings import of_error, of_groups, of_users
from connectors.members import expand
from connectors.okta_sdk import Session, TokenRefused
from connectors.paging import decode, each, not_json, pages, require_array, text
from connectors.transport import Action, Answer, Judge, Limiter, Transport, Verdict, rate_limit_reset, retry_after
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
    """One Okta org: an API token (SSWS), or a service app that signs with a private key."""

    kind: Literal["okta"] = "okta"
    url: str = Field(description="https://acme.okta.com, never the -admin address")
    token: SecretRef | None = Field(default=None, description="an API token (Security > API > Tokens)")
    client_id: str | None = Field(default=None, description="a service app's client ID, instead of a token")
    private_key: SecretRef | None = Field(default=None, description="that app's RSA private key, PEM or JWK")
    key_id: str | None = Field(default=None, description="the key's `kid`, if the key itself does not name it")
    dpop: bool = Field(default=False, description="send DPoP proofs (RFC 9449); new apps require them unless unticked")
    scopes: tuple[str, ...] = Field(default=("okta.users.read", "okta.groups.read"), description="of the service app")
    endpoint: str | None = Field(default=None, description="replaces `url` for requests: a simulator or private proxy")

    @field_validator("url", "endpoint")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        return None if url is None else base_address(url)

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


# -- what answers mean --------------------------------------------------------------------------------------------

_ROLE = "Security > Administrators: give the token's owner (or the app, Admin roles tab) Read-only Administrator"
_TOKEN = "Security > API > Tokens: create a new token from a service user and put it in place"  # noqa: S105
_APP = "Applications > the app > General > Client Credentials: compare the client ID and the public key"
_SCOPES = "Applications > the app > Okta API Scopes > Grant, as a super administrator"
_DPOP = "set dpop = true, or untick 'Require DPoP header in token requests' under General > Proof of possession"
_ADMIN_HOST = "use the org's own address: without -admin in the host name"
_REPORT = "the request does not fit the org; compare the configured attributes with Directory > Profile Editor"

_BY_CODE = {
    "E0000006": (Action.PAUSE, _ROLE),
    "E0000015": (Action.PAUSE, "the feature is not enabled for the org: ask Okta support"),
    "E0000011": (Action.RENEW, _TOKEN),
    "invalid_client": (Action.PAUSE, _APP),
    "unauthorized_client": (Action.PAUSE, _APP),
    "invalid_scope": (Action.PAUSE, _SCOPES),
    "access_denied": (Action.PAUSE, _SCOPES),
    "invalid_dpop_proof": (Action.PAUSE, _DPOP),
    "use_dpop_nonce": (Action.RENEW, _DPOP),
}
_BY_STATUS = {400: (Action.PAUSE, _REPORT), 401: (Action.RENEW, _TOKEN), 403: (Action.PAUSE, _ROLE)}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Okta's answers and the package's errors as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, Answer):
        return None if outcome.status == 200 else _judge_status(outcome, *_said(outcome.body))
    if isinstance(outcome, TokenRefused):
        return _judge_token(outcome.cause)
    return Verdict(Action.RETRY, f"no answer from Okta: {type(outcome).__name__} {outcome}".rstrip())


def judge_group(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group's members: a group that may not be seen, or is gone, does not stop the others."""
    verdict = judge(outcome)
    if verdict is not None and isinstance(outcome, Answer) and outcome.status in (403, 404):
        return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix)
    return verdict


def _judge_token(cause: Exception) -> Verdict:
    status = getattr(cause, "status", None)
    if not isinstance(status, int):
        return Verdict(Action.RETRY, f"no token from Okta: {type(cause).__name__}")
    code = str(getattr(cause, "error_code", ""))
    headers = getattr(cause, "headers", None) or getattr(cause, "response_headers", {})
    answer = Answer(status, {name.lower(): value for name, value in headers.items()}, b"")
    verdict = _judge_status(answer, code, str(getattr(cause, "error_summary", "")))
    if verdict.action is Action.RENEW and code != "use_dpop_nonce":
        return Verdict(Action.PAUSE, verdict.message, _APP)  # a refused token request is not cured by another token
    return verdict


def _judge_status(answer: Answer, code: str, summary: str) -> Verdict:
    status, headers = answer.status, answer.headers
    said = f"Okta answered {status} {code} {summary}".replace("  ", " ").rstrip()
    if status == 429:
        # Limit and Remaining both 0 mean too many at once, where Reset is only an estimate (rl-best-practices).
        crowded = headers.get("x-rate-limit-limit") == "0" and headers.get("x-rate-limit-remaining") == "0"
        wait = 0.5 if crowded else retry_after(headers)
        return Verdict(Action.THROTTLE, said, wait=rate_limit_reset(headers) if wait is None else wait)
    if status >= 500:
        return Verdict(Action.RETRY, said, wait=retry_after(headers))
    if 300 <= status < 400:
        return Verdict(Action.PAUSE, f"{said}: a redirect instead of an answer", _ADMIN_HOST)
    action, fix = _BY_CODE.get(code) or _BY_STATUS.get(status, (Action.PAUSE, "check that url is the org's address"))
    return Verdict(action, said, fix)


def _said(body: bytes) -> tuple[str, str]:
    """Okta's error code and sentence, "" where the body is something else."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    if not isinstance(error, dict):
        return "", ""
    code = error.get("errorCode") or error.get("error")
    return text(code), text(error.get("errorSummary") or error.get("error_description"))


def _pace(answer: Answer) -> float:
    """Once less than a tenth of the bucket is left, seconds between requests that make the rest last (facts §5)."""
    limit, remaining = answer.headers.get("x-rate-limit-limit", ""), answer.headers.get("x-rate-limit-remaining", "")
    if not (limit.isdigit() and remaining.isdigit()) or int(remaining) * 10 >= int(limit):
        return 0.0
    return (rate_limit_reset(answer.headers) or 0.0) / (int(remaining) + 1)


# -- the connector ------------------------------------------------------------------------------------------------

_USERS = "/api/v1/users?limit=200&fields=profile:({}),status"
_GROUPS = "/api/v1/groups?limit=200"
_MEMBERS = "/api/v1/groups/{}/users?limit=1000"
_PROFILE = ("login", "email", "firstName", "lastName", "displayName", "title", "department", "manager")
_AT_ONCE = 5  # of 75 (15 on small plans) for the whole org (facts §5)
_CHECK_SECONDS = 60.0


class _OnlyId(msgspec.Struct):
    """All that is read of a group's members, who come as whole user objects."""

    id: str


_members = msgspec.json.Decoder(list[_OnlyId])


class Okta:
    """One org, open for reading."""

    def __init__(self, config: Config, opened: Opened) -> None:
        from aiohttp import ClientError

        self.counts = Counts()
        self._base = config.endpoint or config.url
        self._seconds = opened.deadline
        self._session = Session(config, self._base, opened.headers)
        self._transport = Transport(
            opened.directory,
            judge,
            errors=(TokenRefused, ClientError, TimeoutError),
            counts=self.counts,
            limiter=Limiter(_AT_ONCE, _pace),
            renew=self._session.renew if config.token is None else None,
            deadline=opened.deadline,
        )

    async def check(self, wanted: Wanted) -> list[Finding]:
        """One page of people, the groups, one page of one group's members."""
        self._transport.begin(_CHECK_SECONDS)
        try:
            answer = await self._get(users_path(wanted.attributes))
            users = self._users(answer, wanted)
            found = of_users(users, wanted, more=next_link(answer.headers) is not None)
            groups = [group async for page in self._groups() for group in page.groups]
            found += of_groups(groups, wanted)
            for group in sorted(resolve(wanted.groups, groups, wanted.bound).ids.values())[:1]:
                members = _decode_members(await self._get(_MEMBERS.format(group)), group)
                found.append(Finding("ok", "members_readable", f"members can be read: {len(members)} in {group}"))
        except ConnectorError as exc:
            return [of_error(exc)]
        return found

    async def pull(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """All people of the bare list (which leaves out DEPROVISIONED), all groups, the members of wanted groups."""
        self._transport.begin(self._seconds)
        unclear: list[str] = []
        count = 0
        async with aclosing(self._pages(users_path(wanted.attributes))) as answers:
            async for answer in answers:
                users = self._users(answer, wanted, unclear)
                count += len(users)
                yield UsersSeen(users)
        yield users_end("Okta", count, unclear, "status")
        groups: list[DirectoryGroup] = []
        async with aclosing(self._groups()) as seen:
            async for page in seen:
                groups += page.groups
                yield page
        yield groups_end("Okta", len(groups), wanted)
        ids = resolve(wanted.groups, groups, wanted.bound).ids.values()
        async with aclosing(expand(ids, self._members)) as members:
            async for observation in members:
                yield observation

    async def close(self) -> None:
        await self._session.close()

    def _users(self, answer: Answer, wanted: Wanted, unclear: list[str] | None = None) -> tuple[DirectoryUser, ...]:
        request = "GET /api/v1/users"
        raw = _list(answer, request)
        users = each(raw, partial(to_user, attributes=wanted.attributes), request)
        if unclear is not None:
            unclear += [record["id"] for record in raw if not record.get("status")]
        return users

    async def _groups(self) -> AsyncGenerator[GroupsSeen, None]:
        async with aclosing(self._pages(_GROUPS)) as answers:
            async for answer in answers:
                yield GroupsSeen(each(_list(answer, "GET /api/v1/groups"), to_group, "GET /api/v1/groups"))

    async def _members(self, group: str) -> AsyncGenerator[MembersSeen, None]:
        async with aclosing(self._pages(_MEMBERS.format(group), judge_group)) as answers:
            async for answer in answers:
                yield MembersSeen(group, _decode_members(answer, group))

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
        url = url if url.startswith("http") else self._base + url
        request = "GET " + url.removeprefix(self._base)
        return await self._transport.call(request, partial(self._session.get, url), judge)


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


_NEXT = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?next\b')


def next_link(headers: Mapping[str, str]) -> str | None:
    """The `next` target of all `Link` headers (RFC 8288), wherever it stands among them; None on the last page."""
    found = _NEXT.search(headers.get("link", ""))
    return found[1] if found else None


def _list(answer: Answer, request: str) -> list[Any]:
    return require_array(decode(answer, request), request)


def _decode_members(answer: Answer, group: str) -> tuple[str, ...]:
    request = f"GET /api/v1/groups/{group}/users"
    try:
        return tuple([member.id for member in _members.decode(answer.body)])
    except msgspec.ValidationError as exc:
        raise Malformed(f"not a list of members: {exc}", request=request, status=answer.status) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_json(answer, request) from exc


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


def to_user(raw: Mapping[str, Any], attributes: Collection[str] = ()) -> DirectoryUser:
    """A User object of the management API.

    Raises:
        KeyError: no `id`.
    """
    profile = raw.get("profile") or {}
    get = profile.get
    return DirectoryUser(
        external_id=raw["id"],
        state=STATES.get(raw.get("status", ""), UserState.UNKNOWN),
        user_name=text(get("login")),
        email=text(get("email")),
        given_name=text(get("firstName")),
        family_name=text(get("lastName")),
        display_name=text(get("displayName")),
        title=text(get("title")),
        department=text(get("department")),
        manager=text(get("manager")),
        attributes={name: get(name) for name in attributes if get(name) is not None} if attributes else {},
    )


def to_group(raw: Mapping[str, Any]) -> DirectoryGroup:
    """A Group object of the management API; its name is in the profile.

    Raises:
        KeyError: no `id`.
    """
    return DirectoryGroup(raw["id"], text((raw.get("profile") or {}).get("name")))
