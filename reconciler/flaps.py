"""What is set back and forth: a change that would return to a value which was left again several times lately.

Two writers who disagree can go on for ever, each run undoing what somebody else did. Here is what counts as that, and
the cause and sentence that name the writers; the history comes from store/flaps.py, holding is guard.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from reconciler.amend import aspects
from reconciler.decide import Decision
from reconciler.match import Subject
from reconciler.model import JSON, Evidence, Frozen
from reconciler.plan import Action, Cluster, Step
from reconciler.policy import Flap, Policy

BY_HAND = "a person (by hand)"
_RUNS_NAMED = 3  # of each writer and value, the latest
_NAMES = {"active": "access", "role": "role {}", "team": "team {}", "field": "{}"}
_ONCE = (Step.ADOPT, Step.CREATE)  # never repeated for one member


class Past(Frozen, frozen=True):
    """An action that a run of a directory applied."""

    run: str
    directory: str
    action: Action


class Change(Frozen, frozen=True):
    """A value that somebody set; `run` is "" where no run did, and then the run that found it."""

    value: JSON
    writer: str
    run: str = ""


Recall = Callable[[Sequence[str], Flap], Mapping[str, Sequence[Past]]]
"""The latest applied actions of these people, oldest first."""


def marked(
    policy: Policy, decided: Iterable[tuple[Subject, Decision]], recall: Recall
) -> tuple[dict[str, tuple[Action, ...]], dict[Cluster, str]]:
    """(the actions of those people of whom something is set back and forth, with that as cause; a sentence for each
    cluster of it, about the first person)."""
    flap = policy.flap
    if flap is None:
        return {}, {}
    asked = {subject.external_id: decision.actions for subject, decision in decided if _repeatable(subject, decision)}
    past = recall(list(asked), flap) if asked else {}
    changed: dict[str, tuple[Action, ...]] = {}
    sentences: dict[Cluster, str] = {}
    for person, known in past.items():
        actions = tuple(_mark(action, known, flap, policy.directory, sentences) for action in asked[person])
        if actions != asked[person]:
            changed[person] = actions
    return changed, sentences


def _repeatable(subject: Subject, decision: Decision) -> bool:
    return subject.member is not None and any(_holdable(action) for action in decision.actions)


def _holdable(action: Action) -> bool:
    """Who is deleted leaves, however often something else was changed before."""
    return action.state == "planned" and action.step not in _ONCE and action.evidence is not Evidence.TOMBSTONE


def _mark(
    action: Action, past: Sequence[Past], flap: Flap, directory: str, sentences: dict[Cluster, str]
) -> Action:  # fmt: skip
    if not _holdable(action):
        return action
    for aspect in sorted(aspects(action)):
        trail = history(aspect, action, past, directory)
        if returns(trail) >= flap.times:
            kind, name = aspect
            what = _NAMES[kind].format(name)
            writers = sorted({change.writer for change in trail[1:]}, key=lambda each: (each == BY_HAND, each))
            cause = f"{what} set back and forth by {' and '.join(writers)}"
            marked = msgspec.structs.replace(action, cause=cause)
            said = f"{action.email}: {_said(trail)}"
            sentences.setdefault(Cluster(action.step, action.evidence or "", cause), said)
            return marked
    return action


def history(aspect: tuple[str, str], planned: Action, past: Sequence[Past], directory: str) -> list[Change]:
    """The values that this aspect of the member had, the first as it was found, the planned one last.

    What a run found and no run had left was set by hand in between.
    """
    about = [
        each for each in past
        if each.action.step not in _ONCE and each.action.member == planned.member and aspect in aspects(each.action)
    ] + [Past("", directory, planned)]  # fmt: skip
    trail = [Change(_values(about[0].action, aspect)[0], "")]
    for each in about:
        found, left = _values(each.action, aspect)
        if found != trail[-1].value:
            trail.append(Change(found, BY_HAND, each.run))
        trail.append(Change(left, each.directory, each.run))
    return trail


def returns(trail: Sequence[Change]) -> int:
    """How many changes went back to a value that was there before."""
    return sum(change.value in [before.value for before in trail[:at]] for at, change in enumerate(trail))


def _said(trail: Sequence[Change]) -> str:
    """Who set it to what in which runs."""
    named: dict[tuple[str, str], list[str]] = {}
    for change in trail[1:]:
        named.setdefault((change.writer, _spoken(change.value)), []).append(change.run or "this run")
    return "; ".join(
        f"{value} by {writer} {'before' if writer == BY_HAND else 'in'} {', '.join(runs[-_RUNS_NAMED:])}"
        for (writer, value), runs in named.items()
    )


def _spoken(value: JSON) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f'"{value or ""}"'


def _values(action: Action, aspect: tuple[str, str]) -> tuple[JSON, JSON]:
    """(what it was, what it became)"""
    match action.step:
        case Step.CREATE | Step.REACTIVATE | Step.JOIN_TEAM:
            return False, True
        case Step.DEACTIVATE | Step.LEAVE_TEAM:
            return True, False
        case _:
            return action.before.get(aspect[1]), action.after.get(aspect[1])
