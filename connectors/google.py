"""Google Workspace: people, groups and group members of one customer, read with google-api-python-client.

What is asked and what the answers mean (facts: directory-apis.md §2, §3, §6; setup-steps.md §1.4). What does not
live here: the libraries, the key and the token (google_sdk.py), and the JSON (google_wire.py).
"""

import ssl
from collections.abc import AsyncGenerator, Container
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import DecodeError, ValidationError
from msgspec.json import Decoder
from pydantic import Field, field_validator

from connectors.address import base_address
from connectors.base import (
    ConnectorConfig,
    ConnectorError,
    Counts,
    Finding,
    Malformed,
    NotReadable,
    Opened,
    SecretRef,
)
from connectors.findings import of_error, of_groups, of_users
from connectors.google_sdk import API, AT_ONCE, SCOPES, Sdk, foreign, key_of
from connectors.google_wire import (
    GROUP_FIELDS,
    GROUPS,
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
from connectors.members import expand
from connectors.paging import not_json, pages, text
from connectors.transport import Action, Answer, Judge, Limiter, Transport, Verdict, retry_after
from reconciler.groups import resolve
from reconciler.model import (
    CollectionEnd,
    Completeness,
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
    """One Google customer: a service account with domain-wide delegation reads in the name of an admin."""

    kind: Literal["google"] = "google"
    customer: str = Field(default="my_customer", description="the customer ID; my_customer is the subject's own")
    subject: str = Field(description="address of the admin in whose name the service account reads")
    service_account: SecretRef = Field(description="the service account's JSON key file")
    endpoint: str | None = Field(default=None, description=f"replaces {API}: a simulator or private proxy")
    token_endpoint: str | None = Field(default=None, description="replaces the token_uri of the key file")

    @field_validator("endpoint", "token_endpoint")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        return None if url is None else base_address(url)


def open(config: Config, opened: Opened) -> "Google":  # noqa: A001 -- what the registry calls
    """The connector of one customer; imports the SDK.

    Raises:
        Refused: no key, one that cannot be used, or one that points away from Google.
    """
    key = key_of(config.service_account, config.token_endpoint)
    return Google(config.customer, Sdk(key, config.subject, config.endpoint or API), opened)


# -- what answers mean --------------------------------------------------------------------------------------------

_DELEGATE = (
    "admin.google.com > Security > Access and data control > API controls > Manage Domain Wide Delegation: the "
    "Client ID is the digits of client_id in the key file, the OAuth scopes are "
    f"{', '.join(SCOPES)}; a change can take up to 24 hours"
)
_SUBJECT = (
    "check that subject is the address of an active admin who has signed in once, that the key is still listed under "
    "console.cloud.google.com > IAM & Admin > Service accounts > Keys, and that this machine's clock is right"
)
_ENABLE = (
    "console.cloud.google.com, in the service account's project: APIs & Services > Library > Admin SDK API > Enable; "
    "it takes minutes"
)
_ROLE = (
    "admin.google.com > Account > Admin roles: give the subject a role with the admin API privileges "
    "Users > Read and Groups > Read"
)
_QUOTA = "console.cloud.google.com > APIs & Services > Admin SDK API > Quotas: raise the quota of the day"
_ALLOW = "admin.google.com > Security > Access and data control > API controls: allow API access to this domain"
_REQUEST = "check customer, and the attributes: Schema.field, as under Directory > Users > Manage custom attributes"
_PROXY = "check endpoint, and whether a proxy answers in Google's place"
_TRUST = "trust the authority of the proxy in between: HTTPLIB2_CA_CERTS names a file of certificates"

_BY_REASON = {
    "userRateLimitExceeded": (Action.THROTTLE, ""),
    "rateLimitExceeded": (Action.THROTTLE, ""),
    "quotaExceeded": (Action.THROTTLE, ""),
    "RATE_LIMIT_EXCEEDED": (Action.THROTTLE, ""),
    "dailyLimitExceeded": (Action.PAUSE, _QUOTA),
    "accessNotConfigured": (Action.PAUSE, _ENABLE),
    "SERVICE_DISABLED": (Action.PAUSE, _ENABLE),
    "domainCannotUseApis": (Action.PAUSE, _ALLOW),
    "insufficientPermissions": (Action.PAUSE, _DELEGATE),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (Action.PAUSE, _DELEGATE),
}
_BY_STATUS = {
    401: (Action.RENEW, _SUBJECT),
    403: (Action.PAUSE, _ROLE),
    408: (Action.RETRY, ""),
    410: (Action.RESYNC, ""),
    429: (Action.THROTTLE, ""),
}
_BY_TOKEN_ERROR = {"unauthorized_client": _DELEGATE, "invalid_scope": _DELEGATE, "access_denied": _DELEGATE}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Google's answers and the libraries' errors as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, BaseException):
        return _judge_error(outcome)
    if 200 <= outcome.status < 300:
        return None
    reasons, said = _said(outcome.body)
    return _judge_status(outcome, next((reason for reason in reasons if reason in _BY_REASON), ""), reasons, said)


def judge_item(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group or person: what may not be seen (another company's group), or is gone, stops only itself.

    A 403 that has a reason of its own, too many requests for one, is about the whole directory here too.
    """
    verdict = judge(outcome)
    if verdict is None or not isinstance(outcome, Answer) or outcome.status not in (403, 404):
        return verdict
    if not _BY_REASON.keys().isdisjoint(_said(outcome.body)[0]):
        return verdict
    return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix)


def _judge_status(answer: Answer, reason: str, reasons: list[str], said: str) -> Verdict:
    message = f"Google answered {answer.status} {reason or ' '.join(reasons[:1])} {said}".replace("  ", " ").rstrip()
    if answer.status >= 500:
        return Verdict(Action.RETRY, message, wait=retry_after(answer.headers))
    if answer.status == 400 and "pagetoken" in said.casefold().replace(" ", ""):
        return Verdict(Action.RESYNC, message)
    if answer.status < 400:
        return Verdict(Action.PAUSE, f"{message}: a redirect instead of an answer", _PROXY)
    action, fix = _BY_REASON.get(reason) or _BY_STATUS.get(answer.status, (Action.PAUSE, _REQUEST))
    return Verdict(action, message, fix, retry_after(answer.headers) if action is Action.THROTTLE else None)


def _said(body: bytes) -> tuple[list[str], str]:
    """The reasons of an error, old form (`errors`) and new (`details`), and its sentence; empty when it is not one."""
    try:
        error = msgspec.json.decode(body)["error"]
        reasons = [text(item.get("reason")) for item in (*error.get("errors", ()), *error.get("details", ()))]
        return [reason for reason in reasons if reason], text(error.get("message"))[:300]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return [], ""


def _judge_error(error: BaseException) -> Verdict:
    from google.auth.exceptions import RefreshError

    if isinstance(error, RefreshError):
        body = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
        message = f"no token from Google: {str(error.args[0])[:300]}"
        if error.retryable:  # tells more than the class: a 503 is a RefreshError too (§6)
            return Verdict(Action.RETRY, message)
        return Verdict(Action.PAUSE, message, _BY_TOKEN_ERROR.get(text(body.get("error")), _SUBJECT))
    if isinstance(error, ssl.SSLCertVerificationError):
        return Verdict(Action.PAUSE, f"the server's certificate is not trusted: {error}"[:300], _TRUST)
    return Verdict(Action.RETRY, f"no answer from Google: {type(error).__name__} {error}"[:300].rstrip())


# -- the connector ------------------------------------------------------------------------------------------------

_CHECK_SECONDS = 60.0
_SHOWN_IDS = 5
_REFETCH = 20  # after that many people whose second reading had no status either, nobody else is asked for again


class Google:
    """One customer, open for reading."""

    def __init__(self, customer: str, sdk: Sdk, opened: Opened) -> None:
        self.counts = Counts()
        self._customer = customer
        self._sdk = sdk
        self._seconds = opened.deadline
        self._transport = Transport(
            opened.directory,
            judge,
            errors=foreign(),
            counts=self.counts,
            limiter=Limiter(AT_ONCE),
            renew=sdk.renew,
            deadline=opened.deadline,
        )

    async def check(self, wanted: Wanted) -> list[Finding]:
        """One page of people, the groups, one page of one group's members."""
        self._transport.begin(_CHECK_SECONDS)
        found: list[Finding] = []
        try:
            reading = Reading(wanted.attributes)
            async with aclosing(self._users(reading)) as listed:
                first = await anext(listed)
            users = tuple([to_user(raw, wanted.attributes) for raw in first.items or ()])
            found += of_users(users, wanted, more=first.nextPageToken is not None)
            reading.note(first.items or ())
            found += [Finding("ok", "attribute_resolved", f"{name!r} is {place}") for name, place in reading.resolved]
            groups = [to_group(raw) async for page in self._groups() for raw in page.items or ()]
            found += of_groups(groups, wanted)
            for group in sorted(resolve(wanted.groups, groups, wanted.bound).ids.values())[:1]:
                async with aclosing(self._members(group)) as pages_of_one:
                    await anext(pages_of_one)
                found.append(Finding("ok", "members_readable", f"members can be read: those of {group}"))
        except ConnectorError as exc:
            found.append(of_error(exc))
        return found

    async def pull(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """All people of the list (suspended and archived ones are in it), all groups, the members of wanted groups."""
        self._transport.begin(self._seconds)
        async with aclosing(self._pull_users(wanted.attributes)) as people:
            async for observation in people:
                yield observation
        groups: list[DirectoryGroup] = []
        peopled: set[str] = set()
        async with aclosing(self._groups()) as listed:
            async for page in listed:
                seen = tuple([to_group(raw) for raw in page.items or ()])
                groups += seen
                peopled.update([raw.id for raw in page.items or () if text(raw.directMembersCount) not in ("", "0")])
                yield GroupsSeen(seen)
        yield _groups_end(groups, wanted)
        ids = resolve(wanted.groups, groups, wanted.bound).ids.values()
        read = partial(self._members, peopled=peopled)
        async with aclosing(expand(ids, read, nested=wanted.nested)) as members:
            async for member in members:
                yield member

    async def close(self) -> None:
        await self._sdk.close()

    async def _pull_users(self, attributes: frozenset[str]) -> AsyncGenerator[UsersSeen | CollectionEnd, None]:
        seen, unclear, reading = 0, list[str](), Reading(attributes)
        async with aclosing(self._users(reading)) as listed:
            async for page in listed:
                reading.note(page.items or ())
                users = [to_user(raw, attributes) for raw in page.items or ()]
                for place, user in enumerate(users):
                    if user.state is UserState.UNKNOWN:
                        users[place] = await self._settled(user, reading, attributes, unclear)
                seen += len(users)
                yield UsersSeen(tuple(users))
        yield _users_end(seen, unclear)

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

    def _users(self, reading: Reading) -> AsyncGenerator[Any, None]:
        query = {"customer": self._customer, "maxResults": 500, **reading.page_query}
        return self._pages("users", self._sdk.users.list, query, reading.page)

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
        try:
            return decoder.decode(answer.body)
        except ValidationError as exc:
            raise Malformed(f"not as the API documents: {exc}", request=request, status=answer.status) from exc
        except (DecodeError, UnicodeDecodeError) as exc:
            raise not_json(answer, request) from exc


def _name(path: str) -> str:
    """Method and path for messages, without the query: it holds page tokens."""
    return f"GET /admin/directory/v1/{path}"


def _users_end(seen: int, unclear: list[str]) -> CollectionEnd:
    if not seen:
        return CollectionEnd("users", Completeness.PARTIAL, reason="Google lists no people at all")
    if not unclear:
        return CollectionEnd("users", Completeness.COMPLETE)
    ids = ", ".join(unclear[:_SHOWN_IDS]) + (", …" if len(unclear) > _SHOWN_IDS else "")
    return CollectionEnd("users", Completeness.PARTIAL, reason=f"no status for {len(unclear)} people: {ids}")


def _groups_end(groups: list[DirectoryGroup], wanted: Wanted) -> CollectionEnd:
    if not groups and wanted.groups:
        return CollectionEnd("groups", Completeness.PARTIAL, reason="Google lists no groups at all")
    return CollectionEnd("groups", Completeness.COMPLETE)


# -- to_user, to_group --------------------------------------------------------------------------------------------

_NAMELESS, _NO_WORK = Name(), Organization()


def to_user(raw: User, attributes: frozenset[str] = frozenset()) -> DirectoryUser:
    """A User resource of the Directory API. Its address is its login; title and department are of the primary job."""
    email, name = text(raw.primaryEmail), raw.name or _NAMELESS
    work = primary(raw.organizations) if raw.organizations else _NO_WORK
    return DirectoryUser(
        raw.id,
        _state(raw),
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


def _manager(relations: tuple[Relation, ...]) -> str:
    return next((text(found.value) for found in relations if found.type == "manager"), "")
