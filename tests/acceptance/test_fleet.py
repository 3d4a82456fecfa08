"""Many processes over one PostgreSQL: killed, stopped, told to end, and the database restarted under them. One run at a
time in a workspace, whatever happens, and what was asked for is done."""

import json
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from rosterd.simulators import Simulator, World
from store.wishes import MOST_TRIES
from tests.acceptance.command import rehearsal
from tests.acceptance.daemon import eventually
from tests.acceptance.fleet import Fleet, fleet
from tests.databases import Postgres, postgres_server
from tests.listening import Collector, Webhook

pytestmark = pytest.mark.acceptance
PEOPLE = 40


def company(*, latency: float = 0.0) -> Simulator:
    return Simulator("okta", World.generate("okta", PEOPLE, 6, domain="acme.example"), latency=latency)


def active(acme: Fleet, workspace: str) -> set[str]:
    """The addresses of its active members."""
    found = acme.rows("SELECT email FROM member WHERE workspace = :w AND active", w=workspace)
    return {row.email for row in found}


def people(simulator: Simulator) -> set[str]:
    """The addresses of those who are active in the directory."""
    return {person.email for person in simulator.world.people.values() if person.status == "active"}


def slowly(simulator: Simulator) -> Simulator:
    """Every answer takes a moment from now on, so that a run is under way for some seconds."""
    simulator.vendor.latency = 0.7
    return simulator


def quickly(simulator: Simulator) -> None:
    simulator.vendor.latency = 0.0


def test_who_is_killed_is_noticed_and_the_run_is_taken_over(tmp_path: Path, postgres: Postgres) -> None:
    with company() as okta, fleet(tmp_path, postgres, {"acme-1": slowly(okta), "beta-1": okta}) as acme:
        acme.start("worker", "worker")
        ticket = acme.ask("acme-1")
        killed = acme.running(ticket)
        eventually(lambda: acme.runs("acme-1"))
        first = acme.wish(ticket).run
        killed.send(signal.SIGKILL)
        killed.end()
        quickly(okta)
        other = acme.ask("beta-1")
        acme.done(ticket, other)
        assert acme.wish(ticket).error is None
        assert acme.wish(ticket).run != first
        assert [state for _, state in acme.runs("acme-1")] == ["failed", "succeeded"]
        reported = acme.rehearsal.here("report", str(first), "--json").json
        assert reported["error"]["code"] == "killed"
        assert active(acme, "acme") == active(acme, "beta") == people(okta)
        assert acme.overlapping() == []
        eventually(lambda: not acme.rows("SELECT 1 FROM procrastinate_jobs"))


def test_what_is_given_up_is_shown_as_killed_and_not_as_running(tmp_path: Path, postgres: Postgres) -> None:
    with company() as okta, fleet(tmp_path, postgres, {"acme-1": slowly(okta)}) as acme:
        acme.start("worker", "worker")
        ticket = acme.ask("acme-1")
        killed = acme.running(ticket)
        eventually(lambda: acme.runs("acme-1"))
        with acme.store.write() as connection:  # four workers died before
            connection.execute(text("UPDATE wish SET tries = :tries"), {"tries": MOST_TRIES - 1})
        killed.send(signal.SIGKILL)
        killed.end()
        acme.done(ticket)
        assert acme.wish(ticket).state == "lost"
        ((run, _),) = acme.runs("acme-1")
        eventually(lambda: acme.runs("acme-1") == [(run, "failed")])
        (reported,) = acme.rehearsal.here("reports", "--json").json
        assert (reported["run"], reported["error"]["code"]) == (run, "killed")


def test_who_is_stopped_and_wakes_after_its_lease_writes_nothing_any_more(tmp_path: Path, postgres: Postgres) -> None:
    with company() as okta, fleet(tmp_path, postgres, {"acme-1": slowly(okta)}) as acme:
        acme.start("worker", "worker")
        ticket = acme.ask("acme-1")
        stopped = acme.running(ticket)
        eventually(lambda: acme.runs("acme-1"))
        stopped.send(signal.SIGSTOP)
        first = acme.wish(ticket).run
        leaver = next(iter(okta.world.people.values()))
        okta.world.suspend(leaver.id)
        quickly(okta)
        acme.done(ticket)
        assert [state for _, state in acme.runs("acme-1")] == ["failed", "succeeded"]
        assert active(acme, "acme") == people(okta)
        stopped.send(signal.SIGCONT)
        eventually(lambda: "lease_lost" in stopped.log)
        assert f"run={first}" in stopped.log
        assert [state for _, state in acme.runs("acme-1")] == ["failed", "succeeded"]
        assert acme.rows("SELECT 1 FROM action WHERE run = :run", run=first) == []
        assert active(acme, "acme") == people(okta)
        again = [acme.ask("acme-1") for _ in range(3)]
        acme.done(*again)
        eventually(lambda: not acme.rows("SELECT 1 FROM procrastinate_jobs"))
        assert acme.overlapping() == []


