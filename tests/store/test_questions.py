"""What listings lack is asked for by id: what the store asks, and what each answer lets it conclude."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.confirming import in_or_out
from reconciler.model import (
    CollectionEnd,
    Cursor,
    Evidence,
    GroupGone,
    GroupsSeen,
    Membership,
    MembersLeft,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
)
from reconciler.report import Complete
from store import Store, open_store, questions
from store.database import rows
from store.mirror import cursor_of
from store.staging import Staging
from tests.builders import group, policy, user
from tests.store.pulling import DELTA, PART, edges, ended, groups, members, mirror, pull, users

NOW = "2026-01-01T00:00:00.000Z"
CREW = [f"p{number}" for number in range(8)]
Crowds = dict[str, set[str]]
Answer = Callable[[Questions], Iterable[Observation]]


def inquire(
    store: Store, *parts: list[Observation], told: Answer, most: int = 500, identity: str = ""
) -> tuple[Complete, list[Questions]]:
    """Absorbs a pull; every round of questions is answered by `told`."""
    staging, asked = Staging(store, policy(), lambda: NOW, identity=identity), []
    try:
        for part in parts:
            for observation in part:
                staging.take(observation)
        for questions in staging.questions(thorough=False, most=most):
            asked.append(questions)
            for answer in told(questions):
                staging.take(answer)
        return staging.promote(), asked
    finally:
        staging.discard()


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are absent, they are more than are believed at once."""
    for name in ("FEW", "SHARE", "FEW_GROUPS"):
        monkeypatch.setattr(questions, name, 0)


def nobody_says(_: Questions) -> Iterable[Observation]:
    return ()


def still(*names: str) -> Answer:
    """These are in every group that is asked about, nobody else is."""
    return lambda questions: [in_or_out(one, is_member=one.member in names) for one in questions.members]


def all_is_there(questions: Questions) -> Iterable[Observation]:
    yield UsersSeen(tuple(user(name) for name in questions.people))
    yield GroupsSeen(tuple(group(name) for name in questions.groups))
    yield from still(*CREW)(questions)


def deleted(questions: Questions) -> Iterable[Observation]:
    yield from map(UserGone, questions.people)
    yield from map(GroupGone, questions.groups)


def knows_nothing(questions: Questions, *, but: Iterable[str] = CREW) -> Iterable[Observation]:
    """Of whatever the listing lacks; people whom it holds are found."""
    for name in questions.people:
        yield UsersSeen((user(name),)) if name in but else UserGone(name, Evidence.ABSENCE)
    yield from (GroupGone(name, Evidence.ABSENCE) for name in questions.groups)


def loaded(store: Store) -> None:
    """Everybody is in Eng, the first two in Ops."""
    pull(store, users(*CREW), groups("Eng", "Ops"), members("Eng", *CREW), members("Ops", *CREW[:2]), [Cursor("one")])


def place(store: Store) -> str:
    with store.read() as connection:
        return cursor_of(connection, "okta")


# -- memberships --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (CREW[:0], []),
        (CREW[3:4], ["p3"]),
        (CREW[3:5], ["p3", "p4"]),
        (CREW[3:6], ["p3", "p5", "p4"]),
        (CREW, ["p0", "p7", "p3"]),
    ],
)
def test_a_few_of_those_whom_a_group_lost_are_asked_for(store: Store, left: list[str], asked: list[str]) -> None:
    loaded(store)
    rest = [name for name in CREW if name not in left]
    complete, rounds = inquire(store, users(*CREW), groups("Eng", "Ops"), members("Eng", *rest), told=still())
    assert [one.member for questions in rounds for one in questions.members] == asked
    assert complete.whole
    assert edges(store) == {("Eng", name) for name in rest} | {("Ops", "p0"), ("Ops", "p1")}


def test_every_group_is_asked_about_once_before_any_is_twice(store: Store) -> None:
    loaded(store)
    whole = (users(*CREW), groups("Eng", "Ops"))
    _, rounds = inquire(store, *whole, members("Eng"), members("Ops"), told=still())
    assert rounds == [
        Questions(
            members=(
                Membership("Eng", "p0"), Membership("Ops", "p0"), Membership("Eng", "p7"), Membership("Ops", "p1"),
                Membership("Eng", "p3"),
            )
        )
    ]  # fmt: skip


