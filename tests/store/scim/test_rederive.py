"""Runs of a told directory: what was told reaches the workspace, no request is lost to a run, policy may change."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from connectors.scim.observe import observed as seen_by_the_listener
from reconciler.model import DirectoryGroup, DirectoryUser, GroupsSeen, MembersSeen, UserGone, UsersSeen
from reconciler.policy import AttributeMapping, Policy, TeamMapping
from reconciler.report import Report
from rosterd.ports import Told, run_once
from store import Store
from store.database import rows
from store.scim import rederive
from store.scim.rederive import Rederivation
from store.snapshot import View
from tests.builders import by_hand, people, policy
from tests.store.scim.endpoints import person, request, team
from tests.store.scim.test_told import everything
from tests.store.workspaces import add

TITLED = policy(attributes=(AttributeMapping("nickName", "title"),))


@pytest.fixture(autouse=True)
def owner(store: Store) -> None:
    add(store, by_hand("owner", "admin"))


def sync(opened: Store, asked: Policy | None = None, **options: Any) -> Report:
    return asyncio.run(run_once(opened, asked or policy(), Told(), progress=lambda *_: None, **options))


def push(opened: Store, *names: str, asked: Policy | None = None, **body: Any) -> None:
    """Makes users, or changes them, as the listener does."""
    told_by = asked or policy()
    for name in names:
        with request(opened, told_by) as told:
            made = person(name, **body)
            (told.update if told.get("User", name) else told.insert)(made)
            told.absorb(UsersSeen((seen_by_the_listener(made, told_by.read_attributes),)))


def join(opened: Store, group: str, *members: str, asked: Policy | None = None) -> None:
    with request(opened, asked) as told:
        if told.get("Group", group) is None:
            told.insert(team(group))
            told.absorb(GroupsSeen((DirectoryGroup(group, group),)))
        kinds = told.known(members)
        came = told.add_members(group, members)
        people_only = tuple(one for one in came if kinds[one] == "User")
        told.absorb(MembersSeen(group, people_only, tuple(one for one in came if kinds[one] == "Group")))


def delete(opened: Store, name: str) -> None:
    with request(opened) as told:
        told.delete("User", name)
        told.absorb(UserGone(name))


def emails(opened: Store) -> set[str]:
    return {email.split("@")[0] for email in people(opened)} - {"hand-owner", "owner"}


def test_what_was_told_reaches_the_workspace_and_a_second_run_has_nothing_to_do(store: Store) -> None:
    push(store, "ada", "bob")
    join(store, "Eng", "ada")
    report = sync(store)
    assert (report.state, report.complete.whole) == ("succeeded", True)
    assert report.health is not None
    assert report.health.last_complete == report.ended
    assert emails(store) == {"ada", "bob"}
    assert people(store)["ada@acme.com"].teams == ("Engineering",)
    delete(store, "bob")
    assert sync(store).counts.deactivate == 1
    assert emails(store) == {"ada"}
    assert sync(store).counts.deactivate == 0


def test_an_attribute_that_is_mapped_later_is_found_in_what_was_told_before(store: Store) -> None:
    push(store, "ada", nickName="Countess")
    sync(store)
    sync(store, TITLED)
    with store.read() as connection:
        assert [row[0] for row in rows(connection, "SELECT title FROM member WHERE managed")] == ["Countess"]


def test_a_request_under_an_older_policy_voids_what_was_made_under_a_newer_one(store: Store) -> None:
    """A daemon that runs with yesterday's file: the next run reads its people anew."""
    push(store, "ada", nickName="Countess")
    sync(store, TITLED)
    push(store, "ada", nickName="Lady")
    sync(store, TITLED)
    with store.read() as connection:
        assert [row[0] for row in rows(connection, "SELECT title FROM member WHERE managed")] == ["Lady"]


def test_making_the_mirror_anew_changes_nothing_that_was_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rederive, "CHUNK", 2)
    push(store, "ada", "bob", "cyd", "dan", "eve")
    join(store, "Eng", "ada", "bob", "cyd")
    join(store, "Top", "Eng", "dan")
    delete(store, "eve")
    before = without_times(store)
    sync(store, verify=True)
    assert without_times(store) == before


def without_times(opened: Store) -> dict[str, Any]:
    found = everything(opened, policy())
    return {table: found[table] for table in ("mirror_edge", "mirror_user_was", "mirror_edge_was")} | {
        "people": [row[:4] for row in found["mirror_user"]], "groups": [row[:4] for row in found["mirror_group"]],
    }  # fmt: skip


