"""When somebody left, in the directory's own time."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds a column."""
    op.add_column("mirror_user", sa.Column("off_since", sa.String(), nullable=True))
