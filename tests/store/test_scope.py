"""Leaving the scope and entering it again, by domain, group, guest or pattern: the next run of either kind sees it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from reconciler.policy import AttributeMapping, Scope
from store import Store
from store.runs import actions_of
from tests.builders import Directory, by_hand, changes, people, policy, sync
from tests.store.stories import settled
from tests.store.workspaces import add


class Bound(NamedTuple):
    """A scope, what takes somebody out of it and what brings them in."""

    scope: Scope
    out: Callable[[Directory, str], None]
    back: Callable[[Directory, str], None]
    cause: str


def changed(**fields: Any) -> Callable[[Directory, str], None]:
    """Fields of a person; `{}` in a text is their name."""
    return lambda directory, name: directory.change(
        name, **{field: text.format(name) if isinstance(text, str) else text for field, text in fields.items()}
    )


IN = changed(email="{}@acme.com", user_name="{}@acme.com", guest=False)
BOUNDS = {
    "domain": Bound(
        Scope(domains=frozenset({"acme.com"})), changed(email="{}@other.com"), IN,
        "address outside the workspace's domains",
    ),
    "group": Bound(
        Scope(groups=("Staff",)), lambda directory, name: directory.leave(name, groups=["Staff"]),
        lambda directory, name: directory.join(name, groups=["Staff"]), "not in group Staff",
    ),
    "nested group": Bound(
        Scope(groups=("All",)), lambda directory, name: directory.unnest("All", f"{name}'s"),
        lambda directory, name: directory.nest("All", f"{name}'s"), "not in group All",
    ),
    "guest": Bound(Scope(), changed(guest=True), IN, "guest accounts are not synced"),
    "pattern of the address": Bound(
        Scope(exclude=("x-*", "SVC-*@acme.com")), changed(email="svc-{}@acme.com"), IN,
        'excluded by the pattern "SVC-*@acme.com"',
    ),
    "pattern of the user name": Bound(
        Scope(exclude=("*-bot",)), changed(user_name="{}-Bot"), IN, 'excluded by the pattern "*-bot"',
    ),
}  # fmt: skip


def office() -> Directory:
    """Three staff, each in a group inside All."""
    directory = Directory("ada", "bob", "eve")
    for name in ("ada", "bob", "eve"):
        directory.join(name, groups=["Staff", f"{name}'s"])
        directory.nest("All", f"{name}'s")
    return directory


@pytest.mark.parametrize("verify", [False, True], ids=["incremental", "full"])
@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_leaving_is_scope_evidence_and_entering_is_noticed_by_the_next_run(
    store: Store, bound: Bound, verify: bool
) -> None:
    """Ada leaves and comes back; Eve, who was never in it, enters."""
    directory, asked = office(), policy(scope=bound.scope)
    bound.out(directory, "eve")
    assert sync(store, directory, asked).counts.in_scope == 2
    bound.out(directory, "ada")
    bound.back(directory, "eve")
    moved = sync(store, directory, asked, verify=verify)
    joins, leaves = actions_of(store, moved.run)
    assert (joins.kind, joins.external_id, moved.counts.in_scope) == ("create", "eve", 2)
    assert (leaves.kind, leaves.external_id, leaves.state) == ("deactivate", "ada", "applied")
    assert (leaves.evidence, leaves.cause) == ("scope", bound.cause)
    assert set(people(store)) == {"bob@acme.com", "eve@acme.com"}

    bound.back(directory, "ada")
    back = sync(store, directory, asked, verify=verify)
    assert changes(store, back) == [("reactivate", "ada", True)]
    assert set(people(store)) == {"ada@acme.com", "bob@acme.com", "eve@acme.com"}
    settled(store, directory, asked=asked)


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_a_bound_that_is_written_or_taken_away_counts_from_the_next_run(store: Store, bound: Bound) -> None:
    directory = office()
    bound.out(directory, "ada")
    open_scope = policy(scope=Scope(guests=True))
    assert sync(store, directory, open_scope).counts.create == 3
    assert sync(store, directory, policy(scope=bound.scope)).counts.deactivate == 1
    assert sync(store, directory, open_scope).counts.reactivate == 1


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_a_protected_member_who_falls_out_of_scope_stays_and_is_reported(store: Store, bound: Bound) -> None:
    add(store, by_hand("ada"))
    directory = office()
    sync(store, directory)
    asked = policy(scope=bound.scope, protected=frozenset({"ada@acme.com"}))
    bound.out(directory, "ada")
    report = sync(store, directory, asked)
    assert ("deactivate", "ada", "protected") in changes(store, report)
    assert "ada@acme.com" in people(store)


def test_a_service_account_with_its_owners_address_is_nobodys_rival(store: Store) -> None:
    directory = Directory("ada")
    directory.hire("svc", user_name="svc-backup", email="ada@acme.com")
    asked = policy(scope=Scope(exclude=("svc-*",)))
    assert sync(store, directory, asked).counts.create == 1
    assert people(store)["ada@acme.com"].external_id == "ada"
    settled(store, directory, asked=asked)
    directory.change("svc", user_name="backup")
    assert changes(store, sync(store, directory, asked)) == [("create", "svc", "email_conflict")]


def test_what_is_excluded_is_what_a_mapped_field_says(store: Store) -> None:
    directory = Directory("ada")
    directory.change("ada", attributes={"sam": "svc-ada"})
    asked = policy(scope=Scope(exclude=("svc-*",)), attributes=(AttributeMapping("sam", "user_name"),))
    sync(store, directory)
    assert sync(store, directory, asked).counts.deactivate == 1