def test_a_mirror_that_lost_everything_is_made_from_the_resources(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rederive, "CHUNK", 2)
    push(store, "ada", "bob", "cyd")
    join(store, "Eng", "ada", "bob", "cyd")
    join(store, "Top", "Eng")
    before = without_times(store)
    with store.write() as connection:
        for table in ("mirror_user", "mirror_group", "mirror_edge", "mirror_user_was", "mirror_edge_was"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608
    sync(store, verify=True)
    after = without_times(store)
    assert (after["people"], after["groups"], after["mirror_edge"]) == (
        before["people"], before["groups"], before["mirror_edge"],
    )  # fmt: skip


def test_whom_no_resource_is_about_is_absent(store: Store) -> None:
    """As after another kind of directory had this id: the limits on absence judge it."""
    push(store, "ada", "bob")
    join(store, "Eng", "bob")
    sync(store)
    with store.write() as connection:
        connection.exec_driver_sql("DELETE FROM scim_member")
        connection.exec_driver_sql("DELETE FROM scim_resource WHERE id <> 'ada'")
    sync(store, verify=True, apply=False)
    found = everything(store, policy())
    assert [row[:3] for row in found["mirror_user"]] == [("ada", "active", None), ("bob", "gone", "absence")]
    assert [row[3] for row in found["mirror_group"]] == [True]
    assert found["mirror_edge"] == []


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("when", ["snapshot", "promote"])
def test_a_request_in_the_middle_of_a_run_is_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch, verify: bool, when: str
) -> None:
    """For the same person: what the run applied is older, so the person is looked at once more."""
    push(store, "ada", "bob")
    sync(store)
    push(store, "ada", displayName="Countess")

    def meanwhile() -> None:
        push(store, "ada", displayName="Lady")
        delete(store, "bob")

    once: Iterator[None] = iter([None])
    if when == "snapshot":
        known = View.__init__

        def begun(self: View, opened: Store, asked: Policy) -> None:
            known(self, opened, asked)
            if next(once, 0) is None:
                meanwhile()

        monkeypatch.setattr(View, "__init__", begun)
    else:
        whole = Rederivation.promote

        def promoting(self: Rederivation) -> Any:
            found = whole(self)
            meanwhile()
            return found

        monkeypatch.setattr(Rederivation, "promote", promoting)
    sync(store, verify=verify)
    monkeypatch.undo()
    sync(store)
    with store.read() as connection:
        members = rows(connection, "SELECT external_id, display_name, active FROM member WHERE managed")
    assert {(row[0], row[1]) for row in members if row[2]} == {("ada", "Lady")}
    assert not everything(store, policy())["pending"]


class Interrupted(Store):
    """A store that has something told to it just before its transaction of this number."""

    def __init__(self, opened: Store, number: int, tell: Callable[[], None]) -> None:
        super().__init__(opened.engine)
        self.left, self._tell = number, tell

    @contextmanager
    def write(self, *, migrates: bool = False) -> Iterator[Connection]:
        """As ever, and what is told before."""
        self.left -= 1
        if self.left == 0:
            self._tell()
        with super().write(migrates=migrates) as connection:
            yield connection


@pytest.mark.parametrize("number", range(1, 18))
def test_a_request_between_two_chunks_is_newer_than_what_the_next_chunk_reads(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(rederive, "CHUNK", 1)
    push(store, "ada", "bob", "cyd")
    join(store, "Eng", "ada", "bob")
    join(store, "Ops", "cyd")

    def tell() -> None:
        push(store, "ada", title="Countess")
        push(store, "dan")
        delete(store, "bob")
        join(store, "Ops", "ada", "dan")

    interrupted = Interrupted(store, number, tell)
    run = Rederivation(interrupted, policy(), lambda: "2026-01-03T00:00:00.000Z", observe=seen_by_the_listener)
    list(run.questions(thorough=True))
    run.promote()
    assert interrupted.left <= 0
    found = everything(store, policy())
    states = {row[0]: (row[1], msgspec.json.decode(row[6], type=DirectoryUser).title) for row in found["mirror_user"]}
    assert states == {"ada": ("active", "Countess"), "bob": ("gone", ""), "cyd": ("active", ""), "dan": ("active", "")}
    assert {tuple(row)[-2:] for row in found["mirror_edge"]} == {
        ("ada", "Eng"), ("cyd", "Ops"), ("ada", "Ops"), ("dan", "Ops"),
    }  # fmt: skip


def test_a_changed_policy_marks_whom_it_touches(store: Store) -> None:
    push(store, "ada", "bob")
    join(store, "Ops", "bob")
    sync(store)
    sync(store, policy(teams=(TeamMapping("Ops", "Operations"),)))
    assert people(store)["bob@acme.com"].teams == ("Operations",)