def test_one_member_who_is_still_in_keeps_the_group_as_it_was(store: Store) -> None:
    loaded(store)
    whole = (users(*CREW, "new"), groups("Eng", "Ops"))
    complete, _ = inquire(store, *whole, members("Eng", "p0", "new"), members("Ops"), [Cursor("two")], told=still("p7"))
    assert (complete.users, complete.groups, complete.memberships) == (True, True, False)
    assert complete.incomplete_groups == ("Eng",)
    (reason,) = complete.reasons
    assert reason.startswith("Eng: the listing does not hold p7@acme.com, who is still a member when asked by id")
    # Who was asked for and is not in has left on the directory's own word; the newcomer is seen; Ops is believed.
    assert edges(store) == {("Eng", name) for name in CREW if name not in ("p1", "p4")} | {("Eng", "new")}
    assert place(store) == ""  # everything is read again
    complete, _ = inquire(store, *whole, members("Eng", "p0", "new"), members("Ops"), [Cursor("three")], told=still())
    assert (complete.whole, place(store)) == (True, "three")
    assert edges(store) == {("Eng", "p0"), ("Eng", "new")}


def test_a_group_whose_lost_members_nobody_says_anything_about_is_believed(store: Store) -> None:
    loaded(store)
    complete, rounds = inquire(store, users(*CREW), groups("Eng", "Ops"), members("Eng", "p0"), told=nobody_says)
    assert (complete.whole, len(rounds)) == (True, 1)
    assert edges(store) == {("Eng", "p0"), ("Ops", "p0"), ("Ops", "p1")}


def test_a_directory_that_does_not_answer_takes_nothing_away(store: Store) -> None:
    loaded(store)

    def silence(questions: Questions) -> Iterable[Observation]:
        return [CollectionEnd("members", PART, one.group, "no answer") for one in questions.members]

    complete, _ = inquire(store, users(*CREW), groups("Eng", "Ops"), members("Eng", "p0"), told=silence)
    assert (complete.incomplete_groups, complete.reasons) == (("Eng",), ("no answer",))
    assert len(edges(store)) == len(CREW) + 2


def test_groups_whose_turn_does_not_come_wait_for_the_next_run(store: Store) -> None:
    loaded(store)
    read = (users(*CREW), groups("Eng", "Ops"), members("Eng", "p0"), members("Ops", "p0"))
    complete, _ = inquire(store, *read, told=still(), most=1)
    assert (complete.incomplete_groups, place(store)) == (("Ops",), "")
    assert "1 more groups lost members" in complete.reasons[0]
    assert edges(store) == {("Eng", "p0"), ("Ops", "p0"), ("Ops", "p1")}
    assert inquire(store, *read, told=still(), most=1)[0].whole
    assert edges(store) == {("Eng", "p0"), ("Ops", "p0")}


def test_who_is_gone_is_not_asked_for(store: Store) -> None:
    loaded(store)
    listed = [UserGone("p1"), *users(*CREW[3:])]
    complete, rounds = inquire(store, listed, groups("Eng", "Ops"), members("Eng", *CREW[4:]), told=deleted)
    assert rounds == [Questions(people=("p0", "p2")), Questions(members=(Membership("Eng", "p3"),))]
    assert complete.whole
    assert edges(store) == {("Eng", name) for name in CREW[4:]}


def test_members_who_may_still_be_there_are_not_taken_out_of_their_groups(store: Store) -> None:
    """Regression: the people kept their place, and lost their groups, roles and teams."""
    loaded(store)
    hidden = (users(*CREW[2:]), groups("Eng", "Ops"), members("Eng", *CREW[2:]), members("Ops", "p1"))
    complete, rounds = inquire(store, *hidden, told=nobody_says)
    assert rounds == [Questions(people=("p0", "p1"))]
    assert complete.incomplete_groups == ("Eng", "Ops")
    assert "Eng, Ops are listed without members of whom it is open" in complete.reasons[1]
    assert len(edges(store)) == len(CREW) + 2


@pytest.mark.parametrize(("member", "kept"), [("Sub", True), ("", False)])
def test_a_nested_group_is_asked_for_like_a_person(store: Store, member: str, kept: bool) -> None:
    first = (users("ada"), groups("Eng", "Sub"), members("Eng", inside=["Sub"]), members("Sub", "ada"))
    pull(store, *first)
    complete, rounds = inquire(store, *first[:2], members("Eng"), first[3], told=still(member))
    assert rounds == [Questions(members=(Membership("Eng", "Sub", nested=True),))]
    assert (("Eng", "Sub") in edges(store), complete.whole) == (kept, not kept)
    if kept:
        assert complete.reasons[0].startswith("Eng: the listing does not hold Sub, who is still a member")


