"""From observations to the mirror: what a promotion makes of complete, partial, doubled and killed pulls."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from connectors.confirming import in_or_out
from reconciler.errors import StoreError
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Cursor,
    Evidence,
    GroupGone,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
)
from reconciler.policy import Policy
from reconciler.report import Complete
from store import Store
from store import staging as staging_module
from store.database import rows, scalar
from store.mirror import bound, cursor_of, group_view
from store.promotion import Promotion
from store.staging import Staging
from tests.builders import group, member, policy, user
from tests.store.workspaces import add

NOW = "2026-01-01T00:00:00.000Z"
WHOLE, PART, DELTA = Completeness.COMPLETE, Completeness.PARTIAL, Completeness.DELTA


def users(*seen: Any, end: Completeness | None = WHOLE) -> list[Observation]:
    """People (names are active ones) in pages of one, and how much of all that is."""
    people = [user(each) if isinstance(each, str) else each for each in seen]
    return [*[UsersSeen((each,)) for each in people], *ended("users", end)]


def groups(*names: str, end: Completeness | None = WHOLE) -> list[Observation]:
    """Groups called by their ids."""
    return [GroupsSeen(tuple(group(name) for name in names)), *ended("groups", end)]


def members(name: str, *people: str, inside: Iterable[str] = (), end: Completeness | None = WHOLE) -> list[Observation]:
    """A group's people and the groups in it."""
    return [MembersSeen(name, people, tuple(inside)), *ended("members", end, name)]


def ended(collection: str, end: Completeness | None, name: str = "") -> list[Observation]:
    return [] if end is None else [CollectionEnd(collection, end, name, "" if end is WHOLE else f"{end} {collection}")]


def pull(
    opened: Store, *parts: list[Observation], asked: Policy | None = None, answer: str = "tombstone",
    identity: str = "", most: int = 500, thorough: bool = False,
) -> Complete:  # fmt: skip
    """Absorbs one pull; about everything missing from it the directory answers: "absence", "tombstone", "there", ""."""
    staging = Staging(opened, asked or policy(), lambda: NOW, identity=identity)
    try:
        for part in parts:
            for observation in part:
                staging.take(observation)
        for questions in staging.questions(thorough=thorough, most=most) if answer else ():
            for told in answers(questions, answer):
                staging.take(told)
        return staging.promote()
    finally:
        staging.discard()


def answers(asked: Questions, answer: str) -> Iterator[Observation]:
    there = answer == "there"
    for name in asked.people:
        yield UsersSeen((user(name),)) if there else UserGone(name, Evidence(answer))
    for name in asked.groups:
        yield GroupsSeen((group(name),)) if there else GroupGone(name, Evidence(answer))
    for one in asked.members:
        yield in_or_out(one, is_member=there)


def settle(opened: Store) -> None:
    """As after a full comparison under this policy: from here on, changes mark people pending."""
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE directory SET policy_digest = 'known'")
        connection.exec_driver_sql("DELETE FROM pending")


def mirror(opened: Store) -> dict[str, str]:
    """State, and evidence where gone, by external id."""
    with opened.read() as connection:
        found = rows(connection, "SELECT external_id, state, evidence FROM mirror_user ORDER BY external_id")
    return {row[0]: f"{row[1]}/{row[2]}" if row[2] else row[1] for row in found}


def edges(opened: Store) -> set[tuple[str, str]]:
    with opened.read() as connection:
        return {(row[0], row[1]) for row in rows(connection, "SELECT group_id, member_id FROM mirror_edge")}


def pending(opened: Store) -> set[str]:
    with opened.write() as connection:
        found = {row[0] for row in rows(connection, "SELECT external_id FROM pending")}
        connection.exec_driver_sql("DELETE FROM pending")
    return found


