"""`why`: why a person is what they are, from what is stored."""

from typing import TYPE_CHECKING, Annotated

import typer

from rosterd.cli.errors import Unknown
from rosterd.cli.invocation import Json, complete_workspace, opened, settings_of
from rosterd.cli.output import show, write_json
from rosterd.cli.reports import complete_run, found_run

if TYPE_CHECKING:
    from reconciler.explanation import Explanation
    from rosterd.settings import Settings
    from store.database import Store


def why(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="An address; or a user name, or the vendor's id.")],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="RUN", help="As it was after this run.", autocompletion=complete_run),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", metavar="ID", help="Only in this one.", autocompletion=complete_workspace),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain a person: what they are, what gave it, what was considered and lost, and what would have to change.

    It asks no directory: everything comes from what runs have stored, also about people who are gone or never got in.

    [bold]Examples[/bold]

      rosterd why ada@acme.com
      rosterd why ada@acme.com --at 20261121T100000-1a2b3c
      rosterd why ada@acme.com --json | jq -r '.[].answer'
    """
    settings = settings_of(context)
    with opened(settings) as store:
        found = _explained(settings, store, email, at, workspace)
    if as_json:
        write_json(found)
    else:
        _show(found)


def _explained(
    settings: "Settings", store: "Store", email: str, at: str | None, workspace: str | None
) -> "list[Explanation]":
    from rosterd.explaining import explained
    from store.person import workspaces

    if workspace is not None and workspace not in (there := workspaces(store)):
        raise Unknown("workspace", workspace, there)
    until = None if at is None else found_run(store, at)
    return explained(settings, store, email, at=until, workspace=workspace)


def _show(found: "list[Explanation]") -> None:
    from rosterd.render.why import why_text

    for number, each in enumerate(found):
        show(*(["", ""] if number else []), *why_text(each))
