"""The tables, as SQLModel classes. Nothing outside store/ sees them.

Times are RFC 3339 text in UTC, of one width, so that they sort as text on every database. Ids are compared byte by
byte (collation "C" on PostgreSQL, SQLite's default), which is also how Python sorts them.

mirror:     directory, mirror_user, mirror_group, mirror_edge, absent, binding, pending
history:    mirror_user_was, mirror_group_was, mirror_edge_was (what each promotion replaced)
policy:     policy, mapping
workspace:  member, member_role, team, team_member
runs:       run, action, lease
safety:     run_tally, decision, refusal, health
scim:       scim_resource, scim_email, scim_member, scim_count, scim_leniency, scim_state (in scim/tables.py)
queue:      wish, turn, worker, due (in queue_tables.py)
operations: directory_total, notice (in operation_tables.py)
"""

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

import store.operation_tables
import store.queue_tables
import store.scim.tables  # noqa: F401 - all tables are known to whoever knows these
from store.columns import Id

_HELD = text("state = 'held'")


class Directory(SQLModel, table=True):
    """What the mirror knows about a directory as a whole. `generation` counts promotions.

    `first_began` and `last_began`: when the first and the last read began that listed all people (never: it is told).
    `identity` stands for the credentials and address of the last whole listing of people (None: never): what was absent
    under other ones does not count.
    """

    __tablename__ = "directory"
    id: str = Field(primary_key=True, sa_type=Id)
    generation: int = 0
    users_complete_at: str | None = None
    groups_complete_at: str | None = None
    complete_at: str | None = None
    policy_digest: str = ""
    verified_at: str | None = None
    identity: str | None = None
    cursor: str | None = Field(default=None, sa_type=Text)
    first_began: str | None = None
    last_began: str | None = None


class MirrorUser(SQLModel, table=True):
    """A person as the directory last described them; `body` is the DirectoryUser as JSON. A gone person keeps the
    last body; `state` and `evidence` say that they are gone and why that is believed.

    Of who is suspended or gone, for as long as that lasts: `off_since`, when it happened in the directory, if that says
    so; `off_after`, when the last whole read began that did not show it yet (None: there was none); `off_told`, when
    the request came that told it."""

    __tablename__ = "mirror_user"
    __table_args__ = (
        # Finds rivals for a key, and answers the funnel's counts, without touching the bodies.
        Index("mirror_user_key", "directory", "match_key", "state", "scoped", "external_id"),
    )
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    state: str
    evidence: str | None = None
    match_key: str = ""
    scoped: bool | None = None
    changed_at: str
    body: str = Field(sa_type=Text)
    off_since: str | None = None
    off_after: str | None = None
    off_told: str | None = None


class MirrorGroup(SQLModel, table=True):
    """A group; `members_complete_at` is when its members were read whole, None if never or not the last time."""

    __tablename__ = "mirror_group"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    name: str
    email: str = ""
    gone: bool = False
    members_complete_at: str | None = None
    members_digest: str | None = None


class MirrorEdge(SQLModel, table=True):
    """A direct membership: of a person, or (`nested`) of another group. In the order in which people are read."""

    __tablename__ = "mirror_edge"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    nested: bool = Field(default=False, primary_key=True)
    member_id: str = Field(primary_key=True, sa_type=Id)
    group_id: str = Field(primary_key=True, sa_type=Id)


class Absent(SQLModel, table=True):
    """A person or group that a whole listing did not hold and of which the directory, asked by id, only said that it
    knows no such id. They are gone when the next whole listing shows the same."""

    __tablename__ = "absent"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    since: str


class Binding(SQLModel, table=True):
    """The group id that a configured group name was last resolved to, so that a renamed group stays the same group."""

    __tablename__ = "binding"
    directory: str = Field(primary_key=True, sa_type=Id)
    ref: str = Field(primary_key=True, sa_type=Id)
    group_id: str = Field(sa_type=Id)


class Pending(SQLModel, table=True):
    """Somebody to look at again; `mark` is the directory's generation that asked for it."""

    __tablename__ = "pending"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    mark: int


