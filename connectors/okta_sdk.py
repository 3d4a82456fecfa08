"""Signed requests to Okta: the `okta` package makes tokens and proofs, one aiohttp session carries them.

What does not live here: what is asked for, and what the answers mean (okta.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from connectors import okta_key
from connectors.answer import Answer
from connectors.paging import text

if TYPE_CHECKING:
    from connectors.okta import Config

_OMIT = "omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"
_HEADERS = {"Content-Type": f"application/json; okta-response={_OMIT}"}  # on a GET: what Okta need not compute


class TokenRefused(Exception):
    """The package could not sign a request: its token request failed. `cause` is what it returned."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


class Session:
    """The package's request signing over one aiohttp session that lives from the first request to `close`."""

    def __init__(self, config: "Config", base: str, headers: Mapping[str, str]) -> None:
        self._headers = {**headers, **_HEADERS}
        self._session: Any = None
        self._key = None if config.private_key is None else okta_key.read(config.private_key)
        self._client = _client(config, base, self._key)
        self.signed = config.token is None
        self.token_headers: Mapping[str, str] = {}  # of the last answer to a token request
        self.ask_for(config.scopes)

    def ask_for(self, scopes: Iterable[str]) -> None:
        """The next token is asked for with these scopes."""
        from okta.cache.no_op_cache import NoOpCache
        from okta.request_executor import RequestExecutor

        self._scopes = frozenset(scopes)
        self.granted = self._scopes
        client = {**self._client, "scopes": sorted(self._scopes)} if self.signed else self._client
        # Used directly, it reads no okta.yaml and no OKTA_* variables, and sends nothing but token requests.
        self._executor = RequestExecutor({"client": client}, NoOpCache(), lambda _: self)
        if self._key is not None and self._key.elliptic:
            audience = f"{client['orgUrl']}{self._executor._oauth.OAUTH_ENDPOINT}"  # noqa: SLF001
            sign = partial(okta_key.assertion, self._key, client["clientId"], audience, client["kid"])
            self._executor._oauth.get_JWT = sign  # noqa: SLF001 -- asked for each assertion; its own takes RSA only

    async def sign_in(self) -> Answer:
        """Fetches a token, if one is needed; the answer has neither headers nor body. Raises as `get` does."""
        await self._signed("")
        return Answer(200, {}, b"")

    async def get(self, url: str) -> Answer:
        """One attempt. Raises TokenRefused, aiohttp.ClientError, TimeoutError."""
        from yarl import URL

        signed = await self._signed(url)
        # encoded=True: a cursor such as cur%2B1 is sent as it came.
        async with self._open().get(URL(url, encoded=True), headers=signed["headers"], allow_redirects=False) as got:
            headers = {name.lower(): value for name, value in got.headers.items()}
            if "link" in headers:
                headers["link"] = ", ".join(got.headers.getall("link"))
            self._remember_nonce(headers)
            return Answer(got.status, headers, await got.read())

    async def _signed(self, url: str) -> Mapping[str, Any]:
        signed, error = await self._executor.create_request("GET", url, headers=self._headers)
        if error is not None:
            raise TokenRefused(error)
        if missing := self._scopes - self.granted:
            raise TokenRefused(_ScopesMissing(missing))
        found: Mapping[str, Any] = signed
        return found

    async def send_request(self, request: Mapping[str, Any]) -> tuple[None, Any, str, None]:
        """What the package calls for its token requests, in place of its own client, which logs the credentials."""
        # A redirect is not followed: it would take the signed assertion elsewhere.
        sent = {"headers": request["headers"], "data": request["form"], "allow_redirects": False}
        async with self._open().post(request["url"], **sent) as got:
            body = await got.text()
        self.token_headers = got.headers
        said = _object(body)
        if said is None:  # a gateway's page, on which the package fails in its own ways
            raise TokenRefused(_NoAnswer(got.status, got.headers))
        if got.status == 200:
            # A token without `scope` carries all that was asked for (RFC 6749 §5.1).
            self.granted = frozenset(text(said.get("scope")).split()) or self._scopes
        return None, _TokenAnswer(got.status, got.headers), body, None

    async def renew(self) -> None:
        """Forgets the access token, so that the next request fetches one."""
        self._executor._oauth.clear_access_token()  # noqa: SLF001 -- the package never drops a refused token

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> Any:
        from aiohttp import ClientSession, ClientTimeout

        if self._session is None:
            timeout = ClientTimeout(total=120, sock_connect=15, sock_read=60)  # the package has none at all
            self._session = ClientSession(timeout=timeout, trust_env=True)
        return self._session

    def _remember_nonce(self, headers: Mapping[str, str]) -> None:
        oauth = self._executor._oauth  # noqa: SLF001 -- the package does this only for requests that it sends itself
        if "dpop-nonce" in headers and oauth is not None and oauth.is_dpop_enabled():
            oauth.get_dpop_generator().set_nonce(headers["dpop-nonce"])


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    """What the package reads of a token answer besides the body."""

    status: int
    headers: Mapping[str, str]
    content_type: str = "application/json"


class _NoAnswer(Exception):
    """The cause of a TokenRefused: an answer that is no JSON object."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__("not JSON")
        passed_on = 300 <= status < 400 or status == 429 or status >= 500
        self.status = status if passed_on else 502  # whoever answered, it was not Okta
        self.error_code = ""
        self.error_summary = f"({status}, not JSON)"
        self.headers = headers


class _ScopesMissing(Exception):
    """The cause of a TokenRefused: Okta granted less than what was asked for."""

    status = 200
    error_code = "invalid_scope"

    def __init__(self, missing: Iterable[str]) -> None:
        super().__init__()
        self.error_summary = f"the token does not carry {', '.join(sorted(missing))}"


def _object(body: str) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _client(config: "Config", base: str, key: okta_key.Key | None) -> dict[str, Any]:
    """The package's configuration; its own retries are off."""
    client: dict[str, Any] = {"orgUrl": base, "userAgent": "rosterd", "rateLimit": {"maxRetries": 0}}
    if config.token is not None:
        return {**client, "authorizationMode": "SSWS", "token": config.token.reveal()}
    assert key is not None  # noqa: S101 -- by Config
    return {
        **client,
        "authorizationMode": "PrivateKey",
        "clientId": config.client_id,
        "privateKey": key.pem,
        "kid": config.key_id or key.kid,
        "scopes": list(config.scopes),
        "oauthTokenRenewalOffset": 5,  # minutes before a token ends
        "dpopEnabled": config.dpop,
    }
