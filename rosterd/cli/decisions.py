"""`approve`, `reject` and `undo`: what a person decides about a run."""

import getpass
import os
from typing import Annotated

import typer

from rosterd.cli.invocation import Json, opened, settings_of
from rosterd.cli.output import show, write_json
from rosterd.cli.progress import progress
from rosterd.cli.reports import complete_run, found_run
from rosterd.cli.runs import plan_code, print_report, sync_code

Run = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or: latest.", autocompletion=complete_run)]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="CLUSTER", help="Only this cluster of held changes; may be given several times."),
]
Digest = Annotated[
    str, typer.Option("--digest", metavar="D", help="Refuse when what is held is not what this digest stands for.")
]


def approve(
    context: typer.Context, run: Run, only: Only = None, digest: Digest = "", as_json: Json = False
) -> None:  # fmt: skip
    """Make the changes that a guard held in a run, as far as they are still what the directory asks for.

    Nothing else is allowed by it: what is new, or another than what was held, waits for the next sync and its guards.

    Exit code 0: done · 1: something failed, or there is nothing to approve · 4: another run holds the workspace.

    [bold]Examples[/bold]

      rosterd approve 20261121T100000-3fa2c1
      rosterd approve latest --only deactivate-5b1e02aa
    """
    from rosterd.deciding import approve_run

    settings = settings_of(context)
    with opened(settings) as store:
        earlier = found_run(store, run).run
        with progress(earlier, silent=as_json) as told:
            report = approve_run(settings, store, earlier, only=only or (), digest=digest, by=_person(), progress=told)
        print_report(settings, store, report, as_json=as_json)
    raise typer.Exit(sync_code([report]))


def reject(
    context: typer.Context, run: Run, only: Only = None, digest: Digest = "", as_json: Json = False
) -> None:  # fmt: skip
    """Drop the changes that a guard held in a run: they are not planned again until their cause changes.

    [bold]Examples[/bold]

      rosterd reject 20261121T100000-3fa2c1
      rosterd reject latest --only demote-77c0d3e1
    """
    from rosterd.deciding import reject_run

    settings = settings_of(context)
    with opened(settings) as store:
        earlier = found_run(store, run).run
        dropped = reject_run(settings, store, earlier, only=only or (), digest=digest, by=_person())
    if as_json:
        write_json({"run": earlier, "rejected": dropped})
    else:
        changes = "1 change is" if dropped == 1 else f"{dropped:,} changes are"
        show(f"{changes} rejected: not planned again until the directory asks for something else")


def undo(
    context: typer.Context,
    run: Run,
    only_plan: Annotated[bool, typer.Option("--plan", help="Show what would be taken back; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take back what a run changed, through the same guards; what changed since is left alone.

    The directory still says what it said: what is undone is not done again until it says something else.

    Exit code 0: done · 1: something failed, or there is nothing to undo · 2: `--plan` found something · 3: a guard
    holds some of it · 4: another run holds the workspace.

    [bold]Examples[/bold]

      rosterd undo latest --plan
      rosterd undo 20261121T100000-3fa2c1
    """
    from rosterd.deciding import undo_run

    settings = settings_of(context)
    with opened(settings) as store:
        earlier = found_run(store, run).run
        with progress(earlier, silent=as_json) as told:
            report = undo_run(settings, store, earlier, apply=not only_plan, progress=told)
        print_report(settings, store, report, as_json=as_json)
    raise typer.Exit(plan_code(report) if only_plan else sync_code([report]))


def _person() -> str:
    """Who decides, for the record: the account's name, or its number where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
