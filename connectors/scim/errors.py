"""SCIM's errors: what a request that is refused is answered with (RFC 7644 §3.12; RFC 9865 §2.3 for cursors).

Every refusal, whoever finds the reason, is a `ScimError`; the listener turns it into a response, and rosterd/http does
the same for what it refuses itself (401, 413, 429, 500).
"""

import msgspec

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"

# RFC 7644 table 9; the last three: RFC 9865 §2.3 table 2
SCIM_TYPES = frozenset(
    {
        "invalidFilter",
        "tooMany",
        "uniqueness",
        "mutability",
        "invalidSyntax",
        "invalidPath",
        "noTarget",
        "invalidValue",
        "invalidVers",
        "sensitive",
        "invalidCursor",
        "expiredCursor",
        "invalidCount",
    }
)


class ScimError(Exception):
    """A request that is refused.

    `detail` is a sentence for the admin on the other side: it names the attribute and the way out, and never quotes a
    secret. `scim_type` is one of `SCIM_TYPES`, or "" where the status says it all.
    """

    def __init__(
        self, status: int, detail: str, scim_type: str = "", *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.headers = headers  # "Allow" of a 405, "Retry-After" of a 429


def error_object(status: int, detail: str, scim_type: str = "") -> dict[str, object]:
    """The error as a JSON object: Bulk holds it inside a body of its own. The status is a string (RFC 7644 §3.12)."""
    stated = {"scimType": scim_type} if scim_type else {}
    return {"schemas": [SCHEMA], "status": str(status), **stated, "detail": detail}


def error_body(status: int, detail: str, scim_type: str = "") -> bytes:
    """The body of a response that refuses."""
    return msgspec.json.encode(error_object(status, detail, scim_type))
