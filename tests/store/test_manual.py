"""Changes by hand: what each writes, what each refuses, and a sync before, after and meanwhile."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from reconciler.errors import ChangeRefused
from reconciler.manual import Ownership
from reconciler.policy import AttributeMapping, Policy, RoleAxis, RoleRule
from store import Store
from store import runs as runs_module
from store.database import rows
from store.manual import ByHand
from store.runs import RunTasks
from store.workspace import RosterMember
from tests.builders import ROLE, Directory, by_hand, changes, member, people, policy, sync
from tests.store.plans import NOW, begin, create, demote, everybody
from tests.store.stories import settled
from tests.store.workspaces import add, edit, join

PRIMARY = RoleAxis("primary", ("analyst", "listener"), "analyst", when_absent="keep")
AXES = (ROLE, PRIMARY)


def hand(store: Store, *feeding: Policy, axes: tuple[RoleAxis, ...] = (ROLE,), **fields: Any) -> ByHand:
    """The workspace, fed by these directories."""
    return ByHand(store, Ownership("acme", axes, directories=feeding, **fields), lambda: NOW)


def refused(change: Any, *arguments: Any, **options: Any) -> str:
    """The code with which a change is refused."""
    with pytest.raises(ChangeRefused) as caught:
        change(*arguments, **options)
    return caught.value.code


def history(store: Store) -> list[tuple[Any, ...]]:
    """Every row about members, to see that nothing happened."""
    with store.read() as connection:
        tables = ("member", "member_role", "team_member", "pending")
        found = {table: rows(connection, f"SELECT * FROM {table}") for table in tables}  # noqa: S608 - constants
        return [(table, *row) for table, listed in found.items() for row in sorted(listed, key=str)]


# -- a workspace that nobody feeds ---------------------------------------------------------------------------------


def test_an_invitation_makes_a_member_of_no_directory(store: Store) -> None:
    made = hand(store).invite(" Ada@acme.com ", {"given_name": "Ada "}, {"role": "ADMIN"})
    assert (made.email, made.given_name, made.active, made.managed, made.directory) == (
        "Ada@acme.com", "Ada", True, False, None,
    )  # fmt: skip
    assert (made.roles, made.teams, made.sessions_valid_after) == ({"role": "admin"}, (), None)
    assert [*everybody(store).values()] == [made]


@pytest.mark.parametrize("address", ["ada@acme.com", "ADA@acme.com "])
def test_nobody_is_invited_to_an_address_that_is_taken(store: Store, address: str) -> None:
    add(store, by_hand("ada", active=False))
    assert refused(hand(store).invite, address, {}, {}) == "email_taken"


def test_whom_an_invitation_is_for_who_is_there_already_is_said(store: Store) -> None:
    add(store, by_hand("ada"), by_hand("bob", active=False))
    for name, fix in (("ada", "instead of inviting them again"), ("bob", "they left: reactivate them")):
        with pytest.raises(ChangeRefused, match=f"{name}@acme.com is a member's address already") as caught:
            hand(store).invite(f"{name}@acme.com", {}, {})
        assert fix in caught.value.fix


def test_an_address_of_another_workspace_is_free(store: Store) -> None:
    add(store, by_hand("ada"), workspace="globex")
    assert hand(store).invite("ada@acme.com", {}, {}).email == "ada@acme.com"
    assert refused(hand(store).edit, "zoe@acme.com", {"title": "Chief"}) == "unknown_member"


@pytest.mark.parametrize("address", ["", "ada", "@", "a b@acme.com"])
def test_an_invitation_needs_an_address(store: Store, address: str) -> None:
    assert refused(hand(store).invite, address, {}, {}) == "bad_email"


def test_fields_change_and_clear(store: Store) -> None:
    add(store, by_hand("ada"), by_hand("bob"))
    here = hand(store)
    assert here.edit("ADA@acme.com", {"title": " Countess "}).title == "Countess"
    assert here.edit("ada@acme.com", {"title": "", "email": "Lovelace@acme.com"}).title == ""
    assert here.edit("lovelace@acme.com", {"department": "Engines"}).email == "Lovelace@acme.com"
    assert refused(here.edit, "lovelace@acme.com", {"email": "bob@acme.com"}) == "email_taken"
    assert refused(here.edit, "lovelace@acme.com", {"email": ""}) == "bad_email"
    assert refused(here.edit, "lovelace@acme.com", {"titel": "x"}) == "unknown_field"


def test_a_field_that_a_directory_adds_is_set_by_hand_too(store: Store) -> None:
    add(store, by_hand("ada"))
    here = hand(store, policy(attributes=(AttributeMapping("costCenter", "cost_center"),)))
    assert here.edit("ada@acme.com", {"cost_center": "42"}).attributes == {"cost_center": "42"}
    assert hand(store).edit("ada@acme.com", {"cost_center": ""}).attributes == {}
    assert refused(hand(store).edit, "ada@acme.com", {"cost_center": "1"}) == "unknown_field"


def test_teams_by_hand(store: Store) -> None:
    add(store, by_hand("ada"))
    here = hand(store)
    assert here.join_team("ada@acme.com", "Choir").teams == ("Choir",)
    assert here.join_team("ada@acme.com", " Choir ").teams == ("Choir",)
    assert refused(here.leave_team, "ada@acme.com", "Chior") == "unknown_team"
    assert here.leave_team("ada@acme.com", "Choir").teams == ()
    assert here.leave_team("ada@acme.com", "Choir").teams == ()
    assert refused(here.join_team, "ada@acme.com", " ") == "bad_team"


def test_deactivating_signs_out_and_can_be_undone(store: Store) -> None:
    add(store, by_hand("ada"), by_hand("owner", "admin"))
    here = hand(store)
    left = here.deactivate("ada@acme.com")
    assert (left.active, left.sessions_valid_after, left.roles) == (False, NOW, {"role": "member"})
    back = here.reactivate("ada@acme.com")
    assert (back.active, back.sessions_valid_after) == (True, NOW)
    assert here.sign_out("owner@acme.com").sessions_valid_after == NOW


def test_a_rule_between_axes_holds_by_hand_too(store: Store) -> None:
    add(store, by_hand("ada", roles={"role": "admin", "primary": "analyst"}), by_hand("owner", "admin"))
    here = hand(store, axes=AXES, rules=(RoleRule((("primary", "listener"),), (("role", "member"),)),))
    assert here.set_role("ada@acme.com", "primary", "listener").roles == {"role": "member", "primary": "listener"}
    assert refused(here.set_role, "ada@acme.com", "role", "admin") == "role_rule"
    assert refused(here.set_role, "owner@acme.com", "primary", "listener") == "last_holder"


def test_the_last_holder_stays_by_hand_too(store: Store) -> None:
    add(store, by_hand("ada", "admin"), by_hand("bob", "admin", active=False), member("cyd"))
    add(store, by_hand("zoe", "admin"), workspace="globex")
    here = hand(store, policy())
    before = history(store)
    assert refused(here.set_role, "ada@acme.com", "role", "member") == "last_holder"
    assert refused(here.deactivate, "ada@acme.com") == "last_holder"
    assert refused(here.deactivate, "ada@acme.com", emergency=True) == "last_holder"
    assert history(store) == before
    here.reactivate("bob@acme.com")
    assert not here.deactivate("ada@acme.com").active
    assert refused(here.set_role, "bob@acme.com", "role", "member") == "last_holder"


def test_a_change_that_is_there_already_writes_nothing(store: Store) -> None:
    add(store, by_hand("ada", "admin", teams=frozenset({"Choir"})), by_hand("bob", active=False))
    before, here = history(store), hand(store)
    here.edit("ada@acme.com", {"email": "ada@acme.com", "title": ""})
    here.set_role("ada@acme.com", "role", "admin")
    here.join_team("ada@acme.com", "Choir")
    here.reactivate("ada@acme.com")
    here.deactivate("bob@acme.com")
    assert history(store) == before


# -- a workspace that a directory feeds ----------------------------------------------------------------------------


def fed(store: Store) -> tuple[Directory, ByHand]:
    """Ada is an admin by group, Bob an engineer, Eve left; the owner was added by hand."""
    directory = Directory("ada", "bob", "eve")
    directory.join("ada", groups=["Admins"])
    directory.join("bob", groups=["Eng"])
    sync(store, directory)
    directory.suspend("eve")
    sync(store, directory)
    add(store, by_hand("owner", teams=frozenset({"Board"})))
    return directory, hand(store, policy())


def test_what_the_directory_owns_is_refused_and_nothing_is_written(store: Store) -> None:
    directory, here = fed(store)
    before = history(store)
    assert refused(here.invite, "new@acme.com", {}, {}) == "managed_workspace"
    assert refused(here.edit, "bob@acme.com", {"title": "Chief"}) == "managed_by_directory"
    assert refused(here.set_role, "bob@acme.com", "role", "admin") == "managed_by_directory"
    assert refused(here.leave_team, "bob@acme.com", "Engineering") == "managed_by_directory"
    assert refused(here.deactivate, "bob@acme.com") == "managed_by_directory"
    assert refused(here.reactivate, "eve@acme.com") == "managed_by_directory"
    assert history(store) == before
    settled(store, directory)


def test_what_no_directory_owns_is_changed_and_stays(store: Store) -> None:
    directory, here = fed(store)
    here.edit("owner@acme.com", {"title": "Founder"})
    here.set_role("owner@acme.com", "role", "admin")
    here.leave_team("owner@acme.com", "Board")
    here.join_team("bob@acme.com", "Choir")
    here.join_team("bob@acme.com", "Engineering")
    here.sign_out("bob@acme.com")
    assert changes(store, sync(store, directory)) == []
    settled(store, directory)
    found = people(store)
    assert (found["owner@acme.com"].title, found["owner@acme.com"].roles) == ("Founder", {"role": "admin"})
    assert found["bob@acme.com"].teams == ("Choir", "Engineering")
    directory.leave("bob", groups=["Eng"])
    sync(store, directory)
    assert people(store)["bob@acme.com"].teams == ("Choir", "Engineering"), "a person put them in"
    assert here.leave_team("bob@acme.com", "Engineering").teams == ("Choir",)
    settled(store, directory)


def test_an_axis_that_silence_keeps_is_set_by_hand_and_stays(store: Store) -> None:
    asked = policy(axes=AXES)
    directory = Directory("ada", "bob")
    sync(store, directory, asked)
    here = hand(store, asked, axes=AXES)
    assert here.set_role("bob@acme.com", "primary", "listener").roles["primary"] == "listener"
    assert changes(store, sync(store, directory, asked)) == []
    settled(store, directory, asked=asked)
    assert people(store)["bob@acme.com"].roles == {"role": "member", "primary": "listener"}


@pytest.mark.parametrize("suspended", [False, True])
def test_in_an_emergency_out_until_the_next_sync(store: Store, suspended: bool) -> None:
    directory, here = fed(store)
    out = here.deactivate("bob@acme.com", emergency=True)
    assert (out.active, out.sessions_valid_after) == (False, NOW)
    if suspended:
        directory.suspend("bob")
    report = sync(store, directory)
    assert report.mode == "incremental"
    assert changes(store, report) == ([] if suspended else [("reactivate", "bob", True)])
    assert ("bob@acme.com" in people(store)) is not suspended
    settled(store, directory)


def test_once_the_directory_is_configured_no_more_its_people_are_changed_by_hand(store: Store) -> None:
    fed(store)
    here = hand(store)
    assert here.edit("bob@acme.com", {"title": "Chief"}).title == "Chief"
    assert here.set_role("bob@acme.com", "role", "admin").roles == {"role": "admin"}
    assert here.leave_team("bob@acme.com", "Engineering").teams == ()
    assert here.reactivate("eve@acme.com").active
    assert here.invite("new@acme.com", {}, {}).roles == {"role": "member"}


def test_two_directories_own_their_own(store: Store) -> None:
    google = policy(directory="google", sources=())
    add(store, member("ada"), member("gus", directory="google"))
    join(store, "hand-owner", "Engineering", source="google")
    with pytest.raises(ChangeRefused, match="managed by the directory google"):
        hand(store, policy(), google).edit("gus@acme.com", {"title": "x"})


# -- while a run is applying ---------------------------------------------------------------------------------------


def test_a_change_by_hand_falls_between_two_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last but one admin goes by hand after the plan was made: the run asks again and leaves the last."""
    monkeypatch.setattr(runs_module, "BATCH", 1)
    add(store, by_hand("owner", "admin"), member("ada", "admin"))
    tasks, _ = begin(store, create("new"), demote("ada"))
    steps = tasks.apply()
    next(steps)
    hand(store, policy()).set_role("owner@acme.com", "role", "member")
    list(steps)
    assert everybody(store)["ada"].roles == {"role": "admin"}
    assert everybody(store)["owner"].roles == {"role": "member"}


