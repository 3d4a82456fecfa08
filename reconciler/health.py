"""How reading a directory goes: what a run's outcome makes of it, and before when nothing is scheduled.

Pure: the time is an argument. Keeping it is store/health.py; when a directory is due is scheduler.py. A run that a
person asks for always tries, and the first read that is whole ends whatever was wrong before.

    healthy       the last read was whole
    short         it answered, not with everything: removals wait, reading goes on as scheduled
    failing       so many reads in a row failed: the next ones come later and later
    quarantined   too many: one try a day
    paused        it refused our credentials or permissions: a person has to correct that
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from reconciler.errors import DirectoryError
from reconciler.model import Frozen

State = Literal["healthy", "short", "failing", "quarantined", "paused"]

REFUSED = "directory_refused"
PAUSED = "directory_paused"
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=6)
QUARANTINE_AFTER = 10  # failures in a row: about a day of them
QUARANTINE = timedelta(hours=24)
NEVER = datetime.max.replace(tzinfo=UTC)


class Health(Frozen, frozen=True, omit_defaults=False):  # who reads a report finds every key
    """The health of a directory. Times are RFC 3339 in UTC.

    `failures` are those in a row, since `since`; nothing is scheduled before `until`, and nothing at all while paused.
    `code` and `message` are of the last failure; `last_complete` is when everything was last read whole.
    """

    state: State = "healthy"
    failures: int = 0
    since: str | None = None
    until: str | None = None
    code: str = ""
    message: str = ""
    last_complete: str | None = None


class DirectoryPaused(DirectoryError):
    """A scheduled run is not made: reading the directory failed lately."""

    code = PAUSED


def after(health: Health, now: str, *, error: dict[str, str] | None, whole: bool, reason: str = "") -> Health:
    """The health of a directory once a run at `now` ended with this `error`, or read the `whole` of it, or less for
    this `reason`."""
    if error is not None and error["code"] == PAUSED:
        return health
    if error is not None:
        return _failed(health, error, now)
    if whole:
        return Health(last_complete=now)
    since = health.since if health.state == "short" else now
    return Health("short", since=since, code="not_read_whole", message=reason, last_complete=health.last_complete)


def _failed(health: Health, error: dict[str, str], now: str) -> Health:
    failures = health.failures + 1
    until = None if error["code"] == REFUSED else _stamp(datetime.fromisoformat(now) + wait(failures))
    state: State = "failing" if failures < QUARANTINE_AFTER else "quarantined"
    return Health(
        "paused" if until is None else state, failures, health.since if health.failures else now, until,
        error["code"], error["message"], health.last_complete,
    )  # fmt: skip


def wait(failures: int) -> timedelta:
    """How long after so many failures in a row nothing is scheduled."""
    if failures >= QUARANTINE_AFTER:
        return QUARANTINE
    return min(FIRST_WAIT * float(2 ** (failures - 1)), LONGEST_WAIT)


def resting(health: Health, now: datetime) -> datetime | None:
    """Before when nothing is scheduled: NEVER while paused, None when nothing is against it. A time further ahead than
    anything waits (the clock was set back) says nothing."""
    if health.state == "paused":
        return NEVER
    until = None if health.until is None else datetime.fromisoformat(health.until)
    return until if until is not None and now < until <= now + wait(health.failures) else None


def check_due(health: Health, directory: str, now: str) -> None:
    """
    Raises:
        DirectoryPaused: a scheduled run is too early.
    """
    if resting(health, datetime.fromisoformat(now)) is not None:
        fix = f"once that is corrected: rosterd sync {directory}, which always tries"
        raise DirectoryPaused(f"{directory} is {sentence(health)}", where="the schedule", fix=fix)


def sentence(health: Health) -> str:
    """ "failing: 3 reads in a row since …, next try not before …: what it said"; "" while nothing is wrong."""
    if health.state == "healthy":
        return ""
    if health.state == "short":
        return f"not read whole since {_spoken(health.since)}: {health.message}"
    reads = "1 read" if health.failures == 1 else f"{health.failures:,} reads in a row"
    until = "a person corrects it" if health.until is None else _spoken(health.until)
    return f"{health.state} until {until}; {reads} failed since {_spoken(health.since)}: {health.message}"


def age(health: Health, now: str, *, word: str = "before") -> str:
    """ "everything was last read whole 3 hours before (2026-11-21 07:00:00 UTC)"; at `now`, or never."""
    if health.last_complete is None:
        return "everything was never read whole"
    seconds = int((datetime.fromisoformat(now) - datetime.fromisoformat(health.last_complete)).total_seconds())
    when = next((f"{seconds // size} {name}{'s' * (seconds // size != 1)} {word}" for name, size in _UNITS
                 if seconds >= size), "just now")  # fmt: skip
    return f"everything was last read whole {when} ({_spoken(health.last_complete)})"


_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def _spoken(moment: str | None) -> str:
    return f"{moment[:10]} {moment[11:19]} UTC" if moment else ""


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
