"""Google's libraries and how they are used: the key, the token, one request on the wire.

google.py says what is asked and what an answer means; here is how it gets there (facts: directory-apis.md §1.1, §7).
googleapiclient builds the requests, google-auth signs in, httplib2 carries them; answers stay bytes. The libraries are
imported by making an `Sdk`, not with this module, and their own retries are off: transport.py retries for every vendor.
"""

import asyncio
import http.client
import socket
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.address import base_address
from connectors.answer import Answer
from connectors.base import Refused, SecretRef

API = "https://admin.googleapis.com"
TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address
UNIVERSE = "googleapis.com"
# members.list accepts group.readonly too; one scope that the delegation lacks fails the whole token request (§1.1)
USERS_SCOPE = "https://www.googleapis.com/auth/admin.directory.user.readonly"
GROUPS_SCOPE = "https://www.googleapis.com/auth/admin.directory.group.readonly"
SCOPES = (USERS_SCOPE, GROUPS_SCOPE)
AT_ONCE = 8  # requests in flight, and threads (§5)
TIMEOUT = 60.0  # seconds a socket may stay silent

_KEY = (
    "console.cloud.google.com > IAM & Admin > Service accounts > Keys > Add key > Create new key > JSON; "
    "point service_account at that file"
)


def key_of(service_account: SecretRef, token_endpoint: str | None) -> dict[str, str]:
    """The service account's key, with the token endpoint that may be used.

    The file names the address that signed assertions go to, so an edited file could have them sent anywhere: only
    Google's own addresses, this machine, and what the configuration itself names are accepted (§1.1).

    Raises:
        Refused: no key file, or one that points away from Google.
    """
    where = service_account.where
    try:
        key = msgspec.json.decode(service_account.reveal(), type=dict[str, str])
    except msgspec.DecodeError:  # its text may quote the secret
        raise Refused(f"{where} is not a service account's JSON key file", fix=_KEY) from None
    if key.get("type") != "service_account":
        raise Refused(f"{where} holds a key of type {key.get('type')!r}, not of a service account", fix=_KEY)
    if key.get("universe_domain", UNIVERSE) != UNIVERSE:
        raise Refused(f"{where} belongs to the universe {key['universe_domain']!r}, not {UNIVERSE}", fix=_KEY)
    uri = token_endpoint or key.get("token_uri", TOKEN)
    if not (token_endpoint or _of_google(uri) or loopback(uri)):
        fix = f"{_KEY}, or name the address as token_endpoint"
        raise Refused(f"{where} would send the signed request for a token to {urlsplit(uri).hostname!r}", fix=fix)
    return {**key, "token_uri": uri}


