"""`serve`: the daemon, in the foreground."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import RunError
from rosterd.cli.invocation import Json, opened, settings_of
from rosterd.cli.output import flush, say, write_json

if TYPE_CHECKING:
    from rosterd.settings import Settings


class NothingToServe(RunError):
    """A configuration without directories."""

    code = "nothing_to_serve"


NoWork = Annotated[
    bool, typer.Option("--no-work", help="Answer and keep the schedule, and leave the runs to `rosterd worker`.")
]


def serve(context: typer.Context, no_work: NoWork = False, as_json: Json = False) -> None:
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
    from rosterd.serving import address_of, hung_up
    from rosterd.serving import serve as run
    from rosterd.settings import split_listen
    from rosterd.wiring import require_secrets

    again = hung_up()
    settings = settings_of(context)
    if not settings.directory:
        raise NothingToServe(
            "there is nothing to serve: no directory is configured",
            where=str(settings.file or ""),
            fix='add a [[directory]]: of kind "scim", which tells rosterd, or one that is read on schedule',
        )
    require_secrets(settings, settings.directory)
    if no_work:
        _shared(settings)
    logs.follow(settings)
    with opened(settings) as store, bind(*split_listen(settings.http.listen)) as sock:
        address = address_of(sock)
        ready = partial(_announce, settings, address, as_json=as_json)
        asyncio.run(run(settings, store, sock, ready, work=not no_work, again=again))


def worker(context: typer.Context, as_json: Json = False) -> None:
    """Run directories that `rosterd serve` asks for, beside it or on another machine, over one PostgreSQL.

    Any number of workers and of serving processes share the work. Ends on Ctrl-C or SIGTERM; what it runs by then is
    finished, or handed over to another one.

    With --json one line says that it works, once it does.

    [bold]Examples[/bold]

      rosterd worker
      ROSTERD_STORE__URL=postgresql+psycopg://rosterd@db/rosterd rosterd worker
    """
    from rosterd import logs
    from rosterd.serving import hung_up, work
    from rosterd.wiring import require_secrets

    again = hung_up()
    settings = settings_of(context)
    _shared(settings)
    require_secrets(settings, settings.directory)
    logs.follow(settings)

    def ready() -> None:
        say(f"rosterd runs directories, {settings.daemon.workers} at once")
        if as_json:
            write_json({"working": settings.daemon.workers})
            flush()

    with opened(settings) as store:
        asyncio.run(work(settings, store, ready, again=again))


def _shared(settings: "Settings") -> None:
    """
    Raises:
        NoQueue: one process does all the work here.
    """
    from rosterd.daemon.daemon import NoQueue, carried

    if carried(settings):
        return
    if settings.store.url.startswith("sqlite"):
        raise NoQueue(
            "a SQLite file belongs to one machine, and there the daemon runs everything itself",
            where="[store] url",
            fix="use rosterd serve alone, or give [store] url a PostgreSQL that all machines reach",
        )
    raise NoQueue(
        "the daemon runs everything itself",
        where="[daemon] queue",
        fix='write queue = "procrastinate", or leave it out',
    )


def _announce(settings: "Settings", address: str, *, as_json: bool) -> None:
    from rosterd.endpoints import endpoint

    told = {each.id: endpoint(settings, each.id, address) for each in settings.directory if each.kind == "scim"}
    say(f"rosterd listens on {address}")
    for directory, url in told.items():
        say(f"  {directory}: {url}")
    if as_json:
        write_json({"listening": address, "endpoints": told})
