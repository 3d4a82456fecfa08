"""Signed requests to Microsoft Graph: azure-identity gets tokens, msgraph's authentication provider and request
adapter put them on requests, and one httpx client carries both requests and answers.

What does not live here: what is asked for, and what the answers mean (entra.py).
"""

import logging
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from connectors.answer import Answer
from connectors.base import Refused

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.pipeline.transport import AioHttpTransport

    from connectors.entra import Config

_LOGIN = "https://login.microsoftonline.com"
_SCOPE = "https://graph.microsoft.com/.default"


class TokenRefused(Exception):
    """azure-identity got no token. `status` is None when nobody answered; `description` is the answer's own text."""

    def __init__(self, status: int | None, headers: Mapping[str, str], error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.headers = headers
        self.error = error
        self.description = description


class Session:
    """What is needed to send to one tenant; lives until `close`."""

    def __init__(self, config: "Config", base: str, headers: Mapping[str, str]) -> None:
        import httpx
        from kiota_http.middleware import UserAgentHandler
        from msgraph.graph_request_adapter import GraphRequestAdapter
        from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]
        from msgraph_core.authentication import AzureIdentityAuthenticationProvider  # type: ignore[import-untyped]
        from msgraph_core.middleware import GraphTelemetryHandler  # type: ignore[import-untyped]

        # Graph refuses the customer's other requests later than ours (throttling-limits.md, facts §5).
        self._headers = {"x-ms-throttle-priority": "Low", **headers}
        self._credential = _Credential(config)
        client = httpx.AsyncClient(base_url=base, timeout=httpx.Timeout(100, connect=30))
        # The factory wraps these in transports that do not pass `aclose` on; mounts are proxies from the environment.
        self._sockets = [client._transport, *filter(None, client._mounts.values())]  # noqa: SLF001
        # The default chain repeats requests by its own rules and costs a span per link; transport.py repeats.
        middleware = [UserAgentHandler(), GraphTelemetryHandler()]
        self._client = GraphClientFactory.create_with_custom_middleware(middleware, client=client)
        # Without allowed_hosts the token would go to any host that a nextLink names.
        provider = AzureIdentityAuthenticationProvider(
            self._credential, scopes=[_SCOPE], allowed_hosts=[urlsplit(base).hostname or ""]
        )
        self._adapter = GraphRequestAdapter(provider, self._client)

    async def get(self, url: str) -> Answer:
        """One attempt, with kiota's answer to a claims challenge. Raises TokenRefused, httpx.HTTPError."""
        from kiota_abstractions.method import Method
        from kiota_abstractions.request_information import RequestInformation
        from opentelemetry.trace import INVALID_SPAN

        request = RequestInformation(Method.GET)
        request.url = url
        for name, value in self._headers.items():
            request.headers.add(name, value)
        # send_primitive_async is this call, then an ODataError for errors and no headers for successes.
        got = await self._adapter.get_http_response_message(request, INVALID_SPAN)
        return Answer(got.status_code, dict(got.headers), got.content)

    async def sign_in(self) -> Answer:
        """Fetches a token, unless there is one; the answer has neither headers nor body. Raises TokenRefused."""
        await self._credential.get_token(_SCOPE, enable_cae=True)
        return Answer(200, {}, b"")

    @property
    def roles(self) -> frozenset[str] | None:
        """The application permissions that the token carries, read without verifying; None where it does not tell."""
        return self._credential.roles()

    async def renew(self) -> None:
        """Forgets the access token, so that the next request fetches one."""
        self._credential.forget()

    async def close(self) -> None:
        await self._client.aclose()
        for transport in self._sockets:
            await transport.aclose()
        await self._credential.close()


