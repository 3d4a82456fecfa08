"""Runs that are held, refused, broken off or killed, and what can be read back of them."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.changes import EVERYBODY, NOBODY, Touched
from reconciler.errors import DirectoryError, StoreError
from reconciler.model import Wanted
from reconciler.policy import Limit
from rosterd import ports
from rosterd.ports import to_compare
from store import Store, workspace
from store import runs as runs_module
from store.apply import apply_batch
from store.leases import WorkspaceBusy, take
from store.runs import actions_of, report_of, reports
from store.totals import totals_in
from store.workspace import roster
from tests.builders import WORKSPACE, Directory, people, policy, sync
from tests.store.stories import kinds, settled, story
from tests.store.workspaces import edit

# -- guard, plan, errors ------------------------------------------------------------------------------------------

LIMITED = policy(limits={"deactivate": Limit(percent=50, floor=2)})


def test_too_many_leavers_are_held_and_others_go(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory, LIMITED)
    directory.delete("ada", "bob")
    directory.suspend("cyd")
    report = sync(store, directory, LIMITED)
    assert (report.state, report.counts.held, report.counts.deactivate) == ("held", 2, 1)
    assert kinds(store, report.run) == {"deactivate ada held", "deactivate bob held", "deactivate cyd applied"}
    (held,) = [cause for cause in report.causes if cause.held]
    assert held.sentence.startswith("2 deactivations, 1 cause: no longer in the directory; 3 of 4 managed members")
    assert set(people(store)) == {"ada@acme.com", "bob@acme.com", "dan@acme.com"}
    again = sync(store, directory, LIMITED)
    assert (again.state, again.counts.held, again.digest) != ("succeeded", 0, report.digest)
    assert kinds(store, sync(store, directory).run) == {"deactivate ada applied", "deactivate bob applied"}


def test_planning_changes_nothing_and_says_what_would(store: Store) -> None:
    directory = story()
    report = sync(store, directory, apply=False)
    assert (report.planned_only, report.counts.create, report.state) == (True, 4, "succeeded")
    assert list(roster(store, WORKSPACE)) == []
    assert {row.state for row in actions_of(store, report.run)} == {"planned"}
    again = sync(store, directory, apply=False)
    assert (again.digest, again.counts) == (report.digest, report.counts)
    done = sync(store, directory)
    assert (done.digest, done.counts.create, done.mode) == (report.digest, 4, "incremental")
    settled(store, directory)


@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_a_pull_that_breaks_off_blocks_the_run_and_changes_nothing(store: Store, after: int) -> None:
    directory = story()
    sync(store, directory)
    before = list(roster(store, WORKSPACE))
    directory.delete("ada", "bob")
    directory.hire("new")
    directory.error, directory.fail_after = DirectoryError("HTTP 503", where="GET /users", fix="try later"), after
    report = sync(store, directory)
    assert (report.state, report.changes, report.complete.whole) == ("blocked", 0, False)
    assert report.error == {"code": "directory_error", "message": "HTTP 503", "where": "GET /users", "fix": "try later"}
    assert list(roster(store, WORKSPACE)) == before
    directory.error = None
    assert sync(store, directory).counts.create == 1


def test_a_workspace_that_another_run_holds_is_refused(store: Store) -> None:
    take(store, WORKSPACE, "other", ports.now())
    with pytest.raises(WorkspaceBusy):
        sync(store, Directory("ada"))
    assert reports(store) == []


# -- interruptions ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("verify", [False, True])
def test_a_run_killed_while_applying_is_finished_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch, batches: int, verify: bool
) -> None:
    directory = story()
    sync(store, directory)
    directory.hire("ivy", "jim", groups=["Eng"])
    directory.change("ada", email="bob@acme.com")
    directory.change("bob", email="ada@acme.com")
    directory.delete("cyd")
    monkeypatch.setattr(runs_module, "BATCH", 1)
    die_after(monkeypatch, batches)
    with pytest.raises(Killed):
        sync(store, directory, verify=verify)
    monkeypatch.undo()
    report = sync(store, directory)
    assert report.state == "succeeded"
    found = {each.external_id: email.split("@")[0] for email, each in people(store).items()}
    assert found == {"ada": "bob", "bob": "ada", "hal": "hal", "ivy": "ivy", "jim": "jim"}
    assert people(store)["ivy@acme.com"].teams == ("Engineering",)
    killed = reports(store)[1]
    assert (killed.state, killed.ended is not None, killed.error and killed.error["code"]) == ("failed", True, "killed")
    settled(store, directory)


@pytest.mark.parametrize("batches", range(3))
def test_what_a_killed_run_did_is_in_the_totals(store: Store, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """They knew of the run and not of what it did: leavers whose access it ended were never timed."""
    directory = Directory("ada", "bob", "cyd", "dan")
    sync(store, directory)
    directory.suspend("bob", "cyd", "dan")
    monkeypatch.setattr(runs_module, "BATCH", 1)
    die_after(monkeypatch, batches)
    with pytest.raises(Killed):
        sync(store, directory)
    monkeypatch.undo()
    sync(store, directory)
    with store.read() as connection:
        (found,) = totals_in(connection).values()
    assert found.runs == {"succeeded": 2, "killed": 1}
    assert found.actions == {"create": {"applied": 4}, "deactivate": {"applied": 3}}
    assert sum(found.left["last_read"].counts) == 3


def die_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    left = iter(range(batches))

    def dying(*given: Any) -> None:
        if next(left, None) is None:
            raise Killed
        apply_batch(*given)

    monkeypatch.setattr(runs_module, "apply_batch", dying)


@pytest.mark.parametrize("moment", ["record", "planned", "hold", "finish"])
@pytest.mark.parametrize("first", [True, False])
def test_a_run_killed_anywhere_else_is_finished_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str, first: bool
) -> None:
    directory = story()
    if not first:
        sync(store, directory)
        directory.change("bob", title="Chief")
        directory.delete("cyd")

    def dying(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(runs_module.RunTasks, moment, dying)
    with pytest.raises(Killed):
        sync(store, directory)
    monkeypatch.undo()
    assert sync(store, directory).state == "succeeded"
    assert len(people(store)) == (4 if first else 3)
    settled(store, directory)


def test_a_store_that_fails_half_way_keeps_what_was_recorded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory("ada", "bob", "cyd")
    monkeypatch.setattr(runs_module, "BATCH", 1)
    seen: list[Any] = []

    def full(*given: Any) -> None:
        seen.append(given)
        if len(seen) == 2:
            raise StoreError("disk is full")
        apply_batch(*given)

    monkeypatch.setattr(runs_module, "apply_batch", full)
    with pytest.raises(StoreError):
        sync(store, directory)
    monkeypatch.undo()
    run = reports(store)[0].run
    assert [row.state for row in actions_of(store, run)] == ["applied", "planned", "planned"]
    assert list(people(store)) == ["ada@acme.com"]
    assert sync(store, directory).counts.create == 2


# -- reading back -------------------------------------------------------------------------------------------------


def test_reports_come_newest_first_and_by_directory(store: Store) -> None:
    first = sync(store, Directory("ada"))
    second = sync(store, Directory("zoe"), policy(directory="google"))
    third = sync(store, Directory("ada"), trigger="schedule")
    assert [each.run for each in reports(store)] == [third.run, second.run, first.run]
    assert [each.run for each in reports(store, directory="google")] == [second.run]
    assert reports(store, limit=1) == [third]
    assert (report_of(store, first.run), report_of(store, "none")) == (first, None)
    assert third.trigger == "schedule"


def test_actions_are_read_in_plan_order_whatever_the_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = sync(store, story()).run
    pages = []
    for size in (1, 2, 3, 5, 5000):
        monkeypatch.setattr(runs_module, "PAGE", size)
        pages.append(list(actions_of(store, run)))
    assert all(page == pages[0] for page in pages)
    assert [row.seq for row in pages[0]] == [1, 2, 3, 4, 5, 6]
    assert [row.kind for row in pages[0]] == ["create"] * 4 + ["join_team"] * 2


def test_the_roster_is_read_whatever_the_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(store, story())
    whole = list(roster(store, WORKSPACE))
    assert [each.email for each in whole] == sorted(each.email for each in whole)
    for size in (1, 2, 3):
        monkeypatch.setattr(workspace, "PAGE", size)
        assert list(roster(store, WORKSPACE)) == whole
    assert list(roster(store, "globex")) == []


def test_whom_to_compare_is_asked_of_the_policy(store: Store) -> None:
    assert to_compare(store, policy()) == EVERYBODY
    sync(store, Directory("ada"))
    assert to_compare(store, policy()) == NOBODY
    assert to_compare(store, policy(nested=False)) == EVERYBODY
    assert to_compare(store, policy(teams=())) == Touched(refs=frozenset({"Eng"}))
    assert to_compare(store, policy(limits={"deactivate": Limit(count=1)})) == NOBODY
    assert to_compare(store, policy(), timedelta(0)) == EVERYBODY


def test_a_policy_that_cannot_be_read_any_more_compares_everybody(store: Store) -> None:
    sync(store, Directory("ada"))
    edit(store, "DELETE FROM policy")
    assert to_compare(store, policy(teams=())) == EVERYBODY


def test_a_pull_is_asked_for_what_earlier_ones_resolved(store: Store) -> None:
    asked: list[Wanted] = []

    class Asking(Directory):
        def observations(self, wanted: Wanted) -> Any:
            asked.append(wanted)
            return super().observations(wanted)

    directory = Asking()
    directory.hire("ada", groups=["Eng"])
    sync(store, directory)
    sync(store, directory)
    assert [each.bound for each in asked] == [{}, {"Eng": "Eng"}]
    assert asked[0].attributes == {"jamie_role"}


def test_an_empty_directory_and_an_empty_policy(store: Store) -> None:
    bare = policy(axes=(), sources=(), teams=())
    assert sync(store, Directory(), bare).state == "succeeded"
    directory = Directory("ada")
    assert sync(store, directory, bare).counts.create == 1
    assert people(store)["ada@acme.com"].roles == {}
    settled(store, directory, asked=bare)
