"""What is set back and forth is held with the names of those who do it, on both databases."""

from collections.abc import Callable

import pytest

from reconciler.decisions import approve
from reconciler.policy import Flap, Policy
from reconciler.ports import Job
from reconciler.report import Report
from rosterd.ports import RunPorts, lease
from store import Store
from store.decisions import EarlierRun, held_clusters, reject
from store.runs import actions_of
from tests.builders import Directory, people, policy, sync
from tests.store.workspaces import edit

ASKED = policy(flap=Flap(times=4, runs=10))


def toggling(store: Store, directory: Directory, times: int, asked: Policy = ASKED) -> list[Report]:
    """So many syncs, with Ada's title changed before each."""
    reports = []
    for number in range(times):
        directory.change("ada", title=("", "Boss")[number % 2])
        reports.append(sync(store, directory, asked))
    return reports


def test_a_directory_that_says_one_thing_and_then_another_is_held(store: Store) -> None:
    directory = Directory("ada", "bob")
    *before, last = toggling(store, directory, 6)
    assert {report.state for report in before} == {"succeeded"}
    directory.change("bob", title="Chief")
    assert (last.state, last.counts.held) == ("held", 1)
    (cause,) = [each for each in last.causes if each.held]
    assert (cause.cause, cause.limit) == ("title set back and forth by okta", "flap")
    runs = [report.run for report in before]
    assert cause.sentence == (
        "1 update, 1 cause: title set back and forth by okta;"
        f' ada@acme.com: "Boss" by okta in {runs[1]}, {runs[3]}, this run; "" by okta in {runs[2]}, {runs[4]}'
        " ([workspace.limits] flap)"
    )
    another = sync(store, directory, ASKED)
    assert (another.counts.held, another.counts.update) == (1, 1)  # Bob's is his own


def by_hand(store: Store) -> None:
    edit(store, "UPDATE member SET title = 'Queen' WHERE email = 'ada@acme.com'")


def test_a_person_who_changes_back_what_the_directory_says_is_named(store: Store) -> None:
    directory = Directory("ada")
    directory.change("ada", title="Boss")
    sync(store, directory, ASKED)
    runs = []
    for _ in range(2):
        by_hand(store)
        runs.append(sync(store, directory, ASKED, verify=True).run)
    by_hand(store)
    held = sync(store, directory, ASKED, verify=True)
    (cause,) = held.causes
    assert cause.cause == "title set back and forth by okta and a person (by hand)"
    assert f'"Boss" by okta in {runs[0]}, {runs[1]}, this run' in cause.sentence
    assert f'"Queen" by a person (by hand) before {runs[1]}, this run' in cause.sentence


@pytest.mark.parametrize(
    ("asked", "states"),
    [
        pytest.param(policy(flap=None), {"succeeded"}, id="switched off"),
        pytest.param(policy(flap=Flap(4, 3)), {"succeeded"}, id="not in so few runs"),
        pytest.param(policy(flap=Flap(5, 10)), {"succeeded"}, id="not so often"),
        pytest.param(policy(flap=Flap(4, 5)), {"succeeded", "held"}, id="just"),
    ],
)
def test_what_counts_is_configured(store: Store, asked: Policy, states: set[str]) -> None:
    assert {report.state for report in toggling(store, Directory("ada"), 6, asked)} == states


def suspend(directory: Directory) -> None:
    directory.suspend("ada")


def remove(directory: Directory) -> None:
    directory.delete("ada")
    directory.tombstones.append("ada")


@pytest.mark.parametrize(("leaves", "state"), [(suspend, "held"), (remove, "succeeded")])
def test_who_is_deleted_leaves_all_the_same(store: Store, leaves: Callable[[Directory], None], state: str) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory, ASKED)
    for _ in range(2):
        directory.suspend("ada")
        sync(store, directory, ASKED)
        directory.restore("ada")
        sync(store, directory, ASKED)
    leaves(directory)
    report = sync(store, directory, ASKED)
    assert report.state == state
    assert ("ada@acme.com" in people(store)) is (state == "held")


def test_a_flap_is_approved_as_it_was_held(store: Store) -> None:
    directory = Directory("ada")
    held = toggling(store, directory, 6)[-1]
    (cluster,) = held_clusters(store, held.run)
    with lease(store, ASKED.workspace, "approval") as lent:
        ports = RunPorts(store, ASKED, None, held=lent, progress=lambda *_: None)
        earlier = EarlierRun(store, held.run, ASKED.directory, [cluster.cluster])
        report = approve(Job("approval", ASKED, "approval"), ports, earlier)
    assert (report.state, report.counts.update, report.counts.held) == ("succeeded", 1, 0)
    assert sync(store, directory, ASKED).changes == 0


def test_a_flap_that_was_rejected_is_not_planned_again(store: Store) -> None:
    directory = Directory("ada")
    held = toggling(store, directory, 6)[-1]
    clusters = [each.cluster for each in held_clusters(store, held.run)]
    with store.write() as connection:
        assert reject(connection, held.run, ASKED.directory, clusters) == 1
    (row,) = actions_of(store, sync(store, directory, ASKED).run)
    assert (row.state, row.code) == ("skipped", "rejected")


def test_new_values_are_no_return_and_an_old_hold_ends_by_itself(store: Store) -> None:
    directory = Directory("ada")
    for title in "abcdefg":
        directory.change("ada", title=title)
        assert sync(store, directory, ASKED).state == "succeeded"
    held = toggling(store, directory, 6)[-1]
    assert held.state == "held"
    states = [sync(store, directory, ASKED).state for _ in range(10)]
    assert (states[0], states[-1]) == ("held", "succeeded")
    assert [row.state for row in actions_of(store, held.run)] == ["skipped"]
