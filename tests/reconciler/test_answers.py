"""The sentence that an explanation begins with, and what waits, from values."""

from typing import Any

import msgspec
import pytest

from reconciler.known import Known, Standing
from reconciler.model import Evidence, UserState
from reconciler.policy import TeamMapping
from reconciler.report import Complete
from reconciler.why import explain
from tests.builders import by_hand, gone, member, policy, suspended, user, view
from tests.reconciler.standings import (
    ADA,
    CONFLICT,
    CREATED,
    KEEPING,
    LATER,
    NESTED,
    RULED,
    RUN,
    SCOPED,
    SUSPENDED,
    answer,
    place,
    recorded,
    standing,
    told,
)

# -- members with access ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "said"),
    [
        pytest.param(standing(linked=ADA), "member by default", id="default"),
        pytest.param(standing("Admins", linked=member("ada", "admin")), "admin because of group Admins", id="group"),
        pytest.param(
            standing(who=user("ada", attributes={"jamie_role": "ADMIN"}), linked=member("ada", "admin")),
            "admin because of attribute jamie_role",
            id="attribute",
        ),
        pytest.param(
            standing("Eng", linked=member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))),
            "member by default and in team Engineering because of group Eng",
            id="team",
        ),
        pytest.param(
            standing(
                "Sub",
                linked=member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"})),
                view=view("Eng", Sub=["Eng"]),
                ids={"Eng": "Eng"},
                **NESTED,
            ),
            "member by default and in team Engineering because of group Engineers (through Platform)",
            id="nested",
        ),
        pytest.param(
            standing(linked=member("ada", teams=frozenset({"Chess"}))),
            "member by default and in team Chess by hand",
            id="by hand",
        ),
        pytest.param(
            standing(linked=member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))),
            "member by default and in team Engineering (until the next sync)",
            id="leaving",
        ),
        pytest.param(
            standing(asked=KEEPING, linked=member("ada", "recorder")),
            "recorder (kept: the directory says nothing)",
            id="kept",
        ),
        pytest.param(
            standing("Admins", asked=RULED, linked=member("ada", "admin", roles={"role": "admin", "seat": "manager"})),
            "admin because of group Admins and manager (rule: role is admin)",
            id="rule",
        ),
    ],
)
def test_an_active_member_is_told_with_what_gave_each_thing(one: Standing, said: str) -> None:
    assert answer(one) == f"ada@acme.com is an active member of acme: {said} (okta)."


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ((), "admin (set by hand)"),
        (
            (recorded("set_role", after={"role": "admin"}, cause="admin from group Old"),),
            "admin because of group Old, by run run1",
        ),
        ((recorded("set_role", after={"role": "member"}), CREATED), "admin (set by hand)"),
        ((recorded("create", after={"roles": {"role": "admin"}}),), "admin (given when created, by run run1)"),
        (
            (recorded("set_role", "held", after={"role": "x"}), recorded("create", after={"roles": {"role": "admin"}})),
            "admin (given when created, by run run1)",
        ),
    ],
)
def test_a_value_that_the_directory_does_not_give_has_what_gave_it_last(history: Any, said: str) -> None:
    found = told(standing(linked=member("ada", "admin")), history=history)
    assert found.answer.startswith(f"ada@acme.com is an active member of acme: {said} (okta).")
    assert [each.after for each in found.directories[0].next] == [{"role": "member"}]


def test_somebody_added_by_hand_has_no_directory() -> None:
    said = "ada@acme.com is an active member of acme, added by hand: admin by hand."
    assert answer(member=by_hand("ada", "admin")) == said
    bare = by_hand("ada", roles={})
    assert answer(member=bare) == "ada@acme.com is an active member of acme, added by hand."


def test_without_the_configuration_the_member_is_told_as_they_are() -> None:
    found = told(msgspec.structs.replace(standing(linked=ADA), policy=None))
    assert found.answer == "ada@acme.com is an active member of acme: member (okta)."
    assert found.notes == ("okta: the configuration that its runs followed was not kept",)


# -- people without access ----------------------------------------------------------------------------------------

OUT = member("ada", active=False)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (
            (SUSPENDED, CREATED),
            " since 2026-11-21 14:02:00 UTC: deactivated by run run1 because suspended in the directory (status).",
        ),
        (
            (recorded("deactivate", cause="undone"),),
            " since 2026-11-21 14:02:00 UTC: deactivated by run run1 because undone.",
        ),
        ((CREATED,), ": deactivated by hand, or by the application itself; no run of rosterd did it."),
        (
            (recorded("reactivate"), SUSPENDED),
            ": deactivated by hand, or by the application itself; no run of rosterd did it.",
        ),
        (
            (recorded("deactivate", "held"), CREATED),
            ": deactivated by hand, or by the application itself; no run of rosterd did it.",
        ),
    ],
)
def test_somebody_put_out_is_told_when_by_what_and_on_which_evidence(history: Any, said: str) -> None:
    found = answer(standing(who=suspended("ada"), linked=OUT), history=history)
    assert found == f"ada@acme.com has no access to acme{said}"


