"""Two policies over the same snapshot, as a difference of outcomes: who ends up differently, and because of what.

People stream through, two outcomes of each; what differs is folded into a `Difference` for each pair of what changes
and why, with a few examples, so that memory follows the number of reasons and not of people. The reasons are in
reasons.py; a limit that holds part of one plan and not of the other is a difference too. People are decided one by one:
of a leaver whose member their new account takes over in the same plan, both are told about.
"""

from collections.abc import Iterable, Iterator

import msgspec

from reconciler.context import Context
from reconciler.guard import Hold
from reconciler.match import Subject
from reconciler.model import Frozen, Member, fields_of
from reconciler.outcome import Outcome, outcome
from reconciler.plan import Step, Tally
from reconciler.reasons import field_reason, link_reason, role_reason, standing_reason, team_reason

EXAMPLES = 10  # people whom a difference names
KINDS = ("standing", "link", "role", "team", "field", "held")
_SINGULAR = {"are": "is", "become": "becomes", "come": "comes", "do": "does", "get": "gets", "join": "joins",
             "keep": "keeps", "leave": "leaves", "lose": "loses", "stay": "stays"}  # fmt: skip
_HELD = {
    Step.CREATE: "creation", Step.UPDATE: "update", Step.PROMOTE: "promotion", Step.LEAVE_TEAM: "departure from a team",
    Step.DEMOTE: "demotion", Step.DEACTIVATE: "deactivation",
}  # fmt: skip
# (now, under the first policy, under the second) → what the second makes of it: access is none, lost or there.
_STANDING = {
    ("none", True): "are not added",
    ("left", True): "do not come back",
    ("there", True): "lose access",
    ("none", False): "become members",
    ("left", False): "come back",
    ("there", False): "keep access",
}


class Difference(Frozen, frozen=True, omit_defaults=False):
    """So many people (of `kind` "held": actions) end up differently under the second policy, for one reason.

    `change` is the predicate for several of them ("become admin"); `people` are the first few by external id.
    """

    kind: str
    change: str
    because: str
    count: int
    people: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The place among differences: what is about access first, then the larger."""
        return KINDS.index(self.kind), -self.count, self.change, self.because


class Differences:
    """Folds people into differences while they stream past in order of external id; and both plans into tallies."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
        self.changed = self.unchanged = 0
        self.tallies = (Tally(), Tally())

    def add(self, one: Outcome, other: Outcome) -> None:
        """The same person under the first and the second policy."""
        for tally, each in zip(self.tallies, (one, other), strict=True):
            tally.add(each.decision.actions)
        found = [*differing(one, other)]
        self.changed += bool(found)
        self.unchanged += not found
        for what in found:
            count, people = self._found.setdefault(what, (0, []))
            if len(people) < EXAMPLES:
                people.append(other.email)
            self._found[what] = (count + 1, people)

    def all(self, holds: tuple[Iterable[Hold], Iterable[Hold]]) -> tuple[Difference, ...]:
        """Every difference, in order; `holds` are what the guard says of the two plans."""
        found = [
            Difference(kind, change, because, count, tuple(people), said(change, because, count))
            for (kind, change, because), (count, people) in self._found.items()
        ]
        return tuple(sorted([*found, *self._held(*holds)], key=lambda difference: difference.order))

    def _held(self, before: Iterable[Hold], after: Iterable[Hold]) -> Iterator[Difference]:
        first, second = ({hold.cluster: hold for hold in holds} for holds in (before, after))
        for cluster, hold in second.items():
            if cluster not in first or first[cluster].count != hold.count:
                yield _holding(hold, hold.count, "would be held", hold.sentence)
        for cluster, hold in first.items():
            count = self.tallies[1].clusters[cluster]
            if cluster not in second and count:
                yield _holding(hold, count, "would no longer be held", f"no limit stops them: {hold.cause}")


def differences(one: Context, other: Context, people: Iterable[tuple[Subject, Subject]]) -> Differences:
    """Folds people, as the two policies' snapshots show them, in order of external id."""
    found = Differences()
    for first, second in people:
        found.add(outcome(one, first), outcome(other, second))
    return found


