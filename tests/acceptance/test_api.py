"""The REST API of the daemon as a process: what its page shows, and what an operator does with it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import httpx
import pytest

from tests.acceptance.command import WORKSPACE, Rehearsal, people, rehearsal
from tests.acceptance.daemon import Daemon, eventually, serving
from tests.acceptance.shapes import EXPLANATIONS, MEMBER, REPORT, holds
from tests.acceptance.test_decisions import CAREFUL, inactive, leaving
from tests.listening import Collector

pytestmark = pytest.mark.acceptance

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
Served = tuple[Rehearsal, Daemon, httpx.Client]


def token(acme: Rehearsal, *words: str) -> str:
    """A new admin token."""
    result = acme.here("admin-token", "create", *words, "--json")
    assert result.code == 0, result.err
    return str(result.json["token"])


def client(daemon: Daemon, text: str) -> httpx.Client:
    """Of /api/v1; closed with the daemon."""
    headers = {"Authorization": f"Bearer {text}"}
    made = httpx.Client(base_url=f"{daemon.address}/api/v1", headers=headers, timeout=90, trust_env=False)
    daemon.clients.append(made)
    return made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Three people were suspended, and a guard will hold that; a workspace beside it is fed by nobody."""
    with rehearsal(tmp_path, "okta", world=people(20), limits=CAREFUL) as acme:
        text = acme.file.read_text(encoding="utf-8")
        acme.file.write_text(WORKSPACE.format(id="hand", limits="") + text, encoding="utf-8")
        acme.here("sync")
        leaving(acme, 3)
        with serving(acme) as daemon:
            yield acme, daemon, client(daemon, token(acme, "--scope", "operate", "--label", "on call"))


def synced(asking: httpx.Client) -> dict[str, Any]:
    """A request for okta, once it is over."""
    asked = asking.post("/directories/okta/sync")
    assert asked.status_code == 202
    over: dict[str, Any] = asking.get(asked.headers["location"].removeprefix("/api/v1"), params={"wait": 60}).json()
    assert over["state"] == "done", over
    return over


def test_a_run_is_asked_for_followed_and_read(served: Served) -> None:
    acme, _, asking = served
    with asking.stream("GET", "/requests/" + asking.post("/directories/okta/sync").json()["request"],
                       headers={"Accept": "text/event-stream"}) as events:  # fmt: skip
        lines = [line for line in events.iter_lines() if line]
    assert lines[-2] == "event: end"
    over = json.loads(lines[-1].removeprefix("data: "))
    report = asking.get(f"/runs/{over['run']}").json()
    holds(report, REPORT)
    assert (report["trigger"], report["state"], report["counts"]["held"]) == ("api", "held", 3)
    assert report == acme.here("report", over["run"], "--json").json
    okta = asking.get("/directories/okta").json()
    assert (okta["held"], okta["health"]["state"]) == (3, "healthy")
    assert okta["schedule"]["next"] > report["began"]


def test_requests_are_counted_by_route_without_ids(served: Served) -> None:
    _, daemon, asking = served
    ada = "ada-who-is-nobody@acme.example"
    asking.get("/directories/okta")
    asking.get(f"/workspaces/acme/members/{ada}")
    shown = daemon.client().get("/metrics").text
    assert 'rosterd_rest_requests_total{method="GET",route="/api/v1/directories/{id}",status="200"} 1.0' in shown
    route = 'route="/api/v1/workspaces/{workspace}/members/{email}"'
    assert f'rosterd_rest_requests_total{{method="GET",{route},status="404"}} 1.0' in shown
    assert f'rosterd_rest_request_seconds_count{{method="GET",{route}}} 1.0' in shown
    assert ada not in shown


def test_requests_are_traced_by_route_without_ids(tmp_path: Path) -> None:
    with Collector() as collector, rehearsal(tmp_path, "okta") as acme:
        with acme.file.open("a", encoding="utf-8") as file:
            file.write(f'[trace]\nendpoint = "{collector.address}"\n')
        with serving(acme) as daemon:
            text = token(acme, "--scope", "read")
            client(daemon, text).get("/workspaces/acme/members/ada%40acme.example", params={"of": "s3cret"})
            assert daemon.stop().code == 0
        (span,) = [each for each in collector.spans if "/api/" in each.name]
    assert span.name == "GET /api/v1/workspaces/{workspace}/members/{email}"
    told = str(span)
    assert not [each for each in ("ada", "s3cret", text) if each in told]


def test_what_is_held_is_approved_by_its_digest(served: Served) -> None:
    acme, daemon, asking = served
    before = inactive(acme)
    run = synced(asking)["run"]
    held = asking.get(f"/runs/{run}/held").json()
    reading = client(daemon, token(acme, "--scope", "read"))
    assert reading.post(f"/runs/{run}/approve", json={"digest": held["digest"]}).status_code == 403
    other = asking.post(f"/runs/{run}/approve", json={"digest": "sha256:0"})
    assert (other.status_code, other.json()["code"]) == (409, "digest_differs")
    report = asking.post(f"/runs/{run}/approve", json={"digest": held["digest"]}).json()
    assert (report["trigger"], report["of"], report["counts"]["deactivate"]) == ("approval", run, 3)
    assert len(inactive(acme)) == len(before) + 3
    twice = asking.post(f"/runs/{run}/approve", json={"digest": held["digest"]})
    assert (twice.status_code, twice.json()["code"]) == (409, "nothing_held")
    assert asking.get("/held").json()["items"] == []
    back = asking.post(f"/runs/{report['run']}/undo").json()
    assert (back["trigger"], back["counts"]["reactivate"]) == ("undo", 3)
    assert inactive(acme) == before


