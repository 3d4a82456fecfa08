"""A connector of ten lines: it reads people and groups from a JSON file. What test_new_connector.py registers."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from connectors.address import Address
from connectors.base import ConnectorConfig, Counts, Finding, Opened, SecretRef
from connectors.findings import of_groups, of_users
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    GroupsSeen,
    MembersSeen,
    Observation,
    UsersSeen,
    UserState,
    Wanted,
)


class Config(ConnectorConfig):
    """One list of people."""

    credentials = (("password",), ("certificate",))
    role_attribute = "toy_role"

    kind: Literal["toy"] = "toy"
    roster: Path = Field(description="the list, as JSON", examples=["toys.json"])
    password: SecretRef | None = Field(default=None, description="opens the toy box")
    certificate: SecretRef | None = Field(default=None, description="instead", examples=[{"file": "toy.pem"}])
    server: Address | None = Field(default=None, description="where it is asked", examples=["http://127.0.0.1:8479"])


def open(config: Config, opened: Opened) -> "Toy":  # noqa: A001 -- what the registry calls
    """The connector.

    Raises:
        Refused: the password is missing.
    """
    if config.password is not None:
        config.password.reveal()
    listed = json.loads(config.roster.read_text(encoding="utf-8"))
    return Toy(listed["people"], listed["groups"])


class Toy:
    """An open list."""

    def __init__(self, people: list[str], groups: dict[str, list[str]]) -> None:
        self.counts = Counts()
        self._people = tuple(
            DirectoryUser(name, UserState.ACTIVE, f"{name}@acme.com", f"{name}@acme.com") for name in people
        )
        self._groups = tuple(DirectoryGroup(name, name) for name in groups)
        self._members = groups

    async def check(self, wanted: Wanted) -> list[Finding]:
        """What the list holds."""
        return [*of_users(self._people, wanted, more=False), *of_groups(self._groups, wanted)]

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """All of the list."""
        yield UsersSeen(self._people)
        yield CollectionEnd("users", Completeness.COMPLETE)
        yield GroupsSeen(self._groups)
        yield CollectionEnd("groups", Completeness.COMPLETE)
        for name in sorted(wanted.groups & self._members.keys()):
            yield MembersSeen(name, tuple(self._members[name]))
            yield CollectionEnd("members", Completeness.COMPLETE, name)

    async def confirm(self, ids: Sequence[str], wanted: Wanted) -> AsyncIterator[Observation]:  # noqa: ARG002
        """Says nothing about anybody who is not listed."""
        for user in self._people:
            if user.external_id in ids:
                yield UsersSeen((user,))

    async def close(self) -> None:
        """Nothing is open."""
