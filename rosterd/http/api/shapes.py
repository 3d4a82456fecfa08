"""What the REST API answers with, where that is not a report, a member or an explanation as the commands print them."""

from typing import Any, Generic, TypeVar

import msgspec

from reconciler.health import Health
from reconciler.report import ActionRow, Report
from store.wishes import Progress, State, Trigger, Wish

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list; `next` is the cursor of what follows, null at the end."""

    items: list[T]
    next: str | None = None


class Schedule(msgspec.Struct, frozen=True):
    """When a directory is read (`every` or `cron`; one that tells has neither) and compared whole. Seconds, and cron in
    UTC. `next` is when the daemon runs it next."""

    every: float | None
    cron: str | None
    verify_every: float
    next: str | None


class TokenState(msgspec.Struct, frozen=True):
    """A token of a SCIM directory, without its text: valid | expired | revoked."""

    id: str
    label: str
    state: str
    created: str
    expires: str | None
    last_used: str | None


class Directory(msgspec.Struct, frozen=True):
    """A configured directory: how reading it goes, and how many changes its runs hold."""

    id: str
    workspace: str
    kind: str
    schedule: Schedule
    health: Health
    last_complete: str | None
    held: int
    tokens: tuple[TokenState, ...] = ()


class Workspace(msgspec.Struct, frozen=True):
    """A configured workspace and the directories that feed it."""

    id: str
    name: str
    directories: tuple[str, ...]


class Request(msgspec.Struct, frozen=True):
    """That a directory be run: waiting, running, done (`run` is the one whose report tells what came of it), or lost.
    `error` is why there is no report; of one that waits, why it rests."""

    id: str
    workspace: str
    directory: str
    trigger: Trigger
    full: bool
    state: State
    asked_at: str
    asked_by: str
    run: str | None
    began: str | None
    ended: str | None
    progress: Progress | None
    error: dict[str, str] | None

    @classmethod
    def of(cls, wish: Wish) -> "Request":
        """A wish as it is shown."""
        return cls(
            wish.id, wish.workspace, wish.directory, wish.trigger, wish.verify, wish.state, wish.asked_at,
            wish.asked_by, wish.run, wish.began, wish.ended, wish.progress, wish.error,
        )  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    """The request that serves what was asked for; `joined` when it waited already."""

    request: str
    joined: bool


class WholeReport(Report, frozen=True):
    """A report with its actions."""

    actions: tuple[ActionRow, ...] = ()


class HeldCluster(msgspec.Struct, frozen=True):
    """Changes of one kind with one cause that a guard holds; `digest` stands for exactly these."""

    cluster: str
    kind: str
    evidence: str | None
    cause: str
    count: int
    digest: str


class Held(msgspec.Struct, frozen=True):
    """What a run holds. `digest` stands for all of it, and is what approving takes; `until` is when that ends."""

    run: str
    workspace: str
    directory: str
    began: str
    until: str
    digest: str
    clusters: tuple[HeldCluster, ...]


class Rejected(msgspec.Struct, frozen=True):
    """How many held changes of a run were dropped."""

    run: str
    rejected: int


class Reloaded(msgspec.Struct, frozen=True):
    """The directories of the configuration that counts from now on, and the keys that are read at a start only and say
    something else than at the last one: "[trace] endpoint"."""

    directories: tuple[str, ...]
    at_next_start: tuple[str, ...] = ()


def body_of(value: Any) -> bytes:
    """JSON."""
    return msgspec.json.encode(value)
