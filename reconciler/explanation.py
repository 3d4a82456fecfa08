"""The explanation of a person as a value, in the shape of `rosterd why --json` (docs/why.md).

Every key is always there. Making it is in why.py, saying it to people in rosterd/render/why.py.
"""

import msgspec

from reconciler.known import RunOf
from reconciler.model import JSON
from reconciler.roles import Offer


class _Shape(msgspec.Struct, frozen=True):
    pass


class Person(_Shape, frozen=True):
    """The member. `by_hand` are teams that no directory put them into; `uncertain` what somebody changed by hand after
    the run that was asked about."""

    id: str
    email: str
    active: bool
    managed: bool
    directory: str | None
    external_id: str | None
    roles: dict[str, str]
    teams: tuple[str, ...]
    by_hand: tuple[str, ...]
    profile: dict[str, str]
    uncertain: tuple[str, ...] = ()


class Group(_Shape, frozen=True):
    """A group that the person is in. `path` are the names from the direct group up to this one; `mapped`: the
    configuration mentions it."""

    id: str
    name: str
    direct: bool
    path: tuple[str, ...]
    mapped: bool


class Scope(_Shape, frozen=True):
    """Whether the person belongs (`inside`; None: not known), and by which rule."""

    inside: bool | None
    sentence: str


class Matching(_Shape, frozen=True):
    """How the person was matched: "external_id", "email", "user_name", "new", "conflict" (then `code`), "none"."""

    how: str
    sentence: str
    code: str = ""


class Role(_Shape, frozen=True):
    """One axis: the value that the member has and why; the one that the directory gives and why; everything that was
    considered. `waits` says why a difference stays, with its `code`."""

    axis: str
    value: str | None
    because: str
    wanted: str
    wanted_because: str
    considered: tuple[Offer, ...]
    waits: str = ""
    code: str = ""


class TeamLine(_Shape, frozen=True):
    """A team: whether the person is in it; the paths of group names that lead to it; `why`: "mapped", "to_join",
    "to_leave", "by_hand", "kept" (a directory put them there, and no group does any more)."""

    team: str
    member: bool
    paths: tuple[tuple[str, ...], ...]
    why: str


class ProfileField(_Shape, frozen=True):
    """A field: what the member has, what the directory gives, and from what there."""

    name: str
    value: str | None
    wanted: str
    source: str


class Change(_Shape, frozen=True):
    """An action, to come or recorded by `run`; `sentence` says why it is not done. A held one has its limit and the
    cluster that can be approved."""

    kind: str
    before: dict[str, JSON]
    after: dict[str, JSON]
    cause: str
    evidence: str | None
    state: str
    code: str
    sentence: str
    run: str = ""
    limit: str = ""
    cluster: str = ""
    planned_only: bool = False

    @property
    def waits(self) -> bool:
        """Decided, and not done."""
        return self.state in ("held", "skipped", "failed")


class Event(_Shape, frozen=True):
    """Something that a run did about the person, or did not do. `times` runs in a row did the same, since `since`."""

    run: str
    began: str
    directory: str
    kind: str
    email: str
    before: dict[str, JSON]
    after: dict[str, JSON]
    cause: str
    evidence: str | None
    state: str
    code: str
    sentence: str
    times: int
    since: str


class Place(_Shape, frozen=True):
    """The person in one directory. `run` is the one after which this is so; `state` None: the directory has never
    described this person. `recorded` is what the newest plan said about them, `next` what the next sync would do,
    `waiting` what of both is decided and not done."""

    directory: str
    run: str
    began: str
    external_id: str
    state: str | None
    evidence: str | None
    user: dict[str, JSON] | None
    groups: tuple[Group, ...]
    linked: bool
    incomplete: tuple[str, ...] = ()
    scope: Scope | None = None
    matching: Matching | None = None
    roles: tuple[Role, ...] = ()
    teams: tuple[TeamLine, ...] = ()
    profile: tuple[ProfileField, ...] = ()
    recorded: tuple[Change, ...] = ()
    next: tuple[Change, ...] = ()
    waiting: tuple[Change, ...] = ()
    ways: tuple[str, ...] = ()


class Explanation(_Shape, frozen=True):
    """One person in one workspace; `answer` is the sentence to begin with."""

    asked: str
    workspace: str
    at: RunOf | None
    answer: str
    member: Person | None
    directories: tuple[Place, ...]
    history: tuple[Event, ...]
    notes: tuple[str, ...]
