"""A sync that is asked for over the REST API of one process, and run by another one, over PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.daemon import SECONDS, eventually
from tests.acceptance.fleet import Fleet, fleet
from tests.acceptance.shapes import REPORT, holds
from tests.acceptance.test_api import token
from tests.acceptance.test_fleet import active, company, people, quickly, slowly
from tests.databases import Postgres

pytestmark = pytest.mark.acceptance


@contextmanager
def operators(acme: Fleet, number: int) -> Iterator[list[httpx.Client]]:
    """Of /api/v1 of so many processes that serve and run nothing, with one token; and a worker beside them."""
    started = acme.start(*["serve --no-work"] * number, "worker")
    headers = {"Authorization": f"Bearer {token(acme.rehearsal, '--scope', 'operate')}"}
    made = [
        httpx.Client(base_url=f"{each.said['listening']}/api/v1", headers=headers, timeout=SECONDS, trust_env=False)
        for each in started[:number]
    ]
    try:
        yield made
    finally:
        for each in made:
            each.close()


def asked(client: httpx.Client) -> dict[str, Any]:
    answer = client.post("/directories/acme-1/sync")
    assert answer.status_code == 202
    found: dict[str, Any] = answer.json()
    return found


def test_a_sync_asked_for_over_the_api_is_joined_queued_followed_and_read(tmp_path: Path, postgres: Postgres) -> None:
    with (
        company() as okta,
        fleet(tmp_path, postgres, {"acme-1": okta}) as acme,
        operators(acme, 2) as (one, other),
    ):
        eventually(lambda: acme.succeeded("acme-1") and not one.get("/requests").json()["items"])
        scheduled = {run for run, _ in acme.runs("acme-1")}
        slowly(okta)
        first = asked(one)
        eventually(lambda: one.get(f"/requests/{first['request']}").json()["state"] == "running")
        second, third = asked(one), asked(other)
        assert (first["joined"], second["joined"], third["joined"]) == (False, False, True)
        assert first["request"] != second["request"] == third["request"]
        assert other.get(f"/requests/{second['request']}").json()["state"] == "waiting"
        with other.stream("GET", f"/requests/{first['request']}", headers={"Accept": "text/event-stream"}) as events:
            quickly(okta)
            lines = [line for line in events.iter_lines() if line]
        assert lines[-2] == "event: end"
        over = [other.get(f"/requests/{each['request']}", params={"wait": 25}).json() for each in (first, second)]
        assert [each["state"] for each in over] == ["done", "done"]
        assert over[0]["run"] != over[1]["run"]
        for each in over:
            report = other.get(f"/runs/{each['run']}").json()
            holds(report, REPORT)
            assert (report["trigger"], report["state"], report["directory"]) == ("api", "succeeded", "acme-1")
        assert active(acme, "acme") == people(okta)
        assert acme.overlapping() == []
        known = {each["run"] for each in one.get("/runs").json()["items"]}
        assert known == scheduled | {each["run"] for each in over}
