"""`plan` and `sync`: running directories and printing what came of it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import RunError
from rosterd.cli.errors import BUSY, CHANGES, ERROR, HELD, Unwatched
from rosterd.cli.invocation import Directories, Directory, Json, chosen, directory_named, opened, settings_of
from rosterd.cli.output import array, command_line, flush, say, show, write, write_json
from rosterd.cli.progress import progress

if TYPE_CHECKING:
    from reconciler.report import Report
    from rosterd.settings import DirectorySettings, Settings
    from store.database import Store
    from store.wishes import Ticket

Full = Annotated[bool, typer.Option("--full", help="Compare everybody, not only those about whom something changed.")]

Against = Annotated[
    Path | None,
    typer.Option(
        "--against", metavar="FILE", exists=True, dir_okay=False, show_default=False,
        help="A whole configuration to compare this one with, over the same reading.",
    ),
]  # fmt: skip


def plan(
    context: typer.Context,
    directory: Directory,
    full: Full = False,
    against: Against = None,
    as_json: Json = False,
) -> None:
    """Read a directory and show what a sync would do; the workspace is not changed.

    With --against, show instead who would end up differently under another configuration, and because of what;
    nothing at all is changed.

    Exit code 0: nothing to do · 2: there are changes, or differences · 3: a guard would hold some of the changes.

    [bold]Examples[/bold]

      rosterd plan acme-okta
      rosterd plan acme-okta --against rosterd.new.toml
      rosterd plan acme-okta --full --json | jq .counts
    """
    from rosterd.wiring import require_secrets

    settings = settings_of(context)
    wanted = directory_named(settings, directory)
    require_secrets(settings, (wanted,))
    with opened(settings) as store:
        if against is not None:
            raise typer.Exit(_compare(settings, store, wanted, against, as_json=as_json))
        report = run(settings, store, wanted, verify=full, apply=False, silent=as_json)
        print_report(settings, store, report, as_json=as_json)
    raise typer.Exit(plan_code(report))


def sync(
    context: typer.Context,
    directories: Directories = None,
    full: Full = False,
    here: Annotated[
        bool, typer.Option("--here", help="Run in this process, whether or not a daemon is there to ask.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Read directories, plan, guard, apply and report. One that fails does not stop the others.

    While `rosterd serve` runs over the same store, it is asked: the run is its next one of the directory, this command
    shows how far it is and ends with its report. Ctrl-C stops watching, not the run.

    Exit code 0: done, or nothing to do · 1: something failed · 3: a guard holds some changes · 4: another run holds
    the workspace.

    [bold]Examples[/bold]

      rosterd sync                        every directory
      rosterd sync acme-okta              one of them
      rosterd sync acme-okta --full       and compare everybody, to find drift
    """
    from rosterd.asking import daemons
    from rosterd.wiring import require_secrets
    from store.database import is_there

    settings = settings_of(context)
    wanted = chosen(settings, directories or [])
    if not wanted:
        say("no directory is configured: add a [[directory]] (rosterd config example)")
    alone = here or not is_there(settings.store.url)
    if alone:  # before a database is made for a run that cannot begin
        require_secrets(settings, wanted)
    with opened(settings) as store:
        asks = wanted and not alone and daemons(store)
        if not (alone or asks):
            require_secrets(settings, wanted)
        runs = (_asked if asks else _made_here)(settings, store, wanted, verify=full, silent=as_json)
        if len(wanted) == 1:
            results: list[Report | Failed] = [runs[0]()]
        else:
            results = [_attempt(store, *each, verify=full) for each in zip(wanted, runs, strict=True)]
        _print(settings, store, results, as_json=as_json, one=len(wanted) == 1)
    raise typer.Exit(sync_code(results))


def _made_here(
    settings: "Settings", store: "Store", wanted: "Sequence[DirectorySettings]", *, verify: bool, silent: bool
) -> "list[Callable[[], Report]]":
    """A run of each directory in this process."""
    return [partial(run, settings, store, each, verify=verify, silent=silent) for each in wanted]


def _asked(
    _: "Settings", store: "Store", wanted: "Sequence[DirectorySettings]", *, verify: bool, silent: bool
) -> "list[Callable[[], Report]]":
    """A run of each directory in the daemon, which is asked for all of them at once; secrets are its business."""
    from rosterd.asking import ask_for, follow

    def following(directory: "DirectorySettings", ticket: "Ticket") -> "Report":
        try:
            with progress(directory.id, silent=silent) as told:
                return follow(store, ticket, directory.id, told)
        except KeyboardInterrupt:
            raise Unwatched from None

    tickets = ask_for(store, wanted, verify=verify)
    return [partial(following, *each) for each in zip(wanted, tickets, strict=True)]


