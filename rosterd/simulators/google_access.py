"""Tokens and scopes of the simulated Google account, and how Google says no (facts §1.1, §6)."""

from typing import Any, ClassVar, Self

import jwt
from starlette.responses import Response

from rosterd.simulators.ids import guid
from rosterd.simulators.signing import claims_of, key_of
from rosterd.simulators.web import Call, Endpoint, Headers, Refusal, Vendor, answer
from rosterd.simulators.world import Kind, UnknownError, World

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"  # hard-wired in google-auth (facts §1.1)
_SCOPE = "https://www.googleapis.com/auth/"
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
           429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}  # fmt: skip
_UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
    "scopes requested."
)
_OTHER_TIME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp "
    "values in the JWT claim."
)
_LOGIN = {"location": "Authorization", "locationType": "header"}


def api_error(
    status: int, reason: str, message: str, *, more: dict[str, str] | None = None, headers: Headers = ()
) -> Refusal:
    """Google's error body."""
    error = {"message": message, "domain": "global", "reason": reason, **(more or {})}
    body = {"error": {"code": status, "message": message, "errors": [error], "status": _STATUS[status]}}
    return Refusal(answer(body, status=status, headers=headers))


def invalid(name: str, message: str) -> Refusal:
    """A parameter has a value that it cannot have."""
    return api_error(400, "invalidParameter", message, more={"location": name, "locationType": "parameter"})


def _project(world: World) -> str:
    return f"{world.domain.partition('.')[0]}-sync"


def token_error(status: int, error: str, description: str) -> Refusal:
    return Refusal(answer({"error": error, "error_description": description}, status=status))


class GoogleAccess(Vendor):
    """One service account with domain-wide delegation; `granted` holds the delegated scopes.

    `public_key` (PEM) verifies assertions; "" leaves their signature unchecked. `subject` is the admin to impersonate.
    """

    kind: ClassVar[Kind] = "google"
    sensitive_key: ClassVar[str] = "service_account"
    all_grants: ClassVar[frozenset[str]] = frozenset(
        f"{_SCOPE}admin.directory.{name}"
        for name in ("user.readonly", "group.readonly", "group.member.readonly", "userschema.readonly")
    )

    def __init__(self, world: World, *, client_email: str, subject: str, public_key: str = "",
                 latency: float = 0.0) -> None:  # fmt: skip
        super().__init__(world, latency=latency)
        self.client_email = client_email
        self.subject = subject
        self._admin_id = world.person(subject).id if world.people else ""
        self.public_key = public_key

    @classmethod
    def opened(cls, world: World, *, latency: float = 0.0) -> Self:
        """The service account acts as the first active person, whom the account then shows as an administrator."""
        subject = next((p.email for p in world.people.values() if p.status == "active"), f"admin@{world.domain}")
        email = f"rosterd@{_project(world)}.iam.gserviceaccount.com"
        return cls(world, client_email=email, subject=subject, latency=latency)

    def keys(self, url: str) -> dict[str, str]:
        return {"customer": "my_customer", "subject": self.subject, "endpoint": url, "token_endpoint": f"{url}/token"}

    def credentials(self, url: str) -> dict[str, Any]:
        """`service_account` is the content of a key file whose `token_uri` is this server's."""
        private_key, self.public_key = key_of(self.world.secrets)
        account = {
            "type": "service_account",
            "project_id": _project(self.world),
            "private_key_id": guid("key", self.world.seed).replace("-", ""),
            "private_key": private_key,
            "client_email": self.client_email,
            "client_id": f"1{self.world.seed:020d}",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": f"{url}/token",
            "universe_domain": "googleapis.com",
        }
        return {"service_account": account, "subject": self.subject, "customer": "my_customer"}

    # -- every request --------------------------------------------------------------------------------------------

    def admit(self, call: Call, row: Endpoint) -> None:
        if not row.token:
            self._scopes(call)

    def require(self, call: Call, *scopes: str) -> None:
        """The token must hold any one of these scopes."""
        if not self._scopes(call).intersection(_SCOPE + scope for scope in scopes):
            message = "Request had insufficient authentication scopes."
            raise api_error(403, "insufficientPermissions", message)

    def unknown_parameter(self, name: str) -> Refusal:
        message = f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
        return api_error(400, "badRequest", message)

    def not_found(self, what: str) -> Refusal:
        return api_error(404, "notFound", f"Resource Not Found: {what}")

    def _scopes(self, call: Call) -> frozenset[str]:
        given = call.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise self._unauthenticated("required", "Login Required.")
        scopes = self.tokens.scopes(given.removeprefix("Bearer "))
        if scopes is None:
            raise self._unauthenticated("authError", "Invalid Credentials")
        return scopes

    def _unauthenticated(self, reason: str, message: str) -> Refusal:
        challenge = [("www-authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"')]
        return api_error(401, reason, message, more=_LOGIN, headers=challenge)

    # -- tokens ---------------------------------------------------------------------------------------------------

    def token(self, call: Call) -> Response:
        """The JWT-bearer grant of a service account that acts as `sub` (facts §1.1)."""
        form = call.form
        if form.get("grant_type") != _GRANT:
            raise token_error(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        claims = self._claims(form.get("assertion", ""))
        if claims.get("iss") != self.client_email:
            raise token_error(400, "invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") not in (_AUDIENCE, f"{call.base}/token"):
            raise token_error(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            raise token_error(400, "invalid_scope", "Empty or missing scope not allowed.")
        self._check_delegation(claims, scopes)
        life = int(self.tokens.life) - 1
        return answer({"access_token": self.tokens.issue(scopes), "expires_in": life, "token_type": "Bearer"})

    def _claims(self, assertion: str) -> dict[str, Any]:
        try:
            return claims_of(assertion, self.public_key, "iat", "iss", drift=self.drift)
        except jwt.InvalidSignatureError as exc:
            raise token_error(400, "invalid_grant", "Invalid JWT Signature.") from exc
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as exc:
            raise token_error(400, "invalid_grant", _OTHER_TIME) from exc
        except jwt.InvalidTokenError as exc:
            raise token_error(400, "invalid_grant", f"Invalid JWT: {exc}") from exc

    def _check_delegation(self, claims: dict[str, Any], scopes: frozenset[str]) -> None:
        """All scopes must be delegated, else the whole request fails; the subject must be a live account."""
        if "sub" not in claims or not scopes <= self.allowed:
            raise token_error(401, "unauthorized_client", _UNAUTHORIZED)
        try:
            alive = self.world.person(str(claims["sub"])).status == "active"
        except UnknownError:
            alive = False
        if not alive:
            raise token_error(400, "invalid_grant", "Invalid email or User ID")
