"""What of the applied actions would have to be made again."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
import pytest

from reconciler.decide import actions_for
from reconciler.lasting import BY_HAND, UNKNOWN, Lost, Numbered, looked_again, makes, repeated
from reconciler.match import Refused, Subject
from reconciler.model import JSON, Member
from reconciler.plan import Action, Step
from tests.builders import context, member, policy, subject, suspended, view


def act(step: Step, state: str = "planned", before: dict[str, JSON] | None = None, **after: JSON) -> Action:
    return Action(step, step.kind, "ada", "ada@acme.com", "m1", before or {}, after, state=state)  # type: ignore[arg-type]


MADE = act(Step.CREATE, email="ada@acme.com", roles={"role": "admin"})
ADOPTED = act(Step.ADOPT, managed=True, directory="okta", external_id="ada")
OFF, ON = act(Step.DEACTIVATE, active=False), act(Step.REACTIVATE, active=True)
ADMIN, DOWN = act(Step.PROMOTE, role="admin"), act(Step.DEMOTE, role="member")
QUEEN, BOSS = act(Step.UPDATE, title="Queen"), act(Step.UPDATE, title="Boss")
IN, OUT = act(Step.JOIN_TEAM, team="Eng"), act(Step.LEAVE_TEAM, before={"team": "Eng"})
ELSEWHERE = act(Step.JOIN_TEAM, team="Ops")


@pytest.mark.parametrize(
    ("done", "again", "lost"),
    [
        ([OFF], [], []),
        ([OFF], [OFF], [OFF]),
        ([OFF], [act(Step.DEACTIVATE, "skipped", active=False)], []),
        ([OFF, QUEEN], [OFF], [OFF]),
        ([QUEEN, IN], [QUEEN, IN], [QUEEN, IN]),
        ([QUEEN], [act(Step.UPDATE, department="Ops")], []),
        ([ADMIN], [QUEEN], []),
        ([IN], [ELSEWHERE], []),
        ([OUT], [OUT], [OUT]),
        ([MADE], [MADE], [MADE]),
        ([MADE], [ADMIN], [MADE]),
        ([MADE], [ON], [MADE]),
        ([MADE], [ADOPTED], [MADE]),
        ([MADE], [IN], []),
        ([ADOPTED], [ADOPTED], [ADOPTED]),
        # Two rules that set it in turns: what is planned now is the opposite of what was done.
        ([ADMIN], [DOWN], [ADMIN]),
        ([QUEEN], [BOSS], [QUEEN]),
    ],
)
def test_what_is_about_the_same_did_not_last(done: list[Action], again: list[Action], lost: list[Action]) -> None:
    assert repeated(list(enumerate(done)), again) == [(n, each) for n, each in enumerate(done) if each in lost]


@pytest.mark.parametrize(("again", "lost"), [(QUEEN, True), (BOSS, False), (DOWN, False)])
def test_after_news_of_the_directory_something_else_may_be_asked_for(again: Action, lost: bool) -> None:
    assert bool(repeated([(1, QUEEN), (2, ADMIN)], [again], news=True)) is lost


def test_what_an_action_makes_of_a_member() -> None:
    assert makes(MADE) == {
        ("active", ""): True, ("field", "managed"): True, ("field", "email"): "ada@acme.com", ("role", "role"): "admin",
    }  # fmt: skip
    assert (makes(IN), makes(OUT)) == ({("team", "Eng"): True}, {("team", "Eng"): False})


# -- the people as they are afterwards ------------------------------------------------------------------------------


class Aftermath:
    """Some people, what was done to them, and whom a person changed meanwhile."""

    def __init__(self, done: dict[str, list[Action]], *now: Subject, news: bool = False, touched: str = "") -> None:
        self.view, self.news, self.touched = view(), news, touched
        self.found: list[Lost] = []
        self._done, self._now = done, now

    def done(self) -> Iterator[Sequence[tuple[str, Sequence[Numbered]]]]:
        yield [(name, list(enumerate(actions, 1))) for name, actions in self._done.items()]

    def these(self, external_ids: Sequence[str]) -> Sequence[Subject]:
        return [each for each in self._now if each.external_id in external_ids]

    def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        members = [each.member for each in self._now if each.member is not None]
        return {each.id: each for each in members if each.id in ids}

    def by_hand(self, external_ids: Collection[str]) -> set[str]:
        return {self.touched} & set(external_ids)

    def lost(self, found: Iterable[Lost]) -> None:
        self.found += found

    def close(self) -> None:
        raise AssertionError("whoever opened it closes it")


def leaver(name: str, *, active: bool) -> Subject:
    return subject(name, user=suspended(name), member=member(name, active=active))


def leaves(name: str) -> list[Action]:
    return [*actions_for(context(), leaver(name, active=True))]


def test_what_lasted_is_not_mentioned() -> None:
    aftermath = Aftermath({"ada": leaves("ada")}, leaver("ada", active=False))
    assert looked_again(policy(), aftermath) == ()
    assert aftermath.found == []


def test_what_did_not_last_is_marked_with_what_is_known_of_why() -> None:
    done = {name: leaves(name) for name in ("ada", "bob", "cyd")}
    now = [leaver("ada", active=True), leaver("bob", active=True), leaver("cyd", active=False)]
    aftermath = Aftermath(done, *now, touched="bob")
    (said,) = looked_again(policy(), aftermath)
    first, _, rest = said.partition(": ")
    assert first == "2 changes did not last, and would have to be made again at once"
    assert rest == "deactivate of ada@acme.com, deactivate of bob@acme.com"
    assert [(each.number, each.action.external_id, each.said) for each in aftermath.found] == [
        (1, "ada", UNKNOWN), (1, "bob", BY_HAND),
    ]  # fmt: skip


def test_three_are_named_and_the_rest_is_counted() -> None:
    names = [f"p{n}" for n in range(5)]
    aftermath = Aftermath({name: leaves(name) for name in names}, *(leaver(name, active=True) for name in names))
    (said,) = looked_again(policy(), aftermath)
    assert said.startswith("5 changes did not last")
    assert said.endswith("p0@acme.com, deactivate of p1@acme.com, deactivate of p2@acme.com and 2 more")


def test_what_somebody_refused_meanwhile_would_not_be_made_again() -> None:
    (leaving,) = leaves("ada")
    back = msgspec.structs.replace(leaver("ada", active=True), refused=(Refused(leaving.digest, "undone", "r2"),))
    assert looked_again(policy(), Aftermath({"ada": [leaving]}, back)) == ()


def test_after_news_of_the_directory_only_the_same_once_more_did_not_last() -> None:
    (leaving,) = leaves("ada")
    joins = act(Step.JOIN_TEAM, team="Eng")
    now = leaver("ada", active=True)
    assert looked_again(policy(), Aftermath({"ada": [leaving, joins]}, now, news=True)) != ()
    back = act(Step.REACTIVATE, active=True)
    assert looked_again(policy(), Aftermath({"ada": [back]}, now, news=True)) == ()
    assert looked_again(policy(), Aftermath({"ada": [back]}, now)) != ()


GRANTED = member("ada", teams=frozenset({"Eng"}), granted=frozenset({"Eng"}))


@pytest.mark.parametrize(
    ("action", "now", "lasted"),
    [
        (OFF, member("ada", active=False), True),
        (OFF, member("ada"), False),
        (ON, member("ada"), True),
        (ON, None, False),
        (ADMIN, member("ada", "admin"), True),
        (ADMIN, member("ada"), False),
        (IN, GRANTED, True),
        (IN, member("ada"), False),
        (OUT, member("ada"), True),
        (OUT, GRANTED, False),
        (OUT, member("ada", teams=frozenset({"Eng"})), True),  # whom a person put there too stays in
    ],
)
def test_what_was_taken_back_has_to_be_as_that_left_it(action: Action, now: Member | None, lasted: bool) -> None:
    """The directory is not asked: it is not where an undo comes from."""
    done = msgspec.structs.replace(action, member=GRANTED.id)
    aftermath = Aftermath({"ada": [done]}, subject("ada", member=now))
    assert (looked_again(policy(), aftermath, taken_back=True) == ()) is lasted
    assert [each.action for each in aftermath.found] == ([] if lasted else [done])
