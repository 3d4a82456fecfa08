"""`serve`: the daemon, in the foreground."""

import asyncio
from typing import TYPE_CHECKING

import typer

from reconciler.errors import RunError
from rosterd.cli.invocation import Json, opened, settings_of
from rosterd.cli.output import say, write_json

if TYPE_CHECKING:
    from rosterd.settings import Settings


class NothingToServe(RunError):
    """A configuration without directories."""

    code = "nothing_to_serve"


def serve(context: typer.Context, as_json: Json = False) -> None:
    """Run as a daemon: answer SCIM clients, read the other directories on schedule, and apply what they say.

    Listens on [http] listen, in plain HTTP: for anybody beyond this machine put a proxy that speaks TLS in front of it.
    Ends on Ctrl-C or SIGTERM; what was not done by then is done after the next start.

    With --json one line says where it listens, once it does.

    [bold]Examples[/bold]

      rosterd serve
      ROSTERD_HTTP__LISTEN=127.0.0.1:0 rosterd serve --json
    """
    from rosterd import logs
    from rosterd.http.server import bind
    from rosterd.serving import address_of
    from rosterd.serving import serve as run
    from rosterd.settings import split_listen
    from rosterd.wiring import require_secrets

    settings = settings_of(context)
    if not settings.directory:
        raise NothingToServe(
            "there is nothing to serve: no directory is configured",
            where=str(settings.file or ""),
            fix='add a [[directory]]: of kind "scim", which tells rosterd, or one that is read on schedule',
        )
    require_secrets(settings, settings.directory)
    logs.follow(settings)
    with opened(settings) as store, bind(*split_listen(settings.http.listen)) as sock:
        address = address_of(sock)
        asyncio.run(run(settings, store, sock, lambda: _announce(settings, address, as_json=as_json)))


def _announce(settings: "Settings", address: str, *, as_json: bool) -> None:
    from rosterd.endpoints import endpoint

    told = {each.id: endpoint(settings, each.id, address) for each in settings.directory if each.kind == "scim"}
    say(f"rosterd listens on {address}")
    for directory, url in told.items():
        say(f"  {directory}: {url}")
    if as_json:
        write_json({"listening": address, "endpoints": told})
