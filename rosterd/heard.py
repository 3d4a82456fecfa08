"""`check` of a directory that tells: what was heard of its client, whether it can come in, and what it needs."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.base import Finding
from connectors.scim.leniencies import LENIENCIES
from rosterd.ports import now
from rosterd.tokens import expiring, state
from store.database import Store
from store.scim.gauges import Hearsay, heard
from store.tokens import Token, tokens_of

CLIENT, TOKENS, NEEDED = "Its client", "Tokens", "What its client needs that the standard does not ask for"
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def findings(store: Store, directory: str) -> list[Finding]:
    """Everything that is known of a told directory without asking anybody."""
    with store.read() as connection:
        known, tokens = heard(connection, directory), tokens_of(connection, directory)
    moment = now()
    return [*_client(known, directory, moment), *_tokens(tokens, directory, moment), *_leniencies(known)]


def warnings(store: Store, directory: str) -> tuple[str, ...]:
    """What a report of this directory says about its tokens, before it is too late."""
    with store.read() as connection:
        return tuple(expiring(tokens_of(connection, directory), now()))


def _client(known: Hearsay, directory: str, moment: str) -> Iterator[Finding]:
    yield Finding("ok", "told", "it is told, not asked: there is nothing to connect to", feature=CLIENT)
    if known.last_request is None:
        fix = f"run rosterd serve, and paste what rosterd token create {directory} prints into the identity provider"
        yield Finding("warning", "never_heard", "nothing was ever heard from its client", fix, CLIENT)
        return
    spoken = f"{known.last_request[:10]} {known.last_request[11:19]} UTC"
    text = f"its last request came {_ago(known.last_request, moment)} ({spoken})"
    yield Finding("ok", "last_request", text, feature=CLIENT)
    text = f"{_counted(known.users, 'user')} and {_counted(known.groups, 'group')} are kept of what it told"
    yield Finding("ok", "resources", text, feature=CLIENT)


def _tokens(tokens: Sequence[Token], directory: str, moment: str) -> Iterator[Finding]:
    if not tokens:
        fix = f"rosterd token create {directory}"
        yield Finding("warning", "no_token", "no token was ever made: no client can come in", fix, TOKENS)
    valid = [token for token in tokens if state(token, moment) == "valid"]
    for token in valid:
        yield Finding("ok", "token", _described(token), feature=TOKENS)
    fix = f"rosterd token rotate {directory}: the old one stays valid while the new one is pasted"
    for sentence in expiring(tokens, moment):
        if valid:
            yield Finding("warning", "token_expires", sentence, fix, TOKENS)
        else:
            yield Finding("error", "no_valid_token", sentence, f"rosterd token create {directory}", TOKENS)


def _leniencies(known: Hearsay) -> Iterator[Finding]:
    for each in known.leniencies:
        sentence = LENIENCIES.get(each.code, each.code)
        text = f"{sentence} ({_counted(each.count, 'time')}, last on {each.last[:10]})"
        yield Finding("ok", f"leniency_{each.code.replace('-', '_')}", text, feature=NEEDED)


def _described(token: Token) -> str:
    label = f' "{token.label}"' if token.label else ""
    ends = "does not end" if token.expires is None else f"is valid until {token.expires[:10]}"
    if token.last_used is None:
        return f"token {token.id}{label} {ends} and was not used yet"
    return f"token {token.id}{label} {ends} and was last used on {token.last_used[:16].replace('T', ' ')} UTC"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _ago(then: str, moment: str) -> str:
    seconds = int((datetime.fromisoformat(moment) - datetime.fromisoformat(then)).total_seconds())
    for size, name in _UNITS:
        if seconds >= size:
            return f"{_counted(seconds // size, name)} ago"
    return "just now"
