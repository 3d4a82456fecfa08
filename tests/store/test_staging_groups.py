"""What a pull makes of groups, their members and their names."""

import pytest

from reconciler.errors import StoreError
from reconciler.model import (
    CollectionEnd,
    Completeness,
    GroupsSeen,
    Observation,
)
from reconciler.report import Complete
from store import Store
from store import staging as staging_module
from store.mirror import bound, group_view
from tests.builders import group, policy
from tests.store.pulling import FIRST, PART, WHOLE, edges, groups, members, pull, users

# -- groups and members -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param([members("Eng", "ada")], {"Eng/ada", "Ops/ada"}, id="left a group that was read whole"),
        pytest.param([members("Eng", "ada", end=PART)], {"Eng/ada", "Eng/bob", "Ops/ada"}, id="read in part"),
        pytest.param([members("Eng", end=WHOLE)], {"Ops/ada"}, id="read whole and empty"),
        pytest.param([members("Eng", "eve", end=PART)], {"Eng/ada", "Eng/bob", "Eng/eve", "Ops/ada"}, id="grown"),
        pytest.param([groups("Eng", "Ops")], {"Eng/ada", "Eng/bob", "Ops/ada"}, id="not read at all"),
        pytest.param([groups("Eng")], {"Eng/ada", "Eng/bob"}, id="a group is gone"),
        pytest.param([groups("Eng", end=PART)], {"Eng/ada", "Eng/bob", "Ops/ada"}, id="listed in part"),
        pytest.param([groups("Eng", end=None)], {"Eng/ada", "Eng/bob", "Ops/ada"}, id="listing never ended"),
        pytest.param(
            [members("Eng", "ada", end=None), members("Eng", "bob")], {"Eng/ada", "Eng/bob", "Ops/ada"}, id="two pages"
        ),
        pytest.param(
            [members("Eng", "ada", "ada", end=None), members("Eng", "ada", "bob")], {"Eng/ada", "Eng/bob", "Ops/ada"},
            id="a member on two pages",
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_memberships(store: Store, second: list[list[Observation]], expected: set[str]) -> None:
    pull(store, *FIRST)
    pull(store, *second)
    assert {"/".join(edge) for edge in edges(store)} == expected


@pytest.mark.parametrize(
    ("twice", "expected"),
    [
        ([members("Eng", "ada", "bob"), members("Eng", "ada")], {"Eng/ada", "Eng/bob"}),  # the first as it was
        ([members("Eng", "ada"), members("Eng", "eve")], {"Eng/ada", "Eng/bob", "Eng/eve"}),
        ([members("Eng", "ada", end=PART), members("Eng", "ada")], {"Eng/ada", "Eng/bob"}),
        ([members("Eng", "ada"), members("Eng", "ada", end=PART)], {"Eng/ada", "Eng/bob"}),
    ],
)
def test_of_a_group_that_ended_twice_nothing_is_concluded(
    store: Store, twice: list[list[Observation]], expected: set[str]
) -> None:
    """Regression: PostgreSQL refused the promotion, and SQLite believed whichever end it found first."""
    pull(store, users("ada", "bob"), groups("Eng"), members("Eng", "ada", "bob"))
    complete = pull(store, users("ada", "bob"), groups("Eng"), *twice)
    assert {"/".join(edge) for edge in edges(store)} == expected
    assert (complete.memberships, complete.incomplete_groups) == (False, ("Eng",))
    assert "the members of Eng ended twice" in complete.reasons
    whole = pull(store, users("ada", "bob"), groups("Eng"), members("Eng", "ada"))
    assert (whole.memberships, {"/".join(edge) for edge in edges(store)}) == (True, {"Eng/ada"})


@pytest.mark.parametrize(("before", "after"), [(["a\x1fb"], ["a", "b"]), (["a", "b\x1d"], ["a\x1d", "b"])])
def test_members_whose_ids_hold_separators_are_told_apart(store: Store, before: list[str], after: list[str]) -> None:
    """Regression: ids were joined for the digest, so that two groups of members could look like one."""
    pull(store, users("ada"), groups("Eng"), members("Eng", *before))
    pull(store, users("ada"), groups("Eng"), members("Eng", *after))
    assert edges(store) == {("Eng", name) for name in after}


def test_a_group_whose_id_could_be_taken_for_two_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="separator"):
        pull(store, users("ada"), groups("Eng\x1fOps"), members("Eng\x1fOps", "ada"))
    assert edges(store) == set()