def test_a_read_of_changes_that_brings_a_group_whole_is_asked_about_too(store: Store) -> None:
    loaded(store)
    read: list[list[Observation]] = [users(end=DELTA), groups(end=DELTA), members("Eng", "p0"), [Cursor("two")]]
    complete, rounds = inquire(store, *read, told=still("p7"))
    assert [len(questions.members) for questions in rounds] == [3]
    assert (complete.incomplete_groups, place(store)) == (("Eng",), "one")  # and the next read begins there again
    assert inquire(store, *read, told=still())[0].whole
    assert (edges(store), place(store)) == ({("Eng", "p0"), ("Ops", "p0"), ("Ops", "p1")}, "two")


def test_what_the_directory_says_itself_is_not_asked_about(store: Store) -> None:
    loaded(store)
    left = [MembersLeft("Eng", ("p7",)), *ended("members", DELTA, "Eng")]
    complete, rounds = inquire(store, users(end=DELTA), groups(end=DELTA), left, told=all_is_there)
    assert (rounds, complete.whole) == ([], True)
    assert ("Eng", "p7") not in edges(store)


def test_ids_that_are_no_people_of_the_directory_are_not_asked_for(store: Store) -> None:
    pull(store, users("ada"), groups("Eng"), members("Eng", "ada", "device"))
    complete, rounds = inquire(store, users("ada"), groups("Eng"), members("Eng", "ada"), told=all_is_there)
    assert (rounds, complete.whole, edges(store)) == ([], True, {("Eng", "ada")})


# -- groups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "whole", "kept"), [(all_is_there, False, True), (deleted, True, False), (nobody_says, False, True)]
)
def test_a_group_that_is_not_listed_is_gone_when_the_directory_says_so(
    store: Store, told: Answer, whole: bool, kept: bool
) -> None:
    loaded(store)
    complete, rounds = inquire(store, users(*CREW), groups("Ops"), members("Ops", *CREW[:2]), told=told)
    assert rounds == [Questions(groups=("Eng",))]
    assert (complete.groups, complete.whole, ("Eng", "p0") in edges(store)) == (whole, whole, kept)
    assert complete.incomplete_groups == (("Eng",) if kept else ())
    with store.read() as connection:
        found = rows(connection, "SELECT gone, members_complete_at FROM mirror_group WHERE external_id = 'Eng'")
    assert bool(found[0][0]) is not kept
    assert not kept or found[0][1] is None  # unknown: who moved into it meanwhile is not seen
    assert inquire(store, users(*CREW), groups("Eng", "Ops"), members("Eng", *CREW), told=nobody_says)[0].whole


@pytest.mark.usefixtures("many")
def test_a_group_that_the_directory_does_not_know_is_gone_when_two_listings_say_so(store: Store) -> None:
    loaded(store)
    without = (users(*CREW), groups("Ops"), members("Ops", *CREW[:2]))
    complete, rounds = inquire(store, *without, told=knows_nothing)
    assert rounds == [Questions(groups=("Eng",)), Questions(people=("p0", "p7"))]
    assert (complete.groups, complete.incomplete_groups, len(edges(store))) == (False, ("Eng",), len(CREW) + 2)
    assert "the directory knows no such id; believed when the next" in complete.reasons[0]
    assert inquire(store, *without, told=knows_nothing)[0].whole
    assert edges(store) == {("Ops", "p0"), ("Ops", "p1")}


def test_a_nested_group_that_may_still_be_there_stays_in_the_group_above(store: Store) -> None:
    first = (users("ada"), groups("Eng", "Sub"), members("Eng", inside=["Sub"]), members("Sub", "ada"))
    pull(store, *first)
    complete, _ = inquire(store, users("ada"), groups("Eng"), members("Eng"), told=nobody_says)
    assert complete.incomplete_groups == ("Eng", "Sub")
    assert edges(store) == {("Eng", "Sub"), ("Sub", "ada")}


def test_groups_that_nobody_uses_are_not_asked_for(store: Store) -> None:
    pull(store, users("ada"), groups("Eng", "Other"), members("Eng", "ada"))
    complete, rounds = inquire(store, users("ada"), groups("Eng"), members("Eng", "ada"), told=nobody_says)
    assert (rounds, complete.whole) == ([], True)


def test_nothing_is_asked_when_nothing_is_missing(store: Store) -> None:
    loaded(store)
    read = (users(*CREW, "new"), groups("Eng", "Ops"), members("Eng", *CREW, "new"), members("Ops", *CREW[:2]))
    complete, rounds = inquire(store, *read, told=all_is_there)
    assert (rounds, complete.whole) == ([], True)


# -- people of whom the directory only knows no such id -----------------------------------------------------------

REST = CREW[2:]


def absent(store: Store) -> set[str]:
    with store.read() as connection:
        return {row[0] for row in rows(connection, "SELECT external_id FROM absent")}


