"""What every command starts from: the global options, what they lead to, and arguments that many commands have."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rosterd.cli.errors import Unknown

if TYPE_CHECKING:
    from rosterd.settings import DirectorySettings, Settings
    from store.database import Store


@dataclass(frozen=True)
class Invocation:
    """The global options of this command line."""

    config: Path | None = None

    def settings(self) -> "Settings":
        """The configuration.

        Raises:
            ConfigError: it lists everything that is wrong with it.
        """
        from rosterd.settings import load

        return load(self.config)


def settings_of(context: typer.Context) -> "Settings":
    """The configuration that this command line names."""
    invocation: Invocation = context.ensure_object(Invocation)
    return invocation.settings()


@contextmanager
def opened(settings: "Settings") -> Iterator["Store"]:
    """The store, closed at the end."""
    from rosterd.wiring import open_store

    store = open_store(settings)
    try:
        yield store
    finally:
        store.close()


def chosen(settings: "Settings", names: list[str]) -> tuple["DirectorySettings", ...]:
    """The directories of these names in their order; for no name, all of them.

    Raises:
        Unknown: there is no such directory; names the nearest one.
    """
    if not names:
        return settings.directory
    return tuple(directory_named(settings, name) for name in dict.fromkeys(names))


def directory_named(settings: "Settings", name: str) -> "DirectorySettings":
    """
    Raises:
        Unknown: there is no such directory; names the nearest one.
    """
    found = settings.directory_named(name)
    if found is None:
        raise Unknown("directory", name, [each.id for each in settings.directory], where=str(settings.file or ""))
    return found


def workspace_named(settings: "Settings", name: str) -> str:
    """
    Raises:
        Unknown: there is no such workspace; names the nearest one.
    """
    known = [each.id for each in settings.workspace]
    if name not in known:
        raise Unknown("workspace", name, known, where=str(settings.file or ""))
    return name


def _from_settings(ids: Callable[["Settings"], list[str]]) -> Callable[[typer.Context, str], list[str]]:
    """Words for shell completion; none when the configuration cannot be read."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from rosterd.settings import ConfigError

        try:
            known = ids(Invocation(context.find_root().params.get("config")).settings())
        except ConfigError:
            return []
        return [each for each in known if each.startswith(incomplete)]

    return complete


complete_directory = _from_settings(lambda settings: [each.id for each in settings.directory])
complete_workspace = _from_settings(lambda settings: [each.id for each in settings.workspace])

Directory = Annotated[
    str, typer.Argument(metavar="DIRECTORY", help="Its id in the configuration.", autocompletion=complete_directory)
]
Directories = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DIRECTORY", show_default=False, autocompletion=complete_directory,
        help="Their ids in the configuration; if none is given, all.",
    ),
]  # fmt: skip
Workspace = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="Its id in the configuration.", autocompletion=complete_workspace)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output and nothing else there.")]
