"""Audits on real stores: a directory in memory is read and compared with what its client told before."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import rosterd.auditing
from connectors.scim.observe import observed
from reconciler.audit import Finding
from reconciler.errors import DirectoryError
from reconciler.model import (
    DirectoryGroup,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
    Wanted,
)
from reconciler.policy import Policy, Scope
from reconciler.report import Report
from rosterd.auditing import ToldOtherwise, audit, auditing
from rosterd.ports import Told, now, run_once
from store import Store
from store import audit as store_audit
from store.database import rows
from store.leases import WorkspaceBusy, take
from store.totals import totals_in
from store.workspace import roster
from tests.builders import Directory, policy
from tests.store.scim.endpoints import NOW, person, request, team

TOLD = policy(directory="scim")
OWN = policy(directory="okta")
PEOPLE = ("ada", "bob", "cyd", "dan")


class Client:
    """What an identity provider tells; ids are the names in capitals."""

    def __init__(self, opened: Store, asked: Policy = TOLD) -> None:
        self.store, self.asked = opened, asked

    def tell(self, *names: str, at: str = NOW, **body: Any) -> None:
        for name in names:
            with request(self.store, self.asked, now=at) as resources:
                given = {
                    "userName": f"{name}@acme.com", "displayName": f"{name.title()} Doe", "externalId": name,
                    "name": {"givenName": name.title(), "familyName": "Doe"}, **body,
                }  # fmt: skip
                made = person(name.upper(), **given)
                made = msgspec.structs.replace(made, modified=at)
                known = resources.get("User", made.id)
                (resources.insert if known is None else resources.update)(made)
                resources.absorb(UsersSeen((observed(made, self.asked.read_attributes),)))

    def delete(self, name: str, at: str = NOW) -> None:
        with request(self.store, self.asked, now=at) as resources:
            resources.delete("User", name.upper())
            resources.absorb(UserGone(name.upper()))

    def join(self, group: str, *names: str) -> None:
        members = tuple(name.upper() for name in names)
        with request(self.store, self.asked) as resources:
            if resources.get("Group", f"g-{group}") is None:
                resources.insert(team(f"g-{group}", displayName=group))
                resources.absorb(GroupsSeen((DirectoryGroup(f"g-{group}", group),)))
            resources.add_members(f"g-{group}", members)
            resources.absorb(MembersSeen(f"g-{group}", members))

    def leave(self, group: str, *names: str) -> None:
        members = tuple(name.upper() for name in names)
        with request(self.store, self.asked) as resources:
            resources.remove_members(f"g-{group}", members)
            resources.absorb(MembersLeft(f"g-{group}", members))

    def run(self) -> Report:
        return asyncio.run(run_once(self.store, self.asked, Told(), progress=lambda *_: None))


def both(opened: Store, asked: Policy = TOLD) -> tuple[Client, Directory]:
    """A client and a directory that say the same: four people, ada an admin, bob an engineer."""
    client, directory = Client(opened, asked), Directory(*PEOPLE)
    client.tell(*PEOPLE)
    for group, name in (("Admins", "ada"), ("Eng", "bob")):
        client.join(group, name)
        directory.join(name, groups=[group])
    client.run()
    return client, directory


def audited(
    opened: Store, directory: Directory, *, told: Policy = TOLD, own: Policy = OWN, **options: Any
) -> tuple[Report, list[Finding]]:
    found: list[Finding] = []
    made = audit(
        opened, told, auditing(told, own), directory, progress=lambda *_: None, found=found.append, **options
    )  # fmt: skip
    return asyncio.run(made), found


def brief(found: list[Finding]) -> list[tuple[str, ...]]:
    return sorted((each.code, each.told or each.directory, *(part.name for part in each.differences)) for each in found)


def test_the_same_is_nothing_and_no_member_is_touched(store: Store) -> None:
    _, directory = both(store)
    before = [*roster(store, "acme")]
    report, found = audited(store, directory)
    assert found == []
    assert (report.state, report.counts.seen, report.counts.in_scope, report.counts.unchanged) == ("succeeded", 4, 4, 4)
    assert report.audit is not None
    assert (report.audit.of, report.audit.counts) == ("scim", {})
    assert [*roster(store, "acme")] == before
    with store.read() as connection:
        assert rows(connection, "SELECT 1 FROM action WHERE run = :run", run=report.run) == []
        assert rows(connection, "SELECT 1 FROM pending WHERE directory = 'okta'") == []


CHANGES: dict[str, tuple[Callable[[Client, Directory], None], list[tuple[str, ...]]]] = {
    "suspended": (lambda _, there: there.suspend("cyd"), [("lost_delete", "CYD")]),
    "deleted before the first audit": (lambda _, there: there.delete("cyd"), [("orphan", "CYD")]),
    "hired": (lambda _, there: there.hire("eve"), [("missing", "eve")]),
    "deleted by the client": (lambda here, _: here.delete("cyd"), [("missing", "cyd")]),
    "suspended by the client": (lambda here, _: here.tell("cyd", active=False), [("different", "CYD", "state")]),
    "renamed": (lambda _, there: there.change("cyd", family_name="Roe"), [("different", "CYD", "family_name")]),
    "another address": (
        lambda _, there: there.change("cyd", email="c@acme.com"),
        [("different", "CYD", "email")],  # the client gives the vendor's id: they are found by it
    ),
    "joined": (lambda _, there: there.join("cyd", groups=["Eng"]), [("membership", "CYD", "Eng")]),
    "joined as told": (lambda here, _: here.join("Eng", "cyd"), [("membership", "CYD", "Eng")]),
    "left": (lambda _, there: there.leave("bob", groups=["Eng"]), [("membership", "BOB", "Eng")]),
    "left as told": (lambda here, _: here.leave("Eng", "bob"), [("membership", "BOB", "Eng")]),
    "a group that policy does not mention": (lambda _, there: there.join("cyd", groups=["Chess"]), []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_is_exactly_that_finding(store: Store, change: str) -> None:
    client, directory = both(store)
    make, expected = CHANGES[change]
    make(client, directory)
    report, found = audited(store, directory)
    assert brief(found) == expected
    assert report.audit is not None
    with store.read() as connection:
        assert totals_in(connection)["okta"].audit == report.audit
    assert report.audit.counts == {code: 1 for code, *_ in expected}
    assert [(cause.kind, cause.count) for cause in report.causes] == [(code, 1) for code, *_ in expected]
    assert any(code in warning for code, *_ in expected for warning in report.warnings) or not expected


def test_who_was_seen_before_is_a_lost_delete_when_they_are_gone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosterd.auditing, "GRACE", timedelta(0))
    _, directory = both(store)
    audited(store, directory)
    directory.delete("cyd")
    audited(store, directory)  # sees it
    _, found = audited(store, directory)
    assert [(each.code, each.told, each.cause) for each in found] == [
        ("lost_delete", "CYD", "deleted in the directory")
    ]


def test_what_a_client_may_still_send_is_no_finding_until_it_is_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, directory = both(store)
    audited(store, directory)
    directory.suspend("cyd")
    directory.join("dan", groups=["Eng"])
    report, found = audited(store, directory)
    assert found == []
    assert report.audit is not None
    assert report.audit.underway == 2
    monkeypatch.setattr(rosterd.auditing, "GRACE", timedelta(0))
    _, found = audited(store, directory)
    assert brief(found) == [("lost_delete", "CYD"), ("membership", "DAN", "Eng")]


def test_what_the_first_audit_found_the_next_one_finds(store: Store) -> None:
    _, directory = both(store)
    directory.suspend("cyd")
    assert audited(store, directory)[1] == audited(store, directory)[1] != []


class Meanwhile(Directory):
    """A directory during whose reading something is told."""

    def __init__(self, *names: str, then: Callable[[], None]) -> None:
        super().__init__(*names)
        self._then = then

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        async for observation in super().pull(wanted):
            yield observation
        self._then()


def test_what_is_told_while_the_directory_is_read_is_no_finding(store: Store) -> None:
    client, _ = both(store)

    def push() -> None:
        client.tell("cyd", at=now(), name={"givenName": "Cyd", "familyName": "Roe"})
        client.delete("dan", at=now())
        client.tell("eve", at=now())
        client.join("Eng", "ada")

    directory = Meanwhile(*PEOPLE, then=push)
    directory.join("ada", groups=["Admins"])
    directory.join("bob", groups=["Eng"])
    report, found = audited(store, directory)
    assert found == []
    assert report.audit is not None
    assert report.audit.underway == 3  # cyd, eve, and the group of ada; nobody waits for dan


def test_an_address_that_is_told_anew_meanwhile_makes_nobody_missing(store: Store) -> None:
    client = Client(store)
    client.tell(*PEOPLE, externalId=None)
    client.run()
    renamed = Meanwhile(
        *PEOPLE, then=lambda: client.tell("cyd", at=now(), externalId=None, userName="c@acme.com")
    )  # fmt: skip
    _, found = audited(store, renamed)
    assert found == []


def test_by_the_key_of_matching_where_the_client_gives_no_id(store: Store) -> None:
    client, directory = Client(store), Directory(*PEOPLE)
    client.tell(*PEOPLE, externalId=None)
    client.run()
    assert audited(store, directory)[1] == []


def test_a_lost_delete_by_the_key_of_matching(store: Store) -> None:
    client, directory = Client(store), Directory(*PEOPLE)
    client.tell(*PEOPLE, externalId="of another kind")
    client.run()
    directory.suspend("bob")
    assert brief(audited(store, directory)[1]) == [("lost_delete", "BOB")]


def test_an_account_that_was_made_anew_is_the_person(store: Store) -> None:
    client, directory = both(store)
    directory.suspend("cyd")
    directory.hire("cyd2", email="cyd@acme.com", user_name="cyd@acme.com", given_name="Cyd", display_name="Cyd Doe")
    assert brief(audited(store, directory)[1]) == [("lost_delete", "CYD")]  # the id that was given counts
    client.tell("cyd", externalId="cyd2")
    assert audited(store, directory)[1] == []


# -- short reads --------------------------------------------------------------------------------------------------


def test_a_short_read_is_said_and_makes_nobody_an_orphan(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosterd.auditing, "GRACE", timedelta(0))
    client, directory = both(store)
    client.tell("zoe")
    client.run()
    directory.suspend("cyd")
    audited(store, directory)
    directory.partial.add("users")
    directory.hidden.add("bob")
    report, found = audited(store, directory)
    assert report.state == "blocked"
    assert report.audit is not None
    assert (brief(found), report.audit.unjudged) == ([("lost_delete", "CYD")], 1)


def test_a_first_read_that_is_short_judges_nobody(store: Store) -> None:
    _, directory = both(store)
    directory.suspend("cyd")
    directory.partial.add("users")
    report, found = audited(store, directory)
    assert (report.state, found) == ("blocked", [])
    assert "nobody was compared" in report.warnings[0]


def test_a_group_that_is_read_short_takes_nobody_out(store: Store) -> None:
    client, directory = both(store)
    client.join("Eng", "cyd")
    directory.partial.add("Eng")
    report, found = audited(store, directory)
    assert (report.state, found) == ("blocked", [])


def test_a_directory_that_cannot_be_read_is_a_blocked_report(store: Store) -> None:
    _, directory = both(store)
    directory.error = DirectoryError("it does not answer", where="okta")
    report, found = audited(store, directory)
    assert (report.state, found) == ("blocked", [])
    assert report.health is not None
    assert report.health.state == "failing"


# -- scope, groups, turns -----------------------------------------------------------------------------------------


def test_who_is_provisioned_is_said_by_the_directory_that_audits(store: Store) -> None:
    _, directory = both(store)
    directory.join("ada", "bob", "cyd", groups=["App"])
    directory.hire("eve")
    own = policy(directory="okta", scope=Scope(groups=("App",)))
    _, found = audited(store, directory, own=own)
    assert [(each.code, each.told) for each in found] == [("lost_delete", "DAN")]


def test_groups_are_the_same_by_what_the_client_calls_them(store: Store) -> None:
    asked = policy(directory="scim", teams=(), sources=(), scope=Scope(groups=("g-Eng",)))
    client, directory = both(store, asked)
    client.join("Eng", *PEOPLE)
    client.run()
    directory.join("ada", "cyd", "dan", groups=["Eng"])
    directory.hire("eve", "fay", groups=["Chess"])
    directory.join("fay", groups=["Eng"])
    _, found = audited(store, directory, told=asked)
    assert brief(found) == [("missing", "fay")]


def test_a_group_that_was_never_told_is_one_finding(store: Store) -> None:
    client, directory = Client(store), Directory(*PEOPLE)
    client.tell(*PEOPLE)
    client.run()
    directory.join(*PEOPLE, groups=["Eng"])
    report, found = audited(store, directory)
    assert [each.cause for each in found] == ['group "Eng" is in the directory, and was never told']
    assert any("Admins" in warning for warning in report.warnings)  # neither side has it: configuration is asked


def test_a_field_that_the_client_never_tells_is_said_once(store: Store) -> None:
    _, directory = both(store)
    for name in PEOPLE:
        directory.change(name, department="Engines")
    report, found = audited(store, directory)
    assert found == []
    assert any(warning.endswith("tells them of nobody: department") for warning in report.warnings)


def test_more_people_than_a_chunk_holds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_audit, "CHUNK", 2)
    _, directory = both(store)
    directory.suspend("cyd")
    directory.hire("aaa", "zzz")
    _, found = audited(store, directory)
    assert brief(found) == [("lost_delete", "CYD"), ("missing", "aaa"), ("missing", "zzz")]


def test_audits_wait_for_each_other_and_not_for_the_workspace(store: Store) -> None:
    _, directory = both(store)
    take(store, "acme", "another", now())
    assert audited(store, directory)[0].state == "succeeded"
    take(store, "audit:okta", "another", now())
    with pytest.raises(WorkspaceBusy, match="holds audit:okta"):
        audited(store, directory)


def test_what_was_told_under_another_configuration_is_read_anew_first(store: Store) -> None:
    _, directory = both(store)
    other = policy(directory="scim", match="user_name")
    with pytest.raises(ToldOtherwise):
        audited(store, directory, told=other)


def test_nothing_told_at_all_is_everybody_missing(store: Store) -> None:
    report, found = audited(store, Directory("ada"))
    assert (report.state, [each.code for each in found]) == ("succeeded", ["missing"])
