"""What is told becomes the same mirror, history and pending people as a read of the same changes (staging.py)."""

import itertools
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
    UserState,
)
from reconciler.policy import AttributeMapping, Policy, TeamMapping
from store import Store
from store.database import rows
from store.mirror import directory_row
from store.past import direct_groups, groups, person
from store.staging import Staging
from tests.builders import policy, user
from tests.store.scim.endpoints import NOW, request

PEOPLE, GROUPS, NAMES = ("ada", "bob", "cyd"), ("g1", "g2", "g3"), ("Eng", "eng", "Admins", "Ops")
NUMBERS = itertools.count()
ASKED = policy(teams=(TeamMapping("Eng", "E"), TeamMapping("g2", "G")), attributes=(AttributeMapping("mail", "email"),))

people = st.builds(
    lambda name, state, email, mail: user(name, state, email=f"{email}@acme.com", attributes={"mail": mail}),
    st.sampled_from(PEOPLE),
    st.sampled_from([UserState.ACTIVE, UserState.ACTIVE, UserState.SUSPENDED, UserState.GONE]),
    st.sampled_from(PEOPLE),
    st.sampled_from(["", "x@acme.com"]),
)
some_people = st.lists(st.sampled_from(PEOPLE), max_size=3).map(tuple)
some_groups = st.lists(st.sampled_from(GROUPS), max_size=2).map(tuple)
group = st.sampled_from(GROUPS)
observations = st.one_of(
    people.map(lambda one: UsersSeen((one,))),
    st.lists(people, max_size=3, unique_by=lambda one: one.external_id).map(lambda found: UsersSeen(tuple(found))),
    st.builds(UserGone, st.sampled_from(PEOPLE), st.sampled_from([Evidence.TOMBSTONE, Evidence.ABSENCE])),
    st.builds(lambda one, name: GroupsSeen((DirectoryGroup(one, name),)), group, st.sampled_from(NAMES)),
    st.builds(GroupGone, group),
    st.builds(MembersSeen, group, some_people, some_groups),
    st.builds(MembersLeft, group, some_people, some_groups),
)


def begin(opened: Store, *, planned: bool, members: Sequence[str]) -> tuple[Policy, Policy]:
    """Two directories that nothing is known of but members of these external ids."""
    number = next(NUMBERS)
    asked = [msgspec.structs.replace(ASKED, directory=f"{name}{number}") for name in ("staged", "told")]
    with opened.write() as connection:
        for one in asked:
            directory_row(connection, one.directory)
            digest = "known" if planned else ""
            given = {"p": digest, "d": one.directory}
            connection.execute(text("UPDATE directory SET policy_digest = :p WHERE id = :d"), given)
            for member in members:
                connection.execute(
                    text(
                        "INSERT INTO member (id, workspace, email, name_key, user_name, given_name, family_name,"
                        " display_name, title, department, manager, active, managed, directory, external_id,"
                        " created_at, updated_at)"
                        " VALUES (:i, 'acme', '', '', '', '', '', '', '', '', '', TRUE, TRUE, :d, :x, '', '')"
                    ),
                    {"i": f"{one.directory}-{member}", "d": one.directory, "x": member},
                )
    return asked[0], asked[1]


def stage(opened: Store, asked: Policy, observation: Observation) -> None:
    """An incremental read of one observation; a group that is new or back is read whole."""
    staging = Staging(opened, asked, lambda: NOW)
    try:
        staging.take(observation)
        for collection in ("users", "groups"):
            staging.take(CollectionEnd(collection, Completeness.DELTA))
        for group in fresh(opened, asked, observation):
            staging.take(CollectionEnd("members", Completeness.COMPLETE, group))
        if isinstance(observation, MembersSeen | MembersLeft):
            staging.take(CollectionEnd("members", Completeness.DELTA, observation.group))
        staging.promote()
    finally:
        staging.discard()


def fresh(opened: Store, asked: Policy, observation: Observation) -> list[str]:
    if not isinstance(observation, GroupsSeen):
        return []
    with opened.read() as connection:
        known = groups(connection, asked.directory)
        edges = rows(connection, "SELECT group_id FROM mirror_edge WHERE directory = :d", d=asked.directory)
    there = {one.external_id for one in known} | {row[0] for row in edges}
    return [one.external_id for one in observation.groups if one.external_id not in there]


def told(opened: Store, asked: Policy, *observations: Observation) -> None:
    """One request."""
    with request(opened, asked) as resources:
        for observation in observations:
            resources.absorb(observation)


TABLES = {
    "mirror_user": "SELECT external_id, state, evidence, match_key, scoped, changed_at, body FROM mirror_user"
    " WHERE directory = :d",
    "mirror_group": "SELECT external_id, name, email, gone, members_complete_at FROM mirror_group WHERE directory = :d",
    "mirror_edge": "SELECT nested, member_id, group_id FROM mirror_edge WHERE directory = :d",
    "mirror_user_was": "SELECT external_id, state, evidence, body, generation FROM mirror_user_was"
    " WHERE directory = :d",
    "mirror_group_was": "SELECT external_id, name, email, gone, generation FROM mirror_group_was WHERE directory = :d",
    "mirror_edge_was": "SELECT nested, member_id, group_id, came, generation FROM mirror_edge_was WHERE directory = :d",
    "pending": "SELECT external_id, mark FROM pending WHERE directory = :d",
    "binding": "SELECT ref, group_id FROM binding WHERE directory = :d",
}


