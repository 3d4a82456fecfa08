"""Bearer tokens of told directories: a hash of each, when it ends, when it was used. Their texts are nobody's here."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from reconciler.model import Frozen
from store.scim.statements import Statements

_COLUMNS = "id, directory, label, digest, created, expires, revoked, last_used"


class Token(Frozen, frozen=True):
    """A token. Times are RFC 3339 in UTC; `expires` and `revoked` None: never. `last_used` is right to the minute."""

    id: str
    directory: str
    digest: str
    created: str
    label: str = ""
    expires: str | None = None
    revoked: str | None = None
    last_used: str | None = None

    def valid(self, now: str) -> bool:
        """Whether it lets anybody in now."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def token_of(connection: Connection, id: str) -> Token | None:  # noqa: A002
    """The token of this id."""
    row = Statements(connection).one(f"SELECT {_COLUMNS} FROM scim_token WHERE id = ?", id)
    return None if row is None else _token(row)


def tokens_of(connection: Connection, directory: str) -> list[Token]:
    """The tokens of a directory, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM scim_token WHERE directory = ? ORDER BY created, id"
    return [_token(row) for row in Statements(connection).all(sql, directory)]


def keep_token(connection: Connection, token: Token) -> None:
    """A new one."""
    marks = ", ".join("?" * 8)
    values = (token.id, token.directory, token.label, token.digest, token.created, token.expires, token.revoked,
              token.last_used)  # fmt: skip
    Statements(connection).run(f"INSERT INTO scim_token ({_COLUMNS}) VALUES ({marks})", *values)


def end_others(connection: Connection, directory: str, kept: str, until: str) -> list[str]:
    """Lets the valid tokens of a directory end at that time, but for `kept` and those that end before; their ids."""
    sql = (
        "UPDATE scim_token SET expires = ? WHERE directory = ? AND id <> ? AND revoked IS NULL"
        " AND (expires IS NULL OR expires > ?) RETURNING id"
    )
    return sorted(row[0] for row in Statements(connection).all(sql, until, directory, kept, until))


def revoke(connection: Connection, directory: str, id: str, now: str) -> bool:  # noqa: A002
    """Ends a token now; False when the directory has none of this id. One that was revoked before stays so."""
    sql = "UPDATE scim_token SET revoked = coalesce(revoked, ?) WHERE directory = ? AND id = ?"
    return Statements(connection).run(sql, now, directory, id) == 1


def used(connection: Connection, ids: Iterable[str], now: str) -> None:
    """Notes that these were used in this minute."""
    minute = f"{now[:16]}:00.000Z"
    Statements(connection).each("UPDATE scim_token SET last_used = ? WHERE id = ?", [(minute, each) for each in ids])


def _token(row: Any) -> Token:
    id, directory, label, digest, created, expires, revoked, last = row  # noqa: A001
    return Token(id, directory, digest, created, label, expires, revoked, last)
