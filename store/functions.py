"""What SQLite asks of Python: how texts are folded, so that a filter compares as the core does."""

import sqlite3

from reconciler.model import folded


def register(connection: sqlite3.Connection) -> None:
    """Makes it known to one connection."""
    connection.create_function("rosterd_folded", 1, _folded, deterministic=True)


def _folded(text: object) -> str | None:
    return folded(text) if isinstance(text, str) else None
