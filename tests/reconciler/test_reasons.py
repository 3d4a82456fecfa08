"""Why two policies come to different outcomes: the difference that is named, and what is named where none is alone."""

from typing import Any

import msgspec
import pytest

from reconciler.against import Differences, differences, differing
from reconciler.context import Context
from reconciler.guard import Hold
from reconciler.match import Subject
from reconciler.model import UserState
from reconciler.outcome import outcome
from reconciler.plan import Step
from reconciler.policy import AttributeMapping, GroupView, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from tests.builders import ROLE, SOURCE, by_hand, member, policy, subject, suspended, user, view
from tests.reconciler.test_against import ADA, ALL, OPS, SEAT, WIDE, found

PROTECTED = {"protected": frozenset({"ada@acme.com"})}
DESK = RoleAxis("desk", ("shared", "own"), "shared", when_absent="keep")
BOTH = RoleRule((("seat", "full"), ("desk", "own")), (("role", "member"),))
FULL_SEATS = RoleRule((("seat", "full"),), (("role", "member"),))
SEAT_AND_DESK = "seat is full and desk is own"
STAFF, OTHER = Scope(groups=("Staff",)), Scope(groups=("Ops",))


@pytest.mark.parametrize(
    ("one", "other", "who", "sentence"),
    [
        pytest.param(
            {"axes": (ROLE, SEAT)}, {}, subject("ada", member=member("ada", roles={"role": "member", "seat": "full"})),
            [], id="a role that is configured no longer is left alone"),
        pytest.param(
            {}, {"axes": (ROLE, msgspec.structs.replace(SEAT, default="full"))}, subject("ada", member=ADA),
            ["1 person becomes full (seat), because role seat is now configured"], id="a new axis"),
        pytest.param(
            {"axes": (WIDE,), "sources": (RoleSource("role", groups=(("Eng", "editor"),)),)},
            {"axes": (RoleAxis("role", ("member", "admin", "editor"), "member"),),
             "sources": (RoleSource("role", groups=(("Eng", "admin"), ("Eng", "editor"))),)},
            subject("ada", "Eng", member=ADA), [], id="the same value"),
        pytest.param(
            {"axes": (WIDE,), "sources": (RoleSource("role", groups=(("Eng", "editor"), ("Ops", "admin"))),)},
            {"axes": (RoleAxis("role", ("member", "admin", "editor"), "member"),),
             "sources": (RoleSource("role", groups=(("Eng", "editor"), ("Ops", "admin"))),)},
            subject("ada", "Eng", "Ops", member=member("ada", granted=frozenset({"Engineering"}))),
            ["1 person becomes editor, because the order of its values is another"], id="another order"),
        pytest.param(
            {"axes": (ROLE,), "sources": (RoleSource("role", "jamie_role"),)},
            {"axes": (WIDE,), "sources": (RoleSource("role", "jamie_role"),)},
            subject("ada", member=ADA, user=user("ada", attributes={"jamie_role": "editor"})),
            ["1 person becomes editor, because editor is one of the axis now"], id="a value more"),
        pytest.param(
            {"axes": (ROLE, SEAT, DESK), "rules": (BOTH,)}, {"axes": (ROLE, SEAT, DESK)},
            subject("ada", "Admins", member=member("ada", roles={"role": "member", "seat": "full", "desk": "own"})),
            [f"1 person becomes admin (role), because a rule no longer makes it member while {SEAT_AND_DESK}"],
            id="a rule that is there no longer"),
        pytest.param(
            {"axes": (ROLE, SEAT)},
            {"axes": (ROLE, SEAT), "rules": (RoleRule((("seat", "full"),), (("role", "admin"),)), FULL_SEATS)},
            subject("ada", member=member("ada", roles={"role": "member", "seat": "full"})),
            [], id="a rule that another takes back"),
        pytest.param(
            {"axes": (ROLE, SEAT), "rules": (FULL_SEATS,)},
            {"axes": (ROLE, SEAT), "rules": (FULL_SEATS, RoleRule((("seat", "none"),), (("role", "admin"),)))},
            subject("ada", "Admins", member=member("ada", roles={"role": "member", "seat": "none"})),
            [], id="a rule that gives what they have"),
        pytest.param(
            {}, {"sources": (RoleSource("seat", groups=(("Admins", "full"),)), OPS), "axes": (ROLE, SEAT)},
            subject("ada", "Ops", member=member("ada", roles={"role": "member", "seat": "none"})),
            ["1 person becomes admin (role), because group Ops is now mapped to admin"],
            id="sources of other axes are passed over"),
        pytest.param(
            {"sources": (SOURCE, RoleSource("seat", "jamie_role")), "axes": (ROLE, SEAT)},
            {"sources": (RoleSource("seat", "jamie_role"),), "axes": (ROLE, SEAT)},
            subject("ada", user=user("ada", attributes={"jamie_role": "admin"}),
                    member=member("ada", roles={"role": "member", "seat": "none"})),
            ["1 person becomes member (role), because attribute jamie_role is no longer read"],
            id="an attribute that another axis still reads"),
    ],
)  # fmt: skip
def test_a_role(one: dict[str, Any], other: dict[str, Any], who: Subject, sentence: list[str]) -> None:
    assert found(one, other, who) == sentence


