"""Lists of runs by time, by workspace and by state, without a look at every run there is."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds indexes."""
    op.create_index("run_began", "run", ["began", "id"], unique=False)
    op.create_index("run_workspace", "run", ["workspace", "began"], unique=False)
    op.create_index("run_state", "run", ["state", "directory", "began"], unique=False)
