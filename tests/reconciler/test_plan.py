"""The plan as a value: order, digest, JSON."""

import itertools
from typing import Any

import msgspec
import pytest

from reconciler.decide import actions_for, plan
from reconciler.model import Evidence
from reconciler.plan import KINDS, Action, Cluster, Plan, Step, Tally
from tests.builders import by_hand, context, member, subject, suspended, user

CROWD = [
    subject("ada", "Admins", "Eng"),
    subject("bob", member=member("bob", "admin"), user=user("bob", title="Chief")),
    subject("cyd", user=suspended("cyd"), member=member("cyd")),
    subject("dan", "Eng", member=member("dan", active=False)),
    subject("eve", rivals=("fay",)),
    subject("gus", other=by_hand("gus")),
    subject("hal", member=member("hal", teams=frozenset({"A", "B"}), granted=frozenset({"A", "B"}))),
]


def test_a_plan_is_sorted_so_that_giving_comes_before_taking() -> None:
    made = plan(context(), CROWD)
    steps = [action.step for action in made.actions]
    assert steps == sorted(steps)
    assert [step.change for step in sorted(set(steps))] == [
        "adopt", "create", "reactivate", "update", "join_team", "leave_team", "demote", "deactivate",
    ]  # fmt: skip


def test_plan_and_digest_do_not_depend_on_the_order_of_people() -> None:
    made = plan(context(), CROWD)
    for order in itertools.islice(itertools.permutations(CROWD), 0, 5040, 97):
        again = plan(context(), order)
        assert (again, again.digest, again.to_json()) == (made, made.digest, made.to_json())


def test_the_digest_of_chunks_is_the_digest_of_the_plan() -> None:
    tally = Tally()
    for who in sorted(CROWD, key=lambda one: one.external_id):
        tally.add(actions_for(context(), who))
    assert tally.digest == plan(context(), CROWD).digest
    assert tally.planned + tally.skipped == len(plan(context(), CROWD).actions)


CHANGES: list[dict[str, Any]] = [
    {"email": "x"}, {"member": "x"}, {"external_id": "x"}, {"before": {"x": 1}}, {"after": {"x": 1}}, {"cause": "x"},
    {"evidence": Evidence.SCOPE}, {"state": "skipped"}, {"code": "x"}, {"detail": "x"}, {"parks": "x"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_digest_changes_with_any_part_of_any_action(change: dict[str, Any]) -> None:
    made = plan(context(), CROWD)
    plans = {made.to_json(): made.digest}
    for at in range(len(made.actions)):
        other = (*made.actions[:at], msgspec.structs.replace(made.actions[at], **change), *made.actions[at + 1 :])
        changed = msgspec.structs.replace(made, actions=other)
        plans[changed.to_json()] = changed.digest
    assert len(set(plans.values())) == len(plans) >= len(made.actions) - 1


def test_the_digest_changes_when_an_action_is_left_out_or_moves_to_another_step() -> None:
    made = plan(context(), CROWD)
    fewer = msgspec.structs.replace(made, actions=made.actions[1:])
    assert fewer.digest != made.digest
    one = Action(Step.PROMOTE, "set_role", "ada", "ada@acme.com", "m")
    moved = msgspec.structs.replace(one, step=Step.DEMOTE)
    assert Plan("w", "d", (one,)).digest != Plan("w", "d", (moved,)).digest


def test_a_plan_survives_json() -> None:
    made = plan(context(), CROWD)
    assert Plan.from_json(made.to_json()) == made
    assert Plan.from_json(made.to_json()).digest == made.digest


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"workspace": 1, "directory": "d"}', b"nonsense"])
def test_what_is_no_plan_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Plan.from_json(text)


def test_every_step_has_a_kind() -> None:
    assert {step.kind for step in Step} == set(KINDS)


def test_a_tally_counts_what_is_planned_by_step_kind_and_cluster_and_what_is_skipped() -> None:
    tally = Tally()
    for name in ("ada", "bob"):
        tally.add(actions_for(context(), subject(name, user=suspended(name), member=member(name))))
        tally.add(actions_for(context(), subject(f"{name}2", rivals=("fay",))))
    assert (tally.planned, tally.skipped) == (2, 2)
    assert (dict(tally.steps), dict(tally.kinds)) == ({Step.DEACTIVATE: 2}, {"deactivate": 2})
    assert list(tally.clusters.values()) == [2]


def test_a_digest_is_what_it_was_in_earlier_versions() -> None:
    """What was approved or refused is stored by it: made otherwise, every approval and refusal would be void."""
    made = Plan("acme", "okta", (Action(Step.UPDATE, "update", "ada", "ada@acme.com", "m", {"title": "a"}, {}),))
    assert made.digest == "sha256:c9d61216376047a4610eefa30951daa5456538dc3fafd2b27274190b6ee528ab"
    assert made.actions[0].digest == "f881c6a5218013a0f7e5766aa2de7406"
    gone = msgspec.structs.replace(made.actions[0], evidence=Evidence.ABSENCE)
    assert gone.digest == "170a1b06a72a86ff2db386a62a982b47"
    assert Cluster(Step.DEACTIVATE, "absence", "no longer in the directory").key == "deactivate-0d90944e"


def test_what_is_approved_together_has_a_name_of_its_own() -> None:
    clusters = [
        Cluster(step, evidence, cause)
        for step in (Step.DEACTIVATE, Step.DEMOTE)
        for evidence in ("", "absence")
        for cause in ("a", "b")
    ]
    assert len({each.key for each in clusters}) == len(clusters)
    assert {each.key.partition("-")[0] for each in clusters} == {"deactivate", "demote"}