@pytest.mark.parametrize(
    ("one", "other", "who", "sentence"),
    [
        pytest.param(
            {"scope": STAFF}, {"scope": OTHER}, subject("ada", "Staff", member=ADA),
            "1 person loses access, because group Staff is no longer one of scope_groups", id="another group"),
        pytest.param(
            {"scope": STAFF}, {"scope": OTHER}, subject("ada", "Ops"),
            "1 person becomes a member, because group Ops is now one of scope_groups", id="now one of them"),
        pytest.param(
            {}, {"scope": Scope(groups=("Staff", "Ops"))}, subject("ada", member=ADA),
            "1 person loses access, because only members of Ops, Staff are synced now", id="several groups"),
        pytest.param(
            {}, {"scope": Scope(frozenset({"acme.com"}))},
            subject("ada", user=user("ada", email="", user_name="ada"), member=ADA),
            "1 person loses access, because email_domains now exclude people without an address", id="no address"),
        pytest.param(
            {}, {"scope": Scope(frozenset({"beta.com"}))},
            subject("ada", user=user("ada", email='"a@b"@acme.com'), member=ADA),
            "1 person loses access, because email_domains now exclude acme.com", id="an at-sign in an address"),
        pytest.param(
            {"scope": Scope(frozenset({"beta.com"}))}, {"scope": Scope(exclude=("eve*",))}, subject("ada"),
            "1 person becomes a member, because email_domains now include acme.com", id="what let them in"),
        pytest.param(
            {"scope": Scope(exclude=("ad*",))}, {"scope": Scope(frozenset({"beta.com"}))}, subject("ada", member=ADA),
            None, id="out either way"),
        pytest.param(
            PROTECTED, {"scope": STAFF}, subject("ada", member=ADA),
            "1 person loses access, because only members of Staff are synced now", id="scope before protection"),
    ],
)  # fmt: skip
def test_access(one: dict[str, Any], other: dict[str, Any], who: Subject, sentence: str | None) -> None:
    assert found(one, other, who) == ([] if sentence is None else [sentence])


def reach(**groups: list[str]) -> GroupView:
    return view("Admins", "Eng", "Ops", "Staff", **groups)


def test_a_synced_group_that_was_not_read_whole() -> None:
    short = view("Admins", "Staff", unknown=("Staff",))
    said = "one of the synced groups could not be read whole"
    assert found({"scope": STAFF}, {"scope": OTHER}, subject("ada", member=ADA), before=short) == [
        "1 person loses access, because scope_groups changed"
    ]
    assert found({}, {"scope": STAFF}, subject("ada"), after=short) == [f"1 person is not added, because {said}"]
    assert found({"scope": STAFF}, {}, subject("ada"), before=short) == [f"1 person becomes a member, because {said}"]


def test_nested_groups_of_the_scope() -> None:
    deep = reach(Sub=["Staff"])
    assert found(
        {"scope": STAFF}, {"scope": STAFF, "nested": False}, subject("ada", "Sub", member=ADA), before=deep
    ) == ["1 person loses access, because members of groups inside a group no longer count"]
    assert found({"scope": STAFF}, {"scope": STAFF}, subject("ada", "Sub", member=ADA), before=deep) == [
        "1 person loses access, because scope_groups changed"
    ]


def test_a_refusal_that_keeps_somebody_out_is_why() -> None:
    one, other = Context(policy(), ALL), Context(policy(teams=()), ALL)
    free = outcome(one, subject("ada"))
    for rival, because in (
        ({"rivals": ("eve",)}, "several people share what they are matched by"),
        ({"other": member("ada", directory="entra")}, "somebody else's member has what they are matched by"),
        ({"user": user("ada", email="", user_name="ada")}, "they have no address"),
    ):
        blocked = outcome(other, subject("ada", **rival))
        assert [*differing(free, blocked)] == [("standing", "are not added", because)]
    back = outcome(one, subject("ada", rivals=("eve",)))
    assert ("standing", "become members", "nobody shares what they are matched by") in [
        *differing(back, outcome(other, subject("ada")))
    ]


