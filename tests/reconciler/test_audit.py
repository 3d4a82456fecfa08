"""What an audit finds of one person: nothing where both sides say the same, and exactly what is different."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit import (
    CODES,
    COMPARED,
    Difference,
    Finding,
    Side,
    Tally,
    Terms,
    Verdict,
    compared,
    groups,
    mentioned,
    sentence,
    spoken,
    untold,
)
from reconciler.model import DirectoryUser, Evidence, UserState
from reconciler.policy import AttributeMapping, GroupView, Policy, Scope, TeamMapping
from tests.builders import gone, policy, suspended, user, view

STATES = [*UserState]
NAMES = {"Admins": "Admins", "Eng": "Engineers"}
LISTED = Policy("acme", "entra", teams=(TeamMapping("Admins", "Admins"), TeamMapping("Engineers", "Engineers")))
ABSENT = Evidence.ABSENCE


def terms(*, told: Policy | None = None, listed: Policy = LISTED, **fields: Any) -> Terms:
    """Group Eng is called Engineers on the other side."""
    made = Terms(told or policy(), view("Admins", "Eng"), listed, view("Admins", "Engineers"), NAMES)
    return msgspec.structs.replace(made, **fields)


def side(one: DirectoryUser | str, *groups: str, **fields: Any) -> Side:
    return Side(user(one) if isinstance(one, str) else one, groups, **fields)


def having(fields: dict[str, str], state: UserState = UserState.ACTIVE) -> DirectoryUser:
    return msgspec.structs.replace(user("ada", state), **fields)


def codes(verdict: Verdict) -> list[tuple[str, ...]]:
    return [(each.code, *(part.name for part in each.differences)) for each in verdict.findings]


def test_the_same_on_both_sides_is_nothing() -> None:
    assert compared(terms(), side("ada", "Eng"), side("ada", "Engineers")) == Verdict(inside=True)


TEXTS = st.dictionaries(st.sampled_from(COMPARED), st.sampled_from(["", "x", "y@acme.com"]))


@given(TEXTS, st.sets(st.sampled_from(["Admins", "Eng", "Other"])), st.sampled_from(STATES))
def test_whatever_is_the_same_on_both_sides_is_nothing(
    fields: dict[str, str], inside: set[str], state: UserState
) -> None:
    one = having(fields, state)
    there = [NAMES.get(group, group) for group in inside]
    assert compared(terms(), side(one, *inside), side(one, *there)).findings == ()


@given(TEXTS, TEXTS)
def test_what_differs_is_exactly_the_fields_that_differ(here: dict[str, str], there: dict[str, str]) -> None:
    one, other = having(here), having(there)
    found = compared(terms(), side(one), side(other)).findings
    wrong = {part.name for each in found for part in each.differences} - {"email"}
    assert wrong == {name for name in COMPARED if name != "email" and getattr(one, name) != getattr(other, name)}


@pytest.mark.parametrize("field", [name for name in COMPARED if name not in ("email", "user_name")])
def test_one_changed_field_is_that_finding(field: str) -> None:
    told = having({field: "old"})
    found = compared(terms(), side(told), side(having({field: "new"}))).findings
    said = Finding(
        "different", "ada@acme.com", "ada", "ada", f"other than in the directory: {field}",
        (Difference(field, "old", "new"),),
    )  # fmt: skip
    assert found == (said,)


@pytest.mark.parametrize(
    ("told", "listed", "found"),
    [
        (user("ada"), gone("ada"), [("lost_delete",)]),
        (user("ada"), suspended("ada"), [("lost_delete",)]),
        (user("ada"), user("ada", UserState.PENDING), [("different", "state")]),
        (user("ada"), user("ada", UserState.UNKNOWN), []),
        (user("ada"), None, [("orphan",)]),
        (suspended("ada"), user("ada"), [("different", "state")]),
        (suspended("ada"), suspended("ada"), []),
        (suspended("ada"), gone("ada"), []),
        (suspended("ada"), None, []),
        (gone("ada"), user("ada"), []),  # who was deleted by the client is looked at from the other side
        (user("ada", email="ada@beta.com"), gone("ada"), []),  # no member here anyway
        (user("svc-ada"), None, []),
    ],
)
def test_standing(told: DirectoryUser, listed: DirectoryUser | None, found: list[tuple[str, ...]]) -> None:
    scoped = policy(scope=Scope(frozenset({"acme.com"}), exclude=("svc-*",)))
    assert codes(compared(terms(told=scoped), side(told), None if listed is None else side(listed))) == found


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [(Evidence.TOMBSTONE, "deleted in the directory"), (ABSENT, "no longer in the directory")],
)
def test_a_lost_delete_says_how_it_is_known(evidence: Evidence, cause: str) -> None:
    (found,) = compared(terms(), side("ada"), side(gone("ada"), evidence=evidence)).findings
    assert (found.email, found.cause) == ("ada@acme.com", cause)


def test_a_short_read_makes_nobody_an_orphan() -> None:
    assert compared(terms(whole=False), side("ada"), None) == Verdict(inside=True, unjudged=True)


@pytest.mark.parametrize(("told_late", "listed_late"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("listed", [gone("ada"), user("ada", title="Countess")])
def test_what_moves_is_not_reported_yet(listed: DirectoryUser, told_late: bool, listed_late: bool) -> None:
    found = compared(terms(), side("ada", moving=told_late), side(listed, moving=listed_late))
    assert found == Verdict(inside=True, underway=True)


def test_what_moves_and_is_the_same_is_the_same() -> None:
    tally = Tally()
    tally.add(compared(terms(), side("ada", moving=True), side("ada")))
    assert (tally.alike, tally.underway, tally.found) == (1, 0, {})


# -- those who were never told ------------------------------------------------------------------------------------

CREW = Policy("acme", "entra", scope=Scope(groups=("Crew",)))


@pytest.mark.parametrize(
    ("listed", "inside", "left", "cause"),
    [
        (user("ada"), (), False, "in the directory and in scope, never told"),
        (user("ada"), (), True, "active in the directory, deleted by its client"),
        (suspended("ada"), (), False, None),
        (user("ada", UserState.PENDING), (), False, None),
        (user("ada", UserState.UNKNOWN), (), False, None),
        (user("ada", guest=True), (), False, None),
    ],
)
def test_missing(listed: DirectoryUser, inside: tuple[str, ...], left: bool, cause: str | None) -> None:
    found = untold(terms(), side(listed, *inside), left=left).findings
    assert [each.cause for each in found] == ([] if cause is None else [cause])
    assert {each.code for each in found} <= {"missing"}


def test_who_is_not_provisioned_is_not_missing() -> None:
    there = terms(listed=CREW, listed_view=view("Crew"))
    assert untold(there, side("ada"), left=False) == Verdict()
    assert codes(untold(there, side("ada", "Crew"), left=False)) == [("missing",)]
    assert untold(there, side("ada", "Crew", moving=True), left=False) == Verdict(inside=True, underway=True)
    assert untold(there, side("ada", "Crew", regrouped=True), left=False) == Verdict(inside=True, underway=True)


def test_the_told_sides_groups_bound_who_is_missing_by_their_names() -> None:
    there = terms(told=policy(scope=Scope(groups=("Eng",))))
    assert untold(there, side("ada", "Admins"), left=False) == Verdict()
    assert codes(untold(there, side("ada", "Engineers"), left=False)) == [("missing",)]


# -- groups -------------------------------------------------------------------------------------------------------


def test_who_left_the_groups_that_are_provisioned_is_a_lost_delete() -> None:
    there = terms(listed=CREW, listed_view=view("Crew"))
    (found,) = compared(there, side("ada"), side("ada")).findings
    assert (found.code, found.cause) == ("lost_delete", "not in any of the groups that are provisioned")
    assert compared(there, side("ada"), side("ada", "Crew")) == Verdict(inside=True)
    assert compared(there, side("ada"), side("ada", regrouped=True)) == Verdict(inside=True, underway=True)
    short = terms(listed=CREW, listed_view=view("Crew", unknown=["Crew"]))
    assert compared(short, side("ada"), side("ada")) == Verdict(inside=True, unjudged=True)


@pytest.mark.parametrize(
    ("here", "there", "told", "directory"),
    [(["Eng"], [], "member", ""), ([], ["Engineers"], "", "member")],
)
def test_one_membership_is_that_finding(here: list[str], there: list[str], told: str, directory: str) -> None:
    (found,) = compared(terms(), side("ada", *here), side("ada", *there)).findings
    assert (found.code, found.differences) == ("membership", (Difference("Engineers", told, directory),))


def test_nothing_is_missing_from_a_group_that_was_not_read_whole() -> None:
    short = terms(listed_view=view("Admins", "Engineers", unknown=["Engineers"]))
    assert compared(short, side("ada", "Eng"), side("ada")).findings == ()
    assert codes(compared(short, side("ada"), side("ada", "Engineers"))) == [("membership", "Engineers")]


@pytest.mark.parametrize("late", ["told", "listed"])
def test_memberships_that_moved_wait_and_the_rest_does_not(late: str) -> None:
    told, listed = side("ada", "Eng", regrouped=late == "told"), side("ada", regrouped=late == "listed")
    assert compared(terms(), told, listed) == Verdict(inside=True, underway=True)
    other = msgspec.structs.replace(listed, user=user("ada", title="Countess"))
    found = compared(terms(), told, other)
    assert (codes(found), found.underway) == ([("different", "title")], True)


def test_a_group_that_moved_is_not_judged() -> None:
    moved = terms(unsettled=frozenset({"Engineers"}), untold=frozenset({"Eng"}))
    assert compared(moved, side("ada", "Eng"), side("ada")) == Verdict(inside=True)
    assert [*groups(moved)] == []


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"untold": frozenset({"Eng"})}, 'group "Engineers" is in the directory, and was never told'),
        (
            {"untold": frozenset({"Eng"}), "told_view": GroupView(gone=frozenset({"Eng"}))},
            'group "Engineers" is in the directory, and was deleted by its client',
        ),
        (
            {"listed_view": GroupView(names={"Engineers": "Engineers"}, gone=frozenset({"Engineers"}))},
            'group "Engineers" was deleted in the directory',
        ),
    ],
)
def test_a_group_that_one_side_lacks_is_one_finding(fields: dict[str, Any], cause: str) -> None:
    there = terms(**fields)
    assert [each.cause for each in groups(there)] == [cause]
    inside = ("Engineers",) if "untold" in fields else ()
    assert compared(there, side("ada", *(() if inside else ("Eng",))), side("ada", *inside)) == Verdict(inside=True)


def test_a_group_that_neither_side_has_is_no_finding() -> None:
    assert [*groups(terms(untold=frozenset({"Eng"}), listed_view=view("Admins")))] == []


# -- fields -------------------------------------------------------------------------------------------------------


def test_addresses_are_compared_as_people_are_matched() -> None:
    other = user("ada", email="ADA@acme.com", user_name=" Ada@Acme.com")
    assert compared(terms(), side("ada"), side(other)).findings == ()


def test_a_field_that_one_side_never_speaks_of_is_not_compared() -> None:
    told, listed = user("ada"), user("ada", title="Countess")
    fields = spoken(policy(), [told]) & spoken(LISTED, [listed])
    assert "title" not in fields
    assert compared(terms(fields=fields), side(told), side(listed)).findings == ()


def test_no_more_people_are_looked_at_than_it_takes_to_see_every_field() -> None:
    everything = user("ada", title="Countess", department="Engines")

    def people() -> Any:
        yield everything
        raise AssertionError

    assert spoken(policy(), people()) == frozenset(COMPARED)


def test_mapped_fields_are_compared_with_what_the_other_side_maps_to_them() -> None:
    told = policy(attributes=(AttributeMapping("costCenter", "cost_center"), AttributeMapping("nick", "title")))
    listed = msgspec.structs.replace(
        LISTED, attributes=(AttributeMapping("extension_cc", "cost_center"), AttributeMapping("jobTitle", "title"))
    )
    here = user("ada", attributes={"costCenter": "7", "nick": "Countess"})
    assert mentioned(told) == (*COMPARED, "cost_center")
    both = spoken(told, [here]) & spoken(told, [here])
    assert {"cost_center", "title"} <= both
    where = terms(told=told, listed=listed, fields=both)
    same = user("ada", attributes={"extension_cc": "7", "jobTitle": "Countess"})
    assert compared(where, side(here), side(same)).findings == ()
    other = user("ada", attributes={"extension_cc": "8", "jobTitle": "Countess"})
    assert codes(compared(where, side(here), side(other))) == [("different", "cost_center")]


# -- numbers ------------------------------------------------------------------------------------------------------


def test_a_tally_keeps_numbers_and_the_first_people_only() -> None:
    tally = Tally(named=2)
    for name in ("ada", "bob", "cyd", "dan"):
        tally.add(compared(terms(), side(name), None))
    tally.add(compared(terms(), side("eve"), side("eve")))
    assert (tally.found, tally.inside, tally.alike) == ({"orphan": 4}, 5, 1)
    assert tally.first["orphan"] == ["ada@acme.com", "bob@acme.com"]
    assert [*tally.causes.values()] == [4]


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_sentence(code: str) -> None:
    assert sentence(code, 1).startswith("1 ")
    assert sentence(code, 1200).startswith("1,200 ")
