"""What every connector is, and the errors it may raise.

A connector reads one kind of directory and reports observations (reconciler/model.py). It decides nothing, stores
nothing, and knows neither the store nor the shell. `connectors/__init__.py` is the registry.

The error tree:

    ConnectorError                 what was asked of whom, why it failed, the way out
      Unavailable                  RETRY / THROTTLE used up: the directory did not answer in time; try again later
      Refused                      PAUSE: credentials, permission or configuration; a person has to act
      Resync                       RESYNC: the cursor or page token is void; start over with a full read
      NotReadable                  SKIP-ITEM: this one group or user can't be read; the rest can
      Malformed                    ABORT-RUN: an answer that is no answer (not JSON, no list where one must be)

Callers ask two questions: `error.retry` (may the same request succeed later without anybody doing anything?) and
`error.fault` (whose fault: "vendor", "operator", "data").
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.errors import CursorExpired, DirectoryError
from reconciler.model import Observation, Questions, Wanted

Fault = Literal["vendor", "operator", "data"]


class ConnectorError(DirectoryError):
    """A directory could not be read. Every text is fit for a person and free of secrets."""

    retry: ClassVar[bool] = False
    fault: ClassVar[Fault] = "data"
    code = "connector_error"
    way_out: ClassVar[str] = "look at what the vendor said; the next run tries again"  # where nothing better is known

    def __init__(self, message: str, *, request: str = "", fix: str = "", status: int | None = None) -> None:
        # message: one sentence, what failed and what the vendor said; fix: the way out, in the words of the vendor's
        # admin page
        super().__init__(message, where=request, fix=fix or self.way_out)
        self.request = request  # "GET /api/v1/users?limit=200": method and path, never a secret
        self.status = status  # HTTP status, None when there was no answer


class Unavailable(ConnectorError):
    """The vendor did not answer, answered 5xx, or throttled for longer than the deadline allows."""

    retry = True
    fault = "vendor"
    code = "directory_unavailable"
    way_out = "nothing to do: the next run tries again"


class Refused(ConnectorError):
    """Credentials, permissions or configuration are wrong: retrying is useless until a person acts."""

    fault = "operator"
    code = "directory_refused"


class Resync(ConnectorError, CursorExpired):
    """A cursor or page token is no longer valid: drop it and read everything again."""

    retry = True
    fault = "vendor"
    code = "cursor_expired"


class NotReadable(ConnectorError):
    """One group or user cannot be read (403/404 on the item); the collection it belongs to is partial."""

    code = "item_not_readable"
    way_out = "let rosterd read it, or take it out of the configuration"


class Malformed(ConnectorError):
    """The answer is not what the vendor documents: not JSON, wrong top type, a required field missing."""

    fault = "vendor"
    code = "malformed_answer"
    way_out = (
        "nothing was changed, and the next run reads again; if it stays, show this request to the vendor's support"
    )


@dataclass
class Counts:
    """What the transport did during one pull; read by the report."""

    requests: int = 0  # API requests sent, retries included, token requests not
    retries: int = 0
    throttled_seconds: float = 0.0  # in which at least one request waited for a limit of the vendor's


@dataclass(frozen=True)
class Finding:
    """One line of `rosterd check`. Severity "error" makes the command exit 1; `feature` is its heading."""

    severity: Literal["ok", "warning", "error"]
    code: str
    message: str
    fix: str = ""
    feature: str = ""


@dataclass(frozen=True)
class Expected:
    """What a check compares with: whom the workspace takes in, and how many there were at the last whole read."""

    domains: frozenset[str] = frozenset()  # lower-case; empty: any
    guests: bool = True  # whether they are in scope
    people: int | None = None  # None: never read whole
    groups: int | None = None


def complaint(code: str, message: str, fix: str) -> PydanticCustomError:
    """What a validator raises: a stable code, a sentence without the value (it could be a secret), the way out."""
    return PydanticCustomError("rosterd", "{message}", {"code": code, "message": message, "fix": fix})


class SecretRef(BaseModel):
    """`{ env = "NAME" }` or `{ file = "PATH" }`: where a secret is, never the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = Field(default=None, description="name of an environment variable")
    file: Path | None = Field(default=None, description="path of a file whose content is the secret")

    @model_validator(mode="before")
    @classmethod
    def _no_literals(cls, given: object) -> object:
        if isinstance(given, str):
            raise ValueError('a secret is { env = "NAME" } or { file = "PATH" }, never a literal')
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise ValueError('a secret is { env = "NAME" } or { file = "PATH" }: exactly one of the two')
        return self

    @property
    def where(self) -> str:
        """The place, for messages: "environment variable OKTA_TOKEN" or "file sa.json"."""
        return f"environment variable {self.env}" if self.env is not None else f"file {self.file}"

    def reveal(self) -> str:
        """The secret itself, surrounding white space removed.

        Raises:
            Refused: the variable is not set, the file cannot be read, or it is empty.
        """
        try:
            text = os.environ[self.env] if self.env is not None else Path(str(self.file)).read_text(encoding="utf-8")
        except (KeyError, OSError, UnicodeDecodeError) as exc:
            reason = "is not set" if isinstance(exc, KeyError) else f"cannot be read: {exc}"
            raise Refused(f"secret missing: {self.where} {reason}", fix=f"provide {self.where}") from exc
        if not text.strip():
            raise Refused(f"secret missing: {self.where} is empty", fix=f"provide {self.where}")
        return text.strip()


