"""Whom a changed policy makes pending, besides what test_policy_changes.py shows of plans."""

import pytest

from reconciler.changes import NOBODY, Touched
from store import Store
from store.database import rows
from store.pending import mark_touched
from tests.builders import Directory, policy, sync
from tests.store.workspaces import edit

SOME = frozenset({"Eng"})


@pytest.mark.parametrize(
    ("whom", "names"),
    [
        (NOBODY, set()),
        (Touched(refs=SOME), {"bob", "cyd"}),
        (Touched(refs=frozenset({"Sub", "Nobody"})), set()),
        (Touched(teams=frozenset({"Engineering", "Nobody"})), {"bob", "cyd"}),
        (Touched(teams=frozenset({"Choir"})), set()),
        (Touched(attributes=frozenset({"jamie_role"})), {"ada"}),
        (Touched(attributes=frozenset({'a_%"\\b'})), {"dan"}),
        (Touched(attributes=frozenset({"axxb", "%"})), set()),
        (Touched(refs=SOME, attributes=frozenset({"jamie_role"})), {"ada", "bob", "cyd"}),
    ],
    ids=["nobody", "nested", "not resolved", "team", "no such team", "attribute", "odd attribute", "pattern", "both"],
)
def test_whom_a_change_marks(store: Store, whom: Touched, names: set[str]) -> None:
    directory = Directory()
    directory.hire("ada", attributes={"jamie_role": "member"})
    directory.hire("bob", groups=["Eng"])
    directory.hire("cyd", groups=["Sub"])
    directory.hire("dan", attributes={'a_%"\\b': "x"})
    directory.nest("Eng", "Sub")
    sync(store, directory)
    edit(store, "UPDATE pending SET mark = 0")
    with store.write() as connection:
        mark_touched(connection, policy(), whom, 7)
    with store.read() as connection:
        found = {row[0] for row in rows(connection, "SELECT external_id FROM pending WHERE mark = 7")}
    assert found == names
