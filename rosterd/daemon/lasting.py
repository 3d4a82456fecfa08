"""A part of the daemon that goes on for ever, whatever is wrong with it."""

import asyncio
from collections.abc import Awaitable, Callable

from rosterd.faults import told
from rosterd.logs import logger

log = logger("rosterd.daemon")

AGAIN = 5.0  # seconds after a fault


async def lasting(name: str, part: Callable[[], Awaitable[None]]) -> None:
    """Does a part until it returns; after a fault of it again. What is expected to go wrong is the part's own business:
    without this, a daemon that looks alive would claim, ask or say nothing any more."""
    while True:
        try:
            return await part()
        except Exception as error:  # noqa: BLE001 - told in the log, without its text
            log.error("part_broke", message=f"{name} broke by a fault of rosterd's, and goes on: {told(error)}")
        await asyncio.sleep(AGAIN)
