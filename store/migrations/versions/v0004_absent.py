"""Who has to be absent twice is known one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds a table; what it replaces, a flag for the whole directory, goes."""
    op.create_table(
        "absent",
        sa.Column("directory", ID, nullable=False),
        sa.Column("external_id", ID, nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "external_id"),
        sqlite_with_rowid=False,
    )
    op.drop_column("directory", "suspect")
