"""Tokens and permissions of the simulated Entra tenant, and how Entra and Graph say no (facts §1.2, §6)."""

import base64
import datetime as dt
import secrets
from typing import Any, ClassVar, Self

import jwt
from starlette.responses import Response

from rosterd.simulators.ids import guid
from rosterd.simulators.signing import claims_of
from rosterd.simulators.web import Call, Endpoint, Headers, Refusal, Vendor, answer, encode
from rosterd.simulators.world import Kind, World

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPE = "https://graph.microsoft.com/.default"


def graph_error(status: int, code: str, message: str, headers: Headers = ()) -> Refusal:
    """Graph's error body."""
    request = guid("error", code, message)
    inner = {
        "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S}",
        "request-id": request,
        "client-request-id": request,
    }
    return Refusal(
        answer({"error": {"code": code, "message": message, "innerError": inner}}, status=status, headers=headers)
    )


def token_error(status: int, error: str, number: int, text: str) -> Refusal:
    """Entra's OAuth error body."""
    trace = guid("trace", error, number)
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {trace}",
        "error_codes": [number],
        "timestamp": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%SZ}",
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    return Refusal(answer(body, status=status))


class EntraAccess(Vendor):
    """Client credentials of one app registration; `granted` holds its application permissions.

    `public_key` (PEM) verifies client assertions; "" leaves their signature unchecked.
    """

    kind: ClassVar[Kind] = "entra"
    sensitive_key: ClassVar[str] = "client_secret"
    all_grants: ClassVar[frozenset[str]] = frozenset({"User.Read.All", "GroupMember.Read.All"})

    def __init__(self, world: World, *, client_id: str, client_secret: str, public_key: str = "",
                 latency: float = 0.0) -> None:  # fmt: skip
        super().__init__(world, latency=latency)
        self.client_id = client_id
        self.client_secret = client_secret
        self.public_key = public_key

    @classmethod
    def opened(cls, world: World, *, latency: float = 0.0) -> Self:
        secret = world.secrets.setdefault("client_secret", secrets.token_urlsafe(30))
        return cls(world, client_id=guid("app", world.seed), client_secret=secret, latency=latency)

    def keys(self, url: str) -> dict[str, str]:
        return {"tenant_id": self.world.tenant, "client_id": self.client_id, "endpoint": url, "authority": url}

    def credentials(self, url: str) -> dict[str, Any]:  # noqa: ARG002 - the same wherever it is served
        return {"tenant_id": self.world.tenant, "client_id": self.client_id, "client_secret": self.client_secret}

    def token_endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("POST", "/{tenant}/oauth2/v2.0/token", self.token, token=True),
            Endpoint("GET", "/{tenant}/v2.0/.well-known/openid-configuration", self.openid_configuration, token=True),
            Endpoint("GET", "/common/discovery/instance", self.discovery, token=True),
        )

    # -- every request --------------------------------------------------------------------------------------------

    def admit(self, call: Call, row: Endpoint) -> None:
        if row.token:
            return
        given = call.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise self._unauthenticated("Access token is empty.")
        if self.tokens.scopes(given.removeprefix("Bearer ")) is None:
            raise self._unauthenticated("Lifetime validation failed, the token is expired or unknown.")

    def require(self, *permissions: str) -> None:
        """Any one of these application permissions must be granted."""
        if not self.allowed.intersection(permissions):
            raise graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

    def unknown_parameter(self, name: str) -> Refusal:
        return graph_error(400, "Request_BadRequest", f"The query parameter '{name}' is unknown here, or came twice.")

    def not_found(self, what: str) -> Refusal:
        message = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
        return graph_error(404, "Request_ResourceNotFound", message)

    def _unauthenticated(self, message: str) -> Refusal:
        challenge = (
            "www-authenticate",
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common"',
        )
        return graph_error(401, "InvalidAuthenticationToken", message, headers=[challenge])

    # -- tokens ---------------------------------------------------------------------------------------------------

    def token(self, call: Call) -> Response:
        """Client credentials with a secret or a client assertion."""
        form = call.form
        self._check_tenant(call)
        if form.get("grant_type") != "client_credentials":
            raise token_error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != self.client_id:
            text = f"Application with identifier '{form.get('client_id', '')}' was not found in the directory."
            raise token_error(400, "unauthorized_client", 700016, text)
        self._check_credential(call)
        if form.get("scope") != _SCOPE:
            text = f"The scope {form.get('scope', '')!r} is not {_SCOPE}: client credential flows need /.default."
            raise token_error(400, "invalid_scope", 1002012, text)
        life = int(self.tokens.life) - 1
        token = self.tokens.issue(form=self._jwt())
        return answer({"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token})

    def _jwt(self) -> str:
        """Head and claims as Entra writes them; the permissions are the `roles` of an app's token."""
        claims = {"aud": "https://graph.microsoft.com", "tid": self.world.tenant, "appid": self.client_id,
                  "roles": sorted(self.allowed)}  # fmt: skip
        parts = (encode({"typ": "JWT", "alg": "RS256"}), encode(claims))
        return "".join(base64.urlsafe_b64encode(part).decode().rstrip("=") + "." for part in parts)

    def _check_tenant(self, call: Call) -> None:
        if call.route["tenant"] not in (self.world.tenant, self.world.domain):
            raise token_error(400, "invalid_request", 90002, f"Tenant '{call.route['tenant']}' not found.")

    def _check_credential(self, call: Call) -> None:
        form = call.form
        if "client_secret" in form:
            if form["client_secret"] != self.client_secret:
                raise token_error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        elif form.get("client_assertion_type") == _ASSERTION:
            self._check_assertion(form.get("client_assertion", ""))
        else:
            text = "The request body must contain the parameter 'client_assertion' or 'client_secret'."
            raise token_error(401, "invalid_client", 7000218, text)

    def _check_assertion(self, assertion: str) -> None:
        try:
            claims = claims_of(assertion, self.public_key, "iss", "sub", "aud", drift=self.drift)
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as exc:
            text = f"Client assertion is not within its valid time range. Current time: {self.now:%Y-%m-%dT%H:%M:%SZ}."
            raise token_error(401, "invalid_client", 700024, text) from exc
        except jwt.InvalidTokenError as exc:
            raise token_error(
                401, "invalid_client", 700027, f"The certificate's assertion is not valid: {exc}."
            ) from exc
        if not claims.get("iss") == claims.get("sub") == self.client_id:
            raise token_error(401, "invalid_client", 700021, "Client assertion application identifier doesn't match.")

    def openid_configuration(self, call: Call) -> Response:
        """What a synchronous azure-identity credential asks first."""
        self._check_tenant(call)
        login = f"{call.base}/{call.route['tenant']}"
        return answer(
            {
                "token_endpoint": f"{login}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{login}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "issuer": f"{login}/v2.0",
                "authorization_endpoint": f"{login}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{login}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    def discovery(self, call: Call) -> Response:
        """Instance discovery of MSAL."""
        names = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        cloud = {"preferred_network": names[0], "preferred_cache": names[1], "aliases": names}
        endpoint = f"{call.base}/{self.world.tenant}/v2.0/.well-known/openid-configuration"
        return answer({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [cloud]})
