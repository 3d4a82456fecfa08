"""Random histories of a directory against a plain model: after every run, the roster is what the directory says.

The model knows nothing of plans: it is told what a complete read shows and keeps, per person, what a member must be.
An owner added by hand keeps the role of admin, so that the law of the last holder (tested elsewhere) never bends what
the directory says.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.model import DirectoryUser, UserState
from reconciler.policy import TeamMapping
from store import runs as runs_module
from store import snapshot
from store.apply import apply_batch
from store.workspace import roster
from tests.builders import WORKSPACE, Directory, policy, sync
from tests.store.machines import StoreMachine

NAMES = st.sampled_from(["ada", "bob", "cyd", "dan", "eve", "fay"])
ADDRESSES = st.sampled_from([f"{name}@acme.com" for name in ("ada", "bob", "cyd", "x", "y", "Ada")])
GROUPS = st.sampled_from(["Admins", "Eng", "Sub", "Deep", "Ops"])
SHORT = st.sampled_from(["users", "groups", "Eng", "Sub", "Admins"])
ASKED = policy(teams=(TeamMapping("Eng", "Engineering"), TeamMapping("Ops", "Engineering"), TeamMapping("Sub", "Sub")))


class Killed(BaseException):
    """As if the process ended here."""


class Histories(StoreMachine):
    """What happens to a directory between runs, and the runs."""

    @initialize()
    def begin(self) -> None:
        self.open()
        self.directory = Directory()
        self.directory.add_group("Admins", "Eng", "Sub", "Deep", "Ops")
        self.synced = False

    # -- what happens in the directory

    @rule(name=NAMES, groups=st.sets(GROUPS, max_size=2))
    def hire(self, name: str, groups: set[str]) -> None:
        if name not in self.directory.people:
            self.directory.hire(name, groups=sorted(groups))
            self.synced = False

    @rule(name=NAMES, email=ADDRESSES)
    def move(self, name: str, email: str) -> None:
        self._change(name, email=email)

    @rule(one=NAMES, other=NAMES)
    def swap(self, one: str, other: str) -> None:
        if {one, other} <= self.directory.people.keys():
            first, second = self.directory.people[one].email, self.directory.people[other].email
            self._change(one, email=second)
            self._change(other, email=first)

    @rule(name=NAMES, state=st.sampled_from(UserState))
    def standing(self, name: str, state: UserState) -> None:
        self._change(name, state=state)

    @rule(name=NAMES, value=st.sampled_from(["admin", "ADMIN", "member", "boss", ""]))
    def attribute(self, name: str, value: str) -> None:
        self._change(name, attributes={"jamie_role": value})

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if name in self.directory.people:
            self.directory.delete(name)
            self.synced = False

    @rule(name=NAMES, group=GROUPS)
    def regroup(self, name: str, group: str) -> None:
        if name in self.directory.people:
            inside = self.directory.inside[group]
            (inside.discard if name in inside else inside.add)(name)
            self.synced = False

    @rule(parent=GROUPS, child=GROUPS)
    def nest(self, parent: str, child: str) -> None:
        children = self.directory.nested[parent]
        (children.discard if child in children else children.add)(child)
        self.synced = False

    def _change(self, name: str, **fields: Any) -> None:
        if name in self.directory.people:
            self.directory.change(name, **fields)
            self.synced = False

    # -- runs

    @rule(verify=st.booleans(), partial=st.sets(SHORT, max_size=2))
    def short_run(self, verify: bool, partial: set[str]) -> None:
        """A read that hides what it does not say it saw whole takes nothing away."""
        before = {each.external_id: each for each in roster(self.store, WORKSPACE) if each.active}
        known = dict(self.directory.people)
        self.directory.partial = partial
        if "users" in partial:
            self.directory.hidden = set(sorted(known)[::2])
        sync(self.store, self.directory, ASKED, verify=verify)
        self.directory.partial, self.directory.hidden = set(), set()
        if "users" in partial:
            after = {each.external_id for each in roster(self.store, WORKSPACE) if each.active}
            assert all(name in after for name in before if name and name not in known)
        self.synced = False

    @precondition(lambda self: self.synced)
    @rule(
        verify=st.booleans(),
        groups=st.sets(GROUPS, max_size=2),
        members=st.sets(st.tuples(GROUPS, st.one_of(NAMES, GROUPS)), max_size=6),
    )
    def lying_run(self, verify: bool, groups: set[str], members: set[tuple[str, str]]) -> None:
        """Listings that leave out groups and members, and say that they are whole, change nothing."""
        before = list(roster(self.store, WORKSPACE))
        self.directory.hidden, self.directory.unlisted = groups, members
        report = sync(self.store, self.directory, ASKED, verify=verify)
        self.directory.hidden, self.directory.unlisted = set(), set()
        assert report.changes == 0
        assert list(roster(self.store, WORKSPACE)) == before

    @rule(batches=st.integers(0, 3), verify=st.booleans())
    def killed_run(self, batches: int, verify: bool) -> None:
        left = iter(range(batches))

        def dying(*given: Any) -> None:
            if next(left, None) is None:
                raise Killed
            apply_batch(*given)

        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            patch.setattr(runs_module, "apply_batch", dying)
            sync(self.store, self.directory, ASKED, verify=verify)
        self.synced = False

    @rule(verify=st.booleans())
    def run(self, verify: bool) -> None:
        report = sync(self.store, self.directory, ASKED, verify=verify)
        assert report.counts.failed == 0
        self.synced = True
        self._compare()

    @precondition(lambda self: self.synced)
    @rule(verify=st.booleans())
    def run_again(self, verify: bool) -> None:
        report = sync(self.store, self.directory, ASKED, verify=verify)
        assert (report.state, report.changes) == ("succeeded", 0)
        self._compare()

    # -- what must hold

    def _compare(self) -> None:
        found = {each.external_id: each for each in roster(self.store, WORKSPACE) if each.managed}
        sure = {name: who for name, who in self.directory.people.items() if not self._unclear(who, found)}
        for name, who in sure.items():
            here = found.get(name)
            if who.state is UserState.ACTIVE:
                assert here is not None, name
                assert here.active, name
                assert (here.email, here.roles["role"], set(here.teams)) == (who.email, *self._due(name, who)), name
            elif who.state in (UserState.SUSPENDED, UserState.GONE):
                assert here is None or not here.active, name
        for linked, member in found.items():
            assert linked in self.directory.people or not member.active, linked

    def _unclear(self, who: DirectoryUser, found: dict[str | None, Any]) -> bool:
        """Somebody else has this address: another active person, or a former member who is not linked to this one."""
        wanted = who.email.lower()
        people = self.directory.people.values()
        if sum(each.email.lower() == wanted and each.state is UserState.ACTIVE for each in people) > 1:
            return True
        return any(each.email.lower() == wanted for name, each in found.items() if name != who.external_id)

    def _due(self, name: str, who: DirectoryUser) -> tuple[str, set[str]]:
        groups = {group for group, inside in self.directory.inside.items() if name in inside}
        while more := {up for up, inside in self.directory.nested.items() if inside & groups} - groups:
            groups |= more
        admin = "Admins" in groups or str(who.attributes.get("jamie_role", "")).lower() == "admin"
        teams = ({"Engineering"} if groups & {"Eng", "Ops"} else set()) | ({"Sub"} if "Sub" in groups else set())
        return "admin" if admin else "member", teams

    @invariant()
    def one_member_per_person_and_address(self) -> None:
        if not hasattr(self, "store"):
            return
        members = list(roster(self.store, WORKSPACE))
        linked = [each.external_id for each in members if each.managed]
        assert len(linked) == len(set(linked))
        assert any(each.active and each.roles["role"] == "admin" for each in members)


def test_histories(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "BATCH", 2)
    monkeypatch.setattr(snapshot, "CHUNK", 2)
    Histories.template = sqlite_template
    profile = settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(Histories, settings=profile)
