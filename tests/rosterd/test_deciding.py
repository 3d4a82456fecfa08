"""What a person decides about a run, on both databases: what the decision comes to as a plan."""

from pathlib import Path

from rosterd.deciding import undo_run
from rosterd.policies import policy_of
from store import Store
from tests.builders import Directory, sync
from tests.store.configured import Choice, configured
from tests.store.watching import Watch


def test_an_undo_is_a_plan_in_the_order_of_plans(store: Store, tmp_path: Path) -> None:
    """Regression: what was created came before what was reactivated, so that the digest was of no sorted plan."""
    settings = configured(tmp_path, Choice())
    east = policy_of(settings, settings.directory[0])
    directory = Directory("ada", "cyd")
    sync(store, directory, east)
    directory.suspend("ada", "cyd")
    sync(store, directory, east)
    directory.restore("ada", "cyd")
    directory.hire("bob")
    run = sync(store, directory, east).run
    watch = Watch(store)
    watch.begin()
    try:
        report = undo_run(settings, store, run, apply=True, progress=lambda *_: None)
    finally:
        watch.end()
    plan = watch.runs[report.run].plan
    assert [action.external_id for action in watch.runs[report.run].planned] == ["ada", "bob", "cyd"]
    assert (report.digest, report.counts.deactivate) == (plan.digest, 3)