def test_who_is_told_to_end_hands_over(tmp_path: Path, postgres: Postgres) -> None:
    with company() as okta, fleet(tmp_path, postgres, {"acme-1": slowly(okta)}) as acme:
        acme.start("worker", "worker")
        ticket = acme.ask("acme-1")
        ended = acme.running(ticket)
        eventually(lambda: acme.runs("acme-1"))
        first = acme.wish(ticket).run
        ended.send(signal.SIGTERM)
        assert ended.end() == 0
        assert "handed over" in ended.log
        quickly(okta)
        acme.done(ticket)
        assert acme.wish(ticket).run != first
        assert acme.wish(ticket).tries == 0
        assert active(acme, "acme") == people(okta)
        assert len(acme.rows("SELECT 1 FROM worker")) == len(acme.rows("SELECT 1 FROM procrastinate_workers")) == 1


def test_a_directory_that_hangs_or_is_throttled_starves_nobody(tmp_path: Path, postgres: Postgres) -> None:
    with company() as okta, company() as hanging, company() as throttled:
        hanging.fault("hang")
        throttled.fault("rate_429", times=1000)
        usual = [f"{name}-1" for name in ("acme", "beta", "core", "dune", "ecru")]
        directories = {**dict.fromkeys(usual, okta), "acme-2": okta, "slow-1": hanging, "busy-1": throttled}
        with fleet(tmp_path, postgres, directories, every="2s") as acme:
            acme.start("serve", "serve", "worker", "worker")
            seen: set[str] = set()

            def enough() -> bool:
                seen.update(row.worker for row in acme.rows("SELECT worker FROM wish WHERE worker IS NOT NULL"))
                return len(seen) == 4 and all(acme.succeeded(name) >= 3 for name in (*usual, "acme-2"))

            eventually(enough, 45)
            assert [state for _, state in acme.runs("slow-1")] == ["running"]
            assert acme.overlapping() == []
            for process in acme.processes:
                process.send(signal.SIGTERM)
            assert [process.end() for process in acme.processes] == [0] * 4
            assert all("Traceback" not in process.log for process in acme.processes)


def test_workers_log_trace_and_notify_as_serving_processes_do(tmp_path: Path, postgres: Postgres) -> None:
    with (
        Collector() as collector,
        Webhook() as webhook,
        company() as okta,
        fleet(tmp_path, postgres, {"acme-1": okta}) as acme,
    ):
        with acme.rehearsal.file.open("a", encoding="utf-8") as file:
            file.write(
                f'[log]\nformat = "json"\n[trace]\nendpoint = "{collector.address}"\n'
                '[[notify]]\nid = "on-call"\nurl = { env = "NOTIFY_URL" }\n'
            )
        acme.rehearsal.environment |= {"SECRET_ACME_1": "wr0ng-s3cret", "NOTIFY_URL": webhook.url}
        acme.start("worker")
        ticket = acme.ask("acme-1")
        acme.done(ticket)
        eventually(lambda: webhook.texts)
        acme.start("worker", "serve")
        for process in acme.processes:
            process.send(signal.SIGTERM)
        assert [process.end() for process in acme.processes] == [0] * 3
        (text,) = webhook.texts  # the others knew of it
        run = acme.wish(ticket).run
        assert text.startswith("rosterd: 1 failed")
        assert f"rosterd report {run}" in text
        traced = {each.value.string_value for span in collector.spans for each in span.attributes}
        assert {run, "acme-1", "acme"} <= traced
        events = [json.loads(line) for line in acme.processes[0].lines if line.startswith("{")]
        (ended,) = [each for each in events if each["event"] == "run_ended"]
        assert (ended["run"], ended["directory"], ended["workspace"]) == (run, "acme-1", "acme")
        assert "notified" in {each["event"] for each in events}
        said = "".join(process.log for process in acme.processes)
        assert not [each for each in ("wr0ng-s3cret", "s3cret-path", "Traceback") if each in said]


def test_a_database_that_is_restarted_under_load_ends_nothing(tmp_path: Path) -> None:
    names = [f"{name}-1" for name in ("acme", "beta", "core", "dune")]
    with (
        postgres_server() as server,
        company(latency=0.05) as okta,
        fleet(tmp_path, server, dict.fromkeys(names, okta), every="1s") as acme,
    ):
        processes = acme.start("serve", "worker", "worker")

        eventually(lambda: all(map(acme.succeeded, names)))
        server.restart()
        acme.store.engine.dispose()
        before = max(map(acme.succeeded, names))
        eventually(lambda: all(acme.succeeded(name) > before + 2 for name in names), 40)
        assert all(process.popen.poll() is None for process in processes)
        assert acme.overlapping() == []
        assert all(active(acme, name.removesuffix("-1")) == people(okta) for name in names)


def test_one_file_is_for_one_machine(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        for command in (("worker",), ("serve", "--no-work")):
            result = acme.here(*command, "--json")
            assert result.code == 1
            assert result.json["error"]["code"] == "no_queue"
            assert "PostgreSQL" in result.json["error"]["fix"]
