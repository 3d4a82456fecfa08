"""`demo`: the whole picture against simulated directories, told in one screen a step."""

import shlex
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from rosterd.cli.errors import ERROR
from rosterd.cli.invocation import Invocation, Json
from rosterd.cli.output import command_line, show, write_json

if TYPE_CHECKING:
    from reconciler.report import Report
    from rosterd.settings import Settings
    from store.database import Store

FOLDER = Path("rosterd-demo")


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", metavar="PATH", help="Where; one that a demo made before is replaced.")
    ] = FOLDER,
    as_json: Json = False,
) -> None:
    """Run the whole thing against simulated Okta, Entra and Google directories; takes some ten seconds.

    Three made-up customers are synced, a day passes in their directories, and they are synced again. Configuration,
    directories and store stay in the folder, to try the other commands on.

    [bold]Example[/bold]

      rosterd demo
    """
    from rosterd.cli.invocation import opened
    from rosterd.demo.folder import CONFIGURATION, prepare

    began = time.monotonic()
    prepare(folder)
    settings = Invocation(folder / CONFIGURATION).settings()
    with opened(settings) as store:
        story = _Story(folder, settings, store, quiet=as_json)
        for step in (story.check, story.first_sync, story.leave, story.day, story.second_sync, story.third_sync):
            step()
    story.end(time.monotonic() - began)
    if as_json:
        write_json(story.summary(time.monotonic() - began))
    raise typer.Exit(0 if story.went_well else ERROR)


