"""The view: whoever asks in chunks of any size gets the same people, described the same way."""

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from reconciler.match import Subject
from reconciler.model import Member, UserState
from reconciler.policy import Policy
from store import Store, snapshot
from store.snapshot import View
from tests.builders import ROLE, Directory, by_hand, gone, member, policy, suspended, sync, user
from tests.store.workspaces import add, edit, join

SIZES = [1, 2, 3, 5, 2000]


@pytest.fixture
def crowd(store: Store) -> Store:
    """Everything that a subject can say, over a dozen people."""
    directory = Directory("ada", "bob", "cyd", "dan", "eve", "fay", "gus")
    directory.join("ada", "bob", groups=["Eng"])
    directory.join("cyd", groups=["Sub"])
    directory.nest("Eng", "Sub")
    directory.join("dan", groups=["Admins"])
    add(store, by_hand("gus", "admin"), by_hand("zoe"), by_hand("ivy"))
    join(store, by_hand("gus").id, "Choir")
    sync(store, directory)
    add(store, member("never-seen"), member("aaa-never-seen"), member("zzz-never-seen"))
    directory.silent = {"never-seen", "aaa-never-seen", "zzz-never-seen"}
    directory.delete("bob")
    directory.hire("hal", email="eve@acme.com")
    directory.hire("ivy", "jim", groups=["Eng"])
    directory.hire("bob-again", email="bob@acme.com")
    directory.change("fay", email="f@acme.com")
    directory.hire("kim", email="fay@acme.com", groups=["Eng", "Admins"])
    directory.suspend("cyd")
    directory.change("jim", guest=True)
    sync(store, directory, policy(directory="other"), apply=False)  # another mirror, which must not be seen
    edit(store, "DELETE FROM pending")
    edit(store, "UPDATE directory SET policy_digest = '' WHERE id = 'okta'")
    sync(store, directory, policy(limits={}), apply=False)
    return store


def flat(chunks: Iterator[Sequence[Subject]]) -> list[Subject]:
    return [each for chunk in chunks for each in chunk]


def everything(opened: Store, asked: Policy) -> tuple[list[Subject], list[Subject], list[Subject | Member]]:
    view = View(opened, asked)
    try:
        return flat(view.everyone()), flat(view.pending()), list(view.holders(ROLE))
    finally:
        view.close()


@pytest.mark.parametrize("asked", [policy(), policy(match="user_name")], ids=["email", "user_name"])
def test_the_size_of_chunks_makes_no_difference(crowd: Store, monkeypatch: pytest.MonkeyPatch, asked: Policy) -> None:
    answers = []
    for size in SIZES:
        monkeypatch.setattr(snapshot, "CHUNK", size)
        answers.append(everything(crowd, asked))
    assert all(answer == answers[0] for answer in answers)
    everyone, pending, _ = answers[0]
    names = [each.external_id for each in everyone]
    assert names == sorted(names)
    assert set(names) == {
        "aaa-never-seen", "ada", "bob", "bob-again", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy", "jim", "kim",
        "never-seen", "zzz-never-seen",
    }  # fmt: skip
    assert {each.external_id for each in pending} < set(names)
    assert pending == [each for each in everyone if each in pending]


def described(opened: Store) -> dict[str, Subject]:
    return {each.external_id: each for each in everything(opened, policy())[0]}


def test_a_subject_says_all_that_deciding_needs(crowd: Store) -> None:
    found = described(crowd)
    assert (found["ada"].user, found["ada"].groups) == (user("ada"), ("Eng",))
    linked = found["ada"].member
    assert linked is not None
    assert (set(linked.teams), set(linked.granted)) == ({"Engineering"}, {"Engineering"})
    assert linked.roles == {"role": "member"}
    assert found["kim"].groups in (("Eng", "Admins"), ("Admins", "Eng"))
    assert found["cyd"].user == suspended("cyd")
    assert (found["bob"].user, found["bob"].evidence) == (gone("bob"), "tombstone")
    assert (found["eve"].rivals, found["hal"].rivals) == (("hal",), ("eve",))
    assert (found["jim"].scoped, found["ada"].scoped) == (False, True)


