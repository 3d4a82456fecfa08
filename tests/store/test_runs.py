"""Runs end to end on both databases: each story ends with a run that changes nothing."""

from typing import Any

import msgspec
import pytest

from reconciler.errors import DirectoryError
from reconciler.policy import Limit, RoleRule, RoleSource, Scope, TeamMapping
from store import Store
from store.gauges import gauges
from store.runs import actions_of
from tests.builders import ROLE, Directory, admins, by_hand, member, people, policy, sync
from tests.store.stories import kinds, settled, story
from tests.store.workspaces import add, edit, join

# -- stories ------------------------------------------------------------------------------------------------------


def test_the_first_run_builds_the_roster(store: Store) -> None:
    report = sync(store, story())
    assert (report.state, report.mode) == ("succeeded", "full")
    found = {email.split("@")[0]: (each.roles["role"], *each.teams) for email, each in people(store).items()}
    assert found == {
        "ada": ("admin",), "bob": ("member", "Engineering"), "cyd": ("member", "Engineering"), "hal": ("admin",)
    }  # fmt: skip
    counts = report.counts
    assert (counts.seen, counts.in_scope, counts.create, counts.join_team) == (7, 6, 4, 2)
    assert counts.unchanged == 2  # the suspended and the pending one: in scope, and nothing to do
    assert (counts.skipped, report.complete.whole, report.transport.requests) == (1, True, 0)


def test_the_third_run_changes_nothing(store: Store) -> None:
    directory = story()
    sync(store, directory)
    directory.hire("ivy", groups=["Eng"])
    directory.change("bob", email="robert@acme.com")
    directory.delete("cyd")
    directory.suspend("hal")
    directory.restore("dan")
    directory.join("bob", groups=["Admins"])
    report = sync(store, directory)
    assert report.mode == "incremental"
    assert kinds(store, report.run) == {
        "create ivy applied", "join_team ivy applied", "update bob applied", "set_role bob applied",
        "deactivate cyd applied", "deactivate hal applied", "create dan applied",
    }  # fmt: skip
    assert set(people(store)) == {"ada@acme.com", "robert@acme.com", "ivy@acme.com", "dan@acme.com"}
    settled(store, directory)


def test_a_swap_of_addresses(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory)
    ring = {"ada": "bob", "bob": "cyd", "cyd": "ada"}
    for one, new in ring.items():
        directory.change(one, email=f"{new}@acme.com")
    assert kinds(store, sync(store, directory).run) == {f"update {name} applied" for name in ring}
    assert {each.external_id: email.split("@")[0] for email, each in people(store).items()} == ring
    settled(store, directory)


def test_a_returning_person_is_the_same_member(store: Store) -> None:
    directory = Directory("zoe")
    directory.hire("ada", groups=["Admins", "Eng"])
    sync(store, directory)
    before = people(store)["ada@acme.com"]
    add(store, by_hand("owner", "admin"))
    directory.delete("ada")
    sync(store, directory)
    assert "ada@acme.com" not in people(store)
    directory.hire("ada", groups=["Ops"])
    report = sync(store, directory)
    assert kinds(store, report.run) == {"reactivate ada applied", "leave_team ada applied", "set_role ada applied"}
    after = people(store)["ada@acme.com"]
    assert (after.id, after.roles, after.teams) == (before.id, {"role": "member"}, ())
    assert after.sessions_valid_after is not None
    settled(store, directory)


