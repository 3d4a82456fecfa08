"""Asking for a run over the REST API, and following it: by asking again, by waiting, as events."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rosterd.ports import now
from store import open_store
from store.wishes import Progress, advance, claim, finish
from tests.rosterd.files import directory, loaded
from tests.rosterd.http.api import CONFIGURATION, Acme


@pytest.fixture
def acme(tmp_path: Path, sqlite_url: str) -> Iterator[Acme]:
    """Served; nothing is run unless a test runs it."""
    opened = open_store(sqlite_url)
    with Acme(opened, tmp_path, "ada").served() as served:
        yield served
    opened.close()


def worked(acme: Acme) -> None:
    """A worker claims what waits, tells how far it is, and is done."""
    wish = claim(acme.store, "w1", "run-1", now())
    assert wish is not None
    time.sleep(0.6)  # longer than between two looks, so that each state is seen
    advance(acme.store, wish, Progress("pull", 1, 2))
    time.sleep(0.6)
    finish(acme.store, wish, now())


def asked(client: httpx.Client, **options: Any) -> str:
    """Where a new request is."""
    answer = client.post("/directories/okta/sync", **options)
    assert answer.status_code == 202
    return answer.headers["location"].removeprefix("/api/v1")


def test_asking_again_while_it_waits_is_the_same_request(acme: Acme) -> None:
    with acme.client() as client:
        first = client.post("/directories/okta/sync").json()
        again = client.post("/directories/okta/sync", json={"full": True}).json()
        assert (first["joined"], again) == (False, {"request": first["request"], "joined": True})
        found = client.get(f"/requests/{first['request']}").json()
        assert (found["state"], found["full"]) == ("waiting", True)
        assert (found["trigger"], found["asked_by"]) == ("api", "api:ci")
        claim(acme.store, "w1", "run-1", now())
        later = client.post("/directories/okta/sync").json()
        assert later["request"] != first["request"]  # what runs may have read already what this is about


def test_a_request_is_waited_for(acme: Acme) -> None:
    with acme.client() as client:
        where = asked(client)
        working = threading.Thread(target=worked, args=[acme])
        working.start()
        found = client.get(where, params={"wait": 30}).json()
        working.join()
    assert (found["state"], found["run"], found["error"]) == ("done", "run-1", None)


def test_waiting_ends_before_the_request_does(acme: Acme) -> None:
    with acme.client() as client:
        assert client.get(asked(client), params={"wait": 1}).json()["state"] == "waiting"


def test_it_is_followed_as_events_until_it_is_over(acme: Acme) -> None:
    with acme.client() as client:
        where = asked(client)
        working = threading.Thread(target=worked, args=[acme])
        events: list[tuple[str, Any]] = []
        with client.stream("GET", where, headers={"Accept": "text/event-stream"}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            working.start()
            lines = [line for line in answer.iter_lines() if line]
        working.join()
        events = [(name[7:], json.loads(data[6:])) for name, data in zip(lines[::2], lines[1::2], strict=True)]
        assert [(name, each["state"], each["progress"]) for name, each in events] == [
            ("change", "waiting", None),
            ("change", "running", None),
            ("change", "running", {"phase": "pull", "done": 1, "total": 2}),
            ("end", "done", None),
        ]
        over = client.get(where, headers={"Accept": "text/event-stream"})  # ends at once
        assert over.text.startswith("event: end\n")


def test_requests_of_another_workspace_are_not_there(acme: Acme) -> None:
    with acme.client() as client, acme.client(acme.token("operate", "hand")) as other:
        where = asked(client)
        assert [each["id"] for each in client.get("/requests").json()["items"]] == [where.rpartition("/")[2]]
        for options in ({}, {"params": {"wait": 5}}, {"headers": {"Accept": "text/event-stream"}}):
            answer = other.get(where, **options)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_request")


def test_followers_go_when_the_daemon_ends(acme: Acme) -> None:
    with acme.client() as client:
        where = asked(client)
        threading.Timer(0.5, acme.outside.stop.set).start()
        assert client.get(where, params={"wait": 60}).json()["state"] == "waiting"


def test_an_audit_is_asked_for_and_followed_like_a_run_of_its_workspace(acme: Acme) -> None:
    text = CONFIGURATION + directory("scim", name="told") + directory("entra", 'audits = "told"', name="auditor")
    acme.settings = loaded(acme.folder, text)
    with acme.client(acme.token(workspace="acme")) as client:
        asked = client.post("/directories/auditor/sync")
        assert asked.status_code == 202
        found = client.get(f"/requests/{asked.json()['request']}").json()
        assert (found["workspace"], found["directory"]) == ("acme", "auditor")
        assert [each["id"] for each in client.get("/requests").json()["items"]] == [asked.json()["request"]]
        (workspace,) = client.get("/workspaces").json()["items"]
        assert workspace["directories"] == ["told"]
    with acme.client(acme.token(workspace="hand")) as client:
        assert client.get(f"/requests/{asked.json()['request']}").status_code == 404
