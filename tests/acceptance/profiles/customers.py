"""A customer of a profile, whose directory is either read or tells: one vocabulary for both, so that a sentence is
walked twice by the same lines.

`Read` is a simulated directory behind the real connector, over loopback. `Told` keeps SCIM resources and tells of them
as a SCIM endpoint would: what one request changed is one observation, and a run follows (scim.py). A third way, by real
requests to a running daemon, is over_http.py. The configuration is the file in examples/profiles, unchanged.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from connectors.base import Connector
from reconciler.model import JSON
from reconciler.policy import Policy
from reconciler.report import ActionRow, Report
from rosterd import settings
from rosterd.policies import ownership_of, policy_of
from rosterd.ports import now, run_once
from rosterd.settings import Settings
from rosterd.simulators import Simulator, World
from rosterd.simulators.world import Kind
from store import Store, open_store
from store.manual import ByHand
from store.runs import actions_of
from store.workspace import RosterMember, roster
from tests.acceptance.profiles.scim import Endpoint
from tests.connectors.directories import connect

PROFILES = Path(__file__).parents[3] / "examples" / "profiles"
DOMAIN = "acme.com"
FIELDS = ("given_name", "family_name", "title", "department")  # which both simulators and SCIM keep alike


class Customer(ABC):
    """People are called by first names; everybody's address is name@acme.com unless said otherwise. The groups that
    the profile maps are there from the beginning, without members."""

    def __init__(self, configured: Settings, directory: str, store: Store) -> None:
        found = configured.directory_named(directory)
        assert found is not None, directory
        self.policy: Policy = policy_of(configured, found)
        self.store = store
        self.by_hand = ByHand(store, ownership_of(configured, found.workspace), now)
        self.ids: dict[str, str] = {}

    # -- what happens in the directory ----------------------------------------------------------------------------

    @abstractmethod
    def hire(self, *names: str, said: JSON = None, groups: tuple[str, ...] = (), **fields: Any) -> None:
        """New people; `said` is the value of the attribute that gives roles."""

    @abstractmethod
    def change(self, name: str, **fields: str) -> None:
        """Some of FIELDS, or email, user_name, cost_center; "" clears."""

    @abstractmethod
    def say(self, name: str, said: JSON) -> None:
        """The attribute that gives roles changes; None takes it away."""

    @abstractmethod
    def suspend(self, name: str) -> None:
        """The account is disabled."""

    @abstractmethod
    def restore(self, name: str) -> None:
        """The account is enabled again."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """The account is deleted."""

    @abstractmethod
    def join(self, group: str, *names: str) -> None:
        """People join a group, which is made when there is none."""

    @abstractmethod
    def leave(self, group: str, *names: str) -> None:
        """People leave a group."""

    # -- and what the workspace makes of it -----------------------------------------------------------------------

    @abstractmethod
    async def connector(self) -> Connector:
        """What a run reads."""

    def run(self, policy: Policy | None = None, *, verify: bool = False) -> Report:
        """One run, which does not fail."""

        async def running() -> Report:
            connector = await self.connector()
            try:
                return await run_once(
                    self.store, policy or self.policy, connector, progress=lambda *_: None, verify=verify
                )
            finally:
                await connector.close()

        report = asyncio.run(running())
        assert report.error is None
        assert report.complete.reasons == ()
        return report

    def sync(self, policy: Policy | None = None, *, verify: bool = False) -> list[ActionRow]:
        """What a run did, or did not do and why."""
        return [*actions_of(self.store, self.run(policy, verify=verify).run)]

    def kinds(self, policy: Policy | None = None) -> list[str]:
        """The kinds of what a run did, with the code where it did not; deterministic."""
        return [each.kind if each.state == "applied" else f"{each.kind}: {each.code}" for each in self.sync(policy)]

    def again(self) -> None:
        """The same input twice changes nothing the second time, not when everything is compared either."""
        assert self.kinds() == []
        assert [each.kind for each in self.sync(verify=True)] == []

    def roster(self) -> dict[str, RosterMember]:
        """Everybody by address, also the inactive."""
        return {each.email: each for each in roster(self.store, self.policy.workspace)}

    def member(self, name: str) -> RosterMember:
        """The member who follows this person."""
        return next(each for each in self.roster().values() if each.external_id == self.ids[name])

    def role(self, name: str, axis: str = "role") -> str:
        return self.member(name).roles[axis]

    def active(self) -> set[str]:
        """First parts of the addresses of active members."""
        return {email.partition("@")[0] for email, each in self.roster().items() if each.active} - {"root"}


class Read(Customer):
    """A simulated directory that a connector reads. Its first account, root, is an administrator of the directory."""

    def __init__(
        self, configured: Settings, directory: str, store: Store, *, simulator: Simulator, folder: Path
    ) -> None:
        super().__init__(configured, directory, store)
        self.simulator, self.folder, self.world = simulator, folder, simulator.world
        self.world.schema += [each.source for each in self.policy.attributes if each.to == "cost_center"]
        for group in self.policy.refs:
            self.world.add_group(group)

    def hire(self, *names: str, said: JSON = None, groups: tuple[str, ...] = (), **fields: Any) -> None:
        for name in names:
            given = {"given_name": name.title(), "family_name": "Doe", "email": f"{name}@{DOMAIN}", **fields}
            cost = given.pop("cost_center", "")
            self.ids[name] = self.world.hire(**given).id
            if cost:
                self.change(name, cost_center=cost)
            if said is not None:
                self.say(name, said)
            for group in groups:
                self.join(group, name)

    def change(self, name: str, **fields: str) -> None:
        if "cost_center" in fields:
            source = next(each.source for each in self.policy.attributes if each.to == "cost_center")
            self._attribute(name, source, fields.pop("cost_center") or None)
        if "manager" in fields:
            self.world.person(self.ids[name]).manager = self.ids.get(fields.pop("manager"), "")
            self.world.rename(self.ids[name])
        if fields:
            self.world.rename(self.ids[name], **fields)

    def say(self, name: str, said: JSON) -> None:
        for source in self.policy.role_attributes:
            self._attribute(name, source, said)

    def _attribute(self, name: str, source: str, value: JSON) -> None:
        bare = source.removeprefix("onPremisesExtensionAttributes.")
        self.world.set_attribute(self.ids[name], bare, value)

    def suspend(self, name: str) -> None:
        self.world.suspend(self.ids[name])

    def restore(self, name: str) -> None:
        self.world.resume(self.ids[name])

    def delete(self, name: str) -> None:
        self.world.delete(self.ids[name])

    def join(self, group: str, *names: str) -> None:
        if group not in {each.name for each in self.world.groups.values()}:
            self.world.add_group(group)
        for name in names:
            self.world.join(group, self.ids[name])

    def leave(self, group: str, *names: str) -> None:
        for name in names:
            self.world.leave(group, self.ids[name])

    async def connector(self) -> Connector:
        return connect(self.simulator, self.folder)


class Told(Customer):
    """A SCIM client's directory, as its requests left it."""

    def __init__(self, configured: Settings, directory: str, store: Store, endpoint: Endpoint | None = None) -> None:
        super().__init__(configured, directory, store)
        self.endpoint = endpoint or Endpoint()
        for group in self.policy.refs:
            self.endpoint.add_members(group, [])

    def hire(self, *names: str, said: JSON = None, groups: tuple[str, ...] = (), **fields: Any) -> None:
        for name in names:
            mail = fields.get("email", f"{name}@{DOMAIN}")
            resource: dict[str, Any] = {
                "externalId": f"ext-{name}",
                "userName": fields.get("user_name", mail),
                "name": {"givenName": name.title(), "familyName": "Doe"},
                "emails": [{"value": mail, "type": "work", "primary": True}],
                "active": fields.get("status", "active") == "active",
            }
            self.ids[name] = self.endpoint.post_user(resource)
            rest = {key: text for key, text in fields.items() if key not in ("email", "user_name", "status")}
            if rest:
                self.change(name, **rest)
            if said is not None:
                self.say(name, said)
            for group in groups:
                self.join(group, name)

    def change(self, name: str, **fields: str) -> None:
        if fields.get("email") and "user_name" not in fields:
            fields["user_name"] = fields["email"]
        paths = {**_PATHS, "cost_center": self._source("cost_center")}
        for field, text in fields.items():
            value: JSON = text or None
            if field == "manager" and text:
                boss = self.endpoint.users[self.ids[text]]["name"]
                value = {"value": self.ids[text], "displayName": f"{boss['givenName']} {boss['familyName']}"}
            self.endpoint.patch_user(self.ids[name], paths[field], value)

    def _source(self, field: str) -> str:
        return next((each.source for each in self.policy.attributes if each.to == field), "")

    def say(self, name: str, said: JSON) -> None:
        for source in self.policy.role_attributes:
            self.endpoint.patch_user(self.ids[name], source, said)

    def suspend(self, name: str) -> None:
        self.endpoint.patch_user(self.ids[name], "active", False)

    def restore(self, name: str) -> None:
        self.endpoint.patch_user(self.ids[name], "active", True)

    def delete(self, name: str) -> None:
        self.endpoint.delete_user(self.ids[name])

    def join(self, group: str, *names: str) -> None:
        self.endpoint.add_members(group, [self.ids[name] for name in names])

    def leave(self, group: str, *names: str) -> None:
        self.endpoint.remove_members(group, [self.ids[name] for name in names])

    async def connector(self) -> Connector:
        return self.endpoint


_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_PATHS: Mapping[str, str] = {
    "email": 'emails[type eq "work"].value',
    "user_name": "userName",
    "given_name": "name.givenName",
    "family_name": "name.familyName",
    "title": "title",
    "department": f"{_ENTERPRISE}:department",
    "manager": f"{_ENTERPRISE}:manager",
}


def load(profile: str) -> Settings:
    """The settings of a profile."""
    return settings.load(PROFILES / f"{profile}.toml")


@contextmanager
def customer(profile: str, directory: str, url: str, folder: Path) -> Iterator[Customer]:
    """A customer of a profile, by the id of one of its directories."""
    configured = load(profile)
    found = configured.directory_named(directory)
    assert found is not None, directory
    store = open_store(url)
    try:
        if found.kind == "scim":
            yield Told(configured, directory, store)
            return
        kind = cast("Kind", found.kind)
        world = World(kind, DOMAIN)
        world.hire("Root", "Admin", email=f"root@{DOMAIN}")
        with Simulator(kind, world) as simulator:
            yield Read(configured, directory, store, simulator=simulator, folder=folder)
    finally:
        store.close()


def without(policy: Policy, **fields: Any) -> Policy:
    """The policy with some fields changed."""
    return msgspec.structs.replace(policy, **fields)
