"""What the tokens of directories and those of operators have in common here: options, and how they are shown.

Not here: the commands (token.py, admin_token.py), and what is done with tokens (rosterd/tokens.py).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.errors import RunError
from rosterd.cli.output import say, show, write_json

if TYPE_CHECKING:
    from store.tokens import Token

Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="90d", show_default="never", help="How long it is valid."),
]


class BadOption(RunError):
    """An option that cannot be what was given."""

    code = "bad_option"


def length_of(option: str, text: str | None) -> timedelta | None:
    """A length of time as an option gives it.

    Raises:
        BadOption: it is none.
    """
    from pydantic_core import PydanticCustomError

    from rosterd.settings import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except PydanticCustomError as exc:
        given = exc.context or {}
        raise BadOption(str(given["message"]), where=option, fix=str(given["fix"])) from exc


def show_once(document: dict[str, Any], lines: Iterable[str], *, put: str, as_json: bool) -> None:
    """A token that was just made, with its text; `put` says where that belongs."""
    if as_json:
        write_json(document)
        return
    show(*lines, whole=True)
    say(f"the token is shown this once: {put}")


def described(token: "Token", state: str) -> dict[str, Any]:
    """A token without its text, as `list --json` shows it."""
    whose = {"directory": token.directory} if token.scope is None else _powers(token)
    return {
        **whose, "id": token.id, "label": token.label, "state": state, "created": token.created,
        "expires": token.expires, "revoked": token.revoked, "last_used": token.last_used,
    }  # fmt: skip


def _powers(token: "Token") -> dict[str, Any]:
    return {"scope": token.scope, "workspace": token.workspace}


def show_list(listed: list[dict[str, Any]], *more: str, none: str, as_json: bool) -> None:
    """Tokens as `described` says them; `more` are columns after the label, `none` is said when there are no tokens."""
    if as_json:
        write_json(listed)
    else:
        show(_table(listed, more) if listed else none)


def _table(listed: list[dict[str, Any]], more: Iterable[str]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    columns = ("id", "label", *more, "state", "created", "expires", "last_used")
    for name in columns:
        table.add_column(name.replace("_", " "))
    for row in listed:
        table.add_row(*(_spoken(row[name]) for name in columns))
    return table


def _spoken(value: str | None) -> str:
    return "–" if value is None else value[:16].replace("T", " ") if value[:2] == "20" and "T" in value else value
