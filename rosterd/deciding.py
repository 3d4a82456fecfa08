"""What a person decides about a run, carried out: approving and rejecting held changes, undoing a run.

What is meant is checked here, against the store as it is now; the changes are made by runs (reconciler/decisions.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256

from reconciler.decisions import approve, approve_undo, undo
from reconciler.errors import RunError
from reconciler.ports import Job, Progress
from reconciler.report import Report
from rosterd.policies import policy_of
from rosterd.ports import RunPorts, as_followed, lease, new_run, now
from rosterd.settings import DirectorySettings, Settings, duration_text
from store.database import Store
from store.decisions import EarlierRun, HeldCluster, decided, held_clusters, made, recount, reject, settle
from store.runs import report_of


class CannotDecide(RunError):
    """What a person asks for cannot be done with this run."""

    def __init__(self, code: str, message: str, *, where: str, fix: str) -> None:
        super().__init__(message, where=where, fix=fix)
        self.code = code


def approve_run(
    settings: Settings, store: Store, run: str, *, only: Sequence[str] = (), digest: str = "", by: str = "",
    progress: Progress,
) -> Report:  # fmt: skip
    """Makes the held changes of a run (of the clusters in `only`, else all of them) that are still the same.

    Args:
        digest: of the run's plan, or of the held changes as `held_digest` gives it: refused when it is another.
        by: who approves, for the record.

    Raises:
        CannotDecide: there is no such run or cluster, nothing is held any more, the digest is another, it is too late.
        WorkspaceBusy: another run holds the workspace.
        StoreError: the store refused.
    """
    earlier, directory, chosen = _meant(settings, store, run, only, digest=digest)
    _in_time(settings, directory, earlier)
    policy = policy_of(settings, directory)
    again = new_run(now())
    with lease(store, policy.workspace, again) as held:
        chosen = _still(store, earlier.run, chosen)
        policy = as_followed(store, policy)
        ports = RunPorts(store, policy, None, held=held, progress=progress)
        of = EarlierRun(store, earlier.run, directory.id, [each.cluster for each in chosen])
        if earlier.trigger == "undo":  # the directory does not ask for it: it is not decided anew, but looked at again
            report = approve_undo(Job(again, policy, "undo"), ports, of)
        else:
            report = approve(Job(again, policy, "approval"), ports, of)
        with store.write() as connection:
            for each in chosen:
                decided(
                    connection, earlier.run, each, verdict="approved", by=by, at=now(), workspace=policy.workspace,
                    directory=directory.id,
                )  # fmt: skip
                settle(connection, earlier.run, each.cluster, "approved", f"approved: made by run {again}")
            recount(connection, earlier.run)
    return report


def reject_run(
    settings: Settings, store: Store, run: str, *, only: Sequence[str] = (), digest: str = "", by: str = ""
) -> int:
    """Drops held changes: they are not planned again until their cause changes. How many those were.

    Raises:
        CannotDecide: as `approve_run`.
        WorkspaceBusy: another run holds the workspace.
    """
    earlier, directory, chosen = _meant(settings, store, run, only, digest=digest)
    with lease(store, directory.workspace, new_run(now())) as held:
        chosen = _still(store, earlier.run, chosen)
        with store.write() as connection:
            held.check(connection, now())  # who was paused here may have been overtaken by an approval
            for each in chosen:
                decided(
                    connection, earlier.run, each, verdict="rejected", by=by, at=now(), workspace=directory.workspace,
                    directory=directory.id,
                )  # fmt: skip
            return reject(connection, earlier.run, directory.id, [each.cluster for each in chosen])


def undo_run(settings: Settings, store: Store, run: str, *, apply: bool, progress: Progress) -> Report:
    """Takes a run back, through the guards, where nothing changed since.

    Raises:
        CannotDecide: there is no such run, or it applied nothing.
        WorkspaceBusy: another run holds the workspace.
        StoreError: the store refused.
    """
    earlier, directory = _run(settings, store, run)
    if not made(store, earlier.run):  # by its actions: the report of a run that was killed counts nothing
        raise CannotDecide(
            "nothing_to_undo", f"run {earlier.run} changed nothing", where=earlier.run,
            fix="the runs that did: rosterd reports",
        )  # fmt: skip
    policy = policy_of(settings, directory)
    back = new_run(now())
    with lease(store, policy.workspace, back) as held:
        policy = as_followed(store, policy)
        ports = RunPorts(store, policy, None, held=held, progress=progress)
        return undo(Job(back, policy, "undo", apply=apply), ports, EarlierRun(store, earlier.run, directory.id))


def held_digest(clusters: Sequence[HeldCluster]) -> str:
    """Stands for all held changes of a run: what `--digest` may name besides the digest of the plan."""
    if len(clusters) == 1:
        return clusters[0].digest
    return f"sha256:{sha256(''.join(sorted(each.digest for each in clusters)).encode()).hexdigest()}"


# -- what is meant --------------------------------------------------------------------------------------------------


def _run(settings: Settings, store: Store, run: str) -> tuple[Report, DirectorySettings]:
    report = report_of(store, run)
    if report is None:
        raise CannotDecide("unknown_run", f'there is no run "{run}"', where=run, fix="their ids: rosterd reports")
    directory = settings.directory_named(report.directory)
    if directory is None:
        raise CannotDecide(
            "unknown_directory", f"run {run} is of directory {report.directory}, which is not configured any more",
            where=run, fix="what it manages is changed only while it is configured",
        )  # fmt: skip
    if directory.audits:
        raise CannotDecide(
            "only_audits", f"{directory.id} only audits {directory.audits} by now, and changes nobody", where=run,
            fix="what it made before it did stays as it is",
        )  # fmt: skip
    if report.workspace != directory.workspace:
        raise CannotDecide(
            "other_workspace", f"run {run} was about workspace {report.workspace}, and {directory.id} feeds"
            f" {directory.workspace} now", where=run, fix=f"look at what it plans there: rosterd plan {directory.id}",
        )  # fmt: skip
    return report, directory


def _meant(
    settings: Settings, store: Store, run: str, only: Sequence[str], *, digest: str
) -> tuple[Report, DirectorySettings, list[HeldCluster]]:
    report, directory = _run(settings, store, run)
    if report.planned_only:
        raise CannotDecide(
            "only_planned", f"run {run} was a plan: it holds nothing", where=run,
            fix=f"make it one that does: rosterd sync {directory.id}",
        )  # fmt: skip
    clusters = _still(store, run, held_clusters(store, run))
    chosen = [_named(clusters, name, run) for name in dict.fromkeys(only)] or clusters
    known = {report.digest, held_digest(clusters), held_digest(chosen)}
    if digest and digest not in known:
        raise CannotDecide(
            "digest_differs", f"run {run} holds something else than {digest}", where=run,
            fix=f"look at it again: rosterd report {run}; what it holds now is {held_digest(chosen)}",
        )  # fmt: skip
    return report, directory, chosen


def _still(store: Store, run: str, chosen: Sequence[HeldCluster]) -> list[HeldCluster]:
    """Those of the clusters that are still held as they were."""
    now_held = {each.cluster: each.digest for each in held_clusters(store, run)} if chosen else {}
    left = [each for each in chosen if now_held.get(each.cluster) == each.digest]
    if not left:
        raise CannotDecide(
            "nothing_held", f"run {run} holds nothing (any more)", where=run,
            fix="it was approved, rejected, or planned anew by a later run: rosterd reports",
        )  # fmt: skip
    return left


def _named(clusters: Sequence[HeldCluster], name: str, run: str) -> HeldCluster:
    found = [each for each in clusters if each.key == name]
    if not found:
        known = [each.key for each in clusters]
        near = get_close_matches(name, known, n=1)
        fix = f'did you mean "{near[0]}"?' if near else f"it holds: {', '.join(known)}"
        raise CannotDecide("unknown_cluster", f'run {run} holds no cluster "{name}"', where=run, fix=fix)
    return found[0]


def _in_time(settings: Settings, directory: DirectorySettings, report: Report) -> None:
    """What was seen too long ago is not approved: the directory may say something else by now."""
    within: timedelta = settings.workspace_of(directory).approve_within
    age = datetime.now(UTC) - datetime.fromisoformat(report.ended or report.began)
    if age > within:
        raise CannotDecide(
            "too_late", f"run {report.run} is older than {duration_text(within)}, within which it could be approved",
            where=report.run, fix=f"look at what is held now: rosterd sync {directory.id}",
        )  # fmt: skip
