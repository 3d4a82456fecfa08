"""One queue for everybody: `rosterd sync` in other terminals, SCIM pushes and a daemon's schedule, as processes."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from store import open_store
from store.wishes import open_wishes
from tests.acceptance.command import MAPPED, SECONDS, Rehearsal, Result, people, rehearsal
from tests.acceptance.daemon import SCIM, eventually, serving, told

pytestmark = pytest.mark.acceptance


def runs(acme: Rehearsal) -> list[dict[str, Any]]:
    """The reports, the oldest first."""
    result = acme.here("reports", "--json")
    assert result.code == 0, result.err
    found: list[dict[str, Any]] = result.json
    return found[::-1]


def settled(acme: Rehearsal) -> bool:
    """Whether nothing runs or waits, and something ran."""
    store = open_store(f"sqlite:///{acme.database}")
    try:
        return not [*open_wishes(store)] and bool(runs(acme))
    finally:
        store.close()


def ended(processes: "list[subprocess.Popen[str]]") -> list[Result]:
    found = []
    for process in processes:
        out, err = process.communicate(timeout=SECONDS)
        found.append(Result(process.returncode, out, err))
    return found


@contextmanager
def standing_still(acme: Rehearsal, kind: str) -> Iterator[threading.Event]:
    """The directory answers nothing until the event is set."""
    go = threading.Event()
    world = acme.world(kind)
    clock = world.clock
    assert clock is not None

    def waiting() -> Any:
        go.wait(SECONDS)
        return clock()

    world.clock = waiting
    try:
        yield go
    finally:
        go.set()
        world.clock = clock


def person(number: int) -> dict[str, Any]:
    address = f"p{number}@acme.example"
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": address,
        "emails": [{"value": address, "primary": True}],
        "active": True,
    }


def test_a_sync_in_another_terminal_is_the_daemons_run(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme, serving(acme):
        eventually(lambda: settled(acme))
        asked = Rehearsal(tmp_path).run("sync", "okta", "--json")  # without the secret: it is the daemon that reads
        assert asked.code == 0, asked.err
        first, second = runs(acme)
        assert (first["trigger"], second["trigger"]) == ("schedule", "manual")
        assert asked.json["run"] == second["run"]
        assert asked.json["state"] == "succeeded"
        whole = acme.run("sync", "okta", "--full")
        assert whole.code == 0
        assert runs(acme)[-1]["mode"] == "full"
        assert runs(acme)[-1]["run"] in whole.out


def test_terminals_that_ask_at_once_share_a_run(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        with standing_still(acme, "okta") as go, serving(acme):
            asking = [acme.start("sync", "okta", "--json") for _ in range(4)]
            store = open_store(f"sqlite:///{acme.database}")
            eventually(lambda: [wish.trigger for wish in open_wishes(store)] == ["schedule", "manual"])
            store.close()
            assert all(process.poll() is None for process in asking)
            go.set()
            results = ended(asking)
        assert [result.code for result in results] == [0] * 4
        made = {result.json["run"] for result in results}
        # Who came before the first run had begun to be followed joined one wish; the last ones may just have missed it.
        assert 1 <= len(made) <= 4
        assert made <= {run["run"] for run in runs(acme)}
        assert len(runs(acme)) == 1 + len(made)


def test_pushes_terminals_and_the_schedule_meet_one_queue_and_never_run_at_once(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(40)) as acme:
        text = acme.file.read_text(encoding="utf-8").replace('kind = "okta"', 'kind = "okta"\nevery = "1s"')
        acme.file.write_text(text + SCIM.format(id="acme-scim", workspace="acme", more=""), encoding="utf-8")
        with serving(acme) as daemon:
            client = daemon.client("acme-scim")
            asking = [acme.start("sync", "okta", "--json") for _ in range(2)]
            for number in range(25):
                assert client.post("/Users", json=person(number)).status_code == 201
            results = ended([*asking, acme.start("sync", "--json")])
            eventually(lambda: all(f"p{number}@acme.example" in acme.roster() for number in range(25)))
            assert daemon.stop().code == 0
        assert [result.code for result in results] == [0, 0, 0], results
        assert {report["directory"] for report in results[-1].json} == {"okta", "acme-scim"}
        found = runs(acme)
        assert {run["trigger"] for run in found} == {"schedule", "push", "manual"}
        assert {run["state"] for run in found} == {"succeeded"}
        for before, after in pairwise(found):
            assert before["ended"] <= after["began"], "two runs of one workspace at the same time"
        assert len([run for run in found if run["trigger"] == "push"]) < 25  # a burst is coalesced


def test_here_runs_in_this_process_and_never_beside_the_daemons(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme, standing_still(acme, "okta") as go, serving(acme):
        busy = acme.run("sync", "okta", "--here", "--json")
        assert busy.code == 4
        assert busy.json["error"]["code"] == "workspace_busy"
        go.set()
        eventually(lambda: settled(acme))
        made = acme.run("sync", "okta", "--here", "--json")
        assert made.code == 0
        assert made.json["run"] in {run["run"] for run in runs(acme)}


def test_who_asks_a_daemon_that_dies_is_told_so(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        with standing_still(acme, "okta"), serving(acme) as daemon:
            asking = acme.start("sync", "okta", "--json")
            store = open_store(f"sqlite:///{acme.database}")
            eventually(lambda: len([*open_wishes(store)]) == 2)
            store.close()
            daemon.kill()
            (result,) = ended([asking])
        assert result.code == 1
        assert result.json["error"]["code"] == "daemon_gone"
        assert "--here" in result.json["error"]["fix"]
        again = acme.run("sync", "okta", "--json")  # nobody is there to ask: as if there never had been a daemon
        assert again.code == 0


def test_a_directory_that_the_daemon_does_not_know_is_an_error_of_the_one_who_asked(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme):
        acme.file.write_text(acme.file.read_text() + SCIM.format(id="later", workspace="acme", more="") + MAPPED)
        result = acme.run("sync", "later", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "not_configured"
    assert "SIGHUP" in result.json["error"]["fix"]


def test_progress_is_followed_live(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(3000)) as acme, serving(acme):
        eventually(lambda: settled(acme))
        store = open_store(f"sqlite:///{acme.database}")
        seen: set[str] = set()
        with acme.start("sync", "okta", "--full", "--json") as asking:
            while asking.poll() is None:
                seen |= {wish.progress.phase for wish in open_wishes(store) if wish.progress is not None}
            out, _ = asking.communicate(timeout=SECONDS)
        store.close()
    assert json.loads(out)["state"] == "succeeded"
    assert "pull" in seen
