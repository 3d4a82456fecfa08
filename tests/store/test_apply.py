"""Applying: what each step writes, what it refuses, and that doing it again changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from reconciler.decide import member_id
from reconciler.errors import StoreError
from reconciler.guard import Hold
from reconciler.model import Evidence, Member
from reconciler.plan import Action, Step
from store import Store
from store import runs as runs_module
from store.database import rows, scalar
from store.leases import Held, take
from store.runs import actions_of
from store.workspace import roster
from tests.builders import by_hand, member
from tests.store.plans import (
    NOW,
    action,
    adopt,
    applied,
    begin,
    create,
    deactivate,
    demote,
    everybody,
    joins,
    leaves,
    promote,
    reactivate,
    rename,
)
from tests.store.workspaces import add, edit, join

# -- what each step writes ----------------------------------------------------------------------------------------


def test_create_makes_a_managed_member_with_roles(store: Store) -> None:
    full = create("ada", "admin")
    full = msgspec.structs.replace(full, after={**full.after, "title": "Countess"})
    assert applied(store, full) == {"create ada": "applied"}
    found = everybody(store)["ada"]
    assert (found.id, found.active, found.managed, found.directory, found.external_id) == (
        member_id("acme", "okta", "ada"), True, True, "okta", "ada",
    )  # fmt: skip
    assert (found.roles, found.title, found.sessions_valid_after) == ({"role": "admin"}, "Countess", None)


def test_update_writes_only_what_it_names(store: Store) -> None:
    add(store, member("ada"))
    change = action(Step.UPDATE, "ada", after={"email": "Ada@Lovelace.org", "title": "Countess", "family_name": ""})
    assert applied(store, change) == {"update ada": "applied"}
    found = next(iter(roster(store, "acme")))
    assert (found.email, found.title, found.given_name, found.family_name) == (
        "Ada@Lovelace.org", "Countess", "Ada", "",
    )  # fmt: skip
    with store.read() as connection:
        assert scalar(connection, "SELECT email_key FROM member") == "ada@lovelace.org"


def test_deactivate_signs_the_person_out_and_keeps_roles_and_teams(store: Store) -> None:
    add(store, member("ada", teams=frozenset({"Choir"})), by_hand("owner", "admin"))
    assert applied(store, deactivate("ada")) == {"deactivate ada": "applied"}
    found = everybody(store)["ada"]
    assert (found.active, found.sessions_valid_after, found.teams) == (False, NOW, ("Choir",))
    assert applied(store, reactivate("ada")) == {"reactivate ada": "applied"}
    found = everybody(store)["ada"]
    assert (found.active, found.sessions_valid_after) == (True, NOW)


def test_adopt_links_a_member_added_by_hand(store: Store) -> None:
    owner = by_hand("ada", "admin")
    add(store, owner)
    assert applied(store, adopt("ada", owner)) == {"adopt ada": "applied"}
    found = everybody(store)["ada"]
    assert (found.id, found.managed, found.directory, found.external_id) == (owner.id, True, "okta", "ada")


def test_roles_and_teams(store: Store) -> None:
    add(store, member("ada"), member("bob", "admin"))
    join(store, member("ada").id, "Choir")
    outcome = applied(store, promote("ada"), demote("bob"), joins("ada", "Design"), joins("bob", "Design"))
    assert set(outcome.values()) == {"applied"}
    found = everybody(store)
    assert (found["ada"].roles["role"], found["bob"].roles["role"]) == ("admin", "member")
    assert (found["ada"].teams, found["bob"].teams) == (("Choir", "Design"), ("Design",))
    assert applied(store, leaves("ada", "Design")) == {"leave_team ada": "applied"}
    assert everybody(store)["ada"].teams == ("Choir",)


def test_leaving_takes_back_only_what_the_directory_gave(store: Store) -> None:
    add(store, member("ada"))
    join(store, member("ada").id, "Design")
    join(store, member("ada").id, "Design", source="okta")
    assert applied(store, leaves("ada", "Design"), leaves("ada", "Choir"))["leave_team ada"] == "applied"
    assert everybody(store)["ada"].teams == ("Design",)


def test_teams_of_one_name_in_two_workspaces_are_two_teams(store: Store) -> None:
    other = by_hand("zoe")
    add(store, other, workspace="globex")
    join(store, other.id, "Design", workspace="globex")
    add(store, member("ada"))
    applied(store, joins("ada", "Design"))
    with store.read() as connection:
        assert rows(connection, "SELECT workspace FROM team ORDER BY workspace") == [("acme",), ("globex",)]


# -- doing it again -----------------------------------------------------------------------------------------------


LINKS = "SELECT id, email, email_key, active, managed, directory, external_id FROM member ORDER BY id"


def table(opened: Store) -> list[Any]:
    """All that members are, without when they were touched."""
    with opened.read() as connection:
        return [
            *rows(connection, LINKS),
            *rows(connection, "SELECT * FROM member_role ORDER BY 1, 2"),
            *rows(connection, "SELECT * FROM team_member ORDER BY 1, 2, 3"),
        ]  # fmt: skip


def test_applying_a_plan_twice_changes_nothing_the_second_time(store: Store) -> None:
    hand = by_hand("gus")
    add(store, member("bob", "admin"), member("cyd"), member("dan", active=False), hand, by_hand("owner", "admin"))
    whole = (
        create("ada", "admin"), joins("ada", "Design"), adopt("gus", hand), reactivate("dan"), promote("cyd"),
        rename("cyd", "c@acme.com"), demote("bob"), deactivate("bob"), leaves("cyd", "Design"),
    )  # fmt: skip
    assert set(applied(store, *whole).values()) == {"applied"}
    once = table(store)
    assert set(applied(store, *whole).values()) == {"applied"}
    assert table(store) == once


# -- what is refused ----------------------------------------------------------------------------------------------


def gone_meanwhile(opened: Store) -> None:
    edit(opened, "DELETE FROM member_role")
    edit(opened, "DELETE FROM member WHERE external_id = 'ada'")


def linked_elsewhere(opened: Store) -> None:
    edit(opened, "UPDATE member SET directory = 'google', external_id = 'g1' WHERE external_id = 'ada'")


STEPS: list[Callable[[str], Action]] = [
    lambda name: rename(name, "new@acme.com"), promote, demote, reactivate, lambda name: joins(name, "Design"),
    lambda name: leaves(name, "Design"),
]  # fmt: skip


@pytest.mark.parametrize(("meanwhile", "code"), [(gone_meanwhile, "member_gone"), (linked_elsewhere, "changed_since")])
def test_a_member_who_is_not_what_the_plan_says_fails_alone(
    store: Store, meanwhile: Callable[[Store], None], code: str
) -> None:
    add(store, member("ada"), member("bob"), by_hand("owner", "admin"))
    meanwhile(store)
    for number, step in enumerate(STEPS):
        outcome = applied(store, step("ada"), joins("bob", f"Team {number}"))
        assert sorted(outcome.values()) == ["applied", code]


def test_deactivating_a_member_who_does_not_exist_fails(store: Store) -> None:
    assert applied(store, deactivate("ada")) == {"deactivate ada": "member_gone"}


def test_deactivating_somebody_linked_to_another_directory_fails(store: Store) -> None:
    add(store, member("ada"))
    linked_elsewhere(store)
    assert applied(store, deactivate("ada")) == {"deactivate ada": "changed_since"}
    assert everybody(store)["ada"].active


def test_a_leaver_whose_member_was_adopted_is_not_put_out(store: Store) -> None:
    old = member("old")
    add(store, old)
    outcome = applied(store, adopt("new", old), deactivate("old"))
    assert outcome == {"adopt new": "applied", "deactivate old": "relinked"}
    assert everybody(store)["old"].active


@pytest.mark.parametrize(
    "owner",
    [
        by_hand("ada", managed=True, directory="google", external_id="g1"),
        member("eve", profile=member("ada").profile),
    ],
)
def test_adopting_somebody_whom_another_manages_fails(store: Store, owner: Member) -> None:
    add(store, owner)
    stale = msgspec.structs.replace(owner, managed=False, external_id="")
    assert applied(store, adopt("ada", stale)) == {"adopt ada": "changed_since"}
    assert everybody(store)["ada"].external_id == owner.external_id


def test_adopting_nobody_fails(store: Store) -> None:
    assert applied(store, adopt("ada", by_hand("ada"))) == {"adopt ada": "member_gone"}


def test_an_address_that_somebody_took_meanwhile_fails_alone(store: Store) -> None:
    add(store, by_hand("zoe"), member("bob"))
    outcome = applied(store, create("ada", email="ZOE@acme.com"), create("eve"), rename("bob", "Zoe@acme.com"))
    assert outcome == {"create ada": "email_taken", "create eve": "applied", "update bob": "email_taken"}
    assert sorted(everybody(store)) == ["bob", "eve", "zoe"]


def test_two_of_one_plan_want_one_address(store: Store) -> None:
    outcome = applied(store, create("ada", email="x@acme.com"), create("bob", email="X@acme.com"))
    assert outcome == {"create ada": "applied", "create bob": "email_taken"}


def test_a_created_id_that_follows_somebody_else_now_gives_way_to_the_next(store: Store) -> None:
    add(store, member("ada", external_id="new-account"))
    assert applied(store, create("ada", email="other@acme.com")) == {"create ada": "applied"}
    found = {each.external_id: each.id for each in roster(store, "acme")}
    assert found["ada"] != found["new-account"] == member("ada").id


def test_one_action_that_the_database_refuses_does_not_take_the_others_with_it(store: Store) -> None:
    add(store, by_hand("bob"), member("cyd"))
    # Two links to one directory user: only the unique index sees it.
    outcome = applied(store, adopt("cyd", by_hand("bob")), adopt("zoe", by_hand("ann")))
    assert outcome == {"adopt cyd": "refused_by_store", "adopt zoe": "member_gone"}
    add(store, by_hand("ann"), by_hand("dan"))
    outcome = applied(store, adopt("ann", by_hand("ann")), adopt("cyd", by_hand("bob")), adopt("dan", by_hand("dan")))
    assert outcome == {"adopt ann": "applied", "adopt cyd": "refused_by_store", "adopt dan": "applied"}


# -- transactions -------------------------------------------------------------------------------------------------


def test_a_run_killed_between_batches_has_written_outcome_and_change_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "BATCH", 2)
    tasks, held = begin(store, *(create(f"p{number}") for number in range(5)))
    progress: Iterator[int] = tasks.apply()
    assert next(progress) == 2
    states = [row.state for row in actions_of(store, held.run)]
    assert states == ["applied", "applied", "planned", "planned", "planned"]
    assert sorted(everybody(store)) == ["p0", "p1"]


def test_a_batch_that_cannot_be_committed_leaves_neither(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, held = begin(store, create("ada"), create("bob"))

    def full(*_: object) -> None:
        raise StoreError("disk is full")

    monkeypatch.setattr(Held, "check", full)
    with pytest.raises(StoreError):
        list(tasks.apply())
    assert everybody(store) == {}
    assert [row.state for row in actions_of(store, held.run)] == ["planned", "planned"]


def test_a_run_that_lost_its_lease_writes_nothing_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "BATCH", 1)
    tasks, held = begin(store, create("ada"), create("bob"))
    progress = tasks.apply()
    next(progress)
    other = take(store, "acme", "other", "2026-11-21T10:05:00.000Z")  # it ran out
    assert other.token == held.token + 1
    with pytest.raises(StoreError, match="taken over by another run") as caught:
        next(progress)
    assert caught.value.code == "lease_lost"
    assert list(everybody(store)) == ["ada"]
    with pytest.raises(StoreError):
        tasks.record([create("eve")], settled=["x"], scope={})
    assert [row.external_id for row in actions_of(store, held.run)] == ["ada", "bob"]


def test_what_is_held_is_not_applied(store: Store) -> None:
    tasks, held = begin(
        store, create("ada", cause="new"), create("bob", cause="odd"), create("cyd", cause="odd", state="skipped")
    )
    tasks.hold([Hold(Step.CREATE, "odd", 1, "too many")])
    assert list(tasks.apply()) == [1]
    assert {row.external_id: row.state for row in actions_of(store, held.run)} == {
        "ada": "applied", "bob": "held", "cyd": "skipped",
    }  # fmt: skip


def test_what_is_applied_is_what_was_recorded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: the evidence came back as a bare text, and an action that has one had no digest any more."""
    add(store, member("ada"))
    recorded = action(Step.LEAVE_TEAM, "ada", before={"team": "Eng"}, evidence=Evidence.SCOPE, cause="left", parks="x")
    batches: list[Action] = []
    monkeypatch.setattr(runs_module, "apply_batch", lambda _, batch, __: batches.extend(a for _, a in batch.actions))
    tasks, _ = begin(store, recorded)
    list(tasks.apply())
    assert (batches, batches[0].digest) == ([recorded], recorded.digest)
