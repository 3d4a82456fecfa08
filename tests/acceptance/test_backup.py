"""Backups, made and restored with the commands of docs/operations.md: one that is taken under load and put up elsewhere
gives a next run that does nothing wrong, and so does an old one."""

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from store.database import connect, rows
from tests.acceptance.command import MAPPED, Rehearsal, people, rehearsal
from tests.acceptance.daemon import SCIM, Daemon, eventually, serving
from tests.acceptance.test_decisions import CAREFUL
from tests.acceptance.test_queue import person
from tests.databases import Postgres

pytestmark = pytest.mark.acceptance
OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


class Place:
    """Where a database is, and the commands of the page about it."""

    def __init__(self, folder: Path, server: Postgres | None) -> None:
        self._folder, self._server = folder, server
        self._databases: list[str] = []
        self.url = ""
        self.anew()

    def anew(self) -> None:
        """Somewhere else, where nothing is yet."""
        number = len(self._databases)
        if self._server is None:
            self._databases.append(str(self._folder / f"place{number}.db"))
            self.url = f"sqlite:///{self._databases[-1]}"
        else:
            self._databases.append(self._server.create())
            self.url = self._server.url(self._databases[-1])

    def back_up(self) -> Path:
        """While it is used."""
        copy = self._folder / f"backup{len(list(self._folder.glob('backup*')))}"
        if self._server is None:
            said("""sqlite3 /var/lib/rosterd/rosterd.db "VACUUM INTO '/var/backups/""")
            with sqlite3.connect(self._databases[-1]) as connection:
                connection.execute(f"VACUUM INTO '{copy}'")
            connection.close()
        else:
            said("pg_dump --format=custom --file=rosterd.dump DATABASE")
            self._program("pg_dump", "--format=custom", f"--file={copy}", self._databases[-1])
        return copy

    def restore(self, copy: Path) -> None:
        """When nobody uses it."""
        if self._server is None:
            said("rm -f /var/lib/rosterd/rosterd.db-wal /var/lib/rosterd/rosterd.db-shm")
            shutil.copy(copy, self._databases[-1])
            for more in ("-wal", "-shm"):
                Path(self._databases[-1] + more).unlink(missing_ok=True)
        else:
            said("dropdb DATABASE\ncreatedb --owner=rosterd DATABASE\npg_restore --exit-on-error --dbname=DATABASE")
            self._program("dropdb", self._databases[-1])
            self._program("createdb", self._databases[-1])
            self._program("pg_restore", "--exit-on-error", f"--dbname={self._databases[-1]}", str(copy))

    def _program(self, name: str, *words: str) -> None:
        assert self._server is not None
        where = ["--host", self._server.folder, "--username", "postgres"]
        command = [str(self._server.programs / name), *where, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def drop(self) -> None:
        """All of it."""
        if self._server is not None:
            for name in self._databases:
                self._server.drop(name)


def said(command: str) -> None:
    """The page has it so."""
    assert command in OPERATIONS


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, request.getfixturevalue("postgres") if request.param == "postgresql" else None)
    yield made
    made.drop()


@contextmanager
def company(folder: Path, place: Place, *, limits: str = "", every: str = "24h") -> Iterator[Rehearsal]:
    """An Okta directory and a SCIM client, over this place."""
    with rehearsal(folder, "okta", world=people(60), limits=limits) as acme:
        text = acme.file.read_text(encoding="utf-8").replace('kind = "okta"', f'kind = "okta"\nevery = "{every}"')
        head = '[daemon]\nstop_within = "5s"\n'
        acme.file.write_text(head + text + SCIM.format(id="told", workspace="acme", more="") + MAPPED, encoding="utf-8")
        over(acme, place)
        yield acme


def over(acme: Rehearsal, place: Place) -> None:
    """From now on."""
    acme.environment["ROSTERD_STORE__URL"] = place.url


def busy(acme: Rehearsal, daemon: Daemon, until: threading.Event, pushed: list[int]) -> None:
    """People come and go in both directories."""
    world, client = acme.world("okta"), daemon.client("told")
    while not until.wait(0.02):
        number = len(pushed)
        pushed.append(number)
        assert client.post("/Users", json=person(number)).status_code == 201
        world.hire(f"New{number}", "Comer")
        if number % 3 == 0:
            world.suspend(ordinary(acme)[0])


def ordinary(acme: Rehearsal) -> list[str]:
    """The active people without a group: the last admin would stay a member whatever the directory says."""
    world = acme.world("okta")
    grouped = {person for group in world.groups.values() for person in group.members}
    return [each.id for each in world.people.values() if each.status == "active" and each.id not in grouped]


def roster(place: Place) -> list[Any]:
    """Address, activity and person of every member, in the store."""
    store = connect(place.url)
    with store.read() as connection:
        found = rows(connection, "SELECT email, active, directory, external_id FROM member ORDER BY email, id")
    store.close()
    return [tuple(row) for row in found]


def active(place: Place, directory: str) -> set[str]:
    return {email for email, is_active, feeds, _ in roster(place) if is_active and feeds == directory}


def employed(acme: Rehearsal) -> set[str]:
    """Who is active in Okta."""
    return {each.email for each in acme.world("okta").people.values() if each.status == "active"}


