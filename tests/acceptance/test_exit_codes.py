"""Exit codes and errors: what a script around the command relies on."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rosterd.ports import lease
from store import open_store
from tests.acceptance.command import Rehearsal, people, rehearsal
from tests.acceptance.shapes import CHECK, ERRORS, REPORT, holds

pytestmark = pytest.mark.acceptance

SCIM = '\n[[directory]]\nid = "told"\nworkspace = "acme"\nkind = "scim"\n'
CAREFUL = "[workspace.limits]\ndeactivate = { count = 2 }\n"


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@contextmanager
def silent(acme: Rehearsal) -> Iterator[None]:
    """Meanwhile the directory answers nothing, so that a run that reads it is caught in the act."""
    with acme.world("okta").lock:
        yield


def holder(database: Path) -> str:
    """The run that holds the workspace, "" for none."""
    if not database.exists():
        return ""
    with closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute("SELECT run FROM lease").fetchone()
        except sqlite3.OperationalError:  # the tables are being made
            return ""
    return str(found[0]) if found else ""


def test_plan_says_whether_there_is_something_to_do(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        assert acme.run("plan", "okta").code == 2
        assert acme.roster() == {}, "a plan writes nothing to the workspace"
        assert acme.here("sync").code == 0
        assert acme.here("plan", "okta").code == 0


def test_what_a_guard_holds_is_said_and_nobody_is_deactivated(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20), limits=CAREFUL) as acme:
        acme.here("sync")
        active = [person for person in acme.world("okta").people.values() if person.status == "active"]
        for person in active[-3:]:
            acme.world("okta").suspend(person.id)
        assert acme.here("plan", "okta").code == 3
        held = acme.run("sync", "--json")
        assert held.code == 3
        report = holds(held.json, REPORT)
        assert (report["state"], report["counts"]["held"], report["counts"]["deactivate"]) == ("held", 3, 0)
        assert {(cause["kind"], cause["held"]) for cause in report["causes"]} == {("deactivate", True)}
        assert "held: 3 deactivations" in acme.here("report", report["run"]).out
        assert sum(member["active"] for member in acme.roster().values()) == len(active)


def test_two_syncs_at_once_the_second_says_busy(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        with silent(acme):
            first = acme.start("sync", "--json")
            until(lambda: bool(holder(acme.database)))
            second = acme.run("sync", "--json")
        with first:
            out, err = first.communicate()
    assert second.code == 4, second.out + second.err
    assert holds(second.json, ERRORS)["error"]["code"] == "workspace_busy"
    assert first.returncode == 0, err
    assert json.loads(out)["state"] == "succeeded"


def test_a_held_workspace_is_busy_for_each_of_several_directories(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "google", world=people(5)) as acme:
        store = open_store(f"sqlite:///{acme.database}")
        with lease(store, "acme", "another-run"):
            result, text = acme.here("sync", "--json"), acme.here("sync", "okta")
        store.close()
    assert result.code == text.code == 4
    assert {holds(each, REPORT)["error"]["code"] for each in result.json} == {"workspace_busy"}
    assert "run another-run holds workspace acme" in text.err


def test_a_blocked_directory_does_not_stop_the_others(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "google", world=people(20)) as acme:
        acme.environment["SECRET_OKTA"] = "not-the-token"
        result = acme.here("sync", "--json")
        first, second = (holds(each, REPORT) for each in result.json)
    assert result.code == 1
    assert first["state"] == "blocked"
    assert first["error"]["code"] == "directory_refused"
    assert "not-the-token" not in result.out + result.err
    assert second["state"] == "succeeded"
    assert second["counts"]["create"] > 0


def test_a_directory_that_cannot_begin_is_a_failed_report_among_several(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "google", world=people(20)) as acme:
        acme.environment["SECRET_GOOGLE"] = "no key"
        result = acme.here("sync", "--json")
        alone = acme.here("sync", "google", "--json")
        checked = acme.here("check", "google", "--json")
        text = acme.here("sync")
    first, second = (holds(each, REPORT) for each in result.json)
    assert (result.code, first["state"], second["state"]) == (1, "succeeded", "failed")
    assert alone.code == 1
    assert holds(alone.json, ERRORS)["error"] == second["error"]
    assert checked.code == 1
    assert not holds(checked.json, CHECK)["ok"]
    assert (text.code, "error: google: " in text.err) == (1, True)
    assert second["health"] == {**first["health"], "last_complete": None}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("members", "acne"), "unknown_workspace", 'did you mean "acme"?'),
        (("sync", "oktta"), "unknown_directory", 'did you mean "okta"?'),
        (("check", "oktta"), "unknown_directory", 'did you mean "okta"?'),
        (("reports", "--directory", "oktta"), "unknown_directory", 'did you mean "okta"?'),
        (("report", "20260101T000000-abcdef"), "unknown_run", "there is no run yet"),
        (("report", "latest"), "unknown_run", "there is no run yet"),
        (("plan",), "usage", "rosterd plan --help"),
        (("reject",), "usage", "rosterd reject --help"),
        (("approve", "latest"), "unknown_run", "there is no run yet"),
        (("undo", "20260101T000000-abcdef"), "unknown_run", "there is no run yet"),
        (("limits", "test", "--days", "0"), "usage", "rosterd limits test --help"),
        (("limits", "test", "--days", "soon"), "usage", "rosterd limits test --help"),
        (("sync", "--ful"), "usage", "rosterd sync --help"),
        (("reports", "--limit", "0"), "usage", "rosterd reports --help"),
        (("snyc",), "usage", "rosterd --help"),
    ],
)
def test_every_error_names_the_way_out_as_text_and_as_json(
    arguments: tuple[str, ...], code: str, says: str, tmp_path: Path
) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        acme.file.write_text(acme.file.read_text() + SCIM)
        text, document = acme.here(*arguments), acme.here(*arguments, "--json")
    assert (text.code, text.out, document.code) == (1, "", 1)
    assert text.err.startswith("error: ")
    assert says in text.err
    error = holds(document.json, ERRORS)["error"]
    assert error["code"] == code
    assert says in error["fix"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("[[workspace]]", "[[workspce]]"), "unknown_key"),
        (('workspace = "acme"', 'workspace = "nobody"'), "unknown_workspace"),
        (("{ env = ", "{ env = NAME"), "toml_syntax"),
        (("SECRET_OKTA", "SECRET_NOBODY_SET"), "missing_secret"),
    ],
)
def test_a_wrong_configuration_starts_nothing(change: tuple[str, str], code: str, tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        acme.file.write_text(acme.file.read_text().replace(*change))
        for arguments in (("sync", "--json"), ("plan", "okta", "--json"), ("config", "check", "--json")):
            result = acme.here(*arguments)
            assert result.code == 1
            error = holds(result.json, ERRORS)["error"]
            assert code in [each["code"] for each in error["problems"]]
            assert "rosterd.toml:" in error["problems"][0]["where"]
        assert not acme.database.exists()
        assert not acme.simulators["okta"].requests


def test_without_a_configuration_the_error_says_how_to_write_one(tmp_path: Path) -> None:
    result = Rehearsal(tmp_path).run("sync", "--json")
    assert result.code == 1
    assert "rosterd config example > rosterd.toml" in holds(result.json, ERRORS)["error"]["fix"]


def test_a_database_that_is_none_is_an_error_with_its_place(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        acme.database.write_bytes(b"this is no database, and long enough to be seen as such" * 40)
        result = acme.here("sync", "--json")
    assert (result.code, result.json["error"]["code"]) == (1, "not_a_database")


def test_interrupting_a_sync_gives_the_workspace_back(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        with silent(acme), acme.start("sync", "--json") as running:
            until(lambda: bool(holder(acme.database)))
            running.send_signal(signal.SIGINT)
            out, err = running.communicate()
        assert (running.returncode, out) == (130, ""), err
        assert err == "interrupted: what was applied is recorded, the next run does the rest\n"
        assert holder(acme.database) == ""
        assert acme.here("sync").code == 0
