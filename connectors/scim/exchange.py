"""What goes in and out of the listener, as values: a request, a response, the endpoint they concern.

They name no framework and no socket; rosterd/http makes the one and sends the other.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.scim.errors import ScimError, error_body
from reconciler.model import Frozen

SCIM_JSON, PLAIN_JSON = "application/scim+json", "application/json"


class Request(Frozen, frozen=True):
    """A request below a directory's address.

    `path` is decoded and begins below the directory: "/Users/2819c223". `query` is decoded too. `headers` have
    lower-case names; only accept, content-type, if-match, if-none-match and prefer matter.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Response(Frozen, frozen=True):
    """The answer. `changed`: the directory is another than before, so that its workspace is looked at. `leniencies`
    names the rows of the quirk sheet that the request needed, each once."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    changed: bool = False
    leniencies: tuple[str, ...] = ()


class Endpoint(Frozen, frozen=True):
    """One directory's place and habits.

    `base` is its address without a slash at the end ("https://sync.example.com/scim/v2/acme-scim"); `attributes` are
    those that policy wants of a user.
    """

    directory: str
    base: str
    dialect: str = "generic"
    strict: bool = False
    attributes: frozenset[str] = frozenset()


def content_type(accept: str) -> str:
    """The type of the answer: SCIM's own unless only plain JSON is asked for (OneLogin; RFC 7644 §3.8)."""
    asked = accept.lower()
    return PLAIN_JSON if PLAIN_JSON in asked and SCIM_JSON not in asked else SCIM_JSON


def refused(error: ScimError, accept: str = "", leniencies: tuple[str, ...] = ()) -> Response:
    """The answer to a request that is refused; it changed nothing. `leniencies`: what was forgiven before that."""
    headers = (("Content-Type", content_type(accept)), *error.headers)
    body = error_body(error.status, error.detail, error.scim_type)
    return Response(error.status, body, headers, leniencies=leniencies)


def encoded(value: Any) -> bytes:
    """A body as JSON."""
    return msgspec.json.encode(value)