@pytest.mark.parametrize("round_", range(3))
def test_people_and_runs_at_once_never_take_the_last_admin(store: Store, round_: int) -> None:
    names = [f"p{number}" for number in range(6)]
    add(store, *(member(name, "admin") for name in names), *(by_hand(f"h{number}", "admin") for number in range(6)))
    tasks, _ = begin(store, *(demote(name) for name in names))
    here = hand(store, policy())

    def demoted(name: str) -> RosterMember | None:
        with suppress(ChangeRefused):
            return here.set_role(f"{name}@acme.com", "role", "member")
        return None

    def applied(running: RunTasks) -> None:
        list(running.apply())

    with ThreadPoolExecutor(4) as pool:
        run = pool.submit(applied, tasks)
        done = list(pool.map(demoted, [f"h{number}" for number in range(6)]))
        run.result()
    left = [each for each in everybody(store).values() if each.active and each.roles["role"] == "admin"]
    assert len(left) == 1
    assert sum(each is None for each in done) in (0, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_planning_does_not_forget_whom_somebody_changed(store: Store, when: str) -> None:
    """Regression guard: what is marked while a plan is made is settled by the next one, not by this one."""
    directory, here = fed(store)
    mark = itertools.count()
    real = RunTasks.record

    def record(self: RunTasks, *arguments: Any, **options: Any) -> None:
        if when == "after":
            real(self, *arguments, **options)
        if next(mark) == 0:
            here.deactivate("bob@acme.com", emergency=True)
        if when == "before":
            real(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunTasks, "record", record)
        directory.change("bob", title="Chief")
        sync(store, directory, verify=True)
    assert not everybody(store)["bob"].active
    assert changes(store, sync(store, directory)) == [("reactivate", "bob", True)]
    settled(store, directory)


def test_an_application_that_writes_beside_is_seen(store: Store) -> None:
    add(store, by_hand("ada"))
    edit(store, "UPDATE member SET title = 'Countess'")
    assert hand(store).edit("ada@acme.com", {"department": "Engines"}).title == "Countess"
