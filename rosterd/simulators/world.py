"""A made-up directory: people and groups, and the changes that can happen to them. Knows no vendor's JSON and no HTTP.

A world belongs to one kind of directory because kinds differ in what can be: ids have the vendor's shape, Okta groups
are flat, an Okta leaver is deactivated and stays listed in their groups, a Google or Entra leaver goes to the bin. What
an account and a group are is records.py; how a world looks on the wire is okta.py, entra.py, google.py; where a new one
comes from is generation.py.

Everything is deterministic: ids follow from seed and number, time from a counter that moves one second per change
(set `World.clock` for another time). Change people and groups through the methods only: they keep the caches honest.
Methods raise `UnknownError` for a person or group that is not there and `ValueError` for a change that cannot be.
"""

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rosterd.simulators import ids
from rosterd.simulators.journal import EVERYTHING, KEPT, Change, Journal
from rosterd.simulators.records import KINDS, STATUSES, Group, Kind, Person, UnknownError, stamp

__all__ = ["BEGAN", "KINDS", "STATUSES", "Group", "Kind", "Person", "UnknownError", "World", "stamp"]

BEGAN = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)
_TEXT_FIELDS = ("given_name", "family_name", "email", "user_name", "title", "department")


class World:
    """People, groups, and a clock. `lock` is held by whoever changes or reads more than one value."""

    def __init__(self, kind: Kind, domain: str = "example.com", *, seed: int = 1, tenant: str = "") -> None:
        if kind not in KINDS:
            raise ValueError(f"a world is of kind {', '.join(KINDS)}, not {kind!r}")
        self.kind: Kind = kind
        self.domain = domain
        self.seed = seed
        self.tenant = tenant or ids.tenant(kind, seed)
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.outsiders: dict[str, str] = {}  # id → address of people of other companies in Google groups
        self.schema: list[str] = ["jamie_role"]  # custom attributes that the directory's schema declares
        self.clock: Callable[[], dt.datetime] | None = None
        self.changes: list[str] = []  # ids in the order in which they changed; renderers read on from where they were
        self.journal = Journal(KEPT if kind == "entra" else 0)  # only Graph tells what changed
        self.secrets: dict[str, str] = {}  # the simulator's throwaway credentials: a saved world keeps its own
        self.lock = threading.RLock()
        self.number = 0  # the last that was given to a person, a group or a membership
        self.time = BEGAN  # of the last change
        self._keys: dict[str, str] = {}

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return len(self.changes)

    @property
    def now(self) -> dt.datetime:
        """The directory's own time: what its `Date` header says."""
        return self.clock() if self.clock else self.time

    def person(self, key: str) -> Person:
        """By id, user name, email address or alias; names in any case."""
        person = self.people.get(key) or self.people.get(self._keys.get(key.casefold(), ""))
        if person is None:
            raise UnknownError("person", key)
        return person

    def group(self, key: str) -> Group:
        """By id, email address or name; the latter two in any case."""
        if key in self.groups:
            return self.groups[key]
        wanted = key.casefold()
        for group in self.groups.values():
            if wanted in (group.name.casefold(), group.email.casefold()):
                return group
        raise UnknownError("group", key)

    def members(self, group: Group) -> list[Person]:
        """The direct members that are people."""
        return [self.people[i] for i in group.members if i in self.people]

    # -- people ---------------------------------------------------------------------------------------------------

    def hire(self, given_name: str, family_name: str = "", *, email: str = "", user_name: str = "", title: str = "",
             department: str = "", manager: str = "", guest: bool = False, status: str = "active",
             attributes: dict[str, Any] | None = None) -> Person:  # fmt: skip
        """A new account; the address is made from the name when none is given."""
        with self.lock:
            self._check_status(status)
            email = email or self.free_address(f"{given_name} {family_name}")
            self._check_free(email, user_name or email)
            boss = self.person(manager).id if manager else ""
            number, moment = self._next(), self._tick()
            person = Person(number, ids.person(self.kind, self.seed, number), user_name or email, email, given_name,
                            family_name, moment, moment, moment, title, department, status, guest, boss)  # fmt: skip
            self.people[person.id] = person
            self.index(person)
            self._note(person.id, EVERYTHING)
            for name, value in (attributes or {}).items():
                self.set_attribute(person.id, name, value)
            return person

    def set_status(self, person: str, status: str) -> Person:
        """To any status that this kind of directory knows (`STATUSES`)."""
        with self.lock:
            found = self.person(person)
            self._check_status(status)
            if found.status == status:
                return found
            binned = "deleted" in (status, found.status)
            if status == "deleted":
                self._leave_all(found)
            elif binned:
                self._restore(found)
            found.status, found.status_changed = status, self._tick()
            return self._touch(found, EVERYTHING if binned else "status")

    def suspend(self, person: str) -> Person:
        """Okta SUSPENDED, Entra accountEnabled false, Google suspended."""
        return self.set_status(person, "suspended")

    def resume(self, person: str) -> Person:
        """Active again: from suspension, from deactivation, or out of the bin."""
        return self.set_status(person, "active")

    def delete(self, person: str) -> Person:
        """What an admin's "delete" or "deactivate" first does: Okta DEPROVISIONED; Entra and Google: into the bin."""
        return self.set_status(person, "deprovisioned" if self.kind == "okta" else "deleted")

    def purge(self, person: str) -> Person:
        """Gone for good; no API shows the account any more."""
        with self.lock:
            found = self.person(person)
            self._leave_all(found)
            for report in self._reports(found):
                report.manager = ""
                self._touch(report, "manager")
            del self.people[found.id]
            self._forget_names(found)
            return self._touch(found, EVERYTHING)

    def rename(self, person: str, *, given_name: str | None = None, family_name: str | None = None,
               email: str | None = None, user_name: str | None = None, title: str | None = None,
               department: str | None = None) -> Person:  # fmt: skip
        """Changes what is given. A user name that was the old address follows a new address."""
        with self.lock:
            found = self.person(person)
            if email is not None and user_name is None and found.user_name == found.email:
                user_name = email
            self._check_free(email or found.email, user_name or found.user_name, but=found.id)
            given = (given_name, family_name, email, user_name, title, department)
            self._forget_names(found)
            if self.kind == "google" and email is not None and email.casefold() != found.email.casefold():
                found.aliases = [
                    *(alias for alias in found.aliases if alias.casefold() != email.casefold()),
                    found.email,
                ]
            changed = {name: value for name, value in zip(_TEXT_FIELDS, given, strict=True)
                       if value not in (None, getattr(found, name))}  # fmt: skip
            for name, value in changed.items():
                setattr(found, name, value)
            self.index(found)
            for report in self._reports(found):
                self.changes.append(report.id)
            return self._touch(found, *changed)

    def set_attribute(self, person: str, name: str, value: Any) -> Person:
        """Sets a custom attribute (None clears it); a name the schema does not have yet is declared."""
        with self.lock:
            found = self.person(person)
            if name not in self.schema:
                self.schema.append(name)
            rest = {key: kept for key, kept in found.attributes.items() if key != name}
            found.attributes = rest if value is None else {**rest, name: value}
            return self._touch(found, f"attributes.{name}")

    # -- groups ---------------------------------------------------------------------------------------------------

    def add_group(self, name: str, *, email: str = "", description: str = "") -> Group:
        with self.lock:
            number, moment = self._next(), self._tick()
            address = email or f"{ids.slug(name)}@{self.domain}"
            taken = self.kind == "google" and any(g.email == address for g in self.groups.values())
            if taken:
                raise ValueError(f"a group has the address {address!r} already")
            group = Group(number, ids.group(self.kind, self.seed, number), name, address, moment, moment, moment,
                          description)  # fmt: skip
            self.groups[group.id] = group
            self._note(group.id, EVERYTHING, group=True)
            return group

    def delete_group(self, group: str) -> Group:
        with self.lock:
            found = self.group(group)
            del self.groups[found.id]
            for parent in self.groups.values():
                if found.id in parent.members:
                    self._drop_member(parent, found.id)
            self._note(found.id, EVERYTHING, group=True)
            self._tick()
            return found

    def rename_group(self, group: str, name: str) -> Group:
        with self.lock:
            found = self.group(group)
            found.name, found.updated = name, self._tick()
            self._note(found.id, "name", group=True)
            return found

    def join(self, group: str, member: str, *, owner: bool = False) -> Group:
        """Adds a person, a nested group (not in Okta), or, in Google, everybody (`member` is the customer id) or
        somebody of another company (by address)."""
        with self.lock:
            found, member_id = self.group(group), self._member_id(member)
            if member_id not in found.members:
                found.members[member_id] = self._next()
                if owner:
                    found.owners = [*found.owners, member_id]
                found.membership_updated = self._tick()
                self._note_member(found, member_id, joined=True)
            return found

    def leave(self, group: str, member: str) -> Group:
        with self.lock:
            found, member_id = self.group(group), self._member_id(member)
            if member_id not in found.members:
                raise UnknownError(f"member of {found.name!r}", member)
            self._drop_member(found, member_id)
            return found

    # -- generating and keeping -----------------------------------------------------------------------------------

    @classmethod
    def generate(cls, kind: Kind, users: int = 100, groups: int = 12, *, seed: int = 1, domain: str = "example.com",
                 admins: str = "Rosterd Admins") -> "World":  # fmt: skip
        """A whole organisation (generation.py). The same arguments give the same world."""
        from rosterd.simulators.generation import generate

        return generate(cls(kind, domain, seed=seed), users, groups, admins)

    def save(self, path: Path) -> None:
        """Writes the world as JSON (saved.py)."""
        from rosterd.simulators.saved import save

        save(self, path)

    @classmethod
    def load(cls, path: Path) -> "World":
        """The world as it was saved; it goes on as if nothing had happened."""
        from rosterd.simulators.saved import load

        return load(path)

    def free_address(self, name: str) -> str:
        """ "Ada Lovelace" → ada.lovelace@domain, or ada.lovelace2@domain when that is taken."""
        local, number = ids.slug(name), 1
        while (address := f"{local}{number if number > 1 else ''}@{self.domain}") in self._keys:
            number += 1
        return address

    # -- inside ---------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _tick(self) -> str:
        self.time = self.clock() if self.clock else self.time + dt.timedelta(seconds=1)
        return stamp(self.time)

    def _touch(self, person: Person, *fields: str) -> Person:
        person.updated = self._tick()
        self._note(person.id, *fields)
        return person

    def _note(self, about: str, *fields: str, group: bool = False) -> None:
        self.changes.append(about)
        self.journal.note(Change(about, fields, group))

    def _note_member(self, group: Group, member: str, *, joined: bool) -> None:
        self.changes.append(group.id)
        self.journal.note(Change(group.id, (), True, member, joined, member in self.groups))

    def index(self, person: Person) -> None:
        """Makes a person known by every name they have."""
        for name in (person.email, person.user_name, *person.aliases):
            self._keys[name.casefold()] = person.id

    def _forget_names(self, person: Person) -> None:
        for name in (person.email, person.user_name, *person.aliases):
            self._keys.pop(name.casefold(), None)

    def _check_status(self, status: str) -> None:
        if status not in STATUSES[self.kind]:
            raise ValueError(f"{self.kind} knows no status {status!r}, only {', '.join(STATUSES[self.kind])}")

    def _check_free(self, *names: str, but: str = "") -> None:
        for name in names:
            if self._keys.get(name.casefold(), but) != but:
                raise ValueError(f"{name!r} is taken")

    def _reports(self, person: Person) -> list[Person]:
        return [other for other in self.people.values() if other.manager == person.id]

    def _member_id(self, member: str) -> str:
        if member == self.tenant and self.kind == "google":
            return member
        try:
            return self.person(member).id
        except UnknownError:
            if self.kind == "okta":
                raise
            outside = member in self.outsiders or ("@" in member and not member.casefold().endswith(f"@{self.domain}"))
            return self._outsider(member) if self.kind == "google" and outside else self.group(member).id

    def _outsider(self, member: str) -> str:
        if member in self.outsiders:
            return member
        found = ids.person(self.kind, self.seed, ids.draw(member.casefold()))
        self.outsiders[found] = member
        return found

    def _drop_member(self, group: Group, member_id: str, *, silent: bool = False) -> None:
        """`silent`: Graph does not tell of a group that a member left it by being deleted (facts §4.1)."""
        del group.members[member_id]
        group.owners = [owner for owner in group.owners if owner != member_id]
        group.membership_updated = self._tick()
        if silent:
            self.changes.append(group.id)
        else:
            self._note_member(group, member_id, joined=False)

    def _leave_all(self, person: Person) -> None:
        left = [group for group in self.groups.values() if person.id in group.members]
        for group in left:
            self._drop_member(group, person.id, silent=True)
        person.former_groups = [group.id for group in left] if self.kind == "entra" else []

    def _restore(self, person: Person) -> None:
        for group in person.former_groups:
            if group in self.groups:
                self.join(group, person.id)
        person.former_groups = []
