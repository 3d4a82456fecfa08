"""The configuration file: what it may hold (model.py, kinds.py), how it is read (loading.py), what can be wrong.

The names below are resolved when they are first used, so that `rosterd --help` does not pay for pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rosterd.settings.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rosterd.settings.examples import example
    from rosterd.settings.kinds import ScimConfig, connector_config
    from rosterd.settings.loading import check_secrets, find, load
    from rosterd.settings.model import (
        KINDS,
        DaemonSettings,
        DirectoryRole,
        DirectorySettings,
        DirectoryTeam,
        HttpSettings,
        Limits,
        LogSettings,
        NotifySettings,
        RetentionSettings,
        RoleAxis,
        RoleRule,
        Settings,
        StoreSettings,
        TraceSettings,
        WorkspaceSettings,
    )
    from rosterd.settings.schemas import schema
    from rosterd.settings.values import Limit, duration_text, parse_duration, split_listen

__all__ = [
    "KINDS",
    "ConfigError",
    "DaemonSettings",
    "DirectoryAttribute",
    "DirectoryRole",
    "DirectorySettings",
    "DirectoryTeam",
    "HttpSettings",
    "Limit",
    "Limits",
    "LogSettings",
    "NotifySettings",
    "Problem",
    "RetentionSettings",
    "RoleAxis",
    "RoleRule",
    "ScimConfig",
    "Settings",
    "StoreSettings",
    "TraceSettings",
    "WorkspaceSettings",
    "check_secrets",
    "connector_config",
    "duration_text",
    "example",
    "find",
    "load",
    "parse_duration",
    "schema",
    "split_listen",
]

# A module named as its function (`example`, `load`, `schema`) would hide it once imported: __getattr__ is not asked
# about names that exist. So each lives in a module of another name.
_HOME = {
    "values": ("Limit", "duration_text", "parse_duration", "split_listen"),
    "kinds": ("ScimConfig", "connector_config"),
    "loading": ("check_secrets", "find", "load"),
    "schemas": ("schema",),
    "examples": ("example",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE.get(name, 'model')}"), name)
