"""The first law, through the store: a read that came back short takes nothing away, and what it hid is looked at
again once the read is whole. Every run here is an incremental one."""

import msgspec
import pytest

from reconciler.model import GroupsSeen, Wanted
from reconciler.policy import AttributeMapping, RoleSource, Scope, TeamMapping
from store import Store
from tests.builders import SOURCE, Directory, admins, by_hand, changes, group, people, policy, sync
from tests.store.workspaces import add, edit

BOTH = policy(teams=(TeamMapping("Eng", "Engineering"), TeamMapping("Ops", "Engineering")))
TWO_ADMINS = policy(sources=(RoleSource("role", groups=(("Admins", "admin"), ("Owners", "admin"))),))
SCOPED = policy(scope=Scope(groups=("Staff",)))


def short(directory: Directory, *collections: str) -> None:
    directory.partial = set(collections)


def teams(store: Store, name: str) -> tuple[str, ...]:
    return people(store)[f"{name}@acme.com"].teams


def forget(store: Store) -> None:
    """The mirror is lost."""
    edit(store, "DELETE FROM mirror_user")
    edit(store, "DELETE FROM directory")


def test_people_missing_from_a_partial_read_stay(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.delete("ada")
    short(directory, "users")
    report = sync(store, directory)
    assert (report.state, changes(store, report)) == ("blocked", [])
    assert report.complete.reasons == ("users could not be read",)
    short(directory)
    report = sync(store, directory)
    assert (report.state, changes(store, report)) == ("succeeded", [("deactivate", "ada", False)])


def test_a_partial_read_still_adds_and_updates(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.hire("bob", groups=["Eng"])
    directory.change("ada", title="Countess")
    short(directory, "users", "groups", "Eng")
    report = sync(store, directory)
    assert report.state == "blocked"
    assert {change[:2] for change in changes(store, report)} == {
        ("create", "bob"), ("update", "ada"), ("join_team", "bob")
    }  # fmt: skip
    assert teams(store, "bob") == ("Engineering",)


def test_somebody_missing_from_a_group_that_was_read_short_stays_in_the_team(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", "bob", groups=["Eng"])
    sync(store, directory)
    directory.leave("ada", groups=["Eng"])
    short(directory, "Eng")
    assert changes(store, sync(store, directory)) == []
    assert teams(store, "ada") == ("Engineering",)
    short(directory)
    assert changes(store, sync(store, directory)) == [("leave_team", "ada", "-")]


def test_moving_into_a_group_that_was_read_short_is_not_leaving_the_team(store: Store) -> None:
    """Regression: Ops was read whole once, so that its later, short read seemed to show that Ada is in no group."""
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    directory.hire("bob", groups=["Ops"])
    sync(store, directory, BOTH)
    directory.leave("ada", groups=["Eng"])
    short(directory, "Ops")
    report = sync(store, directory, BOTH)
    assert changes(store, report) == [("leave_team", "ada", "not_read_whole")]
    assert teams(store, "ada") == ("Engineering",)


def test_moving_between_two_admin_groups_while_one_is_read_short_is_not_a_demotion(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", groups=["Admins"])
    directory.hire("bob", groups=["Owners"])
    sync(store, directory, TWO_ADMINS)
    directory.leave("ada", groups=["Admins"])
    short(directory, "Owners")
    assert changes(store, sync(store, directory, TWO_ADMINS)) == [("set_role", "ada", "not_read_whole")]
    assert admins(store) == {"ada", "bob"}
    directory.join("ada", groups=["Owners"])
    short(directory)
    assert changes(store, sync(store, directory, TWO_ADMINS)) == []
    assert admins(store) == {"ada", "bob"}


def test_what_a_short_read_withheld_is_done_once_it_is_whole(store: Store) -> None:
    """Regression: nobody looked again, because the whole read differed in nothing from the short one."""
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    directory.hire("bob", groups=["Owners", "Ops"])
    asked = msgspec.structs.replace(TWO_ADMINS, teams=BOTH.teams)
    directory.join("ada", groups=["Admins"])
    sync(store, directory, asked)
    directory.leave("ada", groups=["Eng", "Admins"])
    short(directory, "Ops", "Owners")
    assert len(changes(store, sync(store, directory, asked))) == 2
    assert len(changes(store, sync(store, directory, asked))) == 2
    short(directory)
    assert sorted(changes(store, sync(store, directory, asked))) == [
        ("leave_team", "ada", "-"), ("set_role", "ada", "member")
    ]  # fmt: skip
    assert changes(store, sync(store, directory, asked)) == []


def test_nobody_is_judged_by_an_attribute_that_a_short_listing_did_not_bring(store: Store) -> None:
    """Configuration moves the role from a group to an attribute; the next listing of people breaks off before ada."""
    directory = Directory("ada", "bob")
    directory.join("ada", groups=["Admins"])
    sync(store, directory, policy(sources=(RoleSource("role", groups=(("Admins", "admin"),)),)))
    moved = policy(
        sources=(RoleSource("role", attribute="jamie_role"),), attributes=(AttributeMapping("job", "title"),)
    )
    for name in ("ada", "bob"):
        directory.change(name, attributes={"jamie_role": "admin", "job": "Chief"})
    directory.hidden.add("ada")
    directory.partial.add("users")
    for verify in (False, True):
        report = sync(store, directory, moved, verify=verify)
        assert (report.state, report.changes) == ("blocked", 0)
        assert report.error is not None
        assert report.error["code"] == "attributes_not_read"
        assert "asks for jamie_role, job," in report.error["message"]
        assert admins(store) == {"ada"}
    directory.hidden.clear()
    directory.partial.clear()
    assert sync(store, directory, moved).state == "succeeded"
    assert admins(store) == {"ada", "bob"}
    directory.partial.add("users")
    assert sync(store, directory, moved).error is None, "all of them were read with it"


def test_the_scope_group_was_read_short(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", "bob", groups=["Staff"])
    sync(store, directory, SCOPED)
    directory.leave("ada", groups=["Staff"])
    short(directory, "Staff")
    assert changes(store, sync(store, directory, SCOPED)) == []
    short(directory)
    report = sync(store, directory, SCOPED)
    assert changes(store, report) == [("deactivate", "ada", False)]
    assert list(people(store)) == ["bob@acme.com"]


def test_a_scope_group_that_was_never_whole_removes_nobody_and_later_does(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.join("bob", groups=["Staff"])
    short(directory, "Staff")
    assert changes(store, sync(store, directory, SCOPED)) == [("deactivate", "ada", "not_read_whole")]
    short(directory)
    assert changes(store, sync(store, directory, SCOPED)) == [("deactivate", "ada", False)]


def test_a_nested_group_that_was_never_whole_keeps_the_team_of_the_group_above(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    sync(store, directory)
    directory.leave("ada", groups=["Eng"])
    directory.join("ada", groups=["Backend"])
    directory.nest("Eng", "Backend")
    directory.hidden = {"ada"}  # from the members of Backend, too
    short(directory, "users", "Backend")
    assert changes(store, sync(store, directory)) == [("leave_team", "ada", "not_read_whole")]
    assert teams(store, "ada") == ("Engineering",)


@pytest.mark.parametrize("whole", [True, False])
def test_a_group_missing_from_the_listing(store: Store, whole: bool) -> None:
    directory = Directory()
    directory.hire("ada", groups=["Eng", "Admins"])
    add(store, by_hand("owner", "admin"))
    sync(store, directory)
    directory.hidden = {"Eng", "Admins"}
    short(directory, *(() if whole else ("groups",)))
    report = sync(store, directory)
    assert (report.state, changes(store, report)) == ("blocked", [])
    if whole:
        (reason,) = report.complete.reasons
        assert reason.startswith("the listing of groups was short: Admins, Eng are there when asked by id")
        assert report.complete.incomplete_groups == ("Admins", "Eng")
    directory.hidden = set()
    short(directory)
    assert changes(store, sync(store, directory)) == []
    assert (teams(store, "ada"), "ada" in admins(store)) == (("Engineering",), True)


def test_moving_to_a_group_that_a_short_listing_hides_is_not_leaving(store: Store) -> None:
    """Regression: the listing came back short, so that Ops was not read at all, and what it held before counted."""
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    directory.hire("bob", groups=["Ops"])
    sync(store, directory, BOTH)
    directory.leave("ada", groups=["Eng"])
    directory.join("ada", groups=["Ops"])
    directory.hidden = {"Ops"}
    short(directory, "groups")
    assert changes(store, sync(store, directory, BOTH)) == [("leave_team", "ada", "not_read_whole")]
    directory.hidden = set()
    short(directory)
    assert changes(store, sync(store, directory, BOTH)) == []
    assert teams(store, "ada") == ("Engineering",)


def test_members_of_a_lost_mirror_are_not_absent_until_people_were_read_whole(store: Store) -> None:
    """Regression: they were forgotten after the short read, and stayed until the next full comparison."""
    directory = Directory("ada", "bob")
    sync(store, directory)
    forget(store)
    directory.delete("ada")
    directory.purged = {"ada"}
    short(directory, "users")
    assert changes(store, sync(store, directory)) == [("deactivate", "ada", "not_read_whole")]
    short(directory)
    report = sync(store, directory)
    assert (report.state, changes(store, report)) == ("blocked", [("deactivate", "ada", "not_read_whole")])
    report = sync(store, directory)
    assert (report.mode, changes(store, report)) == ("incremental", [("deactivate", "ada", False)])


def test_an_address_is_not_taken_from_somebody_whom_no_read_has_shown_yet(store: Store) -> None:
    """Regression: a member without a mirror row counted as renamed, and lost the address to a newcomer."""
    directory = Directory("ada")
    sync(store, directory)
    forget(store)
    directory.hire("eve", email="ada@acme.com")
    directory.hidden = {"ada"}
    short(directory, "users")
    report = sync(store, directory)
    assert ("create", "eve", "linked_elsewhere") in changes(store, report)
    assert people(store)["ada@acme.com"].external_id == "ada"


def test_a_name_that_means_another_group_now_is_looked_at_for_both(store: Store) -> None:
    """Regression: the old group was renamed and a new one got its name; those of the old one stayed in the team."""
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    directory.hire("bob", groups=["g2"])
    sync(store, directory)
    directory.groups["Eng"] = group("Old engineers", "Eng")
    directory.groups["g2"] = group("Eng", "g2")
    directory.add_group("g2")
    # "Eng" is also the first group's id here, so the configuration names the group by another name.
    report = sync(store, directory)
    assert changes(store, report) == []


def test_a_renamed_group_and_a_new_one_of_its_name(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.join("ada", groups=["g1"])
    directory.join("bob", groups=["g2"])
    directory.groups |= {"g1": group("Eng", "g1"), "g2": group("Other", "g2")}
    sync(store, directory)
    directory.groups["g1"] = group("Engineers", "g1")
    assert changes(store, sync(store, directory)) == []  # renamed: the same group
    directory.groups["g2"] = group("Eng", "g2")
    report = sync(store, directory)
    assert sorted(changes(store, report)) == [("join_team", "bob", "Engineering"), ("leave_team", "ada", "-")]


def test_an_ambiguous_name_takes_nothing_away_and_says_so(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", groups=["g1"])
    directory.groups |= {"g1": group("Eng", "g1"), "g2": group("Eng", "g2")}
    directory.inside["g2"], directory.nested["g2"] = {"ada"}, set()
    report = sync(store, directory)
    assert changes(store, report)[0][:2] == ("create", "ada")
    assert teams(store, "ada") == ()
    assert '2 groups are named "Eng" (g1, g2)' in report.warnings[-1]
    directory.drop_group("g2")
    assert changes(store, sync(store, directory)) == [("join_team", "ada", "Engineering")]


def test_the_pull_asks_for_the_groups_that_are_configured() -> None:
    """The directory of these tests behaves as connectors do: it expands what is asked for and what is nested in it."""
    directory = Directory()
    for name in ("Eng", "Sub", "Unused"):
        directory.add_group(name)
    directory.nest("Eng", "Sub")
    seen = directory.observations(Wanted(groups=frozenset({"Eng"})))
    assert [each.group for each in seen if hasattr(each, "group") and each.group] == ["Eng", "Eng", "Sub", "Sub"]
    assert any(isinstance(each, GroupsSeen) and len(each.groups) == 3 for each in seen)
    assert SOURCE.groups[0][0] == "Admins"
