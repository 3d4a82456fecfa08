"""The SCIM side of `rosterd serve` put together: a door for each told directory, over the store's tokens and writer."""

import asyncio
import uuid
from collections.abc import Callable

from sqlalchemy import Connection

from connectors.scim.dialects import dialect
from connectors.scim.listener import Endpoint, Listener
from rosterd.daemon.lasting import lasting
from rosterd.endpoints import endpoint
from rosterd.heard import warnings
from rosterd.http.database import Kept, StoreTransactions
from rosterd.http.hearing import Ear, Heard
from rosterd.http.rate import Bucket
from rosterd.http.recorder import Recorder
from rosterd.http.scim import Door, ScimEndpoint
from rosterd.http.tokens import StoredTokens
from rosterd.logs import logger
from rosterd.policies import policy_of, wanted_attributes
from rosterd.ports import now
from rosterd.settings.kinds import ScimConfig, connector_config
from rosterd.settings.model import DirectorySettings, Settings
from rosterd.tokens import finder
from rosterd.trouble import Trouble
from store.database import Store
from store.scim.gauges import note_request
from store.scim.writer import Writer
from store.tokens import used

log = logger("rosterd")

WARN_SECONDS = 86400.0


class Telling:
    """Every told directory of a configuration, served from `address`; `changed` is told which one is another now."""

    def __init__(
        self, settings: Settings, store: Store, address: str, changed: Callable[[str], None], trouble: Trouble
    ) -> None:
        self._settings, self._store, self._address = settings, store, address
        self._writer = Writer(store)
        self._kept: dict[str, Kept] = {}
        self._doors: dict[str, Door] = {}
        self._left: list[Door] = []  # of earlier configurations: requests may still be in them
        self._transactions = StoreTransactions(store, self._writer, self._kept, now, trouble)
        self._ear = Ear(self._keep, now)
        self.configure(settings)
        self.endpoint = ScimEndpoint(
            self._doors, StoredTokens(finder(store)), self._transactions, hearing=self._ear, changed=changed, now=now
        )
        self._tasks: list[asyncio.Task[None]] = []

    def configure(self, settings: Settings) -> None:
        """Serves the told directories of another configuration from now on; requests under way end as they began."""
        self._settings = settings
        directories = told(settings)
        self._kept.update({each.id: _kept(settings, each) for each in directories})
        self._left += self._doors.values()
        doors = {each.id: self._door(each) for each in directories}
        self._doors.clear()
        self._doors.update(doors)

    def start(self) -> None:
        """Begins to keep what is heard, and to warn of tokens that end."""
        self._tasks = [
            asyncio.create_task(lasting("keeping what is heard", self._ear.listen)),
            asyncio.create_task(lasting("looking at tokens", self._watch)),
        ]

    async def close(self) -> None:
        """Keeps what is left; requests are over."""
        for task in self._tasks:
            task.cancel()
        await self._ear.flush()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for door in (*self._left, *self._doors.values()):
            if door.recorder is not None:
                door.recorder.close()
        self._transactions.close()
        self._writer.close()

    def _door(self, directory: DirectorySettings) -> Door:
        keys = scim_keys(directory)
        attributes = wanted_attributes(self._settings, directory)

        def listener(label: str) -> Listener:
            base = endpoint(self._settings, directory.id, self._address, label)
            made = Endpoint(directory.id, base, keys.dialect, keys.strict, attributes)
            return Listener(made, lambda: str(uuid.uuid4()))

        recorder = Recorder(keys.record) if keys.record is not None else None
        return Door(directory.id, listener, Bucket(keys.requests_per_second), recorder)

    async def _watch(self) -> None:
        while True:
            for directory in tuple(self._doors):
                for sentence in await asyncio.to_thread(warnings, self._store, directory):
                    said = f"{directory}: {sentence}; rosterd token rotate {directory}"
                    log.warning("token_expires", message=said, directory=directory)
            await asyncio.sleep(WARN_SECONDS)

    async def _keep(self, heard: dict[str, Heard]) -> None:
        def job(connection: Connection) -> None:
            for directory, noted in heard.items():
                note_request(connection, directory, noted.last, noted.leniencies)
                used(connection, noted.tokens, noted.last)

        await asyncio.wrap_future(self._writer.submit(job))


def told(settings: Settings) -> tuple[DirectorySettings, ...]:
    """The directories that tell."""
    return tuple(directory for directory in settings.directory if directory.kind == "scim")


def scim_keys(directory: DirectorySettings) -> ScimConfig:
    """The keys that only a told directory has."""
    keys = connector_config(directory)
    assert isinstance(keys, ScimConfig)  # noqa: S101 - for the type: its kind says so
    return keys


def _kept(settings: Settings, directory: DirectorySettings) -> Kept:
    keys = scim_keys(directory)
    return Kept(policy_of(settings, directory), dialect(keys.dialect, strict=keys.strict).unique_groups)
