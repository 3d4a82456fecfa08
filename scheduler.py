"""WHEN a directory is due: triggers from configuration, and the table of what is due next.

Here live `trigger` (what `every` and `cron` mean), `next_due` (pure: the clock is an argument), `Timetable` (one
directory's times) and `Calendar` (those of several, earliest first). Nothing here runs anything, sleeps, or keeps state
across processes: when a directory is due is the store's memory, and whoever holds the clock asks.

Triggers are APScheduler's, reckoned in UTC so that every machine agrees on them. Its own jitter draws a random number
each time it is asked; ours is an offset that depends on the directory's id alone (`spread`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast
from zlib import crc32

from reconciler.health import Health, resting

JITTER = timedelta(seconds=60)
APART = timedelta(seconds=0.25)  # of two that were missed, as long as all come within the jitter
MISSED = timedelta(seconds=60)  # what is overdue by more was missed
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
    trigger: Trigger, last: datetime | None, now: datetime, *, offset: timedelta = timedelta(0)
) -> datetime:  # fmt: skip
    """When the directory is due, never before `now`: times that were missed come to one, due now.

    `last` is when it last ran. One that lies after `now` (the clock was set back) tells nothing about how long ago the
    run was, so it counts as never. A directory that never ran is due now if it runs at intervals, else when its cron
    line says. `offset` shifts the cron line's times (`spread`); intervals begin at `last` and are not shifted.

    Raises:
        ValueError: the trigger has no time left to fire.
    """
    shifted = now - offset
    previous = None if last is None or last > now else last - offset
    if previous is None:
        at = now if _at_intervals(trigger) else _fire(trigger, None, shifted) + offset
    else:
        at = _fire(trigger, previous, previous) + offset
    return max(at, now)


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


def staggered(directories: Sequence[str], now: datetime) -> dict[str, datetime]:
    """Times for many that are due at once, in their order, the first one now: a restart is no stampede."""
    window = min(JITTER, APART * (len(directories) - 1))
    return {name: now + window * (number / len(directories)) for number, name in enumerate(directories)}


@dataclass(frozen=True)
class Timetable:
    """When one directory is run. `basis` is how it is written: another one is another timetable."""

    trigger: Trigger
    offset: timedelta
    basis: str

    @classmethod
    def of(cls, directory: str, every: timedelta | None = None, cron: str | None = None) -> "Timetable":
        """The timetable of a directory, of which one is given (`trigger`)."""
        basis = f"cron {cron}" if every is None else f"every {every.total_seconds():g}"
        return cls(trigger(every, cron), spread(directory), basis)

    def first(self, last: datetime | None, now: datetime) -> datetime:
        """When it is due, when it last ran at `last` and nothing more is known."""
        return next_due(self.trigger, last, now, offset=self.offset)

    def following(self, now: datetime) -> datetime:
        """When it is due after a run that begins now. Nothing that is written down may be later than that: it would be
        of a clock that was set back."""
        return next_due(self.trigger, now, now, offset=self.offset)

    def anew(self, now: datetime) -> datetime:
        """When it is due once its time turned out to be of a clock that was ahead: within an interval, and not in the
        same moment as all others."""
        at = self.following(now)
        return at - min(self.offset, (at - now) / 2) if _at_intervals(self.trigger) else at

    def put_off(self, health: Health, now: datetime) -> datetime | None:
        """When to look again, while reading the directory fails and it rests; None when nothing is against a run.

        Not later than its next time: a person may have corrected it, and synced it, by then.
        """
        rests = resting(health, now)
        return None if rests is None else min(rests, self.following(now))


class Calendar:
    """What is due when, of several directories. Times are aware datetimes and always arguments."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Timetable, datetime]] = {}
        self._seen: datetime | None = None

    def enter(self, directory: str, timetable: Timetable, at: datetime) -> None:
        """Enters a directory, or replaces what was known of it."""
        self._entries[directory] = (timetable, at)

    def clear(self) -> None:
        """Forgets all directories."""
        self._entries.clear()
        self._seen = None

    def timetable(self, directory: str) -> Timetable:
        """
        Raises:
            KeyError: the directory was never entered.
        """
        return self._entries[directory][0]

    def at(self, directory: str) -> datetime:
        """When it is due.

        Raises:
            KeyError: the directory was never entered.
        """
        return self._entries[directory][1]

    def move(self, directory: str, at: datetime) -> None:
        """It is due at another time.

        Raises:
            KeyError: the directory was never entered.
        """
        self._entries[directory] = (self.timetable(directory), at)

    def ready(self, now: datetime) -> tuple[str, ...]:
        """The directories due at `now`, the longest overdue first. They stay due until they are moved."""
        due = [(at, name) for name, (_, at) in self._entries.items() if at <= now]
        return tuple(name for _, name in sorted(due))

    def late(self, now: datetime) -> tuple[str, ...]:
        """Those of them that were missed: nobody looked in time, or the clock jumped."""
        return tuple(name for name in self.ready(now) if now - self.at(name) > MISSED)

    def too_far(self, now: datetime) -> dict[str, datetime]:
        """The times of those that a clock set back would have wait for longer than one of their intervals. All are
        looked at the first time, and when the clock went back since the last."""
        forward, self._seen = self._seen is not None and now >= self._seen, now
        if forward:
            return {}
        tables = {name: table for name, (table, at) in self._entries.items() if at > table.following(now)}
        return {name: table.anew(now) for name, table in tables.items()}

    def wake(self) -> datetime | None:
        """When to ask again: the earliest time anything is due; None when nothing is entered."""
        return min((at for _, at in self._entries.values()), default=None)
