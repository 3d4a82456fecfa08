"""Bearer tokens: how one looks, how a new one is made, and which ones are valid now.

A token is shown once, when it is made. What is kept of it is a hash: 256 random bits need no slow one.
"""

import asyncio
import hmac
import re
import secrets
import string
import time
from collections.abc import Callable
from hashlib import sha256

from reconciler.model import Frozen
from rosterd.http.ports import Grant

SHAPE = re.compile(r"rosterd_([A-Za-z0-9]{6})_[A-Za-z0-9_-]{43}")
REMEMBERED_SECONDS = 1.0  # how long a valid token is not looked up again: so long a revoked one still works
MOST_REMEMBERED = 10_000
_LETTERS = string.ascii_letters + string.digits


class Fresh(Frozen, frozen=True):
    """A new token: its id, which is no secret; its text, which is shown once; what is kept of it."""

    id: str
    text: str
    digest: str


def fresh() -> Fresh:
    """A new token."""
    id = "".join(secrets.choice(_LETTERS) for _ in range(6))  # noqa: A001 - what it is
    text = f"rosterd_{id}_{secrets.token_urlsafe(32)}"
    return Fresh(id, text, digest_of(text))


def digest_of(text: str) -> str:
    """What is kept of a token."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Valid(Frozen, frozen=True):
    """What the store says of a token that is neither revoked nor over."""

    grant: Grant
    digest: str


class StoredTokens:
    """Implements `ports.Tokens`. `find` looks a token up by its id, in another thread."""

    def __init__(self, find: Callable[[str], Valid | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._remembered: dict[str, tuple[Grant, float]] = {}

    async def grant(self, token: str) -> Grant | None:
        """What this text gives. Where there is no such id, the comparison is made all the same."""
        shaped = SHAPE.fullmatch(token)
        if shaped is None:
            return None
        digest = digest_of(token)
        remembered = self._remembered.get(digest)
        if remembered is not None and self._clock() < remembered[1]:
            return remembered[0]
        found = await asyncio.to_thread(self._find, shaped[1])
        if not hmac.compare_digest(digest if found is None else found.digest, digest) or found is None:
            return None
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (found.grant, self._clock() + REMEMBERED_SECONDS)
        return found.grant