def test_a_directory_that_is_active_owns_its_people(served: Served) -> None:
    acme, _, asking = served
    ada = next(iter(acme.roster()))
    for method, path, body in (
        ("POST", "/workspaces/acme/members", {"email": "new@acme.example"}),
        ("PATCH", f"/workspaces/acme/members/{ada}", {"fields": {"title": "Countess"}}),
        ("POST", f"/workspaces/acme/members/{ada}/deactivate", None),
    ):
        refused = asking.request(method, path, json=body)
        assert refused.status_code == 409
        assert "the directory okta" in refused.json()["detail"]
        assert refused.json()["fix"]
    made = asking.post("/workspaces/hand/members", json={"email": "hal@hand.org"})
    assert made.status_code == 201
    assert holds(asking.get(made.headers["location"].removeprefix("/api/v1")).json(), MEMBER) == made.json()
    assert list(acme.roster("hand")) == ["hal@hand.org"]
    holds(asking.get(f"/workspaces/acme/members/{ada}/why").json(), EXPLANATIONS)


def test_configuration_is_read_again_or_what_is_wrong_with_it_is_told(served: Served) -> None:
    acme, _, asking = served
    text = acme.file.read_text(encoding="utf-8")
    acme.file.write_text(text.replace('id = "hand"', 'id = "hand"\nnaem = "Hand"'), encoding="utf-8")
    wrong = asking.post("/reload")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_key")
    assert "naem" in wrong.text
    assert asking.get("/workspaces").status_code == 200
    acme.file.write_text(text + WORKSPACE.format(id="later", limits=""), encoding="utf-8")
    assert asking.post("/reload").json() == {"directories": ["okta"], "at_next_start": []}
    acme.file.write_text('[trace]\nendpoint = "http://127.0.0.1:9"\n' + acme.file.read_text(), encoding="utf-8")
    assert asking.post("/reload").json() == {"directories": ["okta"], "at_next_start": ["[trace] endpoint"]}
    assert [each["id"] for each in asking.get("/workspaces").json()["items"]] == ["acme", "hand", "later"]


def test_a_token_ends_within_a_second_and_is_nowhere(served: Served) -> None:
    acme, daemon, _ = served
    text = token(acme, "--scope", "read")
    asking = client(daemon, text)
    assert asking.get("/runs").status_code == 200
    assert client(daemon, text[:-1] + "?").get("/runs").status_code == 401
    id = text.split("_")[1]  # noqa: A001 - what it is
    eventually(lambda: {row["id"]: row["last_used"] for row in acme.here("admin-token", "list", "--json").json}[id])
    assert acme.here("admin-token", "revoke", id).code == 0
    eventually(lambda: asking.get("/runs").status_code == 401)
    assert text not in daemon.stop().err


def test_a_daemon_that_ends_lets_go_of_those_who_follow(served: Served) -> None:
    acme, daemon, asking = served
    acme.simulators["okta"].stop()  # so that a run takes long
    acme.file.write_text('[daemon]\nstop_within = "1s"\n' + acme.file.read_text(encoding="utf-8"), encoding="utf-8")
    assert asking.post("/reload").status_code == 200
    asked = asking.post("/directories/okta/sync").json()["request"]
    with asking.stream("GET", f"/requests/{asked}", headers={"Accept": "text/event-stream"}) as events:
        lines = events.iter_lines()
        assert next(lines) == "event: change"
        daemon.process.terminate()
        for _ in lines:
            pass
    assert daemon.process.wait(60) == 0


# -- the page -----------------------------------------------------------------------------------------------------


def examples(heading: str) -> list[str]:
    """The curl lines below a heading of the page."""
    below = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", below, re.DOTALL) for line in block.splitlines()]


def curl(line: str, known: dict[str, str]) -> httpx.Response:
    """What a curl line of the page does, with these variables."""
    words = iter(shlex.split(Template(line.replace("'$DIGEST'", "$DIGEST")).substitute(known))[1:])
    method, headers, body, url = "GET", {}, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--json":
            body = json.loads(next(words))
        elif word != "-N":
            assert not word.startswith("-"), f"this test does not know {word}"
            url = word
    return httpx.request(method, url, headers=headers, json=body, timeout=90, trust_env=False)


def test_the_page_shows_what_works(served: Served) -> None:
    acme, daemon, asking = served
    run = synced(asking)["run"]
    known = {
        "ROSTERD": daemon.address, "TOKEN": asking.headers["authorization"].removeprefix("Bearer "), "RUN": run,
        "DIGEST": asking.get(f"/runs/{run}/held").json()["digest"], "EMAIL": next(iter(acme.roster())),
    }  # fmt: skip
    for heading in ("Look", "Decide", "Sync, and follow it", "Members by hand"):
        for line in examples(heading):
            answer = curl(line, known)
            assert answer.is_success, (line, answer.text)
            if line.endswith("/approve"):
                known["APPROVED"] = answer.json()["run"]
            if line.endswith("/sync"):
                known["REQUEST"] = answer.json()["request"]


def test_the_page_names_every_route_that_reads(served: Served) -> None:
    _, daemon, _ = served
    paths = httpx.get(f"{daemon.address}/api/openapi.json", trust_env=False).json()["paths"]
    reading = {path.removeprefix("/v1") for path, each in paths.items() if "get" in each}
    whole = PAGE.replace("…/members", "/workspaces/{workspace}/members")
    named = set(re.findall(r"`(/[^`]*)`", whole))
    assert reading - named == set()
