"""Taking a run back: an ordinary guarded run from recorded values; what changed since is listed and left alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import RunError
from reconciler.lasting import UNKNOWN
from rosterd.ports import RunPorts, lease
from store import Store
from store.apply import Batch
from store.leases import WorkspaceBusy
from store.runs import actions_of
from store.workspace import roster
from tests.builders import by_hand
from tests.rosterd.decisions import Acme, each, refused
from tests.store.workspaces import add, edit

Change = Callable[[Acme], None]
NEW = ("eve", "fay", "gus")


@pytest.fixture
def acme(store: Store, tmp_path: Path) -> Acme:
    """Four people: Ada is an admin, Ada and Bob are in Engineering."""
    made = Acme(store, tmp_path, "ada", "bob", "cyd", "dan")
    made.directory.join("ada", groups=["Admins", "Eng"])
    made.directory.join("bob", groups=["Eng"])
    assert made.sync().state == "succeeded"
    return made


def looks(acme: Acme) -> dict[str, tuple[Any, ...]]:
    """Everybody: whether active, title, roles, teams."""
    with acme.store.read() as connection:
        titles = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT email, title FROM member")}
    return {
        each.email.split("@")[0]: (each.active, titles[each.email], each.roles["role"], each.teams)
        for each in roster(acme.store, "acme")
    }


KINDS: dict[str, tuple[Change, str]] = {
    "suspended": (lambda acme: acme.directory.suspend("bob"), "reactivate bob applied"),
    "back": (lambda acme: acme.directory.restore("dan"), "deactivate dan applied"),
    "new": (lambda acme: acme.directory.hire("eve"), "deactivate eve applied"),
    "renamed": (lambda acme: acme.directory.change("bob", title="Boss"), "update bob applied"),
    "promoted": (lambda acme: acme.directory.join("bob", groups=["Admins"]), "set_role bob applied"),
    "demoted": (lambda acme: acme.directory.leave("bob", groups=["Admins"]), "set_role bob applied"),
    "joined": (lambda acme: acme.directory.join("cyd", groups=["Eng"]), "leave_team cyd applied"),
    "left": (lambda acme: acme.directory.leave("bob", groups=["Eng"]), "join_team bob applied"),
}


def done(acme: Acme, kind: str) -> str:
    """A run that did one thing; its id."""
    if kind == "back":
        acme.directory.suspend("dan")
    if kind == "demoted":
        acme.directory.join("bob", groups=["Admins"])
    acme.sync()
    KINDS[kind][0](acme)
    report = acme.sync()
    assert report.changes == 1
    return report.run


@pytest.mark.parametrize("kind", KINDS)
def test_everything_but_links_is_taken_back_and_not_done_again(acme: Acme, kind: str) -> None:
    before = looks(acme)
    run = done(acme, kind)
    made = looks(acme)
    plan = acme.undo(run, apply=False)
    assert (plan.planned_only, plan.changes, looks(acme)) == (True, 1, made)
    report = acme.undo(run)
    assert (report.trigger, report.of, report.state, acme.did(report)) == ("undo", run, "succeeded", {KINDS[kind][1]})
    if kind in ("suspended", "renamed", "promoted", "joined", "left"):
        assert looks(acme) == before
    undone = looks(acme)
    for verify in (False, True):
        again = acme.sync(verify=verify)
        assert (again.state, again.changes, {row.code for row in actions_of(acme.store, again.run)}) == (
            "succeeded", 0, {"undone"},
        )  # fmt: skip
    assert looks(acme) == undone


@pytest.mark.parametrize("kind", KINDS)
def test_an_undo_can_be_undone(acme: Acme, kind: str) -> None:
    run = done(acme, kind)
    made = looks(acme)
    back = acme.undo(run)
    forth = acme.undo(back.run)
    assert (forth.state, forth.changes, looks(acme)) == ("succeeded", 1, made)
    again = acme.sync()
    assert (again.state, again.changes) == ("succeeded", 0)
    assert looks(acme) == made


def test_it_is_done_again_once_the_directory_asks_for_something_else(acme: Acme) -> None:
    acme.undo(done(acme, "suspended"))
    acme.sync()
    acme.directory.delete("bob")
    assert "deactivate bob applied" in acme.did(acme.sync())


SINCE: dict[str, tuple[str, str]] = {
    "suspended": ("UPDATE member SET active = TRUE WHERE external_id = 'bob'", "whether the member is active"),
    "new": ("UPDATE member SET active = FALSE WHERE external_id = 'eve'", "whether the member is active"),
    "renamed": ("UPDATE member SET title = 'Queen' WHERE external_id = 'bob'", "title"),
    "promoted": ("UPDATE member_role SET value = 'member' WHERE value = 'admin'", "role"),
    "joined": ("DELETE FROM team_member", "the membership"),
}


@pytest.mark.parametrize("kind", SINCE)
def test_what_changed_since_is_listed_and_left_alone(acme: Acme, kind: str) -> None:
    run = done(acme, kind)
    sql, what = SINCE[kind]
    edit(acme.store, sql)
    left = looks(acme)
    report = acme.undo(run)
    (row,) = actions_of(acme.store, report.run)
    assert (row.state, row.code, row.error) == ("skipped", "changed_since", f"{what} changed since that run")
    assert (report.state, report.changes, looks(acme)) == ("succeeded", 0, left)


def test_a_member_who_is_gone_is_listed(acme: Acme) -> None:
    run = done(acme, "renamed")
    edit(acme.store, "DELETE FROM member WHERE external_id = 'bob'")
    (row,) = actions_of(acme.store, acme.undo(run).run)
    assert (row.code, row.error) == ("changed_since", "the member does not exist any more")


def test_a_later_run_counts_as_a_change(acme: Acme) -> None:
    run = done(acme, "renamed")
    acme.directory.change("bob", title="Duke")
    acme.sync()
    assert acme.did(acme.undo(run)) == {"update bob changed_since"}


def test_links_and_values_that_were_not_there_are_listed(acme: Acme) -> None:
    add(acme.store, by_hand("eve"))
    edit(acme.store, "DELETE FROM member_role WHERE value = 'admin'")
    acme.directory.hire("eve")
    report = acme.sync(verify=True)
    assert {"adopt eve applied", "set_role ada applied"} <= acme.did(report)
    listed = {f"{row.kind} {row.external_id}": row.error for row in actions_of(acme.store, acme.undo(report.run).run)
              if row.code == "cannot_be_undone"}  # fmt: skip
    assert listed == {
        "adopt eve": "a link to a directory is not taken back",
        "set_role ada": "there was no value before",
    }


def test_it_goes_through_the_guards(acme: Acme) -> None:
    acme.configure("deactivate = { count = 3 }")
    acme.directory.hire("eve", "fay", "gus")
    run = acme.sync().run
    report = acme.undo(run)
    assert (report.state, report.counts.held) == ("held", 3)
    (cause,) = [each for each in report.causes if each.held]
    assert cause.sentence == (
        f"3 deactivations, 1 cause: undo of run {run}; 3 reaches the limit of 3 ([workspace.limits] deactivate)"
    )
    assert {"eve", "fay", "gus"} <= acme.active()
    assert acme.sync().warnings == (), "the next sync does not take the place of what no directory asks for"
    acme.directory.change("fay", title="Boss")
    edit(acme.store, "UPDATE member SET active = FALSE WHERE external_id = 'gus'")
    done = acme.approve(report.run)
    assert acme.did(done) == {
        "deactivate eve applied", "deactivate fay applied", "deactivate gus changed_since",
    }  # fmt: skip
    assert (acme.again(report).state, {"eve", "fay"} & acme.active()) == ("succeeded", set())
    again = acme.sync()
    assert "reactivate eve undone" in acme.did(again)
    assert refused(acme.approve, report.run).code == "nothing_held"


def test_only_the_named_cluster_of_an_undo_is_made_and_the_rest_stays_held(acme: Acme) -> None:
    acme.configure("deactivate = { count = 3 }\nleave_team = { count = 2 }")
    acme.directory.hire("eve", "fay", "gus")
    for name in ("cyd", "dan"):
        acme.directory.join(name, groups=["Eng"])
    report = acme.undo(acme.sync().run)
    assert acme.did(report) == each("deactivate", NEW, "held") | each("leave_team", ("cyd", "dan"), "held")
    names = acme.clusters(report.run)
    made = acme.approve(report.run, only=[names["leave_team"]])
    assert acme.did(made) == each("leave_team", ("cyd", "dan"), "applied")
    assert acme.active() >= {*NEW}
    left = acme.again(report)
    assert (left.state, left.counts.held, [*acme.clusters(report.run)]) == ("held", 3, ["deactivate"])
    assert acme.did(acme.approve(report.run)) == each("deactivate", NEW, "applied")
    assert acme.again(report).state == "succeeded"


def test_the_last_holder_stays(acme: Acme) -> None:
    run = done(acme, "promoted")
    edit(acme.store, "UPDATE member SET active = FALSE WHERE external_id = 'ada'")
    assert acme.did(acme.undo(run)) == {"set_role bob last_holder"}


def test_part_of_a_run_was_made_and_that_is_taken_back(acme: Acme) -> None:
    acme.configure("deactivate_status = { count = 2 }")
    acme.directory.suspend("cyd", "dan")
    acme.directory.change("bob", title="Boss")
    report = acme.sync()
    assert (report.state, report.counts.update) == ("held", 1)
    assert acme.did(acme.undo(report.run)) == {"update bob applied"}


def test_what_an_approval_made_is_taken_back_by_its_own_run(acme: Acme) -> None:
    acme.configure("deactivate_status = { count = 2 }")
    acme.directory.suspend("cyd", "dan")
    approved = acme.approve(acme.sync().run)
    assert acme.did(acme.undo(approved.run)) == {"reactivate cyd applied", "reactivate dan applied"}
    again = acme.sync()
    assert (again.state, acme.did(again)) == ("succeeded", {"deactivate cyd undone", "deactivate dan undone"})


def test_a_run_that_was_killed_is_taken_back_as_far_as_it_came(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: its report counts nothing, and so nothing was said to be there to undo."""
    check = Batch.__init__

    def dies(batch: Batch, policy: Any, held: Any, step: Any, actions: Any) -> None:
        if step.name == "DEACTIVATE":
            raise KeyboardInterrupt
        check(batch, policy, held, step, actions)

    acme.directory.change("bob", title="Boss")
    acme.directory.suspend("cyd")
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "__init__", dies)
        with pytest.raises(KeyboardInterrupt):
            acme.sync()
    with acme.store.read() as connection:
        (killed,) = connection.exec_driver_sql("SELECT id FROM run WHERE state = 'running'").scalars()
    acme.sync(apply=False)
    assert acme.did(acme.undo(killed)) == {"update bob applied"}
    assert looks(acme)["bob"][1] == ""