def without_two(store: Store, told: Answer, identity: str = "") -> Complete:
    """A listing that lacks the first two."""
    return inquire(store, users(*REST), groups(), told=told, identity=identity)[0]


def unknown(questions: Questions) -> Iterable[Observation]:
    return knows_nothing(questions, but=REST)


@pytest.mark.usefixtures("many")
def test_people_whom_the_directory_does_not_know_are_gone_when_two_listings_say_so(store: Store) -> None:
    pull(store, users(*CREW), groups())
    complete = without_two(store, unknown)
    assert (complete.users, set(mirror(store).values()), absent(store)) == (False, {"active"}, {"p0", "p1"})
    (reason,) = complete.reasons
    assert reason.startswith("2 people are missing from the listing, and the directory knows no such id; believed when")
    assert without_two(store, unknown).users
    assert (mirror(store)["p0"], mirror(store)["p1"], absent(store)) == ("gone/absence", "gone/absence", set())


@pytest.mark.parametrize(
    ("known", "absent_now", "believed"), [(8, 2, True), (8, 3, False), (120, 6, True), (120, 7, False)]
)
def test_a_few_are_believed_at_once(store: Store, known: int, absent_now: int, believed: bool) -> None:
    """Two, or a twentieth of the people: of more, a permission that was narrowed is the likelier reason."""
    crew = [f"p{number}" for number in range(known)]
    pull(store, users(*crew), groups())
    rest = crew[absent_now:]
    complete, _ = inquire(store, users(*rest), groups(), told=lambda asked: knows_nothing(asked, but=rest))
    gone = [state for state in mirror(store).values() if state == "gone/absence"]
    assert (complete.users, len(gone)) == (believed, absent_now if believed else 0)


@pytest.mark.parametrize(("gone", "believed"), [(1, True), (2, False), (3, False)])
def test_a_few_groups_are_believed_at_once(store: Store, gone: int, believed: bool) -> None:
    names = ["A", "B", "C", "D"]
    every = [observation for name in names for observation in members(name, "p0")]
    pull(store, users(*CREW), groups(*names), every)
    left = [observation for name in names[gone:] for observation in members(name, "p0")]
    complete, _ = inquire(store, users(*CREW), groups(*names[gone:]), left, told=knows_nothing)
    assert (complete.groups, len(edges(store))) == (believed, len(names) - (gone if believed else 0))


def test_with_other_credentials_even_one_needs_two_listings(store: Store) -> None:
    inquire(store, users(*CREW), groups(), told=nobody_says, identity="old key")
    for whole in (False, True):
        found = inquire(
            store, users(*CREW[1:]), groups(), told=lambda asked: knows_nothing(asked, but=CREW[1:]), identity="new key"
        )
        assert found[0].users is whole


@pytest.mark.usefixtures("many")
def test_each_of_them_needs_two_listings(store: Store) -> None:
    """Regression: one person who was absent twice let everybody go who was absent with them for the first time."""
    pull(store, users(*CREW), groups())
    inquire(store, users(*CREW[1:]), groups(), told=lambda q: knows_nothing(q, but=CREW[1:]))
    assert absent(store) == {"p0"}
    complete = without_two(store, unknown)
    assert (mirror(store)["p0"], mirror(store)["p1"], complete.users) == ("gone/absence", "active", False)
    assert absent(store) == {"p1"}


@pytest.mark.usefixtures("many")
def test_who_is_found_again_begins_anew(store: Store) -> None:
    pull(store, users(*CREW), groups())
    without_two(store, unknown)
    pull(store, users("p0", end=DELTA), groups(end=DELTA))
    assert absent(store) == {"p1"}
    without_two(store, unknown)
    assert (mirror(store)["p0"], mirror(store)["p1"], absent(store)) == ("active", "gone/absence", {"p0"})


@pytest.mark.usefixtures("many")
def test_what_was_absent_with_other_credentials_does_not_count(store: Store) -> None:
    inquire(store, users(*CREW), groups(), told=nobody_says, identity="old key")
    without_two(store, unknown, "old key")
    assert without_two(store, unknown, "new key").users is False
    assert set(mirror(store).values()) == {"active"}
    assert without_two(store, unknown, "new key").users


@pytest.mark.usefixtures("many")
def test_a_listing_that_is_not_whole_in_between_does_not_matter(store: Store) -> None:
    pull(store, users(*CREW), groups())
    without_two(store, unknown)
    pull(store, users(*REST, end=PART), groups())
    assert set(mirror(store).values()) == {"active"}
    assert without_two(store, unknown).users


