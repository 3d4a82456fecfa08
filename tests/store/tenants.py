"""A directory that many things happen to, drawn at random, and that may lose its sight."""

from collections.abc import AsyncIterator
from typing import Any

import hypothesis.strategies as st

from reconciler.model import CollectionEnd, Completeness, Observation, Questions, UserState, Wanted
from tests.builders import Directory

NAMES = st.sampled_from(["ada", "bob", "cyd", "dan", "eve", "fay"])
GROUPS = st.sampled_from(["Admins", "Eng", "Ops", "Sub", "Staff"])
EMAILS = st.sampled_from([f"{name}@acme.com" for name in ("ada", "bob", "cyd", "dan", "Ada", "new")])
CHANGE = st.one_of(
    st.tuples(st.just("hire"), NAMES, st.sets(GROUPS, max_size=3)),
    st.tuples(st.just("regroup"), NAMES, GROUPS),
    st.tuples(st.just("regroup"), NAMES, GROUPS),
    st.tuples(st.just("state"), NAMES, st.sampled_from(list(UserState)[:4])),
    st.tuples(st.just("suspend all"), st.just(""), GROUPS),
    st.tuples(st.just("delete"), NAMES, st.booleans()),
    st.tuples(st.just("email"), NAMES, EMAILS),
    st.tuples(st.just("swap"), NAMES, NAMES),
    st.tuples(st.just("role"), NAMES, st.sampled_from(["admin", "editor", "boss", ""])),
    st.tuples(st.just("nest"), GROUPS, GROUPS),
    st.tuples(st.just("drop"), st.just(""), GROUPS),
)


class Tenant(Directory):
    """A directory that can lose its sight: by id it then knows nobody, whom it lists included. Where it is silent, its
    connector says so, as connectors do (connectors/confirming.py)."""

    blind = False

    async def confirm(self, questions: Questions, wanted: Wanted) -> AsyncIterator[Observation]:
        """As any directory, unless it is blind or silent."""
        for one in (each for each in questions.members if self.silent & {each.group, each.member}):
            yield CollectionEnd("members", Completeness.PARTIAL, one.group, "no answer")
        listed = self.people
        self.people = {} if self.blind else listed
        self.purged |= set(listed) if self.blind else set()
        try:
            async for observation in super().confirm(questions, wanted):
                yield observation
        finally:
            self.people = listed
            self.purged -= set(listed)

    def happens(self, what: str, name: str, more: Any) -> None:
        """One `CHANGE`, if it can be."""
        match what:
            case "hire" if name not in self.people:
                self.hire(name, groups=sorted({*more, "Staff"}))
                self.purged.discard(name)
            case "regroup" | "nest":
                self.add_group(more, *([name] if what == "nest" else []))
                inside = self.inside[more] if what == "regroup" else self.nested[more]
                (inside.discard if name in inside else inside.add)(name)
            case "state":
                self.change(name, state=more)
            case "suspend all":
                self.suspend(*(one for one in self.inside.get(more, ()) if one in self.people))
            case "delete":
                self.delete(name)
                self.purged |= {name} if more else set()
            case "email":
                self.change(name, email=more)
            case "swap" if more in self.people:
                mine, theirs = self.people[name].email, self.people[more].email
                self.change(name, email=theirs)
                self.change(more, email=mine)
            case "role":
                self.change(name, attributes={"jamie_role": more} if more else {})
            case "drop" if more in self.groups:
                self.drop_group(more)