class _Credential:
    """An azure-identity credential whose token is kept here: its own cache is searched anew for every request."""

    def __init__(self, config: "Config") -> None:
        self._config = config
        secret = config.client_secret or config.certificate
        self._secret = secret.reveal() if secret is not None else ""
        self._inner = self._make()
        self._retired: list[Any] = []  # may still be answering other requests
        self._token: AccessToken | None = None

    def _make(self) -> Any:
        config = self._config
        if config.federated_token_file is not None and not config.federated_token_file.is_file():
            raise Refused(
                f"no federated token: {config.federated_token_file} is not there",
                fix="label the pod azure.workload.identity/use, or point federated_token_file at the projected token",
            )
        try:
            return _credential(config, self._secret)
        except ValueError as exc:
            raise Refused(
                f"the credentials cannot be used: {exc}", fix="see Certificates & secrets of the app"
            ) from exc

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> "AccessToken":
        """What the authentication provider calls for every request; `claims` answer a challenge (CAE)."""
        import time

        from azure.core.exceptions import AzureError

        token = self._token
        if claims is None and token is not None and token.expires_on - time.time() > 300:
            return token
        try:
            self._token = await self._inner.get_token(*scopes, claims=claims, **options)
        except AzureError as exc:
            raise _refused(exc) from exc
        except OSError as exc:  # a federated token that is being replaced
            raise TokenRefused(None, {}, "", f"{self._config.federated_token_file} cannot be read: {exc}") from exc
        return self._token

    def roles(self) -> frozenset[str] | None:
        """The `roles` of the token's claims. Graph's tokens are not for clients to read: any other form is no news."""
        parts = self._token.token.split(".") if self._token is not None else []
        try:
            claims = msgspec.json.decode(b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_"))
            return frozenset(str(role) for role in claims.get("roles", ()))
        except (IndexError, ValueError, AttributeError, TypeError):
            return None

    def forget(self) -> None:
        """The next request makes a new token: azure-identity would find the old one in its cache."""
        if self._token is not None:
            self._token = None
            self._retired.append(self._inner)
            self._inner = self._make()

    async def close(self) -> None:
        for credential in (*self._retired, self._inner):
            await credential.close()


def _credential(config: "Config", secret: str) -> Any:
    """The credential that a configuration asks for; azure-identity reads a federated token anew when it changes.

    Raises:
        ValueError: the certificate cannot be used, or the authority is none.
    """
    from azure.identity import aio

    # What it says of a refused secret is in our error; where nobody listens, logging would print it to stderr.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    options = _options(config.authority)
    if config.managed_identity:  # asks the machine, not the authority
        return aio.ManagedIdentityCredential(client_id=config.client_id, **_options(None))
    assert config.client_id is not None  # noqa: S101 -- by Config
    app = (config.tenant_id, config.client_id)
    if config.federated_token_file is not None:
        file = str(config.federated_token_file)
        return aio.WorkloadIdentityCredential(tenant_id=app[0], client_id=app[1], token_file_path=file, **options)
    if config.certificate is not None:
        return aio.CertificateCredential(*app, certificate_data=secret.encode(), **options)
    return aio.ClientSecretCredential(*app, secret, **options)


def _options(authority: str | None) -> dict[str, Any]:
    """One attempt per token request, and the authority: plain http, which azure-identity refuses, for loopback."""
    options: dict[str, Any] = {"retry_total": 0, "connection_timeout": 30, "read_timeout": 60}
    if authority is None:
        return options
    if authority.startswith("https:"):
        return {**options, "authority": authority, "disable_instance_discovery": True}
    return {**options, "transport": _rewriting(authority), "disable_instance_discovery": True}


def _rewriting(authority: str) -> "AioHttpTransport":
    from azure.core.pipeline.transport import AioHttpTransport

    class ToLoopback(AioHttpTransport):  # type: ignore[misc]
        async def send(self, request: Any, **options: Any) -> Any:
            request.url = request.url.replace(_LOGIN, authority, 1)
            return await super().send(request, **options)

    return ToLoopback()


def _refused(exc: Any) -> TokenRefused:
    """What an exception of azure-core says: its class does not tell a 503 from a wrong secret (facts §7)."""
    response = getattr(exc, "response", None)
    if response is None:
        return TokenRefused(None, {}, "", f"{type(exc).__name__}: {exc}".splitlines()[0])
    said: Any = {}
    with suppress(ValueError):  # a gateway's page
        import json

        said = json.loads(response.text())
    said = said if isinstance(said, dict) else {}
    headers = {name.lower(): value for name, value in response.headers.items()}
    description = str(said.get("error_description", "")).splitlines() or [""]
    return TokenRefused(response.status_code, headers, str(said.get("error", "")), description[0])
