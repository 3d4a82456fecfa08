"""Push meets pull: a daemon is told over HTTP what a simulated directory holds, some of it is lost, audits find it."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World
from rosterd.simulators.records import Person
from rosterd.simulators.world import Kind
from tests.acceptance.command import Rehearsal
from tests.acceptance.daemon import eventually, serving, told

pytestmark = pytest.mark.acceptance

USER, GROUP = (f"urn:ietf:params:scim:schemas:core:2.0:{kind}" for kind in ("User", "Group"))
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TEAM = '[[directory.team]]\ngroup = "Engineering"\nteam = "Engineering"\n'
AUDITS = 'audits = "acme-scim"\nevery = "{every}"\n'


@contextmanager
def audited(
    folder: Path, kind: Kind, *, store: str = "", every: str = "24h", given: bool = True
) -> Iterator[Rehearsal]:
    """A workspace that was told of 40 people, and a directory that audits that from now on: both are of one world. The
    id that the directory knows people by is `given` along or not."""
    acme = told(folder, mapped=TEAM, store=store)
    with Simulator(kind, World.generate(kind, 40, 6, domain="acme.example")) as simulator:
        simulator.world.clock = lambda: dt.datetime.now(dt.UTC)
        acme.simulators[kind] = simulator
        acme.environment["SECRET"] = simulator.secret
        push(acme, simulator.world, given=given)
        with acme.file.open("a", encoding="utf-8") as file:
            file.write(simulator.configuration(f"acme-{kind}", "acme", env="SECRET") + AUDITS.format(every=every))
        yield acme


def push(acme: Rehearsal, world: World, *, given: bool) -> None:
    """Everything is told, and done."""
    with serving(acme) as daemon:
        tell(daemon.client("acme-scim"), world, given=given)
        many = sum(1 for each in world.people.values() if each.status == "active" and not each.guest)
        eventually(lambda: sum(member["active"] for member in acme.roster().values()) == many)
        assert daemon.stop().code == 0
    assert acme.here("sync", "acme-scim").code == 0


def described(person: Person, *, given: bool) -> dict[str, Any]:
    """What an identity provider tells of a person."""
    return {
        "schemas": [USER, ENTERPRISE], "userName": person.user_name, "active": True, "title": person.title,
        "displayName": person.display_name, "name": {"givenName": person.given_name, "familyName": person.family_name},
        "emails": [{"value": person.email, "type": "work", "primary": True}],
        ENTERPRISE: {"department": person.department}, **({"externalId": person.id} if given else {}),
    }  # fmt: skip


def tell(client: httpx.Client, world: World, *, given: bool) -> None:
    """Everybody who is active and no guest, and who is in Engineering."""
    ids: dict[str, str] = {}
    for person in world.people.values():
        if person.status == "active" and not person.guest:
            answer = client.post("/Users", json=described(person, given=given))
            assert answer.status_code == 201, answer.text
            ids[person.id] = answer.json()["id"]
    members = [{"value": ids[each.id]} for each in world.members(world.group("Engineering")) if each.id in ids]
    answer = client.post("/Groups", json={"schemas": [GROUP], "displayName": "Engineering", "members": members})
    assert answer.status_code == 201, answer.text


def employed(world: World) -> list[Person]:
    """Those who are active, no guests, and in no group that matters here; those without a title keep it so."""
    inside = {each.id for each in world.members(world.group("Engineering"))}
    people = (each for each in world.people.values() if each.status == "active" and not each.guest)
    return [each for each in people if each.id not in inside]


def lose(world: World) -> set[tuple[str, str]]:
    """What happens and is never told: code and address of each."""
    gone, suspended, other, joined, *_ = employed(world)
    left = next(each for each in world.members(world.group("Engineering")) if each.status == "active")
    world.delete(gone.id)  # before anybody read them: that they were ever there is not known
    world.suspend(suspended.id)
    world.rename(other.id, family_name="Lovelace")
    world.join("Engineering", joined.id)
    world.leave("Engineering", left.id)
    hired = world.hire("Grace", "Hopper")
    return {
        ("orphan", gone.email), ("lost_delete", suspended.email),
        ("different", other.email), ("membership", joined.email), ("membership", left.email), ("missing", hired.email),
    }  # fmt: skip


def found(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["code"], each["email"]) for each in document["findings"]}


@pytest.mark.parametrize("given", [True, False], ids=["by id", "by address"])
@pytest.mark.parametrize("kind", ["okta", "entra"])
def test_what_was_lost_is_found_and_nobody_is_changed(tmp_path: Path, kind: Kind, given: bool) -> None:
    with audited(tmp_path, kind, given=given) as acme:
        before = acme.roster()
        lost = lose(acme.world(kind))
        result = acme.here("audit", "acme-scim", "--json")
        assert result.code == 2, result.err
        assert found(result.json) == lost
        assert result.json["state"] == "succeeded"
        assert sum(result.json["audit"]["counts"].values()) == len(result.json["findings"]) == len(lost)
        assert result.json["counts"]["deactivate"] == 0
        assert acme.roster() == before
        text = acme.here("audit", "acme-scim")
        assert text.code == 2
        assert "the identity provider did not send that they left" in text.out
        assert all(address in text.out for _, address in lost)
        assert "Nothing was changed" in text.out
        assert acme.here("sync", f"acme-{kind}").code == 0  # a run of the one that audits is an audit
        assert acme.roster() == before


def test_the_same_on_both_sides_is_exit_code_0(tmp_path: Path) -> None:
    with audited(tmp_path, "entra") as acme:
        result = acme.here("audit", "acme-entra", "--json")
        assert (result.code, result.json["findings"], result.json["audit"]["counts"]) == (0, [], {}), result.out
        assert result.json["counts"]["unchanged"] == result.json["counts"]["in_scope"] > 20


def test_the_daemon_audits_on_schedule_over_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with audited(tmp_path, "okta", store=postgres_url) as acme:
        lost = lose(acme.world("okta"))

        def audits() -> list[dict[str, Any]]:
            listed: list[dict[str, Any]] = acme.here("reports", "--directory", "acme-okta", "--json").json
            return [report for report in listed if report["state"] == "succeeded"]

        with serving(acme) as daemon:
            eventually(audits)
            result = daemon.stop()
        assert result.code == 0
        (report,) = audits()
        assert (report["trigger"], report["counts"]["deactivate"]) == ("schedule", 0)
        assert report["audit"]["of"] == "acme-scim"
        assert sum(report["audit"]["counts"].values()) == len(lost)
        assert {cause["kind"] for cause in report["causes"]} == {code for code, _ in lost}
        assert f"{len(lost)} differences from acme-scim" in result.err
        shown = acme.here("report", report["run"])
        assert "audit of acme-scim: 6 differences" in shown.out


def test_a_sync_of_the_one_that_audits_is_the_daemons_audit(tmp_path: Path) -> None:
    with audited(tmp_path, "okta") as acme, serving(acme):
        lost = lose(acme.world("okta"))
        result = acme.here("sync", "acme-okta", "--json")
        assert result.code == 0, result.err
        assert result.json["trigger"] == "manual"
        assert sum(result.json["audit"]["counts"].values()) == len(lost)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("audit", "acme-okta"), "not_audited"),
        (("audit", "acme-scim"), "not_audited"),
        (("audit", "acme-scin"), "unknown_directory"),
    ],
)
def test_what_cannot_be_audited_says_how_it_could(tmp_path: Path, command: tuple[str, ...], code: str) -> None:
    acme = told(tmp_path)
    with acme.file.open("a", encoding="utf-8") as file:
        file.write('[[directory]]\nid = "acme-okta"\nworkspace = "acme"\nkind = "okta"\nurl = "https://acme.okta.com"\n'
                   'token = { env = "X" }\n')  # fmt: skip
    result = acme.here(*command, "--json")
    assert (result.code, result.json["error"]["code"]) == (1, code)
    assert result.json["error"]["fix"]


def test_one_that_audits_can_be_compared_with_no_other_configuration(tmp_path: Path) -> None:
    with audited(tmp_path, "okta") as acme:
        result = acme.here("plan", "acme-okta", "--against", "rosterd.toml", "--json")
        assert (result.code, result.json["error"]["code"]) == (1, "not_comparable")
