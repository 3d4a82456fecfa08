"""Policies are read back as they were followed."""

from reconciler.policy import Limit, RoleRule, Scope
from store import Store
from store.policies import keep, of
from tests.builders import DIRECTORY, policy
from tests.store.workspaces import edit

FIRST, LATER = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def test_a_policy_is_read_back_equal(store: Store) -> None:
    followed = policy(
        scope=Scope(frozenset({"acme.com", "acme.org"}), ("Staff",), guests=True),
        rules=(RoleRule((("role", "admin"),), (("role", "member"),)),),
        protected=frozenset({"ada@acme.com"}),
        limits={"deactivate": Limit(5, 2.5, 1)},
    )
    with store.write() as connection:
        keep(connection, followed, FIRST)
    with store.read() as connection:
        assert of(connection, DIRECTORY, followed.digest) == followed
        assert of(connection, "other", followed.digest) is None
        assert of(connection, DIRECTORY, policy().digest) is None


def test_followed_again_it_is_one_row_with_the_latest_limits(store: Store) -> None:
    with store.write() as connection:
        keep(connection, policy(), FIRST)
        keep(connection, policy(limits={"update": Limit(3)}), LATER)
    with store.read() as connection:
        kept = of(connection, DIRECTORY, policy().digest)
        used = connection.exec_driver_sql("SELECT used_at FROM policy").all()
    assert kept is not None
    assert (kept.limits, [row[0] for row in used]) == ({"update": Limit(3)}, [LATER])


def test_one_that_cannot_be_read_any_more_is_none(store: Store) -> None:
    with store.write() as connection:
        keep(connection, policy(), FIRST)
    edit(store, "UPDATE policy SET body = '{\"workspace\": 3}'")
    with store.read() as connection:
        assert of(connection, DIRECTORY, policy().digest) is None
