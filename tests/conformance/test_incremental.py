"""Reading what changed, with every connector that can: it comes to the same as reading everything, and costs little."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from connectors.base import Resync, Unavailable
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Cursor,
    DirectoryUser,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
    UserState,
    Wanted,
)
from rosterd.simulators import Simulator, World
from rosterd.simulators.world import Kind
from tests.connectors.directories import break_, connect, ends, pull
from tests.connectors.test_entra_reading import json_page

START = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
WANTED = Wanted(groups=frozenset({"Eng", "Later"}))
PEOPLE = 20


@dataclass
class Clock:
    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(milliseconds=10)
        return self.now

    def passes(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@dataclass
class Mirror:
    """The least that a store does with observations."""

    users: dict[str, DirectoryUser] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    cursor: str = ""

    def take(self, observations: list[Observation]) -> "Mirror":  # noqa: C901 -- one case per observation
        whole: dict[str, set[str]] = {}
        for seen in observations:
            match seen:
                case UsersSeen(users):
                    self.users.update({user.external_id: user for user in users})
                case UserGone(user):
                    self.users.pop(user, None)
                    for members in self.members.values():
                        members.discard(user)
                case GroupsSeen(groups):
                    self.groups.update({group.external_id: group.name for group in groups})
                case GroupGone(group):
                    self.groups.pop(group, None)
                    self.members.pop(group, None)
                case MembersSeen(group, users, groups):
                    whole.setdefault(group, set()).update(users, groups)
                case MembersLeft(group, users, groups):
                    self.members.setdefault(group, set()).difference_update((*users, *groups))
                case CollectionEnd("members", Completeness.COMPLETE, group):
                    self.members[group] = whole.pop(group, set())
                case CollectionEnd("members", Completeness.DELTA, group):
                    self.members.setdefault(group, set()).update(whole.pop(group, set()))
                case Cursor(text):
                    self.cursor = text
                case CollectionEnd():
                    pass
        return self


@pytest.fixture(params=["entra", "okta"])
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Eng holds the first five people and, where groups nest, Core, which holds the sixth."""
    kind = cast("Kind", request.param)
    world = World(kind)
    world.clock = Clock()
    people = [world.hire(f"Given{number}", "Family") for number in range(PEOPLE)]
    eng = world.add_group("Eng")
    world.add_group("Other")
    for person in people[:5]:
        world.join(eng.id, person.id)
    if kind == "entra":
        core = world.add_group("Core")
        world.join(core.id, people[5].id)
        world.join(eng.id, core.id)
    world.clock.passes(hours=1)
    with Simulator(kind, world) as running:
        yield running


def passes(simulator: Simulator, **time: float) -> None:
    cast("Clock", simulator.world.clock).passes(**time)


def everything(simulator: Simulator, folder: Path, wanted: Wanted = WANTED) -> Mirror:
    return Mirror().take(pull(connect(simulator, folder), wanted))


def changes(simulator: Simulator, folder: Path, mirror: Mirror, wanted: Wanted = WANTED) -> list[Observation]:
    seen = pull(connect(simulator, folder), replace_cursor(wanted, mirror.cursor))
    mirror.take(seen)
    return seen


def replace_cursor(wanted: Wanted, cursor: str) -> Wanted:
    return msgspec.structs.replace(wanted, cursor=cursor)


def person(simulator: Simulator, number: int) -> str:
    return list(simulator.world.people)[number]


def group(simulator: Simulator, name: str) -> str:
    return simulator.world.group(name).id


# -- the same as everything ---------------------------------------------------------------------------------------

Change = Callable[[Simulator], object]
BOTH: dict[str, Change] = {
    "nothing": lambda s: s.world.now,
    "hired": lambda s: s.world.hire("New", "Comer"),
    "hired and put into a group": lambda s: s.world.join("Eng", s.world.hire("New", "Comer").id),
    "renamed": lambda s: s.world.rename(person(s, 3), family_name="Married"),
    "suspended": lambda s: s.world.suspend(person(s, 3)),
    "suspended and back": lambda s: s.world.resume(s.world.suspend(person(s, 3)).id),
    "deleted": lambda s: s.world.delete(person(s, 9)),
    "joined": lambda s: s.world.join("Eng", person(s, 9)),
    "left": lambda s: s.world.leave("Eng", person(s, 0)),
    "joined and left": lambda s: s.world.leave(s.world.join("Eng", person(s, 9)).id, person(s, 9)),
    "left and joined": lambda s: s.world.join(s.world.leave("Eng", person(s, 1)).id, person(s, 1)),
    "a group of others changed": lambda s: s.world.join("Other", person(s, 0)),
    "a group was renamed": lambda s: s.world.rename_group("Other", "Another"),
    "a mapped group was created": lambda s: s.world.join(s.world.add_group("Later").id, person(s, 2)),
    "another group took a mapped name": lambda s: s.world.rename_group(s.world.join("Other", person(s, 2)).id, "Later"),
}  # fmt: skip
ENTRA: dict[str, Change] = {
    "deleted member": lambda s: s.world.delete(person(s, 1)),
    "deleted for good": lambda s: s.world.purge(s.world.delete(person(s, 1)).id),
    "a group went": lambda s: s.world.delete_group("Other"),
    "a nested group changed": lambda s: s.world.join("Core", person(s, 7)),
    "a group was nested": lambda s: s.world.join("Eng", s.world.join("Other", person(s, 8)).id),
    "a group was nested deeper": lambda s: s.world.join("Core", s.world.join("Other", person(s, 8)).id),
    "a nested group left": lambda s: s.world.leave("Eng", group(s, "Core")),
    "groups in a circle": lambda s: s.world.join("Core", group(s, "Eng")),
}


