"""Worlds: the same each time, true to what their kind of directory can do, and the same after saving."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from rosterd.simulators.world import KINDS, Kind, UnknownError, World


def state(world: World) -> bytes:
    people, groups = list(world.people.values()), list(world.groups.values())
    return msgspec.json.encode((people, groups, world.number, world.time, world.schema))


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_world_is_the_same_each_time(kind: Kind) -> None:
    assert state(World.generate(kind, 80, 15)) == state(World.generate(kind, 80, 15))
    assert state(World.generate(kind, 80, 15)) != state(World.generate(kind, 80, 15, seed=2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_world_has_what_a_story_needs(kind: Kind) -> None:
    world = World.generate(kind, 200, 20, admins="Acme Admins", domain="acme.com")
    assert (len(world.people), len(world.groups)) == (200, 20)
    assert [group.name for group in world.groups.values()][:3] == ["Acme Admins", "Engineering", "Design"]
    assert sum(person.status == "suspended" for person in world.people.values()) == 5
    assert all(person.status == "active" for person in world.members(world.group("Acme Admins")))
    assert len({person.email for person in world.people.values()}) == 200
    assert all(person.email.isascii() and person.email.endswith("@acme.com") for person in world.people.values())
    assert any(not person.display_name.isascii() for person in world.people.values())
    nested = [i for group in world.groups.values() for i in group.members if i in world.groups]
    assert nested == ([] if kind == "okta" else [world.group("Design").id])


@pytest.mark.parametrize(
    ("kind", "person", "group"),
    [
        ("okta", r"00u[0-9A-Za-z]{17}", r"00g[0-9A-Za-z]{17}"),
        ("entra", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", r"[0-9a-f-]{36}"),
        ("google", r"\d{21}", r"0[0-9a-z]{14}"),
    ],
)
def test_ids_have_the_vendors_shape(kind: Kind, person: str, group: str) -> None:
    import re

    world = World.generate(kind, 50, 5)
    assert all(re.fullmatch(person, i) for i in world.people)
    assert all(re.fullmatch(group, i) for i in world.groups)


def test_time_moves_one_second_per_change() -> None:
    world = World("okta")
    ada = world.hire("Ada", "Lovelace")
    assert (ada.created, ada.updated) == ("2026-01-05T09:00:01.000Z", "2026-01-05T09:00:01.000Z")
    world.suspend(ada.id)
    assert (ada.status_changed, ada.updated) == ("2026-01-05T09:00:02.000Z", "2026-01-05T09:00:03.000Z")


def test_another_clock() -> None:
    world = World("okta")
    world.clock = lambda: dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert world.hire("Ada").created == "2030-01-01T00:00:00.000Z"


@pytest.mark.parametrize(("kind", "status"), [("okta", "deprovisioned"), ("entra", "deleted"), ("google", "deleted")])
def test_a_leaver_is_what_the_vendor_makes_of_them(kind: Kind, status: str) -> None:
    world = World.generate(kind, 10, 3)
    leaver = world.members(world.group("Rosterd Admins"))[0]
    assert world.delete(leaver.id).status == status
    stays = leaver.id in world.group("Rosterd Admins").members
    assert stays == (kind == "okta")  # facts §3.1: deactivated users stay in groups
    world.resume(leaver.id)
    assert (leaver.id in world.group("Rosterd Admins").members) == (kind != "google")
    world.purge(leaver.id)
    with pytest.raises(UnknownError):
        world.person(leaver.email)


def test_a_manager_who_is_purged_manages_nobody() -> None:
    world = World("entra")
    boss = world.hire("Grace")
    ada = world.hire("Ada", manager=boss.id)
    world.purge(boss.id)
    assert ada.manager == ""


def test_renaming_moves_the_user_name_with_the_address_and_frees_the_old_one() -> None:
    world = World("okta")
    ada = world.hire("Ada", "Byron")
    world.rename(ada.id, family_name="Lovelace", email="ada.lovelace@example.com")
    assert (ada.user_name, ada.display_name) == ("ada.lovelace@example.com", "Ada Lovelace")
    assert world.hire("Ada", "Byron").email == "ada.byron@example.com"


def test_google_keeps_an_old_address_as_an_alias() -> None:
    world = World("google")
    ada = world.hire("Ada", "Byron")
    world.rename(ada.id, email="ada.lovelace@example.com")
    assert ada.aliases == ["ada.byron@example.com"]
    assert world.person("ada.byron@example.com") is ada
    assert world.hire("Ada", "Byron").email == "ada.byron2@example.com"
    world.rename(ada.id, email="ada.byron@example.com")
    assert ada.aliases == ["ada.lovelace@example.com"]


def test_what_cannot_be_is_refused() -> None:
    world = World.generate("okta", 5, 3)
    ada = world.hire("Ada", email="ada@example.com")
    group = next(iter(world.groups))
    for wrong in (
        lambda: world.hire("Eve", email="ADA@example.com"),
        lambda: world.rename(next(iter(world.people)), email="ada@example.com"),
        lambda: world.set_status(ada.id, "deleted"),
        lambda: world.set_status(ada.id, "archived"),
        lambda: World("ldap"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - the texts are the business of the methods
            wrong()
    for missing in (
        lambda: world.suspend("nobody"),
        lambda: world.join("no group", ada.id),
        lambda: world.join(group, "Design"),  # Okta groups are flat
        lambda: world.leave(group, ada.id),
    ):
        with pytest.raises(UnknownError):
            missing()


def test_groups_change() -> None:
    world = World("google")
    ada, group, inner = world.hire("Ada"), world.add_group("Design"), world.add_group("Studio")
    world.join("Design", ada.id, owner=True)
    world.join("Design", "Studio")
    assert list(group.members) == [ada.id, inner.id]
    world.delete_group("Studio")
    world.rename_group("design", "Product Design")
    world.leave(group.id, ada.email)
    assert (world.group("product design").members, group.owners) == ({}, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_world_goes_on_as_if_nothing_had_happened(kind: Kind, tmp_path: Path) -> None:
    world = World.generate(kind, 60, 15)
    world.secrets["token"] = "kept"
    world.set_attribute(next(iter(world.people)), "jamie_role", "admin")
    if kind == "google":
        world.join("Engineering", "ann@partner.example")
    world.save(tmp_path / "world.json")
    loaded = World.load(tmp_path / "world.json")
    assert (state(loaded), loaded.secrets) == (state(world), {"token": "kept"})
    assert (loaded.outsiders, loaded.journal.end) == (world.outsiders, world.journal.end)
    assert list(loaded.journal) == list(world.journal)
    for each in (world, loaded):
        each.join("Rosterd Admins", each.hire("Ada", "Lovelace").id)
    assert state(loaded) == state(world)
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]


def test_loading_refuses_what_is_no_world(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text('{"kind": "okta"}')
    with pytest.raises(msgspec.DecodeError):
        World.load(tmp_path / "world.json")