# -- people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(users("ada"), {"ada": "active", "bob": "gone/tombstone"}, id="absent from a complete read"),
        pytest.param(users("ada", end=PART), {"ada": "active", "bob": "active"}, id="absent from a partial read"),
        pytest.param(users("ada", end=DELTA), {"ada": "active", "bob": "active"}, id="not in a delta"),
        pytest.param(users("ada", end=None), {"ada": "active", "bob": "active"}, id="never ended"),
        pytest.param(users(), {"ada": "gone/tombstone", "bob": "gone/tombstone"}, id="complete and empty"),
        pytest.param(
            [*users("ada", end=PART), *ended("users", WHOLE)], {"ada": "active", "bob": "active"}, id="one end partial"
        ),
        pytest.param(
            users("ada", user("bob", UserState.SUSPENDED)), {"ada": "active", "bob": "suspended"}, id="suspended"
        ),
        pytest.param(
            [UserGone("bob"), *users(end=DELTA)], {"ada": "active", "bob": "gone/tombstone"}, id="tombstone in a delta"
        ),
        pytest.param(
            [UserGone("bob", Evidence.SCOPE), *users(end=DELTA)], {"ada": "active", "bob": "gone/scope"}, id="evidence"
        ),
        pytest.param(
            users("ada", user("bob", UserState.GONE)),
            {"ada": "active", "bob": "gone/tombstone"},
            id="listed as deleted",
        ),
        pytest.param(
            [UserGone("eve"), *users("ada", "bob")], {"ada": "active", "bob": "active"}, id="tombstone of a stranger"
        ),
    ],
)
def test_what_becomes_of_people(store: Store, second: list[Observation], expected: dict[str, str]) -> None:
    pull(store, users("ada", "bob"))
    pull(store, second)
    assert mirror(store) == expected


def missing(complete: Complete) -> list[str]:
    return [reason for reason in complete.reasons if "missing from the listing" in reason]


def test_a_whole_listing_alone_takes_nobody_away(store: Store) -> None:
    pull(store, users("ada", "bob"), groups())
    complete = pull(store, users("ada"), groups(), answer="")
    assert mirror(store) == {"ada": "active", "bob": "active"}
    assert complete.users  # nobody was asked, so nothing is known to be open


@pytest.mark.parametrize(
    ("answer", "bob", "whole"),
    [("absence", "active", False), ("tombstone", "gone/tombstone", True), ("there", "active", False)],
)
def test_who_is_missing_is_asked_for_by_id(store: Store, answer: str, bob: str, whole: bool) -> None:
    pull(store, users("ada", "bob"), groups())
    complete = pull(store, users("ada"), groups(), answer=answer)
    assert (mirror(store)["bob"], complete.users) == (bob, whole)


def test_a_short_listing_of_people_makes_groups_unbelievable(store: Store) -> None:
    """Somebody whom a whole listing lacked is there: members who are lacking may be there too."""
    whole = (users("ada", "bob"), groups("Eng", "Ops"), members("Eng", "ada", "bob"), members("Ops", "bob"))
    pull(store, *whole)
    settle(store)
    complete = pull(store, users("ada"), groups("Eng"), members("Eng", "ada"), answer="there")
    assert (complete.users, complete.groups, complete.incomplete_groups) == (False, False, ("Eng", "Ops"))
    assert "the listing of people was short: 1 person is there" in complete.reasons[0]
    assert "the listing of groups was short: Ops is there" in complete.reasons[1]
    assert edges(store) == {("Eng", "ada"), ("Eng", "bob"), ("Ops", "bob")}
    assert pull(store, *whole).whole


def test_only_so_many_are_asked_and_the_others_stay(store: Store) -> None:
    pull(store, users("ada", "bob", "cyd"), groups())
    complete = pull(store, users("ada"), groups(), most=1)
    assert sorted(mirror(store).values()) == ["active", "active", "gone/tombstone"]
    assert (complete.users, len(missing(complete))) == (False, 1)
    assert pull(store, users("ada"), groups(), most=1).users
    assert sorted(mirror(store).values()) == ["active", "gone/tombstone", "gone/tombstone"]


def test_a_member_whom_the_mirror_never_saw_is_asked_for_in_a_full_comparison(store: Store) -> None:
    add(store, member("old"))
    pull(store, users("ada"), groups())
    assert pull(store, users("ada"), groups(), thorough=True).users
    assert mirror(store) == {"ada": "active", "old": "gone/tombstone"}