def differing(one: Outcome, other: Outcome) -> Iterator[tuple[str, str, str]]:
    """(kind, change, because) for everything in which a person ends up differently."""
    one, other = aligned(one, other)
    if one.active != other.active:
        yield "standing", _STANDING[_now(one.now or other.now), one.active], standing_reason(one, other)
    if other.active and other.member != one.member:
        yield from _linked(one, other)
        yield from _roles(one, other)
        if one.active:
            yield from _teams(one, other)
            yield from _fields(one, other)


def said(change: str, because: str, count: int) -> str:
    """ "3 people become admin, because group Ops is now mapped to admin"."""
    verb, _, rest = change.partition(" ")
    if count == 1:
        verb, rest = _SINGULAR[verb], "a member" if rest == "members" else rest
    return f"{count:,} {'person' if count == 1 else 'people'} {verb} {rest}, because {because}"


def aligned(one: Outcome, other: Outcome) -> tuple[Outcome, Outcome]:
    """A member who was added by hand is the person only where the other policy makes them that: else somebody else has
    their address, and stays."""
    return _own(one, other), _own(other, one)


def _own(one: Outcome, other: Outcome) -> Outcome:
    hand = one.member
    if hand is None or hand.managed or (other.member is not None and other.member.id == hand.id):
        return one
    return msgspec.structs.replace(one, member=None, now=None)


def _now(member: Member | None) -> str:
    return "none" if member is None else "there" if member.active else "left"


def _linked(one: Outcome, other: Outcome) -> Iterator[tuple[str, str, str]]:
    if one.member is None or other.member is None:
        return
    if one.managed != other.managed:
        change = "are adopted by the directory" if other.managed else "are not adopted by the directory"
        yield "link", change, standing_reason(one, other)
    elif one.member.id != other.member.id:
        yield "link", "are another member", link_reason(one, other)


def _roles(one: Outcome, other: Outcome) -> Iterator[tuple[str, str, str]]:
    """Of people who are let in only by the second policy, the roles above the default are worth a word."""
    assert other.member is not None  # noqa: S101 - the caller asked
    defaults = {axis.axis: axis.default for axis in other.context.policy.axes}
    before = one.member.roles if one.member is not None and one.active else defaults
    several = len(defaults) > 1
    for axis in sorted(before.keys() | other.member.roles.keys()):
        value = other.member.roles.get(axis)
        if value is not None and before.get(axis) != value:
            yield "role", f"become {value}" + (f" ({axis})" if several else ""), role_reason(one, other, axis)


def _teams(one: Outcome, other: Outcome) -> Iterator[tuple[str, str, str]]:
    assert one.member is not None and other.member is not None  # noqa: S101, PT018 - the caller asked
    now = frozenset() if other.subject.member is None else other.subject.member.teams
    for team in sorted(one.member.teams ^ other.member.teams):
        words = ("stay in", "join") if team in other.member.teams else ("leave", "do not join")
        change = f"{words[team not in now]} team {team}"
        yield "team", change, team_reason(one, other, team)


def _fields(one: Outcome, other: Outcome) -> Iterator[tuple[str, str, str]]:
    assert one.member is not None and other.member is not None  # noqa: S101, PT018 - the caller asked
    before, after = fields_of(one.member.profile), fields_of(other.member.profile)
    for name in sorted({*before, *after}):
        if before.get(name, "") != after.get(name, ""):
            yield "field", f"get another {name}", field_reason(one, other, name)


def _holding(hold: Hold, count: int, verb: str, because: str) -> Difference:
    change = f"{_plural(_HELD[hold.step], count)} {verb}"
    return Difference("held", change, because, count, (), f"{count:,} {change}: {because}")


def _plural(word: str, count: int) -> str:
    first, _, rest = word.partition(" ")
    return f"{first}{'' if count == 1 else 's'}{f' {rest}' if rest else ''}"


class Comparison(msgspec.Struct, frozen=True):
    """What `plan --against` says, in the shape of its JSON. `against` is the other configuration as people call it;
    `changed` and `unchanged` count people; `complete`: the directory was read whole."""

    directory: str
    against: str
    differences: tuple[Difference, ...]
    changed: int
    unchanged: int
    complete: bool = True
    warnings: tuple[str, ...] = ()
