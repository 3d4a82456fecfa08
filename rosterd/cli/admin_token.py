"""`admin-token`: bearer tokens of operators, for the REST API. Their text is printed when they are made, and nowhere
else; those of SCIM directories are token.py."""

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rosterd.cli.invocation import Json, complete_workspace, opened, settings_of, workspace_named
from rosterd.cli.output import say, show, write_json
from rosterd.cli.tokens import BadOption, Expires, described, length_of, show_list, show_once

if TYPE_CHECKING:
    from rosterd.http.tokens import Fresh
    from store.tokens import Token

LONGEST_LABEL = 80


class Scope(StrEnum):
    """What a token may do."""

    read = "read"
    operate = "operate"


Id = Annotated[str, typer.Argument(metavar="ID", help="As `admin-token list` shows it.")]

app = typer.Typer(help="Bearer tokens with which people and programs use the REST API.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    scope: Annotated[Scope, typer.Option("--scope", help="Look only; or sync, approve, undo and change members too.")],
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", metavar="ID", help="Only this one.", show_default="all",
                     autocompletion=complete_workspace),
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="Who uses it.")] = "",
    *,
    expires: Expires = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Make a token for the REST API, and print it: it is shown this once."""
    from rosterd import tokens

    settings = settings_of(context)
    bound = None if workspace is None else workspace_named(settings, workspace)
    with opened(settings) as store:
        made, token = tokens.create_admin(
            store, scope.value, _label(label), length_of("--expires", expires), workspace=bound
        )
    _show(made, token, as_json=as_json)


@app.command()
def rotate(
    context: typer.Context,
    id: Id,  # noqa: A002 - what it is
    expires: Expires = None,
    keep: Annotated[str, typer.Option("--keep", metavar="24h", help="How long the old one stays valid.")] = "24h",
    as_json: Json = False,
) -> None:
    """Make a token that may do the same; the old one stays valid for a while."""
    from rosterd import tokens

    settings = settings_of(context)
    kept = length_of("--keep", keep) or timedelta(0)
    with opened(settings) as store:
        made, token = tokens.rotate_admin(store, id, length_of("--expires", expires), keep=kept)
    _show(made, token, as_json=as_json, more={"ending": [id]})
    say(f"valid for {keep} more, unless it ended before: {id}")


@app.command()
def revoke(context: typer.Context, id: Id, as_json: Json = False) -> None:  # noqa: A002
    """End a token now; a running daemon refuses it within a second."""
    from rosterd import tokens

    with opened(settings_of(context)) as store:
        tokens.end_admin(store, id)
    if as_json:
        write_json({"id": id, "state": "revoked"})
    else:
        show(f"admin token {id} is revoked")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show the tokens, without their text: that is kept nowhere."""
    from rosterd import tokens
    from rosterd.ports import now

    moment = now()
    with opened(settings_of(context)) as store:
        listed = [described(token, tokens.state(token, moment)) for token in tokens.admin_tokens(store)]
    none = "there is no admin token yet: rosterd admin-token create --scope read"
    show_list(listed, "scope", "workspace", none=none, as_json=as_json)


def _label(text: str) -> str:
    if len(text) > LONGEST_LABEL or not (text.isprintable() or not text):
        fix = f"write at most {LONGEST_LABEL} printable characters"
        raise BadOption("this can be no label", where="--label", fix=fix)
    return text


def _show(made: "Fresh", token: "Token", *, as_json: bool, more: dict[str, Any] | None = None) -> None:
    document = {
        "id": token.id, "token": made.text, "scope": token.scope, "workspace": token.workspace,
        "label": token.label, "expires": token.expires, **(more or {}),
    }  # fmt: skip
    lines = [
        f"token      {made.text}", f"id         {token.id}", f"scope      {token.scope}",
        f"workspace  {token.workspace or 'all'}", f"expires    {token.expires or 'never'}",
    ]  # fmt: skip
    show_once(document, lines, put="put it where your program keeps its secrets", as_json=as_json)
