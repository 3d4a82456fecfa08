"""From observations to the mirror: what a promotion makes of complete, partial, doubled and killed pulls."""

import pytest

from reconciler.errors import StoreError
from reconciler.model import (
    CollectionEnd,
    Cursor,
    Evidence,
    GroupGone,
    MembersLeft,
    MembersSeen,
    Observation,
    UserGone,
    UserState,
)
from reconciler.report import Complete
from store import Store
from store.database import scalar
from store.mirror import cursor_of
from store.promotion import Promotion
from store.staging import Staging
from tests.builders import member, policy, user
from tests.store.pulling import (
    DELTA,
    FIRST,
    NOW,
    PART,
    WHOLE,
    edges,
    ended,
    groups,
    members,
    mirror,
    pending,
    pull,
    settle,
    users,
)
from tests.store.workspaces import add

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
