"""Bearer tokens, of told directories and of operators: a hash of each, when it ends, when it was used. Their texts are
nobody's here."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from reconciler.model import Frozen
from store.scim.statements import Statements

_COLUMNS = "id, directory, label, digest, created, expires, revoked, last_used, scope, workspace"
OPERATORS = ""  # what stands for a directory in the tokens of operators


class Token(Frozen, frozen=True):
    """A token. Times are RFC 3339 in UTC; `expires` and `revoked` None: never. `last_used` is right to the minute.

    An operator's has a `scope` (read | operate) and reaches one `workspace`, or all of them.
    """

    id: str
    directory: str
    digest: str
    created: str
    label: str = ""
    expires: str | None = None
    revoked: str | None = None
    last_used: str | None = None
    scope: str | None = None
    workspace: str | None = None

    def valid(self, now: str) -> bool:
        """Whether it lets anybody in now."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def token_of(connection: Connection, id: str) -> Token | None:  # noqa: A002
    """The token of this id."""
    row = Statements(connection).one(f"SELECT {_COLUMNS} FROM token WHERE id = ?", id)
    return None if row is None else _token(row)


def tokens_of(connection: Connection, directory: str) -> list[Token]:
    """The tokens of a directory (OPERATORS: of operators), the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM token WHERE directory = ? ORDER BY created, id"
    return [_token(row) for row in Statements(connection).all(sql, directory)]


def keep_token(connection: Connection, token: Token) -> None:
    """A new one."""
    marks = ", ".join("?" * 10)
    values = (token.id, token.directory, token.label, token.digest, token.created, token.expires, token.revoked,
              token.last_used, token.scope, token.workspace)  # fmt: skip
    Statements(connection).run(f"INSERT INTO token ({_COLUMNS}) VALUES ({marks})", *values)


def end_others(connection: Connection, directory: str, kept: str, until: str) -> list[str]:
    """Lets the valid tokens of a directory end at that time, but for `kept` and those that end before; their ids."""
    sql = (
        "UPDATE token SET expires = ? WHERE directory = ? AND id <> ? AND revoked IS NULL"
        " AND (expires IS NULL OR expires > ?) RETURNING id"
    )
    return sorted(row[0] for row in Statements(connection).all(sql, until, directory, kept, until))


def end_at(connection: Connection, directory: str, id: str, until: str) -> Token | None:  # noqa: A002
    """Lets a token of a directory end at that time unless it ends before; the token as it was, if there is one."""
    found = next((token for token in tokens_of(connection, directory) if token.id == id), None)
    if found is not None and found.valid(until):
        Statements(connection).run("UPDATE token SET expires = ? WHERE id = ?", until, id)
    return found


def revoke(connection: Connection, directory: str, id: str, now: str) -> bool:  # noqa: A002
    """Ends a token now; False when the directory has none of this id. One that was revoked before stays so."""
    sql = "UPDATE token SET revoked = coalesce(revoked, ?) WHERE directory = ? AND id = ?"
    return Statements(connection).run(sql, now, directory, id) == 1


def used(connection: Connection, ids: Iterable[str], now: str) -> None:
    """Notes that these were used in this minute."""
    minute = f"{now[:16]}:00.000Z"
    Statements(connection).each("UPDATE token SET last_used = ? WHERE id = ?", [(minute, each) for each in ids])


def _token(row: Any) -> Token:
    id, directory, label, digest, created, expires, revoked, last, scope, workspace = row  # noqa: A001
    return Token(id, directory, digest, created, label, expires, revoked, last, scope, workspace)
