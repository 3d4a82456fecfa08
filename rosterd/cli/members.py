"""`members`: the roster of a workspace."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import typer

from rosterd.cli.invocation import Json, Workspace, opened, settings_of, workspace_named
from rosterd.cli.output import flush, write

if TYPE_CHECKING:
    from store.workspace import RosterMember

MEASURED = 500  # members whose longest address and name set the widths of the columns
NARROW, WIDE = 8, 44


def members(
    context: typer.Context,
    workspace: Workspace,
    as_json: Json = False,
) -> None:
    """Show the roster of a workspace: everybody by email, with state, roles and teams.

    [bold]Examples[/bold]

      rosterd members acme
      rosterd members acme --json | jq -r '.[] | select(.roles.role == "admin") | .email'
    """
    from store.workspace import roster

    settings = settings_of(context)
    known = workspace_named(settings, workspace)
    with opened(settings) as store:
        listed = roster(store, known)
        write(_json(listed) if as_json else _text(listed))
        flush()


def _json(listed: "Iterable[RosterMember]") -> Iterator[str]:
    import msgspec

    from rosterd.cli.output import array

    return iter(array((msgspec.json.encode(member).decode(),) for member in listed))


def _text(listed: "Iterator[RosterMember]") -> Iterator[str]:
    rows = map(_row, listed)
    measured = list(islice(rows, MEASURED))
    head = ("EMAIL", "NAME", "STATE", "ROLES", "TEAMS")
    widths = [min(WIDE, max(NARROW, *(len(row[column]) for row in (head, *measured)))) for column in range(4)]
    if not measured:
        yield "no members yet; the first sync brings them: rosterd sync\n"
        return
    for row in chain((head, *measured), rows):
        padded = [f"{text:<{width}}" for text, width in zip(row, widths, strict=False)]
        yield f"{'  '.join((*padded, row[4]))}".rstrip() + "\n"


def line(member: "RosterMember") -> str:
    """One member, apart from a roster."""
    email, name, state, roles, teams = _row(member)
    said = (f"{email}: {state}", name, roles, teams and f"in {teams}")
    return " · ".join(part for part in said if part)


def _row(member: "RosterMember") -> tuple[str, str, str, str, str]:
    from rosterd.render.words import plain

    name = f"{member.given_name} {member.family_name}".strip() or member.display_name
    state = "active" if member.active else "inactive"
    roles = ", ".join(f"{axis}: {value}" for axis, value in member.roles.items())
    return (
        plain(member.email),
        plain(name),
        state if member.managed else f"{state}, by hand",
        plain(roles),
        plain(", ".join(member.teams)),
    )