def test_a_new_account_of_a_leaver_is_the_same_member(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    before = people(store)["ada@acme.com"].id
    directory.delete("ada")
    directory.hire("ada2", email="ADA@acme.com")
    report = sync(store, directory)
    assert kinds(store, report.run) == {"adopt ada2 applied", "update ada2 applied", "deactivate ada relinked"}
    assert people(store)["ADA@acme.com"].id == before
    settled(store, directory)


def test_a_new_account_long_after_the_leaver(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    before = people(store)["ada@acme.com"].id
    directory.delete("ada")
    sync(store, directory)
    directory.hire("ada2", email="ada@acme.com")
    report = sync(store, directory)
    assert {"adopt ada2 applied", "reactivate ada2 applied"} <= kinds(store, report.run)
    assert people(store)["ada@acme.com"].id == before
    settled(store, directory)


def test_two_people_with_one_address_are_a_conflict_until_one_of_them_changes(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.hire("eve", email="Ada@acme.com")
    for _ in range(2):
        report = sync(store, directory)
        assert kinds(store, report.run) == {"create eve email_conflict"}
        (row,) = actions_of(store, report.run)
        assert row.error == "Ada@acme.com belongs to several directory users: eve, ada"
    directory.join("ada", groups=["Admins"])  # not followed while nobody knows who is who, and said so
    assert kinds(store, sync(store, directory).run) == {"create eve email_conflict", "update ada email_conflict"}
    directory.change("eve", email="eve@acme.com")
    report = sync(store, directory)
    assert kinds(store, report.run) == {"create eve applied", "set_role ada applied"}
    settled(store, directory)


def test_an_address_that_another_directory_manages_is_a_conflict(store: Store) -> None:
    sync(store, Directory("ada"), policy(directory="google"))
    directory = Directory("ada", "bob")
    report = sync(store, directory)
    assert kinds(store, report.run) == {"create ada linked_elsewhere", "create bob applied"}
    assert people(store)["ada@acme.com"].directory == "google"
    assert gauges(store, policy(), {}, "2026-11-21T10:00:00.000Z").managed == 2


def test_members_added_by_hand_are_adopted_or_left_alone(store: Store) -> None:
    add(store, by_hand("ada", teams=frozenset({"Choir"})), by_hand("zoe", "admin"))
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    report = sync(store, directory)
    assert kinds(store, report.run) == {"adopt ada applied", "update ada applied", "join_team ada applied"}
    found = people(store)
    assert (found["ada@acme.com"].id, found["ada@acme.com"].teams) == ("hand-ada", ("Choir", "Engineering"))
    assert not found["zoe@acme.com"].managed
    settled(store, directory)


def test_the_last_admin_stays_until_there_is_another(store: Store) -> None:
    directory = Directory("bob")
    directory.hire("ada", groups=["Admins"])
    sync(store, directory)
    directory.leave("ada", groups=["Admins"])
    for _ in range(2):
        assert kinds(store, sync(store, directory).run) == {"set_role ada last_holder"}
    directory.delete("ada")
    assert kinds(store, sync(store, directory).run) == {"deactivate ada last_holder"}
    directory.join("bob", groups=["Admins"])
    assert kinds(store, sync(store, directory).run) == {"set_role bob applied", "deactivate ada applied"}
    assert admins(store) == {"bob"}
    settled(store, directory)


def test_a_handover_to_a_returning_admin_happens_in_one_run(store: Store) -> None:
    """Regression: the returner's role was not counted, and the leaver stayed until the run after."""
    directory = Directory()
    directory.hire("ada", "bob", groups=["Admins"])
    sync(store, directory)
    directory.suspend("bob")
    sync(store, directory)
    directory.restore("bob")
    directory.suspend("ada")
    assert kinds(store, sync(store, directory).run) == {"reactivate bob applied", "deactivate ada applied"}
    settled(store, directory)


def test_of_two_admins_lost_at_once_the_first_by_id_stays(store: Store) -> None:
    directory = Directory("cyd")
    directory.hire("bob", "ada", groups=["Admins"])
    sync(store, directory)
    directory.delete("ada", "bob")
    assert kinds(store, sync(store, directory).run) == {"deactivate ada last_holder", "deactivate bob applied"}
    assert admins(store) == {"ada"}


def test_protected_people_are_never_put_out(store: Store) -> None:
    asked = policy(protected=frozenset({"ada@acme.com"}))
    directory = Directory("bob")
    directory.hire("ada", groups=["Admins"])
    sync(store, directory, asked)
    directory.delete("ada")
    assert kinds(store, sync(store, directory, asked).run) == {"deactivate ada protected"}
    assert admins(store) == {"ada"}


def test_people_are_matched_by_user_name_where_configured(store: Store) -> None:
    asked = policy(match="user_name")
    adopted = by_hand("x", profile=msgspec.structs.replace(by_hand("x").profile, user_name="ADA"))
    add(store, adopted)
    directory = Directory()
    directory.hire("ada", user_name="ada", email="ada@acme.com")
    directory.hire("bob", user_name="bob", email="bob@acme.com")
    assert "adopt ada applied" in kinds(store, sync(store, directory, asked).run)
    assert people(store)["ada@acme.com"].id == adopted.id
    settled(store, directory, asked=asked)


def test_a_text_that_the_database_cannot_hold_fails_alone(store: Store) -> None:
    """Regression: PostgreSQL refuses the character NUL, and one title stopped the whole run, every time."""
    directory = Directory("ada", "bob", "cyd")
    directory.change("bob", title="nul\x00character")
    report = sync(store, directory)
    assert {"ada@acme.com", "cyd@acme.com"} <= set(people(store))
    if store.sqlite:
        assert (report.state, people(store)["bob@acme.com"].title) == ("succeeded", "nul\x00character")
    else:
        assert (report.state, report.counts.create) == ("partial", 2)
        (row,) = [row for row in actions_of(store, report.run) if row.state == "failed"]
        assert (row.email, row.code, "NUL" in str(row.error)) == ("bob@acme.com", "refused_by_store", True)


def test_addresses_change_hands_between_people_who_are_matched_by_user_name(store: Store) -> None:
    """Regression: only those matched by address gave theirs up; a swap failed, every time."""
    asked = policy(match="user_name")
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory, asked)
    for one, new in {"ada": "bob", "bob": "ada", "cyd": "c"}.items():
        directory.change(one, email=f"{new}@acme.com")
    directory.hire("dan", email="cyd@acme.com")
    assert sync(store, directory, asked).state == "succeeded"
    found = {each.external_id: email.split("@")[0] for email, each in people(store).items()}
    assert found == {"ada": "bob", "bob": "ada", "cyd": "c", "dan": "cyd"}
    settled(store, directory, asked=asked)
    directory.hire("eve", email="ada@acme.com")  # an address that nobody gives up
    assert kinds(store, sync(store, directory, asked).run) == {"create eve email_taken"}


# -- policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "mode", "expected"),
    [
        pytest.param({"teams": ()}, "incremental", set(), id="team mapping gone"),  # the rest is test_mappings.py
        pytest.param({"teams": (TeamMapping("Eng", "Engineering"), TeamMapping("Admins", "Board"))}, "incremental",
                     {"join_team ada applied"}, id="team mapping new"),
        pytest.param({"nested": False}, "full", {"leave_team cyd applied"}, id="nesting off"),
        pytest.param({"sources": (RoleSource("role", groups=(("Admins", "admin"),)),)}, "incremental",
                     {"set_role hal applied"}, id="attribute no longer read"),
        pytest.param({"scope": Scope(guests=True)}, "full", {"create gus applied"}, id="guests"),
        pytest.param({"scope": Scope(groups=("Eng",))}, "full",
                     {"deactivate ada last_holder", "deactivate hal applied"}, id="only engineers"),
        pytest.param({"limits": {"deactivate": Limit(count=1)}}, "incremental", set(), id="limits alter no plan"),
    ],
)  # fmt: skip
def test_a_change_of_policy_is_applied_to_those_whom_it_touches(
    store: Store, change: dict[str, Any], mode: str, expected: set[str]
) -> None:
    directory = story()
    sync(store, directory)
    asked = policy(**change)
    report = sync(store, directory, asked)
    assert kinds(store, report.run) == expected
    assert report.mode == mode
    again = sync(store, directory, asked)
    assert (again.mode, again.changes) == ("incremental", 0)


def test_a_role_axis_that_comes_later_is_filled_in(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    axis = msgspec.structs.replace(ROLE, axis="seat", values=("none", "full"), default="none", protect_last="")
    asked = policy(axes=(ROLE, axis), rules=(RoleRule((("role", "admin"),), (("seat", "full"),)),))
    assert kinds(store, sync(store, directory, asked).run) == {"set_role ada applied", "set_role bob applied"}
    assert people(store)["ada@acme.com"].roles == {"role": "member", "seat": "none"}
    settled(store, directory, asked=asked)


def test_a_policy_change_survives_a_run_that_cannot_read(store: Store) -> None:
    directory = story()
    sync(store, directory, policy(teams=(TeamMapping("Eng", "Engineering", "remove"),)))
    directory.error = DirectoryError("no answer")
    assert sync(store, directory, policy(teams=())).state == "blocked"
    directory.error = None
    report = sync(store, directory, policy(teams=()))
    assert (report.mode, report.counts.leave_team) == ("incremental", 2)


# -- drift --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE member SET active = FALSE WHERE external_id = 'bob'", "reactivate bob applied"),
        ("UPDATE member SET title = 'Boss' WHERE external_id = 'bob'", "update bob applied"),
        ("UPDATE member_role SET value = 'member' WHERE value = 'admin'", "set_role ada applied"),
        ("DELETE FROM team_member", "join_team bob applied"),
        ("DELETE FROM member WHERE external_id = 'eve-stray'", ""),
    ],
)
def test_a_verifying_run_finds_what_was_changed_by_hand(store: Store, sql: str, expected: str) -> None:
    directory = Directory("cyd")
    directory.hire("ada", groups=["Admins"])
    directory.hire("bob", groups=["Eng"])
    sync(store, directory)
    edit(store, sql)
    assert sync(store, directory).changes == 0  # an incremental run looks only at what the directory changed
    report = sync(store, directory, verify=True)
    assert (report.mode, kinds(store, report.run)) == ("full", {expected} - {""})
    settled(store, directory)


def test_a_verifying_run_puts_out_a_linked_member_whom_the_directory_does_not_know(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    add(store, member("stray"))
    assert kinds(store, sync(store, directory, verify=True).run) == {"deactivate stray applied"}
    settled(store, directory)


def test_teams_joined_by_hand_survive_every_run(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    sync(store, directory)
    join(store, people(store)["ada@acme.com"].id, "Choir")
    join(store, people(store)["ada@acme.com"].id, "Engineering")
    directory.leave("ada", groups=["Eng"])
    sync(store, directory)
    assert people(store)["ada@acme.com"].teams == ("Choir", "Engineering")
    settled(store, directory)
