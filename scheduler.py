"""WHEN a directory is due: triggers from configuration, and the table of what is due next.

Here live `trigger` (what `every` and `cron` mean), `next_due` (pure: the clock is an argument) and `Due` (several
directories, earliest first). Nothing here runs anything, sleeps, or keeps state across processes: when a directory
last ran is the store's memory, and whoever holds the clock asks.

Triggers are APScheduler's, reckoned in UTC so that every machine agrees on them. Its own jitter draws a random number
each time it is asked; ours is an offset that depends on the directory's id alone (`spread`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from zlib import crc32

from reconciler.health import NEVER, Health, resting

JITTER = timedelta(seconds=60)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Every crontab line that ever fires does so in here: the window holds all leap days and weekdays of February 29.
SAMPLE = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # crontab(5): 0 and 7 are Sunday
_WEEKDAY_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d*))?", re.ASCII)


class Trigger(Protocol):
    """What we use of an APScheduler trigger (apscheduler.triggers.base.BaseTrigger)."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None: ...


def trigger(every: timedelta | None = None, cron: str | None = None) -> Trigger:
    """The trigger that `every` or `cron` stands for; exactly one of them is given.

    `cron` is a crontab(5) line of five fields, in UTC: weekday 0 and 7 are Sunday, and a line that restricts both the
    day of the month and the weekday fires on either (APScheduler alone reads both otherwise; its issue 286).

    Raises:
        ValueError: neither or both are given, `every` is not positive, or the line is malformed or never fires.
    """
    if (every is None) == (cron is None):
        raise ValueError("exactly one of every and cron says when a directory is read")
    return _interval(every) if every is not None else _crontab(str(cron))


def _interval(every: timedelta) -> Trigger:
    from apscheduler.triggers.interval import IntervalTrigger

    if every <= timedelta(0):
        raise ValueError("every must be longer than nothing")
    return cast("Trigger", IntervalTrigger(seconds=every.total_seconds(), start_date=EPOCH, timezone=UTC))


def _crontab(line: str) -> Trigger:
    from apscheduler.triggers.combining import OrTrigger

    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"a cron line has five fields (minute hour day month weekday), this one has {len(fields)}")
    minute, hour, day, month, weekday = fields
    names = _weekdays(weekday)
    either = not day.startswith("*") and not weekday.startswith("*")  # as crontab(5): a step of "*" restricts nothing
    choices = [(day, "*"), ("*", names)] if either else [(day, names)]
    fires = [_cron_trigger(minute, hour, on_day, month, on_weekday) for on_day, on_weekday in choices]
    return cast("Trigger", OrTrigger(fires)) if either else fires[0]


def _cron_trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> Trigger:
    from apscheduler.triggers.cron import CronTrigger

    fields = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": weekday}
    start, end = SAMPLE
    if CronTrigger(**fields, timezone=UTC, end_date=end).get_next_fire_time(None, start) is None:
        raise ValueError("this cron line never fires")
    return cast("Trigger", CronTrigger(**fields, timezone=UTC))


def _weekdays(field: str) -> str:
    """The weekday field with numbers spelled as names: APScheduler 3 counts from Monday, crontab from Sunday."""
    if field == "*":
        return field
    wanted = {day for part in field.lower().split(",") for day in _weekday_part(part)}
    return ",".join(name for number, name in enumerate(WEEKDAYS) if number in wanted)


def _weekday_part(part: str) -> Iterable[int]:
    found = _WEEKDAY_PART.fullmatch(part)
    if found is None:
        raise ValueError(f'"{part}" is no weekday: write 0-7 or sun-sat, ranges and lists of them')
    step = int(found["step"] or 1)
    if found["first"] is None:
        return range(0, 7, step)
    first = _weekday(found["first"])
    last = first if found["last"] is None else _weekday(found["last"])
    if last < first and last == 0:
        last = 7  # fri-sun
    if last < first:
        raise ValueError(f'"{part}" runs backwards: write the earlier weekday first')
    return (day % 7 for day in range(first, last + 1, step))


