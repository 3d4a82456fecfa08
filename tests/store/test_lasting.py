"""After applying, the people it was about are looked at once more: what did not last is said, and stays to be done."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.lasting import BY_HAND, UNKNOWN
from reconciler.manual import Ownership
from reconciler.policy import Flap
from reconciler.report import Report
from rosterd.ports import now, run_once
from store import Store
from store import lasting as lasting_module
from store.manual import ByHand
from store.runs import actions_of
from tests.builders import ROLE, Directory, changes, people, policy, sync
from tests.store.stories import settled, story
from tests.store.workspaces import edit


def disturbed(store: Store, directory: Directory, disturb: Callable[[], None], **options: Any) -> Report:
    """A run during which somebody does something as soon as it has applied its changes."""

    def progress(phase: str, done: int, total: int | None) -> None:
        if phase == "apply" and done == total:
            disturb()

    return asyncio.run(run_once(store, options.pop("asked", policy()), directory, progress=progress, **options))


def outcomes(store: Store, report: Report) -> dict[str, str | None]:
    """What failed, and why."""
    return {f"{row.kind} {row.external_id} {row.code}": row.error
            for row in actions_of(store, report.run) if row.state == "failed"}  # fmt: skip


def sql(store: Store, statement: str) -> Callable[[], None]:
    return lambda: edit(store, statement)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize(
    ("change", "undone", "lost"),
    [
        ("suspend", "UPDATE member SET active = TRUE WHERE external_id = 'bob'", "deactivate bob"),
        ("title", "UPDATE member SET title = 'Boss' WHERE external_id = 'bob'", "update bob"),
        ("admin", "DELETE FROM member_role WHERE value = 'admin'", "set_role bob"),
        (
            "leave",
            "INSERT INTO team_member SELECT m.no, t.id, 'okta' FROM member m, team t WHERE m.external_id = 'bob'",
            "leave_team bob",
        ),
    ],
)
def test_what_somebody_undoes_behind_its_back_did_not_stick(
    store: Store, change: str, undone: str, lost: str, verify: bool
) -> None:
    directory = Directory("ada", "bob", "cyd")
    directory.join("bob", groups=["Eng"])
    directory.add_group("Admins")
    sync(store, directory)
    {
        "suspend": lambda: directory.suspend("bob"),
        "title": lambda: directory.change("bob", title="Queen"),
        "admin": lambda: directory.join("bob", groups=["Admins"]),
        "leave": lambda: directory.leave("bob", groups=["Eng"]),
    }[change]()
    directory.change("cyd", title="Duke")  # lasts
    report = disturbed(store, directory, sql(store, undone), verify=verify)
    assert outcomes(store, report) == {f"{lost} did_not_stick": UNKNOWN}
    kind = lost.split()[0]
    assert report.warnings[0] == (
        f"1 change did not last, and would have to be made again at once: {kind} of bob@acme.com"
    )
    assert (report.state, report.counts.failed, report.counts.update) == ("partial", 1, 1)
    again = sync(store, directory)
    assert [(row.kind, row.code) for row in actions_of(store, again.run)] == [(kind, "applied")]
    settled(store, directory)


def test_a_person_who_changes_it_meanwhile_is_named(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.change("bob", title="Queen")
    # The store takes changes by hand of what no directory owns: no rule of this workspace lets one undo a run.
    by_hand = ByHand(store, Ownership("acme", (ROLE,), (), ()), now)

    def edited() -> None:
        by_hand.edit("bob@acme.com", {"title": "Boss"})

    report = disturbed(store, directory, edited)
    assert outcomes(store, report) == {"update bob did_not_stick": BY_HAND}


def test_a_new_member_who_disappears_at_once_did_not_stick(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory)
    directory.hire("bob")
    report = disturbed(store, directory, sql(store, "DELETE FROM member WHERE external_id = 'bob'"))
    assert outcomes(store, report) == {"create bob did_not_stick": UNKNOWN}
    assert set(people(store)) == {"ada@acme.com"}


def test_nothing_is_said_of_what_was_held_failed_or_refused(store: Store) -> None:
    directory = story()
    asked = policy(protected=frozenset({"hal@acme.com"}))
    sync(store, directory, asked)
    directory.suspend("ada", "hal", "bob")  # ada: one admin of two; hal is protected
    directory.hire("ben", email="cyd@acme.com")  # a conflict
    report = sync(store, directory, asked)
    assert report.counts.skipped > 0
    assert (outcomes(store, report), report.warnings) == ({}, ())


@pytest.mark.parametrize("people_at_once", [500, 2, 1])
def test_many_are_named_by_the_first_ones(store: Store, monkeypatch: pytest.MonkeyPatch, people_at_once: int) -> None:
    monkeypatch.setattr(lasting_module, "PEOPLE", people_at_once)
    monkeypatch.setattr(lasting_module, "PAGE", 2)
    directory = Directory("ada", "bob", "cyd", "dan", "eve")
    report = disturbed(store, directory, sql(store, "UPDATE member SET active = FALSE"))
    assert report.warnings[0].endswith(
        "create of ada@acme.com, create of bob@acme.com, create of cyd@acme.com and 2 more"
    )
    assert report.counts.failed == 5


def test_what_is_undone_again_in_every_run_is_held_in_the_end(store: Store) -> None:
    """Two writers, one of whom is faster than the next run: what did not stick counts as set back and forth."""
    directory = Directory("ada", "bob")
    asked = policy(flap=Flap(4, 50))
    sync(store, directory, asked)
    directory.change("bob", title="Queen")
    back = sql(store, "UPDATE member SET title = '' WHERE external_id = 'bob'")
    states = [disturbed(store, directory, back, asked=asked).state for _ in range(6)]
    assert states[0] == "partial"
    assert states[-1] == "held"


def test_a_directory_that_speaks_meanwhile_is_no_other_writer(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.change("bob", title="Queen")

    def news() -> None:
        edit(store, "UPDATE mirror_user SET body = replace(body, 'Queen', 'Boss') WHERE external_id = 'bob'")
        edit(store, "UPDATE directory SET generation = generation + 1")

    report = disturbed(store, directory, news)
    assert (report.state, outcomes(store, report)) == ("succeeded", {})


def test_a_first_run_and_one_that_changes_nothing_have_nothing_to_say(store: Store) -> None:
    directory = story()
    first = sync(store, directory)
    assert (first.state, outcomes(store, first), "recheck" in first.phases) == ("succeeded", {}, True)
    again = sync(store, directory)
    assert changes(store, again) == []
    assert "recheck" not in again.phases
