"""Team mappings that configuration drops: their members stay, leave, or wait for a decision."""

from typing import Any

import pytest

from reconciler.policy import Limit, OnRemove, Policy, TeamMapping
from reconciler.report import Report
from store import Store, mappings
from store.database import rows
from store.mappings import Known, decide, listed, with_retired
from tests.builders import TEAM, Directory, changes, people, policy, sync
from tests.store.stories import settled
from tests.store.workspaces import join

NONE = policy(teams=())
TOLD = "the mapping of group Eng to team Engineering was removed"
COMMAND = "rosterd mappings okta --keep Eng Engineering (or --remove)"


def asked(on_remove: OnRemove | None = None, *more: TeamMapping) -> Policy:
    return policy(teams=(TeamMapping("Eng", "Engineering", on_remove), *more))


def team(store: Store, name: str = "Engineering") -> set[str]:
    return {str(each.external_id) for each in people(store).values() if name in each.teams}


def by_hand(store: Store) -> set[str]:
    with store.read() as connection:
        sql = "SELECT m.external_id FROM team_member t JOIN member m ON m.no = t.member_no WHERE t.source = ''"
        return {row[0] for row in rows(connection, sql)}


def known(store: Store, configured: Policy = NONE) -> list[Known]:
    with store.read() as connection:
        return listed(connection, with_retired(connection, configured))


def say(store: Store, on_remove: OnRemove) -> None:
    with store.write() as connection:
        decide(connection, "okta", TeamMapping("Eng", "Engineering", on_remove))


@pytest.fixture
def acme() -> Directory:
    """Bob and cyd in Eng (cyd in a group below it), dan in Eng and Ops, eve in neither."""
    directory = Directory("ada", "eve")
    directory.hire("bob", groups=["Eng"])
    directory.hire("cyd", groups=["Sub"])
    directory.hire("dan", groups=["Eng", "Ops"])
    directory.nest("Eng", "Sub")
    return directory


def mentions(report: Report) -> list[str]:
    return [warning for warning in report.warnings if "Engineering" in warning]


# -- remove -------------------------------------------------------------------------------------------------------


def test_removed_with_remove_those_leave_whom_only_the_mapping_had_put_there(store: Store, acme: Directory) -> None:
    other = TeamMapping("Ops", "Engineering")
    sync(store, acme, asked("remove", other))
    with store.read() as connection:
        (eve,) = rows(connection, "SELECT id FROM member WHERE external_id = 'eve'")
    join(store, eve[0], "Engineering")
    report = sync(store, acme, policy(teams=(other,)))
    assert changes(store, report) == [("leave_team", "bob", "-"), ("leave_team", "cyd", "-")]
    assert {cause.cause for cause in report.causes} == {TOLD}
    assert (team(store), by_hand(store), mentions(report)) == ({"dan", "eve"}, {"eve"}, [])
    assert [each.retired for each in known(store, policy(teams=(other,)))] == [False]
    settled(store, acme, asked=policy(teams=(other,)))


def test_what_a_guard_holds_is_still_to_be_removed(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("remove"))
    strict = policy(teams=(), limits={"leave_team": Limit(count=2)})
    assert sync(store, acme, strict).state == "held"
    again = sync(store, acme, strict)
    assert (again.counts.held, team(store)) == (3, {"bob", "cyd", "dan"})
    assert known(store) == [Known(TeamMapping("Eng", "Engineering", "remove"), True, 3)]
    assert sync(store, acme, NONE).counts.leave_team == 3
    assert known(store) == []


def test_a_leaver_who_comes_back_is_no_member_of_a_removed_team(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("remove"))
    acme.suspend("bob")
    assert changes(store, sync(store, acme, NONE)) == [
        ("leave_team", "cyd", "-"), ("leave_team", "dan", "-"), ("deactivate", "bob", False),
    ]  # fmt: skip
    assert known(store) == []
    acme.restore("bob")
    assert changes(store, sync(store, acme, NONE)) == [("reactivate", "bob", True), ("leave_team", "bob", "-")]


