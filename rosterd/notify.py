"""Sends what there is to be told to the targets of [[notify]]: webhooks that take what Slack's take, mail, and whatever
else apprise knows. A target that fails is tried again, later and later, and stops nothing.

Addresses are secrets: no log and no error names one. apprise is imported when there is something to send.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connectors.base import Refused
from reconciler.errors import StoreError
from rosterd.faults import told
from rosterd.logs import logger, redactor
from rosterd.notices import notices
from rosterd.ports import now
from rosterd.settings.model import NotifySettings, Settings
from store.database import Store
from store.notices import Notice, enter, forget, known, sent, take

log = logger("rosterd.notify")

LOOK = 10.0  # seconds
LISTED = 20  # notices in one message; of the others it says how many they are
GIVEN_UP = timedelta(days=3)
TIMEOUTS = "cto=5&rto=15"  # seconds, as apprise takes them
# What apprise sends as JSON, under the one name that Slack's incoming webhooks read.
SLACK = f":message=text&:title=&:version=&:type=&:attachments=&{TIMEOUTS}"


class Notifier:
    """The notifications of the present configuration over a store."""

    def __init__(self, settings: Callable[[], Settings], store: Store, moment: Callable[[], str] = now) -> None:
        self._settings, self._store, self._now = settings, store, moment

    async def keep(self) -> None:
        """Looks and sends, for ever."""
        while True:
            if self._settings().notify:
                await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK)

    def look(self) -> None:
        """Enters what is new, and sends what is due."""
        for target in self._settings().notify:
            try:
                self._enter(target)
                self._send(target)
            except StoreError as error:
                log.warning(
                    "store_refused", message=f"notifications wait for the store: {error.whole}", code=error.code
                )
                return

    def _enter(self, target: NotifySettings) -> None:
        moment = self._now()
        with self._store.read() as connection:
            before = known(connection, target.id)
        found = [each for each in notices(self._store, before, moment) if self._about(target, each)]
        if found:
            with self._store.write() as connection:
                enter(connection, target.id, found, wanted=frozenset(target.on))
                forget(connection, moment)

    def _about(self, target: NotifySettings, notice: Notice) -> bool:
        """Whether the target wants to hear of this directory, which is still configured."""
        directory = self._settings().directory_named(notice.directory)
        if directory is None or (target.directories and directory.id not in target.directories):
            return False
        return not target.workspaces or directory.workspace in target.workspaces

    def _send(self, target: NotifySettings) -> None:
        moment = self._now()
        found = take(self._store, target.id, moment, target.every)
        if not found:
            return
        if failed := delivered(target, found):
            tries = max(each.tries for each in found) + 1
            said = f"notifications to {target.id} wait, after try {tries}: {failed}"
            log.warning("notification_failed", message=said, target=target.id, tries=tries)
            old = [each.key for each in found if _age(each, moment) > GIVEN_UP]
            if old:
                log.error(
                    "notification_given_up", message=f"{target.id} will not be told of {len(old)} things any more"
                )
                sent(self._store, target.id, old, moment)
        else:
            log.info("notified", message=f"{target.id} was told: {title(found)}", target=target.id)
            sent(self._store, target.id, [each.key for each in found], self._now())


def delivered(target: NotifySettings, found: Sequence[Notice]) -> str:
    """Sends one message; why that failed, or ""."""
    try:
        address = target.url.reveal()
    except Refused as error:
        return error.message
    from apprise import Apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would name the address
    sender = Apprise()
    try:
        if not sender.add(service_of(address)):
            return f"{target.url.where} holds no address that apprise knows"
        taken = sender.notify(title=title(found), body=redactor.text(body(found)))
    except Exception as error:  # noqa: BLE001 - of any of its 100 services; its text may hold the address
        return told(error)
    return "" if taken else "it was not taken"


def service_of(address: str) -> str:
    """The address as apprise takes it: a web address that is none of a service it knows is a webhook like Slack's."""
    from apprise import Apprise

    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        return address
    if Apprise.instantiate(address, suppress_exceptions=True) is not None:
        return address
    scheme = "jsons" if parts.scheme == "https" else "json"
    query = f"{parts.query}&{SLACK}" if parts.query else SLACK
    return parts._replace(scheme=scheme, query=query).geturl()


def title(found: Sequence[Notice]) -> str:
    """ "rosterd: 2 held, 1 failed"."""
    counts = Counter(each.event for each in found)
    return "rosterd: " + ", ".join(f"{number} {event.replace('_', ' ')}" for event, number in counts.items())


def body(found: Sequence[Notice]) -> str:
    """What happened, a sentence each, with the command that shows more."""
    lines = [f"{each.sentence}\n    {each.command}" for each in found[:LISTED]]
    more = [f"and {len(found) - LISTED:,} more: rosterd reports"] if len(found) > LISTED else []
    return "\n".join([title(found), *lines, *more])


def _age(notice: Notice, moment: str) -> timedelta:
    return datetime.fromisoformat(moment) - datetime.fromisoformat(notice.at)