def _weekday(text: str) -> int:
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text in {"0", "1", "2", "3", "4", "5", "6", "7"}:
        return int(text)
    raise ValueError(f'"{text}" is no weekday: write 0-7 or sun-sat')


def next_due(
    trigger: Trigger, last: datetime | None, now: datetime, *, offset: timedelta = timedelta(0),
    health: Health | None = None,
) -> datetime:  # fmt: skip
    """When the directory is due, never before `now`: times that were missed come to one, due now.

    `last` is when it last ran. One that lies after `now` (the clock was set back) tells nothing about how long ago the
    run was, so it counts as never. A directory that never ran is due now if it runs at intervals, else when its cron
    line says. `offset` shifts the cron line's times (`spread`); intervals begin at `last` and are not shifted. While
    reading the directory fails, its `health` puts it off; a paused one is due at `health.NEVER`.

    Raises:
        ValueError: the trigger has no time left to fire.
    """
    shifted = now - offset
    previous = None if last is None or last > now else last - offset
    if previous is None:
        at = now if _at_intervals(trigger) else _fire(trigger, None, shifted) + offset
    else:
        at = _fire(trigger, previous, previous) + offset
    rests = None if health is None else resting(health, now)
    return max(at, now, rests or now)


def _at_intervals(trigger: Trigger) -> bool:
    return hasattr(trigger, "interval")


def _fire(trigger: Trigger, previous: datetime | None, now: datetime) -> datetime:
    at = trigger.get_next_fire_time(previous, now)
    if at is None:
        raise ValueError("this trigger has no time left to fire")
    return at.astimezone(UTC)


def spread(directory: str, limit: timedelta = JITTER) -> timedelta:
    """This directory's share of the jitter, below `limit`: the same after a restart and on every machine."""
    return limit * (crc32(directory.encode()) / 2**32)


@dataclass(frozen=True)
class _Entry:
    trigger: Trigger
    last: datetime | None
    offset: timedelta
    at: datetime
    health: Health | None = None


class Due:
    """What is due when, for several directories. Times are aware datetimes and always arguments."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._seen: datetime | None = None

    def add(self, directory: str, trigger: Trigger, last: datetime | None, now: datetime) -> None:
        """Enters a directory, or replaces what was known of it (its configuration changed)."""
        offset = spread(directory)
        at = next_due(trigger, last, now, offset=offset)
        self._entries[directory] = _Entry(trigger, last, offset, at)

    def know(self, directory: str, health: Health, now: datetime) -> None:
        """Notes how reading this directory goes, which puts it off or lets it be due again.

        Raises:
            KeyError: the directory was never entered.
        """
        self._entries[directory] = _again(replace(self._entries[directory], health=health), now)

    def remove(self, directory: str) -> None:
        """Forgets a directory; one that was never entered is no error."""
        self._entries.pop(directory, None)

    def ready(self, now: datetime) -> tuple[str, ...]:
        """The directories due at `now`, the longest overdue first. They stay due until `ran`."""
        if self._seen is not None and now < self._seen:  # the clock was set back: times reckoned ahead mean nothing
            self._entries = {name: _again(entry, now) for name, entry in self._entries.items()}
        self._seen = now
        due = [(entry.at, name) for name, entry in self._entries.items() if entry.at <= now]
        return tuple(name for _, name in sorted(due))

    def ran(self, directory: str, now: datetime) -> None:
        """Notes that a run of this directory began at `now`, whatever came of it.

        Raises:
            KeyError: the directory was never entered.
        """
        self._entries[directory] = _again(replace(self._entries[directory], last=now), now)

    def wake(self) -> datetime | None:
        """When to ask again: the earliest time anything is due; None when nothing is entered, or all is paused."""
        return min((entry.at for entry in self._entries.values() if entry.at != NEVER), default=None)


def _again(entry: _Entry, now: datetime) -> _Entry:
    return replace(entry, at=next_due(entry.trigger, entry.last, now, offset=entry.offset, health=entry.health))