class MirrorUserWas(SQLModel, table=True):
    """What the promotion `generation` replaced of a person: the row as it was before. No state: not known before.

    Together with the present rows it says what the mirror held after any promotion; nothing is kept for a first load.
    """

    __tablename__ = "mirror_user_was"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    generation: int = Field(primary_key=True)
    state: str | None = None
    evidence: str | None = None
    body: str | None = Field(default=None, sa_type=Text)


class MirrorGroupWas(SQLModel, table=True):
    """What the promotion `generation` replaced of a group. No name: not known before."""

    __tablename__ = "mirror_group_was"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    generation: int = Field(primary_key=True)
    name: str | None = None
    email: str | None = None
    gone: bool | None = None


class MirrorEdgeWas(SQLModel, table=True):
    """A direct membership that the promotion `generation` changed: it `came`, or else it went."""

    __tablename__ = "mirror_edge_was"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    nested: bool = Field(default=False, primary_key=True)
    member_id: str = Field(primary_key=True, sa_type=Id)
    generation: int = Field(primary_key=True)
    group_id: str = Field(primary_key=True, sa_type=Id)
    came: bool


class PolicyRow(SQLModel, table=True):
    """A policy that a run of this directory followed, as JSON, by its digest."""

    __tablename__ = "policy"
    digest: str = Field(primary_key=True, sa_type=Id)
    directory: str = Field(primary_key=True, sa_type=Id)
    used_at: str
    body: str = Field(sa_type=Text)


class Mapping(SQLModel, table=True):
    """A group → team mapping that a run followed. `retired_at`: when configuration dropped it; `on_remove` says what
    then becomes of the memberships it made: "keep", "remove", None while nobody has decided."""

    __tablename__ = "mapping"
    directory: str = Field(primary_key=True, sa_type=Id)
    ref: str = Field(primary_key=True, sa_type=Id)
    team: str = Field(primary_key=True, sa_type=Id)
    on_remove: str | None = None
    retired_at: str | None = None


class MemberRow(SQLModel, table=True):
    """A member of a workspace. `email_key` is NULL while the address is being handed to somebody else.

    `id` is what others see; `no` joins roles and teams: small, and in the order of creation, so that reading people in
    order reads their roles and teams in order too. `attributes` is a JSON object of the mapped fields without a column.
    """

    __tablename__ = "member"
    __table_args__ = (
        Index("member_email", "workspace", "email_key", unique=True),
        Index("member_name", "workspace", "name_key"),
        Index("member_link", "directory", "external_id", unique=True),
        Index("member_id", "id", unique=True),
        Index("member_managed", "workspace", "managed", "active"),
    )
    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(sa_type=Id)
    workspace: str = Field(sa_type=Id)
    email: str
    email_key: str | None = Field(default=None, sa_type=Id)
    name_key: str = Field(default="", sa_type=Id)
    user_name: str = ""
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    title: str = ""
    department: str = ""
    manager: str = ""
    attributes: str | None = Field(default=None, sa_type=Text)
    active: bool = True
    managed: bool = False
    directory: str | None = Field(default=None, sa_type=Id)
    external_id: str | None = Field(default=None, sa_type=Id)
    sessions_valid_after: str | None = None
    created_at: str
    updated_at: str


class MemberRole(SQLModel, table=True):
    """A member's value on one role axis."""

    __tablename__ = "member_role"
    __table_args__ = (Index("member_role_value", "axis", "value"), {"sqlite_with_rowid": False})
    member_no: int = Field(primary_key=True)
    axis: str = Field(primary_key=True, sa_type=Id)
    value: str = Field(sa_type=Id)