def compare(simulator: Simulator, folder: Path, change: Change) -> None:
    mirror = everything(simulator, folder)
    change(simulator)
    passes(simulator, minutes=1)
    seen = changes(simulator, folder, mirror)
    fresh = everything(simulator, folder)
    kept = {id_: user for id_, user in mirror.users.items() if user.state is not UserState.GONE}
    assert kept == fresh.users
    assert mirror.groups == fresh.groups
    gone = simulator.world.people.keys() - fresh.users.keys()  # who stays a member in Okta although deprovisioned
    reachable = fresh.members.keys()
    assert {id_: mirror.members[id_] - gone for id_ in reachable} == {i: fresh.members[i] - gone for i in reachable}
    assert isinstance(seen[-1], Cursor)
    assert {end.completeness for end in ends(seen) if end.collection != "members"} == {Completeness.DELTA}


@pytest.mark.parametrize("change", BOTH.values(), ids=list(BOTH))
def test_changes_come_to_the_same_as_everything(simulator: Simulator, tmp_path: Path, change: Change) -> None:
    compare(simulator, tmp_path, change)


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
@pytest.mark.parametrize("change", ENTRA.values(), ids=list(ENTRA))
def test_what_only_entra_has_comes_to_the_same(simulator: Simulator, tmp_path: Path, change: Change) -> None:
    compare(simulator, tmp_path, change)


