"""Whether what was applied lasted: right after applying, the people it was about are decided again.

Nothing that a run applied may have to be done once more; what has to was undone meanwhile, by a person or by something
that writes to the workspace behind rosterd's back, or is set by two rules in turns. Reading and marking is
store/lasting.py; what goes back and forth from run to run is flaps.py.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from reconciler.amend import aspects, differs, respected
from reconciler.context import Context
from reconciler.decide import decide
from reconciler.match import Subject
from reconciler.model import JSON, Frozen, Member
from reconciler.plan import Action, Step
from reconciler.policy import GroupView, Policy

CODE = "did_not_stick"
BY_HAND = "made, and changed again meanwhile by a person (rosterd member)"
UNKNOWN = "made, and not so any more when it was looked at again: something else writes to this member"
_NAMED = 3  # of the lost changes, in the warning; the others are among the report's actions

Numbered = tuple[int, Action]
"""An applied action with its number in its step."""
Values = dict[tuple[str, str], JSON]
"""What an action makes of a member, by what of them it is about (`amend.aspects`)."""


class Lost(Frozen, frozen=True):
    """An applied action that did not last, and what is known of why."""

    number: int
    action: Action
    said: str


class Aftermath(Protocol):
    """The people whom a run did something to, as they are once it did it."""

    view: GroupView

    @property
    def news(self) -> bool:
        """Whether the directory said something since the plan was made."""
        ...

    def done(self) -> Iterator[Sequence[tuple[str, Sequence[Numbered]]]]:
        """People (external ids) with what was applied to them, in chunks of rising external id."""
        ...

    def these(self, external_ids: Sequence[str]) -> Sequence[Subject]:
        """These people, as far as mirror or workspace know them."""
        ...

    def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id."""
        ...

    def by_hand(self, external_ids: Collection[str]) -> set[str]:
        """Those of these people whose member a person changed since the plan was made."""
        ...

    def lost(self, found: Iterable[Lost]) -> None:
        """These actions failed after all."""
        ...

    def close(self) -> None:
        """Ends the look."""
        ...


def looked_again(policy: Policy, aftermath: Aftermath, *, taken_back: bool = False) -> tuple[str, ...]:
    """Marks what did not last of what a run applied; a sentence that names some of it, nothing when all of it did.
    `taken_back`: the run undid an earlier one, so that the directory is not what its changes came from."""
    named: list[str] = []
    count = 0
    context = Context(policy, aftermath.view)
    for people in aftermath.done():
        found = _back_again(aftermath, people) if taken_back else _planned_again(context, aftermath, people)
        if found:
            by_hand = aftermath.by_hand({action.external_id for _, action in found})
            aftermath.lost(Lost(n, each, BY_HAND if each.external_id in by_hand else UNKNOWN) for n, each in found)
            named += [f"{each.kind} of {each.email}" for _, each in found[: _NAMED - len(named)]]
            count += len(found)
    return (_sentence(count, named),) if count else ()


def _planned_again(
    context: Context, aftermath: Aftermath, people: Sequence[tuple[str, Sequence[Numbered]]]
) -> list[Numbered]:
    # Who has to stay as the last holder is not asked: that takes changes away from a plan, and adds none.
    done = dict(people)
    found: list[Numbered] = []
    for subject in aftermath.these(list(done)):
        decided = decide(context, subject).actions
        again = respected(subject, decided)[0] if subject.refused else decided
        if again:
            found += repeated(done[subject.external_id], again, news=aftermath.news)
    return found


def repeated(done: Sequence[Numbered], again: Iterable[Action], *, news: bool = False) -> list[Numbered]:
    """What of a person's applied actions is about the same as what is planned `again`. After `news` of the directory
    that may ask for something else: then only what is to be made exactly so once more did not last."""
    planned: Values = {}
    for action in again:
        planned |= makes(action) if action.state == "planned" else {}
    return [
        (number, action)
        for number, action in done
        if any(aspect in planned and (not news or planned[aspect] == value) for aspect, value in makes(action).items())
    ]


def makes(action: Action) -> Values:
    """What an action makes of a member. A new one has everything that it was created with, and the link."""
    match action.step:
        case Step.CREATE:
            fields = {("field", name): value for name, value in action.after.items() if name != "roles"}
            roles = {("role", axis): value for axis, value in action.after.get("roles", {}).items()}
            return {("active", ""): True, ("field", "managed"): True} | fields | roles
        case Step.REACTIVATE | Step.DEACTIVATE:
            return {("active", ""): action.step is Step.REACTIVATE}
        case Step.JOIN_TEAM | Step.LEAVE_TEAM:
            return dict.fromkeys(aspects(action), action.step is Step.JOIN_TEAM)
        case _:
            return {(kind, name): action.after[name] for kind, name in aspects(action)}


def _back_again(aftermath: Aftermath, people: Sequence[tuple[str, Sequence[Numbered]]]) -> list[Numbered]:
    """What was taken back and is not as that left it."""
    done = [numbered for _, actions in people for numbered in actions]
    members = aftermath.members([action.member for _, action in done])
    return [(number, action) for number, action in done if not _as_left(action, members.get(action.member))]


def _as_left(action: Action, member: Member | None) -> bool:
    if member is None:
        return False
    if action.step is Step.LEAVE_TEAM:  # who was put there by hand too stays in
        return action.before["team"] not in member.granted
    return not differs(action, member)


def _sentence(count: int, named: Sequence[str]) -> str:
    changes = "1 change" if count == 1 else f"{count:,} changes"
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    return f"{changes} did not last, and would have to be made again at once: {', '.join(named)}{more}"