class Team(SQLModel, table=True):
    """A team of a workspace."""

    __tablename__ = "team"
    __table_args__ = (Index("team_name", "workspace", "name", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    workspace: str = Field(sa_type=Id)
    name: str = Field(sa_type=Id)


class TeamMember(SQLModel, table=True):
    """A membership and who made it: `source` is a directory's id, or "" for one made by hand."""

    __tablename__ = "team_member"
    __table_args__ = ({"sqlite_with_rowid": False},)
    member_no: int = Field(primary_key=True)
    team_id: int = Field(primary_key=True)
    source: str = Field(primary_key=True, sa_type=Id)


class Run(SQLModel, table=True):
    """A run and, once it ended, its report without actions as JSON. `generation` and `policy` (a digest) say which
    mirror was planned under which policy, `managed` how many members limits were measured against."""

    __tablename__ = "run"
    __table_args__ = (
        Index("run_directory", "directory", "began"),
        Index("run_began", "began", "id"),
        Index("run_workspace", "workspace", "began"),
        Index("run_state", "state", "directory", "began"),
    )
    id: str = Field(primary_key=True, sa_type=Id)
    workspace: str = Field(sa_type=Id)
    directory: str = Field(sa_type=Id)
    state: str
    began: str
    ended: str | None = None
    report: str = Field(sa_type=Text)
    generation: int | None = None
    policy: str | None = Field(default=None, sa_type=Id)
    managed: int | None = None


class ActionRecord(SQLModel, table=True):
    """One action of a run's plan and its outcome; `before` and `after` are JSON objects."""

    __tablename__ = "action"
    __table_args__ = (
        Index("action_person", "external_id"),
        # What is held waits for somebody: it is looked for often, and there is little of it.
        Index("action_held", "run", "step", "evidence", sqlite_where=_HELD, postgresql_where=_HELD),
    )
    run: str = Field(primary_key=True, sa_type=Id)
    step: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    kind: str
    external_id: str = Field(sa_type=Id)
    email: str
    member: str = Field(sa_type=Id)
    before: str = Field(sa_type=Text)
    after: str = Field(sa_type=Text)
    evidence: str | None = None
    cause: str
    parks: str = ""
    state: str
    code: str
    attempts: int = 0
    error: str | None = Field(default=None, sa_type=Text)


class Lease(SQLModel, table=True):
    """Who may write to a workspace until when. `token` rises with every holder: a write with an old one is refused."""

    __tablename__ = "lease"
    workspace: str = Field(primary_key=True, sa_type=Id)
    token: int
    run: str
    host: str
    pid: int
    expires_at: str


class RunTally(SQLModel, table=True):
    """How many actions of a step, with this evidence ("" for none), a run left in a state: what windows add up."""

    __tablename__ = "run_tally"
    __table_args__ = (Index("run_tally_window", "workspace", "ended"),)
    run: str = Field(primary_key=True, sa_type=Id)
    step: int = Field(primary_key=True)
    evidence: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    workspace: str = Field(sa_type=Id)
    directory: str = Field(sa_type=Id)
    ended: str
    number: int


class Decision(SQLModel, table=True):
    """What a person decided about a cluster that a guard held: it holds for exactly the actions behind `digest`."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_directory", "directory", "decided_at"),)
    run: str = Field(primary_key=True, sa_type=Id)
    cluster: str = Field(primary_key=True, sa_type=Id)
    workspace: str = Field(sa_type=Id)
    directory: str = Field(sa_type=Id)
    digest: str
    verdict: str
    decided_by: str = ""
    decided_at: str
    expires_at: str | None = None


class Refusal(SQLModel, table=True):
    """An action that is not to be planned again as it is: rejected, or undone. Over once another is planned."""

    __tablename__ = "refusal"
    __table_args__ = ({"sqlite_with_rowid": False},)
    directory: str = Field(primary_key=True, sa_type=Id)
    external_id: str = Field(primary_key=True, sa_type=Id)
    digest: str = Field(primary_key=True, sa_type=Id)
    code: str
    run: str = Field(sa_type=Id)
    at: str


class Health(SQLModel, table=True):
    """How reading a directory went lately. `until`: nothing is scheduled before; None with "paused": a person acts."""

    __tablename__ = "health"
    directory: str = Field(primary_key=True, sa_type=Id)
    state: str
    failures: int = 0
    since: str | None = None
    until: str | None = None
    code: str = ""
    message: str = Field(default="", sa_type=Text)
    clean_at: str | None = None


class TokenRow(SQLModel, table=True):
    """A bearer token as the SHA-256 of its text: of one directory, or (directory "") of an operator, who has a scope
    and may be bound to a workspace. `last_used` is right to the minute."""

    __tablename__ = "token"
    __table_args__ = (Index("token_directory", "directory", "created"),)
    id: str = Field(primary_key=True, sa_type=Id)
    directory: str = Field(sa_type=Id)
    label: str = ""
    digest: str
    created: str
    expires: str | None = None
    revoked: str | None = None
    last_used: str | None = None
    scope: str | None = None
    workspace: str | None = None
