"""`token`: bearer tokens of SCIM directories. A token's text is printed when it is made, and nowhere else."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.errors import RunError
from rosterd.cli.invocation import Json, complete_directory, directory_named, opened, settings_of
from rosterd.cli.output import say, show, write_json

if TYPE_CHECKING:
    from rosterd.http.tokens import Fresh
    from rosterd.settings import DirectorySettings, Settings
    from store.tokens import Token


class NotTold(RunError):
    """Tokens are for directories that tell."""

    code = "not_told"


class BadOption(RunError):
    """An option that cannot be what was given."""

    code = "bad_option"


Directory = Annotated[
    str, typer.Argument(metavar="DIRECTORY", help="Its id in the configuration.", autocompletion=complete_directory)
]
Label = Annotated[
    str,
    typer.Option("--label", metavar="WORD", help="Who uses it; may be written in the address below the directory."),
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="90d", show_default="never", help="How long it is valid."),
]

app = typer.Typer(
    help="Bearer tokens with which identity providers reach their SCIM directory.", no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@app.command()
def create(
    context: typer.Context, directory: Directory, label: Label = "", expires: Expires = None, as_json: Json = False
) -> None:
    """Make a token, and print it with the endpoint that both belong to: it is shown this once."""
    from rosterd import tokens

    settings, found = _told(context, directory)
    with opened(settings) as store:
        made, token = tokens.create(store, found.id, _label(label), length_of("--expires", expires))
    _show(settings, made, token, as_json=as_json)


@app.command()
def rotate(
    context: typer.Context, directory: Directory, label: Label = "", expires: Expires = None,
    keep: Annotated[str, typer.Option("--keep", metavar="24h", help="How long the old ones stay valid.")] = "24h",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make a new token; those that there are stay valid for a while, so that nothing is refused in between."""
    from rosterd import tokens

    settings, found = _told(context, directory)
    kept = length_of("--keep", keep) or timedelta(0)
    with opened(settings) as store:
        made, token, ended = tokens.rotate(
            store, found.id, _label(label), length_of("--expires", expires), keep=kept
        )  # fmt: skip
    _show(settings, made, token, as_json=as_json, more={"ending": ended})
    if ended:
        say(f"valid for {keep} more: {', '.join(ended)}")


@app.command()
def revoke(
    context: typer.Context, directory: Directory,
    id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")],  # noqa: A002 - what it is
    as_json: Json = False,
) -> None:  # fmt: skip
    """End a token now; a running daemon refuses it within a second."""
    from rosterd import tokens

    settings, found = _told(context, directory)
    with opened(settings) as store:
        tokens.end(store, found.id, id)
    if as_json:
        write_json({"directory": found.id, "id": id, "state": "revoked"})
    else:
        show(f"{found.id}: token {id} is revoked")


@app.command("list")
def list_(context: typer.Context, directory: Directory, as_json: Json = False) -> None:
    """Show the tokens of a directory, without their text: that is kept nowhere."""
    from rosterd import tokens
    from rosterd.ports import now

    settings, found = _told(context, directory)
    moment = now()
    with opened(settings) as store:
        listed = [described(token, tokens.state(token, moment)) for token in tokens.tokens(store, found.id)]
    if as_json:
        write_json(listed)
    elif not listed:
        show(f"{found.id} has no token yet: rosterd token create {found.id}")
    else:
        show(table_of(listed))


def _told(context: typer.Context, name: str) -> "tuple[Settings, DirectorySettings]":
    settings = settings_of(context)
    found = directory_named(settings, name)
    if found.kind != "scim":
        raise NotTold(
            f"directory {name} is of kind {found.kind}: it is asked, and needs no token of rosterd's",
            where=name, fix='tokens are for directories of kind "scim"',
        )  # fmt: skip
    return settings, found


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


def _label(text: str) -> str:
    from rosterd.endpoints import may_be_label

    if text and not may_be_label(text):
        fix = 'use small letters, digits and . _ - between them, and no word of SCIM: "entra"'
        raise BadOption(f'"{text[:80]}" can be no label', where="--label", fix=fix)
    return text


def _show(
    settings: "Settings", made: "Fresh", token: "Token", *, as_json: bool, more: dict[str, Any] | None = None
) -> None:
    from rosterd.endpoints import endpoint

    address = endpoint(settings, token.directory, label=token.label)
    if as_json:
        write_json(
            {
                "directory": token.directory, "id": token.id, "token": made.text, "endpoint": address,
                "label": token.label, "expires": token.expires, **(more or {}),
            }
        )  # fmt: skip
        return
    ends = token.expires or "never"
    lines = [f"endpoint  {address}", f"token     {made.text}", f"id        {token.id}", f"expires   {ends}"]
    show(*lines, whole=True)
    say("the token is shown this once: paste it into the identity provider now")


def described(token: "Token", state: str) -> dict[str, Any]:
    """A token without its text, as `list --json` shows it."""
    whose = {"directory": token.directory} if token.scope is None else _powers(token)
    return {
        **whose, "id": token.id, "label": token.label, "state": state, "created": token.created,
        "expires": token.expires, "revoked": token.revoked, "last_used": token.last_used,
    }  # fmt: skip


def _powers(token: "Token") -> dict[str, Any]:
    return {"scope": token.scope, "workspace": token.workspace}


def table_of(listed: list[dict[str, Any]], *more: str) -> Any:
    """The tokens as a table; `more` are columns after the label."""
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
