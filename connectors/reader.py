"""`pull` and `confirm` as all connectors of this package have them: deadline, errors that name the directory, order.

What does not live here: what is asked and what the answers mean (each connector).
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing

from connectors import confirming
from connectors.confirming import ById
from connectors.listing import naming
from connectors.transport import Transport
from reconciler.model import Observation, Questions, Wanted


class Reader(ABC):
    """One directory that is read through a `Transport`. `seconds` is how long a whole pull may take, `window` how many
    things are asked for at the same time."""

    def __init__(self, transport: Transport, *, seconds: float, window: int) -> None:
        self._transport, self._seconds, self._window = transport, seconds, window

    async def pull(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """Everything, or what changed since the cursor (connectors/base.py)."""
        self._transport.begin(self._seconds)
        with naming(self._transport.directory):
            async with aclosing(self._changes(wanted) if wanted.cursor else self._everything(wanted)) as found:
                async for observation in found:
                    yield observation

    async def confirm(self, questions: Questions, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """What the directory says by id (connectors/base.py)."""
        self._transport.begin(min(self._seconds, confirming.SECONDS))
        with naming(self._transport.directory):
            async with aclosing(confirming.answers(questions, self._by_id(wanted), window=self._window)) as found:
                async for observation in found:
                    yield observation

    @abstractmethod
    def _everything(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """A read of everything."""

    @abstractmethod
    def _changes(self, wanted: Wanted) -> AsyncGenerator[Observation, None]:
        """A read of what changed since `wanted.cursor`."""

    @abstractmethod
    def _by_id(self, wanted: Wanted) -> ById:
        """How this vendor is asked by id."""
