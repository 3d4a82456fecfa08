"""The plan as data: a frozen, sorted list of actions, with JSON both ways, a digest and counts.

A plan is the concatenation of what is decided about each person, sorted by `Step` and then by external id. Large plans
are never held whole: people are decided in chunks of rising external id, each chunk's actions go to the store, and a
`Tally` folds counts, causes and the digest as they pass. `Plan` is the same thing as one value.

Deciding is in decide.py; judging a plan in guard.py.
"""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from hashlib import blake2b, sha256
from typing import Literal, NamedTuple

import msgspec

from reconciler.model import JSON, Evidence, Frozen

Kind = Literal["create", "adopt", "update", "deactivate", "reactivate", "set_role", "join_team", "leave_team"]
KINDS: tuple[Kind, ...] = (
    "create",
    "adopt",
    "update",
    "deactivate",
    "reactivate",
    "set_role",
    "join_team",
    "leave_team",
)

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Step(IntEnum):
    """The order in which a plan is applied: what gives comes before what takes, so that an interrupted run never
    leaves fewer holders of a role than it should."""

    ADOPT = 0
    CREATE = 1
    REACTIVATE = 2
    UPDATE = 3
    PROMOTE = 4
    JOIN_TEAM = 5
    LEAVE_TEAM = 6
    DEMOTE = 7
    DEACTIVATE = 8

    @property
    def change(self) -> str:
        """The word under which limits and tallies know this step."""
        return self.name.lower()

    @property
    def kind(self) -> Kind:
        """The kind of action that belongs to this step."""
        return "set_role" if self in (Step.PROMOTE, Step.DEMOTE) else KINDS[KINDS.index(self.change)]


class Action(Frozen, frozen=True, gc=False):
    """One change to one member, with why. `state` is "planned" or "skipped" (then `code` and `detail` say why).

    `member` is the member's id (for a create, the id it will get). `before` and `after` hold only what differs.
    `parks` names a member who gives up this address in the same plan.
    """

    step: Step
    kind: Kind
    external_id: str
    email: str
    member: str
    before: dict[str, JSON] = {}
    after: dict[str, JSON] = {}
    evidence: Evidence | None = None
    cause: str = ""
    state: Literal["planned", "skipped"] = "planned"
    code: str = "planned"
    detail: str = ""
    parks: str = ""

    @property
    def order(self) -> tuple[int, str, str]:
        """The place in a sorted plan."""
        return (self.step, self.external_id, str(sorted(self.after.items())))

    @property
    def digest(self) -> str:
        """Stands for what the action does to whom and why, whatever became of it: what was approved or refused."""
        why = None if self.evidence is None else self.evidence.value
        essence = (self.kind, self.external_id, self.member, self.before, self.after, why, self.cause)
        return blake2b(_ENCODER.encode(essence), digest_size=16).hexdigest()


class Plan(Frozen, frozen=True):
    """A whole plan as one value, JSON both ways. `decide.plan` makes it."""

    workspace: str
    directory: str
    actions: tuple[Action, ...] = ()

    @property
    def digest(self) -> str:
        """ "sha256:…" over the sorted actions; the same for the same snapshot, policy and workspace."""
        tally = Tally()
        tally.add(self.actions)
        return tally.digest

    def to_json(self) -> bytes:
        """The plan as JSON; `from_json` reads it back to an equal value."""
        return _ENCODER.encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "Plan":
        """Reads what `to_json` wrote.

        Raises:
            msgspec.ValidationError: the text is not a plan; the message names the place.
        """
        return msgspec.json.decode(text, type=cls)


class Cluster(NamedTuple):
    """What is judged, held and approved together: actions of one step, with one evidence ("" for none), one cause."""

    step: Step
    evidence: str
    cause: str

    @property
    def key(self) -> str:
        """The name by which a person picks it: the change and eight hex digits, the same in every run."""
        digits = blake2b(f"{self.step}\0{self.evidence}\0{self.cause}".encode(), digest_size=4).hexdigest()
        return f"{self.step.change}-{digits}"


class Tally:
    """Counts, clusters and digest of a plan, folded while its actions stream past in order of external id.

    `leaving` says who leaves which team, by cluster, and `lowering` who loses which value of which role axis;
    `flapping` has a sentence for each cluster that is set back and forth.
    """

    def __init__(self) -> None:
        self.steps: Counter[Step] = Counter()
        self.kinds: Counter[str] = Counter()
        self.clusters: Counter[Cluster] = Counter()
        self.leaving: dict[str, Counter[Cluster]] = {}
        self.lowering: dict[tuple[str, str], Counter[Cluster]] = {}
        self.flapping: dict[Cluster, str] = {}
        self.skipped = 0
        self._hashes = {step: sha256() for step in Step}

    def add(self, actions: Iterable[Action]) -> None:
        """Folds some more actions in; within a step they must come in plan order."""
        for action in actions:
            self._hashes[action.step].update(_ENCODER.encode(action) + b"\n")
            if action.state == "skipped":
                self.skipped += 1
                continue
            self.steps[action.step] += 1
            self.kinds[action.kind] += 1
            cluster = Cluster(action.step, action.evidence or "", action.cause)
            self.clusters[cluster] += 1
            if action.step is Step.LEAVE_TEAM:
                self.leaving.setdefault(str(action.before.get("team", "")), Counter())[cluster] += 1
            elif action.step is Step.DEMOTE:
                for axis, value in action.before.items():
                    self.lowering.setdefault((axis, str(value)), Counter())[cluster] += 1

    @property
    def lost(self) -> dict[str, int]:
        """How many leave each team."""
        return {team: clusters.total() for team, clusters in self.leaving.items()}

    @property
    def lowered(self) -> dict[tuple[str, str], int]:
        """How many lose each value of a role axis."""
        return {role: clusters.total() for role, clusters in self.lowering.items()}

    @property
    def planned(self) -> int:
        """How many actions would write something."""
        return self.steps.total()

    @property
    def digest(self) -> str:
        """ "sha256:…": one hash per step, hashed in the order of steps."""
        parts = b"".join(self._hashes[step].digest() for step in Step)
        return f"sha256:{sha256(parts).hexdigest()}"
