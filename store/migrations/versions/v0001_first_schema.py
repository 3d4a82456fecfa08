"""The first schema: mirror, workspace, runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes every table."""
    _mirror()
    _followed()
    _workspace()
    _runs()


def _mirror() -> None:
    """What directories said."""
    op.create_table(
        "directory",
        sa.Column("id", ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("users_complete_at", sa.String(), nullable=True),
        sa.Column("groups_complete_at", sa.String(), nullable=True),
        sa.Column("complete_at", sa.String(), nullable=True),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("verified_at", sa.String(), nullable=True),
        sa.Column("identity", sa.String(), nullable=True),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "mirror_user",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("match_key", sa.String(), nullable=False),
        sa.Column("scoped", sa.Boolean(), nullable=True),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "external_id"),
    )
    op.create_index(
        "mirror_user_key", "mirror_user", ["directory", "match_key", "state", "scoped", "external_id"], unique=False
    )
    op.create_table(
        "mirror_group",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("members_complete_at", sa.String(), nullable=True),
        sa.Column("members_digest", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("directory", "external_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mirror_edge",
        sa.Column("directory", ID, nullable=False),
        sa.Column("nested", sa.Boolean(), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("directory", "nested", "member_id", "group_id"),
        sqlite_with_rowid=False,
    )


def _followed() -> None:
    """What is remembered about what they said."""
    op.create_table(
        "binding",
        sa.Column("directory", ID, nullable=False),
        sa.Column("ref", ID, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("directory", "ref"),
    )
    op.create_table(
        "pending",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "external_id"),
        sqlite_with_rowid=False,
    )


def _workspace() -> None:
    """Members, roles, teams."""
    op.create_table(
        "member",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_key", ID, nullable=True),
        sa.Column("name_key", ID, nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("given_name", sa.String(), nullable=False),
        sa.Column("family_name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("manager", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=False),
        sa.Column("directory", ID, nullable=True),
        sa.Column("external_id", ID, nullable=True),
        sa.Column("sessions_valid_after", sa.String(), nullable=True),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("updated_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("member_email", "member", ["workspace", "email_key"], unique=True)
    op.create_index("member_id", "member", ["id"], unique=True)
    op.create_index("member_link", "member", ["directory", "external_id"], unique=True)
    op.create_index("member_managed", "member", ["workspace", "managed", "active"], unique=False)
    op.create_index("member_name", "member", ["workspace", "name_key"], unique=False)
    op.create_table(
        "member_role",
        sa.Column("member_no", sa.Integer(), nullable=False),
        sa.Column("axis", ID, nullable=False),
        sa.Column("value", ID, nullable=False),
        sa.PrimaryKeyConstraint("member_no", "axis"),
        sqlite_with_rowid=False,
    )
    op.create_index("member_role_value", "member_role", ["axis", "value"], unique=False)
    op.create_table(
        "team",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("name", ID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("team_name", "team", ["workspace", "name"], unique=True)
    op.create_table(
        "team_member",
        sa.Column("member_no", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.PrimaryKeyConstraint("member_no", "team_id", "source"),
        sqlite_with_rowid=False,
    )


def _runs() -> None:
    """What runs do, and who may write."""
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("began", sa.String(), nullable=False),
        sa.Column("ended", sa.String(), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("run_directory", "run", ["directory", "began"], unique=False)
    op.create_table(
        "action",
        sa.Column("run", ID, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("member", ID, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("parks", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run", "step", "n"),
    )
    op.create_index("action_person", "action", ["external_id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("workspace", ID, nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workspace"),
    )
