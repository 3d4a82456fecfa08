"""Takes secrets out of what is about to be written into a log: those of the configuration wherever they stand, and
whatever looks like one.

That nobody logs a secret is the rule everywhere else; this is for the day when somebody does, a library most likely.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from connectors.base import Refused, SecretRef

REDACTED = "[redacted]"
SHORTEST = 6  # a shorter secret is a part of too many words
_LINE = 16  # of a secret with several lines, such as a key: each that is so long is a secret, too

# Names under which a secret stands, without their separators: "client_secret", "X-Api-Key", "DB_PASSWORD".
_NAMED = ("authorization", "cookie", "password", "passwd", "passphrase", "secret", "token", "assertion", "credential",
          "credentials", "apikey", "privatekey", "signature")  # fmt: skip
_WORD = (
    r"(?:authorization|cookie|password|passwd|passphrase|secret|token|assertion|credential|api[_-]?key|private[_-]?key)"
)
_LOOKS_LIKE = (
    # -----BEGIN PRIVATE KEY----- with its content, also where line breaks are written as \n (RFC 7468)
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REDACTED),
    # a token of ours: its id is no secret, and tells which one to revoke
    (re.compile(r"(rosterd_[A-Za-z0-9]{6}_)[A-Za-z0-9_-]{20,}"), rf"\1{REDACTED}"),
    # a JWT (RFC 7519): three parts, the first of which begins with {"
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}"), REDACTED),
    # scheme://user:password@host (RFC 3986 §3.2.1); a password may hold an @
    (re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s/:@\"']*):[^\s/\"']+@", re.IGNORECASE), rf"\1:{REDACTED}@"),
    # Authorization values (RFC 9110 §11.6.2), and Okta's
    (re.compile(r"\b(Bearer|Basic|SSWS|DPoP)\s+[A-Za-z0-9._~+/-]{4,}=*", re.IGNORECASE), rf"\1 {REDACTED}"),
    # "client_secret": "…", password='…', access_token=…&, X-Api-Key: …
    (re.compile(rf"(?i)([\w-]*{_WORD}[\"']?\s*[:=]\s*)(?!{re.escape(REDACTED)}|(?:Bearer|Basic|SSWS|DPoP)\s)"
                r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&\"'})\]]+)"), rf"\1{REDACTED}"),
)  # fmt: skip


class Redactor:
    """What is known to be secret, and the patterns of what looks so."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Takes these for secret, instead of those that were before."""
        self._texts = frozenset[str]()
        self.learn_more(secrets)

    def learn_more(self, secrets: Iterable[str]) -> None:
        """Takes these for secret, too."""
        self._texts |= {part for secret in secrets for part in _parts(secret)}
        longest_first = sorted(self._texts, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, instead in _LOOKS_LIKE:
            text = pattern.sub(instead, text)
        return text

    def value(self, value: Any, name: str = "") -> Any:
        """A value without secrets, whatever it is made of; one whose name says that it is secret is gone whole."""
        if name and isinstance(value, str | bytes) and _named(name):
            return REDACTED
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(each, str(key)) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each, name) for each in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _named(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(_NAMED)


def secrets_in(value: object) -> Iterable[str]:
    """The texts of all secrets that a configuration refers to, and the passwords in its addresses. What cannot be had
    is no secret yet."""
    if isinstance(value, SecretRef):
        try:
            yield value.reveal()
        except Refused:
            return
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from secrets_in(each)
    elif isinstance(value, str) and "://" in value:
        yield from _password(value)


def _password(address: str) -> Iterable[str]:
    try:
        password = urlsplit(address).password
    except ValueError:  # no address after all
        return
    if password:
        yield from (password, unquote(password))


def _parts(secret: str) -> Iterable[str]:
    """A secret as it may stand in a text: whole, with its line breaks escaped, or a line of it."""
    lines = [line for line in secret.splitlines() if len(line) >= _LINE] if "\n" in secret else []
    return (text for text in (secret, secret.replace("\n", "\\n"), *lines) if len(text) >= SHORTEST)
