"""What is done with bearer tokens, of directories and of operators: made, followed by another, ended, listed, found,
and warned about."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reconciler.errors import RunError
from rosterd.http.ports import Grant
from rosterd.http.tokens import Fresh, Valid, fresh
from rosterd.ports import now
from store.database import Store
from store.leases import stamp
from store.tokens import (
    OPERATORS,
    Token,
    end_at,
    end_others,
    keep_token,
    revoke,
    token_of,
    tokens_of,
)

Scope = Literal["read", "operate"]  # the later one may do what the earlier may
WARN = timedelta(days=14)


class NoSuchToken(RunError):
    """There is no token of this id."""

    code = "unknown_token"


def create(store: Store, directory: str, label: str, expires: timedelta | None) -> tuple[Fresh, Token]:
    """A new token; its text is in the first of the two and nowhere else."""
    made, token = _made(directory, label, expires)
    with store.write() as connection:
        keep_token(connection, token)
    return made, token


def rotate(
    store: Store, directory: str, label: str, expires: timedelta | None, *, keep: timedelta
) -> tuple[Fresh, Token, list[str]]:
    """A new token, and the ids of those that end when `keep` is over."""
    made, token = _made(directory, label, expires)
    with store.write() as connection:
        keep_token(connection, token)
        ended = end_others(connection, directory, token.id, _in(keep))
    return made, token, ended


def create_admin(
    store: Store, scope: Scope, label: str, expires: timedelta | None, *, workspace: str | None
) -> tuple[Fresh, Token]:
    """A new token of an operator, for the REST API: of one workspace, or of everything."""
    made, token = _made(OPERATORS, label, expires)
    token = msgspec.structs.replace(token, scope=scope, workspace=workspace)
    with store.write() as connection:
        keep_token(connection, token)
    return made, token


def rotate_admin(store: Store, id: str, expires: timedelta | None, *, keep: timedelta) -> tuple[Fresh, Token]:  # noqa: A002
    """A new token that may do what this one may, which ends when `keep` is over.

    Raises:
        NoSuchToken: no operator's token has this id.
    """
    with store.write() as connection:
        old = end_at(connection, OPERATORS, id, _in(keep))
        if old is None:
            raise _no_admin_token(id)
        made, token = _made(OPERATORS, old.label, expires)
        token = msgspec.structs.replace(token, scope=old.scope, workspace=old.workspace)
        keep_token(connection, token)
    return made, token


def end_admin(store: Store, id: str) -> None:  # noqa: A002
    """
    Raises:
        NoSuchToken: no operator's token has this id.
    """
    with store.write() as connection:
        found = revoke(connection, OPERATORS, id, now())
    if not found:
        raise _no_admin_token(id)


def _no_admin_token(id: str) -> NoSuchToken:  # noqa: A002
    return NoSuchToken(f'there is no admin token "{id}"', fix="which there are: rosterd admin-token list")


def admin_tokens(store: Store) -> list[Token]:
    """All tokens that operators ever had, the oldest first."""
    return tokens(store, OPERATORS)


def finder(store: Store) -> Callable[[str], Valid | None]:
    """Looks up what a token that is valid now gives, by its id."""

    def find(id: str) -> Valid | None:  # noqa: A002
        with store.read() as connection:
            found = token_of(connection, id)
        if found is None or not found.valid(now()):
            return None
        return Valid(Grant(found.id, found.directory, found.label, found.scope, found.workspace), found.digest)

    return find


def end(store: Store, directory: str, id: str) -> None:  # noqa: A002 - what it is
    """
    Raises:
        NoSuchToken: the directory has none of this id.
    """
    with store.write() as connection:
        found = revoke(connection, directory, id, now())
    if not found:
        raise NoSuchToken(
            f'{directory} has no token "{id}"', where=directory, fix=f"which there are: rosterd token list {directory}"
        )


def tokens(store: Store, directory: str) -> list[Token]:
    """All tokens that a directory ever had, the oldest first."""
    with store.read() as connection:
        return tokens_of(connection, directory)


def state(token: Token, moment: str) -> str:
    """valid | expired | revoked"""
    return "revoked" if token.revoked else "valid" if token.valid(moment) else "expired"


def expiring(tokens: Sequence[Token], moment: str) -> Iterator[str]:
    """A sentence when the last valid token of a directory ends soon, or there is none any more although there were
    some. One that a younger token outlives is meant to end."""
    valid = [token for token in tokens if token.valid(moment)]
    if not valid:
        if tokens:
            yield f"no token of {tokens[0].directory} is valid any more: its client is refused"
        return
    last = max(valid, key=lambda token: token.expires or "9")
    if last.expires is not None and last.expires < stamp(datetime.fromisoformat(moment) + WARN):
        yield f"the last token of {last.directory} ({last.id}) ends on {last.expires[:10]} at {last.expires[11:16]} UTC"


def _made(directory: str, label: str, expires: timedelta | None) -> tuple[Fresh, Token]:
    made = fresh()
    ends = None if expires is None else _in(expires)
    return made, Token(made.id, directory, made.digest, now(), label, ends)


def _in(length: timedelta) -> str:
    return stamp(datetime.fromisoformat(now()) + length)