def test_two_accounts_of_one_address_keep_a_member_from_coming_back() -> None:
    one, other = Context(policy(), ALL), Context(policy(teams=()), ALL)
    left = member("ada", active=False)
    blocked = outcome(other, subject("ada", member=left, other=member("eve"), rivals=("eve",)))
    assert [*differing(outcome(one, subject("ada", member=left)), blocked)] == [
        ("standing", "do not come back", "several people share what they are matched by")
    ]


def test_a_refusal_of_one_axis_is_no_reason_for_another() -> None:
    """Ada stays admin either way, as the last one; her seat is what differs."""
    who = subject("ada", member=member("ada", roles={"role": "admin", "seat": "none"}))
    axes = (ROLE, SEAT)
    one = msgspec.structs.replace(Context(policy(axes=axes), ALL), stays={ADA.id: frozenset({"role"})})
    seats = RoleRule((("role", "member"),), (("seat", "full"),))
    other = msgspec.structs.replace(
        Context(policy(axes=axes, rules=(seats,)), ALL), stays={ADA.id: frozenset({"role"})}
    )
    assert [*differing(outcome(one, who), outcome(other, who))] == [
        ("role", "become full (seat)", "rule: role is member")
    ]


def test_what_an_address_that_is_protected_keeps_is_why_a_field_differs() -> None:
    """The address of a protected member stays the one that configuration protects."""
    who = subject("ada", member=ADA, user=user("ada", email="lovelace@acme.com"))
    assert found({}, PROTECTED, who) == ["1 person gets another email, because they are protected now"]
    assert found(PROTECTED, {}, who) == ["1 person gets another email, because they are protected no longer"]


def test_a_field_that_no_mapping_accounts_for() -> None:
    """Both configurations take the title from one attribute, which the readings have otherwise."""
    asked = policy(attributes=(AttributeMapping("position", "title"),))
    one, other = Context(asked, ALL), Context(asked, ALL)
    readings = (
        subject("ada", member=ADA, user=user("ada", attributes={"position": title})) for title in ("Chief", "Boss")
    )
    pair = [outcome(context, reading) for context, reading in zip((one, other), readings, strict=True)]
    assert [*differing(*pair)] == [("field", "get another title", "what it is made of is read otherwise")]


def test_an_attribute_of_a_field_that_is_another_one_now() -> None:
    who = subject("ada", member=ADA, user=user("ada", attributes={"position": "Chief", "rank": "7"}))
    one, other = AttributeMapping("position", "title"), AttributeMapping("rank", "title")
    assert found({"attributes": (one,)}, {"attributes": (other,)}, who) == [
        "1 person gets another title, because title is now attribute rank"
    ]


def test_groups_are_called_by_their_names() -> None:
    named = GroupView({"g1": frozenset({"g1"}), "g2": frozenset({"g2"})}, names={"g1": "Ops", "g2": "Staff"})
    views = {"before": named, "after": named}
    source = RoleSource("role", groups=(("g1", "admin"),))
    assert found({}, {"sources": (source,)}, subject("ada", "g1", member=ADA), **views) == [
        "1 person becomes admin, because group Ops is now mapped to admin"
    ]
    team = {"teams": (TeamMapping("g1", "Design"),)}
    assert found({"teams": ()}, team, subject("ada", "g1", member=ADA), **views) == [
        "1 person joins team Design, because group Ops is now mapped to team Design"
    ]
    assert found({}, {"scope": Scope(groups=("g2",))}, subject("ada", "g1", member=ADA), **views) == [
        "1 person loses access, because only members of Staff are synced now"
    ]


def test_who_is_somebody_elses_under_one_policy_differs_in_all_of_it_for_that_reason() -> None:
    hand = by_hand("ada", "admin", teams=frozenset({"Engineering"}))
    who = subject("ada", "Eng", other=hand)
    said = "email_domains now exclude acme.com"
    sentences = found({}, {"scope": Scope(frozenset({"beta.com"}))}, who)
    assert sentences
    assert {sentence.partition(", because ")[2] for sentence in sentences} == {said}
    back = found({"scope": Scope(frozenset({"beta.com"}))}, {}, who)
    assert back[0] == "1 person is adopted by the directory, because email_domains now include acme.com"
    assert "1 person becomes member, because email_domains now include acme.com" in back


def test_somebody_who_is_suspended_either_way_is_no_question_of_scope() -> None:
    one, other = Context(policy(scope=STAFF), ALL), Context(policy(), ALL)
    away = suspended("ada")
    pair = [outcome(each, subject("ada", user=away, member=ADA)) for each in (one, other)]
    assert [*differing(*pair)] == []


