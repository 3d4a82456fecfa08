"""Approving and rejecting what a guard held: exactly that, while it is the same, once; on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import DirectoryError, StoreError
from reconciler.report import Report
from rosterd import deciding
from rosterd.deciding import CannotDecide, held_digest
from rosterd.ports import lease
from store import Store
from store.database import rows
from store.decisions import HeldCluster, held_clusters
from store.leases import WorkspaceBusy, stamp
from store.runs import RunTasks
from tests.builders import by_hand
from tests.rosterd import files
from tests.rosterd.decisions import Acme, each, refused
from tests.store.workspaces import add, edit

THREE = ("ada", "bob", "cyd")
OTHERS = ("dan", "eve", "fay", "gus", "hal")
CAREFUL = (
    "deactivate_status = { count = 3 }\nleave_team = { count = 3 }\ncreate = { count = 100 }\ndemote = { count = 2 }"
)


@pytest.fixture
def acme(store: Store, tmp_path: Path) -> Acme:
    """Eight people; Dan and Eve are admins; everybody is in Engineering."""
    made = Acme(store, tmp_path, *THREE, *OTHERS, limits=CAREFUL)
    made.directory.join("dan", "eve", groups=["Admins"])
    made.directory.join(*THREE, *OTHERS, groups=["Eng"])
    assert made.sync().state == "succeeded"
    return made


def held(acme: Acme) -> Report:
    """Three who were suspended, and three others who left the team: six held changes in two clusters."""
    acme.directory.suspend(*THREE)
    acme.directory.leave("fay", "gus", "hal", groups=["Eng"])
    report = acme.sync()
    assert (report.state, report.counts.held) == ("held", 6)
    return report


# -- what an approval covers ----------------------------------------------------------------------------------------


def test_an_approval_makes_what_was_held_and_the_next_sync_finds_nothing(acme: Acme) -> None:
    report = held(acme)
    done = acme.approve(report.run, by="grace")
    assert acme.did(done) == each("deactivate", THREE, "applied") | each("leave_team", OTHERS[2:], "applied")
    assert (done.trigger, done.of, done.state) == ("approval", report.run, "succeeded")
    assert acme.active() == {*OTHERS}
    earlier = acme.again(report)
    assert (earlier.state, earlier.counts.held, earlier.counts.skipped) == ("succeeded", 0, report.counts.skipped + 6)
    assert acme.did(report) == each("deactivate", THREE, "approved") | each("leave_team", OTHERS[2:], "approved")
    again = acme.sync()
    assert (again.state, again.changes, acme.did(again)) == ("succeeded", 0, set())


def test_who_decided_what_and_when_is_kept(acme: Acme) -> None:
    report = held(acme)
    digests = {each.key: each.digest for each in held_clusters(acme.store, report.run)}
    first, second = sorted(digests)
    acme.approve(report.run, only=[first], by="grace")
    acme.reject(report.run, only=[second], by="linus")
    with acme.store.read() as connection:
        sql = "SELECT cluster, digest, verdict, decided_by FROM decision WHERE run = :run ORDER BY cluster"
        kept = [tuple(row) for row in rows(connection, sql, run=report.run)]
    assert kept == [(first, digests[first], "approved", "grace"), (second, digests[second], "rejected", "linus")]


def test_only_the_named_cluster_is_made_and_the_rest_stays_held(acme: Acme) -> None:
    report = held(acme)
    name = acme.clusters(report.run)["deactivate"]
    assert acme.did(acme.approve(report.run, only=[name, name])) >= each("deactivate", THREE, "applied")
    left = acme.again(report)
    assert (left.state, left.counts.held) == ("held", 3)
    assert {cause.cluster: cause.held for cause in left.causes} == {
        name: False,
        acme.clusters(report.run)["leave_team"]: True,
    }
    assert refused(acme.approve, report.run, only=[name]).code == "unknown_cluster"
    assert acme.approve(report.run).counts.leave_team == 3
    assert acme.again(report).state == "succeeded"


@pytest.mark.parametrize("named", ["the plan", "what is held", "the cluster"])
def test_a_digest_names_the_plan_or_what_is_held(acme: Acme, named: str) -> None:
    report = held(acme)
    clusters = held_clusters(acme.store, report.run)
    first = clusters[0]
    digest = {"the plan": report.digest, "what is held": held_digest(clusters), "the cluster": first.digest}[named]
    only = [first.key] if named == "the cluster" else []
    assert acme.approve(report.run, digest=digest, only=only).state == "succeeded"


def test_the_report_gives_the_digest_of_each_held_cluster(acme: Acme) -> None:
    report = held(acme)
    digests = {each.key: each.digest for each in held_clusters(acme.store, report.run)}
    assert {cause.cluster: cause.digest for cause in report.causes if cause.held} == digests
    (name, digest), _ = digests.items()
    assert acme.approve(report.run, only=[name], digest=digest).state == "succeeded"


@pytest.mark.parametrize("digest", ["sha256:0", "the other cluster", "the whole, once a part is approved"])
def test_another_digest_is_refused(acme: Acme, digest: str) -> None:
    report = held(acme)
    one, other = held_clusters(acme.store, report.run)
    given = {"sha256:0": "sha256:0", "the other cluster": other.digest}.get(digest, held_digest([one, other]))
    if digest.startswith("the whole"):
        acme.approve(report.run, only=[one.key])
    only = [] if digest.startswith("the whole") else [one.key]
    for decide in (acme.approve, acme.reject):
        error = refused(decide, report.run, digest=given, only=only)
        assert error.code == "digest_differs"
        assert "sha256:" in error.fix
    assert acme.again(report).counts.held in (3, 6)


@pytest.mark.parametrize(("minutes", "code"), [(71 * 60, ""), (73 * 60, "too_late")])
def test_it_is_possible_for_a_while(acme: Acme, minutes: int, code: str) -> None:
    report = held(acme)
    shift(acme, report, minutes)
    if code:
        error = refused(acme.approve, report.run)
        assert (error.code, error.fix) == (code, "look at what is held now: rosterd sync okta")
        assert error.message == f"run {report.run} is older than 3d, within which it could be approved"
        assert acme.reject(report.run) == 6, "dropping it needs no haste"
    else:
        assert acme.approve(report.run).counts.deactivate == 3


def shift(acme: Acme, report: Report, minutes: int) -> None:
    """The run ended that long ago."""
    assert report.ended is not None
    then = stamp(datetime.now(UTC) - timedelta(minutes=minutes))
    edit(acme.store, "UPDATE run SET report = replace(report, :ended, :then) WHERE id = :run",
         ended=report.ended, then=then, run=report.run)  # fmt: skip


# -- what it does not cover -----------------------------------------------------------------------------------------


def test_who_came_up_since_is_not_covered(acme: Acme) -> None:
    report = held(acme)
    acme.directory.suspend("dan")
    acme.directory.change("hal", title="Boss")
    acme.sync(apply=False)  # known since, and planned by no sync yet
    done = acme.approve(report.run)
    assert acme.did(done) == (
        each("deactivate", THREE, "applied") | each("leave_team", OTHERS[2:], "applied") | {"update hal not_approved"}
    )
    assert "dan" in acme.active()
    after = acme.sync()
    assert acme.did(after) == {"deactivate dan applied", "update hal applied"}


CHANGED: dict[str, tuple[Callable[[Acme], None], set[str]]] = {
    "is suspended no longer": (lambda acme: acme.directory.restore("ada"), set()),
    "was deleted instead": (lambda acme: acme.directory.delete("ada"), {"deactivate ada not_approved"}),
    "came back and changed": (
        lambda acme: acme.directory.hire("ada", title="Boss", groups=["Eng"]), {"update ada not_approved"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_what_the_directory_asks_for_no_longer_is_left_alone(acme: Acme, case: str) -> None:
    report = held(acme)
    change, others = CHANGED[case]
    change(acme)
    acme.sync(apply=False)
    done = acme.approve(report.run)
    assert {line for line in acme.did(done) if " ada " in line} == {"deactivate ada changed_since"} | others
    assert (done.state, done.counts.deactivate, "ada" in acme.active()) == ("succeeded", 2, True)


WORKSPACE = {
    "is inactive already": "UPDATE member SET active = FALSE WHERE external_id = 'ada'",
    "is gone": "DELETE FROM member WHERE external_id = 'ada'",
    "is linked no longer": (
        "UPDATE member SET managed = FALSE, directory = NULL, external_id = NULL WHERE external_id = 'ada'"
    ),
    "follows another directory": "UPDATE member SET directory = 'google' WHERE external_id = 'ada'",
}


@pytest.mark.parametrize("case", WORKSPACE)
def test_a_member_who_changed_since_is_left_alone(acme: Acme, case: str) -> None:
    report = held(acme)
    edit(acme.store, WORKSPACE[case])
    done = acme.approve(report.run)
    assert "deactivate ada changed_since" in acme.did(done)
    assert (done.counts.deactivate, done.counts.failed) == (2, 0)


def test_an_address_that_was_taken_since_is_left_to_its_owner(acme: Acme) -> None:
    acme.configure(CAREFUL.replace("100", "2"))
    acme.directory.hire("ina", "jon")
    report = acme.sync()
    assert report.counts.held == 2
    add(acme.store, by_hand("other", profile=by_hand("ina").profile))
    done = acme.approve(report.run)
    assert acme.did(done) == {
        "create ina changed_since", "adopt ina not_approved", "update ina not_approved", "create jon applied",
    }  # fmt: skip


def test_the_last_holder_of_now_stays(acme: Acme) -> None:
    acme.directory.suspend(*THREE, "dan")
    report = acme.sync()
    assert report.counts.held == 4, "Eve is an admin still"
    edit(
        acme.store,
        "UPDATE member_role SET value = 'member' WHERE member_no = (SELECT no FROM member WHERE email LIKE 'eve@%')",
    )
    done = acme.approve(report.run)
    assert acme.did(done) == each("deactivate", THREE, "applied") | {"deactivate dan last_holder"}
    assert "dan" in acme.active()


def before_applying(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Something happens once a run has decided, before it writes."""
    hold = RunTasks.hold

    def meanwhile(tasks: RunTasks, holds: Any) -> None:
        happens()
        hold(tasks, holds)

    monkeypatch.setattr(RunTasks, "hold", meanwhile)


