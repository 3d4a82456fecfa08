"""An audit as text: what is found by kind, because of what, a few of the people, and how it is mended."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace
from rich.console import RenderableType
from rich.text import Text

from reconciler.audit import CODES, Finding, sentence
from reconciler.report import Report
from rosterd.render.text import header, reading
from rosterd.render.words import plain

SHOWN = 20  # people named of each kind
MENDS = {
    "lost_delete": "in the identity provider: provision these people on demand, or restart provisioning; for "
    "whom that is too slow: rosterd member deactivate … --emergency, until the next sync of what was told",
    "orphan": "these accounts were deleted before the first audit, or come from somewhere else: in the identity "
    "provider, restart provisioning, or provision each on demand; for whom that is too slow: rosterd member deactivate "
    "… --emergency, until the next sync of what was told",
    "missing": "in the identity provider: see that they are assigned to the application, and in its provisioning log "
    "why they were left out; then provision them on demand",
    "different": "in the identity provider: compare the attribute mapping, then provision these people on demand; if "
    "another attribute is meant, say so here: [[directory.attribute]] of the directory that audits",
    "membership": "in the identity provider: push these groups again, or restart provisioning; where its client sends "
    "no members of nested groups, nested_groups = false of the directory that audits leaves them out",
}


def audit_text(report: Report, first: Mapping[str, Sequence[Finding]], *, more: str) -> Iterator[RenderableType]:
    """The report and its findings; `more` is the command that shows all of them."""
    counts = report.audit.counts if report.audit is not None else {}
    yield from header(report)
    yield from reading(replace(report, warnings=tuple(_others(report, counts))))
    for code in (code for code in CODES if code in counts):
        yield ""
        yield Text(sentence(code, counts[code]), style="bold yellow")
        yield from _found(report, code, first[code], counts[code], more)
    yield ""
    yield Text("Nothing was changed: rosterd follows what it is told, and an audit only compares.", style="dim")


def _others(report: Report, counts: Mapping[str, int]) -> Iterator[str]:
    """The warnings that are not about findings: those are shown whole."""
    return (warning for warning in report.warnings if warning.partition(":")[0] not in counts)


def _found(report: Report, code: str, first: Sequence[Finding], count: int, more: str) -> Iterator[Text]:
    causes = [cause for cause in report.causes if cause.kind == code]
    for cause in causes:
        yield Text(plain(f"  {cause.count:,} × {cause.cause}"))
    for finding in first:
        yield Text(f"    {plain(_line(finding, because=len(causes) > 1))}")
    if count > len(first):
        yield Text(f"    … and {count - len(first):,} more: {more}", style="dim")
    yield Text(f"  {MENDS[code]}", style="dim")


def _line(finding: Finding, *, because: bool) -> str:
    """ "ada@acme.com: department: Maths → Physics": as told → as in the directory. With several causes each has its."""
    who = finding.email or "everybody"
    if finding.code == "membership" or not finding.differences:
        return f"{who}: {finding.cause}" if because else who
    changes = (f"{each.name}: {each.told or '–'} → {each.directory or '–'}" for each in finding.differences)
    return f"{who}: {', '.join(changes)}"
