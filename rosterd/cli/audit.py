"""`audit`: what was told, compared with what the same directory lists when it is read. Changes nobody."""

import asyncio
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Annotated

import typer

from reconciler.errors import RunError
from rosterd.cli.errors import CHANGES, ERROR
from rosterd.cli.invocation import Json, complete_directory, directory_named, opened, settings_of
from rosterd.cli.output import command_line, flush, show, write
from rosterd.cli.progress import progress

if TYPE_CHECKING:
    from reconciler.audit import Finding
    from reconciler.report import Report
    from rosterd.settings import DirectorySettings, Settings

KEPT = 1 << 20  # bytes of findings in memory; more are kept in a temporary file until they are printed


class NotAudited(RunError):
    """No directory is configured that a told one could be compared with."""

    code = "not_audited"


def audit(
    context: typer.Context,
    directory: Annotated[
        str,
        typer.Argument(
            metavar="SCIM_DIRECTORY", help="The one that was told, or the one that audits it.",
            autocompletion=complete_directory,
        ),
    ],
    as_json: Json = False,
) -> None:  # fmt: skip
    """Read the directory that feeds a SCIM client, and report where what was told is something else: lost deletes,
    orphans, people who were never told, and differences. Nothing is changed.

    It needs a second [[directory]] that can read the same source and says audits = "…".

    Exit code 0: the same · 1: error, or not everything could be read · 2: there are differences.

    [bold]Examples[/bold]

      rosterd audit acme-scim
      rosterd audit acme-scim --json | jq '.findings[] | select(.code == "lost_delete") | .email'
    """
    from rosterd.render.audit import SHOWN, audit_text
    from rosterd.wiring import audit_directory, require_secrets

    settings = settings_of(context)
    by = auditor(settings, directory)
    require_secrets(settings, (by,))
    with SpooledTemporaryFile(KEPT, "w+", encoding="utf-8") as kept:
        found = _Findings(kept, SHOWN, spool=as_json)
        with opened(settings) as store, progress(by.id, silent=as_json) as told:
            report = asyncio.run(audit_directory(settings, store, by, progress=told, found=found.take))
        if as_json:
            write(found.document(report))
            flush()
        else:
            more = command_line("audit", by.audits or "", "--json", config=settings.file)
            show(*audit_text(report, found.first, more=more), "")
    raise typer.Exit(_code(report))


def auditor(settings: "Settings", name: str) -> "DirectorySettings":
    """The directory that audits the one of this name, or is it.

    Raises:
        Unknown: there is no such directory.
        NotAudited: none audits it.
    """
    named = directory_named(settings, name)
    found = next((each for each in settings.directory if each.audits == name), named if named.audits else None)
    if found is None:
        fix = "add a [[directory]] of kind google, entra or okta that reads the same source"
        fix = f'{fix}, with audits = "{name}"' if named.kind == "scim" else "name a directory of kind scim"
        raise NotAudited(f"no directory audits {name}", where=str(settings.file or ""), fix=fix)
    return found


class _Findings:
    """What is found, as it is found: for text the first of each kind, for JSON all of it in a file."""

    def __init__(self, kept: IO[str], shown: int, *, spool: bool) -> None:
        from reconciler.audit import CODES

        self.first: dict[str, list[Finding]] = {code: [] for code in CODES}
        self._kept, self._shown, self._spool = kept, shown, spool

    def take(self, finding: "Finding") -> None:
        """One more."""
        if self._spool:
            import msgspec

            self._kept.write(msgspec.json.encode(finding).decode() + "\n")
        elif len(self.first[finding.code]) < self._shown:
            self.first[finding.code].append(finding)

    def document(self, report: "Report") -> Iterator[str]:
        """The report with all findings, in pieces."""
        from reconciler.report import to_json

        yield "".join(to_json(report, None))[:-1] + ',"findings":['
        self._kept.seek(0)
        for number, line in enumerate(self._kept):
            yield ("," if number else "") + line.rstrip("\n")
        yield "]}\n"


def _code(report: "Report") -> int:
    if report.state != "succeeded" or report.audit is None:
        return ERROR
    return CHANGES if report.audit.counts else 0
