"""Why a person is what they are, from what is stored: what `rosterd why` and the REST API answer."""

from reconciler.errors import RunError
from reconciler.explanation import Explanation
from reconciler.known import RunOf
from reconciler.model import key
from reconciler.report import Report
from reconciler.why import explain
from rosterd.policies import policy_of
from rosterd.settings.model import Settings
from store.database import Store
from store.person import known, nearest


class Nobody(RunError):
    """Nobody is known by this name."""

    code = "unknown_person"


def explained(
    settings: Settings, store: Store, email: str, *, at: Report | None = None, workspace: str | None = None
) -> list[Explanation]:
    """About whoever is meant by an address, a user name or a vendor's id: each person in each workspace, or in one, as
    they were after a run, or are now.

    Raises:
        Nobody: nobody is known by this name.
    """
    until = None
    if at is not None:
        until = RunOf(at.run, at.directory, at.began, at.ended, at.state, at.planned_only)
    configured = {directory.id: policy_of(settings, directory) for directory in settings.directory}
    found = known(store, email, at=until, workspace=workspace, configured=configured)
    if not found:
        raise _nobody(store, email, until, workspace)
    return [explain(each) for each in found]


def _nobody(store: Store, email: str, until: RunOf | None, workspace: str | None) -> Nobody:
    later = "the next sync shows whether a directory knows them"
    near = nearest(store, email)
    if key(email) in near:
        near, later = [], f"somebody is by now, or elsewhere: rosterd why {email}"
    then = f" after run {until.run}" if until is not None else ""
    where = f" in workspace {workspace}" if workspace is not None else ""
    fix = f"did you mean {' or '.join(near)}?" if near else later
    return Nobody(f'nobody is known as "{email}"{where}{then}', fix=fix)
