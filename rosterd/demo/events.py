"""What happens at the demo's customers: somebody goes on leave, and then a whole day.

Each event changes a simulated directory as its admin would, and returns one sentence about it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from rosterd.demo.folder import ADMINS, CUSTOMERS, Customer
from rosterd.simulators.world import Person, World

JOINERS = (("Amara", "Okonkwo", "Engineering"), ("Joaquín", "Müller", "Sales"), ("Mei", "Tanaka", "Product"))


def leave_of_absence(folder: Path) -> list[str]:
    """One person of each directory goes on leave: suspended."""
    return [sentence for customer in CUSTOMERS for sentence in _change(folder, customer, _leave)]


def a_day(folder: Path) -> dict[str, list[str]]:
    """What happens in each directory on one day, by directory."""
    return {customer.directory: _change(folder, customer, _day) for customer in CUSTOMERS}


def _change(folder: Path, customer: Customer, happens: Callable[[World, Customer], Iterator[str]]) -> list[str]:
    world = World.load(folder / customer.file)
    said = list(happens(world, customer))
    world.save(folder / customer.file)
    return said


def _leave(world: World, customer: Customer) -> Iterator[str]:
    person = world.suspend(_ordinary(world)[0].id)
    yield f"{person.display_name} of {customer.name} goes on leave: the account is suspended in {customer.vendor}"


def _day(world: World, customer: Customer) -> Iterator[str]:
    returner = _on_leave(world)
    promoted, married, leaver, suspended, *_ = _ordinary(world)
    yield from _joiners(world)
    yield f"{returner.display_name} is back from leave"
    world.resume(returner.id)
    yield _marriage(world, married)
    world.delete(leaver.id)
    where = {"okta": "deactivated", "entra": "deleted", "google": "deleted"}[customer.kind]
    yield f"{leaver.display_name} leaves the company: the account is {where} in {customer.vendor}"
    world.suspend(suspended.id)
    yield f"{suspended.display_name} is suspended"
    world.join(ADMINS, promoted.id)
    yield f"{promoted.display_name} is added to the group {ADMINS}"


def _joiners(world: World) -> Iterator[str]:
    for given, family, group in JOINERS:
        person = world.hire(given, family, department=group)
        world.join(group, person.id)
        yield f"{person.display_name} joins {group}"


def _marriage(world: World, person: Person) -> str:
    before, family = person.display_name, f"{person.family_name}-Lindqvist"
    world.rename(person.id, family_name=family, email=world.free_address(f"{person.given_name} {family}"))
    return f"{before} marries: the name becomes {person.display_name}, the address {person.email}"


def _ordinary(world: World) -> list[Person]:
    """Active people who are no admins, the most recently hired first."""
    admins = world.group(ADMINS).members
    ordinary = [each for each in world.people.values() if each.status == "active" and each.id not in admins]
    return sorted(ordinary, key=lambda person: -person.seq)


def _on_leave(world: World) -> Person:
    """Who was suspended last."""
    suspended = [each for each in world.people.values() if each.status == "suspended"]
    return max(suspended, key=lambda person: person.status_changed)
