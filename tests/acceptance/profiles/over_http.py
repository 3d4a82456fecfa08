"""Customers of a profile whose SCIM client speaks to a running daemon: the words of customers.py, by real requests.

One daemon serves many of them: each has a copy of the profile's workspace and directory, under names of its own. Nobody
calls a run: the daemon does, as soon as it was told something.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from reconciler.model import JSON
from reconciler.policy import Policy
from reconciler.report import ActionRow
from rosterd import settings
from store import Store, open_store
from store.due import waiting
from store.runs import actions_of, reports
from tests.acceptance.command import Rehearsal
from tests.acceptance.daemon import Daemon, eventually, serving
from tests.acceptance.profiles.customers import PROFILES, Told
from tests.acceptance.profiles.scim import Endpoint

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Remote(Endpoint):
    """A SCIM endpoint that is somewhere else: each call is a request."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self.client = client
        self._groups: dict[str, str] = {}  # name → id

    def post_user(self, resource: dict[str, Any]) -> str:
        made = self.send("POST", "/Users", {"schemas": [USER], **resource})
        self.users[made["id"]] = made
        return str(made["id"])

    def patch_user(self, user: str, path: str, value: JSON) -> None:
        kind = {"op": "remove", "path": path} if value is None else {"op": "replace", "path": path, "value": value}
        self.patch(f"/Users/{user}", kind)

    def delete_user(self, user: str) -> None:
        self.send("DELETE", f"/Users/{user}")

    def add_members(self, group: str, users: Sequence[str]) -> None:
        members = [{"value": user} for user in users]
        if group in self._groups:
            self.patch(f"/Groups/{self._groups[group]}", {"op": "add", "path": "members", "value": members})
        else:
            made = self.send("POST", "/Groups", {"schemas": [GROUP], "displayName": group, "members": members})
            self._groups[group] = made["id"]

    def remove_members(self, group: str, users: Sequence[str]) -> None:
        gone = [{"op": "remove", "path": f'members[value eq "{user}"]'} for user in users]
        self.patch(f"/Groups/{self._groups[group]}", *gone)

    def patch(self, path: str, *operations: dict[str, Any]) -> None:
        """A PATCH of these operations."""
        self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A request that is done; what it is answered."""
        response = self.client.request(method, path, json=body)
        assert response.status_code in (200, 201, 204), response.text
        return response.json() if response.content else None


class Wired(Told):
    """A customer whose client speaks to a daemon. `sync` waits until it has done what it was told."""

    endpoint: Remote

    def sync(self, policy: Policy | None = None, *, verify: bool = False) -> list[ActionRow]:
        """What the runs did since the last time; that they are called by the daemon is the point."""
        assert (policy, verify) == (None, False), "the daemon has a policy of its own"
        eventually(self._calm)
        done = [each.run for each in reports(self.store, directory=self.policy.directory, limit=100)]
        new, self._seen = [each for each in reversed(done) if each not in self._seen], {*done}
        return [action for run in new for action in actions_of(self.store, run)]

    _seen: frozenset[str] | set[str] = frozenset()

    def _calm(self) -> bool:
        """Nothing that was told waits to be looked at, and no run is under way."""
        last = reports(self.store, directory=self.policy.directory, limit=1)
        return self.policy.directory not in waiting(self.store) and all(each.ended for each in last)


@dataclass
class House:
    """A daemon that serves copies of one profile's SCIM directory."""

    daemon: Daemon
    store: Store
    configured: settings.Settings
    directory: str
    taken: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def customer(self) -> Wired:
        """The next one."""
        name = f"{self.directory}-{next(self.taken)}"
        return Wired(self.configured, name, self.store, Remote(self.daemon.client(name)))


def copies(profile: str, directory: str, many: int) -> str:
    """The configuration of so many copies of a profile's SCIM directory, each with its workspace."""
    text = (PROFILES / f"{profile}.toml").read_text(encoding="utf-8")
    parts = re.split(r"^(?=\[\[(?:workspace|directory)\]\]$)", text, flags=re.MULTILINE)
    (feeding,) = (part for part in parts if f'\nid = "{directory}"\n' in part)
    workspace = re.findall(r'^workspace = "([\w-]+)"', feeding, re.MULTILINE)[0]
    (fed,) = (part for part in parts if part.startswith(f'[[workspace]]\nid = "{workspace}"\n'))
    both = fed + feeding
    named = re.compile(rf'^(id|workspace) = "({workspace}|{directory})"', re.MULTILINE)
    return "".join(named.sub(rf'\1 = "\2-{number}"', both) for number in range(many))


@contextmanager
def house(profile: str, directory: str, folder: Path, many: int) -> Iterator[House]:
    """A daemon for so many customers of a profile."""
    rehearsal = Rehearsal(folder)
    rehearsal.file.write_text(copies(profile, directory, many), encoding="utf-8")
    with serving(rehearsal) as daemon:
        store = open_store(f"sqlite:///{rehearsal.database}")
        try:
            yield House(daemon, store, settings.load(rehearsal.file), directory)
        finally:
            store.close()
