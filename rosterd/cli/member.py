"""`member`: changing the embedded workspace by hand, as far as no directory owns what is changed."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from rosterd.cli.invocation import Json, Workspace, opened, settings_of, workspace_named
from rosterd.cli.members import line
from rosterd.cli.output import say, write, write_json

if TYPE_CHECKING:
    from store.manual import ByHand
    from store.workspace import RosterMember

app = typer.Typer(
    help="Change a member by hand; what a directory owns is refused, with the name of the directory.",
    rich_markup_mode="rich",
)
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's address.")]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def invite(
    context: typer.Context,
    workspace: Workspace,
    email: Email,
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="FIELD=VALUE", help="given_name=Ada", show_default=False)
    ] = None,
    *,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="AXIS=VALUE", help="Can be repeated.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Add somebody to a workspace that no directory feeds; where one does, people are added in the directory.

    [bold]Example[/bold]

      rosterd member invite acme ada@acme.com given_name=Ada family_name=Lovelace --role role=admin
    """
    profile, roles = _pairs(fields or []), _pairs(role or [])

    def change(by_hand: "ByHand") -> "RosterMember":
        return by_hand.invite(email, profile, roles)

    _do(context, workspace, change, as_json=as_json)


@app.command()
def edit(
    context: typer.Context,
    workspace: Workspace,
    email: Email,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE", help="title=Countess; title= clears it.")],
    as_json: Json = False,
) -> None:
    """Change fields of a member whom no directory owns.

    [bold]Example[/bold]

      rosterd member edit acme owner@acme.com title=Founder department=
    """
    changes = _pairs(fields)
    _do(context, workspace, lambda by_hand: by_hand.edit(email, changes), as_json=as_json)


@app.command()
def role(
    context: typer.Context,
    workspace: Workspace,
    email: Email,
    axis: Annotated[str, typer.Argument(metavar="AXIS", help="A role axis of the workspace.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="One of its values.")],
    *,
    as_json: Json = False,
) -> None:
    """Set a role of a member, on an axis that their directory leaves alone.

    [bold]Example[/bold]

      rosterd member role acme owner@acme.com role admin
    """
    _do(context, workspace, lambda by_hand: by_hand.set_role(email, axis, value), as_json=as_json)


@app.command()
def team(
    context: typer.Context,
    workspace: Workspace,
    email: Email,
    *,
    join: Annotated[
        str | None, typer.Option("--join", metavar="TEAM", help="Made when there is none.", show_default=False)
    ] = None,
    leave: Annotated[
        str | None, typer.Option("--leave", metavar="TEAM", help="Not one that a directory gave.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a member into a team, or take them out of one; no directory takes out whom a person put in.

    [bold]Example[/bold]

      rosterd member team acme ada@acme.com --join Choir
    """
    if (join is None) == (leave is None):
        raise typer.BadParameter("write either --join TEAM or --leave TEAM")

    def change(by_hand: "ByHand") -> "RosterMember":
        return by_hand.join_team(email, join) if join is not None else by_hand.leave_team(email, leave or "")

    _do(context, workspace, change, as_json=as_json)


@app.command()
def deactivate(
    context: typer.Context,
    workspace: Workspace,
    email: Email,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Even one whom a directory owns: until its next sync.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a member's access away and sign them out.

    [bold]Examples[/bold]

      rosterd member deactivate acme contractor@example.org
      rosterd member deactivate acme mallory@acme.com --emergency
    """

    def change(by_hand: "ByHand") -> "RosterMember":
        return by_hand.deactivate(email, emergency=emergency)

    changed = _do(context, workspace, change, as_json=as_json)
    if changed.managed and not changed.active and emergency:
        say(
            f"{changed.email} is out now, and signed out; the next sync of {changed.directory} brings them back unless "
            "they are suspended there by then"
        )


@app.command()
def reactivate(context: typer.Context, workspace: Workspace, email: Email, as_json: Json = False) -> None:
    """Let a member in again whom no directory owns.

    [bold]Example[/bold]

      rosterd member reactivate acme contractor@example.org
    """
    _do(context, workspace, lambda by_hand: by_hand.reactivate(email), as_json=as_json)


@app.command("sign-out")
def sign_out(context: typer.Context, workspace: Workspace, email: Email, as_json: Json = False) -> None:
    """End every session of a member; they may sign in again if they are active.

    [bold]Example[/bold]

      rosterd member sign-out acme ada@acme.com
    """
    changed = _do(context, workspace, lambda by_hand: by_hand.sign_out(email), as_json=as_json)
    say(f"every session of {changed.email} that is older than this moment is over")


def _do(
    context: typer.Context, workspace: str, change: "Callable[[ByHand], RosterMember]", *, as_json: bool
) -> "RosterMember":
    """Makes one change and prints the member's line."""
    from rosterd.wiring import by_hand

    settings = settings_of(context)
    known = workspace_named(settings, workspace)
    with opened(settings) as store:
        changed = change(by_hand(settings, store, known))
    if as_json:
        write_json(changed)
    else:
        write((line(changed), "\n"))
    return changed


def _pairs(written: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE by name.

    Raises:
        typer.BadParameter: one has no "=".
    """
    pairs = [each.partition("=") for each in written]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise typer.BadParameter(f'"{name}" is not of the form NAME=VALUE')
    return {name: value for name, _, value in pairs}