def test_large_groups_are_staged_on_the_way_and_come_out_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"p{number:02}" for number in range(20)]
    pull(store, *FIRST)
    monkeypatch.setattr(staging_module, "BUFFER", 7)
    pages = [members("Eng", *names[at : at + 3], end=None) for at in range(0, 20, 3)]
    pull(store, *pages, members("Ops", "bob"), members("Eng", "ada"))
    assert edges(store) == {("Ops", "bob"), ("Eng", "ada"), *(("Eng", name) for name in names)}
    monkeypatch.undo()
    pull(store, members("Eng", "ada"))
    assert edges(store) == {("Ops", "bob"), ("Eng", "ada")}


def test_unchanged_members_after_a_short_read_are_compared_again(store: Store) -> None:
    pull(store, *FIRST)
    pull(store, members("Eng", "ada", "bob", "eve", end=PART))
    pull(store, members("Eng", "ada", "bob"))
    assert edges(store) == {("Eng", "ada"), ("Eng", "bob"), ("Ops", "ada")}


def test_a_group_that_comes_back_has_the_members_that_are_read(store: Store) -> None:
    pull(store, *FIRST)
    pull(store, groups("Eng"))
    pull(store, groups("Eng", "Ops"), members("Ops", "ada"))
    assert edges(store) == {("Eng", "ada"), ("Eng", "bob"), ("Ops", "ada")}


def test_completeness_is_reported_by_name_and_reason(store: Store) -> None:
    found = pull(store, users("ada", end=PART), groups("Eng", "Ops"), members("Ops", end=PART), members("Eng", "ada"))
    assert found == Complete(False, True, False, ("Ops",), ("partial users", "partial members"))
    assert pull(store, *FIRST).whole


def test_a_collection_that_never_ended_is_not_complete(store: Store) -> None:
    assert not pull(store, users("ada"), groups("Eng", end=None)).whole


# -- names --------------------------------------------------------------------------------------------------------


def renamed(name: str, external_id: str) -> list[Observation]:
    return [GroupsSeen((group(name, external_id),)), CollectionEnd("groups", WHOLE)]


def test_a_renamed_group_keeps_its_binding(store: Store) -> None:
    pull(store, users("ada"), renamed("Eng", "g1"), members("g1", "ada"))
    pull(store, renamed("Engineers", "g1"))
    with store.read() as connection:
        assert bound(connection, "okta") == {"Eng": "g1"}
        view, warnings = group_view(connection, policy())
    assert view.refs_of(("g1",)) == {"Eng"}
    assert view.names["Eng"] == "Engineers"
    assert list(warnings) == [
        'the directory lists no group "Admins"; correct the name in the configuration or create the group'
    ]


def test_a_group_that_is_gone_is_known_to_be_empty_and_one_never_seen_is_unknown(store: Store) -> None:
    pull(store, users("ada"), renamed("Eng", "g1"), members("g1", "ada"))
    pull(store, groups())
    with store.read() as connection:
        view, _ = group_view(connection, policy())
    assert view.unknown == {"Admins"}
    assert view.refs_of(("g1",)) == frozenset()


@pytest.mark.parametrize(
    ("end", "unknown"), [(WHOLE, {"Admins"}), (PART, {"Admins", "Eng"}), (None, {"Admins", "Eng"})]
)
def test_members_that_were_not_read_whole_are_unknown(
    store: Store, end: Completeness | None, unknown: set[str]
) -> None:
    pull(store, users("ada"), groups("Eng"), members("Eng", "ada", end=end))
    with store.read() as connection:
        assert group_view(connection, policy())[0].unknown == unknown