def test_an_undo_that_does_not_last_says_so(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    run = done(acme, "suspended")
    look = RunPorts.aftermath

    def meanwhile(ports: RunPorts) -> Any:
        edit(acme.store, "UPDATE member SET active = FALSE WHERE external_id = 'bob'")
        return look(ports)

    monkeypatch.setattr(RunPorts, "aftermath", meanwhile)
    report = acme.undo(run)
    assert (report.state, [(row.code, row.error) for row in actions_of(acme.store, report.run)]) == (
        "partial", [("did_not_stick", UNKNOWN)],
    )  # fmt: skip


# -- bad input, and two at once -------------------------------------------------------------------------------------


def test_a_run_that_changed_nothing(acme: Acme) -> None:
    error = refused(acme.undo, acme.sync().run)
    assert (error.code, error.fix) == ("nothing_to_undo", "the runs that did: rosterd reports")


def test_a_run_that_was_only_planned(acme: Acme) -> None:
    acme.directory.suspend("bob")
    assert refused(acme.undo, acme.sync(apply=False).run).code == "nothing_to_undo"


def test_while_another_run_holds_the_workspace(acme: Acme) -> None:
    run = done(acme, "renamed")
    with lease(acme.store, "acme", "another-run"), pytest.raises(WorkspaceBusy):
        acme.undo(run)


def test_of_two_at_once_one_does_it(acme: Acme) -> None:
    run = done(acme, "suspended")

    def undone(_: int) -> str:
        try:
            return ", ".join(acme.did(acme.undo(run)))
        except RunError as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(undone, range(2)))
    assert (
        results[1] in ("workspace_busy", "reactivate bob changed_since") or results[0] == "reactivate bob changed_since"
    )
    assert "reactivate bob applied" in results
