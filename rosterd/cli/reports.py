"""`reports` and `report`: what happened, from the store."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rosterd.cli.errors import Unknown
from rosterd.cli.invocation import Invocation, Json, complete_directory, directory_named, opened, settings_of
from rosterd.cli.output import Terminal, array, flush, show, write

if TYPE_CHECKING:
    from reconciler.report import Report
    from store.database import Store

LATEST = "latest"


class Format(StrEnum):
    """How a report is written."""

    text = "text"
    json = "json"
    csv = "csv"
    html = "html"


def complete_run(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Ids of runs that begin so."""
    from reconciler.errors import RunError
    from rosterd.settings import ConfigError
    from store.runs import reports as newest

    try:
        with opened(Invocation(context.find_root().params.get("config")).settings()) as store:
            known = [report.run for report in newest(store)]
    except (RunError, ConfigError):
        return
    yield from (each for each in (LATEST, *known) if each.startswith(incomplete))


def reports(
    context: typer.Context,
    directory: Annotated[
        str | None,
        typer.Option("--directory", metavar="ID", help="Only of this one.", autocompletion=complete_directory),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List the latest runs, newest first.

    [bold]Examples[/bold]

      rosterd reports
      rosterd reports --directory acme-okta --limit 100 --json
    """
    from reconciler.health import sentence
    from reconciler.report import to_json
    from rosterd.render.text import summary_table
    from store.health import health_of
    from store.runs import reports as newest

    settings = settings_of(context)
    if directory is not None:
        directory_named(settings, directory)
    with opened(settings) as store:
        found = newest(store, directory=directory, limit=limit)
        asked = [each.id for each in settings.directory if directory in (None, each.id)]
        wrong = [f"{each} is {said}" for each in asked if (said := sentence(health_of(store, each)))]
    if as_json:
        write(array(to_json(report, None) for report in found))
        flush()
    else:
        show(summary_table(found) if found else "no runs yet; the first one: rosterd sync", *wrong)


def one(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Its id, or: latest.", autocompletion=complete_run),
    ],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.text,
    as_json: Json = False,
) -> None:
    """Show one run: the funnel, the causes, and every action with why it was taken.

    [bold]Examples[/bold]

      rosterd report latest
      rosterd report 20261121T100000-1a2b3c --format html > report.html
      rosterd report latest --format csv > actions.csv
    """
    settings = settings_of(context)
    with opened(settings) as store:
        report = found_run(store, run)
        if as_json or form is not Format.text:
            write(_pieces(store, report, Format.json if as_json else form))
            flush()
        else:
            _show(store, report)


def found_run(store: "Store", run: str) -> "Report":
    """The run of this id, or the newest.

    Raises:
        Unknown: there is none.
    """
    from store.runs import report_of
    from store.runs import reports as newest

    recent = newest(store, limit=1 if run == LATEST else 200)
    report = recent[0] if run == LATEST and recent else report_of(store, run)
    if report is None:
        raise Unknown("run", run, [each.run for each in recent])
    return report


def _pieces(store: "Store", report: "Report", form: Format) -> Iterable[str]:
    from reconciler.report import to_csv, to_json
    from store.runs import actions_of

    actions = actions_of(store, report.run)
    if form is Format.csv:
        return to_csv(actions)
    if form is Format.json:
        return _with_newline(to_json(report, actions))
    from rosterd.render.html import report_html

    return _with_newline(report_html(report, actions))


def _with_newline(pieces: Iterable[str]) -> Iterator[str]:
    yield from pieces
    yield "\n"


def _show(store: "Store", report: "Report") -> None:
    from rosterd.render.text import Hanging, report_text
    from store.runs import actions_of

    terminal = Terminal()
    for part in report_text(report, actions_of(store, report.run), most=None):
        if isinstance(part, Hanging) and not terminal.is_terminal:
            write((part.plain, "\n"))  # a million lines into a file need no terminal's arithmetic
        else:
            terminal.print(part)
    flush()
