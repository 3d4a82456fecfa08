"""What was: history of the mirror, the policies that runs followed, mappings that configuration dropped."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds tables and columns; what is there stays as it is."""
    op.create_table(
        "mapping",
        sa.Column("directory", ID, nullable=False),
        sa.Column("ref", ID, nullable=False),
        sa.Column("team", ID, nullable=False),
        sa.Column("on_remove", sa.String(), nullable=True),
        sa.Column("retired_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("directory", "ref", "team"),
    )
    op.create_table(
        "mirror_edge_was",
        sa.Column("directory", ID, nullable=False),
        sa.Column("nested", sa.Boolean(), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.Column("came", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "nested", "member_id", "generation", "group_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mirror_group_was",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("gone", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("directory", "external_id", "generation"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mirror_user_was",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("directory", "external_id", "generation"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "policy",
        sa.Column("digest", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("used_at", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "directory"),
    )
    op.add_column("member", sa.Column("attributes", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("generation", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("policy", ID, nullable=True))
