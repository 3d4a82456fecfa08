"""What a feature needs of a vendor, and what is said when it is missing.

What does not live here: the vendors' own scopes, roles and menus (the tables of okta_check.py, entra_check.py,
google_check.py).
"""

from dataclasses import dataclass

from connectors.base import ConnectorError, Finding


@dataclass(frozen=True)
class Grant:
    """A scope, role, privilege or permission: in words, where an admin grants it, and its name in a token."""

    words: str
    fix: str
    name: str = ""


@dataclass(frozen=True)
class Need:
    """What a feature needs. `scope` is missing unless the token is known to carry it: then it is `role`.

    `feature` is the heading that it stands under, `what` the sentence ("people cannot be read"), `without` what does
    not work then; `optional` when a sync works all the same, more slowly or less surely. `narrowed` is where to look
    when less is seen than there was.
    """

    feature: str
    what: str
    without: str
    scope: Grant
    role: Grant
    optional: bool = False
    narrowed: str = ""


def of_refusal(need: Need, granted: frozenset[str] | None, said: ConnectorError | None) -> Finding:
    """A missing permission: which, for what, and where to grant it; a warning where sync works without it.

    Args:
        need: of the feature that was refused.
        granted: what the token is known to carry.
        said: the refusal; None when it came with the sign-in.
    """
    carried = said is not None and granted is not None and need.scope.name in granted
    grant = need.role if carried else need.scope
    text = f"{need.what}: {grant.words} is missing; without it {need.without}"
    if said is not None:
        text += f" ({said_by(said)})"
    return Finding("warning" if need.optional else "error", "permission_missing", text, grant.fix, need.feature)


def said_by(error: ConnectorError) -> str:
    """What the vendor said, and to what, without the directory's id."""
    sentence = error.message.partition(": ")[2] or error.message
    request = error.request.partition("?")[0]
    return f"{sentence}; {request}" if request else sentence