def test_a_year_of_changes_in_small_steps(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    for change in [*BOTH.values()][:-1]:  # two of them rename the same group
        change(simulator)
        passes(simulator, minutes=2)
        changes(simulator, tmp_path, mirror)
    fresh = everything(simulator, tmp_path)
    assert mirror.users == fresh.users
    assert mirror.groups == fresh.groups


def test_a_read_can_be_repeated_from_the_same_cursor(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    again = replace(mirror, users=dict(mirror.users))
    simulator.world.rename(person(simulator, 3), family_name="Married")
    first = changes(simulator, tmp_path, mirror)
    assert changes(simulator, tmp_path, again)[:-1] == first[:-1]


def test_the_deleted_are_told_outright(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    gone = person(simulator, 9)
    simulator.world.delete(gone)
    told = [each for each in changes(simulator, tmp_path, mirror) if isinstance(each, UserGone)]
    assert [(each.external_id, each.evidence) for each in told] == [(gone, Evidence.TOMBSTONE)]


# -- what it costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [50, 1500])
@pytest.mark.parametrize("kind", ["entra", "okta"])
def test_when_nothing_changed_the_size_does_not_matter(kind: Kind, people: int, tmp_path: Path) -> None:
    world = World.generate(kind, people, 40)
    clock = world.clock = Clock(world.now)
    clock.passes(hours=1)
    names = frozenset(group.name for group in world.groups.values())
    with Simulator(kind, world) as simulator:
        wanted = Wanted(groups=names)
        mirror = everything(simulator, tmp_path, wanted)
        for _ in range(2):
            clock.passes(minutes=1)
            simulator.requests.clear()
            changes(simulator, tmp_path, mirror, wanted)
            assert sum(simulator.requests.values()) <= 5


def test_members_that_were_read_are_not_read_again_for_being_recent(simulator: Simulator, tmp_path: Path) -> None:
    simulator.world.join("Eng", person(simulator, 9))
    mirror = everything(simulator, tmp_path)
    simulator.requests.clear()
    changes(simulator, tmp_path, mirror)
    changes(simulator, tmp_path, mirror)
    assert not [request for request in simulator.requests if "{groupId}/" in request or "{id}/" in request]


# -- when a cursor is void ----------------------------------------------------------------------------------------


def test_another_selection_needs_a_read_of_everything(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    simulator.requests.clear()
    for other in (
        Wanted(groups=WANTED.groups, nested=False),
        Wanted(groups=WANTED.groups, attributes=frozenset({"jamie_role"})),
    ):
        with pytest.raises(Resync):
            changes(simulator, tmp_path, mirror, other)
    assert not simulator.requests


def test_a_group_that_is_newly_wanted_is_read_whole_and_nothing_else(simulator: Simulator, tmp_path: Path) -> None:
    """As the store asks: of the groups that the last read listed it knows the ids."""
    simulator.world.join("Other", person(simulator, 7))
    mirror = everything(simulator, tmp_path)
    other = group(simulator, "Other")
    assert other not in mirror.members
    simulator.requests.clear()
    more = Wanted(groups=WANTED.groups | {"Other"}, bound={"Other": other})
    changes(simulator, tmp_path, mirror, more)
    assert mirror.members[other] == {person(simulator, 7)}
    assert sum(simulator.requests.values()) <= 5
    simulator.world.leave("Other", person(simulator, 7))
    passes(simulator, minutes=1)
    changes(simulator, tmp_path, mirror, more)
    assert mirror.members[other] == set()
    assert mirror.members == everything(simulator, tmp_path, more).members


def test_a_group_that_is_no_longer_wanted_needs_no_read_of_everything(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    changes(simulator, tmp_path, mirror, Wanted(groups=frozenset({"Later"})))
    simulator.world.join("Eng", person(simulator, 9))
    passes(simulator, minutes=1)
    changes(simulator, tmp_path, mirror)
    assert mirror.members == everything(simulator, tmp_path).members


def test_nonsense_needs_a_read_of_everything(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(Resync):
        pull(connect(simulator, tmp_path), replace_cursor(WANTED, "nonsense"))


def test_a_group_that_could_not_be_read_is_read_the_next_time(simulator: Simulator, tmp_path: Path) -> None:
    simulator.fault("one_group_403", route=group(simulator, "Eng"))
    mirror = everything(simulator, tmp_path)
    assert group(simulator, "Eng") not in mirror.members
    simulator.no_fault()
    changes(simulator, tmp_path, mirror)
    assert person(simulator, 0) in mirror.members[group(simulator, "Eng")]


def test_a_partial_listing_leaves_no_cursor(simulator: Simulator, tmp_path: Path) -> None:
    simulator.fault("repeated_token")
    seen = pull(connect(simulator, tmp_path), WANTED)
    assert not any(isinstance(each, Cursor) for each in seen)


def test_changes_that_cannot_be_read_are_still_there_the_next_time(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    simulator.world.rename(person(simulator, 3), family_name="Married")
    simulator.fault("error_500")
    with pytest.raises(Unavailable):
        pull(connect(simulator, tmp_path, deadline=0.4), replace_cursor(WANTED, mirror.cursor))
    simulator.no_fault()
    changes(simulator, tmp_path, mirror)
    assert mirror.users[person(simulator, 3)].family_name == "Married"


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
@pytest.mark.parametrize(
    ("status", "code"),
    [(410, ""), (400, "syncStateNotFound"), (400, "SyncStateNotFound"), (400, "resyncRequired"),
     (400, "Directory_ExpiredPageToken")],
)  # fmt: skip
def test_a_delta_token_that_is_void(simulator: Simulator, tmp_path: Path, status: int, code: str) -> None:
    mirror = everything(simulator, tmp_path)
    error = {"error": {"code": code, "message": "too old"}}
    break_(simulator, lambda: json_page(error, status), where="/delta")
    with pytest.raises(Resync):
        changes(simulator, tmp_path, mirror)


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
def test_a_round_of_delta_that_does_not_end_asks_for_everything(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    endless = {"value": [], "@odata.nextLink": f"{simulator.url}/v1.0/users/delta?$skiptoken=same"}
    break_(simulator, lambda: json_page(endless), where="/users/delta")
    with pytest.raises(Resync, match="in circles"):
        changes(simulator, tmp_path, mirror)


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
def test_a_tenant_without_delta_is_read_whole_every_time(simulator: Simulator, tmp_path: Path) -> None:
    break_(simulator, lambda: json_page({"error": {"code": "Request_BadRequest"}}, 400), where="/delta")
    assert everything(simulator, tmp_path).cursor == ""


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
def test_attributes_that_delta_does_not_follow_leave_no_cursor(simulator: Simulator, tmp_path: Path) -> None:
    break_(simulator, lambda: json_page({"value": [{"id": "1", "accountEnabled": True}]}), where="/v1.0/users")
    wanted = Wanted(groups=WANTED.groups, attributes=frozenset({"contoso_roles.role"}))
    assert everything(simulator, tmp_path, wanted).cursor == ""
    assert "GET /v1.0/users/delta" not in simulator.requests


@pytest.mark.parametrize("simulator", ["entra"], indirect=True)
def test_changed_people_without_account_enabled_are_asked_for_by_id(simulator: Simulator, tmp_path: Path) -> None:
    mirror = everything(simulator, tmp_path)
    ada = person(simulator, 3)
    page = {"value": [{"id": ada, "surname": "Married"}], "@odata.deltaLink": f"{simulator.url}/v1.0/users/delta?x=1"}
    break_(simulator, lambda: json_page(page), where="/users/delta", times=1)
    changes(simulator, tmp_path, mirror)
    assert mirror.users[ada].state is UserState.ACTIVE
