"""What a configuration file holds, as typed and frozen values: one class per table, one field per key.

Descriptions here are the comments of config.example.toml and the texts of the JSON Schema. What a table says about
another table (an id that must exist, a value that must be one of an axis's) is in rules.py; the keys that only one
kind of directory reads are in kinds.py and in the connectors.

Not here: what any of it means for people. reconciler/policy.py decides that.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

import connectors
from connectors.base import SecretRef, complaint
from rosterd.settings.limits import Limits
from rosterd.settings.values import (
    Cron,
    Domain,
    Duration,
    Email,
    FieldName,
    Listen,
    Pattern,
    Section,
    Slug,
    Text,
    WebAddress,
)

KINDS = (*connectors.CONNECTORS, "scim")

SHORTEST_HISTORY = timedelta(days=8)  # the longest window of a limit, and a run that takes a day

PREFIX = "ROSTERD_"
# Sections that environment variables may override (ROSTERD_STORE__URL): what differs between machines, nothing else.
FROM_ENVIRONMENT = ("store", "http", "log")


class StoreSettings(Section):
    """Where rosterd keeps what it knows."""

    url: Text = Field(
        default="sqlite:///rosterd.db",
        description="sqlite:///PATH, or postgresql+psycopg://USER@HOST/DATABASE; ROSTERD_STORE__URL overrides it",
    )


class HttpSettings(Section):
    """Where `rosterd serve` listens."""

    listen: Listen = Field(default="127.0.0.1:8460", description="address and port; ROSTERD_HTTP__LISTEN overrides it")
    public_url: WebAddress | None = Field(
        default=None,
        description="what setup pages show to an IT admin; ROSTERD_HTTP__PUBLIC_URL overrides it",
        examples=["https://sync.example.com"],
    )
    metrics: Literal["open", "token", "off"] = Field(
        default="open", description="who may read /metrics: open (whoever reaches it) | token | off"
    )
    metrics_token: SecretRef | None = Field(
        default=None, description='with metrics = "token": what Prometheus sends as its bearer token',
        examples=[{"env": "ROSTERD_METRICS_TOKEN"}],
    )  # fmt: skip

    @model_validator(mode="after")
    def _token_for_metrics(self) -> Self:
        if self.metrics == "token" and self.metrics_token is None:
            fix = 'write metrics_token = { env = "ROSTERD_METRICS_TOKEN" }'
            raise complaint("no_metrics_token", 'metrics = "token" needs metrics_token', fix)
        return self


class DaemonSettings(Section):
    """How `rosterd serve` runs directories."""

    workers: int = Field(
        default=4, ge=1, le=64, strict=True, description="how many directories one process runs at the same time"
    )
    queue: Literal["embedded", "procrastinate"] | None = Field(
        default=None,
        description=(
            "what hands runs to processes: embedded, within one; procrastinate, over many machines, on PostgreSQL. "
            "If left out, procrastinate on PostgreSQL"
        ),
        examples=["procrastinate"],
    )
    lease: Duration = Field(
        default=timedelta(seconds=60),
        description="how long a process on another machine that says nothing keeps what it runs: the same in all",
    )
    stop_within: Duration = Field(
        default=timedelta(seconds=25),
        description="how long runs may take to end once it is told to stop; the others are left to the next start",
    )


class RetentionSettings(Section):
    """How long it is kept what runs did. `rosterd serve` deletes what is older once a day."""

    actions: Duration = Field(
        default=timedelta(days=90),
        description="runs with their actions, and what directories said before: nothing older is undone or explained",
    )
    quiet: Duration = Field(
        default=timedelta(days=7), description="runs that changed nothing, failed at nothing and held nothing"
    )

    @model_validator(mode="after")
    def _longer_than_any_window(self) -> Self:
        if self.actions < SHORTEST_HISTORY:
            said = "limits look back for 7 days, and what they add up has to be there"
            raise complaint("short_retention", said, 'write "8d" or more')
        return self


class LogSettings(Section):
    """What `rosterd serve` writes to standard error."""

    format: Literal["json", "console"] = Field(
        default="console", description="json (one object a line) | console; ROSTERD_LOG__FORMAT overrides it"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least that is written: debug | info | warning | error"
    )


class TraceSettings(Section):
    """Where traces of runs and SCIM requests are sent to."""

    endpoint: WebAddress | None = Field(
        default=None, description="a collector that speaks OTLP over HTTP; read at a start; needs rosterd[trace]",
        examples=["http://127.0.0.1:4318"],
    )  # fmt: skip


Event = Literal["held", "failed", "quarantined", "recovered", "token_expiring"]
NOTIFIED: tuple[Event, ...] = ("held", "failed", "quarantined", "recovered", "token_expiring")


class NotifySettings(Section):
    """Somebody who is told what happens, each thing once."""

    id: Slug = Field(description="unique; what was sent is remembered under it", examples=["on-call"])
    url: SecretRef = Field(
        description="a webhook that takes what Slack's take, mailto://…, or any address of apprise",
        examples=[{"env": "NOTIFY_URL"}],
    )
    on: tuple[Event, ...] = Field(default=NOTIFIED, min_length=1, description="of what")
    directories: tuple[Slug, ...] = Field(default=(), description="of these directories; empty: of all")
    workspaces: tuple[Slug, ...] = Field(default=(), description="of these workspaces; empty: of all")
    every: Duration = Field(
        default=timedelta(minutes=1), description="at most one message in this time; what comes meanwhile is one more"
    )


class RoleAxis(Section):
    """One independent dimension of roles; a workspace may have several."""

    axis: Text = Field(description="its name", examples=["role"])
    values: tuple[Text, ...] = Field(
        min_length=1,
        description="lowest first: of several the highest wins",
        examples=[("member", "admin")],
    )
    default: Text = Field(
        default="",
        description="the value of people about whom the directory says nothing; if left out, the lowest",
        examples=["member"],
    )
    when_absent: Literal["default", "keep"] = Field(
        default="default", description="what silence of the directory means for an existing member: default | keep"
    )
    on_unknown: Literal["ignore"] = Field(default="ignore", description="an unrecognised value never grants anything")
    protect_last: Text | None = Field(
        default=None, description="the last active holder of this value keeps it", examples=["admin"]
    )
    disabled_values: tuple[Text, ...] = Field(
        default=(), description="values that this workspace's plan does not have: treated as unrecognised"
    )

    @model_validator(mode="before")
    @classmethod
    def _lowest_is_default(cls, given: object) -> object:
        if isinstance(given, Mapping) and "default" not in given:
            values = given.get("values")
            if isinstance(values, list | tuple) and values:
                return {**given, "default": values[0]}
        return given


class RoleRule(Section):
    """A constraint between axes: where all of `when` holds, `force` is set."""

    when: Mapping[str, Text] = Field(
        min_length=1, description="axis = value, all of which must hold", examples=[{"primary": "listener"}]
    )
    force: Mapping[str, Text] = Field(
        min_length=1, description="axis = value, what they are set to", examples=[{"permission": "user"}]
    )


class WorkspaceSettings(Section):
    """One tenant of the application, whose members are managed."""

    id: Slug = Field(description="unique; small letters, digits and . _ -", examples=["acme"])
    name: str = Field(default="", description="what people read; if left out, the id", examples=["Acme"])
    email_domains: tuple[Domain, ...] = Field(
        default=(), description="people outside these mail domains are out of scope; empty: no such bound",
        examples=[("acme.com",)],
    )  # fmt: skip
    protected: tuple[Email, ...] = Field(
        default=(), description="never deactivated or demoted by a directory", examples=[("owner@acme.com",)]
    )
    role: tuple[RoleAxis, ...] = Field(default=(), description="the role axes")
    role_rule: tuple[RoleRule, ...] = Field(default=(), description="constraints between axes")
    limits: Limits = Field(default=Limits(), description="safeguards")
    approve_within: Duration = Field(
        default=timedelta(hours=72), description="how long what a safeguard holds may be approved; then sync again"
    )

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_id(cls, given: object) -> object:
        if isinstance(given, Mapping) and "name" not in given and "id" in given:
            return {**given, "name": given["id"]}
        return given


class DirectoryAttribute(Section):
    """A field of members that is taken from an attribute of this directory; an empty attribute clears it."""

    source: Text = Field(alias="from", description="a user attribute, as the vendor names it", examples=["costCenter"])
    to: FieldName = Field(
        description="email | user_name | given_name | family_name | display_name | title | department | manager, or a "
        "field of your own",
        examples=["cost_center"],
    )


class DirectoryRole(Section):
    """Where the value of a role axis comes from in this directory: an attribute, groups, or both (the highest wins)."""

    axis: Text = Field(description="an axis of the workspace", examples=["role"])
    attribute: Text | None = Field(
        default=None, description="a user attribute, as the vendor names it", examples=["jamie_role"]
    )
    groups: Mapping[str, Text] = Field(
        default={}, description="group name or id = value", examples=[{"Jamie Admins": "admin"}]
    )


class DirectoryTeam(Section):
    """A team that follows a group. A team may follow several groups, and a group may feed several teams."""

    group: Text = Field(description="group name or id", examples=["Design"])
    team: Text = Field(description="the team in the workspace", examples=["Design"])
    on_remove: Literal["keep", "remove"] | None = Field(
        default=None,
        description="what becomes of the members it made when this table is removed: keep (they stay, as if added by "
        "hand) | remove (they leave, unless by hand or by another group); if left out, `rosterd mappings` asks",
        examples=["keep"],
    )


class DirectorySettings(Section):
    """One customer's identity source."""

    id: Slug = Field(description="unique; small letters, digits and . _ -", examples=["acme-okta"])
    workspace: str = Field(description="the id of the workspace whose members it feeds", examples=["acme"])
    kind: str = Field(description=" | ".join(KINDS))
    every: Duration | None = Field(
        default=timedelta(minutes=15), description="how often it is read (not scim, which is told)"
    )
    cron: Cron | None = Field(
        default=None, description="instead of every: minute hour day month weekday, in UTC", examples=["30 2 * * *"]
    )
    verify_every: Duration = Field(
        default=timedelta(hours=24), description="how often everything is compared, to find drift"
    )
    match: Literal["email", "user_name"] = Field(
        default="email", description="how people are matched to members they are not linked to yet: email | user_name"
    )
    nested_groups: bool = Field(
        default=True, strict=True, description="members of groups inside a group count as its members (google, entra)"
    )
    guests: bool = Field(default=False, strict=True, description="guests and external people too (google, entra)")
    exclude: tuple[Pattern, ...] = Field(
        default=(), max_length=100, description="accounts that are nobody's, as shell patterns of address or user name",
        examples=[("svc-*@acme.com", "*-bot@*")],
    )  # fmt: skip
    scope_groups: tuple[Text, ...] = Field(
        default=(), description="only members of these groups, by name or id; empty: everybody"
    )
    simulate: Path | None = Field(
        default=None,
        description="a simulated directory, kept in this file and served on loopback while a command runs (not scim)",
        examples=["acme-okta.json"],
    )
    audits: Slug | None = Field(
        default=None,
        description="only compares itself with this scim directory, which the same source feeds; changes nobody (not "
        "scim)",
        examples=["acme-scim"],
    )
    attribute: tuple[DirectoryAttribute, ...] = Field(default=(), description="member fields from other attributes")
    role: tuple[DirectoryRole, ...] = Field(default=(), description="where role values come from")
    team: tuple[DirectoryTeam, ...] = Field(default=(), description="which groups are teams")

    @model_validator(mode="before")
    @classmethod
    def _one_schedule(cls, given: object) -> object:
        """`every` has a default only where nothing else says when: not beside `cron`, not for SCIM, which is told."""
        if isinstance(given, Mapping) and "every" not in given and ("cron" in given or given.get("kind") == "scim"):
            return {**given, "every": None}
        return given


