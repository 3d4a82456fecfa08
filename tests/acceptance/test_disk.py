"""Disks that are read-only, become so, or are full, with real file systems: what an operator sees names the thing, the
place and the way out, and the daemon goes on when it is over. Mounting takes root; where it is not allowed, these skip.
A limit that stands in for a full disk is in test_lifetime.py."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal
from tests.acceptance.daemon import eventually, serving, told
from tests.acceptance.test_queue import person
from tests.databases import postgres_server

pytestmark = pytest.mark.acceptance
Words = tuple[str, ...]
SMALL = ("-t", "tmpfs", "-o", "size=6m", "tmpfs")


def mount(*words: str) -> None:
    """Skips where it is not allowed, or there is no such device."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        pytest.skip(f"mounts are not allowed here: {done.stderr.strip()}")


@contextmanager
def mounted(place: Path, what: Words = SMALL) -> Iterator[Path]:
    """A file system for the time of a test."""
    place.mkdir(exist_ok=True)
    mount(*what, str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True, timeout=30)


def over(acme: Rehearsal, disk: Path) -> Rehearsal:
    """The database is on this disk."""
    acme.environment["ROSTERD_STORE__URL"] = f"sqlite:///{disk}/rosterd/rosterd.db"
    return acme


def fill(file: Path, room: int) -> None:
    """Until there is room for so many bytes."""
    with suppress(OSError), file.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"x" * 4096)
    assert shutil.disk_usage(file.parent).free == 0
    os.truncate(file, file.stat().st_size - room)


@pytest.mark.parametrize("there", ["nothing", "a folder", "a database"])
def test_a_start_on_a_read_only_disk_says_so_and_how_to_go_on(tmp_path: Path, there: str) -> None:
    with mounted(tmp_path / "disk") as disk:
        acme = over(told(tmp_path), disk)
        if there == "a folder":
            (disk / "rosterd").mkdir()
        elif there == "a database":
            assert acme.here("reports").code == 0
        mount("-o", "remount,ro", str(disk))
        for command in (["serve", "--json"], ["reports", "--json"]):
            result = acme.run(*command)
            error = result.json["error"]
            assert (result.code, error["code"]) == (1, "read_only")
            assert f"{disk}/rosterd" in error["where"]
            assert "[store] url" in error["fix"]
            assert "Traceback" not in result.err
        mount("-o", "remount,rw", str(disk))
        with serving(acme) as daemon:
            assert daemon.stop().code == 0


def test_a_disk_that_becomes_read_only_is_survived_told_and_over_after_a_restart(tmp_path: Path) -> None:
    """As ext4 does it after an error of the disk. Files that are open stay so, and take nothing any more."""
    maker = shutil.which("mkfs.ext4")
    if maker is None:
        pytest.skip("there is no mkfs.ext4")
    image = tmp_path / "disk.img"
    image.write_bytes(b"")
    with image.open("r+b") as file:
        file.truncate(24 << 20)
    subprocess.run([maker, "-q", image], check=True, timeout=30)
    loop = ("-o", "loop", str(image))
    acme = told(tmp_path)
    with mounted(tmp_path / "disk", loop) as disk, serving(over(acme, disk)) as daemon:
        client, operator = daemon.client("acme-scim"), daemon.client()
        assert client.post("/Users", json=person(1)).status_code == 201
        eventually(lambda: "p1@acme.example" in acme.roster())
        mount("-o", "remount,abort", str(disk))
        assert client.post("/Users", json=person(2)).status_code == 503
        eventually(lambda: operator.get("/readyz").status_code == 503)
        assert operator.get("/readyz").json()["why"] in ("the store: read_only", "the store: disk_error")
        assert operator.get("/healthz").status_code == 200
        assert client.get("/Users").json()["totalResults"] == 1
        ended = daemon.stop()
    assert ended.code == 0
    assert "read-only" in ended.err
    assert f"{disk}/rosterd/rosterd.db" in ended.err
    assert "Traceback" not in ended.err
    with mounted(tmp_path / "disk", loop), serving(acme) as daemon:
        client = daemon.client("acme-scim")
        assert client.post("/Users", json=person(2)).status_code == 201
        eventually(lambda: {"p1@acme.example", "p2@acme.example"} <= set(acme.roster()))


@pytest.mark.parametrize("room", [0, 1 << 15])
def test_a_full_disk_is_survived_told_and_over_when_there_is_room_again(tmp_path: Path, room: int) -> None:
    """With room for a little, a request is taken and its run breaks, whose lease was not taken back either: signs of
    life were, and /readyz first said yes, then no for a minute after there was room again."""
    with mounted(tmp_path / "disk") as disk:
        full_for_a_while(over(told(tmp_path), disk), disk / "filled", room)


@pytest.mark.parametrize("room", [0, 1 << 18])
def test_a_full_disk_of_the_server_is_survived_told_and_over_when_there_is_room_again(
    tmp_path: Path, room: int
) -> None:
    size = ("-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs")
    # Not below pytest's folder: that one is closed to others, and a server started by root runs as another user.
    with tempfile.TemporaryDirectory() as open_to_all, mounted(Path(open_to_all) / "disk", size) as disk:
        Path(open_to_all).chmod(0o755)
        with postgres_server(disk / "server") as postgres:
            full_for_a_while(told(tmp_path, store=postgres.url(postgres.create())), disk / "filled", room)


def full_for_a_while(acme: Rehearsal, filled: Path, room: int) -> None:
    """A daemon while there is room for so many bytes on the disk of its database, and after that."""
    with serving(acme) as daemon:
        client, operator = daemon.client("acme-scim"), daemon.client()
        assert client.post("/Users", json=person(1)).status_code == 201
        eventually(lambda: "p1@acme.example" in acme.roster())
        fill(filled, room)
        numbers = itertools.count(3)
        eventually(lambda: client.post("/Users", json=person(next(numbers))).status_code == 503)
        assert client.post("/Users", json=person(next(numbers))).status_code == 503
        assert operator.get("/readyz").status_code == 503
        assert operator.get("/readyz").json()["why"] == "the store: disk_full"
        assert client.get("/Users").json()["totalResults"] >= 1
        filled.unlink()
        assert client.post("/Users", json=person(2)).status_code == 201
        eventually(lambda: operator.get("/readyz").status_code == 200)
        eventually(lambda: {"p1@acme.example", "p2@acme.example"} <= set(acme.roster()))
        ended = daemon.stop()
    assert ended.code == 0
    assert "free space on the disk that holds the database" in ended.err
    assert (ended.err.count("have to be sent again"), ended.err.count("are taken again")) == (1, 1)
    assert "Traceback" not in ended.err
