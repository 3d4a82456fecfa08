"""What rosterd knows of a directory is lost, and its members are there still: no first run, which might do more.

A first run is told by the workspace, which has no member whom a directory manages; not by a missing file or row.
"""

from collections.abc import Callable

import pytest

from reconciler.policy import Limit, Policy
from store import Store
from tests.builders import Directory, by_hand, people, policy, sync
from tests.store.workspaces import add, edit

NAMES = [f"p{number:02}" for number in range(20)]
LIMITS = {
    "deactivate": Limit(percent=10, floor=2), "deactivate_absence": Limit(percent=5, floor=2),
    "update": Limit(percent=50), "create": Limit(percent=50, floor=2), "demote_each": Limit(percent=50, floor=2),
}  # fmt: skip
ASKED = policy(limits=LIMITS)
MIRROR = ("mirror_user", "mirror_group", "mirror_edge", "mirror_user_was", "mirror_group_was", "mirror_edge_was",
          "absent", "binding", "pending", "directory", "mapping", "policy", "health")  # fmt: skip
RUNS = ("action", "run", "run_tally", "decision", "refusal", "lease")

Loss = Callable[[Store], None]


def forget(*tables: str) -> Loss:
    def lost(store: Store) -> None:
        for table in tables:
            edit(store, f"DELETE FROM {table}")  # noqa: S608 - constants

    return lost


def no_cursor(store: Store) -> None:
    edit(store, "UPDATE directory SET cursor = NULL, verified_at = NULL, identity = NULL, policy_digest = ''")


LOSSES: dict[str, Loss] = {
    "the mirror": forget(*MIRROR),
    "the mirror and all runs": forget(*MIRROR, *RUNS),
    "the directory's own row": forget("directory"),
    "the people": forget("mirror_user", "pending"),
    "the places of reading": no_cursor,
    "all runs": forget(*RUNS),
}


@pytest.fixture(params=LOSSES)
def lost(request: pytest.FixtureRequest, store: Store) -> tuple[Store, Directory]:
    """Twenty members, four of them admins, and a store that forgot something."""
    directory = Directory(*NAMES)
    directory.join(*NAMES[:4], groups=["Admins"])
    assert sync(store, directory, ASKED).counts.create == 20
    LOSSES[request.param](store)
    return store, directory


def test_a_directory_that_says_the_same_changes_nothing(lost: tuple[Store, Directory]) -> None:
    store, directory = lost
    before = people(store)
    for verify in (False, True):
        report = sync(store, directory, ASKED, verify=verify)
        assert (report.state, report.changes, report.counts.skipped) == ("succeeded", 0, 0)
    assert people(store) == before


def test_half_of_the_people_gone_without_a_word_are_held(lost: tuple[Store, Directory]) -> None:
    """Nobody can say any more that they were there; the directory knows no such ids."""
    store, directory = lost
    directory.delete(*NAMES[10:])
    directory.purged |= {*NAMES[10:]}
    states = [sync(store, directory, ASKED, verify=True) for _ in range(3)]
    assert [report.counts.deactivate for report in states] == [0, 0, 0]
    assert states[-1].state == "held"
    assert {cause.limit for cause in states[-1].causes if cause.held} == {"deactivate_absence"}
    assert len(people(store)) == 20


def test_half_of_the_people_suspended_are_held_and_measured_against_the_members(lost: tuple[Store, Directory]) -> None:
    store, directory = lost
    directory.suspend(*NAMES[10:])
    report = sync(store, directory, ASKED)
    (cause,) = [each for each in report.causes if each.held]
    assert cause.sentence == (
        "10 deactivations, 1 cause: suspended in the directory; 10 of 20 managed members (50 %) reaches the limit of"
        " 10 % ([workspace.limits] deactivate)"
    )
    assert (report.managed, len(people(store))) == (20, 20)


def test_everybody_changed_is_held(lost: tuple[Store, Directory]) -> None:
    store, directory = lost
    for name in NAMES:
        directory.change(name, title="Boss")
    report = sync(store, directory, ASKED)
    assert (report.counts.update, report.counts.held) == (0, 20)


def test_another_customers_directory_behind_the_same_configuration_changes_nobody(
    lost: tuple[Store, Directory],
) -> None:
    """Other ids, other addresses: everybody of before would be absent, and everybody listed new."""
    store, _ = lost
    before = people(store)
    stranger = Directory(*(f"x{number:02}" for number in range(20)))
    stranger.add_group("Admins")
    for _ in range(3):
        report = sync(store, stranger, ASKED, verify=True)
        assert (report.counts.create, report.counts.deactivate) == (0, 0)
    assert report.state == "held"
    assert people(store) == before


def test_one_who_leaves_still_goes(lost: tuple[Store, Directory]) -> None:
    store, directory = lost
    directory.suspend(NAMES[-1])
    assert sync(store, directory, ASKED).counts.deactivate == 1
    assert len(people(store)) == 19


# -- what a first run is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hands", "asked", "held"),
    [
        (0, ASKED, 0),
        (30, ASKED, 0),  # members added by hand make it no less the first
        (0, policy(limits={"create": Limit(count=20)}), 20),
    ],
)
def test_a_workspace_without_managed_members_is_judged_by_counts_alone(
    store: Store, hands: int, asked: Policy, held: int
) -> None:
    add(store, *(by_hand(f"h{number}") for number in range(hands)))
    report = sync(store, Directory(*NAMES), asked)
    assert (report.managed, report.counts.held, report.counts.create) == (0, held, 20 - held)


def test_a_second_directory_of_a_workspace_begins_under_its_limits(store: Store) -> None:
    sync(store, Directory(*NAMES), ASKED)
    second = Directory(*(f"x{number:02}" for number in range(20)))
    report = sync(store, second, policy(directory="google", limits=LIMITS))
    assert (report.managed, report.counts.held) == (20, 20)
