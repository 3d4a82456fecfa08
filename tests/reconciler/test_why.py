"""What an explanation rests on: scope, matching, groups, teams, fields, history, notes; from values."""

from typing import Any

import msgspec
import pytest

from reconciler.explanation import Explanation, Place
from reconciler.known import Known, RunOf, Standing
from reconciler.policy import AttributeMapping, GroupView, TeamMapping
from reconciler.why import explain
from tests.builders import TEAM, by_hand, member, policy, suspended, user, view
from tests.reconciler.standings import (
    ADA,
    CONFLICT,
    CREATED,
    LATER,
    RUN,
    SCOPED,
    SUSPENDED,
    answer,
    place,
    recorded,
    standing,
    told,
)

# -- scope, matching, groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "inside", "sentence"),
    [
        (standing(), True, "everybody in the directory is"),
        (standing("Ops", asked=SCOPED), True, "in synced group Ops and address in the workspace's domains"),
        (standing(asked=SCOPED, who=user("ada", email="ada@x.org")), False, "address outside the workspace's domains"),
        (standing(asked=SCOPED, who=user("svc-1")), False, 'excluded by the pattern "svc-*"'),
    ],
)
def test_the_rule_of_scope(one: Standing, inside: bool, sentence: str) -> None:
    scope = told(one).directories[0].scope
    assert scope is not None
    assert (scope.inside, scope.sentence) == (inside, sentence)


@pytest.mark.parametrize(
    ("one", "how", "sentence"),
    [
        (standing(linked=ADA), "external_id", "member ada@acme.com is linked to ada"),
        (standing(), "new", "no member has this address"),
        (standing(asked=policy(match="user_name")), "new", "no member has this user name"),
        (standing(about={"other": by_hand("ada")}), "email", "member ada@acme.com has this address"),
        (
            standing(about={"other": by_hand("ada")}, asked=policy(match="user_name")),
            "user_name",
            "member ada@acme.com has this user name",
        ),
        (standing(about={"rivals": ("eve",)}), "conflict", CONFLICT),
        (standing(linked=ADA, about={"rivals": ("eve",)}), "external_id", "member ada@acme.com is linked to ada"),
        (
            standing(who=suspended("ada")),
            "none",
            "no member is linked, and nobody who is not active and in scope is matched to one",
        ),
        (
            standing(recorded=(recorded("create", "skipped", code="linked_elsewhere", error="belongs to entra/x"),)),
            "conflict",
            "belongs to entra/x",
        ),
    ],
)
def test_how_a_person_is_matched(one: Standing, how: str, sentence: str) -> None:
    matching = told(one).directories[0].matching
    assert matching is not None
    assert (matching.how, matching.sentence) == (how, sentence)


def test_groups_are_told_with_the_way_to_them_and_mapped_ones_first() -> None:
    found = place(
        "Sub",
        "Ops",
        nested=(("Eng", "Sub"), ("All", "Eng"), ("Sub", "All")),
        ids={"Engineers": "Eng"},
        names={"Sub": "Platform", "Eng": "Engineers", "All": "Everybody"},
    )
    assert [(group.path, group.direct, group.mapped) for group in found.groups] == [
        (("Platform", "Engineers"), False, True),
        (("Ops",), True, False),
        (("Platform",), True, False),
        (("Platform", "Engineers", "Everybody"), False, False),
    ]


# -- teams and profile --------------------------------------------------------------------------------------------


def test_why_each_team() -> None:
    teams = (TEAM, TeamMapping("Ops", "Operations"))
    linked = member("ada", teams=frozenset({"Engineering", "Chess", "Old"}), granted=frozenset({"Engineering", "Old"}))
    found = place("Eng", "Ops", asked=policy(teams=teams), linked=linked)
    assert {line.team: (line.member, line.paths, line.why) for line in found.teams} == {
        "Chess": (True, (), "by_hand"),
        "Engineering": (True, (("Eng",),), "mapped"),
        "Old": (True, (), "to_leave"),
        "Operations": (False, (("Ops",),), "to_join"),
    }


