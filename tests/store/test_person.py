"""Everybody a name may mean, now and after every run, from real runs on both databases."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from reconciler.errors import DirectoryError
from reconciler.explanation import Explanation
from reconciler.known import Known, RunOf
from reconciler.model import UserState
from reconciler.policy import Limit, Policy, Scope
from reconciler.report import Report
from reconciler.why import explain
from store import Store
from store.database import scalar
from store.decisions import held_clusters, reject
from store.person import known, nearest, workspaces
from tests.builders import Directory, by_hand, policy, sync
from tests.store.workspaces import add, edit, join


def after(report: Report) -> RunOf:
    return RunOf(report.run, report.directory, report.began, report.ended, report.state, report.planned_only)


def who(store: Store, asked: str, **options: Any) -> list[Known]:
    if isinstance(options.get("at"), Report):
        options["at"] = after(options["at"])
    return known(store, asked, **options)


def one(store: Store, asked: str, **options: Any) -> Known:
    (found,) = who(store, asked, **options)
    return found


def why(store: Store, asked: str, **options: Any) -> Explanation:
    return explain(one(store, asked, **options))


def entra(**fields: Any) -> Policy:
    return policy(directory="entra", **fields)


# -- who is meant -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada@acme.com", "ADA@acme.com", " ada@acme.com", "ada", "login-of-ada"])
def test_an_address_a_user_name_and_an_id_mean_the_same_person(store: Store, name: str) -> None:
    directory = Directory("ada", "bob")
    directory.change("ada", user_name="login-of-ada")
    sync(store, directory)
    found = one(store, name)
    assert found.member is not None
    assert (found.member.external_id, [each.subject.external_id for each in found.standings]) == ("ada", ["ada"])
    assert found.is_called


def test_nobody_is_nobody_and_the_nearest_are_named(store: Store) -> None:
    sync(store, Directory("ada", "adam", "bob"))
    assert who(store, "adda@acme.com") == []
    assert set(nearest(store, "adda@acme.com")) >= {"ada@acme.com"}
    assert nearest(store, "zzz%_\\@nowhere.org") == []
    assert who(store, "%") == who(store, "") == []


def test_an_empty_store_knows_nobody(store: Store) -> None:
    assert who(store, "ada@acme.com") == []
    assert nearest(store, "ada@acme.com") == workspaces(store) == []


def test_somebody_who_never_got_in_is_known_from_the_directory(store: Store) -> None:
    directory = Directory("ada")
    directory.change("ada", guest=True)
    sync(store, directory)
    found = why(store, "ada@acme.com")
    assert found.member is None
    assert found.answer == "ada@acme.com is not a member of acme: out of scope of okta: guest accounts are not synced."


def test_a_member_added_by_hand_is_known_without_any_directory(store: Store) -> None:
    add(store, by_hand("ada", "admin"))
    join(store, "hand-ada", "Chess")
    found = one(store, "ada@acme.com")
    assert (found.standings, found.history) == ((), ())
    assert found.member is not None
    assert (found.member.roles, found.member.teams, found.member.granted) == (
        {"role": "admin"},
        frozenset({"Chess"}),
        frozenset(),
    )
    assert workspaces(store) == ["acme"]


def test_one_address_in_two_workspaces_is_two_people(store: Store) -> None:
    run = sync(store, Directory("ada"))
    sync(store, Directory("ada"), policy(workspace="globex", directory="globex-okta"))
    add(store, by_hand("eve"), workspace="initech")
    assert [each.workspace for each in who(store, "ada@acme.com")] == ["acme", "globex"]
    assert one(store, "ada@acme.com", workspace="globex").standings[0].directory == "globex-okta"
    assert who(store, "eve@acme.com", workspace="acme") == who(store, "ada", workspace="globex", at=run) == []
    assert one(store, "ada@acme.com", at=run).workspace == "acme"
    assert workspaces(store) == ["acme", "globex", "initech"]


def test_one_person_in_two_directories_of_a_workspace(store: Store) -> None:
    sync(store, Directory("ada"))
    sync(store, Directory("ada"), entra())
    found = why(store, "ada@acme.com")
    assert [(each.directory, each.linked) for each in found.directories] == [("okta", True), ("entra", False)]
    assert "An account of entra is not linked to them: ada@acme.com of directory user ada" in found.answer


def test_several_accounts_with_one_address_are_told_together(store: Store) -> None:
    directory = Directory("ada", "eve")
    directory.change("eve", email="ada@acme.com")
    report = sync(store, directory)
    for options in ({}, {"at": report}):
        found = why(store, "ada@acme.com", **options)
        assert {each.external_id for each in found.directories} == {"ada", "eve"}
        assert "ada@acme.com belongs to several directory users: ada, eve" in found.answer


def test_two_people_who_swapped_their_addresses(store: Store) -> None:
    directory = Directory("ada", "bob")
    first = sync(store, directory)
    directory.change("ada", email="bob@acme.com")
    directory.change("bob", email="ada@acme.com")
    sync(store, directory)
    assert [s.subject.external_id for s in one(store, "ada@acme.com").standings] == ["bob"]
    assert [s.subject.external_id for s in one(store, "ada@acme.com", at=first).standings] == ["ada"]


def test_a_former_address_still_finds_who_had_it(store: Store) -> None:
    directory = Directory("ada")
    first = sync(store, directory)
    directory.change("ada", email="countess@acme.com", user_name="countess@acme.com")
    second = sync(store, directory)
    assert not one(store, "ada@acme.com").is_called
    assert one(store, "ada@acme.com", at=first).is_called
    assert not one(store, "countess@acme.com", at=first).is_called
    assert one(store, "countess@acme.com", at=second).is_called


# -- after a run --------------------------------------------------------------------------------------------------


def test_every_step_of_a_career_is_told_as_it_was(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.join("bob", groups=["Admins"])
    steps = []

    def step(change: Any = None, *given: Any, **fields: Any) -> None:
        if change is not None:
            change(*given, **fields)
        steps.append((sync(store, directory), why(store, "ada@acme.com")))

    step()
    step(directory.join, "ada", groups=["Admins", "Eng"])
    step(directory.change, "ada", title="Countess")
    step(directory.leave, "ada", groups=["Admins"])
    step(directory.suspend, "ada")
    step(directory.restore, "ada")
    step(directory.delete, "ada")
    for report, then in steps:
        found = why(store, "ada@acme.com", at=report)
        assert found.answer.endswith(then.answer), report.run
        assert found.answer.startswith(f"After run {report.run}")
        assert found.member == then.member
        place, seen = found.directories[0], then.directories[0]
        assert (place.user, place.groups, place.scope) == (seen.user, seen.groups, seen.scope)
        assert (place.roles, place.teams, place.profile) == (seen.roles, seen.teams, seen.profile)
        assert found.history == then.history


def test_before_their_time_nobody_was_there(store: Store) -> None:
    directory = Directory("bob")
    first = sync(store, directory)
    directory.hire("ada")
    sync(store, directory)
    add(store, by_hand("eve"))
    edit(store, "UPDATE member SET created_at = '2999-01-01T00:00:00.000Z' WHERE id = 'hand-eve'")
    assert who(store, "ada@acme.com", at=first) == []
    assert who(store, "eve@acme.com", at=first) == []


def test_another_directory_is_told_as_it_was_by_then(store: Store) -> None:
    okta, other = Directory("ada"), Directory("ada")
    first = sync(store, okta)
    sync(store, other, entra())
    assert [each.directory for each in one(store, "ada@acme.com", at=first).standings if each.subject.user] == ["okta"]


def test_an_adoption_is_undone(store: Store) -> None:
    add(store, by_hand("ada"))
    directory = Directory("bob")
    first = sync(store, directory)
    directory.hire("ada")
    sync(store, directory)
    then = one(store, "ada@acme.com", at=first)
    assert then.member is not None
    assert (then.member.managed, then.member.external_id, then.unrecorded) == (False, "", True)


def test_what_hands_changed_since_is_in_doubt(store: Store) -> None:
    directory = Directory("ada")
    first = sync(store, directory)
    edit(store, "UPDATE member SET title = 'Boss'")
    assert one(store, "ada@acme.com", at=first).uncertain == ("title",)
    sync(store, directory, verify=True)
    then = one(store, "ada@acme.com", at=first)
    assert then.uncertain == ("title",), "the next run found it changed"


def test_a_run_of_before_history_shows_the_earliest_that_was_kept(store: Store) -> None:
    directory = Directory("ada")
    first = sync(store, directory)
    edit(store, "UPDATE run SET generation = NULL, policy = NULL")
    directory.change("ada", title="Countess")
    sync(store, directory)
    then = why(store, "ada@acme.com", at=first)
    assert then.notes == (
        "okta: the configuration that its runs followed was not kept",
        "okta: what it said at that time was not kept; this is the earliest that was",
    )
    assert then.directories[0].user is not None
    assert then.directories[0].user["title"] == ""
    assert why(store, "ada@acme.com", at=first, configured={"okta": policy()}).directories[0].roles


# -- what waits, what is not whole --------------------------------------------------------------------------------


def test_what_a_guard_held_has_its_limit_and_cluster(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd")
    limited = policy(limits={"deactivate": Limit(2)})
    sync(store, directory, limited)
    directory.suspend("ada", "bob")
    runs = [sync(store, directory, limited) for _ in range(3)]
    found = why(store, "ada@acme.com")
    (change,) = found.directories[0].waiting
    assert (change.state, change.limit, change.run) == ("held", "deactivate", runs[-1].run)
    assert change.cluster == next(each.cluster for each in runs[-1].causes if each.held)
    assert change.sentence.startswith("2 deactivations, 1 cause: suspended in the directory")
    event = found.history[0]
    assert (event.state, event.times, event.since, event.run) == ("held", 3, runs[0].began, runs[-1].run)
    assert [each.kind for each in found.history] == ["deactivate", "create"]


def test_what_a_later_plan_took_the_place_of_was_held_at_the_time(store: Store) -> None:
    directory = Directory("ada", "bob")
    limited = policy(limits={"deactivate": Limit(1)})
    sync(store, directory, limited)
    directory.suspend("ada")
    first, second = sync(store, directory, limited), sync(store, directory, limited)
    then = why(store, "ada@acme.com", at=first).directories[0].waiting
    assert [(each.state, each.run, each.limit) for each in then] == [("held", first.run, "deactivate")]
    with store.write() as connection:  # as an approval's report says which run it is about
        found = scalar(connection, "SELECT report FROM run WHERE id = :run", run=second.run)
        body = msgspec.json.encode(msgspec.json.decode(found) | {"of": first.run}).decode()
        connection.execute(text("UPDATE run SET report = :b WHERE id = :run"), {"b": body, "run": second.run})
    found = why(store, "ada@acme.com").directories[0].recorded
    assert [each.run for each in found] == [second.run, first.run]


def test_what_somebody_rejected_is_not_coming(store: Store) -> None:
    directory = Directory("ada", "bob")
    limited = policy(limits={"deactivate": Limit(1)})
    sync(store, directory, limited)
    directory.suspend("ada")
    held = sync(store, directory, limited)
    clusters = [each.cluster for each in held_clusters(store, held.run)]
    with store.write() as connection:
        reject(connection, held.run, "okta", clusters)
    found = why(store, "ada@acme.com")
    assert f"Their deactivation is skipped: rejected after run {held.run}." in found.answer
    (change,) = found.directories[0].waiting
    assert (change.state, change.code) == ("skipped", "rejected")
    assert found.directories[0].ways[0].endswith("exactly this was rejected")


def test_what_was_applied_in_between_is_told_apart(store: Store) -> None:
    directory = Directory("ada", "eve")
    sync(store, directory)
    for email in ("ada@acme.com", "eve@acme.com", "ada@acme.com"):
        directory.change("eve", email=email, title=email)
        sync(store, directory)
        sync(store, directory)
    told = [(each.action.kind, each.action.state, each.times) for each in one(store, "eve").history]
    assert told == [
        ("update", "skipped", 2),
        ("update", "applied", 1),
        ("update", "skipped", 2),
        ("create", "applied", 1),
    ]


def test_the_last_holder_is_asked_for_now_and_told(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.join("ada", groups=["Admins"])
    sync(store, directory)
    directory.leave("ada", groups=["Admins"])
    sync(store, directory, apply=False)
    assert "Their change of role is skipped: ada@acme.com is the last active admin." in why(store, "ada").answer
    directory.join("bob", groups=["Admins"])
    sync(store, directory, apply=False)
    assert [each.state for each in why(store, "ada").directories[0].next] == ["planned"]


def test_a_plan_alone_is_no_history(store: Store) -> None:
    directory = Directory("ada")
    sync(store, directory, apply=False)
    found = why(store, "ada@acme.com")
    assert found.history == ()
    assert [(each.kind, each.state, each.planned_only) for each in found.directories[0].recorded] == [
        ("create", "planned", True)
    ]


def test_what_was_not_read_whole_is_named_now_and_then(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.join("ada", groups=["Eng", "Ops"])
    scoped = policy(scope=Scope(groups=("Ops", "Eng")))
    directory.partial = {"Eng"}
    first = sync(store, directory, scoped)
    assert why(store, "bob").answer.startswith("bob@acme.com is not a member of acme: whether they are in scope")
    directory.partial = set()
    sync(store, directory, scoped)
    then = why(store, "bob", at=first)
    assert "whether they are in scope of okta is not known" in then.answer
    assert then.directories[0].incomplete == ("members of group Eng",)
    assert "not in any of the synced groups" in why(store, "bob").answer


def test_a_directory_that_could_not_be_read_leaves_what_was_known(store: Store) -> None:
    directory = Directory("ada")
    directory.join("ada", groups=["Admins"])
    sync(store, directory)
    directory.error = DirectoryError("the token was refused")
    broken = sync(store, directory)
    found = why(store, "ada@acme.com")
    assert "admin because of group Admins" in found.answer
    assert found.notes == (f"okta could not be read by run {broken.run}: the token was refused",)


def test_the_listing_of_groups_that_was_short_leaves_every_group_unknown_then(store: Store) -> None:
    directory = Directory("ada")
    directory.join("ada", groups=["Eng"])
    sync(store, directory)
    directory.partial = {"groups"}
    short = sync(store, directory, verify=True)
    view = one(store, "ada", at=short).standings[0].view
    assert "Eng" in view.unknown


def test_configuration_that_changed_since_is_said(store: Store) -> None:
    report = sync(store, Directory("ada"))
    other = policy(teams=())
    assert why(store, "ada", configured={"okta": policy()}).notes == ()
    assert why(store, "ada", configured={"okta": other}).notes == (
        f"okta: the configuration has changed since run {report.run}",
    )
    assert why(store, "ada", at=report, configured={"okta": other}).notes == ()


def test_a_mapping_that_was_dropped_before_the_run_is_no_change_since(store: Store) -> None:
    directory = Directory()
    directory.hire("ada", groups=["Eng"])
    sync(store, directory)
    dropped = policy(teams=())
    sync(store, directory, dropped)
    found = why(store, "ada", configured={"okta": dropped})
    assert found.notes == ()
    assert [(line.team, line.member, line.why) for line in found.directories[0].teams] == [
        ("Engineering", True, "kept")
    ]


def test_somebody_gone_whom_the_mirror_never_saw(store: Store) -> None:
    sync(store, Directory("bob"))
    with store.write() as connection:
        connection.execute(text("UPDATE member SET external_id = 'ghost'"))
    found = one(store, "bob@acme.com")
    assert next((each.subject.external_id, each.subject.user) for each in found.standings) == ("ghost", None)


def test_a_leaver_and_a_returner_keep_their_history(store: Store) -> None:
    directory = Directory("ada", "bob")
    sync(store, directory)
    directory.delete("ada")
    sync(store, directory)
    assert "(tombstone)" in why(store, "ada@acme.com").answer
    directory.hire("ada")
    sync(store, directory)
    found = why(store, "ada@acme.com")
    assert [each.kind for each in found.history] == ["reactivate", "deactivate", "create"]
    assert found.directories[0].state == UserState.ACTIVE