@pytest.mark.parametrize("found", [[], ["p2"]])
def test_a_directory_that_does_not_find_whom_it_lists_says_nothing_about_the_others(
    store: Store, found: list[str]
) -> None:
    """A proxy or a permission that answers every question by id with the vendor's own "not found"."""
    pull(store, users(*CREW), groups("Eng"), members("Eng", "p2"))
    for _ in range(3):
        complete, rounds = inquire(store, users(*REST), groups(), told=lambda q: knows_nothing(q, but=found))
        assert rounds == [Questions(("p0", "p1"), ("Eng",)), Questions(people=("p2", "p7"))]
        assert all("it does not find people by id whom it lists" in reason for reason in complete.reasons)
        assert (set(mirror(store).values()), edges(store)) == ({"active"}, {("Eng", "p2")})
    assert (absent(store), len(complete.reasons)) == (set(), 2)


def test_a_directory_that_lists_nobody_says_nothing_about_anybody(store: Store) -> None:
    """Regression: with nobody listed, nobody was asked for as a proof, and the absence of two people was believed."""
    pull(store, users("p0", "p1"), groups())
    for _ in range(3):
        complete, rounds = inquire(store, users(), groups(), told=unknown)
        assert rounds[0].people == ("p0", "p1")
        assert (complete.users, set(mirror(store).values()), absent(store)) == (False, {"active"}, set())
        assert "it lists nobody who could be asked for as a proof" in complete.reasons[0]


@pytest.mark.usefixtures("many")
def test_a_tombstone_counts_at_once_whatever_the_others_are(store: Store) -> None:
    pull(store, users(*CREW), groups())

    def one_deleted(questions: Questions) -> Iterable[Observation]:
        return (UserGone("p0") if told == UserGone("p0", Evidence.ABSENCE) else told for told in unknown(questions))

    assert without_two(store, one_deleted).users is False
    assert (mirror(store)["p0"], mirror(store)["p1"]) == ("gone/tombstone", "active")


@pytest.mark.usefixtures("many")
def test_whoever_is_absent_for_the_second_time_is_asked_for_first(store: Store) -> None:
    pull(store, users(*CREW), groups())
    for gone in (0, 1):
        inquire(store, users(*REST), groups(), told=unknown, most=1)
        assert list(mirror(store).values()).count("gone/absence") == gone
    assert mirror(store)["p0"] == "gone/absence"


# -- the law ------------------------------------------------------------------------------------------------------

CROWDS = st.fixed_dictionaries({name: st.sets(st.sampled_from(CREW)) for name in ("Eng", "Ops")})


@settings(max_examples=60, deadline=None)
@given(before=CROWDS, joined=CROWDS, left=CROWDS, hidden=CROWDS, unlisted=st.sets(st.sampled_from(["Eng", "Ops"])))
def test_no_membership_is_lost_that_the_directory_still_has_by_id(
    sqlite_template: Path, before: Crowds, joined: Crowds, left: Crowds, hidden: Crowds, unlisted: set[str]
) -> None:
    """Whatever the listings hide: a group of which only hidden members are missing keeps them all, one of which up to
    three are missing keeps whoever is in it, and the next clean read has it right."""
    now = {name: (before[name] - left[name]) | joined[name] for name in before}
    with TemporaryDirectory() as folder:
        shutil.copy(sqlite_template, f"{folder}/s.db")
        store = open_store(f"sqlite:///{folder}/s.db")
        try:
            clean = read(store, before, told=nobody_says)
            shown = {name: who - hidden[name] for name, who in now.items() if name not in unlisted}
            short = read(store, shown, told=by_id(now))
            found = edges(store)
            lost = {name: before[name] - shown.get(name, set()) for name in before}
            for name in before:
                if len(lost[name]) <= 3 or not before[name] - now[name]:
                    assert {(name, who) for who in before[name] & now[name]} <= found
                elif short.whole:
                    assert {who for group, who in found if group == name} == shown[name]
            assert clean.whole
            assert read(store, now, told=by_id(now)).whole
            assert edges(store) == {(name, who) for name, members_ in now.items() for who in members_}
        finally:
            store.close()


def read(store: Store, crowds: Crowds, *, told: Answer) -> Complete:
    whole = [users(*CREW), groups(*crowds), *(members(name, *sorted(who)) for name, who in sorted(crowds.items()))]
    return inquire(store, *whole, told=told)[0]


def by_id(crowds: Crowds) -> Answer:
    def answers(questions: Questions) -> Iterable[Observation]:
        yield GroupsSeen(tuple(group(name) for name in questions.groups))
        yield from (in_or_out(one, is_member=one.member in crowds[one.group]) for one in questions.members)

    return answers