def test_a_team_that_nobody_takes_them_out_of_is_kept() -> None:
    linked = member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))
    one = standing(linked=linked, view=view(unknown=["Eng"]))
    assert [line.why for line in told(one).directories[0].teams] == ["kept"]
    assert "in team Engineering (kept)" in answer(one)


def test_where_each_field_comes_from() -> None:
    asked = policy(attributes=(AttributeMapping("costCenter", "cost_center"),))
    who = user("ada", email="", display_name="", title="Countess", attributes={"costCenter": 7})
    found = {each.name: each for each in place(who=who, asked=asked, linked=ADA).profile}
    assert (found["email"].source, found["email"].wanted) == ("user name, which is an address", "ada@acme.com")
    assert found["display_name"].source == "given and family name"
    assert (found["title"].value, found["title"].wanted, found["title"].source) == ("", "Countess", "title")
    assert (found["cost_center"].wanted, found["cost_center"].source) == ("7", "attribute costCenter")
    assert "department" not in found


# -- notes, history -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "about", "note"),
    [
        ({}, {"changed": True}, "okta: the configuration has changed since run run1"),
        ({}, {"vague": True}, "okta: what it said at that time was not kept; this is the earliest that was"),
        ({}, {"error": "the token was refused"}, "okta could not be read by run run1: the token was refused"),
        ({"asked": "old@acme.com"}, {}, "nobody is called old@acme.com now: this is who was at another time"),
        (
            {"at": RUN, "uncertain": ("title",)},
            {},
            "title was changed by hand since: what it was after this run is not known for certain",
        ),
        (
            {"at": RUN, "unrecorded": True},
            {},
            "no run that is known made this member: what no run changed is shown as it is now",
        ),
    ],
)
def test_what_one_has_to_know_besides(fields: dict[str, Any], about: dict[str, Any], note: str) -> None:
    known = Known("ada@acme.com", "acme", ADA, standings=(standing(linked=ADA, **about),))
    assert explain(msgspec.structs.replace(known, **fields)).notes == (note,)


@pytest.mark.parametrize("name", ["ADA@acme.com", "ada", "ada@acme.com "])
def test_an_address_a_user_name_and_an_id_are_names(name: str) -> None:
    assert Known(name, "acme", standings=(standing(),)).is_called
    assert Known("hand-ada@acme.com", "acme", by_hand("hand-ada")).is_called


def test_an_answer_about_a_run_names_it() -> None:
    said = answer(standing(linked=ADA), at=RUN)
    assert said.startswith("After run run1 (2026-11-21 14:02:00 UTC): ada@acme.com is an active member of acme: member")


def test_history_is_told_with_causes_evidence_and_how_often() -> None:
    again = recorded("create", "skipped", LATER, code="email_conflict", error=CONFLICT, times=3, since=RUN.began)
    first, second = told(standing(), history=(again, SUSPENDED)).history
    assert (first.sentence, first.times, first.since, first.run) == (CONFLICT, 3, RUN.began, "run2")
    assert (second.kind, second.cause, second.evidence, second.times) == (
        "deactivate",
        "suspended in the directory",
        "status",
        1,
    )
    assert second.since == second.began == RUN.began


def test_every_key_is_there_in_json() -> None:
    found = msgspec.to_builtins(told(standing("Admins", linked=ADA), history=(CREATED,), at=RUN))
    assert set(found) == set(Explanation.__struct_fields__)
    assert set(found["directories"][0]) == set(Place.__struct_fields__)
    assert set(found["at"]) == set(RunOf.__struct_fields__)
    assert found["directories"][0]["roles"][0]["considered"][0].keys() == {"source", "offered", "value", "lost"}


def test_a_view_without_groups_grants_nothing() -> None:
    assert place("Admins", view=GroupView(), ids={}).roles[0].wanted == "member"
