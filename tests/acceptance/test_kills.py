"""`kill -9` at any moment, and running it again: the same roster as if nothing had happened."""

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from rosterd.simulators import World
from rosterd.simulators.world import Kind
from tests.acceptance.command import Rehearsal, rehearsal

pytestmark = pytest.mark.acceptance

PEOPLE = 3000
LIMITS = "[workspace.limits]\ndeactivate = false\nupdate = false\nleave_team = false\n"


def company(kind: Kind) -> World:
    return World.generate(kind, PEOPLE, 6, domain="acme.example")


def a_year_later(world: World) -> None:
    """A hundred leavers, two hundred renamed, a hundred joiners: the same in every world of this size."""
    people = [person for person in world.people.values() if person.status == "active"][10:]
    for person in people[:100]:
        world.delete(person.id)
    for person in people[100:300]:
        world.rename(person.id, family_name=f"{person.family_name}-Okafor")
    for number in range(100):
        world.join("Engineering", world.hire("Joiner", f"Number{number}").id)


def without_times(roster: dict[str, Any]) -> dict[str, Any]:
    """Everything that must be the same; when somebody was signed out is when it happened."""
    return {email: {**member, "sessions_valid_after": None} for email, member in roster.items()}


Moment = Callable[[float], bool]


def at_age(seconds: float) -> Moment:
    """So long after it was started."""
    return lambda age: age >= seconds


def in_apply(database: Path, actions: int) -> Moment:
    """When at least so many actions of the run are applied."""
    return lambda _: applied(database) >= max(1, actions)


def killed_when(acme: Rehearsal, moment: Moment) -> bool:
    """Kills a sync at this moment of its life; whether it was still alive."""
    with acme.start("sync", "--json") as process:
        began = time.monotonic()
        while process.poll() is None and not moment(time.monotonic() - began):
            time.sleep(0.002)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return alive


def applied(database: Path) -> int:
    """How many actions of the latest run were applied."""
    if not database.exists():
        return 0
    sql = "SELECT count(*) FROM action WHERE state = 'applied' AND run = (SELECT max(id) FROM run)"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection, suppress(sqlite3.Error):
        return int(connection.execute(sql).fetchone()[0])
    return 0


def test_killed_anywhere_and_run_again_it_converges(tmp_path: Path) -> None:
    calm_folder, rough_folder = tmp_path / "calm", tmp_path / "rough"
    calm_folder.mkdir()
    rough_folder.mkdir()
    chance = random.Random(20261121)
    with (
        rehearsal(calm_folder, "okta", world=company, limits=LIMITS) as calm,
        rehearsal(rough_folder, "okta", world=company, limits=LIMITS) as rough,
    ):
        for year in range(2):
            if year:
                a_year_later(calm.world("okta"))
                a_year_later(rough.world("okta"))
            began = time.monotonic()
            undisturbed = calm.run("sync", "--json")
            length = time.monotonic() - began
            assert undisturbed.code == 0, undisturbed.err

            creates = undisturbed.json["counts"]["create"]
            assert killed_when(rough, in_apply(rough.database, creates // 2))
            for _ in range(2 - year):
                killed_when(rough, at_age(chance.uniform(0.3, 0.95) * length))

            again = rough.run("sync", "--json")
            assert again.code == 0, again.out + again.err
            assert without_times(rough.roster()) == without_times(calm.roster())
            assert rough.here("plan", "okta", "--full").code == 0, "nothing is left over"
            assert rough.here("sync", "--json").json["actions"] == []
