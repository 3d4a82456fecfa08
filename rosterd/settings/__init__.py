"""The configuration file: what it may hold (model.py, kinds.py), how it is read (loading.py), what can be wrong.

The names below are resolved when they are first used, so that `rosterd --help` does not pay for pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rosterd.settings.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rosterd.settings.examples import example
    from rosterd.settings.kinds import connector_config
    from rosterd.settings.loading import check_secrets, find, load
    from rosterd.settings.model import DirectorySettings, Settings
    from rosterd.settings.schemas import schema
    from rosterd.settings.values import duration_text, parse_duration, split_listen

__all__ = [
    "ConfigError",
    "DirectorySettings",
    "Problem",
    "Settings",
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
    "values": ("duration_text", "parse_duration", "split_listen"),
    "kinds": ("connector_config",),
    "loading": ("check_secrets", "find", "load"),
    "schemas": ("schema",),
    "examples": ("example",),
    "model": ("DirectorySettings", "Settings"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
