"""Applying: what each step writes, what it refuses, and that doing it again changes nothing."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from reconciler.errors import StoreError
from reconciler.guard import Hold
from reconciler.model import JSON, Member
from reconciler.plan import Action, Step, member_id
from reconciler.policy import Policy, RoleAxis
from reconciler.report import ActionRow, Report
from store import Store
from store import runs as runs_module
from store.database import rows, scalar
from store.leases import Held, give_back, take
from store.runs import RunTasks, actions_of
from store.workspace import RosterMember, roster
from tests.builders import ROLE, by_hand, member, policy
from tests.store.workspaces import add, edit, join

NOW = "2026-11-21T10:00:00.000Z"
_NUMBERS = itertools.count(1)


def action(step: Step, name: str, target: Member | None = None, **fields: Any) -> Action:
    """An action on the member that follows this name, unless another member is given."""
    email = f"{name}@acme.com"
    who = member_id("acme", "okta", name) if target is None else target.id
    return Action(step, step.kind, name, email, who, **fields)


def create(name: str, role: str = "member", **fields: Any) -> Action:
    after: dict[str, JSON] = {"email": fields.pop("email", f"{name}@acme.com"), "roles": {"role": role}}
    return action(Step.CREATE, name, after=after, **fields)


def rename(name: str, email: str, parks: Member | None = None) -> Action:
    return action(Step.UPDATE, name, after={"email": email}, parks=parks.id if parks else "")


def adopt(name: str, target: Member) -> Action:
    before = {"managed": target.managed, "external_id": target.external_id}
    after = {"managed": True, "directory": "okta", "external_id": name}
    return action(Step.ADOPT, name, target, before=before, after=after)


def role(step: Step, name: str, value: str, axis: str = "role") -> Action:
    return action(step, name, before={axis: "x"}, after={axis: value})


def promote(name: str, value: str = "admin") -> Action:
    return role(Step.PROMOTE, name, value)


def demote(name: str, value: str = "member") -> Action:
    return role(Step.DEMOTE, name, value)


def joins(name: str, team: str) -> Action:
    return action(Step.JOIN_TEAM, name, after={"team": team})


def leaves(name: str, team: str) -> Action:
    return action(Step.LEAVE_TEAM, name, before={"team": team})


def deactivate(name: str) -> Action:
    return action(Step.DEACTIVATE, name, before={"active": True}, after={"active": False})


def reactivate(name: str) -> Action:
    return action(Step.REACTIVATE, name, before={"active": False}, after={"active": True})


def begin(opened: Store, *actions: Action, asked: Policy | None = None) -> tuple[RunTasks, Held]:
    """A run whose plan is these actions."""
    held = take(opened, "acme", f"run{next(_NUMBERS)}", NOW)
    tasks = RunTasks(opened, asked or policy(), held=held, now=lambda: NOW, mode="incremental")
    tasks.open(Report(held.run, "acme", "okta", "manual", "incremental", "running", NOW))
    tasks.record(sorted(actions, key=lambda one: one.order), settled=(), scope={})
    return tasks, held


def applied(opened: Store, *actions: Action, asked: Policy | None = None) -> dict[str, str]:
    """Applies a plan of these; the code of each outcome, by kind and person."""
    tasks, held = begin(opened, *actions, asked=asked)
    for _ in tasks.apply():
        pass
    give_back(opened, held)
    found = list(actions_of(opened, held.run))
    for row in found:
        check(row)
    return {f"{row.kind} {row.external_id}": row.code for row in found}


def check(row: ActionRow) -> None:
    """An outcome is one of three, and whatever was not done says why."""
    assert row.state in ("applied", "failed", "skipped")
    assert (row.state == "applied") == (row.code == "applied") == (row.error is None)
    assert row.attempts == 1


def everybody(opened: Store) -> dict[str, RosterMember]:
    return {each.email.split("@")[0]: each for each in roster(opened, "acme")}


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


def test_a_created_id_that_follows_somebody_else_now_fails(store: Store) -> None:
    add(store, member("ada", external_id="new-account"))
    assert applied(store, create("ada", email="other@acme.com")) == {"create ada": "changed_since"}


def test_one_action_that_the_database_refuses_does_not_take_the_others_with_it(store: Store) -> None:
    add(store, by_hand("bob"), member("cyd"))
    # Two links to one directory user: only the unique index sees it.
    outcome = applied(store, adopt("cyd", by_hand("bob")), adopt("zoe", by_hand("ann")))
    assert outcome == {"adopt cyd": "refused_by_store", "adopt zoe": "member_gone"}
    add(store, by_hand("ann"), by_hand("dan"))
    outcome = applied(store, adopt("ann", by_hand("ann")), adopt("cyd", by_hand("bob")), adopt("dan", by_hand("dan")))
    assert outcome == {"adopt ann": "applied", "adopt cyd": "refused_by_store", "adopt dan": "applied"}


# -- addresses that change hands ----------------------------------------------------------------------------------


def addresses(opened: Store) -> dict[str, str]:
    return {each.external_id or each.id: each.email.split("@")[0] for each in roster(opened, "acme")}


@pytest.mark.parametrize("batch", [1000, 1])
def test_swapping_two_addresses(store: Store, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(runs_module, "BATCH", batch)
    add(store, member("ada"), member("bob"))
    swap = (rename("ada", "bob@acme.com", member("bob")), rename("bob", "ada@acme.com", member("ada")))
    assert set(applied(store, *swap).values()) == {"applied"}
    assert addresses(store) == {"ada": "bob", "bob": "ada"}


@pytest.mark.parametrize("batch", [1000, 2, 1])
@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_a_ring_of_three(store: Store, monkeypatch: pytest.MonkeyPatch, batch: int, names: tuple[str, ...]) -> None:
    monkeypatch.setattr(runs_module, "BATCH", batch)
    add(store, *(member(name) for name in names))
    ring = dict(zip(names, (*names[1:], names[0]), strict=True))
    outcome = applied(store, *(rename(one, f"{new}@acme.com", member(new)) for one, new in ring.items()))
    assert set(outcome.values()) == {"applied"}
    assert addresses(store) == ring


def test_a_newcomer_gets_an_address_that_is_given_up_in_the_same_plan(store: Store) -> None:
    add(store, member("ada"))
    plan = (create("bob", email="ada@acme.com", parks=member("ada").id), rename("ada", "a.l@acme.com"))
    assert set(applied(store, *plan).values()) == {"applied"}
    assert addresses(store) == {"ada": "a.l", "bob": "ada"}


@pytest.mark.parametrize("batch", [1000, 1])
@pytest.mark.parametrize("held", ["the rename", "nothing planned", "the deactivation"])
def test_an_address_stays_with_its_owner_when_the_change_that_frees_it_is_not_made(
    store: Store, monkeypatch: pytest.MonkeyPatch, batch: int, held: str
) -> None:
    """Regression: the newcomer got the address, and two active members were shown with it."""
    monkeypatch.setattr(runs_module, "BATCH", batch)
    add(store, member("ada"), by_hand("owner", "admin"))
    freeing = {
        "the rename": [action(Step.UPDATE, "ada", after={"email": "a.l@acme.com"}, cause="odd")],
        "nothing planned": [action(Step.UPDATE, "ada", state="skipped", code="email_conflict")],
        "the deactivation": [action(Step.DEACTIVATE, "ada", cause="odd")],
    }[held]
    tasks, lease = begin(store, create("bob", email="ada@acme.com", parks=member("ada").id), *freeing)
    tasks.hold([Hold(freeing[0].step, "odd", 1, "too many")])
    list(tasks.apply())
    assert {row.external_id: row.code for row in actions_of(store, lease.run)}["bob"] == "address_held"
    assert addresses(store) == {"ada": "ada", "hand-owner": "owner"}


def test_the_address_of_a_leaver_who_was_renamed_goes_to_the_newcomer(store: Store) -> None:
    add(store, member("ada"), by_hand("owner", "admin"))
    outcome = applied(store, create("bob", email="ada@acme.com", parks=member("ada").id), deactivate("ada"))
    assert set(outcome.values()) == {"applied"}
    add(store, member("cyd", active=False))
    assert applied(store, create("dan", email="cyd@acme.com", parks=member("cyd").id)) == {"create dan": "applied"}


# -- the last holder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [demote, deactivate])
def test_the_last_holder_is_kept_although_the_plan_did_not_know(store: Store, last: Callable[[str], Action]) -> None:
    """Somebody demoted the other admin by hand between planning and applying."""
    add(store, member("ada", "admin"), member("bob"))
    assert set(applied(store, last("ada"), deactivate("bob")).values()) == {"last_holder", "applied"}
    found = everybody(store)["ada"]
    assert (found.active, found.roles["role"]) == (True, "admin")


@pytest.mark.parametrize("batch", [1000, 1])
@pytest.mark.parametrize("steps", list(itertools.product([demote, deactivate], repeat=3)))
def test_of_several_who_go_one_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, batch: int, steps: tuple[Callable[[str], Action], ...]
) -> None:
    monkeypatch.setattr(runs_module, "BATCH", batch)
    names = ("ada", "bob", "cyd")
    add(store, *(member(name, "admin") for name in names))
    outcome = applied(store, *(step(name) for name, step in zip(names, steps, strict=True)))
    assert sorted(outcome.values()) == ["applied", "applied", "last_holder"]
    left = [each for each in roster(store, "acme") if each.active and each.roles["role"] == "admin"]
    assert len(left) == 1


def test_both_a_demotion_and_a_departure_of_the_last_holder_are_refused(store: Store) -> None:
    add(store, member("ada", "admin"))
    assert set(applied(store, demote("ada"), deactivate("ada")).values()) == {"last_holder"}


def test_holders_who_are_inactive_or_of_another_workspace_do_not_count(store: Store) -> None:
    add(store, member("ada", "admin"), member("bob", "admin", active=False))
    add(store, by_hand("zoe", "admin"), workspace="globex")
    assert applied(store, deactivate("ada")) == {"deactivate ada": "last_holder"}


def test_a_higher_value_holds_too(store: Store) -> None:
    axis = RoleAxis("role", ("member", "admin", "owner"), "member", protect_last="admin")
    asked = policy(axes=(axis,))
    add(store, member("ada", "owner"), member("bob", "admin"))
    assert applied(store, demote("bob"), demote("ada", "admin"), asked=asked) == {
        "set_role bob": "applied", "set_role ada": "applied",
    }  # fmt: skip
    assert applied(store, demote("ada"), asked=asked) == {"set_role ada": "last_holder"}


def test_an_axis_without_protection_loses_its_last_holder(store: Store) -> None:
    asked = policy(axes=(msgspec.structs.replace(ROLE, protect_last=""),))
    add(store, member("ada", "admin"))
    assert applied(store, demote("ada"), deactivate("ada"), asked=asked) == {
        "set_role ada": "applied", "deactivate ada": "applied",
    }  # fmt: skip


def test_two_writers_at_once_do_not_take_both_admins(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if leases failed: whoever writes second sees what the first has written."""
    monkeypatch.setattr(Held, "check", lambda *_: None)
    names = [f"p{number}" for number in range(8)]
    add(store, *(member(name, "admin") for name in names))
    runs = [begin(store, demote(name) if name < "p4" else deactivate(name))[0] for name in finishing(store, names)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda tasks: list(tasks.apply()), runs))
    left = [each for each in roster(store, "acme") if each.active and each.roles["role"] == "admin"]
    assert len(left) == 1


def finishing(opened: Store, names: list[str]) -> Iterator[str]:
    """Names, one lease after the other."""
    for name in names:
        yield name
        edit(opened, "UPDATE lease SET run = ''")


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
