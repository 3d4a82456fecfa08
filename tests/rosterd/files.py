"""Configuration files in a few words: a workspace with one axis, one directory of each kind, and what is wrong."""

from pathlib import Path

import pytest

from rosterd.settings import ConfigError, Problem, Settings, load
from rosterd.simulators import World
from rosterd.simulators.world import Kind

WORKSPACE = """\
[[workspace]]
id = "acme"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
"""
CONNECTIONS = {
    "okta": 'url = "https://acme.okta.com"\ntoken = { env = "OKTA_TOKEN" }\n',
    "entra": 'tenant_id = "t"\nclient_id = "c"\nclient_secret = { env = "ENTRA_SECRET" }\n',
    "google": 'subject = "admin@acme.com"\nservice_account = { file = "sa.json" }\n',
    "scim": "",
}


def directory(kind: str = "okta", more: str = "", *, name: str = "", workspace: str = "acme") -> str:
    """A `[[directory]]` of a kind that lacks nothing, and more lines for it."""
    head = f'[[directory]]\nid = "{name or kind}"\nworkspace = "{workspace}"\nkind = "{kind}"\n'
    return head + CONNECTIONS[kind] + (f"{more}\n" if more else "")


def write(folder: Path, text: str) -> Path:
    """The text as a configuration file."""
    file = folder / "rosterd.toml"
    file.write_text(text, encoding="utf-8")
    return file


def loaded(folder: Path, text: str) -> Settings:
    """The settings of a text."""
    return load(write(folder, text))


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a text."""
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return caught.value.problems


def simulated(folder: Path, kind: Kind, more: str = "", users: int = 10) -> Settings:
    """A directory of a kind whose world is a file."""
    World.generate(kind, users, 2).save(folder / "world.json")
    return loaded(folder, WORKSPACE + directory(kind, f'simulate = "world.json"\n{more}'))
