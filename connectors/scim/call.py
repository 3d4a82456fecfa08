"""One request while it is answered: whose it is, what it asks for, what it was forgiven; and its body as JSON.

Nothing here knows what a request means.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connectors.scim.dialects import Dialect, dialect
from connectors.scim.errors import ScimError
from connectors.scim.exchange import PLAIN_JSON, SCIM_JSON, Endpoint, Request, Response, content_type, encoded
from connectors.scim.leniencies import Tolerance
from connectors.scim.ports import Resources
from reconciler.model import JSON

Headers = tuple[tuple[str, str], ...]
DEEPEST = 32


class Call:
    """A request and everything that answering it needs. The operations of a Bulk request share one."""

    def __init__(
        self, endpoint: Endpoint, request: Request, *, resources: Resources, now: str, new_id: Callable[[], str]
    ) -> None:
        self.endpoint = endpoint
        self.request = request
        self.resources = resources
        self.now = now
        self.new_id = new_id
        self.strict = endpoint.strict
        self.dialect: Dialect = dialect(endpoint.dialect, strict=endpoint.strict)
        self.how = Tolerance(endpoint.strict, self.note)
        self._noted: dict[str, None] = {}

    def note(self, code: str) -> None:
        """The request needed this leniency."""
        self._noted[code] = None

    @property
    def noted(self) -> tuple[str, ...]:
        """The leniencies that were needed, each once."""
        return tuple(self._noted)

    def header(self, name: str) -> str:
        return self.request.headers.get(name, "").strip()

    def response(self, status: int, value: JSON = None, *, headers: Headers = (), changed: bool = False) -> Response:
        """An answer; without a value it has no body (and no type)."""
        noted = self.noted
        if value is None:
            return Response(status, b"", headers, changed, noted)
        typed = ("Content-Type", content_type(self.header("accept")))
        return Response(status, encoded(value), (typed, *headers), changed, noted)

    def body(self) -> dict[str, Any]:
        """The request's body: a JSON object.

        Raises:
            ScimError: 415, 400 invalidSyntax.
        """
        _media_type(self.header("content-type"))
        return decoded(self.request.body)


def _media_type(told: str) -> None:
    """JSON in UTF-8, as SCIM's type or the plain one (RFC 7644 §3.1, §8.1)."""
    if not told:  # RFC 9110 §8.3 leaves it to the recipient
        return
    kind, _, rest = told.lower().partition(";")
    if kind.strip() not in {SCIM_JSON, PLAIN_JSON}:
        raise ScimError(415, f"a body of type {kind.strip()!r} is not read: send {SCIM_JSON} or {PLAIN_JSON}")
    parameters = dict(_parameter(each) for each in rest.split(";") if each.strip())
    charset = parameters.get("charset", "utf-8")
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise ScimError(415, f"a body in {charset!r} is not read: send UTF-8")


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip('"')


def decoded(body: bytes) -> dict[str, Any]:
    """Any bytes as a JSON object.

    Raises:
        ScimError: 400 invalidSyntax: no JSON, no object, nested too deep, or a text that no store can keep.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScimError(400, f"the body is no JSON that can be read: {error}", "invalidSyntax") from error
    if not isinstance(value, dict):
        raise ScimError(400, "the body is JSON, but no object", "invalidSyntax")
    _within_bounds(value)
    if b"\\u0000" in body:
        _without_nul(value)
    return value


def _within_bounds(value: JSON) -> None:
    """SCIM nests four deep; what is nested deeper than anybody needs would exhaust the stack of those who walk it."""
    level = [value]
    for _ in range(DEEPEST):
        inner = (each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer))
        level = [each for each in inner if isinstance(each, (dict, list))]
        if not level:
            return
    raise ScimError(400, f"the body is nested more than {DEEPEST} deep", "invalidSyntax")


def _without_nul(value: JSON) -> None:
    """Text with a NUL is kept by no database that keeps the rest. A raw one is no JSON, so only an escape makes one."""
    if isinstance(value, str):
        if "\0" in value:
            raise ScimError(400, "a text holds U+0000, which cannot be kept", "invalidValue")
        return
    for each in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _without_nul(each)


def member(body: Mapping[str, Any], name: str, *, strict: bool = False) -> Any:
    """The member of a message (PatchOp, SearchRequest, BulkRequest) by its name, in any case unless strict; None when
    it has none."""
    if strict or name in body:
        return body.get(name)
    folded = name.lower()
    return next((value for key, value in body.items() if key.lower() == folded), None)