def test_a_cursor_goes_forward_with_whole_reads_only(store: Store) -> None:
    def place() -> str:
        with store.read() as connection:
            return cursor_of(connection, "okta")

    pull(store, users("ada"), groups(), [Cursor("one")])
    assert place() == "one"
    pull(store, users(end=DELTA), groups(end=DELTA), [Cursor("two")])
    assert place() == "two"
    pull(store, users(end=PART), groups(end=DELTA), [Cursor("three")])
    assert place() == ""
    pull(store, users("ada"), groups(), [Cursor("four")])
    pull(store, users(end=DELTA), groups(end=DELTA), members("Eng", end=PART), [Cursor("five")])
    assert place() == "four"  # the group is read again from there
    pull(store, users("ada"), groups(), members("Eng", end=PART), [Cursor("six")])
    assert place() == ""


def test_an_incremental_read_adds_and_takes_away_what_it_names(store: Store) -> None:
    pull(store, users("ada", "bob", "cyd"), groups("Eng", "Ops"), members("Eng", "ada", "bob"), members("Ops", "cyd"))
    settle(store)
    delta: list[Observation] = [
        MembersSeen("Eng", ("cyd",)),
        MembersLeft("Eng", ("bob",)),
        CollectionEnd("members", DELTA, "Eng"),
    ]
    complete = pull(store, users(end=DELTA), groups(end=DELTA), delta)
    assert complete.whole
    assert edges(store) == {("Eng", "ada"), ("Eng", "cyd"), ("Ops", "cyd")}
    assert pending(store) == {"bob", "cyd"}
    pull(store, users(end=DELTA), [GroupGone("Ops"), *groups(end=DELTA)])
    assert edges(store) == {("Eng", "ada"), ("Eng", "cyd")}
    pull(store, [UserGone("cyd"), *users(end=DELTA)], groups(end=DELTA))
    assert edges(store) == {("Eng", "ada")}
    pull(store, users("ada", "bob", "cyd"), groups("Eng"), members("Eng", "ada", "cyd"))
    assert edges(store) == {("Eng", "ada"), ("Eng", "cyd")}


def test_a_gone_person_keeps_the_first_reason_and_the_last_description(store: Store) -> None:
    pull(store, users(user("bob", title="Chief")))
    pull(store, [UserGone("bob")])
    pull(store, users())
    assert mirror(store) == {"bob": "gone/tombstone"}
    with store.read() as connection:
        assert '"Chief"' in scalar(connection, "SELECT body FROM mirror_user")


def test_a_person_who_comes_back_is_active_without_a_reason(store: Store) -> None:
    pull(store, users("ada"))
    pull(store, users())
    pull(store, users("ada"))
    assert mirror(store) == {"ada": "active"}


def test_of_two_sights_the_later_counts(store: Store) -> None:
    pull(store, users("ada", user("ada", title="Countess"), "bob", user("ada", UserState.SUSPENDED)))
    assert mirror(store) == {"ada": "suspended", "bob": "active"}
    pull(store, [UserGone("ada"), *users("ada"), UserGone("bob")])
    assert mirror(store) == {"ada": "active", "bob": "gone/tombstone"}


def test_people_of_another_directory_are_left_alone(store: Store) -> None:
    pull(store, users("ada"), groups("Eng"), members("Eng", "ada"), asked=policy(directory="google"))
    pull(store, users(), groups())
    assert mirror(store) == {"ada": "active"}
    assert edges(store) == {("Eng", "ada")}


@pytest.mark.parametrize("parts", [(), (users(end=None),), (users(end=DELTA), groups(end=DELTA))])
def test_a_pull_that_says_nothing_changes_nothing(store: Store, parts: tuple[list[Observation], ...]) -> None:
    pull(store, users("ada"), groups("Eng"), members("Eng", "ada"))
    settle(store)
    pull(store, *parts)
    assert (mirror(store), edges(store), pending(store)) == ({"ada": "active"}, {("Eng", "ada")}, set())


# -- groups and members -------------------------------------------------------------------------------------------

FIRST = (users("ada", "bob"), groups("Eng", "Ops"), members("Eng", "ada", "bob"), members("Ops", "ada"))


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


# -- pulls that do not come to an end -----------------------------------------------------------------------------


