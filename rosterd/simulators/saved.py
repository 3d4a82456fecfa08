"""A world as a JSON file, so that the demo goes on where it was left."""

import datetime as dt
from pathlib import Path

import msgspec

from rosterd.simulators.journal import Change
from rosterd.simulators.world import Group, Kind, Person, World, stamp


class _Saved(msgspec.Struct, frozen=True):
    """The shape of the file. Its order of people and groups is the order in which they came."""

    kind: Kind
    domain: str
    seed: int
    tenant: str
    number: int
    time: str
    schema: list[str]
    secrets: dict[str, str]
    people: list[Person]
    groups: list[Group]
    journal_end: int = 0
    journal: list[Change] = []
    outsiders: dict[str, str] = {}


def save(world: World, path: Path) -> None:
    """A reader sees the old file or the new one, never half of it."""
    with world.lock:
        people, groups = list(world.people.values()), list(world.groups.values())
        saved = _Saved(world.kind, world.domain, world.seed, world.tenant, world.number, stamp(world.time),
                       world.schema, world.secrets, people, groups, world.journal.end, list(world.journal),
                       world.outsiders)  # fmt: skip
        text = msgspec.json.encode(saved)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(text)
    fresh.replace(path)


def load(path: Path) -> World:
    """Raises msgspec.DecodeError when the file is not a saved world."""
    saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    world = World(saved.kind, saved.domain, seed=saved.seed, tenant=saved.tenant)
    world.number, world.time, world.schema = saved.number, dt.datetime.fromisoformat(saved.time), saved.schema
    world.secrets, world.outsiders = saved.secrets, saved.outsiders
    world.journal.restore(saved.journal_end, saved.journal)
    world.groups = {group.id: group for group in saved.groups}
    for person in saved.people:
        world.people[person.id] = person
        world.index(person)
    return world
