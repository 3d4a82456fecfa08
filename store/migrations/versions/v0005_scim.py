"""SCIM: resources and memberships as an identity provider pushed them, its tokens, what it needed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds tables; what is there stays as it is."""
    _resources()
    op.create_table(
        "scim_token",
        sa.Column("id", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("expires", sa.String(), nullable=True),
        sa.Column("revoked", sa.String(), nullable=True),
        sa.Column("last_used", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("scim_token_directory", "scim_token", ["directory", "created"], unique=False)
    op.create_table(
        "scim_leniency",
        sa.Column("directory", ID, nullable=False),
        sa.Column("code", ID, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("last", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "code"),
    )
    op.create_table(
        "scim_state",
        sa.Column("directory", ID, nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("last_request", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("directory"),
    )


def _resources() -> None:
    op.create_table(
        "scim_resource",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("user_name_key", ID, nullable=True),
        sa.Column("user_name", ID, nullable=True),
        sa.Column("display_key", ID, nullable=True),
        sa.Column("display", ID, nullable=True),
        sa.Column("external_id", ID, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", ID, nullable=False),
        sa.Column("modified", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sqlite_autoincrement=True,
    )
    for name, columns, unique in (
        ("scim_resource_id", ["directory", "id"], True),
        ("scim_resource_user_name", ["directory", "user_name_key"], True),
        ("scim_resource_external_id", ["directory", "kind", "external_id"], False),
        ("scim_resource_display_name", ["directory", "kind", "display_key"], False),
        ("scim_resource_no", ["directory", "kind", "no"], False),
    ):
        op.create_index(name, "scim_resource", columns, unique=unique)
    op.create_table(
        "scim_email",
        sa.Column("resource_no", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("value", ID, nullable=True),
        sa.Column("type", ID, nullable=True),
        sa.Column("main", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("resource_no", "place"),
        sqlite_with_rowid=False,
    )
    op.create_index("scim_email_value", "scim_email", ["directory", "value", "type", "resource_no"], unique=False)
    op.create_table(
        "scim_member",
        sa.Column("group_no", sa.Integer(), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("member_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("group_no", "joined"),
        sqlite_with_rowid=False,
    )
    op.create_index("scim_member_member", "scim_member", ["member_no", "group_no"], unique=True)