def test_somebody_inactive_whom_no_directory_manages() -> None:
    said = (
        "ada@acme.com has no access to acme: deactivated by hand: no directory manages them; no run of rosterd did it."
    )
    assert answer(member=by_hand("ada", active=False)) == said


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        pytest.param(standing(who=None), "okta had not described them", id="never described"),
        pytest.param(
            standing(who=gone("ada"), about={"evidence": Evidence.TOMBSTONE}),
            "gone from okta (tombstone) before a run made them a member",
            id="gone",
        ),
        pytest.param(standing(who=gone("ada")), "gone from okta before a run made them a member", id="gone unproved"),
        pytest.param(standing(who=suspended("ada")), "suspended in okta, and was never let in before", id="suspended"),
        pytest.param(
            standing(who=user("ada", UserState.PENDING)),
            "not yet active in okta: people who are staged or provisioned are not let in",
            id="pending",
        ),
        pytest.param(
            standing(who=user("ada", UserState.UNKNOWN)),
            "without a status in okta that says whether they may come in",
            id="no status",
        ),
        pytest.param(
            standing(who=user("ada", guest=True)), "out of scope of okta: guest accounts are not synced", id="guest"
        ),
        pytest.param(standing(asked=SCOPED), "out of scope of okta: not in any of the synced groups", id="groups"),
        pytest.param(
            standing(asked=SCOPED, view=view("Ops", "Leads", unknown=["Ops"])),
            "whether they are in scope of okta is not known: one of the synced groups could not be read whole",
            id="group not read",
        ),
        pytest.param(standing(about={"rivals": ("eve",)}), CONFLICT, id="rivals"),
        pytest.param(
            standing(about={"other": member("eve", directory="entra")}),
            "ada@acme.com of directory user ada already belongs to entra/eve",
            id="another directory",
        ),
        pytest.param(
            standing(who=user("ada", email="", user_name="ada")),
            "directory user ada has no email address",
            id="no address",
        ),
        pytest.param(standing(), "active in okta, and the next sync makes them one", id="to come"),
        pytest.param(
            standing(
                recorded=(recorded("create", "held", LATER, after={"email": "ada@acme.com"}, sentence="too many"),)
            ),
            "active in okta, and the next sync makes them one",
            id="held another way",
        ),
    ],
)
def test_somebody_who_is_no_member_is_told_why(one: Standing, reason: str) -> None:
    called = one.subject.user.email if one.subject.user and one.subject.user.email else "ada@acme.com"
    assert answer(one) == f"{called} is not a member of acme: {reason}."


def test_somebody_whose_creation_is_held_is_told_by_which_limit() -> None:
    coming = place().next[0]
    held = recorded(
        "create", "held", LATER, after=coming.after, sentence="9 new members", limit="create", cluster="create-1f"
    )
    found = told(standing(recorded=(held,)))
    assert found.answer == "ada@acme.com is not a member of acme: 9 new members."
    assert found.directories[0].ways[0] == (
        "to let the create through: rosterd approve run2 --only create-1f, or raise create in [workspace.limits]"
    )


def test_a_member_who_was_taken_away_by_hand_comes_back() -> None:
    assert answer(standing(), history=(CREATED,)).endswith("active in okta, and the next sync makes them one.")
    then = answer(standing(), history=(CREATED,), at=RUN)
    assert then.endswith("removed since by hand, though active in okta.")


def test_two_directories_and_no_member() -> None:
    other = msgspec.structs.replace(standing(who=suspended("ada")), directory="entra")
    assert answer(standing(who=user("ada", guest=True)), other) == (
        "ada@acme.com is not a member of acme: out of scope of okta: guest accounts are not synced;"
        " suspended in entra, and was never let in before."
    )


# -- what waits ---------------------------------------------------------------------------------------------------

HELD = recorded(
    "deactivate",
    "held",
    LATER,
    before={"active": True},
    after={"active": False},
    evidence="status",
    sentence="25 deactivations",
    limit="deactivate",
    cluster="deactivate-ab",
)
PROTECTED = policy(protected=frozenset({"ada@acme.com"}))


