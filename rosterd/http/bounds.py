"""What a client may send, and how long it may take: bodies by size and time. Headers are bounded in server.py, before
there is a request at all.

Whoever waits too long or sends too much is told so as SCIM tells (RFC 7644 §3.12).
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from connectors.scim.errors import ScimError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BYTES = 8 << 20  # the members of a group of 100,000, as Okta's "Push now" replaces them
BODY_SECONDS = 30.0
SEND_SECONDS = 60.0  # Okta closes its own side after 60
CLOSE = (("Connection", "close"),)


class Gone(Exception):
    """The client went away before it had said everything: nobody is there to be answered."""


async def body_of(receive: Receive, declared: str, *, most: int = MOST_BYTES, seconds: float = BODY_SECONDS) -> bytes:
    """The body of a request; `declared` is its Content-Length, "" when there is none.

    Raises:
        ScimError: it is too large (413) or comes too slowly (408).
        Gone: the client went away.
    """
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, most)
    except TimeoutError as exc:
        raise ScimError(408, f"the request was not complete after {seconds:g} seconds", headers=CLOSE) from exc


async def _read(receive: Receive, most: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= most:
        return body
    parts, size = [body], len(body)
    while message["type"] == "http.request":
        if size > most:
            raise _too_large(most)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    raise Gone


def _too_large(most: int) -> ScimError:
    return ScimError(413, f"the body is larger than {most:,} bytes: send it in parts", headers=CLOSE)


async def respond(send: Send, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    """Sends a whole response. A client that does not read it is left after a while."""
    listed = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    if status not in (204, 304):  # they have no content, and so no length (RFC 9110 §8.6)
        listed.append((b"content-length", b"%d" % len(body)))
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": body})