class ConnectorConfig(BaseModel):
    """Base of every connector's `Config`: the keys under `[[directory]]` that only this kind reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    # Where several ways lead in: the keys that each takes, the way of the example first.
    credentials: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # What a custom attribute with the value of a role may be called, as the vendor names it: for the example.
    role_attribute: ClassVar[str] = "jamie_role"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how patiently one request is repeated (transport.py); times in seconds."""

    attempts: int = 6  # of RETRY: 0.5 + 1 + 2 + 4 + 8 s at most
    throttles: int = 40  # of THROTTLE, which the deadline bounds as well
    first: float = 0.5
    longest: float = 30.0
    crowded: float = 4.0  # the longest back-off when there were only too many at once: they are over soon


@dataclass(frozen=True)
class Opened:
    """What a connector is opened with besides its Config."""

    directory: str  # the directory's id, for messages
    deadline: float = 3600.0  # seconds a whole pull may take
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = Patience()
    clock: Callable[[], float] = time.time  # this machine's, which `check` compares with the vendor's
    expected: Expected = Expected()  # what `check` compares counts with
    monotonic: Callable[[], float] = time.monotonic  # the clock of waits and deadlines
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Connector(Protocol):
    """One directory, open for reading. One pull at a time; closed in the event loop that opened it."""

    counts: Counts

    async def check(self, wanted: Wanted) -> list[Finding]:
        """Tries every feature that a sync uses by itself, with few requests; changes nothing, never raises
        ConnectorError (it becomes a finding). See checking.py."""
        ...

    def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """Reads users, then groups, then the members of every wanted group, and ends each collection with a
        `CollectionEnd`. Raises ConnectorError when nothing can be read at all (credentials, permission, the vendor does
        not answer); a listing that breaks off or contradicts itself ends as partial with the reason, and so does a
        single unreadable group.

        With `wanted.cursor` it reads what changed since: users and groups end as delta, a group's members either come
        whole (then that group ends as complete) or as MembersSeen and MembersLeft (then it ends as delta). A void
        cursor raises Resync before or after any observation. Where a later read can be incremental, the last
        observation is a `Cursor`, taken before the listing began."""
        ...

    def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:
        """Asks by id for what a complete listing lacked. One answer each, none when the vendor refuses to say:

        * a person: UsersSeen (still there: the listing was short), UserGone with TOMBSTONE (the vendor says deleted:
          deletedItems, DEPROVISIONED) or with ABSENCE (404 and nothing else known);
        * a group: GroupsSeen, or GroupGone with ABSENCE (404);
        * a membership: MembersSeen or MembersLeft with this one member; direct memberships only. When the vendor does
          not answer (an outage), a partial CollectionEnd of the group: then nothing is known about its listing."""
        ...

    async def close(self) -> None:
        """Closes sockets and threads."""
        ...
