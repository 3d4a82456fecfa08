"""What targets of notifications are to be told, and were: each thing once, whatever restarts and however many look."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from reconciler.model import Frozen
from store.database import Store, rows, scalar
from store.leases import stamp

FIRST_AGAIN = timedelta(seconds=30)
LONGEST_AGAIN = timedelta(hours=1)
KEPT = timedelta(days=90)  # after it was sent: what is so by then is told again


class Notice(Frozen, frozen=True):
    """Something that happened: `key` stands for it, `sentence` says it, `command` shows more."""

    key: str
    event: str
    directory: str
    workspace: str
    sentence: str
    command: str
    at: str
    tries: int = 0


def enter(connection: Connection, target: str, notices: Iterable[Notice], *, wanted: frozenset[str]) -> None:
    """Enters what is not known yet. What the target does not want is known from now on, too, and never sent: only of
    what failed before can something recover."""
    for each in notices:
        connection.execute(
            text(
                "INSERT INTO notice (target, key, event, directory, workspace, sentence, command, at, not_before,"
                " tries, sent_at) VALUES (:t, :key, :event, :d, :w, :sentence, :command, :at, :at, 0, :sent)"
                " ON CONFLICT (target, key) DO NOTHING"
            ),
            {
                "t": target, "key": each.key, "event": each.event, "d": each.directory, "w": each.workspace,
                "sentence": each.sentence, "command": each.command, "at": each.at,
                "sent": None if each.event in wanted else each.at,
            },
        )  # fmt: skip


def known(connection: Connection, target: str) -> frozenset[str]:
    """The keys of what a target was told, or is to be."""
    return frozenset(key for (key,) in rows(connection, "SELECT key FROM notice WHERE target = :t", t=target))


_DUE = "target = :t AND sent_at IS NULL AND (not_before <= :now OR not_before > :far)"


def take(store: Store, target: str, now: str, every: timedelta) -> list[Notice]:
    """What is to be sent now, which nobody else takes meanwhile; nothing while the last message is younger than
    `every`. Whoever takes it and dies has it taken again, a little later."""
    moment = datetime.fromisoformat(now)
    with store.write() as connection:
        last = scalar(connection, "SELECT max(sent_at) FROM notice WHERE target = :t AND tries > 0", t=target)
        if last is not None and stamp(moment - every) < last <= now:  # later than now: the clock was ahead
            return []
        # Twice, because the clocks of several machines are not one: none takes what another has just put off.
        due = {"t": target, "now": now, "far": stamp(moment + 2 * LONGEST_AGAIN)}
        tries = scalar(connection, f"SELECT max(tries) FROM notice WHERE {_DUE}", **due) or 0
        # Of several that look at once, the one whose update comes first has them: for the others they are due no more.
        found = rows(
            connection,
            f"UPDATE notice SET tries = tries + 1, not_before = :later WHERE {_DUE}"
            " RETURNING key, event, directory, workspace, sentence, command, at, tries - 1",
            **due,
            later=stamp(moment + again(tries)),
        )
    return sorted((Notice(*row) for row in found), key=lambda each: (each.at, each.key))


def sent(store: Store, target: str, keys: Iterable[str], now: str) -> None:
    """These were sent, or are given up."""
    with store.write() as connection:
        for key in keys:
            connection.execute(
                text("UPDATE notice SET sent_at = :now WHERE target = :t AND key = :key"),
                {"t": target, "key": key, "now": now},
            )


def forget(connection: Connection, now: str) -> None:
    """Removes what was sent long ago."""
    before = stamp(datetime.fromisoformat(now) - KEPT)
    connection.execute(text("DELETE FROM notice WHERE sent_at < :before"), {"before": before})


def again(tries: int) -> timedelta:
    """How long after so many tries that failed the next one comes."""
    return min(FIRST_AGAIN * 2.0 ** min(tries, 20), LONGEST_AGAIN)
