"""Addresses that change hands, and the last holder of a role, when a plan meets the workspace."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from reconciler.guard import Hold
from reconciler.plan import Action, Step
from reconciler.policy import RoleAxis, Scope
from store import Store
from store import runs as runs_module
from store.leases import Held
from store.runs import actions_of
from store.workspace import roster
from tests.builders import ROLE, Directory, admins, by_hand, changes, member, people, policy, sync
from tests.store.plans import action, applied, begin, create, deactivate, demote, everybody, joins, rename
from tests.store.workspaces import add, edit

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


@pytest.mark.parametrize("held", ["the creation", "the address"])
def test_who_is_not_created_joins_no_team_and_that_is_no_failure(store: Store, held: str) -> None:
    """Regression: joining the team failed in every run, because the member did not exist, and the run was `partial`."""
    add(store, member("ada"), by_hand("owner", "admin"))
    newcomer = create("bob", email="ada@acme.com", parks=member("ada").id)
    if held == "the creation":
        newcomer = create("bob", cause="odd")
    tasks, lease = begin(store, newcomer, joins("bob", "Engineering"), joins("eve", "Engineering"))
    tasks.hold([Hold(Step.CREATE, "odd", 1, "too many")])
    list(tasks.apply())
    outcome = {(row.kind, row.external_id): (row.state, row.code) for row in actions_of(store, lease.run)}
    assert outcome["join_team", "bob"] == ("skipped", "not_created")
    assert outcome["join_team", "eve"] == ("failed", "member_gone"), "nobody was going to create them"


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


def test_an_admin_of_whose_address_somebody_elses_change_speaks_is_still_one(store: Store) -> None:
    """Regression: a leaver with the address of an admin who was added by hand counted as that admin's departure, and
    another admin had to stay for one run more than needed."""
    asked = policy(scope=Scope(groups=("Staff",)))
    directory = Directory()
    directory.hire("ada", "cyd", "dan", groups=["Staff"])
    directory.join("ada", groups=["Admins"])
    sync(store, directory, asked)
    add(store, by_hand("bob", "admin"))
    directory.change("cyd", email="bob@acme.com")
    directory.leave("ada", "cyd", groups=["Staff"])
    assert changes(store, sync(store, directory, asked)) == [("deactivate", "ada", False), ("deactivate", "cyd", False)]
    assert admins(store) == {"bob"}


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


def test_a_person_whose_former_member_follows_another_account_comes_back_as_a_new_one(store: Store) -> None:
    """Regression: the id of the new member was that of the old one, and the create failed in every run."""
    directory = Directory("x1")
    directory.change("x1", email="ada@acme.com")
    sync(store, directory)
    directory.delete("x1")
    directory.hire("x2", email="ada@acme.com")
    sync(store, directory)
    directory.hire("x1", email="ada.again@acme.com", groups=["Eng"])
    assert sync(store, directory).counts.create == 1
    sync(store, directory)
    assert {email: each.external_id for email, each in people(store).items()} == {
        "ada@acme.com": "x2", "ada.again@acme.com": "x1",
    }  # fmt: skip
    assert people(store)["ada.again@acme.com"].teams == ("Engineering",)
    assert sync(store, directory, verify=True).changes == 0
