"""Members put into a workspace by hand, as the application would, and taken out again."""

from sqlalchemy import text

from reconciler.model import Member
from store import Store
from store.database import bulk
from store.profiles import COLUMNS, columns_of

NOW = "2026-01-01T00:00:00.000Z"


def add(store: Store, *members: Member, workspace: str = "acme") -> None:
    """Writes members as they are, links and roles and teams included."""
    names = ("id", "workspace", *COLUMNS, "active", "managed", "directory", "external_id", "created_at", "updated_at")
    marks = ", ".join("?" * len(names))
    insert = f"INSERT INTO member ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - constants of this file
    with store.write() as connection:
        for each in members:
            profile = columns_of(each.profile)
            link = (each.directory or None, each.external_id or None)
            bulk(
                connection,
                insert,
                [(each.id, workspace, *profile, each.active, each.managed, *link, NOW, NOW)],
            )
            bulk(
                connection,
                "INSERT INTO member_role (member_no, axis, value) SELECT no, ?, ? FROM member WHERE id = ?",
                [(axis, value, each.id) for axis, value in each.roles.items()],
            )
    for each in members:
        for team in sorted(each.teams):
            join(store, each.id, team, workspace=workspace)


def join(store: Store, member: str, team: str, *, workspace: str = "acme", source: str = "") -> None:
    """Puts a member into a team: by hand, unless a directory is named."""
    with store.write() as connection:
        bulk(
            connection,
            "INSERT INTO team (workspace, name) VALUES (?, ?) ON CONFLICT (workspace, name) DO NOTHING",
            [(workspace, team)],
        )
        connection.execute(
            text(
                "INSERT INTO team_member (member_no, team_id, source) SELECT m.no, t.id, :s FROM member m, team t"
                " WHERE m.id = :m AND t.workspace = :w AND t.name = :t"
            ),
            {"m": member, "s": source, "w": workspace, "t": team},
        )


def edit(store: Store, sql: str, **given: object) -> None:
    """A statement run by hand, behind rosterd's back."""
    with store.write() as connection:
        connection.execute(text(sql), given)
