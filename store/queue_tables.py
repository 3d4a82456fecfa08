"""The tables of what runs and when: wishes, whose turn it is, what is due, and the processes that run things.

As in tables.py: nothing outside store/ sees them, times are RFC 3339 text of one width.
"""

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from store.columns import Id

_WAITING, _RUNNING = text("state = 'waiting'"), text("state = 'running'")


class WishRow(SQLModel, table=True):
    """That a directory be run: waiting (one of each directory), running (one in each workspace), done, lost, or joined
    to another one. `tries` counts runs that broke or were cut short, in a row."""

    __tablename__ = "wish"
    __table_args__ = (
        Index("wish_waiting", "directory", unique=True, sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("wish_running", "workspace", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("wish_ended", "directory", "ended"),
    )
    id: str = Field(primary_key=True, sa_type=Id)
    workspace: str = Field(sa_type=Id)
    directory: str = Field(sa_type=Id)
    trigger: str
    verify: bool
    asked_at: str
    asked_by: str
    state: str
    not_before: str
    tries: int
    worker: str | None = None
    run: str | None = None
    began: str | None = None
    ended: str | None = None
    progress: str | None = Field(default=None, sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    joined: str | None = Field(default=None, sa_type=Id)


class Turn(SQLModel, table=True):
    """When a workspace was served last: the one whose turn is longest ago is next."""

    __tablename__ = "turn"
    workspace: str = Field(primary_key=True, sa_type=Id)
    at: str


class WorkerRow(SQLModel, table=True):
    """A process that runs wishes (kind serve or worker), and when it last said that it is there."""

    __tablename__ = "worker"
    id: str = Field(primary_key=True, sa_type=Id)
    kind: str
    host: str
    pid: int
    version: str
    began_at: str
    beat_at: str


class DueRow(SQLModel, table=True):
    """When a directory is run next by its schedule; `basis` stands for the schedule that this was reckoned by."""

    __tablename__ = "due"
    directory: str = Field(primary_key=True, sa_type=Id)
    at: str
    basis: str
