"""A clock for tests."""

import asyncio


class Time:
    """A clock in seconds; `sleep` moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now + seconds
        await self.settled()
        self.now = max(self.now, until)

    async def settled(self) -> None:
        """Others begin to sleep at the same time."""
        await asyncio.sleep(0)