class Environment(PydanticBaseSettingsSource):
    """ROSTERD_STORE__URL and the like: the keys of a few sections, as pydantic-settings spells nested keys."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 -- its signature
        """The overridden keys of one section."""
        prefix = f"{PREFIX}{field_name}__".upper()
        found = {name[len(prefix) :].lower(): text for name, text in os.environ.items() if name.startswith(prefix)}
        return found, field_name, True

    def __call__(self) -> dict[str, Any]:
        """All overridden sections."""
        fields = self.settings_cls.model_fields
        sections = {name: self.get_field_value(fields[name], name)[0] for name in FROM_ENVIRONMENT}
        return {name: keys for name, keys in sections.items() if keys}


class Settings(BaseSettings):
    """A whole configuration file. `load` makes one; `directory` holds the class of each directory's kind."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    store: StoreSettings = Field(default=StoreSettings(), description="where rosterd keeps what it knows")
    http: HttpSettings = Field(default=HttpSettings(), description="where `rosterd serve` listens")
    daemon: DaemonSettings = Field(default=DaemonSettings(), description="how `rosterd serve` runs directories")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="how long it is kept what runs did")
    log: LogSettings = Field(default=LogSettings(), description="what `rosterd serve` writes to standard error")
    trace: TraceSettings = Field(default=TraceSettings(), description="where traces are sent to")
    notify: tuple[NotifySettings, ...] = Field(default=(), description="who is told what happens")
    workspace: tuple[WorkspaceSettings, ...] = Field(min_length=1, description="the tenants")
    directory: tuple[DirectorySettings, ...] = Field(default=(), description="their identity sources")

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file this was loaded from."""
        return self._file

    def workspace_of(self, directory: DirectorySettings) -> WorkspaceSettings:
        """The workspace that a directory feeds."""
        return next(each for each in self.workspace if each.id == directory.workspace)

    def directory_named(self, directory: str) -> DirectorySettings | None:
        """The directory with this id, if there is one."""
        return next((each for each in self.directory if each.id == directory), None)

    def at(self, file: Path) -> Self:
        """The same settings, remembering their file."""
        self._file = file
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- Environment stands in for it
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment's few keys before the file's; no .env file is read."""
        return Environment(settings_cls), init_settings
