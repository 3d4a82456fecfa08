"""Reading the configuration again while the daemon runs (SIGHUP, POST /api/v1/reload): what follows it at once, what
only at the next start, and what is said about both."""

import asyncio
from collections.abc import Callable, Iterator

from reconciler.errors import StoreError
from rosterd import logs
from rosterd.daemon.daemon import Daemon
from rosterd.logs import logger
from rosterd.redaction import secrets_in
from rosterd.settings import ConfigError, load
from rosterd.settings.model import Settings
from rosterd.wiring import require_secrets

log = logger("rosterd")

AT_START = (
    ("store", "url"), ("http", "listen"), ("http", "metrics"), ("http", "metrics_token"), ("daemon", "queue"),
    ("daemon", "lease"), ("trace", "endpoint"),
)  # fmt: skip
"""The keys that a process reads when it starts, and never again; docs/daemon.md has the table."""


class Reloading:
    """Reads the configuration again, and has everything follow it without dropping what is under way."""

    def __init__(self, daemon: Daemon, also: Callable[[Settings], None], *, listens: bool = True) -> None:
        """`also` is told of another configuration; a process that does not listen has no use for [http]."""
        self._daemon, self._also, self._listens = daemon, also, listens
        self._started = daemon.settings
        self._alone = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def soon(self) -> None:
        """Reads it again; what is wrong goes to the log."""
        if self._closed:
            return
        task = asyncio.create_task(self._logged())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Follows nothing more."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    async def now(self) -> tuple[str, ...]:
        """Reads it again; the keys that have to wait for the next start: "[http] listen".

        Raises:
            ConfigError: it lists everything that is wrong with it; the old one stays in force.
            StoreError: the store refused; the old one stays in force.
        """
        async with self._alone:
            before = self._daemon.settings
            settings = await asyncio.to_thread(_read_again, before)
            logs.redactor.learn_more(secrets_in(settings))  # before anything has one
            await self._daemon.reload(settings)
            self._also(settings)
            logs.follow(settings)
            return self._said(before, settings)

    def _said(self, before: Settings, settings: Settings) -> tuple[str, ...]:
        for sentence in differences(before, settings):
            log.info("configuration_read", message=sentence)
        later = tuple(at_next_start(self._started, settings, listens=self._listens))
        for key in later:
            said = f"{key} takes effect at the next start: what it was at the last one stays in use"
            log.warning("configuration_waits", message=said, key=key)
        return later

    async def _logged(self) -> None:
        try:
            await self.now()
        except ConfigError as error:
            stays = "the configuration was read again, and the old one stays in force"
            for problem in error.problems:
                log.error("configuration_refused", message=f"{stays}: {problem}", code=problem.code)
        except StoreError as error:
            stays = "the configuration was read again, and the old one stays in force"
            log.error("configuration_refused", message=f"{stays}: {error.whole}", code=error.code)


def _read_again(before: Settings) -> Settings:
    settings = load(before.file)
    require_secrets(settings, settings.directory)
    return settings


def differences(before: Settings, after: Settings) -> list[str]:
    """What a configuration that was read again changes, in sentences."""
    old, new = ({each.id: each for each in settings.directory} for settings in (before, after))
    said = [f"directory {name} is new" for name in new if name not in old]
    said += [f"directory {name} is not run any more" for name in old if name not in new]
    said += [f"directory {name} is another one" for name in new if name in old and new[name] != old[name]]
    return ["the configuration was read again", *said]


def at_next_start(started: Settings, now: Settings, *, listens: bool = True) -> Iterator[str]:
    """The keys of AT_START that say something else now than when the process started."""
    for section, key in AT_START:
        old, new = (getattr(getattr(settings, section), key) for settings in (started, now))
        if old != new and (listens or section != "http"):
            yield f"[{section}] {key}"
