"""Configurations to choose from: real files, so that what a test drives is wired as the commands wire it."""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from rosterd.settings import Settings, load

SIDES = ("east", "west")
MAPPED = (("Eng", "Engineering"), ("Ops", "Engineering"), ("Sub", "Sub"))
LIMITS = {
    "off": [],
    "tight": ["deactivate = { count = 2 }", "leave_team = { count = 2 }", "demote = { count = 2 }"],
    "windows": ["deactivate_24h = { count = 3 }", "demote_1h = { count = 2 }", "promote_7d = { percent = 50 }"],
    "everything": [f"{change} = {{ count = 1 }}" for change in ("deactivate", "leave_team", "demote", "promote")],
    "promotions": ["promote = { count = 1 }"],
    "flap": ["flap = { times = 2, runs = 20 }"],
}
_KEYS = (
    "deactivate", "deactivate_tombstone", "deactivate_status", "deactivate_scope", "deactivate_absence", "leave_team",
    "leave_team_each", "demote", "promote", "update", "deactivate_24h", "deactivate_7d", "leave_team_24h", "demote_24h",
    "promote_24h", "flap",
)  # fmt: skip


class Choice(msgspec.Struct, frozen=True):
    """What a configuration says, as far as the tests change it."""

    sources: Literal["both", "groups", "attribute"] = "both"
    silence: Literal["default", "keep"] = "default"
    mapped: frozenset[int] = frozenset({0, 1, 2})
    on_remove: Literal["", "keep", "remove"] = ""
    scoped: bool = False
    nested: bool = True
    protected: bool = False
    limits: str = "off"


@cache
def configured(folder: Path, choice: Choice) -> Settings:
    """The settings of a file in this folder."""
    file = folder / "rosterd.toml"
    file.write_text(_written(choice), encoding="utf-8")
    return load(file)


def _written(choice: Choice) -> str:
    limits = LIMITS[choice.limits]
    written = {line.split(" ")[0] for line in limits}
    off = [f"{key} = false" for key in _KEYS if key not in written]
    if any(key == "deactivate" for key in written):  # the evidences follow it
        off = [line for line in off if not line.startswith("deactivate_")] + [
            "deactivate_24h = false", "deactivate_7d = false",
        ]  # fmt: skip
    head = [
        "[[workspace]]", 'id = "acme"', 'protected = ["bob@acme.com"]' if choice.protected else "",
        "[[workspace.role]]", 'axis = "role"', 'values = ["member", "editor", "admin"]', 'protect_last = "admin"',
        f'when_absent = "{choice.silence}"',
        "[[workspace.role]]", 'axis = "seat"', 'values = ["free", "paid"]', 'protect_last = "paid"',
        "[workspace.limits]", *limits, *off,
    ]  # fmt: skip
    return "\n".join([*head, *(line for side in SIDES for line in _directory(side, choice))])


def _directory(side: str, choice: Choice) -> list[str]:
    attribute = 'attribute = "jamie_role"' if choice.sources != "groups" else ""
    groups = 'groups = { Admins = "admin", Eng = "editor" }' if choice.sources != "attribute" else ""
    lines = [
        "[[directory]]", f'id = "{side}"', 'workspace = "acme"', 'kind = "entra"', 'tenant_id = "t"', 'client_id = "c"',
        'client_secret = { env = "SECRET" }', f"nested_groups = {str(choice.nested).lower()}",
        'scope_groups = ["Staff"]' if choice.scoped else "",
        "[[directory.role]]", 'axis = "role"', attribute, groups,
        "[[directory.role]]", 'axis = "seat"', 'groups = { Ops = "paid" }',
    ]  # fmt: skip
    for number in sorted(choice.mapped):
        group, team = MAPPED[number]
        kept = f'on_remove = "{choice.on_remove}"' if choice.on_remove else ""
        lines += ["[[directory.team]]", f'group = "{group}"', f'team = "{team}"', kept]
    return lines
