"""The laws, over random directories and workspaces."""

from collections.abc import Iterable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import DirectoryUser, Evidence, Member, UserState, key
from reconciler.plan import Plan
from reconciler.policy import Policy, RoleAxis, Scope
from tests.builders import by_hand, member, policy, user
from tests.reconciler.memory import Workspace, World

NAMES = ("ada", "bob", "cyd", "dan", "eve")
ADDRESSES = tuple(f"{name}@acme.com" for name in (*NAMES, "free", "other"))
GROUPS = ("Admins", "Eng", "Sub", "Staff", "Elsewhere")
POLICIES = st.sampled_from(
    [policy(), policy(scope=Scope(groups=("Staff",))), policy(protected=frozenset({"ada@acme.com"}))]
)


@st.composite
def worlds(draw: st.DrawFn, *, unread: bool = False) -> World:
    """Up to five people who may share, swap or lack addresses, in nested groups."""
    people: dict[str, DirectoryUser] = {}
    for name in draw(st.sets(st.sampled_from(NAMES))):
        state = draw(st.sampled_from([UserState.ACTIVE] * 4 + list(UserState)))
        email = draw(st.sampled_from([f"{name}@acme.com"] * 3 + [*ADDRESSES, ""]))
        people[name] = user(name, state, email=email, user_name=name, title=draw(st.sampled_from(["", "Chief"])))
    groups = {name: draw(st.frozensets(st.sampled_from(GROUPS))) for name in people}
    nested = draw(st.sampled_from([(), (("Eng", "Sub"),), (("Admins", "Sub"), ("Sub", "Admins"))]))
    short = draw(st.frozensets(st.sampled_from(GROUPS))) if unread else frozenset()
    return World(people, groups, nested, short, draw(st.booleans()) if unread else True)


@st.composite
def workspaces(draw: st.DrawFn) -> list[Member]:
    """Members of the directory, of another one, or added by hand; addresses are unique, as the store sees to."""
    members: list[Member] = []
    taken: set[str] = set()
    for name in draw(st.sets(st.sampled_from([*NAMES, "zoe"]))):
        email = draw(st.sampled_from([f"{name}@acme.com"] * 3 + list(ADDRESSES)))
        if key(email) in taken:
            continue
        taken.add(key(email))
        role, active = draw(st.sampled_from(["member", "admin"])), draw(st.booleans())
        granted = draw(st.sampled_from([frozenset(), frozenset({"Engineering"})]))
        one = draw(st.sampled_from([member(name, role), member(name, role), by_hand(name, role)]))
        one = msgspec.structs.replace(
            one, active=active, teams=granted | draw(st.sampled_from([frozenset(), frozenset({"Choir"})])),
            granted=granted if one.managed else frozenset(), profile=msgspec.structs.replace(one.profile, email=email),
        )  # fmt: skip
        members.append(one)
    return members


def taking(plan: Plan) -> list[tuple[str, str]]:
    return [
        (action.kind, action.external_id)
        for action in plan.actions
        if action.state == "planned" and (action.kind in ("deactivate", "leave_team") or action.step.change == "demote")
    ]


LAWS = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@LAWS
@given(POLICIES, worlds(), workspaces())
def test_applying_a_plan_reaches_what_it_describes(asked: Policy, world: World, members: list[Member]) -> None:
    """plan(d, apply(plan(d, a), a)) is empty, apart from what is reported and not done."""
    workspace = Workspace(members)
    for action in workspace.plan(asked, world).actions:
        workspace.apply(asked, action)
    again = workspace.plan(asked, world)
    assert [action for action in again.actions if action.state == "planned"] == []


@LAWS
@given(POLICIES, worlds(unread=True), workspaces(), st.lists(st.integers(0, 9), max_size=8))
def test_the_order_of_people_does_not_matter(
    asked: Policy, world: World, members: list[Member], order: Iterable[int]
) -> None:
    workspace = Workspace(members)
    one, other = workspace.plan(asked, world), workspace.plan(asked, world, order)
    assert (one.to_json(), one.digest) == (other.to_json(), other.digest)
    assert Plan.from_json(one.to_json()) == one


@LAWS
@given(POLICIES, worlds(unread=True), workspaces())
def test_no_prefix_of_a_plan_loses_the_last_holder(asked: Policy, world: World, members: list[Member]) -> None:
    workspace = Workspace(members)
    had_one = bool(workspace.admins())
    for action in workspace.plan(asked, world).actions:
        workspace.apply(asked, action)
        assert bool(workspace.admins()) or not had_one


@LAWS
@given(POLICIES, worlds(), workspaces(), st.data())
def test_what_a_read_did_not_show_is_never_a_reason_to_take(
    asked: Policy, world: World, members: list[Member], data: st.DataObject
) -> None:
    """A read that hides some memberships, and says so, takes nothing that the whole read would have left."""
    # Who is the last holder may differ, and so may who has to stay: that law is tested by itself.
    asked = msgspec.structs.replace(asked, axes=(RoleAxis("role", ("member", "admin"), "member"),))
    whole = Workspace(members).plan(asked, world)
    groups = data.draw(st.frozensets(st.sampled_from(GROUPS)))
    seen = {name: inside - groups for name, inside in world.groups.items()}
    short = msgspec.structs.replace(world, groups=seen, unread=groups)
    assert set(taking(Workspace(members).plan(asked, short))) <= set(taking(whole))


@LAWS
@given(POLICIES, worlds(unread=True), workspaces())
def test_every_removal_has_evidence_and_every_action_a_cause(
    asked: Policy, world: World, members: list[Member]
) -> None:
    for action in Workspace(members).plan(asked, world).actions:
        assert action.cause
        assert (action.state == "planned") == (action.code == "planned")
        assert bool(action.detail) == (action.state == "skipped")
        if action.kind in ("deactivate", "leave_team") and action.state == "planned":
            assert isinstance(action.evidence, Evidence)
