"""What a daemon lives through: another configuration, a stop, a second signal, two starts at once, a lock."""

import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from store.database import HEAD
from tests.acceptance.command import Rehearsal, rehearsal
from tests.acceptance.daemon import SCIM, Daemon, eventually, serving, told
from tests.acceptance.test_queue import person, runs, settled, standing_still

pytestmark = pytest.mark.acceptance


def reload(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGHUP)


def test_directories_come_and_go_while_it_runs_and_connections_stay(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        assert client.post("/Users", json=person(1)).status_code == 201
        first = acme.file.read_text(encoding="utf-8")
        acme.file.write_text(first + SCIM.format(id="later", workspace="acme", more=""), encoding="utf-8")
        reload(daemon)
        daemon.endpoints["later"] = daemon.endpoints["acme-scim"].replace("acme-scim", "later")
        later = daemon.client("later")
        eventually(lambda: later.get("/Users").status_code == 200)
        assert later.post("/Users", json=person(2)).status_code == 201
        eventually(lambda: {"p1@acme.example", "p2@acme.example"} <= set(acme.roster()))
        acme.file.write_text(first, encoding="utf-8")
        reload(daemon)
        eventually(lambda: later.get("/Users").status_code == 401)
        assert client.post("/Users", json=person(3)).status_code == 201
        eventually(lambda: "p3@acme.example" in acme.roster())
        assert "p2@acme.example" in acme.roster()
        assert daemon.stop().code == 0


def test_a_reload_that_comes_before_it_listens_is_made_and_one_that_comes_while_it_stops_is_not(tmp_path: Path) -> None:
    """SIGHUP ended the process while the database was opened, and systemd takes that for a good end."""
    acme = told(tmp_path)
    assert acme.here("reports").code == 0  # makes the file
    locked = sqlite3.connect(acme.database, isolation_level=None)
    locked.execute("BEGIN IMMEDIATE")
    process = acme.start("serve", "--json")
    try:
        eventually(lambda: _handles(process.pid, signal.SIGHUP))
        first = acme.file.read_text(encoding="utf-8")
        time.sleep(0.5)  # it has read the file, and waits for the lock
        acme.file.write_text(first + SCIM.format(id="later", workspace="acme", more=""), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        locked.execute("ROLLBACK")
        assert process.stdout is not None
        assert "acme-scim" in process.stdout.readline()
        said = process.stderr
        assert said is not None
        eventually(lambda: "directory later is new" in said.readline())
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
    finally:
        locked.close()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def _handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_a_file_with_something_wrong_in_it_changes_nothing(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        right = acme.file.read_text(encoding="utf-8")
        acme.file.write_text(right + "\nnonsense = 1\n[[directory]]\nid = 7\n", encoding="utf-8")
        reload(daemon)
        said_of(daemon, "old one stays in force")
        acme.file.write_text(right, encoding="utf-8")  # for the commands below
        assert client.post("/Users", json=person(1)).status_code == 201
        eventually(lambda: "p1@acme.example" in acme.roster())
        assert daemon.stop().code == 0


def test_what_only_the_next_start_reads_is_named_until_then(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        right = acme.file.read_text(encoding="utf-8")
        for _ in range(2):
            acme.file.write_text('[trace]\nendpoint = "http://127.0.0.1:9"\n' + right, encoding="utf-8")
            reload(daemon)
            said_of(daemon, "[trace] endpoint takes effect at the next start")
        acme.file.write_text(right, encoding="utf-8")
        assert daemon.stop().code == 0


def said_of(daemon: Daemon, words: str) -> None:
    """Reads the log up to a line with these words."""
    assert daemon.process.stderr is not None
    assert any(words in line for line in daemon.process.stderr)


def test_a_run_that_does_not_end_in_time_is_handed_over_and_done_after_the_next_start(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        acme.file.write_text('[daemon]\nstop_within = "1s"\n' + acme.file.read_text(), encoding="utf-8")
        with standing_still(acme, "okta") as go:
            with serving(acme) as daemon:
                eventually(lambda: bool(runs(acme)))
                result = daemon.stop()
            go.set()
        assert result.code == 0
        assert "handed over" in result.err
        with serving(acme) as daemon:
            eventually(lambda: runs(acme)[-1]["state"] == "succeeded")
            assert daemon.stop().code == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme, standing_still(acme, "okta"), serving(acme) as daemon:
        eventually(lambda: bool(runs(acme)))
        daemon.process.send_signal(signal.SIGTERM)
        client = daemon.client()
        eventually(lambda: _refused(client))
        result = daemon.stop()
    assert result.code == 1


def _refused(client: httpx.Client) -> bool:
    try:
        client.get("/healthz")
    except httpx.TransportError:
        return True
    return False


def test_two_that_start_at_once_on_an_empty_database_both_run(tmp_path: Path) -> None:
    acme = told(tmp_path)
    started: list[Daemon] = []

    def start() -> None:
        with serving(acme) as daemon:
            started.append(daemon)
            both.wait(30)

    both = threading.Barrier(2)
    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(started) == 2
    with sqlite3.connect(acme.database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    connection.close()


@contextmanager
def locked(acme: Rehearsal) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    connection = sqlite3.connect(acme.database, isolation_level=None, timeout=30)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_a_database_that_somebody_locks_is_survived_and_told(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        eventually(lambda: settled(acme))
        client, operator = daemon.client("acme-scim"), daemon.client()
        with locked(acme):
            eventually(lambda: operator.get("/readyz").status_code == 503, 90)
            assert operator.get("/readyz").json()["why"] == "the store: database_locked"
            assert operator.get("/healthz").status_code == 200
            assert client.get("/Users").status_code == 200
        eventually(lambda: operator.get("/readyz").status_code == 200, 60)
        assert client.post("/Users", json=person(1)).status_code == 201
        eventually(lambda: "p1@acme.example" in acme.roster())
        assert daemon.stop().code == 0


def test_a_stop_ends_in_its_time_though_somebody_locks_the_database(tmp_path: Path) -> None:
    """Each thread that writes waits for half a minute, and the last one for the one before."""
    acme = told(tmp_path)
    acme.file.write_text('[daemon]\nlease = "6s"\nstop_within = "1s"\n' + acme.file.read_text(encoding="utf-8"))
    with serving(acme) as daemon:
        eventually(lambda: settled(acme))
        with locked(acme):
            time.sleep(3)  # until a sign of life waits for the lock
            ended = daemon.stop()  # which waits for half a minute at most
    assert ended.code == 1
    assert "ended at once" in ended.err


def test_what_was_told_to_a_process_that_was_killed_before_it_asked_is_done_by_another(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme), serving(acme) as other:
        eventually(lambda: settled(acme))
        assert other.client("acme-scim").post("/Users", json=person(1)).status_code == 201
        other.kill()
        eventually(lambda: "p1@acme.example" in acme.roster())


def test_a_disk_that_takes_nothing_is_survived_and_told(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: what writes beyond it is refused."""
    acme = told(tmp_path)
    with serving(acme) as daemon:
        eventually(lambda: settled(acme))
        client, operator = daemon.client("acme-scim"), daemon.client()
        before = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
        assert client.post("/Users", json=person(1)).status_code == 503
        eventually(lambda: operator.get("/readyz").status_code == 503)
        assert operator.get("/readyz").json()["why"].startswith("the store: disk_")
        assert client.get("/Users").json()["totalResults"] == 0
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, before)
        eventually(lambda: operator.get("/readyz").status_code == 200)
        assert client.post("/Users", json=person(1)).status_code == 201
        eventually(lambda: "p1@acme.example" in acme.roster())
        assert daemon.stop().code == 0