# -- keep ---------------------------------------------------------------------------------------------------------


def test_removed_with_keep_they_stay_as_if_added_by_hand(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("keep"))
    planned = sync(store, acme, NONE, apply=False)
    assert by_hand(store) == set(), "a plan writes nothing to the workspace"
    report = sync(store, acme, NONE)
    said = [f"3 members of team Engineering stay: {TOLD}, on_remove = keep"]
    assert (mentions(planned), mentions(report)) == (said, said)
    assert (planned.digest, changes(store, report)) == (report.digest, [])
    assert team(store) == by_hand(store) == {"bob", "cyd", "dan"}
    acme.leave("bob", groups=["Eng"])
    settled(store, acme, asked=NONE)
    assert (team(store), known(store)) == ({"bob", "cyd", "dan"}, [])


def test_those_whom_another_mapping_puts_there_still_follow_it(store: Store, acme: Directory) -> None:
    other = TeamMapping("Ops", "Engineering")
    sync(store, acme, asked("keep", other))
    rest = policy(teams=(other,))
    assert mentions(sync(store, acme, rest)) == [f"2 members of team Engineering stay: {TOLD}, on_remove = keep"]
    assert by_hand(store) == {"bob", "cyd"}
    acme.leave("dan", groups=["Ops"])
    assert changes(store, sync(store, acme, rest)) == [("leave_team", "dan", "-")]


def test_whoever_leaves_the_group_in_the_same_run_leaves_the_team(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("keep"))
    acme.leave("bob", groups=["Eng"])
    report = sync(store, acme, NONE)
    assert changes(store, report) == [("leave_team", "bob", "-")]
    assert report.causes[0].cause == "no longer in a group mapped to team Engineering"
    assert by_hand(store) == {"cyd", "dan"}


def test_a_group_that_is_deleted_together_with_its_mapping_keeps_its_members(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("keep"))
    acme.drop_group("Eng")
    report = sync(store, acme, NONE)
    assert (changes(store, report), team(store), by_hand(store)) == ([], {"bob", "cyd", "dan"}, {"bob", "cyd", "dan"})
    assert not [warning for warning in report.warnings if "lists no group" in warning and "Eng" in warning]


def test_nothing_is_settled_while_a_group_was_not_read_whole(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("keep"))
    acme.partial.add("Eng")
    short = sync(store, acme, NONE)
    assert (mentions(short)[0], by_hand(store)) == (f"members of team Engineering: {TOLD}, on_remove = keep", set())
    acme.partial.clear()
    sync(store, acme, NONE)
    assert by_hand(store) == {"bob", "cyd", "dan"}


