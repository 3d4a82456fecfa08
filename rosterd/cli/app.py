"""The Typer application: every command under its heading, the global options, and the way out of every error."""

import os
import sys
from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer

from reconciler.errors import RunError
from rosterd.cli import (
    admin_token,
    audit,
    check,
    configuration,
    decisions,
    demo,
    limits,
    mappings,
    member,
    members,
    reports,
    retention,
    runs,
    serve,
    simulate,
    token,
    why,
)
from rosterd.cli.errors import ERROR, INTERRUPTED, Crash, Unwatched, report
from rosterd.cli.invocation import Invocation
from rosterd.cli.output import flush, say
from rosterd.settings.errors import ConfigError

HELP = """
Keeps the members of an application equal to what a customer's directory says.

rosterd reads Google Workspace, Microsoft Entra ID and Okta, compares them with the workspace's members, and makes the
difference so: people join, change, and lose access. It removes nobody without evidence, and holds what looks wrong.

[bold]First steps[/bold]

  rosterd demo                           see all of it, simulated
  rosterd config example > rosterd.toml  a configuration to edit
  rosterd check                          do credentials suffice?
  rosterd plan acme-okta                 what would happen?
  rosterd sync                           make it so
  rosterd serve                          keep it so
"""
EPILOG = (
    "Exit codes: 0 done, or nothing to do · 1 error · 2 plan found changes · 3 something is held by a guard · "
    "4 another run holds the workspace."
)

TRY, SYNC, LOOK, BY_HAND, SET_UP = "Try it", "Sync", "Look", "By hand", "Set up"


def flowing(text: str) -> str:
    """A help text with each paragraph on one line, to be wrapped to the terminal; indented lines stay as they are."""
    paragraphs = cleandoc(text).split("\n\n")
    return "\n\n".join(part if part.startswith(" ") else " ".join(part.split("\n")) for part in paragraphs)


app = typer.Typer(
    help=flowing(HELP),
    epilog=EPILOG,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for heading, name, function in (
    (TRY, "demo", demo.demo),
    (TRY, "simulate", simulate.simulate),
    (SYNC, "check", check.check),
    (SYNC, "plan", runs.plan),
    (SYNC, "sync", runs.sync),
    (SYNC, "serve", serve.serve),
    (SYNC, "worker", serve.worker),
    (SYNC, "audit", audit.audit),
    (SYNC, "approve", decisions.approve),
    (SYNC, "reject", decisions.reject),
    (SYNC, "undo", decisions.undo),
    (SYNC, "mappings", mappings.mappings),
    (SYNC, "retention", retention.retention),
    (LOOK, "members", members.members),
    (LOOK, "reports", reports.reports),
    (LOOK, "report", reports.one),
    (LOOK, "why", why.why),
):
    shape = simulate.WithFaults if name == "simulate" else None
    app.command(name, cls=shape, help=flowing(function.__doc__ or ""), rich_help_panel=heading)(function)
app.add_typer(member.app, name="member", rich_help_panel=BY_HAND)
app.add_typer(token.app, name="token", rich_help_panel=SET_UP)
app.add_typer(admin_token.app, name="admin-token", rich_help_panel=SET_UP)
app.add_typer(limits.app, name="limits", rich_help_panel=LOOK)
app.add_typer(configuration.app, name="config", rich_help_panel=SET_UP)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"rosterd {version('rosterd')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", show_default=False,
            help="The configuration; if left out, what ROSTERD_CONFIG names, else rosterd.toml here.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (also: ROSTERD_DEBUG=1).")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:  # fmt: skip
    context.obj = Invocation(config)
    if debug:
        os.environ["ROSTERD_DEBUG"] = "1"
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; the exit code. An unexpected exception passes through."""
    as_json = "--json" in arguments
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="rosterd", standalone_mode=False)
        flush()
    except typer.Exit as ended:
        code = ended.exit_code
    except (RunError, ConfigError, typer.TyperException, OSError) as error:
        code = report(error, as_json=as_json)
    except Unwatched:
        say("not watched any more: the daemon goes on; its report: rosterd reports")
        return INTERRUPTED
    except typer.Abort:
        code = ERROR
    if code == INTERRUPTED:
        say("interrupted: what was applied is recorded, the next run does the rest")
    return int(code or 0)


def main() -> None:
    """The command `rosterd`."""
    sys.excepthook = Crash(as_json="--json" in sys.argv)
    sys.exit(run(sys.argv[1:]))
