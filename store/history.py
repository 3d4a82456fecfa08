"""What was: before-images of the mirror, and which mirror and policy each run was about.

Every promotion after the first keeps the rows that it replaces, in its own transaction: what is kept follows what
changed. With the present rows they say what the mirror held after any promotion. Writing it is here; reading one
person back from it is past.py.
"""

from collections.abc import Callable

from sqlalchemy import Connection, text

from reconciler.policy import Policy
from store.mirror import peek
from store.policies import keep


class Keeper:
    """Keeps what one promotion replaces. `run` executes a statement with `:d` (directory) and `:mark` (generation).

    Each part is called when its staging tables say what differs and the mirror still holds what was. The first
    promotion replaces nothing: before it, nobody was known.
    """

    def __init__(self, run: Callable[[str], None], mark: int) -> None:
        self._run = run if mark > 1 else _nothing

    def newcomers(self) -> None:
        """Everybody staged is new."""
        self._run(
            "INSERT INTO mirror_user_was (directory, external_id, generation)"
            " SELECT :d, external_id, :mark FROM stage_user WHERE state <> 'gone'"
        )

    def people(self, *, gone: bool) -> None:
        """The people of `stage_changed` who are staged as gone, or those who are staged as anything else."""
        self._run(
            "INSERT INTO mirror_user_was (directory, external_id, generation, state, evidence, body)"
            " SELECT :d, c.external_id, :mark, m.state, m.evidence, m.body FROM stage_changed c"
            " CROSS JOIN stage_user s LEFT JOIN mirror_user m ON m.directory = :d AND m.external_id = s.external_id"
            f" WHERE s.external_id = c.external_id AND s.state {'=' if gone else '<>'} 'gone'"
        )

    def groups(self) -> None:
        """The groups that are staged and new, changed or back."""
        self._run(
            "INSERT INTO mirror_group_was (directory, external_id, generation, name, email, gone)"
            " SELECT :d, s.external_id, :mark, g.name, g.email, g.gone FROM stage_group s LEFT JOIN mirror_group g"
            " ON g.directory = :d AND g.external_id = s.external_id"
            " WHERE g.external_id IS NULL OR g.name <> s.name OR g.email <> s.email OR g.gone"
        )

    def groups_gone(self) -> None:
        """The groups that are known to be gone. One that this promotion changed before keeps its first image."""
        self._run(
            "INSERT INTO mirror_group_was (directory, external_id, generation, name, email, gone)"
            " SELECT directory, external_id, :mark, name, email, gone FROM mirror_group WHERE directory = :d"
            " AND NOT gone AND external_id IN (SELECT external_id FROM stage_group_gone) ON CONFLICT DO NOTHING"
        )

    def edges(self) -> None:
        """The memberships that went, and those that came. One that did both was there before: the first row says it."""
        into = "INSERT INTO mirror_edge_was (directory, nested, member_id, generation, group_id, came)"
        self._run(f"{into} SELECT :d, nested, member_id, :mark, group_id, FALSE FROM stage_edges_gone")
        self._run(
            f"{into} SELECT :d, nested, member_id, :mark, group_id, TRUE FROM stage_edges_changed WHERE TRUE"
            " ON CONFLICT DO NOTHING"
        )


def _nothing(_sql: str) -> None:
    pass


def opened(connection: Connection, run: str, policy: Policy, now: str) -> None:
    """A run begins: it follows this policy, on the mirror as it is until the run's own promotion."""
    row = peek(connection, policy.directory)
    connection.execute(
        text("UPDATE run SET generation = :g, policy = :p WHERE id = :run"),
        {"g": row.generation if row else 0, "p": policy.digest, "run": run},
    )
    keep(connection, policy, now)


def promoted(connection: Connection, run: str, mark: int) -> None:
    """A run's promotion: from here on the run is about this generation of the mirror."""
    connection.execute(text("UPDATE run SET generation = :g WHERE id = :run"), {"g": mark, "run": run})
