"""One HTTP answer: its body without what cannot be kept, and the delays that its headers ask for.

What does not live here: what an answer means (each connector's table), how fast to go on (limits.py), and parsing
(paging.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, the body not yet parsed. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# -- what cannot be kept ------------------------------------------------------------------------------------------

# A NUL, or half of a pair of surrogates, is a text that PostgreSQL does not take and UTF-8 does not have; U+001E and
# U+001F separate texts in the store. An escaped pair of surrogates is a character. The first alternative steps over an
# escaped backslash, after which a "u" is only a letter.
_ESCAPES = re.compile(
    rb"\\\\|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u00(?:00|1[eEfF])|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
_SUSPECT = re.compile(rb"\\u(?:00(?:00|1[eEfF])|[dD][89a-fA-F])")
_UNKEPT = re.compile("[\0\x1e\x1f\ud800-\udfff]")


def kept_json(body: bytes) -> bytes:
    """JSON without those in its texts, ids and names of fields included; the same object if it has none."""
    if b"\\" not in body or _SUSPECT.search(body) is None:
        return body
    return _ESCAPES.sub(lambda found: found[0] if found[1] or found[0] == rb"\\" else b"", body)


def kept_text(text: str) -> str:
    """A text without those."""
    return _UNKEPT.sub("", text)


# -- delays -------------------------------------------------------------------------------------------------------


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of `Retry-After` (RFC 9110 §10.2.3: whole seconds or a date), None when absent or unreadable.

    Graph's own sample is decimal, "2.128", which the RFC does not allow. A date is compared with the answer's `Date`,
    the vendor's clock, not with ours.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        return max(0.0, float(text))
    then, now = _date(text), _date(headers.get("date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def rate_limit_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until `X-Rate-Limit-Reset` (epoch seconds) by the vendor's clock, the `Date` header."""
    now = _date(headers.get("date", ""))
    text = headers.get("x-rate-limit-reset", "").strip()
    return max(0.0, int(text) - now) if now is not None and text.isdecimal() else None


@lru_cache(maxsize=16)  # answers of the same second say the same, and parsing costs more than all the rest
def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
