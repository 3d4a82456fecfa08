"""The keys of each kind of directory: the common ones and those of its connector's `Config`, as one class.

One class per kind, so that unknown keys, the JSON Schema and the example know exactly what a kind reads. A connector's
module is imported only for the kinds a file mentions.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

import connectors
from connectors.base import ConnectorConfig
from connectors.scim.dialects import DIALECTS
from rosterd.settings.model import DirectorySettings, Settings

PULLED = frozenset(connectors.CONNECTORS)

if TYPE_CHECKING:
    DialectName = str
else:
    DialectName = Literal[tuple(DIALECTS)]  # what the table has, a file may say


class ScimConfig(ConnectorConfig):
    """A directory that tells us: any SCIM 2.0 client. Its bearer tokens are made by `rosterd token create`."""

    role_attribute = "roles"

    dialect: DialectName = Field(
        default="generic", description="whose habits to expect of the client", examples=["jumpcloud"]
    )
    strict: bool = Field(default=False, strict=True, description="refuse what RFC 7644 forbids, whoever sends it")
    requests_per_second: float = Field(
        default=100.0, gt=0, le=100_000, strict=True,
        description="how many requests are answered in the long run; 30 seconds' worth of them at once",
    )  # fmt: skip
    record: Path | None = Field(
        default=None, description="keeps what the client sends in this file, without people and secrets in it",
        examples=["acme-scim.jsonl"],
    )  # fmt: skip


def config(kind: str) -> type[ConnectorConfig]:
    """The keys that only this kind reads.

    Raises:
        ValueError: there is no such kind.
    """
    return ScimConfig if kind == "scim" else connectors.config(kind)


def own_keys(kind: str) -> tuple[str, ...]:
    """The names of those keys, in the connector's order."""
    return tuple(name for name in config(kind).model_fields if name not in DirectorySettings.model_fields)


@cache
def directory_model(kind: str) -> type[DirectorySettings]:
    """The class of a `[[directory]]` of this kind."""
    literal: Any = Literal
    bases: Any = (DirectorySettings, config(kind))  # mypy wants all bases of one type
    made: type[DirectorySettings] = create_model(
        f"{kind.title()}Directory",
        __base__=bases,
        __doc__=config(kind).__doc__,
        kind=(literal[kind], Field(description=DirectorySettings.model_fields["kind"].description)),
    )
    return made


def connector_config(directory: DirectorySettings) -> ConnectorConfig:
    """What the connector is opened with: the values of its own keys, already validated."""
    own = config(directory.kind)
    return own.model_construct(**{name: getattr(directory, name) for name in own.model_fields})


@cache
def settings_model(kinds: frozenset[str]) -> type[Settings]:
    """The class of a file whose directories are of these kinds."""
    base = Settings.model_fields["directory"]
    rows: Any = tuple.__class_getitem__((_one_of(kinds | {"scim"}), ...))
    directory: Any = (rows, Field(default=(), description=base.description))
    return create_model("Settings", __base__=Settings, __doc__=Settings.__doc__, directory=directory)


def _one_of(kinds: Iterable[str]) -> Any:
    """The type of one `[[directory]]`: the class that its `kind` names."""

    class OneOf:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
            choices: dict[Any, CoreSchema] = {kind: handler(directory_model(kind)) for kind in sorted(kinds)}
            return core_schema.tagged_union_schema(choices, discriminator="kind")

    return OneOf
