"""Who may call the simulated Okta org, how often, and how it says no (facts §1.3, §5, §6)."""

import secrets
from typing import Any, ClassVar, Self

import jwt
from starlette.responses import Response

from rosterd.simulators.ids import draw
from rosterd.simulators.okta_buckets import Buckets
from rosterd.simulators.okta_dpop import ALGORITHMS, ProofError, Proofs
from rosterd.simulators.signing import claims_of, key_of
from rosterd.simulators.web import Call, Endpoint, Headers, Refusal, Vendor, answer, http_date
from rosterd.simulators.world import Kind, World

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPE_OF = {"users": "okta.users.read", "groups": "okta.groups.read", "meta": "okta.schemas.read"}
_FORBIDDEN = "You do not have permission to perform the requested action"


def org_url(world: World) -> str:
    """The address that the org would have at Okta: what `url` says in a configuration beside `endpoint`."""
    return f"https://{world.domain.partition('.')[0]}.okta.com"


def api_error(status: int, code: str, summary: str, causes: list[str] | None = None, headers: Headers = ()) -> Refusal:
    """Okta's Error object."""
    error_id = f"oae{draw(code, summary) % 10**17:017d}"
    body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": error_id,
            "errorCauses": [{"errorSummary": cause} for cause in causes or []]}  # fmt: skip
    return Refusal(answer(body, status=status, headers=headers))


def invalid(name: str, reason: str) -> Refusal:
    """E0000001: a parameter is out of range."""
    return api_error(400, "E0000001", f"Api validation failed: {name}", [f"{name}: {reason}"])


def oauth_error(status: int, error: str, description: str) -> Refusal:
    return Refusal(answer({"error": error, "error_description": description}, status=status))


