"""From when somebody who left is timed where the directory says no time: the last read that did not show it, or the
request that told it; and since when a directory is read at all."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_OFF = "UPDATE mirror_user SET {} = changed_at WHERE state IN ('suspended', 'gone') AND directory {} IN"
_TOLD = "(SELECT directory FROM scim_state)"
# The runs of the first reads may be deleted by now: of whom they showed, all that follows was done long ago.
_READ = (
    "UPDATE directory SET first_began = coalesce((SELECT min(r.began) FROM run r WHERE r.directory = directory.id"
    " AND r.generation >= 1), users_complete_at), last_began = coalesce((SELECT max(r.began) FROM run r"
    " WHERE r.directory = directory.id AND r.began <= directory.users_complete_at), users_complete_at)"
    f" WHERE users_complete_at IS NOT NULL AND id NOT IN {_TOLD}"
)


def upgrade() -> None:
    """Adds the columns. Who is off already is timed from when the mirror had it, which is all that is known."""
    for column in ("off_after", "off_told"):
        op.add_column("mirror_user", sa.Column(column, sa.String(), nullable=True))
    for column in ("first_began", "last_began"):
        op.add_column("directory", sa.Column(column, sa.String(), nullable=True))
    op.execute(f"{_OFF.format('off_told', '')} {_TOLD}")
    op.execute(f"{_OFF.format('off_after', 'NOT')} {_TOLD}")
    op.execute(_READ)
