"""Single statements with as little around them as can be: a request of a SCIM client is made of some ten of these.

Driver SQL with "?" parameters, the same for both databases. A list is one parameter, written `IN ?*`. On SQLite the
driver is called directly: SQLAlchemy's own work around a statement takes three times as long as the statement.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_SQLITE_LIST = "(SELECT value FROM json_each(?))"
_POSTGRES_LIST = "(SELECT unnest(%s::text[]))"
_POSTGRES_NUMBERS = "(SELECT unnest(%s::bigint[]))"


class Statements:
    """Runs statements on one connection, in its transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sqlite = connection.dialect.name == "sqlite"
        if self.sqlite and not connection.in_transaction():
            connection.begin()  # as the first statement would: what others commit meanwhile is not seen
        self._driver = _sqlite(connection) if self.sqlite else None

    def all(self, sql: str, *given: Any) -> Sequence[Any]:
        """All rows."""
        return cast("Sequence[Any]", self._run(sql, given).fetchall())

    def one(self, sql: str, *given: Any) -> Any:
        """The first row, or None."""
        found = self._run(sql, given).fetchall()  # to the end: what RETURNING changes is whole only then
        return found[0] if found else None

    def run(self, sql: str, *given: Any) -> int:
        """How many rows it changed."""
        return int(self._run(sql, given).rowcount)

    def each(self, sql: str, given: Iterable[tuple[Any, ...]]) -> None:
        """Once for every tuple; nothing for none."""
        listed = list(given)
        if len(listed) == 1:
            self.run(sql, *listed[0])
        elif listed:
            self.connection.exec_driver_sql(_native(sql, self.sqlite), [self._bound(one) for one in listed])

    def _run(self, sql: str, given: tuple[Any, ...]) -> Any:
        """A cursor, or what SQLAlchemy makes of one."""
        native, bound = _native(sql, self.sqlite), self._bound(given)
        if self._driver is None:
            return self.connection.exec_driver_sql(native, bound)
        try:
            return self._driver.execute(native, bound)
        except sqlite3.Error as error:
            raise DBAPIError.instance(native, bound, error, sqlite3.Error, hide_parameters=True) from error

    def _bound(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.sqlite and list in map(type, given):
            return tuple(msgspec.json.encode(one).decode() if isinstance(one, list) else one for one in given)
        return given


def _sqlite(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the dialect says so
    return driver


@lru_cache(maxsize=4096)
def _native(sql: str, sqlite: bool) -> str:
    """`?*` stands for a list of texts, `?#` for one of numbers."""
    if sqlite:
        return sql.replace("?*", _SQLITE_LIST).replace("?#", _SQLITE_LIST)
    sql = sql.replace("%", "%%").replace("?*", _POSTGRES_LIST).replace("?#", _POSTGRES_NUMBERS)
    return sql.replace("?", "%s")
