"""The sentences of docs/safety.md are those that the program says: each is made here, and looked for there."""

import re
from pathlib import Path

import msgspec
import pytest

from reconciler.guard import Gauges, judge
from reconciler.health import Health, sentence
from reconciler.lasting import BY_HAND, UNKNOWN
from reconciler.model import Evidence
from reconciler.plan import Action, Step, Tally
from reconciler.policy import Limit
from rosterd.settings.limits import Limits
from store import Store
from tests.builders import Directory, policy, sync
from tests.store.test_lasting import disturbed
from tests.store.workspaces import edit

PAGE = " ".join((Path(__file__).parents[1] / "docs" / "safety.md").read_text(encoding="utf-8").split())
LIMITS = {key: Limit(limit.count, limit.percent, limit.floor) for key, limit in Limits().written().items()}


def planned(step: Step, count: int, cause: str, evidence: Evidence | None = None, **before: str) -> Tally:
    tally = Tally()
    tally.add(
        Action(step, step.kind, f"p{n:04}", "", f"p{n:04}", {**before}, evidence=evidence, cause=cause)
        for n in range(count)
    )
    return tally


HELD = {
    "deactivate_scope": (
        planned(Step.DEACTIVATE, 312, "group eng-all is no longer visible", Evidence.SCOPE), Gauges(1000),
    ),
    "update": (planned(Step.UPDATE, 96, "changed in the directory: email, user_name"), Gauges(98)),
    "deactivate_tombstone": (
        planned(Step.DEACTIVATE, 30, "no longer in the directory", Evidence.TOMBSTONE), Gauges(98),
    ),
    "demote_each": (
        planned(Step.DEMOTE, 4, "group Acme Admins is no longer visible", role="admin"),
        Gauges(250, roles={("role", "admin"): 5}),
    ),
    "deactivate_24h": (
        planned(Step.DEACTIVATE, 3, "suspended in the directory", Evidence.STATUS), Gauges(40, {"deactivate_24h": 18}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", HELD)
def test_what_a_limit_says(key: str) -> None:
    """Under the limits that are on by default."""
    tally, gauges = HELD[key]
    (hold,) = judge(policy(limits=LIMITS), tally, gauges).holds
    assert hold.limit == key
    assert f"held: {hold.sentence}" in PAGE


def test_what_is_said_of_what_did_not_stick(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.suspend("ada")
    report = disturbed(store, directory, lambda: edit(store, "UPDATE member SET active = TRUE"))
    assert f"warning: {report.warnings[0]}" in PAGE
    for said in (BY_HAND, UNKNOWN):
        assert re.split(", and |: ", said)[-1] in PAGE


def test_what_is_said_of_a_hold_that_a_sync_takes_the_place_of(store: Store) -> None:
    directory = Directory(*"abcdef")
    sync(store, directory)
    asked = policy(limits={"deactivate": Limit(count=6)})
    directory.suspend(*"abcdef")
    held = sync(store, directory, asked)
    said = sync(store, directory, asked).warnings[0]
    assert f"warning: {said.replace(held.run, '20261121T101500-1a2b3c')}" in PAGE


def test_what_is_said_of_a_directory_that_cannot_be_read() -> None:
    health = Health("failing", 4, "2026-11-21T09:25:00.000Z", "2026-11-21T10:40:00.000Z", message="…")
    assert f"acme-okta is {sentence(health)}" in PAGE
    for state in msgspec.json.schema(Health)["$defs"]["Health"]["properties"]["state"]["enum"]:
        assert state == "healthy" or f"| `{state}` |" in PAGE


@pytest.mark.parametrize("key", Limits.model_fields)
def test_every_limit_is_explained(key: str) -> None:
    assert key.rpartition("_")[0] in PAGE if key.endswith(("_1h", "_24h", "_7d")) else f"`{key}`" in PAGE
