"""What the stories of runs share: a directory to begin with, and what a run did in short."""

from typing import Any

from reconciler.model import UserState
from store import Store
from store.runs import actions_of
from tests.builders import Directory, changes, sync


def settled(store: Store, directory: Directory, **options: Any) -> None:
    """Running it again changes nothing, neither in passing nor when everything is compared."""
    for verify in (False, True):
        report = sync(store, directory, verify=verify, **options)
        assert changes(store, report) == []
        assert (report.state, report.changes) == ("succeeded", 0)


def story() -> Directory:
    """Seven people: an admin, an engineering team with a nested group, one suspended, one pending, one guest."""
    directory = Directory("ada", "bob", "cyd")
    directory.join("ada", groups=["Admins"])
    directory.join("bob", groups=["Eng"])
    directory.join("cyd", groups=["Sub"])
    directory.nest("Eng", "Sub")
    directory.hire("dan", state=UserState.SUSPENDED)
    directory.hire("eve", state=UserState.PENDING)
    directory.hire("gus", guest=True)
    directory.hire("hal", attributes={"jamie_role": "Admin"})
    return directory


def kinds(store: Store, run: str) -> set[str]:
    return {f"{row.kind} {row.external_id} {row.code}" for row in actions_of(store, run)}
