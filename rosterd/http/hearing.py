"""What was heard of each directory, added up here and kept by the store every few seconds: nothing a request waits for.

A daemon that is killed forgets the last few seconds of it; nothing else hangs on them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.scim.listener import Response
from reconciler.errors import StoreError
from rosterd.http.ports import Grant
from rosterd.logs import logger

log = logger("rosterd.http")

KEEP_SECONDS = 5.0


@dataclass
class Heard:
    """Of one directory since the last time: the tokens that were used, the leniencies that were needed, and when."""

    tokens: set[str] = field(default_factory=set)
    leniencies: Counter[str] = field(default_factory=Counter)
    last: str = ""


Keep = Callable[[dict[str, Heard]], Awaitable[None]]


class Ear:
    """Implements `ports.Hearing`. `keep` has the store add up what was heard."""

    def __init__(self, keep: Keep, now: Callable[[], str]) -> None:
        self._keep, self._now = keep, now
        self._heard: dict[str, Heard] = {}
        self._refused = False

    def heard(self, grant: Grant, response: Response) -> None:
        """Notes a request."""
        noted = self._heard.setdefault(grant.directory, Heard())
        noted.tokens.add(grant.id)
        if response.leniencies:
            noted.leniencies.update(response.leniencies)
        noted.last = self._now()

    async def listen(self) -> None:
        """Has it kept every few seconds, for ever."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Has it kept now; what the store refuses is kept the next time."""
        heard, self._heard = self._heard, {}
        if not heard:
            return
        try:
            await self._keep(heard)
        except StoreError as error:
            level, self._refused = (logging.DEBUG if self._refused else logging.WARNING), True
            said = f"what was heard is not kept yet: {error.whole}"
            log.log(level, "hearing_not_kept", message=said, code=error.code)
            for directory, noted in heard.items():
                later = self._heard.setdefault(directory, Heard())
                later.tokens |= noted.tokens
                later.leniencies += noted.leniencies
                later.last = later.last or noted.last
        else:
            self._refused = False
