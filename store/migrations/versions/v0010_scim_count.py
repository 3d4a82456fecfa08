"""How many resources of each kind a told directory has, kept so that no page has to count them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the table, and counts once."""
    op.create_table(
        "scim_count",
        sa.Column("directory", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("directory", "kind"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO scim_count (directory, kind, number) SELECT directory, kind, count(*) FROM scim_resource"
        " GROUP BY directory, kind"
    )
