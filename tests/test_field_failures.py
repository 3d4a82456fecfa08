"""What went wrong elsewhere, in public, one test for each report: a short read was taken for a departure.

Each is played with a directory in memory through the whole loop; what the vendors' APIs do to a reader is played in
tests/conformance/ (test_faults.py, test_drills.py).
"""

import pytest

from connectors import google_wire
from reconciler.errors import DirectoryError
from reconciler.policy import Limit
from store import Store
from tests.builders import Directory, changes, people, policy, sync

STAFF = [f"p{number:02}" for number in range(40)]
TEAM = {f"p{number:02}" for number in range(10)}


def staffed(store: Store) -> Directory:
    directory = Directory(*STAFF)
    directory.join(*TEAM, groups=["Eng"])
    assert sync(store, directory).counts.create == len(STAFF)
    return directory


def everybody_is_here(store: Store) -> None:
    assert {each.external_id for each in people(store).values()} == set(STAFF)
    assert {each.external_id for each in people(store).values() if "Engineering" in each.teams} == TEAM


def test_ssosync_194_zero_people_read_is_not_everybody_gone(store: Store) -> None:
    directory = staffed(store)
    directory.hidden = set(STAFF)
    sync(store, directory, verify=True)
    everybody_is_here(store)


@pytest.mark.parametrize("after", range(0, 24, 6))
def test_ssosync_234_a_page_that_fails_deletes_nothing(store: Store, after: int) -> None:
    directory = staffed(store)
    directory.error, directory.fail_after = DirectoryError("503"), after
    assert sync(store, directory).state == "blocked"
    everybody_is_here(store)


def test_ssosync_81_a_listing_of_many_pages_is_read_to_its_end(store: Store) -> None:
    directory = staffed(store)
    assert directory.page < len(STAFF)
    everybody_is_here(store)


def test_half_of_the_people_in_a_clean_answer_are_not_half_of_the_people_gone(store: Store) -> None:
    """Measured elsewhere: 5,000 of 10,000 read gave 5,000 deletes and 15,000 membership removals, and success."""
    directory = staffed(store)
    directory.hidden = set(STAFF[::2]) - TEAM
    report = sync(store, directory, verify=True)
    assert report.counts.deactivate == report.counts.leave_team == 0
    assert set(directory.confirmed) == directory.hidden
    everybody_is_here(store)


@pytest.mark.parametrize("hidden", [STAFF[:5], STAFF[:10]], ids=["half", "all"])
def test_half_of_a_group_in_a_clean_answer_is_not_half_of_the_group_leaving(store: Store, hidden: list[str]) -> None:
    """The other 15,000 of the case above: memberships that a clean answer did not hold."""
    directory = staffed(store)
    directory.unlisted = {("Eng", name) for name in hidden}
    report = sync(store, directory, verify=True)
    assert (report.state, report.counts.leave_team) == ("blocked", 0)
    assert report.complete.incomplete_groups == ("Eng",)
    assert len(directory.witnessed) == 3
    everybody_is_here(store)


def test_a_group_that_a_clean_listing_leaves_out_is_not_an_empty_group(store: Store) -> None:
    """idp-scim-sync and others: an unknown group was read as a group without members."""
    directory = staffed(store)
    directory.hidden = {"Eng"}
    report = sync(store, directory, verify=True)
    assert (report.state, report.complete.incomplete_groups) == ("blocked", ("Eng",))
    everybody_is_here(store)
    directory.silent = {"Eng"}
    sync(store, directory, verify=True)
    everybody_is_here(store)


def test_a_group_that_was_emptied_is_empty_in_the_same_run(store: Store) -> None:
    directory = staffed(store)
    directory.leave(*TEAM, groups=["Eng"])
    report = sync(store, directory, policy(limits={}))
    assert (report.state, report.counts.leave_team) == ("succeeded", len(TEAM))
    assert changes(store, sync(store, directory, policy(limits={}), verify=True)) == []


def test_idp_scim_sync_87_every_field_mask_asks_for_the_next_page() -> None:
    masks = [value for name, value in vars(google_wire).items() if name.endswith("FIELDS") and isinstance(value, str)]
    assert len(masks) >= 2
    assert all("nextPageToken" in mask for mask in masks)
    assert "nextPageToken" in google_wire.Reading(frozenset()).page_query["fields"]


@pytest.mark.parametrize("short", ["users", "groups", "Eng"])
def test_a_collection_that_broke_off_is_not_cleaned_up_after(store: Store, short: str) -> None:
    """A graph-ingest tool logged a failed page, broke out of its loop, and then ran its clean-up."""
    directory = staffed(store)
    directory.partial = {short}
    directory.hidden = {"users": set(STAFF[20:25]), "groups": {"Eng"}, "Eng": set(STAFF[:5])}[short]
    assert sync(store, directory, verify=True).state == "blocked"
    everybody_is_here(store)


def test_polis_every_leaver_leaves_and_a_second_look_finds_nothing(store: Store) -> None:
    """Elsewhere: 0 of 10 leavers emitted, and 27,500 false events on a sync in which nothing had changed."""
    directory = staffed(store)
    assert changes(store, sync(store, directory, verify=True)) == []
    directory.delete(*STAFF[20:30])
    report = sync(store, directory, policy(limits={}))
    assert report.counts.deactivate == 10
    assert changes(store, sync(store, directory, policy(limits={}), verify=True)) == []


def test_firezone_a_large_clean_up_is_held_with_its_cause_and_other_leavers_go(store: Store) -> None:
    """A bare threshold went from 25 % to 90 % there, because it stopped legitimate clean-ups and said nothing."""
    directory = staffed(store)
    guarded = policy(limits={"deactivate": Limit(percent=20, floor=2)})
    sync(store, directory, guarded)
    directory.delete(*STAFF[20:32])
    directory.suspend(STAFF[33])
    report = sync(store, directory, guarded)
    assert (report.state, report.counts.held, report.counts.deactivate) == ("held", 12, 1)
    (held,) = [cause for cause in report.causes if cause.held]
    assert held.sentence.startswith("12 deactivations, 1 cause: no longer in the directory")
    assert sync(store, directory, policy(limits={})).counts.deactivate == 12
