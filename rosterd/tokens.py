"""What is done with the bearer tokens of a directory: made, followed by another, ended, listed, and warned about."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from reconciler.errors import RunError
from rosterd.http.tokens import Fresh, fresh
from rosterd.ports import now
from store.database import Store
from store.leases import stamp
from store.scim.tokens import Token, end_others, keep_token, revoke, tokens_of

WARN = timedelta(days=14)


class NoSuchToken(RunError):
    """A directory has no token of this id."""

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