def test_killed_before_it_is_settled_the_next_run_settles(
    store: Store, acme: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(store, acme, asked("keep"))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mappings, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            sync(store, acme, NONE)
    assert by_hand(store) == set()
    sync(store, acme, NONE)
    assert by_hand(store) == team(store) == {"bob", "cyd", "dan"}


# -- nobody has decided -------------------------------------------------------------------------------------------


def test_without_a_decision_they_stay_and_every_report_says_so(store: Store, acme: Directory) -> None:
    sync(store, acme, asked())
    for _ in range(2):
        report = sync(store, acme, NONE)
        assert changes(store, report) == []
        assert mentions(report) == [
            f"3 members of team Engineering stay for now: {TOLD}; say whether they stay or leave: {COMMAND}"
        ]
    assert (team(store), by_hand(store)) == ({"bob", "cyd", "dan"}, set())
    acme.join("ada", groups=["Eng"])
    acme.leave("bob", groups=["Eng"])
    assert changes(store, sync(store, acme, NONE)) == [("leave_team", "bob", "-")], "nobody new comes, leavers leave"
    assert known(store) == [Known(TEAM, True, 2)]


@pytest.mark.parametrize(
    ("answer", "left", "hand"), [("keep", {"bob", "cyd", "dan"}, {"bob", "cyd", "dan"}), ("remove", set(), set())]
)
def test_what_is_decided_later_is_done_by_the_next_run(
    store: Store, acme: Directory, answer: OnRemove, left: set[str], hand: set[str]
) -> None:
    sync(store, acme, asked())
    sync(store, acme, NONE)
    say(store, answer)
    assert team(store) == {"bob", "cyd", "dan"}
    report = sync(store, acme, NONE)
    assert (report.mode, report.counts.leave_team) == ("incremental", 3 - len(left))
    assert (team(store), by_hand(store), known(store)) == (left, hand, [])
    settled(store, acme, asked=NONE)


def test_a_decision_about_a_group_that_is_long_gone(store: Store, acme: Directory) -> None:
    sync(store, acme, asked())
    acme.drop_group("Eng")
    assert changes(store, sync(store, acme, NONE)) == []
    say(store, "remove")
    assert sync(store, acme, NONE).counts.leave_team == 3
    assert (team(store), known(store)) == (set(), [])


# -- coming back, moving, never having been -----------------------------------------------------------------------


def test_a_mapping_that_comes_back_is_followed_as_before(store: Store, acme: Directory) -> None:
    sync(store, acme, asked())
    sync(store, acme, NONE)
    report = sync(store, acme, asked("remove"))
    assert (changes(store, report), mentions(report)) == ([], [])
    assert known(store, asked("remove")) == [Known(TeamMapping("Eng", "Engineering", "remove"), False, 3)]
    assert sync(store, acme, NONE).counts.leave_team == 3


def test_a_team_that_is_renamed_in_a_mapping_is_an_old_and_a_new_one(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("remove"))
    renamed = policy(teams=(TeamMapping("Eng", "Builders"),))
    report = sync(store, acme, renamed)
    assert (report.mode, report.counts.join_team, report.counts.leave_team) == ("incremental", 3, 3)
    assert (team(store), team(store, "Builders")) == (set(), {"bob", "cyd", "dan"})
    settled(store, acme, asked=renamed)


def test_a_group_that_is_written_otherwise_is_the_same_group(store: Store, acme: Directory) -> None:
    acme.groups["Eng"] = acme.groups["Eng"].__class__("Eng", "Engineers")
    sync(store, acme, policy(teams=(TeamMapping("engineers", "Engineering", "remove"),)))
    report = sync(store, acme, asked())
    assert (changes(store, report), report.warnings) == ([], sync(store, acme, asked()).warnings)
    assert [each.mapping.group for each in known(store, asked())] == ["Eng"]


def test_a_name_that_never_meant_a_group_leaves_nothing_to_decide(store: Store, acme: Directory) -> None:
    sync(store, acme, asked(None, TeamMapping("Desing", "Design", "keep")))
    assert mentions(sync(store, acme, asked())) == []
    assert known(store, asked()) == [Known(TEAM, False, 3)]


def test_a_plan_under_a_trial_configuration_leaves_no_trace(store: Store, acme: Directory) -> None:
    sync(store, acme, asked())
    trial = asked("keep", TeamMapping("Ops", "Operations"))
    sync(store, acme, trial, apply=False)
    sync(store, acme, NONE, apply=False)
    assert known(store, asked()) == [Known(TEAM, False, 3)]
    sync(store, acme, asked())
    assert known(store, NONE) == [Known(TEAM, True, 3)]


def test_a_team_of_two_directories_is_left_by_the_people_of_the_one(store: Store, acme: Directory) -> None:
    sync(store, acme, asked("remove"))
    other = Directory()
    other.hire("zoe", groups=["Eng"])
    there = policy(directory="entra", teams=(TEAM,))
    sync(store, other, there)
    assert sync(store, acme, NONE).counts.leave_team == 3
    assert team(store) == {"zoe"}
    settled(store, other, asked=there)
