"""`mappings`: which groups are teams, and what becomes of the members of a mapping that was removed."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import RunError
from rosterd.cli.errors import Unknown
from rosterd.cli.invocation import Json, chosen, complete_directory, opened, settings_of
from rosterd.cli.output import Terminal, command_line, say, show, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from reconciler.policy import OnRemove
    from rosterd.settings import DirectorySettings, Settings
    from store.database import Store
    from store.mappings import Known


class InForce(RunError):
    """A decision about a mapping that the configuration still has."""

    code = "mapping_in_force"


class Several(RunError):
    """A mapping of several directories, and none is named."""

    code = "several_mappings"


@dataclass(frozen=True)
class Row:
    """A mapping and its directory."""

    directory: "DirectorySettings"
    known: "Known"

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.known.mapping.group} → {self.known.mapping.team}"

    @property
    def open(self) -> bool:
        """Somebody has to say what becomes of its members."""
        return self.known.retired and self.known.mapping.on_remove is None and self.known.members != 0


def mappings(
    context: typer.Context,
    directory: Annotated[
        str | None,
        typer.Argument(
            metavar="DIRECTORY", show_default=False, autocompletion=complete_directory,
            help="Its id in the configuration; if left out, all.",
        ),
    ] = None,
    keep: Annotated[
        tuple[str, str] | None,
        typer.Option("--keep", metavar="GROUP TEAM", show_default=False, help="Members of this removed mapping stay."),
    ] = None,
    remove: Annotated[
        tuple[str, str] | None,
        typer.Option("--remove", metavar="GROUP TEAM", show_default=False, help="Those whom it had added leave."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show which groups are teams, and decide what becomes of the members of a mapping that was removed.

    A mapping that was removed without on_remove takes nothing away by itself. On a terminal this command asks for each
    one: keep (its members stay, as if added by hand) or remove (those leave whom neither another mapping nor a person
    has put into the team). The next sync does it.

    [bold]Examples[/bold]

      rosterd mappings
      rosterd mappings acme-okta --keep Designers Design
      rosterd mappings --json | jq '.[] | select(.state == "removed")'
    """
    if keep is not None and keep == remove:
        raise typer.BadParameter("the members of a removed mapping either stay or leave: --keep or --remove")
    settings = settings_of(context)
    wanted = chosen(settings, [directory] if directory else [])
    with opened(settings) as store:
        rows = _rows(settings, store, wanted)
        if keep is not None:
            _decide(store, _named(rows, keep), "keep")
        if remove is not None:
            _decide(store, _named(rows, remove), "remove")
        decided = keep is not None or remove is not None
        rows = _rows(settings, store, wanted)
        if as_json:
            write_json([_json(row) for row in rows])
            return
        _show(rows)
        if not decided and sys.stdin.isatty() and Terminal().is_terminal:
            decided = _ask(store, rows)
    if decided:
        say(f"recorded; the next sync does it: {command_line('sync', config=settings.file)}")


def _rows(settings: "Settings", store: "Store", wanted: "Iterable[DirectorySettings]") -> list[Row]:
    from rosterd.wiring import known_mappings

    return [Row(each, known) for each in wanted for known in known_mappings(settings, store, each)]


def _named(rows: list[Row], pair: tuple[str, str]) -> Row:
    """
    Raises:
        Unknown: no run followed such a mapping.
        InForce: configuration still has it.
        Several: several directories had it.
    """
    name = " → ".join(pair)
    found = [row for row in rows if (row.known.mapping.group, row.known.mapping.team) == pair]
    if not found:
        raise Unknown("mapping", name, [row.name for row in rows if row.known.retired])
    retired = [row for row in found if row.known.retired]
    if not retired:
        fix = "write on_remove into its [[directory.team]], or remove that table and sync first"
        raise InForce(f"the mapping {name} is still in the configuration", where=found[0].directory.id, fix=fix)
    if len(retired) > 1:
        listed = ", ".join(row.directory.id for row in retired)
        raise Several(f"several directories had the mapping {name}: {listed}", fix="name the directory")
    return retired[0]


def _decide(store: "Store", row: Row, answer: "OnRemove") -> None:
    from reconciler.policy import TeamMapping
    from rosterd.wiring import decide_mapping

    decide_mapping(store, row.directory, TeamMapping(row.known.mapping.group, row.known.mapping.team, answer))


def _ask(store: "Store", rows: Iterable[Row]) -> bool:
    """Asks about each open mapping; whether anything was decided."""
    from rich.prompt import Prompt

    decided = False
    for row in (row for row in rows if row.open):
        count = "the" if row.known.members is None else f"{row.known.members:,}"
        question = f"{count} members of team {row.known.mapping.team} by {row.name}, which was removed"
        answer = Prompt.ask(question, choices=["keep", "remove", "later"], default="later", console=Terminal())
        if answer != "later":
            _decide(store, row, "keep" if answer == "keep" else "remove")
            decided = True
    return decided


def _json(row: Row) -> dict[str, object]:
    mapping = row.known.mapping
    return {
        "directory": row.directory.id, "group": mapping.group, "team": mapping.team,
        "state": "removed" if row.known.retired else "followed", "on_remove": mapping.on_remove,
        "members": row.known.members,
    }  # fmt: skip


def _show(rows: list[Row]) -> None:
    if rows:
        show(_table(rows))
    else:
        show("no group is mapped to a team: add a [[directory.team]] (rosterd config example)")


def _table(rows: Iterable[Row]) -> "Table":
    from rich.table import Table

    from rosterd.render.words import plain

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("directory", "group", "team", "members", "state"):
        table.add_column(name, justify="right" if name == "members" else "left", overflow="fold")
    for row in rows:
        members = "not known" if row.known.members is None else f"{row.known.members:,}"
        mapping = row.known.mapping
        table.add_row(row.directory.id, plain(mapping.group), plain(mapping.team), members, _state(row))
    return table


def _state(row: Row) -> str:
    mapping = row.known.mapping
    if not row.known.retired:
        return f"followed, on_remove = {mapping.on_remove}" if mapping.on_remove else "followed"
    if not mapping.on_remove:
        return "removed: keep or remove?"
    limits = ", as far as limits let it" if mapping.on_remove == "remove" else ""
    return f"removed, {mapping.on_remove}: the next sync does it{limits}"