def changes(acme: Rehearsal, directory: str, *options: str) -> dict[str, int]:
    """What a sync did, by kind."""
    result = acme.here("sync", directory, *options, "--here", "--json")
    assert result.code == 0, result.out
    kinds: dict[str, int] = {}
    for action in result.json["actions"]:
        if action["state"] == "skipped":  # whoever is new, and not active
            continue
        assert action["state"] == "applied"
        kinds[action["kind"]] = kinds.get(action["kind"], 0) + 1
    return kinds


def nobody_is_there_twice(place: Place) -> None:
    found = roster(place)
    assert len({email for email, *_ in found}) == len(found)
    assert len({(directory, external) for *_, directory, external in found}) == len(found)


def test_a_backup_under_load_restored_elsewhere_gives_a_run_that_does_nothing_wrong(
    place: Place, tmp_path: Path
) -> None:
    with company(tmp_path, place, every="1s") as acme:
        pushed: list[int] = []
        over_now = threading.Event()
        with serving(acme) as daemon:
            load = threading.Thread(target=busy, args=[acme, daemon, over_now, pushed])
            load.start()
            eventually(lambda: len(pushed) > 20 and active(place, "told"))
            copy = place.back_up()
            count = len(pushed)
            eventually(lambda: len(pushed) > count + 20)
            over_now.set()
            load.join(30)
            daemon.kill()
        place.anew()
        place.restore(copy)
        over(acme, place)
        kept = roster(place)
        first = changes(acme, "okta", "--full")
        assert set(first) <= {"create", "deactivate", "join_team", "leave_team", "set_role"}
        gone = {row[0] for row in kept if row[1]} - {row[0] for row in roster(place) if row[1]}
        assert gone.isdisjoint(employed(acme)), "somebody was removed who is there"
        assert active(place, "okta") == employed(acme)
        told = changes(acme, "told", "--full")
        assert set(told) <= {"create"}
        assert len(active(place, "told")) <= len(pushed)
        nobody_is_there_twice(place)
        assert [changes(acme, each, "--full") for each in ("okta", "told")] == [{}, {}]


def test_an_old_backup_is_caught_up_with_by_the_next_run(place: Place, tmp_path: Path) -> None:
    with company(tmp_path, place) as acme:
        world = acme.world("okta")
        with serving(acme) as daemon:
            client = daemon.client("told")
            made = [client.post("/Users", json=person(number)).json()["id"] for number in (1, 2)]
            eventually(lambda: len(active(place, "told")) == 2 and active(place, "okta") == employed(acme))
            copy = place.back_up()
            client.patch(f"/Users/{made[0]}", json=PATCHED)
            late = client.post("/Users", json=person(3)).json()["id"]
            leavers = ordinary(acme)
            world.suspend(leavers[0])
            world.purge(leavers[1])
            world.hire("Nova", "Newton")
            for _ in range(2):  # who is gone without a trace is believed to be when two whole listings show it
                assert acme.run("sync", "okta", "--full").code == 0
            eventually(lambda: active(place, "told") == {"p2@acme.example", "p3@acme.example"})
            daemon.stop()
        now = active(place, "okta")
        assert now == employed(acme)
        place.restore(copy)
        assert active(place, "told") == {"p1@acme.example", "p2@acme.example"}, "as the page warns"
        assert changes(acme, "okta").keys() <= {"create", "deactivate", "join_team", "leave_team", "set_role"}
        assert len(active(place, "okta") - now) == 1
        for _ in range(2):
            changes(acme, "okta", "--full")
        assert active(place, "okta") == now
        assert changes(acme, "okta", "--full") == {}
        with serving(acme) as daemon:
            client = daemon.client("told")
            assert client.get(f"/Users/{late}").status_code == 404
            assert client.post("/Users", json=person(3)).status_code == 201
            assert client.patch(f"/Users/{made[0]}", json=PATCHED).status_code in (200, 204)
            eventually(lambda: active(place, "told") == {"p2@acme.example", "p3@acme.example"})
        nobody_is_there_twice(place)


PATCHED = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "active", "value": False}],
}


def test_many_who_left_since_an_old_backup_are_held_and_approved(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    with company(tmp_path, place, limits=CAREFUL) as acme:
        assert acme.here("sync", "okta").code == 0
        copy = place.back_up()
        world = acme.world("okta")
        for each in ordinary(acme)[:10]:
            world.suspend(each)
            assert acme.here("sync", "okta").code in (0, 3)
        place.restore(copy)
        assert len(active(place, "okta")) == len(employed(acme)) + 10
        held = acme.here("sync", "okta", "--json")
        assert (held.code, held.json["counts"]["held"]) == (3, 10)
        assert acme.here("approve", held.json["run"]).code == 0
        assert active(place, "okta") == employed(acme)


def test_a_backup_is_not_written_over_another_one(tmp_path: Path) -> None:
    """Why the page's file has a time in its name."""
    place = Place(tmp_path, None)
    with company(tmp_path, place) as acme:
        acme.here("reports")
        first = place.back_up()
        with sqlite3.connect(first) as connection, pytest.raises(sqlite3.OperationalError, match="already exists"):
            connection.execute(f"VACUUM INTO '{first}'")
        with suppress(sqlite3.Error):
            connection.close()
    said("rosterd-$(date +%Y%m%dT%H%M%S).db")
