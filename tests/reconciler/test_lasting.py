"""What of the applied actions would have to be made again."""

import pytest

from reconciler.lasting import makes, repeated
from reconciler.model import JSON
from reconciler.plan import Action, Step


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