def _of_google(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and f".{parts.hostname}".endswith((".googleapis.com", ".google.com"))


def loopback(url: str) -> bool:
    """Whether this is plain http, which base_address accepts for this very machine only."""
    with suppress(ValueError):
        return base_address(url).startswith("http:")
    return False


def foreign() -> tuple[type[BaseException], ...]:
    """The exception classes of the libraries, and of the sockets below them."""
    from google.auth.exceptions import GoogleAuthError
    from httplib2 import HttpLib2Error

    return (GoogleAuthError, HttpLib2Error, http.client.HTTPException, OSError)


class Sdk:
    """Builds requests (`users`, `groups`, `members`, `schemas`: the resources of the discovery document), and sends.

    httplib2 is not thread-safe: every thread takes a connection of its own and puts it back (§7.5 #17).

    Raises:
        Refused: the private key is none.
    """

    def __init__(self, key: dict[str, str], subject: str, endpoint: str) -> None:
        self._credentials = _credentials(key, subject)
        self._direct = loopback(endpoint)
        self._service = _service(endpoint, self._connection())
        self.users, self.groups, self.members = self._service.users(), self._service.groups(), self._service.members()
        self.schemas = self._service.schemas()
        self.token_headers: Mapping[str, str] = {}  # of the last answer to a token request
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="google")
        self._idle: list[Any] = []
        self._all: list[Any] = []
        self._signing_in = asyncio.Lock()

    async def send(self, request: Any) -> Answer:
        """One attempt; signs in first when there is no valid token. Raises the classes of `foreign`."""
        if not self._credentials.valid:
            async with self._signing_in:
                if not self._credentials.valid:
                    await self._in_thread(self._sign_in)
        answer: Answer = await self._in_thread(partial(_execute, request))
        return answer

    async def sign_in(self) -> Answer:
        """Fetches a token; the answer has neither headers nor body. Raises the classes of `foreign`."""
        async with self._signing_in:
            await self._in_thread(self._sign_in)
        return Answer(200, {}, b"")

    def ask_for(self, scopes: Iterable[str]) -> None:
        """The next token is asked for with these scopes."""
        self._credentials = self._credentials.with_scopes([*scopes])

    async def renew(self) -> None:
        """Drops the token, so that the next request signs in anew."""
        self._credentials.token = None

    async def close(self) -> None:
        """Ends what is under way, the threads and the connections."""
        ended = asyncio.ensure_future(asyncio.to_thread(self._threads.shutdown, cancel_futures=True))
        while not ended.done():
            self._hang_up()  # again and again: httplib2 sends a request once more when the connection breaks (§7.4)
            await asyncio.wait({ended}, timeout=0.02)
        for connection in self._all:
            connection.close()

    def _hang_up(self) -> None:
        """Wakes the threads that wait for an answer nobody wants any more."""
        for connection in self._all:
            for conn in list(connection.connections.values()):
                with suppress(OSError, AttributeError):  # not connected, or closed by the other side
                    conn.sock.shutdown(socket.SHUT_RDWR)

    async def _in_thread(self, work: Callable[[Any], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._with_connection, work)

    def _with_connection(self, work: Callable[[Any], Any]) -> Any:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connection()
            self._all.append(connection)
        connection.credentials = self._credentials
        try:
            return work(connection)
        finally:
            self._idle.append(connection)

    def _connection(self) -> Any:
        from google_auth_httplib2 import AuthorizedHttp
        from httplib2 import Http

        # A proxy of the environment is not for this machine. A redirect is an answer nobody expects, not followed.
        plain = Http(timeout=TIMEOUT, proxy_info=None) if self._direct else Http(timeout=TIMEOUT)
        plain.follow_redirects = False
        return AuthorizedHttp(self._credentials, http=plain, refresh_status_codes=(), max_refresh_attempts=0)

    def _sign_in(self, connection: Any) -> None:
        self._credentials.refresh(partial(_ask_token, connection.http, self._note))

    def _note(self, headers: Mapping[str, str]) -> None:
        self.token_headers = headers


def _credentials(key: dict[str, str], subject: str) -> Any:
    from google.oauth2.service_account import Credentials

    try:
        return Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            {**key, "universe_domain": UNIVERSE}, scopes=SCOPES, subject=subject
        )
    except ValueError as exc:
        raise Refused(f"the service account's key cannot be used: {exc}", fix=_KEY) from exc


def _service(endpoint: str, connection: Any) -> Any:
    """The API's resources; an explicit endpoint and universe keep variables of the environment from moving them."""
    from googleapiclient.discovery import build
    from googleapiclient.model import RawModel

    model = RawModel()  # the bytes as they came: the JSON model returns a str for what is not JSON (§7.5 #15)
    model.alt_param, model.accept = "json", "application/json"
    options = {"api_endpoint": f"{endpoint}/", "universe_domain": UNIVERSE}
    return build(
        "admin",
        "directory_v1",
        http=connection,
        model=model,
        static_discovery=True,
        cache_discovery=False,
        client_options=options,
    )


def _execute(request: Any, connection: Any) -> Answer:
    from googleapiclient.errors import HttpError

    seen: list[Mapping[str, str]] = []
    request.add_response_callback(seen.append)
    try:
        body = request.execute(http=connection, num_retries=0)
        return Answer(200, seen[-1], body)
    except HttpError as exc:
        return Answer(exc.resp.status, exc.resp, exc.content)


def _ask_token(plain: Any, note: Callable[[Mapping[str, str]], None], url: str, **request: Any) -> Any:
    """google-auth's transport for the token request: one attempt is one attempt.

    google-auth by itself sends the request three times before it tells about a 503, and fails with a bare TypeError on
    a page of HTML (§6).
    """
    from google.auth.exceptions import RefreshError
    from google_auth_httplib2 import Request

    answer = Request(plain)(url, **request)
    note(answer.headers)
    passing = answer.status in (408, 429) or answer.status >= 500
    if passing or (answer.status == 200 and not _holds_token(answer.data)):
        what = f"{answer.status}" if passing else "200 without a token"
        raise RefreshError(f"the token endpoint answered {what}", retryable=True)  # type: ignore[no-untyped-call]
    return answer


def _holds_token(body: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(body)["access_token"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return False
