"""What runs added up to, what somebody was told of, and what is held without looking at every run."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds tables and an index; totals begin with the next run."""
    op.create_table(
        "directory_total",
        sa.Column("directory", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("directory"),
    )
    op.create_table(
        "notice",
        sa.Column("target", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("not_before", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("target", "key"),
    )
    unsent, held = sa.text("sent_at IS NULL"), sa.text("state = 'held'")
    op.create_index("notice_unsent", "notice", ["target", "not_before"], sqlite_where=unsent, postgresql_where=unsent)
    op.create_index("action_held", "action", ["run", "step", "evidence"], sqlite_where=held, postgresql_where=held)
