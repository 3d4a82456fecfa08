"""What the mirror was after any run, put together from before-images, against what it was seen to be at the time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from reconciler.errors import DirectoryError
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    Evidence,
    MembersLeft,
    MembersSeen,
    Observation,
    UsersSeen,
    UserState,
)
from store import Store, open_store, past, policies
from store.database import rows, scalar
from store.staging import Staging
from tests.builders import DIRECTORY, Directory, policy, sync, user

NAMES, GROUPS = ["ada", "bob", "cyd", "dan"], ["Admins", "Eng", "Sub"]
STATES = [UserState.ACTIVE, UserState.SUSPENDED, UserState.GONE]
Mirror = tuple[Any, ...]
NOW = "2026-01-01T00:00:00.000Z"


def mirror(store: Store) -> Mirror:
    """The whole mirror as it is, read without what is tested here."""
    with store.read() as connection:
        people = rows(connection, "SELECT external_id, state, evidence, body FROM mirror_user ORDER BY external_id")
        edges = rows(connection, "SELECT nested, member_id, group_id FROM mirror_edge")
        groups = rows(
            connection, "SELECT external_id, name, email FROM mirror_group WHERE NOT gone ORDER BY external_id"
        )
    return tuple(map(tuple, people)), {(bool(e[0]), *e[1:]) for e in edges}, tuple(map(tuple, groups))


def remembered(store: Store, generation: int) -> Mirror:
    """The same, put together."""
    people, edges = [], set()
    with store.read() as connection:
        for name in NAMES:
            seen = past.person(connection, DIRECTORY, name, generation)
            if seen is not None:
                evidence = seen.evidence and seen.evidence.value
                people.append((name, seen.user.state.value, evidence, seen.user))
            edges |= {(False, name, group) for group in past.direct_groups(connection, DIRECTORY, name, generation)}
        edges |= {(True, child, up) for up, child in past.nested(connection, DIRECTORY, generation)}
        groups = tuple((g.external_id, g.name, g.email) for g in past.groups(connection, DIRECTORY, generation))
    return tuple(people), edges, groups


def same(seen: Mirror, put_together: Mirror) -> None:
    people, edges, groups = put_together
    assert [row[:3] for row in people] == [row[:3] for row in seen[0]]
    for (_, state, _, body), (_, _, _, who) in zip(seen[0], people, strict=True):
        kept = msgspec.json.decode(body, type=type(who))
        assert who == msgspec.structs.replace(kept, state=UserState.GONE if state == "gone" else kept.state)
    assert (edges, groups) == seen[1:]


# -- every history ------------------------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.tuples(st.just("hire"), st.sampled_from(NAMES), st.sampled_from(STATES), st.sampled_from(["", "Title"])),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("tombstone"), st.sampled_from(NAMES)),
    st.tuples(st.just("regroup"), st.sampled_from(NAMES), st.sampled_from(GROUPS)),
    st.tuples(st.just("nest"), st.sampled_from(GROUPS), st.sampled_from(GROUPS)),
    st.tuples(st.just("rename"), st.sampled_from(GROUPS), st.sampled_from(["One", "Two"])),
    st.tuples(st.just("drop"), st.sampled_from(GROUPS)),
    st.tuples(st.just("short"), st.sampled_from(["users", "groups", *GROUPS])),
    st.tuples(st.just("silent"), st.sampled_from(NAMES)),
)
HISTORY = st.lists(st.tuples(st.lists(EVENTS, max_size=5), st.sampled_from(["", "", "", "full", "broken", "plan"])))


def happen(directory: Directory, event: tuple[Any, ...]) -> None:
    match event:
        case ("hire", name, state, title):
            directory.hire(name, state=state, title=title)
        case ("delete" | "tombstone" as how, name) if name in directory.people:
            directory.delete(name)
            directory.tombstones += [name] if how == "tombstone" else []
        case ("regroup", name, group) if name in directory.people:
            directory.add_group(group)
            inside = directory.inside[group]
            (inside.discard if name in inside else inside.add)(name)
        case ("nest", parent, child):
            directory.add_group(parent, child)
            children = directory.nested[parent]
            (children.discard if child in children else children.add)(child)
        case ("rename", group, name):
            directory.groups[group] = DirectoryGroup(group, name)
            directory.add_group(group)
        case ("drop", group) if group in directory.groups:
            directory.drop_group(group)
        case ("short", what):
            directory.partial.add(what)
        case ("silent", name):
            directory.silent.add(name)


def lived(store: Store, history: list[Any]) -> dict[str, Mirror]:
    """The mirror after each run of a history."""
    directory, seen = Directory(), {}
    for events, how in history:
        for event in events:
            happen(directory, event)
        directory.error = DirectoryError("down") if how == "broken" else None
        directory.fail_after = len(events)
        report = sync(store, directory, verify=how == "full", apply=how != "plan")
        directory.partial, directory.tombstones = set(), []
        seen[report.run] = mirror(store)
    return seen


@pytest.mark.parametrize(("database", "examples"), [("sqlite_url", 25), ("postgres_url", 5)])
def test_the_mirror_of_every_run_is_remembered(
    database: str, examples: int, request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path
) -> None:
    url = request.getfixturevalue(database)

    @contextmanager
    def fresh() -> Iterator[Store]:
        if database == "sqlite_url":
            shutil.copy(sqlite_template, tmp_path / "rosterd.db")
        else:
            request.getfixturevalue("postgres").empty()
        store = open_store(url)
        try:
            yield store
        finally:
            store.close()

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(history=HISTORY)
    def remembers(history: list[Any]) -> None:
        with fresh() as store:
            seen = lived(store, history)
            with store.read() as connection:
                generations = {row[0]: row[1] for row in rows(connection, "SELECT id, generation FROM run")}
            for run, then in seen.items():
                same(then, remembered(store, generations[run]))

    remembers()


# -- what is written ----------------------------------------------------------------------------------------------


def kept(store: Store) -> dict[str, int]:
    tables = ("mirror_user_was", "mirror_group_was", "mirror_edge_was")
    with store.read() as connection:
        return {table: scalar(connection, f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


NOTHING = {"mirror_user_was": 0, "mirror_group_was": 0, "mirror_edge_was": 0}


def test_a_first_load_and_a_read_without_changes_keep_nothing(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.join("ada", groups=["Admins"])
    for _ in range(3):
        sync(store, directory)
        assert kept(store) == NOTHING


def test_only_what_changed_is_kept(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    directory.join("ada", "bob", groups=["Eng"])
    sync(store, directory)
    directory.change("ada", title="Countess")
    directory.leave("bob", groups=["Eng"])
    sync(store, directory)
    assert kept(store) == {"mirror_user_was": 1, "mirror_group_was": 0, "mirror_edge_was": 1}
    with store.read() as connection:
        assert past.direct_groups(connection, DIRECTORY, "bob", 1) == ("Eng",)
        assert past.direct_groups(connection, DIRECTORY, "bob", 2) == ()


def promote(store: Store, *seen: Observation, how: Completeness = Completeness.COMPLETE) -> None:
    """A read that no plan follows."""
    staging = Staging(store, policy(), lambda: NOW)
    for observation in (*seen, *(CollectionEnd(one, how) for one in ("users", "groups"))):
        staging.take(observation)
    staging.promote()
    staging.discard()


def test_people_who_come_after_an_empty_first_read_were_not_known_before(store: Store) -> None:
    promote(store)
    promote(store, UsersSeen((user("ada"),)))
    with store.read() as connection:
        assert past.person(connection, DIRECTORY, "ada", 1) is None
        assert past.person(connection, DIRECTORY, "ada", 2) == past.Sighting(user("ada"), None)


def test_a_membership_that_went_and_came_in_one_promotion_was_there_before(store: Store) -> None:
    directory = Directory("ada")
    directory.join("ada", groups=["Eng"])
    sync(store, directory)
    end = CollectionEnd("members", Completeness.DELTA, "Eng")
    promote(store, MembersLeft("Eng", ("ada",)), MembersSeen("Eng", ("ada",)), end, how=Completeness.DELTA)
    with store.read() as connection:
        assert [past.direct_groups(connection, DIRECTORY, "ada", n) for n in (0, 1, 2)] == [(), ("Eng",), ("Eng",)]


def test_a_leaver_was_there_before(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.delete("ada")
    sync(store, directory)
    with store.read() as connection:
        before, after = (past.person(connection, DIRECTORY, "ada", n) for n in (1, 2))
        assert before == past.Sighting(user("ada"), None)
        assert after == past.Sighting(user("ada", UserState.GONE), Evidence.TOMBSTONE)
        assert past.person(connection, DIRECTORY, "ada", 0) is None


# -- the policies that runs followed ------------------------------------------------------------------------------


def test_every_run_says_which_mirror_and_which_policy_it_followed(store: Store) -> None:
    directory = Directory("ada")
    first, second = policy(), policy(match="user_name")
    sync(store, directory, first)
    sync(store, directory, second)
    directory.error = DirectoryError("down")
    sync(store, directory, first)
    with store.read() as connection:
        found = rows(connection, "SELECT generation, policy FROM run ORDER BY began, id")
        assert [(row[0], policies.of(connection, DIRECTORY, row[1])) for row in found] == [
            (1, first),
            (2, second),
            (2, first),
        ]
