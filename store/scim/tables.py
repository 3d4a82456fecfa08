"""The tables of what SCIM clients told, as SQLModel classes; how they are written is told in store/tables.py."""

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from store.columns import Id


class ScimResource(SQLModel, table=True):
    """A SCIM resource as the identity provider made it; `body` is JSON without what the server says itself.

    `no` is the order of creation, never used twice, and what memberships join. Names are there
    twice: as filters compare them (reconciler.model.folded), and as a key, by which they are found and are unique: a
    user name always, a group's display name where the directory asks for that.
    """

    __tablename__ = "scim_resource"
    __table_args__ = (
        Index("scim_resource_id", "directory", "id", unique=True),
        Index("scim_resource_user_name", "directory", "user_name_key", unique=True),
        Index("scim_resource_external_id", "directory", "kind", "external_id"),
        Index("scim_resource_display_name", "directory", "kind", "display_key"),
        Index("scim_resource_no", "directory", "kind", "no"),
        {"sqlite_autoincrement": True},
    )
    no: int | None = Field(default=None, primary_key=True)
    directory: str = Field(sa_type=Id)
    kind: str = Field(sa_type=Id)
    id: str = Field(sa_type=Id)
    user_name_key: str | None = Field(default=None, sa_type=Id)
    user_name: str | None = Field(default=None, sa_type=Id)
    display_key: str | None = Field(default=None, sa_type=Id)
    display: str | None = Field(default=None, sa_type=Id)
    external_id: str | None = Field(default=None, sa_type=Id)
    active: bool | None = None
    version: int
    created: str = Field(sa_type=Id)
    modified: str = Field(sa_type=Id)
    body: str = Field(sa_type=Text)


class ScimEmail(SQLModel, table=True):
    """One of a user's addresses, folded, so that a person is found by it; the whole of it is in the body."""

    __tablename__ = "scim_email"
    __table_args__ = (
        Index("scim_email_value", "directory", "value", "type", "resource_no"),
        {"sqlite_with_rowid": False},
    )
    resource_no: int = Field(primary_key=True)
    place: int = Field(primary_key=True)
    directory: str = Field(sa_type=Id)
    value: str | None = Field(default=None, sa_type=Id)
    type: str | None = Field(default=None, sa_type=Id)
    main: bool | None = None


class ScimMember(SQLModel, table=True):
    """A membership in a group, of a user or of another group; `joined` is the order within the group."""

    __tablename__ = "scim_member"
    __table_args__ = (
        Index("scim_member_member", "member_no", "group_no", unique=True),
        {"sqlite_with_rowid": False},
    )
    group_no: int = Field(primary_key=True)
    joined: int = Field(primary_key=True)
    member_no: int


class ScimCount(SQLModel, table=True):
    """How many resources of a kind a directory has: counting them for each page costs more than the page."""

    __tablename__ = "scim_count"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    kind: str = Field(primary_key=True, sa_type=Id)
    number: int


class ScimLeniency(SQLModel, table=True):
    """How often requests of a directory needed a tolerance that the standard does not ask for."""

    __tablename__ = "scim_leniency"
    directory: str = Field(primary_key=True, sa_type=Id)
    code: str = Field(primary_key=True, sa_type=Id)
    count: int
    first: str
    last: str


class ScimState(SQLModel, table=True):
    """A told directory as a whole: its last accepted request, and what policy read of its resources when the mirror
    was made of them ("": the next run makes it anew)."""

    __tablename__ = "scim_state"
    directory: str = Field(primary_key=True, sa_type=Id)
    basis: str = ""
    last_request: str | None = None