def everything(opened: Store, asked: Policy, *, planned: bool = True) -> dict[str, Any]:
    """All that is known of a directory; generations by their order, as promotions that change nothing count too.

    Before the first plan a promotion marks nobody, being a part of the run that compares everybody next. What is told
    is marked always: that run may have begun already (test_during_a_run.py).
    """
    with opened.read() as connection:
        found = {
            table: sorted(map(tuple, rows(connection, sql, d=asked.directory)), key=repr)
            for table, sql in TABLES.items()
            if planned or table != "pending"
        }
    numbered = [table for table in found if table == "pending" or table.endswith("_was")]
    order = {mark: n for n, mark in enumerate(sorted({row[-1] for table in numbered for row in found[table]}))}
    return found | {
        table: sorted([(*row[:-1], order[row[-1]]) for row in found[table]], key=repr) for table in numbered
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(observations, min_size=1, max_size=8),
    st.booleans(),
    st.lists(st.sampled_from(PEOPLE), unique=True, max_size=1),
)
def test_told_one_by_one_is_what_incremental_reads_make_of_it(
    store: Store, seen: list[Observation], planned: bool, members: list[str]
) -> None:
    staged_policy, told_policy = begin(store, planned=planned, members=members)
    edges_first = UsersSeen((user("eve"),))  # both have a first generation, which keeps no history
    for observation in (edges_first, *seen):
        if isinstance(observation, GroupsSeen) and set(fresh(store, staged_policy, observation)) != set(
            new(store, staged_policy, observation)
        ):
            continue  # memberships before their group: of such a group no read ends whole
        stage(store, staged_policy, observation)
        told(store, told_policy, observation)
        assert everything(store, told_policy, planned=planned) == everything(store, staged_policy, planned=planned)


def new(opened: Store, asked: Policy, observation: GroupsSeen) -> list[str]:
    with opened.read() as connection:
        known = {one.external_id for one in groups(connection, asked.directory)}
    return [one.external_id for one in observation.groups if one.external_id not in known]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(observations, max_size=6), st.lists(observations, min_size=1, max_size=8))
def test_told_in_one_request_is_one_generation_with_what_was_before_it(
    store: Store, first: list[Observation], second: list[Observation]
) -> None:
    one_by_one, at_once = begin(store, planned=True, members=[])
    before: list[Any] = []
    for asked in (one_by_one, at_once):
        told(store, asked, UsersSeen((user("eve"),)))
        told(store, asked, *first)
        before.append(known(store, asked))
    for observation in second:
        told(store, one_by_one, observation)
    marks = generation(store, at_once)
    told(store, at_once, *second)
    assert generation(store, at_once) <= marks + 1
    everything_now = [everything(store, asked) for asked in (one_by_one, at_once)]
    for table in ("mirror_user", "mirror_group", "mirror_edge", "binding"):
        assert everything_now[0][table] == everything_now[1][table]
    assert [row[0] for row in everything_now[0]["pending"]] == [row[0] for row in everything_now[1]["pending"]]
    assert known(store, at_once, marks) == before[1]


def generation(opened: Store, asked: Policy) -> int:
    with opened.write() as connection:
        return directory_row(connection, asked.directory).generation


def known(opened: Store, asked: Policy, mark: int = 1 << 30) -> Any:
    """People, their groups and the groups after a promotion."""
    with opened.read() as connection:
        found = {name: person(connection, asked.directory, name, mark) for name in (*PEOPLE, "eve")}
        inside = {name: direct_groups(connection, asked.directory, name, mark) for name in PEOPLE}
        return found, inside, groups(connection, asked.directory, mark)


def test_what_changes_nothing_is_no_generation(store: Store) -> None:
    eng = DirectoryGroup("g1", "Eng")
    there = (UsersSeen((user("ada"),)), GroupsSeen((eng,)), MembersSeen("g1", ("ada",)))
    told(store, ASKED, *there)
    before = generation(store, ASKED)
    told(store, ASKED, *there, MembersLeft("g1", ("bob",)), UserGone("nobody"), GroupGone("nothing"))
    assert generation(store, ASKED) == before == 1


@pytest.mark.parametrize("listed", [True, False])
def test_a_deleted_group_takes_its_members_out_whether_or_not_they_are_listed(store: Store, listed: bool) -> None:
    asked, _ = begin(store, planned=True, members=[])
    told(store, asked, GroupsSeen((DirectoryGroup("g1", "Eng"),)), MembersSeen("g1", ("ada", "bob"), ("g2",)))
    with request(store, asked) as resources:
        if listed:
            resources._absorption.deleting("g1", ["ada", "bob", "g2"])
        resources.absorb(GroupGone("g1"))
    found = everything(store, asked)
    assert found["mirror_edge"] == []
    assert [row[0] for row in found["pending"]] == ["ada", "bob"]