def test_people_are_counted_whether_they_differ_or_not() -> None:
    one, other = Context(policy(), ALL), Context(policy(sources=(OPS,)), ALL)
    crowd = [subject(name, *groups, member=member(name)) for name, groups in (
        ("ada", ["Ops"]), ("bob", ["Ops"]), ("cyd", []), ("dan", []), ("eve", []),
    )]  # fmt: skip
    folded = differences(one, other, ((who, who) for who in crowd))
    assert (folded.changed, folded.unchanged) == (2, 3)
    (found,) = folded.all(((), ()))
    assert (found.kind, found.change, found.because, found.count, found.people) == (
        "role", "become admin", "group Ops is now mapped to admin", 2, ("ada@acme.com", "bob@acme.com"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "count", "said"),
    [
        (Step.DEACTIVATE, 1, "1 deactivation would be held"),
        (Step.DEACTIVATE, 2, "2 deactivations would be held"),
        (Step.LEAVE_TEAM, 1, "1 departure from a team would be held"),
        (Step.LEAVE_TEAM, 3, "3 departures from a team would be held"),
    ],
)
def test_what_would_be_held_is_told_in_numbers(step: Step, count: int, said: str) -> None:
    hold = Hold(step, "left Eng", count, "too many")
    (found,) = Differences().all(((), (hold,)))
    assert (found.kind, found.change, found.because, found.count, found.people, found.sentence) == (
        "held", said.partition(" ")[2], "too many", count, (), f"{said}: too many",
    )  # fmt: skip


def test_a_field_that_is_filled_in_only_one_of_the_ways_differs() -> None:
    asked = {"attributes": (AttributeMapping("desk", "desk"),)}
    who = subject("ada", member=ADA, user=user("ada", attributes={"desk": "4"}))
    assert found({}, asked, who) == ["1 person gets another desk, because desk is now attribute desk"]
    empty = subject("ada", member=ADA, user=user("ada"))
    assert found({}, asked, empty) == []


def test_who_would_be_created_is_a_whole_member() -> None:
    made = outcome(Context(policy(), ALL), subject("ada", "Admins", "Eng", user=user("ada", title="Countess"))).member
    assert made is not None
    assert (made.active, made.managed, made.directory, made.external_id) == (True, True, "okta", "ada")
    assert (made.roles, made.teams, made.profile.title) == ({"role": "admin"}, frozenset({"Engineering"}), "Countess")


def test_who_would_be_adopted_is_the_member_that_they_take_over() -> None:
    hand = by_hand("ada", "admin", teams=frozenset({"Chess"}))
    made = outcome(Context(policy(), ALL), subject("ada", other=hand)).member
    assert made is not None
    assert (made.id, made.managed, made.directory, made.external_id, made.teams) == (
        hand.id, True, "okta", "ada", frozenset({"Chess"}),
    )  # fmt: skip


def test_somebody_elses_member_is_nobody_of_ours() -> None:
    taken = outcome(Context(policy(), ALL), subject("ada", other=member("eve", directory="entra")))
    assert (taken.now, taken.member, taken.refusal("create"), taken.refusal("update")) == (
        None, None, "linked_elsewhere", "",
    )  # fmt: skip


def test_where_a_role_comes_from_is_asked_of_the_directory() -> None:
    keeping = msgspec.structs.replace(ROLE, when_absent="keep")
    asked = Context(policy(axes=(keeping,), sources=()), ALL)
    kept = outcome(asked, subject("ada", member=member("ada", "admin"))).grant("role")
    assert kept is not None
    assert (kept.value, kept.source) == ("admin", "kept: the directory says nothing")
    assert outcome(asked, subject("ada", user=None, member=ADA)).grant("role") is None
    assert outcome(asked, subject("ada", member=ADA)).grant("seat") is None


@pytest.mark.parametrize(
    ("who", "known_as"),
    [
        (subject("ada"), "ada@acme.com"),
        (subject("ada", member=member("eve")), "ada@acme.com"),  # what the plan makes of it
        (subject("ada", user=user("ada", UserState.PENDING), member=member("eve")), "eve@acme.com"),
        (subject("ada", user=user("ada", UserState.PENDING, email="ada@home.org")), "ada@home.org"),
        (subject("ada", user=user("ada", UserState.PENDING, email="", user_name="ada.l")), "ada.l"),
        (subject("ada", user=user("ada", UserState.PENDING, email="", user_name="")), "ada"),
        (subject("ada", user=None), "ada"),
    ],
)
def test_what_people_know_somebody_by(who: Subject, known_as: str) -> None:
    assert outcome(Context(policy(), ALL), who).email == known_as
