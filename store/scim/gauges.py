"""What was heard of told directories: the last request, and how often each leniency was needed."""

from collections.abc import Mapping

from sqlalchemy import Connection

from reconciler.model import Frozen
from store.scim.pages import counted
from store.scim.statements import Statements


class Leniency(Frozen, frozen=True):
    """A tolerance that requests of a directory needed: how often, first and last when."""

    code: str
    count: int
    first: str
    last: str


class Hearsay(Frozen, frozen=True):
    """What is known of a told directory: its last request (None: never any), its resources by kind, its leniencies."""

    last_request: str | None
    users: int
    groups: int
    leniencies: tuple[Leniency, ...] = ()


def note_request(connection: Connection, directory: str, at: str, leniencies: Mapping[str, int]) -> None:
    """Adds up what was heard until `at`."""
    run = Statements(connection)
    run.run(
        "INSERT INTO scim_state (directory, basis, last_request) VALUES (?, '', ?)"
        " ON CONFLICT (directory) DO UPDATE SET last_request = excluded.last_request",
        directory, at,
    )  # fmt: skip
    run.each(
        "INSERT INTO scim_leniency (directory, code, count, first, last) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (directory, code) DO UPDATE SET count = scim_leniency.count + excluded.count,"
        " last = excluded.last",
        [(directory, code, count, at, at) for code, count in sorted(leniencies.items())],
    )


def heard(connection: Connection, directory: str) -> Hearsay:
    """What is known of a directory."""
    run = Statements(connection)
    state = run.one("SELECT last_request FROM scim_state WHERE directory = ?", directory)
    counts = counted(run, directory)
    used = "SELECT code, count, first, last FROM scim_leniency WHERE directory = ? ORDER BY count DESC, code"
    return Hearsay(
        None if state is None else state[0], counts.get("User", 0), counts.get("Group", 0),
        tuple(Leniency(*row) for row in run.all(used, directory)),
    )  # fmt: skip


def forget(connection: Connection, directory: str) -> None:
    """Takes away what a directory's clients told, its tokens and its counts. The mirror and the members stay."""
    run = Statements(connection)
    numbers = "(SELECT no FROM scim_resource WHERE directory = ?)"
    run.run(f"DELETE FROM scim_member WHERE group_no IN {numbers}", directory)
    for table in ("scim_email", "scim_resource", "scim_count", "token", "scim_leniency", "scim_state"):
        run.run(f"DELETE FROM {table} WHERE directory = ?", directory)
