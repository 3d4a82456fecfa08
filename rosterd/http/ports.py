"""What the SCIM endpoint needs from the outside; rosterd/serving.py gives it the store's parts, unit tests theirs."""

from collections.abc import Callable
from typing import Protocol

from connectors.scim.listener import Response
from connectors.scim.ports import Resources
from reconciler.model import Frozen

Work = Callable[[Resources], Response]


class Grant(Frozen, frozen=True):
    """What a valid token gives: the one directory that it reaches, under which label; of an operator's (directory "")
    the scope, and the one workspace that it is bound to."""

    id: str
    directory: str
    label: str = ""
    scope: str | None = None
    workspace: str | None = None


class Tokens(Protocol):
    """Which tokens are valid now."""

    async def grant(self, token: str) -> Grant | None:
        """What this text gives; None for anything that is no valid token, whatever is wrong with it."""
        ...


class Transactions(Protocol):
    """One directory's resources, each piece of work in a transaction."""

    async def read(self, directory: str, work: Work, *, quick: bool) -> Response:
        """Does work that only reads, without holding up other requests; `quick` when an index serves it."""
        ...

    async def write(self, directory: str, work: Work) -> Response:
        """Does work that may write; when it returns, what it did is on the disk. Rolled back when the response has a
        status of 400 or more, or anything is raised.

        Raises:
            StoreError: the store is busy, full, or gone.
        """
        ...


class Hearing(Protocol):
    """Told about every request that was let in, for `rosterd check` and for metrics. Never slow, never raises."""

    def heard(self, grant: Grant, response: Response) -> None:
        """Notes a request and what it needed."""
        ...
