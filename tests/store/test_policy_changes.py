"""A changed policy looks at the people it touches only, and comes to the same plan as looking at everybody."""

import shutil
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from reconciler.model import UserState
from reconciler.policy import OnRemove, RoleAxis, RoleSource, Scope, TeamMapping
from store import Store, open_store
from store.database import rows
from store.mappings import decide, listed, with_retired
from tests.builders import WORKSPACE, Directory, changes, policy, sync
from tests.store.machines import StoreMachine
from tests.store.workspaces import join

NAMES = st.sampled_from(["ada", "bob", "cyd", "dan", "eve"])
GROUPS = st.sampled_from(["Admins", "Eng", "Sub", "Ops"])
MAPPINGS = st.builds(
    TeamMapping,
    st.sampled_from(["Eng", "Ops", "Sub", "Nobody"]),
    st.sampled_from(["Engineering", "Board"]),
    st.sampled_from(["keep", "remove", None]),
)
SOURCES = st.builds(
    RoleSource,
    st.just("role"),
    st.sampled_from(["", "", "jamie_role", "a_b%"]),
    st.dictionaries(st.sampled_from(["Admins", "Ops", "Nobody"]), st.sampled_from(["member", "lead", "admin"])).map(
        lambda groups: tuple(groups.items())
    ),
)
TEAMS = st.lists(MAPPINGS, max_size=3, unique_by=lambda each: (each.group, each.team))


class Changing(StoreMachine):
    """A directory, a configuration and decisions that change between runs."""

    @initialize(keeps=st.booleans(), teams=TEAMS, sources=st.lists(SOURCES, max_size=2))
    def begin(self, keeps: bool, teams: list[TeamMapping], sources: list[RoleSource]) -> None:
        self.open()
        self.directory = Directory("ada", "eve")
        self.directory.hire("bob", groups=["Eng", "Admins"])
        self.directory.hire("cyd", groups=["Ops"], attributes={"jamie_role": "lead", "a_b%": "admin"})
        self.directory.hire("dan", groups=["Sub"])
        self.directory.nest("Eng", "Sub")
        axis = RoleAxis("role", ("member", "lead", "admin"), "member", "keep" if keeps else "default")
        self.asked = policy(axes=(axis,), teams=tuple(teams), sources=tuple(sources))
        sync(self.store, self.directory, self.asked)

    # -- what happens

    @rule(name=NAMES, groups=st.sets(GROUPS, max_size=2))
    def hire(self, name: str, groups: set[str]) -> None:
        if name not in self.directory.people:
            self.directory.hire(name, groups=sorted(groups))

    @rule(name=NAMES, group=GROUPS)
    def regroup(self, name: str, group: str) -> None:
        inside = self.directory.inside.get(group)
        if name in self.directory.people and inside is not None:
            (inside.discard if name in inside else inside.add)(name)

    @rule(child=st.sampled_from(["Sub", "Ops"]))
    def nest(self, child: str) -> None:
        if {"Eng", child} <= self.directory.groups.keys():
            children = self.directory.nested["Eng"]
            (children.discard if child in children else children.add)(child)

    @rule(name=NAMES, state=st.sampled_from([UserState.ACTIVE, UserState.SUSPENDED, UserState.UNKNOWN]))
    def standing(self, name: str, state: UserState) -> None:
        self._change(name, state=state)

    @rule(name=NAMES, attribute=st.sampled_from(["jamie_role", "a_b%"]), value=st.sampled_from(["admin", "lead", ""]))
    def attribute(self, name: str, attribute: str, value: str) -> None:
        self._change(name, attributes={attribute: value})

    @rule(group=st.sampled_from(["Eng", "Sub", "Ops"]))
    def drop_group(self, group: str) -> None:
        if group in self.directory.groups and len(self.directory.groups) > 2:
            self.directory.drop_group(group)

    @rule(name=NAMES)
    def invite(self, name: str) -> None:
        """Somebody puts a member into a team by hand, who is not in it yet."""
        sql = (
            "SELECT m.id FROM member m WHERE m.external_id = :name AND NOT EXISTS (SELECT 1 FROM team_member t"
            " WHERE t.member_no = m.no)"
        )
        with self.store.read() as connection:
            found = rows(connection, sql, name=name)
        for each in found:
            join(self.store, each[0], "Engineering", workspace=WORKSPACE)

    def _change(self, name: str, **fields: Any) -> None:
        if name in self.directory.people:
            self.directory.change(name, **fields)

    # -- what changes, and what holds

    @rule(teams=TEAMS)
    def remap(self, teams: list[TeamMapping]) -> None:
        self.asked = msgspec.structs.replace(self.asked, teams=tuple(teams))
        self._run()

    @rule(sources=st.lists(SOURCES, max_size=2))
    def resource(self, sources: list[RoleSource]) -> None:
        self.asked = msgspec.structs.replace(self.asked, sources=tuple(sources))
        self._run()

    @rule(answer=st.sampled_from(["keep", "remove"]))
    def answer(self, answer: OnRemove) -> None:
        with self.store.write() as connection:
            for each in listed(connection, with_retired(connection, self.asked)):
                if each.retired and each.mapping.on_remove is None:
                    decide(connection, "okta", TeamMapping(each.mapping.group, each.mapping.team, answer))
        self._run()

    @rule(groups=st.sampled_from([(), ("Eng",)]), nested=st.booleans())
    def rescope(self, groups: tuple[str, ...], nested: bool) -> None:
        self.asked = msgspec.structs.replace(self.asked, scope=Scope(groups=groups), nested=nested)
        self._run()

    @rule(short=st.sampled_from(["Eng", "Ops", "Sub"]), teams=TEAMS)
    def remap_short(self, short: str, teams: list[TeamMapping]) -> None:
        self.directory.partial = {short}
        self.remap(teams)
        self.directory.partial = set()

    def _run(self) -> None:
        touched, everybody = self._planned(verify=False), self._planned(verify=True)
        assert touched == everybody
        sync(self.store, self.directory, self.asked)

    def _planned(self, *, verify: bool) -> object:
        """What a run would do, asked of a copy of the store."""
        copy = self.folder / "copy.db"
        self.store.close()  # the last connection puts everything into the one file
        shutil.copy(self.folder / "s.db", copy)
        store: Store = open_store(f"sqlite:///{copy}")
        report = sync(store, self.directory, self.asked, verify=verify, apply=False)
        found = changes(store, report), report.digest, report.warnings, report.counts.in_scope
        store.close()
        for each in self.folder.glob("copy.db*"):
            each.unlink()
        return found


def test_a_changed_policy_comes_to_what_comparing_everybody_comes_to(sqlite_template: Path) -> None:
    """Few examples: the law itself is tested in reconciler/test_changes.py, where a thousand cost nothing."""
    Changing.template = sqlite_template
    profile = settings(max_examples=12, stateful_step_count=10, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(Changing, settings=profile)