class OktaAccess(Vendor):
    """SSWS tokens, OAuth for service apps, and limits (`buckets`).

    `ssws_token` is the API token; `client_id` with `public_key` (PEM; "" leaves signatures unchecked) is the service
    app, which has to prove its key with DPoP when `dpop` is set; `role` False takes the app's admin role away: a token
    with every scope then gets 403 (facts §1.3).
    """

    kind: ClassVar[Kind] = "okta"
    sensitive_key: ClassVar[str] = "token"
    all_grants: ClassVar[frozenset[str]] = frozenset(
        {"okta.users.read", "okta.groups.read", "okta.schemas.read", "okta.apps.read", "okta.logs.read"}
    )

    def __init__(self, world: World, *, ssws_token: str, client_id: str, public_key: str = "",
                 latency: float = 0.0) -> None:  # fmt: skip
        super().__init__(world, latency=latency)
        self.ssws_token = ssws_token
        self.client_id = client_id
        self.public_key = public_key
        self.buckets = Buckets()
        self.role = True
        self.dpop = False  # whether the service app "requires DPoP header in token requests"
        self.proofs = Proofs()

    @classmethod
    def opened(cls, world: World, *, latency: float = 0.0) -> Self:
        token = world.secrets.setdefault("token", f"00{secrets.token_urlsafe(30)}")
        return cls(world, ssws_token=token, client_id=f"0oa{draw('app', world.seed) % 10**17:017d}", latency=latency)

    def keys(self, url: str) -> dict[str, str]:
        return {"url": org_url(self.world), "endpoint": url}

    def credentials(self, url: str) -> dict[str, Any]:  # noqa: ARG002 - the same wherever it is served
        """`token` (SSWS), and the service app's `client_id` and `private_key` (PEM)."""
        private_key, self.public_key = key_of(self.world.secrets)
        return {"token": self.ssws_token, "client_id": self.client_id, "private_key": private_key}

    # -- every request --------------------------------------------------------------------------------------------

    def admit(self, call: Call, row: Endpoint) -> None:
        if not self.buckets.take(row, self.flying):
            raise api_error(429, "E0000047", "API call exceeded rate limit due to too many requests.")
        if not row.token:
            self._check_token(call, row)

    def finish(self, response: Response) -> None:
        now = self.now
        headers = {
            "date": http_date(now),
            "x-okta-request-id": f"aXA{draw(sum(self.requests.values())) % 10**21:021d}",
            **dict(self.buckets.headers(now.timestamp())),
        }
        there = {name for name, _ in response.raw_headers}  # a fault may say other things of the bucket
        response.raw_headers.extend((n.encode(), v.encode()) for n, v in headers.items() if n.encode() not in there)

    def unknown_parameter(self, name: str) -> Refusal:
        return invalid(name, "unknown or repeated query parameter")

    def not_found(self, what: str) -> Refusal:
        return api_error(404, "E0000007", f"Not found: Resource not found: {what}")

    def _check_token(self, call: Call, row: Endpoint) -> None:
        given = call.headers.get("authorization", "")
        needed = _SCOPE_OF.get(row.path.split("/")[3] if row.path.startswith("/api/v1/") else "")
        if given.startswith("SSWS"):
            if given.removeprefix("SSWS").strip() != self.ssws_token:
                raise api_error(401, "E0000011", "Invalid token provided")
            if needed in self.taken:  # an API token has no scopes: the role of its owner does not show these
                raise api_error(403, "E0000006", _FORBIDDEN)
            return
        scheme = "DPoP " if self.dpop else "Bearer "
        if not given.startswith(scheme):
            raise api_error(401, "E0000005", "Invalid session")
        token = given.removeprefix(scheme)
        if self.dpop:
            self._check_proof(call, token)
        scopes = self.tokens.scopes(token)
        if scopes is None:
            raise self._challenge(401, "E0000011", "Invalid token provided", "invalid_token")
        if needed and needed not in scopes:
            text = "The access token provided does not contain the required scopes."
            raise self._challenge(403, "E0000006", text, "insufficient_scope")
        if not self.role:
            raise api_error(403, "E0000006", _FORBIDDEN)

    def _check_proof(self, call: Call, token: str) -> None:
        """A request without a good proof gets 401, with the nonce to use (RFC 9449 §7.1, §9)."""
        try:
            self.proofs.check(call, token)
        except ProofError as exc:
            challenge = (
                f'DPoP algs="{" ".join(ALGORITHMS)}", error="{exc.error}", error_description="{exc.description}"'
            )
            headers = [("www-authenticate", challenge), ("dpop-nonce", self.proofs.nonce)]
            raise api_error(401, "E0000011", "Invalid token provided", headers=headers) from exc

    def _challenge(self, status: int, code: str, summary: str, error: str) -> Refusal:
        challenge = f'Bearer authorization_uri="/oauth2/v1/authorize", error="{error}", error_description="{summary}"'
        return api_error(status, code, summary, headers=[("www-authenticate", challenge)])

    # -- tokens ---------------------------------------------------------------------------------------------------

    def token(self, call: Call) -> Response:
        """Client credentials with private_key_jwt, the only way for a service app (facts §1.3)."""
        form = call.form
        if form.get("grant_type") != "client_credentials":
            raise oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported.")
        if form.get("client_assertion_type") != _ASSERTION or not form.get("client_assertion"):
            raise oauth_error(401, "invalid_client", "Client Credentials must be a client_assertion (private_key_jwt).")
        self._check_assertion(form["client_assertion"], call)
        key = self._token_proof(call) if self.dpop else ""
        scopes = form.get("scope", "").split()
        if not scopes:
            raise oauth_error(400, "invalid_scope", "The authorization server resource requires a scope.")
        if refused := sorted(set(scopes) - self.allowed):
            raise oauth_error(400, "invalid_scope", f"One or more scopes are not granted: {', '.join(refused)}")
        token = self.tokens.issue(scopes)
        if key:
            self.proofs.bind(token, key)
        body = {"token_type": "DPoP" if key else "Bearer", "expires_in": int(self.tokens.life)}
        return answer({**body, "access_token": token, "scope": " ".join(scopes)})

    def _token_proof(self, call: Call) -> str:
        """The first request has no nonce and gets one with its 400 (RFC 9449 §8)."""
        try:
            return self.proofs.check(call)
        except ProofError as exc:
            body = {"error": exc.error, "error_description": exc.description}
            raise Refusal(answer(body, status=400, headers=[("dpop-nonce", self.proofs.nonce)])) from exc

    def _check_assertion(self, assertion: str, call: Call) -> None:
        try:
            claims = claims_of(assertion, self.public_key, "iss", "sub", "aud", drift=self.drift)
        except jwt.InvalidTokenError as exc:
            raise oauth_error(401, "invalid_client", f"The client_assertion token is not valid: {exc}") from exc
        if not claims.get("iss") == claims.get("sub") == self.client_id:
            raise oauth_error(401, "invalid_client", "Invalid value for 'client_id' parameter.")
        audiences = {f"{call.base}/oauth2/v1/token", f"{org_url(self.world)}/oauth2/v1/token"}
        if claims.get("aud") not in audiences:
            raise oauth_error(401, "invalid_client", "The audience of the client_assertion is not this org.")
