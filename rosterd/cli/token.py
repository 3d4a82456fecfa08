"""`token`: bearer tokens of SCIM directories. A token's text is printed when it is made, and nowhere else."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.errors import RunError
from rosterd.cli.invocation import Directory, Json, directory_named, opened, settings_of
from rosterd.cli.output import say, show, write_json
from rosterd.cli.tokens import BadOption, Expires, described, length_of, show_list, show_once

if TYPE_CHECKING:
    from rosterd.http.tokens import Fresh
    from rosterd.settings import DirectorySettings, Settings
    from store.tokens import Token


class NotTold(RunError):
    """Tokens are for directories that tell."""

    code = "not_told"


Label = Annotated[
    str,
    typer.Option("--label", metavar="WORD", help="Who uses it; may be written in the address below the directory."),
]

app = typer.Typer(help="Bearer tokens with which identity providers reach their SCIM directory.", no_args_is_help=True)


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
    context: typer.Context, directory: Directory, *, label: Label = "", expires: Expires = None,
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
    show_list(listed, none=f"{found.id} has no token yet: rosterd token create {found.id}", as_json=as_json)


def _told(context: typer.Context, name: str) -> "tuple[Settings, DirectorySettings]":
    settings = settings_of(context)
    found = directory_named(settings, name)
    if found.kind != "scim":
        raise NotTold(
            f"directory {name} is of kind {found.kind}: it is asked, and needs no token of rosterd's",
            where=name, fix='tokens are for directories of kind "scim"',
        )  # fmt: skip
    return settings, found


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
    document = {
        "directory": token.directory, "id": token.id, "token": made.text, "endpoint": address,
        "label": token.label, "expires": token.expires, **(more or {}),
    }  # fmt: skip
    ends = token.expires or "never"
    lines = [f"endpoint  {address}", f"token     {made.text}", f"id        {token.id}", f"expires   {ends}"]
    show_once(document, lines, put="paste it into the identity provider now", as_json=as_json)
