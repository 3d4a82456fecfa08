"""Judges a whole plan before its first write: what is released, what is held, and why in one sentence.

A limit that trips holds the causes that make it trip, largest first, until the rest is below it: leavers with a cause
of their own still go.
"""

from reconciler.model import Frozen
from reconciler.plan import Step, Tally
from reconciler.policy import Change, Limit, Policy


class Hold(Frozen, frozen=True):
    """One held cluster: every action of `step` with `cause`."""

    step: Step
    cause: str
    count: int
    sentence: str


class Verdict(Frozen, frozen=True):
    """What the guard says of a plan; what is not held is released."""

    holds: tuple[Hold, ...] = ()

    @property
    def held(self) -> int:
        """How many actions wait."""
        return sum(hold.count for hold in self.holds)


GUARDED: dict[Change, Step] = {
    "create": Step.CREATE,
    "update": Step.UPDATE,
    "promote": Step.PROMOTE,
    "leave_team": Step.LEAVE_TEAM,
    "demote": Step.DEMOTE,
    "deactivate": Step.DEACTIVATE,
}


def judge(policy: Policy, tally: Tally, managed: int) -> Verdict:
    """Judges a tallied plan against the policy's limits; `managed` is the workspace's count of managed members.

    The denominator is the workspace's own (a broken directory shrinks only itself). A workspace without managed
    members has no percentages: its first run is judged by counts alone.
    """
    found: list[Hold] = []
    for change, limit in sorted(policy.limits.items()):
        found += _judge_step(GUARDED[change], change, limit, tally, managed=managed)
    return Verdict(tuple(sorted(found, key=lambda hold: (hold.step, hold.cause))))


def tripped(limit: Limit, count: int, managed: int) -> str:
    """The reason why `count` changes trip a limit, or ""."""
    if count == 0 or count < limit.floor:
        return ""
    if limit.count is not None and count >= limit.count:
        return f"{count} reaches the limit of {limit.count}"
    if limit.percent is not None and managed and count * 100 >= limit.percent * managed:
        share = 100 * count / managed
        return f"{count} of {managed} managed members ({share:.3g} %) reaches the limit of {limit.percent:g} %"
    return ""


def _judge_step(step: Step, change: Change, limit: Limit, tally: Tally, *, managed: int) -> list[Hold]:
    causes = sorted(
        ((count, cause) for (at, cause), count in tally.causes.items() if at is step), key=lambda c: (-c[0], c[1])
    )
    left = sum(count for count, _ in causes)
    held: list[Hold] = []
    for count, cause in causes:
        reason = tripped(limit, left, managed)
        if not reason:
            break
        sentence = (
            f"{count} × {change} held, 1 cause: {cause}; {reason}. Look at the plan; "
            f"raise [workspace.limits] {change} if it is right"
        )
        held.append(Hold(step, cause, count, sentence))
        left -= count
    return held
