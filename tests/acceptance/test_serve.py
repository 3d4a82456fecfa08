"""`rosterd serve` as a process: it starts with a clear word or a clear error, syncs on schedule, and ends in order."""

import json
import signal
import socket
from pathlib import Path

import pytest

from store.database import connect
from tests.acceptance.command import Rehearsal, rehearsal
from tests.acceptance.daemon import eventually, serving

pytestmark = pytest.mark.acceptance


def runs(acme: Rehearsal) -> list[dict[str, str]]:
    """The reports, newest first."""
    result = acme.here("reports", "--json")
    assert result.code == 0, result.err
    found: list[dict[str, str]] = result.json
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reads_what_is_due_and_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        with serving(acme) as daemon:
            eventually(lambda: runs(acme) and runs(acme)[0]["state"] == "succeeded")
            assert acme.roster()
            assert daemon.client().get("/healthz").json() == {"ok": True}
            result = daemon.stop(number)
        assert result.code == 0
        assert "Traceback" not in result.err
        (run,) = runs(acme)
        assert (run["trigger"], run["mode"]) == ("schedule", "full")


def test_after_a_restart_what_is_not_due_is_not_read_again(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        for _ in range(2):
            with serving(acme) as daemon:
                eventually(lambda: runs(acme) and runs(acme)[0]["state"] == "succeeded")
                assert daemon.stop().code == 0
        assert len(runs(acme)) == 1


def test_a_directory_that_does_not_answer_does_not_stop_it(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "entra") as acme:
        acme.simulators["okta"].stop()
        with serving(acme) as daemon:
            eventually(lambda: {"entra"} <= {run["directory"] for run in runs(acme) if run["state"] == "succeeded"})
            assert daemon.client().get("/readyz").status_code == 200
            assert daemon.running
            result = daemon.stop()
        assert result.code == 0
        assert "Traceback" not in result.err


def test_a_port_that_is_taken_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        acme.environment["ROSTERD_HTTP__LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        result = acme.run("serve", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "cannot_listen"
    assert "taken" in result.json["error"]["message"]
    assert result.json["error"]["fix"]


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        acme.roster()  # makes the database
        store = connect(f"sqlite:///{acme.database}")
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        store.close()
        result = acme.run("serve", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "schema_newer"


def test_nothing_to_serve_is_an_error(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as acme:
        result = acme.run("serve", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "nothing_to_serve"
    assert "[[directory]]" in result.json["error"]["fix"]


def test_a_missing_secret_is_an_error_before_anything_listens(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        acme.environment.clear()
        result = acme.run("serve", "--json")
    assert result.code == 1
    assert result.json["error"]["code"] == "missing_secret"


def test_what_it_did_is_in_its_metrics_after_a_restart_too(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        for _ in range(2):
            with serving(acme) as daemon:
                eventually(lambda: runs(acme) and runs(acme)[0]["state"] == "succeeded")
                answer = daemon.client().get("/metrics")
                assert daemon.stop().code == 0
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'rosterd_runs_total{state="succeeded"} 1.0' in answer.text
        assert 'rosterd_directory_complete_age_seconds{directory="okta"}' in answer.text
        assert "process_resident_memory_bytes" in answer.text


def test_metrics_for_who_has_the_token(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        text = acme.file.read_text(encoding="utf-8")
        keys = '[http]\nmetrics = "token"\nmetrics_token = { env = "SCRAPE" }\n'
        acme.file.write_text(keys + text, encoding="utf-8")
        acme.environment["SCRAPE"] = "let-me-see"
        with serving(acme) as daemon:
            client = daemon.client()
            assert client.get("/metrics").status_code == 401
            assert client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).status_code == 200


def test_the_log_is_json_when_asked_for_and_holds_no_secret(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        secrets = [text for name, text in acme.environment.items() if not name.startswith("ROSTERD_")]
        assert secrets
        acme.environment |= {"ROSTERD_LOG__FORMAT": "json", "ROSTERD_DEBUG": "1"}
        with serving(acme) as daemon:
            eventually(lambda: runs(acme) and runs(acme)[0]["state"] == "succeeded")
            result = daemon.stop()
    lines = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    assert all({"time", "level", "event", "message"} <= line.keys() for line in lines)
    assert any(line.get("directory") == "okta" and line["event"] == "run_ended" and line["run"] for line in lines)
    assert not any(secret in result.err for secret in secrets if len(secret) > 8)
