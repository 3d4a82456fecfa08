"""A workspace whose runs people decide about: a configuration on one of the databases, fed by a directory in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.report import Report
from rosterd.deciding import CannotDecide, approve_run, reject_run, undo_run
from rosterd.policies import policy_of
from rosterd.settings import Settings
from store import Store
from store.decisions import held_clusters
from store.runs import actions_of, report_of
from tests.builders import Directory, people, sync
from tests.rosterd.files import directory, loaded

AXIS = '[[workspace.role]]\naxis = "role"\nvalues = ["member", "admin"]\nprotect_last = "admin"\n'
MAPPED = (
    '[[directory.role]]\naxis = "role"\ngroups = { "Admins" = "admin" }\n'
    '[[directory.team]]\ngroup = "Eng"\nteam = "Engineering"'
)
OFF = "leave_team_each = false\n"  # these tests want the limits that they name


class Acme:
    """Workspace acme and its directory; what was done is in `store`."""

    def __init__(self, store: Store, folder: Path, *names: str, limits: str = "", more: str = "") -> None:
        self.store, self.folder = store, folder
        self.directory = Directory(*names)
        self.directory.add_group("Admins", "Eng")
        self.configure(limits, more)

    def configure(self, limits: str = "", more: str = "", *, workspace: str = "acme", name: str = "okta") -> None:
        """Another configuration from here on."""
        head = f'[[workspace]]\nid = "{workspace}"\n{more}\n{AXIS}[workspace.limits]\n{OFF}{limits}\n'
        self.settings: Settings = loaded(self.folder, head + directory("okta", MAPPED, name=name, workspace=workspace))

    def sync(self, **options: Any) -> Report:
        """One run of the directory."""
        return sync(self.store, self.directory, policy_of(self.settings, self.settings.directory[0]), **options)

    def approve(self, run: str, **options: Any) -> Report:
        """`rosterd approve`."""
        return approve_run(self.settings, self.store, run, progress=lambda *_: None, **options)

    def reject(self, run: str, **options: Any) -> int:
        """`rosterd reject`."""
        return reject_run(self.settings, self.store, run, **options)

    def undo(self, run: str, *, apply: bool = True) -> Report:
        """`rosterd undo`."""
        return undo_run(self.settings, self.store, run, apply=apply, progress=lambda *_: None)

    def clusters(self, run: str) -> dict[str, str]:
        """What a run holds: the names of clusters by their change."""
        return {each.cluster.step.change: each.key for each in held_clusters(self.store, run)}

    def did(self, report: Report) -> set[str]:
        """What became of each action: "deactivate ada applied"."""
        return {f"{row.kind} {row.external_id} {row.code}" for row in actions_of(self.store, report.run)}

    def again(self, report: Report) -> Report:
        """The report as it is read now."""
        found = report_of(self.store, report.run)
        assert found is not None
        return found

    def active(self) -> set[str]:
        """First parts of the addresses of active members."""
        return {email.split("@")[0] for email in people(self.store)}


def each(did: str, names: Sequence[str], code: str) -> set[str]:
    """ "deactivate ada applied" for each name."""
    return {f"{did} {name} {code}" for name in names}


def refused(call: Any, *arguments: Any, **options: Any) -> CannotDecide:
    """Why it cannot be done; the error says where and the way out."""
    with pytest.raises(CannotDecide) as caught:
        call(*arguments, **options)
    error = caught.value
    assert error.message
    assert error.where
    assert error.fix
    return error
