"""`check`: do credentials, permissions and names suffice? Changes nothing."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from rosterd.cli.errors import ERROR
from rosterd.cli.invocation import Directories, Json, chosen, opened, settings_of
from rosterd.cli.output import show, write_json
from rosterd.cli.progress import progress

if TYPE_CHECKING:
    from connectors.base import Finding
    from rosterd.settings import DirectorySettings, Settings
    from store.database import Store

OURS = ("connectors", "reconciler", "store", "scheduler")
SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def check(
    context: typer.Context,
    directories: Directories = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Connect to directories and try every feature that a sync uses: which permission is missing, for what, and where
    to grant it; whether the configured groups and attributes are there, the counts look right, and the clock is right.

    Changes nothing. Ends with 1 on anything that would make a sync fail.

    [bold]Examples[/bold]

      rosterd check
      rosterd check acme-okta --json | jq '.findings[] | select(.severity == "error")'
    """
    settings = settings_of(context)
    wanted = chosen(settings, directories or [])
    shadows = tuple(_as_findings(shadowed()))
    with opened(settings) as store:
        checked = [(each, [*shadows, *findings(settings, store, each, silent=as_json)]) for each in wanted]
    results = [_result(directory, found) for directory, found in checked]
    if as_json:
        write_json(results[0] if len(results) == 1 else results)
    else:
        for result in results:
            show(*lines(result))
    raise typer.Exit(0 if all(result["ok"] for result in results) else ERROR)


def findings(
    settings: "Settings", store: "Store", directory: "DirectorySettings", *, silent: bool
) -> "Sequence[Finding]":
    """What the connector of a directory finds."""
    from rosterd.wiring import check_directory

    with progress(directory.id, silent=silent):
        return asyncio.run(check_directory(settings, store, directory))


def _result(directory: "DirectorySettings", found: "Sequence[Finding]") -> dict[str, Any]:
    return {
        "directory": directory.id,
        "ok": all(each.severity != "error" for each in found),
        "findings": [
            {
                "severity": each.severity,
                "code": each.code,
                "message": each.message,
                "fix": each.fix,
                "feature": each.feature,
            }
            for each in found
        ],
    }


def lines(result: Mapping[str, Any]) -> Iterator[Text]:
    """A directory's findings as text, each heading once, in the order in which it came up first."""
    title = Text(f"{result['directory']}: ", style="bold")
    yield title.append("ready" if result["ok"] else "not ready", style="bold green" if result["ok"] else "bold red")
    for heading in dict.fromkeys(each["feature"] for each in result["findings"]):
        if heading:
            yield Text(f"  {heading}", style="bold")
        for each in result["findings"]:
            if each["feature"] == heading:
                yield from _finding(each, "    " if heading else "  ")


def _finding(each: Mapping[str, Any], indent: str) -> Iterator[Text]:
    sign, colour = SIGNS[each["severity"]]
    fine = each["severity"] == "ok"
    yield Text(f"{indent}{sign} ", style=colour).append(each["message"], style="" if fine else colour)
    if each["fix"] and not fine:
        yield Text(f"{indent}  {each['fix']}", style="dim")


def shadowed() -> dict[str, tuple[str, ...]]:
    """Our top-level packages that another distribution claims too, with its names. PyPI has distributions that install
    packages called like ours; whichever is found first wins, or their files mix."""
    from importlib.metadata import packages_distributions

    installed = packages_distributions()
    others = {name: tuple(sorted(set(installed.get(name, ())) - {"rosterd"})) for name in OURS}
    return {name: claimed for name, claimed in others.items() if claimed}


def _as_findings(claimed: Mapping[str, tuple[str, ...]]) -> "Iterator[Finding]":
    from connectors.base import Finding

    for name, distributions in claimed.items():
        listed = ", ".join(distributions)
        text = f"the package {name!r} of rosterd is also installed by: {listed}"
        yield Finding("error", "package_shadowed", text, f"pip uninstall {' '.join(distributions)}; reinstall rosterd")
