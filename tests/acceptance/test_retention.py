"""What is old is deleted by `rosterd retention` as a process, and by the daemon once a day while SCIM clients write."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from rosterd.daemon.retention import KEY
from store.database import Store, bulk, connect, rows, scalar
from store.leases import stamp
from tests.acceptance.command import Rehearsal, people, rehearsal
from tests.acceptance.daemon import SCIM, SECONDS, eventually, serving
from tests.acceptance.test_queue import person
from tests.databases import database

pytestmark = pytest.mark.acceptance
RUNS, ACTIONS = 130, 250  # of long ago, and in each of these
SLOWEST = 10.0  # seconds; all that is deleted takes longer on a slow machine, and a request waits for one of many turns
AGO = timedelta(days=200)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database."""
    with database(request) as url:
        yield url or f"sqlite:///{tmp_path}/rosterd.db"


@contextmanager
def company(folder: Path, place: str) -> Iterator[tuple[Rehearsal, Store]]:
    """A directory that was synced today, beside a told one; and its store."""
    with rehearsal(folder, "okta", world=people(30)) as acme:
        acme.environment["ROSTERD_STORE__URL"] = place
        told = SCIM.format(id="acme-scim", workspace="acme", more="")
        acme.file.write_text(acme.file.read_text(encoding="utf-8") + told, encoding="utf-8")
        assert acme.here("sync", "okta").code == 0
        store = connect(place)
        try:
            yield acme, store
        finally:
            store.close()


def long_ago(store: Store) -> list[str]:
    """Makes runs as that of today was, of half a year ago, with many actions each; their ids, the oldest first."""
    began = datetime.now(UTC) - AGO
    with store.write() as connection:
        one = rows(connection, "SELECT * FROM run ORDER BY began LIMIT 1")[0]._asdict()
        action = rows(connection, "SELECT * FROM action ORDER BY run, step, n LIMIT 1")[0]._asdict()
        made = []
        for number in range(RUNS):
            at = stamp(began + timedelta(hours=number))
            made.append({**one, "id": f"old-{number:03}", "began": at, "ended": at, "generation": None})
        _insert(connection, "run", made)
        copies = ({**action, "run": run["id"], "step": 1, "n": n} for run in made for n in range(1, ACTIONS + 1))
        _insert(connection, "action", [*copies])
    return [run["id"] for run in made]


def _insert(connection: Any, table: str, made: list[dict[str, Any]]) -> None:
    names = ", ".join(made[0])
    sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(made[0]))})"  # noqa: S608 - names of ours
    bulk(connection, sql, [tuple(row.values()) for row in made])


def left(store: Store) -> tuple[int, int]:
    """How many of the old runs and of their actions there are."""
    with store.read() as connection:
        runs = scalar(connection, "SELECT count(*) FROM run WHERE id LIKE 'old-%'")
        return int(runs), int(scalar(connection, "SELECT count(*) FROM action WHERE run LIKE 'old-%'"))


def test_by_hand_it_counts_first_and_then_deletes_and_is_done(place: str, tmp_path: Path) -> None:
    with company(tmp_path, place) as (acme, store):
        old = long_ago(store)
        counted = acme.run("retention", "--dry-run")
        assert (counted.code, counted.err) == (0, "")
        counted_json = acme.run("retention", "--dry-run", "--json").json
        number = counted_json["runs"]
        assert RUNS // 2 < number < RUNS  # the latest of a directory are looked through for flaps, and stay
        assert counted.out == f"{number} runs would be deleted\n"
        assert left(store) == (RUNS, RUNS * ACTIONS)
        done = acme.run("retention", "--json")
        assert (done.code, done.json["runs"], done.json["actions"]) == (0, number, number * ACTIONS)
        assert left(store) == (RUNS - number, (RUNS - number) * ACTIONS)
        again = acme.run("retention")
        assert (again.code, "deleted: 0 runs, 0 actions" in again.out) == (0, True)
        gone = acme.here("report", old[0], "--json")
        assert (gone.code, gone.json["error"]["code"]) == (1, "unknown_run")
        assert acme.here("sync", "okta", "--full", "--json").json["actions"] == []


@pytest.mark.parametrize("wrong", [["okta"], ["--days", "3"], ["--dry-run=maybe"]])
def test_what_it_does_not_know_is_an_error_and_deletes_nothing(tmp_path: Path, wrong: list[str]) -> None:
    with company(tmp_path, f"sqlite:///{tmp_path}/rosterd.db") as (acme, store):
        long_ago(store)
        result = acme.run("retention", *wrong, "--json")
        assert (result.code, result.json["error"]["code"]) == (1, "usage")
        assert "rosterd" in result.json["error"]["fix"]  # the usage, or where to find it
        assert left(store) == (RUNS, RUNS * ACTIONS)


def test_the_daemon_deletes_once_a_day_while_clients_write(place: str, tmp_path: Path) -> None:
    with company(tmp_path, place) as (acme, store):
        with serving(acme):
            eventually(lambda: _due(store))
        long_ago(store)
        with store.write() as connection:
            connection.execute(text("UPDATE due SET at = :at WHERE directory = :key"),
                               {"at": stamp(datetime.now(UTC) - timedelta(minutes=1)), "key": KEY})  # fmt: skip
        number = acme.here("retention", "--dry-run", "--json").json["runs"]
        stays = (RUNS - number) * ACTIONS
        answered: list[tuple[int, float]] = []
        meanwhile = 0
        with serving(acme) as daemon:
            client = daemon.client("acme-scim")
            ends = time.monotonic() + SECONDS
            while left(store)[1] > stays:
                assert time.monotonic() < ends, left(store)
                began = time.monotonic()
                status = client.post("/Users", json=person(len(answered))).status_code
                answered.append((status, time.monotonic() - began))
                meanwhile += left(store)[1] > stays
            assert {status for status, _ in answered} == {201}
            assert max(seconds for _, seconds in answered) < SLOWEST
            assert meanwhile, "nothing was written while it was deleted"
            eventually(lambda: {f"p{number}@acme.example" for number in range(len(answered))} <= set(acme.roster()))
            ended = daemon.stop()
        assert ended.code == 0
        assert "history_deleted" in ended.err
        assert "Traceback" not in ended.err
        assert _due(store) > stamp(datetime.now(UTC) + timedelta(hours=23))


def _due(store: Store) -> str:
    with store.read() as connection:
        return str(scalar(connection, "SELECT at FROM due WHERE directory = :key", key=KEY) or "")
