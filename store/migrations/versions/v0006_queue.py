"""What runs and when: wishes, turns, due times, processes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds tables; what is there stays as it is."""
    _wish()
    op.create_table(
        "turn",
        sa.Column("workspace", ID, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_table(
        "worker",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.Column("beat_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "due",
        sa.Column("directory", ID, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("directory"),
    )


def _wish() -> None:
    op.create_table(
        "wish",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace", ID, nullable=False),
        sa.Column("directory", ID, nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("verify", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("not_before", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("began", sa.String(), nullable=True),
        sa.Column("ended", sa.String(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("joined", ID, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, column, state in (("wish_waiting", "directory", "waiting"), ("wish_running", "workspace", "running")):
        where = sa.text(f"state = '{state}'")
        op.create_index(name, "wish", [column], unique=True, sqlite_where=where, postgresql_where=where)
    op.create_index("wish_ended", "wish", ["directory", "ended"], unique=False)