@pytest.mark.parametrize("name", ["aaa-never-seen", "never-seen", "zzz-never-seen"])
def test_everyone_includes_members_whom_the_mirror_does_not_know(crowd: Store, name: str) -> None:
    unseen = described(crowd)[name]
    assert (unseen.user, unseen.member is not None) == (None, True)


def test_who_else_holds_the_address(crowd: Store) -> None:
    found = described(crowd)
    adopted, again, newcomer = found["ivy"].other, found["bob-again"], found["kim"]
    assert adopted is not None
    assert (adopted.id, adopted.managed, adopted.roles) == ("hand-ivy", False, {"role": "member"})
    assert again.other is not None
    assert (again.other.external_id, again.other_left, again.other_renamed) == ("bob", True, False)
    assert newcomer.other is not None
    assert (newcomer.other.external_id, newcomer.other_left, newcomer.other_renamed) == ("fay", False, True)
    assert found["gus"].other is None  # adopted in the first run: linked


def test_an_adopted_member_brings_teams_joined_by_hand(crowd: Store) -> None:
    linked = described(crowd)["gus"].member
    assert linked is not None
    assert (linked.id, set(linked.teams), set(linked.granted)) == ("hand-gus", {"Choir"}, set())


# -- holders ------------------------------------------------------------------------------------------------------


def holders(opened: Store) -> list[str]:
    return [
        f"{type(each).__name__} {each.external_id or (each.id if isinstance(each, Member) else '')}"
        for each in everything(opened, policy())[2]
    ]


def test_holders_are_this_directory_s_active_admins(store: Store) -> None:
    add(store, member("ada", "admin"), member("bob"), member("cyd", "admin", active=False), member("dan", "admin"))
    assert holders(store) == ["Subject ada", "Subject dan"]


def test_an_admin_of_another_directory_or_by_hand_comes_first(store: Store) -> None:
    elsewhere = by_hand("zoe", "admin", managed=True, directory="google", external_id="z")
    add(store, member("ada", "admin"), by_hand("owner", "admin"), elsewhere)
    assert holders(store) == ["Member z", "Member hand-owner", "Subject ada"]


def test_an_admin_by_hand_is_who_in_the_directory_has_the_address(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    add(store, by_hand("cyd", "admin"))
    directory.hire("cyd")
    directory.hire("x", email="elsewhere@acme.com")
    sync(store, directory, apply=False)
    (holder,) = everything(store, policy())[2]
    assert isinstance(holder, Subject)
    assert (holder.external_id, holder.other and holder.other.id) == ("cyd", "hand-cyd")


def test_admins_of_another_workspace_hold_nothing_here(store: Store) -> None:
    add(store, by_hand("zoe", "admin"), workspace="globex")
    assert holders(store) == []


def test_an_admin_by_hand_is_not_adopted_and_demoted_when_nobody_else_is_one(store: Store) -> None:
    """Regression: whoever was added by hand counted as safe."""
    add(store, by_hand("ada", "admin"))
    directory = Directory("ada", "bob")
    report = sync(store, directory)
    assert report.counts.skipped == 1
    linked = described(store)["ada"].member
    assert linked is not None
    assert (linked.managed, linked.roles) == (True, {"role": "admin"})


# -- odd ids ------------------------------------------------------------------------------------------------------


def test_ids_of_any_script_come_in_one_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["Z", "a", "ä", "é", "ß", "Ω", "я", "中", "😀", "a b", "a-b", "a_b", "a'b", "%", "10", "9", "ﬁ"]
    directory = Directory()
    for number, name in enumerate(names):
        directory.hire(name, email=f"p{number}@acme.com")
    directory.join(*names, groups=["Eng"])
    sync(store, directory)
    for size in (1, 4):
        monkeypatch.setattr(snapshot, "CHUNK", size)
        assert [each.external_id for each in everything(store, policy())[0]] == sorted(names)
    assert sync(store, directory, verify=True).changes == 0


def test_a_changed_state_is_told_from_a_changed_description(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.change("ada", state=UserState.PENDING)
    report = sync(store, directory)
    assert (report.counts.seen, report.changes) == (1, 0)
    assert described(store)["ada"].user == msgspec.structs.replace(user("ada"), state=UserState.PENDING)