def test_a_pull_that_breaks_off_leaves_the_mirror_as_it_was(store: Store) -> None:
    pull(store, *FIRST)
    settle(store)
    staging = Staging(store, policy(), lambda: NOW)
    for observation in [*users("eve"), *groups("New"), *members("Eng", "eve")]:
        staging.take(observation)
    staging.discard()
    assert (mirror(store), pending(store)) == ({"ada": "active", "bob": "active"}, set())
    assert len(edges(store)) == 3
    pull(store, *FIRST)  # and the next pull starts from nothing
    assert mirror(store) == {"ada": "active", "bob": "active"}


def test_discarding_twice_and_after_promotion_is_harmless(store: Store) -> None:
    staging = Staging(store, policy(), lambda: NOW)
    staging.promote()
    staging.discard()
    staging.discard()


def test_a_promotion_that_fails_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(store, *FIRST)
    settle(store)

    def full(*_: object, **__: object) -> None:
        raise StoreError("disk is full")

    monkeypatch.setattr(Promotion, "note", full)  # the last step
    with pytest.raises(StoreError):
        pull(store, users("eve"), groups("Eng"), members("Eng", "eve"))
    monkeypatch.undo()
    assert (mirror(store), pending(store)) == ({"ada": "active", "bob": "active"}, set())
    assert len(edges(store)) == 3
    pull(store, users("eve"))
    assert mirror(store) == {"ada": "gone/tombstone", "bob": "gone/tombstone", "eve": "active"}


# -- who has to be looked at again --------------------------------------------------------------------------------

ALL = (
    users("ada", "bob", "cyd", "dan"), groups("Eng", "Sub", "Deep", "Admins"), members("Eng", "ada", inside=["Sub"]),
    members("Sub", "bob", inside=["Deep"]), members("Deep", "cyd"), members("Admins"),
)  # fmt: skip
REST = ALL[2:]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(ALL, set(), id="nothing changed"),
        pytest.param((users("dan", "cyd", "bob", "ada"), *ALL[1:]), set(), id="another order"),
        pytest.param((users(user("ada", title="x"), "bob", "cyd", "dan"), *ALL[1:]), {"ada"}, id="a person changed"),
        pytest.param((users("ada", "bob", "cyd", "dan", "eve"), *ALL[1:]), {"eve"}, id="a newcomer"),
        pytest.param((users("ada", "bob", "cyd"), *ALL[1:]), {"dan"}, id="a leaver"),
        pytest.param(([UserGone("dan")],), {"dan"}, id="a tombstone"),
        pytest.param((members("Admins", "dan"),), {"dan"}, id="joined a group"),
        pytest.param((members("Deep"),), {"cyd"}, id="left a group"),
        pytest.param((members("Eng", "ada"),), {"bob", "cyd"}, id="a nested group went: everybody below"),
        pytest.param((members("Admins", inside=["Sub"]),), {"bob", "cyd"}, id="a nested group came: everybody below"),
        pytest.param((members("Deep", "cyd", inside=["Eng"]),), {"ada", "bob", "cyd"}, id="a circle closes"),
        pytest.param((groups("Eng", "Deep", "Admins"),), {"bob", "cyd"}, id="a group in the middle is gone"),
        pytest.param(
            (users("ada", user("bob", email="dan@acme.com"), "cyd", "dan"),), {"bob", "dan"}, id="a shared address"
        ),
        pytest.param((groups("Eng", "Sub", "Deep", "Admins", "New"),), set(), id="a group nobody is in"),
    ],
)
def test_everybody_whom_a_change_concerns_is_pending(
    store: Store, second: tuple[list[Observation], ...], expected: set[str]
) -> None:
    pull(store, *ALL)
    settle(store)
    pull(store, *second)
    assert pending(store) == expected


def test_the_other_side_of_a_conflict_is_looked_at_when_it_ends(store: Store) -> None:
    twin = user("bob", email="ADA@acme.com")
    pull(store, users("ada", twin))
    settle(store)
    pull(store, users("ada"))
    assert pending(store) == {"ada", "bob"}
    pull(store, users("ada", twin))
    assert pending(store) == {"ada", "bob"}
    pull(store, users("ada", user("bob", UserState.SUSPENDED, email="ADA@acme.com")))
    assert pending(store) == {"ada", "bob"}


def test_before_the_first_comparison_nobody_is_marked(store: Store) -> None:
    pull(store, *ALL)
    assert pending(store) == set()


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