def run(
    settings: "Settings", store: "Store", directory: "DirectorySettings", *, verify: bool = False, apply: bool = True,
    silent: bool = False,
) -> "Report":  # fmt: skip
    """One run of one directory with progress on standard error.

    Raises:
        RunError: it could not begin, or the store refused.
    """
    from rosterd.wiring import run_directory

    with progress(directory.id, silent=silent) as told:
        return asyncio.run(run_directory(settings, store, directory, progress=told, verify=verify, apply=apply))


@dataclass(frozen=True)
class Failed:
    """A run among several that has no report in the store: the reason, and in the JSON array a report that says so."""

    error: RunError
    report: "Report"


def _compare(
    settings: "Settings", store: "Store", directory: "DirectorySettings", against: Path, *, as_json: bool
) -> int:
    """Prints what another configuration makes of a directory; the exit code."""
    from rosterd.settings import load
    from rosterd.wiring import compare_directory

    other = load(against)
    with progress(directory.id, silent=as_json) as told:
        found = asyncio.run(
            compare_directory(settings, other, store, directory, progress=told, against=str(against))
        )  # fmt: skip
    if as_json:
        write_json(found)
    else:
        from rosterd.render.against import against_text

        write(against_text(found))
        flush()
    return ERROR if not found.complete else CHANGES if found.differences else 0


def _attempt(
    store: "Store", directory: "DirectorySettings", made: "Callable[[], Report]", *, verify: bool
) -> "Report | Failed":
    from msgspec.structs import replace

    from reconciler.errors import StoreError
    from reconciler.ports import Mode
    from reconciler.report import Report
    from rosterd.ports import now
    from store.health import health_of

    began = now()
    try:
        return made()
    except RunError as error:
        mode: Mode = "full" if verify else "incremental"
        report = Report("", directory.workspace, directory.id, "manual", mode, "failed", began, now(),
                        error=error.as_dict())  # fmt: skip
        with suppress(StoreError):  # which may be what went wrong
            report = replace(report, health=health_of(store, directory.id))
        return Failed(error, report)


def print_report(settings: "Settings", store: "Store", report: "Report", *, as_json: bool) -> None:
    """One run's report, with its actions."""
    _print(settings, store, [report], as_json=as_json, one=True)


def _print(
    settings: "Settings", store: "Store", results: "Iterable[Report | Failed]", *, as_json: bool, one: bool
) -> None:
    if not as_json:
        for result in results:
            _show(settings, store, result)
        return
    documents = (_document(store, result) for result in results)
    write(array(documents) if not one else (piece for pieces in documents for piece in (*pieces, "\n")))
    flush()


def _document(store: "Store", result: "Report | Failed") -> Iterator[str]:
    from reconciler.report import to_json
    from store.runs import actions_of

    if isinstance(result, Failed):
        return to_json(result.report, ())
    return to_json(result, actions_of(store, result.run))


def _show(settings: "Settings", store: "Store", result: "Report | Failed") -> None:
    from rosterd.render.text import report_text
    from store.runs import actions_of

    if isinstance(result, Failed):
        fix = f"\n  {result.error.fix}" if result.error.fix else ""
        say(f"error: {result.report.directory}: {result.error}{fix}")
        return
    more = command_line("report", result.run, config=settings.file)
    show(*report_text(result, actions_of(store, result.run), more=more), "")


def plan_code(report: "Report") -> int:
    """The exit code of `plan`."""
    return sync_code([report]) or (CHANGES if report.changes else 0)


def sync_code(results: "Iterable[Report | Failed]") -> int:
    """The exit code of `sync`: the gravest of its runs, an error before a held workspace before held changes."""
    codes = {_code(result) for result in results}
    return next((code for code in (ERROR, BUSY, HELD) if code in codes), 0)


def _code(result: "Report | Failed") -> int:
    if isinstance(result, Failed):
        return BUSY if result.error.code == "workspace_busy" else ERROR
    if result.state in ("blocked", "failed", "partial"):
        return ERROR
    return HELD if result.counts.held else 0
