"""The registry: which module reads which kind of directory. A new connector is one file and one line here.

The order is that of config.example.toml. What settings need to know of a kind, its `Config` says (connectors/base.py).

Modules, and the vendor libraries that they use, are imported only for the kinds that are configured.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from connectors.base import Connector, ConnectorConfig, Opened

CONNECTORS = {
    "okta": "connectors.okta",
    "entra": "connectors.entra",
    "google": "connectors.google",
}


def config(kind: str) -> "type[ConnectorConfig]":
    """The `Config` class of a kind.

    Raises:
        ValueError: no connector reads that kind; names those that there are.
    """
    return cast("type[ConnectorConfig]", _module(kind).Config)


def open_connector(config: "ConnectorConfig", opened: "Opened") -> "Connector":
    """The connector that a `Config` is for, ready to check or pull in the running event loop; close it afterwards.

    Raises:
        Refused: a secret is missing or unusable.
    """
    return cast("Connector", _module(str(getattr(config, "kind", ""))).open(config, opened))


def _module(kind: str) -> ModuleType:
    if kind not in CONNECTORS:
        raise ValueError(f"no connector reads {kind!r}; known kinds: {', '.join(sorted(CONNECTORS))}")
    return import_module(CONNECTORS[kind])
