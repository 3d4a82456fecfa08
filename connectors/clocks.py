"""This machine's clock, compared with the `Date` of a directory's answers (RFC 9110 §6.6.1).

A client that signs its requests for tokens writes the time into them; vendors accept a few minutes of difference. What
does not live here: where headers come from (transport.py, the vendors' sdk modules).
"""

from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime

from connectors.base import Finding

TOLD = 60.0  # seconds of difference that are worth a warning
TOO_MUCH = 300.0  # seconds at which signed requests are refused
FIX = "set this machine's clock from the network: NTP, on Linux `timedatectl set-ntp true`"


class Clock:
    """The difference so far: of the answer that was closest, since a slow one only adds to it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.offset: float | None = None  # seconds that ours is ahead; None: no answer had a date

    def note(self, headers: Mapping[str, str]) -> None:
        """An answer that has just come; header names are lower-case, or the mapping ignores case."""
        try:
            theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, TypeError):
            return
        ahead = self._now() - theirs
        if self.offset is None or abs(ahead) < abs(self.offset):
            self.offset = ahead

    def wrong(self, vendor: str) -> str:
        """The difference in words, "" when it is none to speak of."""
        if self.offset is None or abs(self.offset) <= TOLD:
            return ""
        return f"this machine's clock is {difference(self.offset)} {vendor}'s"


def difference(seconds: float) -> str:
    """ "600 s ahead of", "2 h behind"."""
    size = abs(seconds)
    amount = f"{size:.0f} s" if size < 7200 else f"{size / 3600:.0f} h" if size < 172800 else f"{size / 86400:.0f} days"
    return f"{amount} ahead of" if seconds > 0 else f"{amount} behind"


def of_clock(offset: float | None, vendor: str, *, signed: bool) -> Iterator[Finding]:
    """What `check` says; nothing when no answer had a date.

    `signed` clients cannot come in with a clock that is off by more than a few minutes.
    """
    if offset is None:
        return
    if abs(offset) <= TOLD:
        yield Finding("ok", "clock_right", f"this machine's clock agrees with {vendor}'s")
        return
    text = f"this machine's clock is {difference(offset)} {vendor}'s"
    if signed and abs(offset) > TOO_MUCH:
        yield Finding("error", "clock_off", f"{text}: requests for tokens are signed with the time and refused", FIX)
    else:
        yield Finding("warning", "clock_off", text, FIX)