def test_a_member_who_changes_while_it_is_applied_fails_alone(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    report = held(acme)
    sql = "UPDATE member SET directory = 'google' WHERE external_id = 'ada'"
    before_applying(monkeypatch, lambda: edit(acme.store, sql))
    done = acme.approve(report.run)
    assert (done.state, done.counts.deactivate, done.counts.failed) == ("partial", 2, 1)
    assert "deactivate ada changed_since" in acme.did(done)


def test_an_address_that_is_taken_while_it_is_applied_fails_alone(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.configure(CAREFUL.replace("100", "2"))
    acme.directory.hire("ina", "jon")
    report = acme.sync()
    before_applying(monkeypatch, lambda: add(acme.store, by_hand("other", profile=by_hand("ina").profile)))
    assert acme.did(acme.approve(report.run)) == {"create ina email_taken", "create jon applied"}


# -- two at once ----------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], object]) -> list[str]:
    """Several people decide at the same time: "" for who did it, else why not."""

    def tried(call: Callable[[], object]) -> str:
        try:
            call()
        except (CannotDecide, WorkspaceBusy) as error:
            return error.code
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(tried, calls))


@pytest.mark.parametrize("times", range(3))
def test_of_two_approvals_at_once_one_does_it(acme: Acme, times: int) -> None:
    report = held(acme)
    first, second = at_once(*[lambda: acme.approve(report.run)] * 2)
    assert (first, second in ("nothing_held", "workspace_busy")) == ("", True), times
    with acme.store.read() as connection:
        sql = "SELECT count(*) FROM action WHERE kind = 'deactivate' AND state = 'applied'"
        assert rows(connection, sql)[0][0] == 3
    assert acme.active() == {*OTHERS}


def test_a_rejection_that_was_overtaken_rejects_nothing(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process was paused for longer than its lease, and somebody approved meanwhile: the leavers would have been
    refused ever after."""
    report = held(acme)
    still = deciding._still
    looks: list[str] = []

    def paused(store: Store, run: str, chosen: list[HeldCluster]) -> list[HeldCluster]:
        found = still(store, run, chosen)
        if len(looks) == 0:  # before it has the lease
            looks.append(run)
            return found
        monkeypatch.undo()
        edit(store, "UPDATE lease SET expires_at = :past", past="2020-01-01T00:00:00.000Z")
        assert acme.approve(report.run).state == "succeeded"
        return found

    monkeypatch.setattr(deciding, "_still", paused)
    with pytest.raises(StoreError, match="taken over"):
        acme.reject(report.run)
    assert acme.active() == {*OTHERS}
    with acme.store.read() as connection:
        assert {row.verdict for row in rows(connection, "SELECT verdict FROM decision")} == {"approved"}


def test_of_an_approval_and_a_rejection_at_once_one_counts(acme: Acme) -> None:
    report = held(acme)
    first, second = at_once(lambda: acme.approve(report.run), lambda: acme.reject(report.run))
    assert (first, second in ("nothing_held", "workspace_busy")) == ("", True)
    with acme.store.read() as connection:
        verdicts = {row[0] for row in rows(connection, "SELECT verdict FROM decision")}
    assert verdicts == {"approved" if "ada" not in acme.active() else "rejected"}


def test_an_approval_waits_for_no_run(acme: Acme) -> None:
    report = held(acme)
    with lease(acme.store, "acme", "another-run"):
        assert at_once(lambda: acme.approve(report.run), lambda: acme.reject(report.run)) == ["workspace_busy"] * 2
    assert acme.again(report).counts.held == 6


# -- what the next sync makes of it ---------------------------------------------------------------------------------


def test_the_next_sync_takes_its_place_and_says_so(acme: Acme) -> None:
    report = held(acme)
    acme.directory.restore("ada")
    after = acme.sync()
    (said,) = after.warnings
    assert said == (
        f"6 changes that run {report.run} held, not approved until now: this run plans anew what the directory still"
        " asks for"
    )
    assert (after.state, after.counts.held, after.counts.deactivate) == ("held", 3, 2), "two are below the limit"
    assert {line.split()[2] for line in acme.did(report)} == {"superseded"}
    assert (acme.again(report).state, acme.again(report).counts.held) == ("succeeded", 0)
    for decide in (acme.approve, acme.reject):
        error = refused(decide, report.run)
        assert (error.code, error.message) == ("nothing_held", f"run {report.run} holds nothing (any more)")
        assert error.fix == "it was approved, rejected, or planned anew by a later run: rosterd reports"
    assert acme.approve(after.run).counts.leave_team == 3


def test_what_a_run_held_that_was_not_read_whole_is_planned_anew_too(acme: Acme) -> None:
    """Regression: only runs whose state was `held` were found, and this one was `blocked`."""
    acme.directory.suspend(*THREE)
    acme.directory.partial = {"groups"}
    report = acme.sync()
    assert (report.state, report.counts.held) == ("blocked", 3)
    acme.directory.partial = set()
    after = acme.sync()
    assert (after.state, after.counts.held, after.warnings[0][:9]) == ("held", 3, "3 changes")
    assert refused(acme.approve, report.run).code == "nothing_held"
    assert acme.approve(after.run).counts.deactivate == 3


def killed(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that held three deactivations and died before it applied the rest."""

    def dies(_: RunTasks) -> Any:
        raise KeyboardInterrupt

    acme.directory.suspend(*THREE)
    with monkeypatch.context() as patch:
        patch.setattr(RunTasks, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            acme.sync()
    with acme.store.read() as connection:
        (run,) = connection.exec_driver_sql("SELECT id FROM run WHERE state = 'running'").scalars()
    return str(run)


def state(acme: Acme, run: str) -> str:
    with acme.store.read() as connection:
        return str(rows(connection, "SELECT state FROM run WHERE id = :run", run=run)[0][0])


def test_what_a_killed_run_held_is_planned_anew_too(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    run = killed(acme, monkeypatch)
    assert acme.sync().warnings[0].startswith(f"3 changes that run {run} held")
    assert refused(acme.approve, run).code == "nothing_held"
    assert state(acme, run) == "failed"


def test_a_killed_run_stays_a_failed_one_when_what_it_held_is_dropped(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: it was running again, by its report."""
    run = killed(acme, monkeypatch)
    acme.sync(apply=False)
    assert acme.reject(run) == 3
    assert state(acme, run) == "failed"


def test_many_runs_later_it_is_still_planned_anew(acme: Acme) -> None:
    report = held(acme)
    acme.directory.error = DirectoryError("down", where="okta", fix="wait")
    for _ in range(21):
        acme.sync()
    acme.directory.error = None
    for _ in range(3):
        acme.sync(apply=False)
    assert acme.sync().warnings[0].startswith(f"6 changes that run {report.run} held")


def test_a_plan_takes_nobodys_place(acme: Acme) -> None:
    report = held(acme)
    assert acme.sync(apply=False).warnings == ()
    assert acme.approve(report.run).counts.deactivate == 3


def test_a_run_that_could_not_read_leaves_what_is_held(acme: Acme) -> None:
    report = held(acme)
    acme.directory.error = DirectoryError("down", where="okta", fix="wait")
    assert acme.sync().state == "blocked"
    assert acme.approve(report.run).counts.deactivate == 3


# -- reject ---------------------------------------------------------------------------------------------------------


def test_what_is_rejected_is_dropped_and_shown_as_such(acme: Acme) -> None:
    report = held(acme)
    assert acme.reject(report.run) == 6
    assert (acme.again(report).state, acme.again(report).counts.held) == ("succeeded", 0)
    after = acme.sync()
    assert (after.state, after.changes, after.warnings) == ("succeeded", 0, ())
    assert acme.did(after) == each("deactivate", THREE, "rejected") | each("leave_team", OTHERS[2:], "rejected")
    assert acme.sync(verify=True).changes == 0
    assert refused(acme.reject, report.run).code == "nothing_held"


CAUSES: dict[str, tuple[Callable[[Acme], None], set[str]]] = {
    "is deleted": (lambda acme: acme.directory.delete("ada"), {"deactivate ada applied"}),
    "leaves the team": (lambda acme: acme.directory.leave("ada", groups=["Eng"]), {"deactivate ada rejected"}),
    "comes back": (lambda acme: acme.directory.restore("ada"), set()),
    "comes back as another": (
        lambda acme: acme.directory.hire("ada", title="Boss", groups=["Eng"]), {"update ada applied"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES)
def test_until_the_cause_changes(acme: Acme, case: str) -> None:
    acme.reject(held(acme).run)
    acme.sync()
    change, lines = CAUSES[case]
    change(acme)
    assert {line for line in acme.did(acme.sync()) if " ada " in line} == lines


def test_who_came_back_and_goes_again_is_planned_again(acme: Acme) -> None:
    acme.reject(held(acme).run)
    acme.directory.restore("ada")
    acme.sync()
    acme.directory.suspend("ada")
    assert "deactivate ada applied" in acme.did(acme.sync())


def test_only_the_named_cluster_is_dropped(acme: Acme) -> None:
    report = held(acme)
    assert acme.reject(report.run, only=[acme.clusters(report.run)["leave_team"]]) == 3
    assert (acme.again(report).state, acme.again(report).counts.held) == ("held", 3)
    assert acme.approve(report.run).counts.deactivate == 3


# -- bad input ------------------------------------------------------------------------------------------------------


def test_a_run_that_holds_nothing(acme: Acme) -> None:
    acme.directory.suspend("ada")
    report = acme.sync()
    for decide in (acme.approve, acme.reject):
        assert refused(decide, report.run).code == "nothing_held"


def test_a_run_that_was_only_planned(acme: Acme) -> None:
    acme.directory.suspend(*THREE)
    report = acme.sync(apply=False)
    assert report.counts.held == 3
    for decide in (acme.approve, acme.reject):
        error = refused(decide, report.run)
        assert (error.code, error.fix) == ("only_planned", "make it one that does: rosterd sync okta")


def test_a_run_of_a_directory_that_only_audits_by_now(acme: Acme) -> None:
    report = held(acme)
    text = files.WORKSPACE + files.directory("scim", name="told") + files.directory("okta", 'audits = "told"')
    acme.settings = files.loaded(acme.folder, text)
    for decide in (acme.approve, acme.reject, acme.undo):
        assert refused(decide, report.run).code == "only_audits"


def test_a_run_that_is_not_there(acme: Acme) -> None:
    for decide in (acme.approve, acme.reject, acme.undo):
        assert refused(decide, "nowhere").code == "unknown_run"


def test_a_cluster_that_is_not_there(acme: Acme) -> None:
    report = held(acme)
    name = acme.clusters(report.run)["deactivate"]
    near = refused(acme.approve, report.run, only=[name[:-1]])
    assert (near.code, near.fix) == ("unknown_cluster", f'did you mean "{name}"?')
    assert (
        refused(acme.approve, report.run, only=["x"]).fix
        == f"it holds: {', '.join(acme.clusters(report.run).values())}"
    )
    assert acme.again(report).counts.held == 6


@pytest.mark.parametrize(
    ("configured", "code"),
    [({"name": "other"}, "unknown_directory"), ({"workspace": "beta"}, "other_workspace")],
)
def test_a_run_of_a_directory_that_is_somewhere_else_now(acme: Acme, configured: dict[str, str], code: str) -> None:
    report = held(acme)
    acme.configure(CAREFUL, **configured)
    for decide in (acme.approve, acme.reject, acme.undo):
        assert refused(decide, report.run).code == code
