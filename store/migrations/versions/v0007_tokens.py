"""Tokens of operators beside those of directories: what they may do, and in which workspace."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Tokens that there are stay valid for the directory that they are of."""
    op.drop_index("scim_token_directory", table_name="scim_token")
    op.rename_table("scim_token", "token")
    op.add_column("token", sa.Column("scope", sa.String(), nullable=True))
    op.add_column("token", sa.Column("workspace", sa.String(), nullable=True))
    op.create_index("token_directory", "token", ["directory", "created"], unique=False)
