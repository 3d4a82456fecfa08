"""`config`: check a configuration, print the example, print the schema."""

from typing import Any

import typer

from rosterd.cli.invocation import Json, settings_of
from rosterd.cli.output import write, write_json

app = typer.Typer(help="Check a configuration, print an example, print its JSON Schema.", rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def check(context: typer.Context, as_json: Json = False) -> None:
    """Read the configuration and say everything that is wrong with it; connects to nothing.

    [bold]Examples[/bold]

      rosterd config check
      rosterd --config /etc/rosterd/rosterd.toml config check
    """
    from rosterd.wiring import require_secrets

    settings = settings_of(context)
    require_secrets(settings, settings.directory)
    found: dict[str, Any] = {
        "ok": True,
        "file": str(settings.file),
        "workspaces": [each.id for each in settings.workspace],
        "directories": [{"id": d.id, "workspace": d.workspace, "kind": d.kind} for d in settings.directory],
    }
    if as_json:
        write_json(found)
        return
    write([f"{found['file']}: nothing is wrong with it\n"])
    write(f"  {d['id']}: {d['kind']}, feeds workspace {d['workspace']}\n" for d in found["directories"])


@app.command()
def example(as_json: Json = False) -> None:
    """Print an example that explains every key.

    [bold]Example[/bold]

      rosterd config example > rosterd.toml
    """
    from rosterd.settings import example as text

    if as_json:
        write_json({"toml": text()})
    else:
        write([text()])


@app.command()
def schema(as_json: Json = False) -> None:  # noqa: ARG001 -- it is JSON either way
    """Print the JSON Schema of the configuration, for editors.

    [bold]Example[/bold]

      rosterd config schema > rosterd.schema.json
    """
    import json

    from rosterd.settings import schema as described

    write([json.dumps(described(), indent=2), "\n"])
