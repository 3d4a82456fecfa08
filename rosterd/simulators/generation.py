"""Fills an empty world with an organisation: people of many names, departments, groups, a few who are suspended.

What every generated world has: an admins group with a handful of active people; one group per department; other
groups with people from everywhere; one person in forty suspended (the 21st, the 61st, …); and, where the vendor nests,
"Design" inside "Product". Google groups have an owner (a listing asked for `roles=MEMBER` loses them), groups of other
kinds do not.
"""

from rosterd.simulators.ids import draw
from rosterd.simulators.names import DEPARTMENTS, FAMILY, GIVEN, TITLES, group_names
from rosterd.simulators.world import Group, Person, World

_SUSPENDED_EACH = 40  # one person in so many
_EXTRA_GROUPS = 2  # groups per person besides the department's


def generate(world: World, users: int, groups: int, admins: str) -> World:
    """Adds `users` people and `groups` groups; `admins` names the first group."""
    people = [_hire(world, number) for number in range(users)]
    made = [world.add_group(name) for name in group_names(groups, admins)]
    if made:
        _seat_admins(world, made[0], people)
        _fill(world, made[1:], people)
        _nest(world, made)
    for number, person in enumerate(people):
        if number % _SUSPENDED_EACH == _SUSPENDED_EACH // 2:
            world.suspend(person.id)
    world.journal.forget()
    return world


def _hire(world: World, number: int) -> Person:
    value = draw("hire", world.seed, number)
    value, given = divmod(value, len(GIVEN))
    value, family = divmod(value, len(FAMILY))
    # The last departments are small: the square of a uniform draw leans towards the first.
    value, lean = divmod(value, 10_000)
    department = DEPARTMENTS[lean * lean * len(DEPARTMENTS) // 10_000**2]
    titles = TITLES[department]
    return world.hire(GIVEN[given], FAMILY[family], department=department, title=titles[value % len(titles)])


def _seat_admins(world: World, group: Group, people: list[Person]) -> None:
    for person in people[: min(5, max(2, len(people) // 50))]:
        world.join(group.id, person.id, owner=_owns(world, group))


def _fill(world: World, groups: list[Group], people: list[Person]) -> None:
    own = {group.name: group for group in groups if group.name in TITLES}
    others = [group for group in groups if group.name not in TITLES]
    for number, person in enumerate(people):
        wanted = [own[person.department]] if person.department in own else []
        value = draw("groups", world.seed, number)
        for _ in range(_EXTRA_GROUPS if others else 0):
            value, index = divmod(value, len(others))
            wanted.append(others[index])
        for group in wanted:
            world.join(group.id, person.id, owner=_owns(world, group))


def _owns(world: World, group: Group) -> bool:
    return world.kind == "google" and not group.members


def _nest(world: World, groups: list[Group]) -> None:
    names = {group.name: group for group in groups}
    if world.kind != "okta" and "Product" in names and "Design" in names:
        world.join(names["Product"].id, names["Design"].id)
