"""The tables of what operators look at: what runs of a directory added up to, and what somebody was told of.

As in tables.py: nothing outside store/ sees them, times are RFC 3339 text of one width.
"""

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from store.columns import Id

_UNSENT = text("sent_at IS NULL")


class DirectoryTotal(SQLModel, table=True):
    """What all runs of a directory added up to, as JSON (totals.py): one row that metrics read instead of all runs."""

    __tablename__ = "directory_total"
    directory: str = Field(primary_key=True, sa_type=Id)
    body: str = Field(sa_type=Text)


class NoticeRow(SQLModel, table=True):
    """That a target of notifications is, or was, to be told something: once, whatever restarts and however many
    processes look. `not_before` is when it may be tried next."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("notice_unsent", "target", "not_before", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    )  # fmt: skip
    target: str = Field(primary_key=True, sa_type=Id)
    key: str = Field(primary_key=True, sa_type=Id)
    event: str
    directory: str = Field(sa_type=Id)
    workspace: str = Field(sa_type=Id)
    sentence: str = Field(sa_type=Text)
    command: str = Field(sa_type=Text)
    at: str
    not_before: str
    tries: int = 0
    sent_at: str | None = None