@pytest.mark.parametrize(
    ("one", "said", "way"),
    [
        pytest.param(
            standing(who=suspended("ada"), linked=ADA, recorded=(HELD,)),
            "deactivation is held: 25 deactivations",
            "to let the deactivate through: rosterd approve run2 --only deactivate-ab, or raise deactivate in"
            " [workspace.limits]",
            id="held",
        ),
        pytest.param(
            standing(who=suspended("ada"), linked=ADA, asked=PROTECTED),
            "deactivation is skipped: ada@acme.com is protected by configuration",
            "to let the deactivate through: take the address off protected in [[workspace]] acme",
            id="protected",
        ),
        pytest.param(
            standing(linked=member("ada", "admin"), stays=frozenset({"role"})),
            "change of role is skipped: ada@acme.com is the last active admin",
            "to let the set role through: give somebody else the protected role first",
            id="last holder",
        ),
        pytest.param(
            standing(
                linked=member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"})),
                view=view(unknown=["Eng"]),
                complete=Complete(True, True, False, ("Eng",)),
            ),
            "leaving of the team is skipped: a group mapped to team Engineering could not be read whole",
            "to let the leave team through: let okta be read whole (members of group Eng); rosterd check okta says what"
            " is in the way",
            id="not read whole",
        ),
        pytest.param(
            standing(
                who=user("ada", title="Countess"),
                linked=ADA,
                recorded=(
                    recorded(
                        "update",
                        "failed",
                        LATER,
                        before={"title": ""},
                        after={"title": "Countess"},
                        code="refused_by_store",
                        error="a NUL",
                    ),
                ),
            ),
            "update is failed: a NUL",
            "to let the update through: correct the value in okta",
            id="failed",
        ),
    ],
)
def test_what_is_decided_and_not_done_is_told_with_the_way_out(one: Standing, said: str, way: str) -> None:
    found = told(one)
    assert f" Their {said}." in found.answer
    assert way in found.directories[0].ways


def test_what_waited_once_and_would_not_be_planned_again_waits_no_more() -> None:
    found = told(standing(linked=ADA, recorded=(HELD,)))
    assert found.directories[0].waiting == ()
    assert "held" not in found.answer
    then = told(standing(who=suspended("ada"), linked=ADA, recorded=(HELD,)), at=LATER)
    assert [each.state for each in then.directories[0].waiting] == ["held"]
    assert then.directories[0].next == ()


def test_a_person_in_two_directories_is_a_member_by_one_of_them() -> None:
    entra = standing(about={"other": ADA})
    found = told(
        standing(linked=ADA), msgspec.structs.replace(entra, directory="entra", policy=policy(directory="entra"))
    )
    assert found.answer == (
        "ada@acme.com is an active member of acme: member by default (okta). An account of entra is not linked to them:"
        " ada@acme.com of directory user ada already belongs to okta/ada."
    )
    assert [each.linked for each in found.directories] == [True, False]


# -- wording ------------------------------------------------------------------------------------------------------


def test_several_things_are_listed_as_one_says_them() -> None:
    teams = frozenset({"Art", "Chess", "Choir"})
    assert answer(standing(linked=member("ada", teams=teams))) == (
        "ada@acme.com is an active member of acme: member by default, in team Art by hand, in team Chess by hand and in"
        " team Choir by hand (okta)."
    )


def test_of_several_ways_into_a_team_the_shortest_is_told() -> None:
    linked = member("ada", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))
    nested = (("Builders", "Deep"), ("Eng", "Builders"))
    shown = view("Eng", "Ops", Deep=["Eng"], Builders=["Eng"])
    teams = (*policy().teams, TeamMapping("Ops", "Engineering"))
    about: dict[str, Any] = {"view": shown, "ids": {"Eng": "Eng", "Ops": "Ops"}, "nested": nested, "names": {}}
    assert "in team Engineering because of group Eng (through Deep in Builders)" in answer(
        standing("Deep", linked=linked, **about)
    )
    assert "in team Engineering because of group Ops (okta)." in answer(
        standing("Deep", "Ops", linked=linked, asked=policy(teams=teams), **about)
    )


def test_who_is_no_member_is_called_by_their_address_whatever_they_were_asked_for_by() -> None:
    known = Known("00u1", "acme", standings=(standing(who=suspended("ada")),))
    assert explain(known).answer.startswith("ada@acme.com is not a member of acme: suspended in okta")
    unknown = msgspec.structs.replace(known, standings=())
    assert explain(unknown).answer == "00u1 is not a member of acme: no directory has described them."


def test_a_run_whose_time_is_not_known() -> None:
    said = answer(standing(linked=ADA), at=msgspec.structs.replace(RUN, began=""))
    assert said.startswith("After run run1 (an unknown time): ada@acme.com is an active member")


def test_who_was_created_after_they_were_put_out_was_put_out_again_by_hand() -> None:
    """What came first says nothing about the member whom a later run made."""
    found = answer(standing(linked=OUT), history=(CREATED, SUSPENDED))
    assert found.startswith("ada@acme.com has no access to acme: deactivated by hand")


def test_an_adoption_to_come_makes_somebody_a_member() -> None:
    found = answer(standing(about={"other": by_hand("ada")}))
    assert found.endswith("active in okta, and the next sync makes them one.")


@pytest.mark.parametrize(
    "history",
    [(), (recorded("create", "held"),), (recorded("update"),)],
    ids=["never", "not created", "something else"],
)
def test_only_who_was_created_can_have_been_taken_away_since(history: Any) -> None:
    assert answer(standing(), history=history, at=RUN).endswith("not a member of acme: active in okta.")


def test_a_reason_without_a_source_is_a_word() -> None:
    found = answer(standing(linked=member("ada", "admin")), history=())
    assert "admin (set by hand)" in found
