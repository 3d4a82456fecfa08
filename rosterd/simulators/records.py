"""What a made-up directory holds: accounts and groups as records, and what an account can be, per kind of directory.

What does not live here: the changes that can happen to them (world.py).
"""

import datetime as dt
from typing import Any, Literal, get_args

import msgspec

Kind = Literal["google", "entra", "okta"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# What a person can be, per kind. "deleted" is the bin (Google: 20 days, Entra: 30 days); Okta has none.
STATUSES: dict[Kind, tuple[str, ...]] = {
    "google": ("active", "suspended", "archived", "deleted"),
    "entra": ("active", "suspended", "deleted"),
    "okta": ("active", "suspended", "staged", "provisioned", "recovery", "password_expired", "locked_out", "activating",
             "deprovisioned"),
}  # fmt: skip


class UnknownError(LookupError):
    """There is no such person or group; `key` is what was asked for."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(f"no {what} {key!r}")
        self.key = key


class Person(msgspec.Struct, omit_defaults=True, gc=False):
    """One account. Times are "2026-01-05T09:00:00.000Z"; `manager` is a person's id; `attributes` are custom ones
    by bare name ("jamie_role") or, for a Google schema other than "Jamie", "Schema.field"."""

    seq: int
    id: str
    user_name: str
    email: str
    given_name: str
    family_name: str
    created: str
    updated: str
    status_changed: str
    title: str = ""
    department: str = ""
    status: str = "active"
    guest: bool = False
    manager: str = ""
    attributes: dict[str, Any] = {}
    former_groups: list[str] = []  # Entra gives a restored account its groups back
    aliases: list[str] = []  # Google keeps an old address as an alias

    @property
    def display_name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


class Group(msgspec.Struct, omit_defaults=True, gc=False):
    """One group. `members` maps ids of people and of nested groups to a number that grows with each joining."""

    seq: int
    id: str
    name: str
    email: str
    created: str
    updated: str
    membership_updated: str
    description: str = ""
    members: dict[str, int] = {}
    owners: list[str] = []


def stamp(moment: dt.datetime) -> str:
    """Milliseconds and Z, as Okta and Google write times."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
