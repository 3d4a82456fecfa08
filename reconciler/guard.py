"""Judges a whole plan before its first write: what is released, what is held, and why in one sentence.

Actions are judged in clusters: the same step, evidence and cause. A limit that trips holds the clusters that make it
trip, largest first, until the rest is below it: leavers with a cause of their own still go.

Three kinds of limits, by the key they have in configuration:

    deactivate, demote …      all changes of that kind in this run
    deactivate_absence …      those with this evidence, which then no longer count for `deactivate`
    deactivate_24h …          those of this run and of all runs in the window before it
    leave_team_each           those who leave one team, measured against the members whom directories put there
    demote_each               those who lose one value of a role axis, measured against all who hold it

What is set back and forth (flaps.py) is held whatever its number.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar, get_args

from reconciler.model import Evidence, Frozen
from reconciler.plan import Cluster, Step, Tally
from reconciler.policy import Change, Limit, Policy

GUARDED: dict[Change, Step] = {
    "create": Step.CREATE,
    "update": Step.UPDATE,
    "promote": Step.PROMOTE,
    "leave_team": Step.LEAVE_TEAM,
    "demote": Step.DEMOTE,
    "deactivate": Step.DEACTIVATE,
}
CHANGES: tuple[Change, ...] = get_args(Change)
WINDOWS = {"1h": 3600, "24h": 86400, "7d": 604800}  # seconds
EACH_TEAM = "leave_team_each"
EACH_ROLE = "demote_each"
EACH = (EACH_TEAM, EACH_ROLE)
FLAP = "flap"
_Each = TypeVar("_Each", str, tuple[str, str])
_WEAKEST_FIRST = ("absence", "scope", "", "status", "tombstone")  # of clusters of one size the less certain waits
_WORDS: dict[str, tuple[str, str]] = {
    "reactivate": ("reactivation", "reactivations"),
    "join_team": ("new membership of a team", "new memberships of teams"),
    "create": ("new member", "new members"),
    "update": ("update", "updates"),
    "promote": ("promotion", "promotions"),
    "leave_team": ("departure from a team", "departures from teams"),
    "demote": ("demotion", "demotions"),
    "deactivate": ("deactivation", "deactivations"),
}


class Gauges(Frozen, frozen=True):
    """What limits are measured against.

    `managed` are the members of the workspace that directories manage (a broken directory shrinks only itself);
    `used` says for each limit over a window how many such changes were applied in it; `teams` how many members of a
    team directories put there, and `roles` how many active members hold a value of an axis, where that matters.
    """

    managed: int
    used: Mapping[str, int] = {}
    teams: Mapping[str, int] = {}
    roles: Mapping[tuple[str, str], int] = {}


class Hold(Frozen, frozen=True):
    """One held cluster: every action of `step` with this evidence ("" for none) and cause. `limit` is the key of the
    limit that held it."""

    step: Step
    cause: str
    count: int
    sentence: str
    evidence: str = ""
    limit: str = ""

    @property
    def cluster(self) -> Cluster:
        """What is held."""
        return Cluster(self.step, self.evidence, self.cause)


class Verdict(Frozen, frozen=True):
    """What the guard says of a plan; what is not held is released."""

    holds: tuple[Hold, ...] = ()

    @property
    def held(self) -> int:
        """How many actions wait."""
        return sum(hold.count for hold in self.holds)


def judge(policy: Policy, tally: Tally, gauges: Gauges) -> Verdict:
    """Judges a tallied plan against the policy's limits.

    A workspace without managed members has no percentages: its first run is judged by counts alone.
    """
    held = _flapping(tally)
    for key in sorted(policy.limits, key=_order):
        free = {cluster: count for cluster, count in tally.clusters.items() if cluster not in held}
        if key == EACH_TEAM:
            called = "members of team {}".format
            found = _each(key, policy.limits[key], tally.leaving, gauges.teams, free=free, called=called)
        elif key == EACH_ROLE:
            found = _each(key, policy.limits[key], tally.lowering, gauges.roles, free=free, called=_holders)
        else:
            found = _pool(key, policy.limits, free, gauges)
        held |= {hold.cluster: hold for hold in found}
    return Verdict(tuple(sorted(held.values(), key=lambda hold: (hold.step, hold.cause, hold.evidence))))


def tripped(limit: Limit, count: int, managed: int, *, whole: str = "managed members") -> str:
    """The reason why `count` changes trip a limit, or ""."""
    if count == 0 or count < limit.floor:
        return ""
    if limit.count is not None and count >= limit.count:
        return f"{count:,} reaches the limit of {limit.count:,}"
    if limit.percent is not None and managed and count * 100 >= limit.percent * managed:
        share = 100 * count / managed
        return f"{count:,} of {managed:,} {whole} ({share:.3g} %) reaches the limit of {limit.percent:g} %"
    return ""


def size_matters(limit: Limit, lost: int, at_least: int) -> bool:
    """Whether it takes the size of a team to say if `lost` people leaving trip the limit: whatever it is, the team has
    `at_least` so many members."""
    if limit.percent is None or lost < limit.floor or (limit.count is not None and lost >= limit.count):
        return False
    return not at_least or lost * 100 >= limit.percent * at_least


# -- the kinds of limits --------------------------------------------------------------------------------------------


def _order(key: str) -> tuple[int, str]:
    """What judges least is asked first: one team or role, one kind of evidence, one run, a window."""
    _, rest = _parts(key)
    return (3 if rest in WINDOWS else 2 if not rest else 0 if key in EACH else 1, key)


def _parts(key: str) -> tuple[Change, str]:
    change = next(change for change in CHANGES if key == change or key.startswith(f"{change}_"))
    return change, key[len(change) + 1 :]


def _pool(key: str, limits: Mapping[str, Limit], free: Mapping[Cluster, int], gauges: Gauges) -> list[Hold]:
    """The clusters that a limit has to hold so that the rest, with what was used before, does not trip it."""
    change, rest = _parts(key)
    own = {kind.value for kind in Evidence if f"{change}_{kind.value}" in limits}
    judged = {
        cluster: count
        for cluster, count in free.items()
        if cluster.step is GUARDED[change]
        and (rest in WINDOWS or (cluster.evidence == rest if rest else cluster.evidence not in own))
    }
    used = gauges.used.get(key, 0)
    left = used + sum(judged.values())
    held = []
    for cluster in sorted(judged, key=partial(_suspicion, judged)):
        reason = tripped(limits[key], left, gauges.managed)
        if not reason:
            break
        before = f", {used:,} of them in the {rest} before" if used else ""
        held.append(_hold(cluster, judged[cluster], f"{reason}{before}", key))
        left -= judged[cluster]
    return held


def _each(
    key: str, limit: Limit, losing: Mapping[_Each, Counter[Cluster]], sizes: Mapping[_Each, int], *,
    free: Mapping[Cluster, int], called: Callable[[_Each], str],
) -> list[Hold]:  # fmt: skip
    """The clusters of teams, or of roles, that would lose too many at once."""
    held: dict[Cluster, Hold] = {}
    for each, lost in sorted(losing.items()):
        reason = tripped(limit, lost.total(), sizes.get(each, 0), whole=called(each))
        for cluster in sorted(lost, key=partial(_suspicion, lost)):
            if reason and cluster in free:
                held.setdefault(cluster, _hold(cluster, free[cluster], reason, key))
    return list(held.values())


def _holders(role: tuple[str, str]) -> str:
    return f"holders of {' '.join(role)}"


def _flapping(tally: Tally) -> dict[Cluster, Hold]:
    """Clusters that are held for what they are, not for how many."""
    return {
        cluster: _hold(cluster, tally.clusters[cluster], said, FLAP)
        for cluster, said in tally.flapping.items()
        if tally.clusters[cluster]
    }


def _suspicion(counts: Mapping[Cluster, int], cluster: Cluster) -> tuple[int, int, str]:
    return (-counts[cluster], _WEAKEST_FIRST.index(cluster.evidence), cluster.cause)


def _hold(cluster: Cluster, count: int, reason: str, key: str) -> Hold:
    said = f"{count:,} {_WORDS[cluster.step.change][count != 1]}, 1 cause: {cluster.cause}"
    sentence = f"{said}; {reason} ([workspace.limits] {key})"
    return Hold(cluster.step, cluster.cause, count, sentence, cluster.evidence, key)


def windows(limits: Iterable[str]) -> dict[str, tuple[Step, int]]:
    """The limits that look back: key → (step, seconds)."""
    parsed = {key: _parts(key) for key in limits if key not in EACH}
    return {key: (GUARDED[change], WINDOWS[rest]) for key, (change, rest) in parsed.items() if rest in WINDOWS}
