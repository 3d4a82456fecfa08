"""The report of a run, in the shape of the contract, and its renderings to JSON and CSV.

A report is a header; its actions are rows that stream from the store, because a run may have millions. Text for a
terminal and HTML are made in the shell from the same two things.
"""

import csv
import io  # StringIO only: text in memory
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from reconciler.health import Health
from reconciler.model import JSON

State = Literal["running", "succeeded", "partial", "held", "blocked", "failed"]


class Complete(msgspec.Struct, frozen=True):
    """Which collections were read whole; `reasons` says in sentences why one was not."""

    users: bool = False
    groups: bool = False
    memberships: bool = False
    incomplete_groups: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Everything was read."""
        return self.users and self.groups and self.memberships


class Counts(msgspec.Struct, frozen=True):
    """The funnel. `seen` − `in_scope` people and conflicts are `skipped`; a kind counts what was applied (in a plan:
    what would be)."""

    seen: int = 0
    in_scope: int = 0
    unchanged: int = 0
    create: int = 0
    adopt: int = 0
    update: int = 0
    deactivate: int = 0
    reactivate: int = 0
    set_role: int = 0
    join_team: int = 0
    leave_team: int = 0
    held: int = 0
    failed: int = 0
    skipped: int = 0


class Transport(msgspec.Struct, frozen=True):
    """What reading cost."""

    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0


class Cause(msgspec.Struct, frozen=True):
    """A cluster of actions of one kind with one evidence and cause. `cluster` is the name under which it can be
    approved; a held one has the sentence that says why, the `limit` that held it, and the `digest` of its actions."""

    cause: str
    kind: str
    count: int
    held: bool
    sentence: str = ""
    cluster: str = ""
    evidence: str | None = None
    limit: str = ""
    digest: str = ""


class Audited(msgspec.Struct, frozen=True):
    """What a run found that only compared: with the directory `of` that was told, how many findings of each code;
    how many people differ in what may still be on its way, and how many a short read does not show."""

    of: str
    counts: dict[str, int] = {}
    underway: int = 0
    unjudged: int = 0

    @property
    def findings(self) -> int:
        """All of them."""
        return sum(self.counts.values())


class Report(msgspec.Struct, frozen=True):
    """One pass of the loop. Times are RFC 3339 in UTC; phases are seconds; `managed` is how many members percentages
    were measured against; `of` is the earlier run that an approval or an undo is about;
    `health` is the directory's after this run; `audit` is there when the run only compared."""

    run: str
    workspace: str
    directory: str
    trigger: str
    mode: Literal["full", "incremental"]
    state: State
    began: str
    ended: str | None = None
    phases: dict[str, float] = {}
    complete: Complete = Complete()
    counts: Counts = Counts()
    transport: Transport = Transport()
    digest: str = ""
    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    planned_only: bool = False
    managed: int = 0
    of: str = ""
    health: Health | None = None
    error: dict[str, str] | None = None
    audit: Audited | None = None

    @property
    def changes(self) -> int:
        """How many actions were applied, or in a plan would be."""
        c = self.counts
        return (
            c.create + c.adopt + c.update + c.deactivate + c.reactivate + c.set_role + c.join_team + c.leave_team
        )  # fmt: skip


class ActionRow(msgspec.Struct, frozen=True):
    """One action of a report; `seq` counts from 1 in the order of the plan."""

    seq: int
    kind: str
    email: str
    external_id: str
    member: str
    before: dict[str, JSON]
    after: dict[str, JSON]
    evidence: str | None
    cause: str
    state: Literal["planned", "held", "applied", "failed", "skipped"]
    code: str
    attempts: int
    error: str | None


def to_json(report: Report, actions: Iterable[ActionRow] | None) -> Iterator[str]:
    """One report as JSON text in pieces; without `actions` for None (the shape of `reports`)."""
    header = msgspec.json.encode(report).decode()
    if actions is None:
        yield header
        return
    yield header[:-1] + ',"actions":['
    for number, row in enumerate(actions):
        yield ("," if number else "") + msgspec.json.encode(row).decode()
    yield "]}"


def to_csv(actions: Iterable[ActionRow]) -> Iterator[str]:
    """The actions as CSV (RFC 4180), a header line first; before and after are JSON objects."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(ActionRow.__struct_fields__)
    for row in actions:
        values = [getattr(row, name) for name in ActionRow.__struct_fields__]
        writer.writerow([_cell(value) for value in values])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return msgspec.json.encode(value, order="deterministic").decode()
    text = "" if value is None else str(value)
    # A spreadsheet would run a cell that begins like a formula (OWASP, "CSV injection").
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