@dataclass
class _Story:
    """The steps of the demo; each does what a command does, and says what it means."""

    folder: Path
    settings: "Settings"
    store: "Store"
    quiet: bool
    went_well: bool = True
    steps: list[dict[str, Any]] = field(default_factory=list)

    # -- the steps ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Who the customers are, and whether their directories can be read."""
        from rosterd.cli.check import findings
        from rosterd.demo.folder import CUSTOMERS

        self._title("Three customers, three directories", "check")
        self._tell(
            "Your application has three customers. Each keeps its people in a directory of its own, which here are",
            "simulated: HTTP servers on this machine that answer as the vendors' APIs do. Everything else is real.",
            "",
        )
        checked = {}
        for customer, directory in zip(CUSTOMERS, self.settings.directory, strict=True):
            found = findings(self.settings, self.store, directory, silent=self.quiet)
            checked[directory.id] = all(each.severity != "error" for each in found)
            self._tell(f"  {customer.name:<8} {customer.vendor:<19} {customer.people} people, {_groups(found)}")
        self._note("check", ok=checked)
        self.went_well &= all(checked.values())

    def first_sync(self) -> None:
        """Everybody comes in."""
        self._title("The first sync", "sync")
        self._tell(
            "rosterd reads each directory, compares it with the workspace's members (nobody yet), and makes the",
            "difference so. Suspended people stay out; members of the group Rosterd Admins become admins; three groups",
            "become teams, and where the vendor nests groups, Design counts as a part of Product.",
            "",
        )
        reports = self._sync()
        self._funnels(reports)
        self._note("first sync", reports)

    def leave(self) -> None:
        """A small change, and what it does."""
        from rosterd.demo.events import leave_of_absence

        said = leave_of_absence(self.folder)
        self._tell("", "That evening:", *(f"  • {sentence}" for sentence in said), "", "rosterd syncs again:", "")
        reports = self._sync()
        self._actions(reports)
        self._tell("", "They lost access and were signed out. Everybody else was left alone.")
        self._note("leave", reports, events=said)

    def day(self) -> None:
        """A day of changes, and the plan for one of the directories."""
        from rosterd.demo.events import a_day
        from rosterd.render.text import report_text

        self._title("A day passes", "plan", "acme-okta")
        said = a_day(self.folder)
        first = self.settings.directory[0]
        self._tell(f"In each of the three directories much happens. In {first.id}:", "")
        self._tell(*(f"  • {sentence}" for sentence in said[first.id]), "")
        self._tell("What would a sync do? A plan says it without doing it:", "")
        report = self._run(first.id, apply=False)
        self._show(*report_text(report, self._rows(report)))
        self._note("plan", [report], events=said)

    def second_sync(self) -> None:
        """The changes of the day are made."""
        self._title("The second sync", "sync")
        self._tell("Now all three, for good:", "")
        reports = self._sync()
        self._funnels(reports)
        self._tell("", "Every change has a reason and is recorded. In globex-entra:", "")
        self._actions([each for each in reports if each.directory == "globex-entra"])
        self._note("second sync", reports)

    def third_sync(self) -> None:
        """Nothing is left to do."""
        self._title("The third sync", "sync")
        self._tell("Nothing changed in the directories, so nothing happens here, however often it runs:", "")
        reports = self._sync()
        self._funnels(reports)
        self.went_well &= not any(report.changes for report in reports)
        self._note("third sync", reports)

    def end(self, seconds: float) -> None:
        """Where everything is, and what to try."""
        self._show("", Rule(Text(f"Done in {seconds:.0f} s", style="bold"), align="left"))
        self._tell(
            f"Store          {self.folder / 'rosterd.db'}",
            f"Configuration  {self.settings.file}",
            f"Directories    {self.folder}/*.json",
            "",
            "Try next:",
            "",
        )
        for command, does in self._commands().items():
            self._show(Text(f"  {command}", style="bold cyan"), Text(f"      {does}", style="dim"), whole=True)

    # -- what the steps do ----------------------------------------------------------------------------------------

    def _run(self, directory: str, *, apply: bool = True) -> "Report":
        from rosterd.cli.invocation import directory_named
        from rosterd.cli.runs import run

        found = directory_named(self.settings, directory)
        report = run(self.settings, self.store, found, apply=apply, silent=self.quiet)
        self.went_well &= report.state == "succeeded"
        return report

    def _sync(self) -> "list[Report]":
        return [self._run(directory.id) for directory in self.settings.directory]

    def _rows(self, report: "Report") -> Iterable[Any]:
        from store.runs import actions_of

        return actions_of(self.store, report.run)

    def _commands(self) -> dict[str, str]:
        def typed(*words: str) -> str:
            return command_line(*words, config=self.settings.file)

        page = shlex.quote(str(self.folder / "report.html"))
        told = next(step for step in self.steps if step["name"] == "second sync")["reports"][0]
        return {
            typed("members", "acme"): "who is in the workspace, with roles and teams",
            typed("reports"): "every run so far",
            typed("report", told.run): "one of them: the second sync of acme-okta",
            f"{typed('report', told.run, '--format', 'html')} > {page}": "the same as a page",
            typed("plan", "acme-okta", "--full"): "compare everybody again: nothing to do",
        }

    # -- what they say --------------------------------------------------------------------------------------------

    def _title(self, title: str, *command: str) -> None:
        number = len([step for step in self.steps if step["name"] != "leave"]) + 1
        self._show("", Rule(Text(f"{number}. {title}", style="bold"), align="left"))
        self._show(Text(f"$ {command_line(*command, config=self.settings.file)}", style="dim"), "", whole=True)

    def _funnels(self, reports: "Iterable[Report]") -> None:
        from rosterd.render.text import Hanging, funnel_line

        for report in reports:
            self._show(Text(report.directory, style="bold cyan"), Hanging(Text("  "), funnel_line(report)))

    def _actions(self, reports: "Iterable[Report]") -> None:
        from rosterd.render.text import action_line

        for report in reports:
            self._show(*(Padding(action_line(row), (0, 0, 0, 2)) for row in self._rows(report)))

    def _tell(self, *lines: str) -> None:
        self._show(*(Text(line) for line in lines))

    def _show(self, *parts: RenderableType, whole: bool = False) -> None:
        if not self.quiet:
            show(*parts, whole=whole)

    def _note(self, name: str, reports: "Iterable[Report]" = (), **more: Any) -> None:
        self.steps.append({"name": name, **more, "reports": list(reports)})

    def summary(self, seconds: float) -> dict[str, Any]:
        """The story as data."""
        return {
            "ok": self.went_well,
            "folder": str(self.folder),
            "configuration": str(self.settings.file),
            "store": str(self.folder / "rosterd.db"),
            "seconds": round(seconds, 2),
            "steps": self.steps,
            "commands": list(self._commands()),
        }


def _groups(found: Iterable[Any]) -> str:
    """What the check said about groups."""
    said: Iterator[str] = (each.message for each in found if each.code == "groups_readable")
    return next(said, "groups cannot be read")
