"""Safety: counts over time, what people decided about held changes, how reading each directory goes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds tables and a column; what is there stays as it is."""
    op.create_table(
        "decision",
        sa.Column("run", ID, nullable=False),
        sa.Column("cluster", ID, nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("run", "cluster"),
    )
    op.create_index("decision_directory", "decision", ["directory", "decided_at"], unique=False)
    op.create_table(
        "health",
        sa.Column("directory", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(), nullable=True),
        sa.Column("until", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("clean_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("directory"),
    )
    op.create_table(
        "refusal",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("digest", ID, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("run", ID, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "external_id", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tally",
        sa.Column("run", ID, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("ended", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", "step", "evidence", "state"),
    )
    op.create_index("run_tally_window", "run_tally", ["workspace", "ended"], unique=False)
    op.add_column("run", sa.Column("managed", sa.Integer(), nullable=True))
