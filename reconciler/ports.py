"""What the loop drives: protocols of the edge, the memory and the clock, and the run that it is asked for.

Not here: the loop (sync.py), and who is behind a port: connectors and the store, which rosterd/ports.py joins to it.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from reconciler.flaps import Past
from reconciler.guard import Gauges, Hold
from reconciler.health import Health
from reconciler.lasting import Aftermath
from reconciler.match import Subject
from reconciler.model import Member, Observation, Questions, Wanted
from reconciler.plan import Action
from reconciler.policy import Flap, GroupView, Policy, RoleAxis
from reconciler.report import Cause, Complete, Counts, Report, Transport

Mode = Literal["full", "incremental"]
Progress = Callable[[str, int, int | None], None]
"""Called with a phase ("pull", "plan", "apply"), what is done and, where known, out of how much."""


class Source(Protocol):
    """The edge: one directory, open for reading."""

    def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """Observations, each collection closed by a `CollectionEnd`."""
        ...

    def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:
        """Asks by id for what whole listings lack."""
        ...

    @property
    def transport(self) -> Transport:
        """What reading has cost so far."""
        ...


class Absorber(Protocol):
    """Takes one pull's observations aside and makes them the mirror in one transaction."""

    def take(self, observation: Observation) -> int:
        """Stages an observation; the number of people staged so far."""
        ...

    def questions(self, *, thorough: bool) -> Iterator[Questions]:
        """What whole listings lack although the mirror knows it, in rounds: the answers to one are taken before the
        next is asked for, since who is gone need not be asked about their groups. `thorough` asks for members of the
        workspace, too, whom the mirror never saw."""
        ...

    def promote(self) -> Complete:
        """Makes what was staged the mirror, marks what changed as pending. Gone are only people and groups of whom the
        directory said so, in the listing or when asked by id; a group that turned out to hold a lost member keeps all
        its members."""
        ...

    def discard(self) -> None:
        """Forgets what was staged. Harmless after `promote`."""
        ...


class Snapshot(Protocol):
    """A consistent view of mirror and workspace."""

    view: GroupView
    warnings: tuple[str, ...]

    def pending(self) -> Iterator[Sequence[Subject]]:
        """The people that something changed about, in chunks of rising external id."""
        ...

    def everyone(self) -> Iterator[Sequence[Subject]]:
        """All people of the mirror and all members linked to the directory, in chunks of rising external id."""
        ...

    def holders(self, axis: RoleAxis) -> Iterator[Subject | Member]:
        """Active holders of the axis's protected value, a hint to the quick answer first."""
        ...

    def past(self, external_ids: Sequence[str], flap: Flap) -> Mapping[str, Sequence[Past]]:
        """What the latest runs applied to these people, oldest first."""
        ...

    def close(self) -> None:
        """Ends the view."""
        ...


class Tasks(Protocol):
    """One run in the store: its plan, its outcomes, its report."""

    def record(
        self, actions: Iterable[Action], *, settled: Sequence[str], scope: dict[str, bool],
        stale: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """Writes a chunk of the plan; marks its people pending, clears the settled ones, notes who is in scope, forgets
        refusals (external id, digest) that nothing is planned for any more."""
        ...

    def planned(self) -> tuple[str, ...]:
        """The plan is whole: from here on it may be applied, and a policy change has been dealt with. It takes the
        place of what earlier runs hold; a sentence for each of those."""
        ...

    def hold(self, holds: Iterable[Hold]) -> None:
        """Marks the held actions."""
        ...

    def apply(self) -> Iterator[int]:
        """Applies what is planned, in batches, each with its outcomes in one transaction; yields how many are done."""
        ...

    def counts(self, *, in_plan: bool) -> tuple[Counts, tuple[Cause, ...]]:
        """The funnel and the causes, from what is recorded."""
        ...

    def finish(self, report: Report) -> None:
        """Keeps the report; clears pending people whose every action was applied."""
        ...


class Ports(Protocol):
    """What a run needs from the outside."""

    @property
    def source(self) -> Source:
        """The directory."""
        ...

    @property
    def progress(self) -> Progress:
        """Told how far each phase is."""
        ...

    def bound(self) -> dict[str, str]:
        """What the configured group names mean as far as is known, to ids."""
        ...

    def unread(self) -> Sequence[str]:
        """Attributes that configuration asks for and that the people of the mirror were not all read with."""
        ...

    def cursor(self) -> str:
        """Where an incremental read can begin; "" when everything has to be read."""
        ...

    def absorber(self) -> Absorber:
        """A staging area for one pull."""
        ...

    def snapshot(self) -> Snapshot:
        """A view of now."""
        ...

    def tasks(self, report: Report) -> Tasks:
        """Opens the run in the store; `report` is its header so far."""
        ...

    def aftermath(self) -> Aftermath:
        """The people whom the run did something to, as they are now."""
        ...

    def gauges(self, lost: Mapping[str, int], lowered: Mapping[tuple[str, str], int]) -> Gauges:
        """What limits are measured against; `lost` says how many people a plan takes out of which teams."""
        ...

    def check_due(self) -> None:
        """
        Raises:
            DirectoryPaused: the directory is not read on schedule now.
        """
        ...

    def health(self, report: Report) -> Health | None:
        """The health of the directory once this run ended, kept for the next ones."""
        ...

    def now(self) -> str:
        """RFC 3339 UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...


class Job(msgspec.Struct, frozen=True):
    """What to run. `verify` compares everything, else only what changed; `apply` False stops after the guard."""

    run: str
    policy: Policy
    trigger: str = "manual"
    verify: bool = False
    apply: bool = True

    @property
    def mode(self) -> Mode:
        """The report's word for `verify`."""
        return "full" if self.verify else "incremental"
