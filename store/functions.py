"""What the database asks of Python, on SQLite: how texts are folded, and which instant a text stands for."""

import re
import sqlite3
from datetime import UTC, datetime

from reconciler.model import key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def register(connection: sqlite3.Connection) -> None:
    """Makes them known to one connection."""
    connection.create_function("rosterd_key", 1, _folded, deterministic=True)
    connection.create_function("rosterd_instant", 1, _instant, deterministic=True)


def instant(text: str) -> int | None:
    """A time of RFC 3339 as microseconds since 1970, None for anything else; without an offset it is UTC."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _folded(text: object) -> str | None:
    return key(text) if isinstance(text, str) else None


def _instant(text: object) -> int | None:
    return instant(text) if isinstance(text, str) else None
