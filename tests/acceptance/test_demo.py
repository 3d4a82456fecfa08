"""`demo` and `simulate`: what a newcomer runs first, and the commands that they print."""

import json
import shlex
import signal
from pathlib import Path

import pytest

from tests.acceptance.command import MAPPED, Rehearsal, seconds_of
from tests.acceptance.shapes import CHECK, HEADER, MEMBERS, holds

pytestmark = pytest.mark.acceptance


def arguments(line: str) -> tuple[str, ...]:
    """What stands behind the program in a printed command line."""
    words = shlex.split(line.partition(" > ")[0])
    return tuple(words[words.index("--config") :])


def test_the_demo_tells_its_story_and_its_commands_work_afterwards(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    told, seconds = seconds_of(lambda: here.run("demo"))
    assert told.code == 0, told.out + told.err
    assert seconds < 20
    assert (told.err, "Traceback" in told.out) == ("", False)
    titles = ("1. Three customers", "2. The first sync", "3. A day passes", "4. The second sync", "5. The third sync")
    assert [title for title in titles if title in told.out] == list(titles)
    lines = [line.strip() for line in told.out.splitlines() if line.startswith("  ") and " --config " in line]
    commands = {arguments(line)[2]: arguments(line) for line in lines}
    assert list(commands) == ["members", "reports", "report", "plan"]

    results = {name: here.here(*words) for name, words in commands.items()}
    assert {name: result.code for name, result in results.items()} == dict.fromkeys(commands, 0)
    assert "role: admin" in results["members"].out
    assert "Reactivated 1" in here.here(*arguments(lines[2])).out
    assert "<!doctype html>" in results["report"].out
    assert "nothing to do" in results["plan"].out
    members = here.here(*commands["members"], "--json").json
    assert len(holds(members, MEMBERS)) > 300
    checked = here.here("--config", "rosterd-demo/rosterd.toml", "check", "--json").json
    assert [holds(each, CHECK)["ok"] for each in checked] == [True] * 3


def test_the_demo_as_data_and_what_its_steps_did(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    result = here.here("demo", "--json", "--folder", "elsewhere")
    assert result.code == 0, result.err
    story = result.json
    assert (story["ok"], result.err) == (True, "")
    steps = {step["name"]: [holds(report, HEADER) for report in step["reports"]] for step in story["steps"]}
    second = ("create", "update", "deactivate", "reactivate", "set_role", "join_team")
    for report in steps["second sync"]:
        assert [report["counts"][kind] for kind in second] == [3, 1, 2, 1, 1, 3], report["directory"]
    for report in steps["third sync"]:
        assert report["counts"]["unchanged"] == report["counts"]["in_scope"]
    assert all(report["transport"]["requests"] > 0 for reports in steps.values() for report in reports)


def test_the_demo_replaces_a_demo_and_nothing_else(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    (tmp_path / "rosterd-demo").mkdir()
    (tmp_path / "rosterd-demo" / "thesis.txt").write_text("mine")
    result = here.here("demo", "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "not_a_demo")
    assert "--folder" in result.json["error"]["fix"]
    assert (tmp_path / "rosterd-demo" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_simulate_prints_a_configuration_that_works(kind: str, tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    with here.start("simulate", kind, "--users", "30", "--groups", "4", "--port", "0", "--json") as simulator:
        assert simulator.stdout is not None
        told = json.loads(simulator.stdout.readline())
        here.file.write_text(told["configuration"])
        here.environment.update(told["environment"])
        checked = here.here("check", "--json")
        synced = here.here("sync", "--json")
        simulator.send_signal(signal.SIGINT)
        assert simulator.wait(10) == 0
    assert checked.json["ok"], checked.out
    assert (synced.code, synced.json["counts"]["seen"]) == (0, 30)


def test_simulate_for_people_says_what_to_paste_and_export(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    with here.start("simulate", "okta", "--users", "5", "--port", "0") as simulator:
        assert simulator.stdout is not None
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(simulator.stdout.readline())
        simulator.terminate()
        assert simulator.wait(10) == 0
    text = "".join(lines)
    for part in ("http://127.0.0.1:", "[[directory]]", "export OKTA_TOKEN=", "--config rehearsal.toml sync", "curl -d"):
        assert part in text
    assert MAPPED.splitlines()[1] in text


def test_a_rehearsal_with_a_fault(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    asked = ("--users", "30", "--port", "0", "--json", "--fault", "error_500:1", "--fault", "forbidden")
    with here.start("simulate", "entra", *asked) as simulator:
        assert simulator.stdout is not None
        told = json.loads(simulator.stdout.readline())
        here.file.write_text(told["configuration"])
        here.environment.update(told["environment"])
        checked = here.here("check", "--json")
        simulator.terminate()
        assert simulator.wait(10) == 0
    assert told["faults"] == ["error_500", "forbidden"]
    assert (checked.code, "Authorization_RequestDenied" in checked.out) == (1, True)


@pytest.mark.parametrize(("fault", "said"), [("hlaf", "known: drop,"), ("half:x", "not x times")])
def test_a_fault_that_there_is_not(tmp_path: Path, fault: str, said: str) -> None:
    result = Rehearsal(tmp_path).run("simulate", "okta", "--port", "0", "--fault", fault, "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "unknown_fault")
    assert said in result.json["error"]["message"]
    assert "--help" in result.json["error"]["fix"]


def test_help_lists_the_faults(tmp_path: Path) -> None:
    text = Rehearsal(tmp_path).run("simulate", "--help").out
    for name in ("drop", "half", "rate_429_decimal", "delta_410"):
        assert f"   {name} " in text


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    here = Rehearsal(tmp_path)
    with here.start("simulate", "okta", "--users", "1", "--port", "0", "--json") as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["url"].rpartition(":")[2]
        result = here.run("simulate", "okta", "--port", port, "--json")
        first.terminate()
    assert (result.code, result.json["error"]["fix"]) == (1, "use --port 0 for a free one")
