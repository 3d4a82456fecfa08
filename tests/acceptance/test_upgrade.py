"""An upgrade, as docs/operations.md describes it: several processes of this version start at once, over nothing or over
what an earlier version left; and what a process does whose database others upgrade.

`schema_0009/` is a database as `rosterd serve` of that time left it when it was killed (SQLite's .dump: twelve people
of an Okta directory of whom one was suspended, two people and a group of a SCIM client), and that Okta directory.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine

from rosterd.simulators import World
from rosterd.simulators.saved import load
from store.database import HEAD, connect, rows, scalar
from store.migrate import schema_of, upgrade
from tests.acceptance.command import Rehearsal, rehearsal
from tests.acceptance.daemon import SCIM, SECONDS, Daemon, eventually, serving
from tests.acceptance.test_queue import person
from tests.databases import database

pytestmark = pytest.mark.acceptance
EARLIER = Path(__file__).parent / "schema_0009"
LEFT = "daniel.fernandez@acme.example"  # the one who was suspended
NUMBERED = (("member", "no"), ("team", "id"), ("scim_resource", "no"))  # by the database
STOPS = '[daemon]\nstop_within = "1s"\n[http]\nlisten = "127.0.0.1:0"\n'


def world_of_then(kind: Any) -> World:
    """The directory, with secrets of now."""
    world = load(EARLIER / "okta.json")
    world.secrets = World.generate(kind, 0, 0, domain="acme.example").secrets
    return world


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that is not there yet, or is empty."""
    with database(request) as url:
        yield url or f"sqlite:///{tmp_path}/rosterd.db"


@contextmanager
def of_then(folder: Path, url: str) -> Iterator[Rehearsal]:
    """The configuration of then over this database."""
    with rehearsal(folder, "okta", world=world_of_then) as acme:
        text = f'[store]\nurl = "{url}"\n{STOPS}' + acme.file.read_text(encoding="utf-8")
        acme.file.write_text(text + SCIM.format(id="acme-scim", workspace="acme", more=""), encoding="utf-8")
        yield acme


def left_by_then(url: str, folder: Path) -> None:
    """Makes the database as it was left."""
    file = folder / ("rosterd.db" if url.startswith("sqlite") else "then.db")
    with sqlite3.connect(file) as connection:
        connection.executescript((EARLIER / "rosterd.sql").read_text(encoding="utf-8"))
    connection.close()
    if not url.startswith("sqlite"):
        _copied(file, url)


def _copied(file: Path, url: str) -> None:
    """The rows of a SQLite file into a PostgreSQL of the same schema."""
    store, old = connect(url), create_engine(f"sqlite:///{file}")
    with store.write(migrates=True) as there, old.connect() as here:
        upgrade(there, "0009")
        known = MetaData()
        known.reflect(there)
        for name, table in known.tables.items():
            found = here.execute(table.select()).all() if name != "alembic_version" else []
            if found:
                there.execute(table.insert(), [row._asdict() for row in found])
        for name, column in NUMBERED:
            last = scalar(there, f"SELECT max({column}) FROM {name}")  # noqa: S608 - names of ours
            scalar(there, "SELECT setval(pg_get_serial_sequence(:t, :c), :last)", t=name, c=column, last=last)
    store.close()
    old.dispose()


def members(url: str) -> list[tuple[Any, ...]]:
    """The roster as it is in the store, with everybody's roles."""
    store = connect(url)
    with store.read() as connection:
        found = rows(
            connection,
            "SELECT m.email, m.active, m.managed, r.axis, r.value FROM member m LEFT JOIN member_role r"
            " ON r.member_no = m.no ORDER BY m.email, r.axis",
        )
    store.close()
    return [tuple(row) for row in found]


def runs(url: str) -> set[str]:
    store = connect(url)
    with store.read() as connection:
        found = {row.id for row in rows(connection, "SELECT id FROM run")}
    store.close()
    return found


def schema(url: str) -> str | None:
    store = connect(url)
    found = schema_of(store)
    store.close()
    return found


@contextmanager
def at_once(acme: Rehearsal, number: int) -> Iterator[list[Daemon]]:
    """So many `rosterd serve`, started together; all are ready at the same time, and are stopped in the end."""
    started: list[Daemon] = []
    ended: list[int] = []
    all_there, over = threading.Barrier(number + 1), threading.Event()

    def one() -> None:
        with serving(acme) as daemon:
            started.append(daemon)
            all_there.wait(60)
            over.wait(120)
            ended.append(daemon.stop().code)

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    all_there.wait(60)
    try:
        yield started
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert ended == [0] * number


def processes(place: str) -> int:
    return 2 if place.startswith("sqlite") else 4


def reports(acme: Rehearsal) -> list[dict[str, Any]]:
    """What ran, the newest first."""
    found: list[dict[str, Any]] = acme.here("reports", "--limit", "100", "--json").json
    return found


def test_processes_that_start_at_once_over_an_empty_database_all_serve(place: str, tmp_path: Path) -> None:
    with of_then(tmp_path, place) as acme, at_once(acme, processes(place)) as daemons:
        client = daemons[0].client("acme-scim")
        assert client.post("/Users", json=person(1)).status_code == 201
        for daemon in daemons[1:]:
            other = daemon.client("acme-scim", client.headers["Authorization"].removeprefix("Bearer "))
            assert other.get("/Users").json()["totalResults"] == 1
        eventually(lambda: {"p1@acme.example"} < set(acme.roster()))
        eventually(lambda: {each["state"] for each in reports(acme)} == {"succeeded"})
    assert schema(place) == HEAD


def test_processes_that_start_at_once_upgrade_what_an_earlier_version_left_and_change_nobody(
    place: str, tmp_path: Path
) -> None:
    left_by_then(place, tmp_path)
    before = members(place)
    assert [row[:3] for row in before if row[0] == LEFT] == [(LEFT, False, True)]
    with of_then(tmp_path, place) as acme:
        known = runs(place)
        with at_once(acme, processes(place)) as daemons:
            assert schema(place) == HEAD
            for directory in ("okta", "acme-scim"):
                assert acme.run("sync", directory, "--full").code == 0
            for daemon in daemons:
                client = daemon.client("acme-scim")
                assert client.get("/Users").json()["totalResults"] == 2
                assert len(client.get("/Groups").json()["Resources"][0]["members"]) == 2
        new = [each for each in reports(acme) if each["run"] not in known]
        assert {each["directory"] for each in new} == {"okta", "acme-scim"}
        assert {each["state"] for each in new} == {"succeeded"}
        assert [each["causes"] for each in new] == [[]] * len(new)
        assert members(place) == before


def test_a_process_whose_database_others_upgrade_writes_nothing_more_and_ends(place: str, tmp_path: Path) -> None:
    with of_then(tmp_path, place) as acme, serving(acme) as daemon:
        client = daemon.client("acme-scim")
        assert client.post("/Users", json=person(1)).status_code == 201
        store = connect(place)
        with store.write(migrates=True) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        store.close()
        refused = client.post("/Users", json=person(2))
        assert refused.status_code == 503
        assert daemon.process.wait(SECONDS) == 1
        out, err = daemon.process.communicate()
    error = json.loads(out)["error"]
    assert error["code"] == "schema_newer"
    assert "schema is 9999, newer than this program's" in error["message"]
    assert error["fix"].startswith("run the newer rosterd")
    assert "Traceback" not in err
