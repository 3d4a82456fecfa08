"""How each vendor says no where the world gives no reason for it: the answers of faults.py (facts §1, §5, §6)."""

import base64
import datetime as dt
from collections.abc import Callable

import msgspec
from starlette.responses import Response

from rosterd.simulators import entra_access, google_access, okta_access
from rosterd.simulators.strikes import Strike
from rosterd.simulators.web import Headers, Refusal, answer, http_date

RESET_SECONDS = 1  # until Okta's bucket is full again, in a fault
LONG_SECONDS = 300  # kiota gives up at 180 (facts §7.4)
_AUTHORIZE = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_RATE = "API call exceeded rate limit due to too many requests."


def html(title: str, status: int = 200) -> Response:
    """What a gateway or a captive portal answers in the vendor's place."""
    return answer(_PAGE.format(title).encode(), status=status, media="text/html; charset=utf-8")


def by_kind(strike: Strike, **made: Callable[[], Refusal]) -> Response:
    return made[strike.vendor.kind]().response


def unauthorized(strike: Strike) -> Response:
    """401 whatever token comes: the app was disabled, the key deleted."""
    bearer = [("www-authenticate", f'Bearer realm="", authorization_uri="{_AUTHORIZE}"')]
    return by_kind(
        strike,
        google=lambda: google_access.api_error(401, "authError", "Invalid Credentials"),
        entra=lambda: entra_access.graph_error(401, "InvalidAuthenticationToken", "Access token validation failure.",
                                               bearer),
        okta=lambda: okta_access.api_error(401, "E0000011", "Invalid token provided"),
    )  # fmt: skip


def claims_challenge(strike: Strike) -> Response:
    """Continuous access evaluation: the token was revoked, the next one must be younger than now."""
    wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(strike.vendor.world.now.timestamp()))}}}
    claims = base64.b64encode(msgspec.json.encode(wanted)).decode()
    said = f'Bearer realm="", authorization_uri="{_AUTHORIZE}", error="insufficient_claims", claims="{claims}"'
    message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
    return entra_access.graph_error(401, "InvalidAuthenticationToken", message, [("www-authenticate", said)]).response


def forbidden(strike: Strike) -> Response:
    """403: the consent, role or privilege was taken away."""
    return by_kind(
        strike,
        google=lambda: google_access.api_error(403, "forbidden", "Not Authorized to access this resource/api"),
        entra=lambda: entra_access.graph_error(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        ),
        okta=lambda: okta_access.api_error(
            403, "E0000006", "You do not have permission to perform the requested action"
        ),
    )


def by_id(strike: Strike) -> Response | None:
    """403 for one person's own record, not for their place among the deleted."""
    return None if _of_deleted(strike) else forbidden(strike)


def deleted(strike: Strike) -> Response | None:
    """403 for whatever tells of deleted people."""
    return forbidden(strike) if _of_deleted(strike) else None


def _of_deleted(strike: Strike) -> bool:
    return "deletedItems" in strike.call.path or strike.call.query.get("showDeleted") == "true"


def changes(strike: Strike) -> Response | None:
    """403 for a delta query, and for a listing filtered by time."""
    asked = strike.row.holds.endswith("_delta") or "lastUpdated" in strike.call.query.get("filter", "")
    return forbidden(strike) if asked else None


def not_found(strike: Strike) -> Response:
    return strike.vendor.not_found(next(iter(strike.call.route.values()), strike.call.path)).response


def internal(strike: Strike) -> Response:
    """500 with the vendor's own error."""
    return by_kind(
        strike,
        google=lambda: google_access.api_error(500, "backendError", "Internal error encountered."),
        entra=lambda: entra_access.graph_error(500, "generalException", "An unspecified error has occurred."),
        okta=lambda: okta_access.api_error(500, "E0000009", "Internal Server Error"),
    )


def unavailable(strike: Strike) -> Response:
    """503 without a hint when to come back."""
    return by_kind(
        strike,
        google=lambda: google_access.api_error(503, "backendError", "Service unavailable. Please try again"),
        entra=lambda: entra_access.graph_error(503, "serviceNotAvailable", "The service is temporarily unavailable."),
        okta=lambda: okta_access.api_error(503, "E0000010", "Service is in read only mode"),
    )


def expired_page(strike: Strike) -> Response:
    """A page token that is too old: the listing has to begin again."""
    return by_kind(
        strike,
        google=lambda: google_access.api_error(400, "invalid", "Invalid Input: pageToken"),
        entra=lambda: entra_access.graph_error(400, "Directory_ExpiredPageToken", "The specified page token value has "
                                               "expired and can no longer be included in your request."),
    )  # fmt: skip


def token_refused(error: str) -> Callable[[Strike], Response]:
    """The token endpoint's OAuth error. Entra's numbers go with the reason (facts §6)."""
    number, status = {"invalid_client": (7000222, 401), "unauthorized_client": (700016, 400),
                      "invalid_grant": (50034, 400), "invalid_scope": (1002012, 400)}[error]  # fmt: skip
    text = {"invalid_client": "The provided client secret keys are expired.",
            "unauthorized_client": "Client is unauthorized to retrieve access tokens using this method, or client not "
                                   "authorized for any of the scopes requested.",
            "invalid_grant": "Invalid email or User ID",
            "invalid_scope": "One or more scopes are not configured for the authorization server."}[error]  # fmt: skip

    def refused(strike: Strike) -> Response:
        return by_kind(
            strike,
            google=lambda: google_access.token_error(401 if error.endswith("client") else 400, error, text),
            entra=lambda: entra_access.token_error(status, error, number, text),
            okta=lambda: okta_access.oauth_error(401 if error == "invalid_client" else 400, error, text),
        )

    return refused


# -- too many requests --------------------------------------------------------------------------------------------


def google_limit(status: int, reason: str, message: str) -> Callable[[Strike], Response]:
    return lambda _: google_access.api_error(status, reason, message).response


def graph_limit(wait: str = "") -> Callable[[Strike], Response]:
    """429 of Graph; `wait` is its Retry-After as it is written, "" for none, "date" for an HTTP date."""

    def limited(strike: Strike) -> Response:
        headers: list[tuple[str, str]] = [
            ("x-ms-throttle-scope", "Tenant_Application/ReadWrite/" + strike.vendor.world.tenant),
            ("x-ms-throttle-information", "ResourceUnitLimitExceeded"),
        ]
        if wait == "date":
            headers.append(("retry-after", http_date(strike.vendor.now + dt.timedelta(seconds=1))))
        elif wait:
            headers.append(("retry-after", wait))
        return entra_access.graph_error(429, "TooManyRequests", "Too many requests.", headers).response

    return limited


def okta_limit(limit: int = 600) -> Callable[[Strike], Response]:
    """429 of Okta: the bucket of the minute is empty; with limit 0, too many at once (facts §5)."""

    def limited(strike: Strike) -> Response:
        reset = int(strike.vendor.now.timestamp()) + RESET_SECONDS
        return okta_access.api_error(429, "E0000047", _RATE, headers=rate_headers(limit, 0, reset)).response

    return limited


def rate_headers(limit: int, remaining: int, reset: int) -> Headers:
    """Okta's three, in place of those of the simulated bucket."""
    return [("x-rate-limit-limit", str(limit)), ("x-rate-limit-remaining", str(remaining)),
            ("x-rate-limit-reset", str(reset))]  # fmt: skip
