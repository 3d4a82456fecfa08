"""A directory that tells, over HTTP to a running daemon: what was answered is done, and nobody else sees it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator
from tests.acceptance.command import WORKSPACE, Rehearsal, people, rehearsal
from tests.acceptance.daemon import SCIM, Daemon, eventually, serving, told

pytestmark = pytest.mark.acceptance

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
OFF = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
       "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}  # fmt: skip


def person(name: str) -> dict[str, Any]:
    """A user of this name."""
    address = f"{name}@acme.example"
    return {
        "schemas": [USER], "userName": address, "name": {"givenName": name.title(), "familyName": "Lovelace"},
        "emails": [{"value": address, "type": "work", "primary": True}], "active": True,
    }  # fmt: skip


def made(client: httpx.Client, name: str) -> str:
    """Makes a person; their id."""
    response = client.post("/Users", json=person(name))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def active(acme: Rehearsal, name: str, workspace: str = "acme") -> bool:
    """Whether somebody is an active member."""
    return bool(acme.roster(workspace).get(f"{name}@acme.example", {}).get("active"))


def runs(acme: Rehearsal) -> list[dict[str, Any]]:
    """The reports, newest first."""
    result = acme.here("reports", "--limit", "1000", "--json")
    assert result.code == 0, result.err
    found: list[dict[str, Any]] = result.json
    return found


def comes_and_goes(acme: Rehearsal, daemon: Daemon) -> None:
    """A person joins, is found, is switched off, and is deleted."""
    client = daemon.client("acme-scim")
    response = client.post("/Users", json=person("ada"))
    assert response.status_code == 201
    assert response.headers["location"] == f"{daemon.endpoints['acme-scim']}/Users/{response.json()['id']}"
    eventually(lambda: active(acme, "ada"))
    assert client.get("/Users", params={"filter": 'userName eq "ADA@acme.example"'}).json()["totalResults"] == 1
    assert client.patch(f"/Users/{response.json()['id']}", json=OFF).status_code in (200, 204)
    eventually(lambda: not active(acme, "ada"))
    assert client.delete(f"/Users/{response.json()['id']}").status_code == 204
    assert client.get(f"/Users/{response.json()['id']}").status_code == 404


def test_who_is_told_becomes_a_member_and_who_is_switched_off_leaves(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        comes_and_goes(acme, daemon)
        assert daemon.stop().code == 0
    assert {run["trigger"] for run in runs(acme)} == {"push"}


def test_the_same_over_postgresql(tmp_path: Path, postgres_url: str) -> None:
    acme = told(tmp_path, store=postgres_url)
    with serving(acme) as daemon:
        comes_and_goes(acme, daemon)
        assert daemon.stop().code == 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_kill_9_after_an_answer_loses_nothing(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    acme = told(tmp_path, store=request.getfixturevalue("postgres_url") if database == "postgresql" else "")
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        for number in range(20):
            made(client, f"p{number}")
        daemon.kill()
    with serving(acme) as daemon:
        eventually(lambda: len(acme.roster()) == 20)
        assert daemon.stop().code == 0


def test_a_mapping_that_comes_later_finds_what_was_told_before(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        response = daemon.client("acme-scim").post("/Users", json={**person("ada"), "userType": "admin"})
        assert response.status_code == 201
        eventually(lambda: active(acme, "ada"))
        assert daemon.stop().code == 0
    told(tmp_path, mapped='[[directory.role]]\naxis = "role"\nattribute = "userType"\n')
    with serving(acme) as daemon:
        eventually(lambda: acme.roster()["ada@acme.example"]["roles"] == {"role": "admin"})
        assert daemon.stop().code == 0


def test_what_is_too_much_is_refused_and_the_daemon_lives(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        assert client.post("/Users", content=b" " * (9 << 20)).status_code == 413
        assert client.post("/Users", content=b"[" * 100_000).status_code == 400
        assert client.post("/Users", json={**person("ada"), "title": "\0"}).status_code == 400
        assert client.get("/Users", headers={f"X-{number}": "1" for number in range(200)}).status_code == 431
        made(client, "ada")
        result = daemon.stop()
        assert result.code == 0
        assert "Traceback" not in result.err


def test_a_burst_is_few_runs(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        token = daemon.token("acme-scim")

        def some(first: int) -> None:
            client = daemon.client("acme-scim", token)
            for number in range(first, 500, 8):
                made(client, f"p{number}")

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(some, range(8))) == [None] * 8
        eventually(lambda: len(acme.roster()) == 500)
        assert daemon.stop().code == 0
    assert len(runs(acme)) < 100


def test_one_directory_does_not_see_another(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with acme.file.open("a", encoding="utf-8") as file:
        file.write(WORKSPACE.format(id="other", limits="") + SCIM.format(id="other-scim", workspace="other", more=""))
    with serving(acme) as daemon:
        token = daemon.token("acme-scim")
        ours, others = daemon.client("acme-scim", token), daemon.client("other-scim")
        ada, brin = made(ours, "ada"), made(others, "brin")
        assert [ours.get(f"/Users/{brin}").status_code, others.get(f"/Users/{ada}").status_code] == [404, 404]
        assert ours.delete(f"/Users/{brin}").status_code == 404
        assert [user["id"] for user in ours.get("/Users").json()["Resources"]] == [ada]
        group = {"schemas": [USER.replace("User", "Group")], "displayName": "Ops", "members": [{"value": brin}]}
        answered = ours.post("/Groups", json=group)
        assert answered.status_code >= 400 or not answered.json().get("members")
        foreign = daemon.client("other-scim", token)
        assert foreign.get("/Users").status_code == 401
        assert foreign.get(f"/Users/{brin}").status_code == 401
        assert others.get(f"/Users/{brin}").status_code == 200
        eventually(lambda: active(acme, "ada") and active(acme, "brin", "other"))
        assert [*acme.roster()] == ["ada@acme.example"]
        assert daemon.stop().code == 0


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    acme = told(tmp_path, more="requests_per_second = 0.1")
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        answers = [client.get("/Users") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].headers["retry-after"].isdecimal()
        assert answers[-1].json()["status"] == "429"


def test_directories_that_are_read_and_that_tell_live_in_one_daemon(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        with acme.file.open("a", encoding="utf-8") as file:
            file.write(WORKSPACE.format(id="other", limits=""))
            file.write(SCIM.format(id="acme-scim", workspace="other", more=""))
        with serving(acme) as daemon:
            made(daemon.client("acme-scim"), "ada")
            eventually(lambda: active(acme, "ada", "other") and acme.roster())
            assert daemon.stop().code == 0
        assert {(run["directory"], run["trigger"]) for run in runs(acme)} == {
            ("okta", "schedule"), ("acme-scim", "push"),
        }  # fmt: skip


def test_a_recorded_conversation_has_nobody_in_it(tmp_path: Path) -> None:
    acme = told(tmp_path, more='record = "heard.jsonl"')
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        made(client, "ada")
        client.get("/Users", params={"filter": 'userName eq "ada@acme.example"'})
        assert daemon.stop().code == 0
    recorded = (tmp_path / "heard.jsonl").read_text(encoding="utf-8")
    assert len(recorded.splitlines()) == 2
    assert "acme.example" not in recorded
    assert "Ada" not in recorded
    assert "rosterd_" not in recorded


def test_check_says_what_was_heard(tmp_path: Path) -> None:
    acme = told(tmp_path)
    before = acme.here("check", "acme-scim", "--json")
    assert before.code == 0
    assert {"never_heard", "no_token"} <= {each["code"] for each in before.json["findings"]}
    with serving(acme) as daemon:
        client = daemon.client("acme-scim")
        user = made(client, "ada")
        assert client.patch(f"/Users/{user}", json=OFF).status_code in (200, 204)
        assert daemon.stop().code == 0
    found = {each["code"]: each["message"] for each in acme.here("check", "acme-scim", "--json").json["findings"]}
    assert "1 user and 0 groups" in found["resources"]
    assert "last used" in found["token"]
    assert {"leniency_op_case", "leniency_boolean_text", "last_request"} <= set(found)


def test_a_store_that_somebody_else_writes_to_for_long_is_waited_for(tmp_path: Path) -> None:
    """`rosterd sync` of a large directory beside the daemon: what is told meanwhile waits its turn."""
    with rehearsal(tmp_path, "okta", world=people(300)) as acme:
        text = acme.file.read_text(encoding="utf-8").replace('kind = "okta"', 'kind = "okta"\ncron = "0 0 1 1 *"')
        acme.file.write_text(text + WORKSPACE.format(id="other", limits="")
                             + SCIM.format(id="acme-scim", workspace="other", more=""), encoding="utf-8")  # fmt: skip
        assert isinstance(acme.simulators["okta"], Simulator)
        with serving(acme) as daemon:
            client = daemon.client("acme-scim")
            with acme.start("sync", "okta", "--json") as sync:
                for number in range(50):
                    made(client, f"p{number}")
                sync.communicate(timeout=60)
            assert sync.returncode == 0
            eventually(lambda: len(acme.roster("other")) == 50)
            assert daemon.stop().code == 0
