"""Whom a changed policy touches."""

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.changes import EVERYBODY, NOBODY, Touched, touched
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.policy import Limit, Policy, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from reconciler.teams import view_of
from tests.builders import ROLE, SOURCE, TEAM, policy
from tests.reconciler.memory import Workspace, World
from tests.reconciler.test_laws import workspaces, worlds

BOARD = TeamMapping("Board", "Board")
KEEPING = RoleAxis("role", ("member", "admin"), "member", "keep")


def refs(*names: str) -> Touched:
    return Touched(refs=frozenset(names))


def attributes(*names: str) -> Touched:
    return Touched(attributes=frozenset(names))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, NOBODY),
        ({"limits": {"update": Limit(1)}}, NOBODY),
        ({"teams": (TeamMapping("Eng", "Engineering", "keep"),)}, NOBODY),
        ({"teams": (TEAM, BOARD)}, refs("Board")),
        ({"teams": (BOARD, TEAM)}, refs("Board")),
        ({"teams": (TeamMapping("Eng", "Builders"),)}, refs("Eng")),
        ({"teams": (), "retired": (TEAM,)}, Touched(refs=frozenset({"Eng"}), teams=frozenset({"Engineering"}))),
        ({"retired": (TeamMapping("Ops", "Operations", "remove"),)}, Touched(teams=frozenset({"Operations"}))),
        ({"sources": ()}, Touched(refs=frozenset({"Admins"}), attributes=frozenset({"jamie_role"}))),
        ({"sources": (RoleSource("role", "boss", SOURCE.groups),)}, attributes("boss", "jamie_role")),
        ({"sources": (SOURCE, RoleSource("role", groups=(("Ops", "admin"),)))}, refs("Ops")),
        ({"sources": (RoleSource("role", "jamie_role", (("Admins", "member"),)),)}, refs("Admins")),
        ({"sources": (RoleSource("role", "jamie_role"), RoleSource("role", groups=SOURCE.groups))}, NOBODY),
        ({"axes": (KEEPING,)}, EVERYBODY),
        ({"axes": ()}, EVERYBODY),
        ({"rules": (RoleRule((("role", "admin"),), (("role", "member"),)),)}, EVERYBODY),
        ({"scope": Scope(groups=("Eng",))}, EVERYBODY),
        ({"scope": Scope(frozenset({"acme.com"}))}, EVERYBODY),
        ({"match": "user_name"}, EVERYBODY),
        ({"nested": False}, EVERYBODY),
        ({"protected": frozenset({"ada@acme.com"})}, EVERYBODY),
    ],
)  # fmt: skip
def test_whom_a_change_touches(change: dict[str, Any], expected: Touched) -> None:
    old, new = policy(), policy(**change)
    assert touched(old, new) == touched(new, old) == expected
    assert bool(expected) == (expected != NOBODY)
    assert not expected or old.digest != new.digest


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ((SOURCE, RoleSource("role", groups=(("Ops", "admin"),))), refs("Ops")),
        ((SOURCE, RoleSource("role", groups=(("Ops", "member"),))), EVERYBODY),
        ((RoleSource("role", groups=SOURCE.groups),), EVERYBODY),
        ((SOURCE, RoleSource("role", "boss")), attributes("boss")),
        ((), EVERYBODY),
    ],
    ids=["a value that groups gave before", "a value that no group gave", "no attribute", "one more attribute", "none"],
)
def test_an_axis_that_keeps_asks_what_silence_means(sources: tuple[RoleSource, ...], expected: Touched) -> None:
    """Whoever has a value that a group map can give loses it when no group gives it; and only where an attribute is
    read can a directory be silent."""
    assert touched(policy(axes=(KEEPING,)), policy(axes=(KEEPING,), sources=sources)) == expected
    assert touched(policy(axes=(ROLE,)), policy(axes=(ROLE,), sources=sources)) != EVERYBODY


# -- the law ------------------------------------------------------------------------------------------------------

MAPPINGS = st.builds(
    TeamMapping,
    st.sampled_from(["Eng", "Sub", "Staff"]),
    st.sampled_from(["Engineering", "Board"]),
    st.sampled_from(["keep", "remove", None]),
)
SOURCES = st.lists(
    st.builds(
        RoleSource,
        st.just("role"),
        st.sampled_from(["", "jamie_role", "boss"]),
        st.dictionaries(st.sampled_from(["Admins", "Staff"]), st.sampled_from(["member", "admin"])).map(
            lambda groups: tuple(groups.items())
        ),
    ),
    max_size=2,
)


@st.composite
def steps(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy and what becomes of it; a team mapping is in force or retired, never both."""
    axis = draw(st.sampled_from([ROLE, KEEPING]))
    mappings = st.lists(MAPPINGS, max_size=4, unique_by=lambda each: (each.group, each.team))

    def one() -> Policy:
        known = draw(mappings)
        live = draw(st.integers(0, len(known)))
        sources = tuple(draw(SOURCES))
        return policy(axes=(axis,), sources=sources, teams=tuple(known[:live]), retired=tuple(known[live:]))

    old, new = one(), one()
    which = draw(st.sampled_from(["teams", "sources", "both"]))
    if which == "teams":
        new = msgspec.structs.replace(new, sources=old.sources)
    if which == "sources":
        new = msgspec.structs.replace(new, teams=old.teams, retired=old.retired)
    return old, new


def concerned(world: World, whom: Touched, subject: Subject) -> bool:
    view = view_of({ref: ref for ref in whom.refs}, nested=world.nested, names={})
    holds = subject.user is not None and not whom.attributes.isdisjoint(subject.user.attributes)
    granted = subject.member is not None and not whom.teams.isdisjoint(subject.member.granted)
    return bool(view.refs_of(subject.groups)) or holds or granted


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(steps(), worlds(unread=True), workspaces(), st.data())
def test_whoever_is_not_touched_and_has_nothing_open_has_nothing_to_do(
    step: tuple[Policy, Policy], world: World, members: list[Member], data: st.DataObject
) -> None:
    old, new = step
    whom = touched(old, new)
    assume(not whom.everybody)
    values = st.dictionaries(st.sampled_from(["jamie_role", "boss"]), st.sampled_from(["admin", "member", ""]))
    people = {name: msgspec.structs.replace(each, attributes=data.draw(values)) for name, each in world.people.items()}
    world = msgspec.structs.replace(world, people=people)
    workspace = Workspace(members)
    for action in workspace.plan(old, world).actions:
        workspace.apply(old, action)
    still_open = {action.external_id for action in workspace.plan(old, world).actions}
    by_id = {subject.external_id: subject for subject in workspace.subjects(new, world)}
    for action in workspace.plan(new, world).actions:
        assert action.external_id in still_open or concerned(world, whom, by_id[action.external_id]), action
