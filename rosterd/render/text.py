"""A report as text for a terminal, in Rich's renderables; what the words are is words.py."""

from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from reconciler.report import ActionRow, Report
from rosterd.render import words

FIRST = 20  # actions shown where the whole report is one command away
COLOURS = {
    "succeeded": "green", "held": "yellow", "partial": "yellow", "blocked": "red", "failed": "red", "running": "cyan",
}  # fmt: skip
KIND_COLOURS = {"create": "green", "reactivate": "green", "join_team": "green", "deactivate": "red",
                "leave_team": "red", "set_role": "yellow", "update": "cyan", "adopt": "cyan"}  # fmt: skip
RULE = 3  # columns, at least, to be seen
NARROWEST = 30  # columns that are worth wrapping into
CAUSES = 12  # clusters named in text; the rest are in the JSON


def report_text(
    report: Report, actions: Iterable[ActionRow], *, more: str = "", most: int | None = FIRST
) -> Iterator[RenderableType]:
    """The report, its parts in the order of reading; `more` is the command that shows all actions."""
    yield from header(report)
    yield from reading(report)
    yield from _causes(report)
    yield from action_lines(report, actions, more=more, most=most)


def header(report: Report) -> Iterator[RenderableType]:
    """Which directory, what became of it, and the funnel."""
    colour = COLOURS[report.state]
    title = Text(f"{report.directory} → workspace {report.workspace}: ", style="bold")
    yield Title(title.append(words.headline(report), style=f"bold {colour}"), colour)
    began = f"began {words.moment(report.began)}"
    yield Text(f"run {report.run} · {report.mode} · {report.trigger} · {began}", style="dim")
    yield Hanging(Text(), funnel_line(report))
    if report.error is not None:
        yield from _error(report.error)


def funnel_line(report: Report) -> Text:
    """ "Loaded 300 → Processed 293 → Created 5 / Updated 1 / Deactivated 2 / Unchanged 285"."""
    (loaded, seen), (processed, inside), *rest = words.funnel(report)
    line = Text(f"{loaded} {seen:,} → {processed} {inside:,} → ", style="bold")
    for number, (word, count) in enumerate(rest):
        alarming = word in ("Held", "Failed") and count
        line.append(" / " if number else "").append(f"{word} {count:,}", style="bold yellow" if alarming else "bold")
    return line


def _error(error: dict[str, str]) -> Iterator[RenderableType]:
    where = f" ({error['where']})" if error.get("where") else ""
    yield Text(words.plain(f"error: {error.get('message', '')}{where}"), style="red")
    if error.get("fix"):
        yield Text(words.plain(f"  {error['fix']}"))


def reading(report: Report) -> Iterator[RenderableType]:
    """What reading has cost, how much of it was whole, and what there is to know about it."""
    cost = f"{words.transport(report)}; {words.phases(report)}" if report.phases else words.transport(report)
    yield Text(cost, style="dim")
    if report.error is None:
        complete = report.complete
        yield Text(words.reading(report), style="dim" if complete.whole else "yellow")
        for reason in complete.reasons:
            yield Text(words.plain(f"  {reason}"), style="yellow")
    for said in words.health(report):
        yield Text(words.plain(said), style="yellow" if report.state == "blocked" else "dim")
    for warning in report.warnings:
        yield Text(words.plain(f"warning: {warning}"), style="yellow")


def _causes(report: Report) -> Iterator[RenderableType]:
    if not report.causes:
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("count", justify="right")
    table.add_column("kind", no_wrap=True)
    table.add_column("because", overflow="fold")
    for cause in report.causes[:CAUSES]:
        kind = Text(cause.kind, style=KIND_COLOURS.get(cause.kind, ""))
        because = Text(words.plain(cause.cause)).append(" (held)" if cause.held else "", style="bold yellow")
        table.add_row(f"{cause.count:,}", kind, because)
    yield ""
    yield table
    if len(report.causes) > CAUSES:
        yield Text(f"… and {len(report.causes) - CAUSES} more causes", style="dim")
    for cause in report.causes:
        if cause.held and cause.sentence:
            yield Text(words.plain(f"held: {cause.sentence}"), style="yellow")
    for named in words.ways(report):
        yield Text(f"  right: rosterd approve {named} · wrong: rosterd reject {named}")


def action_lines(
    report: Report, actions: Iterable[ActionRow], *, more: str = "", most: int | None = FIRST
) -> Iterator[RenderableType]:
    """One line an action: kind, who, from → to, why, and the state where it is not the expected one."""
    shown = 0
    for row in words.first(actions, most):
        if not shown:
            yield ""
        shown += 1
        yield action_line(row)
    left = words.actions_count(report) - shown
    if most is not None and left > 0:
        yield Text(f"… and {left:,} more" + (f": {more}" if more else ""), style="dim")


def action_line(row: ActionRow) -> "Hanging":
    """ "set_role    ada@acme.example    role: member → admin    (admin from group Admins)"."""
    line = Text(f"{words.plain(row.email or row.external_id):<36} ")
    line.append(words.change(row), style="bold")
    line.append(f"  ({words.why(row)})", style="dim")
    if state := words.outcome(row):
        line.append(f"  {state}", style="bold yellow")
    return Hanging(Text(f"{row.kind:<10} ", style=KIND_COLOURS.get(row.kind, "")), line)


class Title:
    """A line with a rule after it; where there is no room for both, the line alone, whole: it says how it went."""

    def __init__(self, title: Text, colour: str) -> None:
        self._title, self._colour = title, colour

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        if self._title.cell_len + RULE > options.max_width:
            yield self._title
        else:
            yield Rule(self._title, align="left", style=self._colour)


class Hanging:
    """A line that a terminal wraps under itself, right of its head; elsewhere (a file, `grep`) it stays one line."""

    def __init__(self, head: Text, line: Text) -> None:
        self._head, self._line = head, line

    @property
    def plain(self) -> str:
        """The whole line without colours."""
        return self._head.plain + self._line.plain

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = self._head.cell_len
        if not console.is_terminal or options.max_width - indent < NARROWEST:
            yield Text.assemble(self._head, self._line)
            return
        for number, part in enumerate(self._line.wrap(console, options.max_width - indent)):
            part.rstrip()
            yield Text.assemble(" " * indent if number else self._head, part)


def summary_table(reports: Iterable[Report]) -> Table:
    """One line a run: when, which directory, what became of it, how many changes."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("run", "began", "directory", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("changes", "held", "failed", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for report in reports:
        state = "planned" if report.planned_only and report.state == "succeeded" else report.state
        counts = report.counts
        table.add_row(
            report.run, words.moment(report.began), report.directory, Text(state, style=COLOURS[report.state]),
            f"{report.changes:,}", f"{counts.held:,}", f"{counts.failed:,}", f"{sum(report.phases.values()):.2f}",
        )  # fmt: skip
    return table
