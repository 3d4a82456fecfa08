"""The text of a filter or path as tokens, each with its place, and what its literals say (RFC 7644 §3.4.2.2, figure 1).

Not here: the grammar over them (filters.py).
"""

import re
from typing import NamedTuple, NoReturn

import msgspec

from connectors.scim.errors import ScimError

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([()\[\]])|([^\s()\[\]"]+))', re.DOTALL)
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class Token(NamedTuple):
    """A piece of the text, and where it begins."""

    kind: str  # "text" in its quotes, a "word", a bracket as itself, "end"
    text: str
    at: int


def tokens(text: str, start: int) -> list[Token]:
    """Those of a text from this place on, the last of kind "end".

    Raises:
        ScimError: a text in quotes does not end.
    """
    found: list[Token] = []
    at, end = start, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            refuse("A text in quotes does not end", Token("end", "", at))
        group = match.lastindex or 0
        word = match[group]
        found.append(Token("text" if group == 1 else word if group == 2 else "word", word, match.start(group)))
        at = match.end()
    found.append(Token("end", "", end))
    return found


def quoted(token: Token) -> str:
    """What a text in quotes says.

    Raises:
        ScimError: it is no JSON string.
    """
    if "\\" not in token.text and token.text.isprintable():
        return token.text[1:-1]
    try:
        found = msgspec.json.decode(token.text, type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        refuse("A text in quotes has to be a JSON string", token)
    return fit(found, token)


def fit(value: str, token: Token) -> str:
    """The value itself, when a resource could hold it.

    Raises:
        ScimError: it cannot be kept in a database.
    """
    if _UNFIT.search(value) is not None:
        refuse("A text holds a character that no value has (NUL, or half of a pair)", token)
    return value


def number(token: Token) -> int | float:
    """What a word says that NUMBER matches.

    Raises:
        ScimError: it is too large.
    """
    found = float(token.text)
    if abs(found) >= 2**63:
        refuse("A number is too large", token)
    return int(token.text) if found.is_integer() and token.text.lstrip("-").isdigit() else found


def refuse(problem: str, token: Token, scim_type: str = "invalidFilter") -> NoReturn:
    """
    Raises:
        ScimError: always: 400 with the place of the token.
    """
    raise ScimError(400, f"{problem} (character {token.at + 1} of the filter).", scim_type)
