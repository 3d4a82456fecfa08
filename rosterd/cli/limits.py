"""`limits test`: what the configured limits would have held of the runs that were made."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rosterd.cli.invocation import Json, opened, settings_of
from rosterd.cli.output import show, write_json

if TYPE_CHECKING:
    from rosterd.settings import Settings
    from store.database import Store

app = typer.Typer(help="Look at the limits that hold changes.", rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def limits(context: typer.Context) -> None:
    """Look at the limits that hold changes."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("test")
def back_test(
    context: typer.Context,
    days: Annotated[float, typer.Option("--days", min=0.01, help="How far back.")] = 30,
    as_json: Json = False,
) -> None:
    """Judge the runs of the last days by the limits as they are configured now.

    Each run is judged by itself, with what was measured at its time: the members then managed, what windows of time had
    used up. Change [workspace.limits], run this again, and see what would have waited for a person.

    [bold]Examples[/bold]

      rosterd limits test
      rosterd limits test --days 90 --json | jq '.runs[] | select(.held > 0)'
    """
    settings = settings_of(context)
    with opened(settings) as store:
        judged = list(_judged(settings, store, days))
    held = [each for each in judged if each["held"]]
    if as_json:
        write_json({"days": days, "runs": judged, "held_runs": len(held), "held": sum(each["held"] for each in held)})
        return
    if not judged:
        show(f"no runs in the last {days:g} days")
        return
    for each in held:
        show(*_lines(each))
    runs = "1 run" if len(judged) == 1 else f"{len(judged):,} runs"
    show(f"{len(held):,} of {runs} in the last {days:g} days would have been held, at least in part")


def _judged(settings: "Settings", store: "Store", days: float) -> Iterator[dict[str, Any]]:
    from reconciler.backtest import backtest
    from rosterd.policies import policy_of
    from rosterd.ports import now
    from store.backtest import past_runs

    for workspace in settings.workspace:
        policies = {each.id: policy_of(settings, each) for each in settings.directory if each.workspace == workspace.id}
        keys = {key for policy in policies.values() for key in policy.limits}
        for past, verdict in backtest(policies, past_runs(store, workspace.id, keys, days=days, now=now())):
            yield {
                "run": past.run, "workspace": workspace.id, "directory": past.directory, "began": past.began,
                "planned": past.planned, "held": verdict.held,
                "holds": [
                    {
                        "limit": hold.limit, "cluster": hold.cluster.key, "cause": hold.cause, "count": hold.count,
                        "sentence": hold.sentence,
                    }
                    for hold in verdict.holds
                ],
            }  # fmt: skip


def _lines(run: dict[str, Any]) -> Iterator[Text]:
    yield Text(f"run {run['run']} of {run['directory']}: {run['held']:,} of {run['planned']:,} changes", style="bold")
    for hold in run["holds"]:
        yield Text(f"  {hold['sentence']}", style="yellow")
