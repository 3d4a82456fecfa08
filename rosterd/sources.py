"""What a run of a directory reads: its connector, open, with a simulator behind it where configuration says so.

Also whom a directory is asked as. Not here: what is done with what is read (wiring.py).
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

import connectors
from connectors.base import Connector, ConnectorConfig, Expected, Opened, Refused, SecretRef
from reconciler.errors import RunError
from rosterd import heard
from rosterd.ports import Told
from rosterd.settings.kinds import PULLED, connector_config
from rosterd.settings.model import DirectorySettings
from store.database import Store

if TYPE_CHECKING:
    from rosterd.simulators import Simulator


class NotPulled(RunError):
    """The directory tells rosterd; rosterd does not ask it."""

    code = "not_pulled"


class CannotSimulate(RunError):
    """The file of a simulated directory is missing or of another kind."""

    code = "cannot_simulate"


@asynccontextmanager
async def source_of(store: Store, directory: DirectorySettings) -> AsyncIterator[Connector | Told]:
    """What a run of a directory reads: its connector; of one that tells nothing, since all is told already."""
    if directory.kind not in PULLED:
        yield Told(heard.warnings(store, directory.id))
        return
    async with connect(directory) as connector:
        yield connector


def require_pulled(directory: DirectorySettings) -> None:
    """
    Raises:
        NotPulled: this is a kind that tells rosterd by itself.
    """
    if directory.kind not in PULLED:
        raise NotPulled(
            f"directory {directory.id} is of kind {directory.kind}: it is told, not asked",
            where=directory.id,
            fix="its identity provider pushes every change by itself; this is for "
            f"{', '.join(sorted(PULLED))} directories",
        )


@asynccontextmanager
async def connect(directory: DirectorySettings, expected: Expected | None = None) -> AsyncIterator[Connector]:
    """The connector of a directory, open in this event loop; with `simulate`, the simulator runs as long.

    `expected` is what its `check` compares with.

    Raises:
        NotPulled: the directory is of a kind that is not asked.
        CannotSimulate: there is no such world.
        Refused: a secret is missing or unusable.
    """
    require_pulled(directory)
    with _served(directory) as (config, clock):
        opened = Opened(directory.id, clock=clock, expected=expected or Expected())
        connector = connectors.open_connector(config, opened)
        try:
            yield connector
        finally:
            await connector.close()


@contextmanager
def _served(directory: DirectorySettings) -> Iterator[tuple[ConnectorConfig, Callable[[], float]]]:
    """The connector's configuration, and its clock; for a simulated directory, those of the simulator that serves it
    meanwhile."""
    config = connector_config(directory)
    if directory.simulate is None:
        yield config, time.time
        return
    with _simulator(directory) as simulator:
        # A simulator is reached with its one secret, whichever way in is configured.
        secret = {simulator.sensitive_key: _Throwaway.of(simulator.secret)}
        fields = type(config).model_fields
        unused = {name: fields[name].get_default() for way in config.credentials for name in way}
        yield config.model_copy(update={**unused, **simulator.keys, **secret}), simulator.time


def _simulator(directory: DirectorySettings) -> "Simulator":
    from msgspec import MsgspecError

    from rosterd.simulators import Simulator, World

    file = directory.simulate or Path()
    try:
        world = World.load(file)
        if world.kind != directory.kind:
            raise ValueError(f"it is of kind {world.kind}")
        return Simulator(world.kind, world)
    except (OSError, ValueError, MsgspecError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise CannotSimulate(
            f"the simulated directory {directory.id} cannot be read: {reason}",
            where=str(file),
            fix="correct simulate in [[directory]], or make it again with: rosterd demo",
        ) from exc


class _Throwaway(SecretRef):
    """The secret of a simulator, which lives no longer than it and is written nowhere."""

    _text: str = PrivateAttr(default="")

    @classmethod
    def of(cls, text: str) -> "_Throwaway":
        made = cls(env="SIMULATED")
        made._text = text
        return made

    def reveal(self) -> str:
        return self._text


def identity_of(directory: DirectorySettings) -> str:
    """Stands for whom a directory is asked as, and where: changes with address, client, key or scope of the reading.

    Of a secret it holds 64 bits of a keyed hash, which say whether it is the same one and nothing else.
    """
    config = connector_config(directory)
    seen = blake2b(key=directory.id.encode()[:64], digest_size=8)
    for name in sorted(type(config).model_fields):
        value = getattr(config, name)
        if isinstance(value, SecretRef):
            with suppress(Refused):  # a simulated directory has none
                value = value.reveal()
        seen.update(f"{name}={value}\0".encode())
    return seen.hexdigest()
