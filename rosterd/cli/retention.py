"""`retention`: deleting by hand what is older than [retention] says."""

from typing import Annotated

import typer

from rosterd.cli.invocation import Json, opened, settings_of
from rosterd.cli.output import show, write_json


def retention(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the runs that would be deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Delete what is older than \\[retention] says: runs with their actions, and what was kept for them alone.

    Counted from now, or from a week after the last run when that is earlier. `rosterd serve` does it once a day. What
    later runs, decisions, undoing and explanations need stays, whatever its age.

    [bold]Examples[/bold]

      rosterd retention --dry-run
      rosterd retention
    """
    from rosterd.daemon.retention import believed, horizon, now, said
    from rosterd.policies import watched
    from store.expired import expired
    from store.retention import Deleted, retain

    settings = settings_of(context)
    directories = watched(settings)
    with opened(settings) as store:
        old = horizon(settings, believed(store, now()))
        if dry_run:
            deleted = Deleted(runs=sum(1 for _ in expired(store, old, directories)))
        else:
            deleted = retain(store, old, directories)
    if as_json:
        write_json(deleted)
    else:
        show(f"{deleted.runs:,} runs would be deleted" if dry_run else said(deleted))
