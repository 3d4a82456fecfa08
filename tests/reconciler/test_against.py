"""Two policies over one snapshot: each kind of difference with its reason, and the laws."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.against import EXAMPLES, Differences, aligned, differences, differing
from reconciler.context import Context
from reconciler.guard import Gauges, judge
from reconciler.holders import with_stays
from reconciler.match import Subject
from reconciler.model import Member, UserState
from reconciler.outcome import Outcome, outcome
from reconciler.policy import AttributeMapping, Limit, Policy, RoleAxis, RoleRule, RoleSource, Scope, TeamMapping
from reconciler.reasons import standing_reason
from tests.builders import ROLE, by_hand, context, member, policy, subject, user, view
from tests.reconciler.memory import Workspace, World
from tests.reconciler.test_laws import LAWS, workspaces, worlds

ALL = view("Admins", "Eng", "Ops", "Staff")
OPS = RoleSource("role", "jamie_role", (("Admins", "admin"), ("Ops", "admin")))
WIDE = RoleAxis("role", ("member", "editor", "admin"), "member")
SEAT = RoleAxis("seat", ("none", "full"), "none", when_absent="keep")
EDITORS = RoleSource("role", groups=(("Eng", "editor"),))
RULE = RoleRule((("seat", "full"),), (("role", "member"),))
TITLE, CENTER = AttributeMapping("position", "title"), AttributeMapping("costCenter", "cost_center")
ADA, BOB = member("ada"), member("bob", "admin", teams=frozenset({"Engineering"}), granted=frozenset({"Engineering"}))


def found(one: dict[str, Any], other: dict[str, Any], *people: Subject, **views: Any) -> list[str]:
    """The sentences about these people under the policy with these fields, and the one with the others."""
    first = context(views.get("before", ALL), **one)
    second = context(views.get("after", ALL), **other)
    folded = differences(first, second, ((who, who) for who in people))
    return [each.sentence for each in folded.all(((), ()))]


def sent(**attributes: Any) -> Subject:
    """Ada, about whom the directory says this."""
    return subject("ada", member=ADA, user=user("ada", attributes=attributes))


@pytest.mark.parametrize(
    ("one", "other", "who", "sentence"),
    [
        ({}, {"sources": (OPS,)}, subject("ada", "Ops", member=ADA),
         "1 person becomes admin, because group Ops is now mapped to admin"),
        ({"sources": (OPS,)}, {}, subject("ada", "Ops", member=ADA),
         "1 person becomes member, because group Ops is no longer mapped to admin"),
        ({}, {"sources": ()}, sent(jamie_role="Admin"),
         "1 person becomes member, because attribute jamie_role is no longer read"),
        ({"sources": ()}, {}, sent(jamie_role="Admin"),
         "1 person becomes admin, because attribute jamie_role is now read"),
        ({"axes": (WIDE,), "sources": (EDITORS,)},
         {"axes": (WIDE,), "sources": (RoleSource("role", groups=(("Eng", "admin"),)),)},
         subject("ada", "Eng", member=msgspec.structs.replace(ADA, granted=frozenset({"Engineering"}))),
         "1 person becomes admin, because group Eng is now mapped to admin"),
        ({}, {"axes": (RoleAxis("role", ("member", "admin"), "admin"),)}, subject("ada", member=ADA),
         "1 person becomes admin, because the default is now admin"),
        ({}, {"axes": (msgspec.structs.replace(ROLE, disabled=frozenset({"admin"})),)},
         subject("ada", "Admins", member=ADA), "1 person becomes member, because admin is disabled now"),
        ({"axes": (msgspec.structs.replace(ROLE, disabled=frozenset({"admin"})),)}, {},
         subject("ada", "Admins", member=ADA), "1 person becomes admin, because admin is no longer disabled"),
        ({"axes": (WIDE,), "sources": (EDITORS,)}, {"sources": (EDITORS,)}, subject("ada", "Eng", member=ADA),
         "1 person becomes member, because editor is no longer one of the axis"),
        ({"axes": (ROLE, SEAT)}, {"axes": (ROLE, SEAT), "rules": (RULE,)},
         subject("ada", "Admins", member=member("ada", roles={"role": "admin", "seat": "full"})),
         "1 person becomes member (role), because a rule now makes it member while seat is full"),
        ({"axes": (ROLE,)}, {"axes": (ROLE, SEAT)}, subject("ada", member=ADA),
         "1 person becomes none (seat), because role seat is now configured"),
        ({"axes": (SEAT,), "sources": ()},
         {"axes": (msgspec.structs.replace(SEAT, when_absent="default"),), "sources": ()},
         subject("ada", member=member("ada", roles={"seat": "full"})),
         '1 person becomes none, because when_absent is now "default"'),
        ({}, {"protected": frozenset({"bob@acme.com"})}, subject("bob", "Eng", member=BOB),
         "1 person becomes admin, because they are protected now"),
        ({"protected": frozenset({"bob@acme.com"})}, {}, subject("bob", "Eng", member=BOB),
         "1 person becomes member, because they are protected no longer"),
    ],
)  # fmt: skip
def test_a_role(one: dict[str, Any], other: dict[str, Any], who: Subject, sentence: str) -> None:
    assert found(one, other, who) == [sentence]


@pytest.mark.parametrize(
    ("one", "other", "who", "sentence"),
    [
        ({}, {"scope": Scope(frozenset({"beta.com"}))}, subject("ada", member=ADA),
         "1 person loses access, because email_domains now exclude acme.com"),
        ({"scope": Scope(frozenset({"beta.com"}))}, {}, subject("ada", member=ADA),
         "1 person keeps access, because email_domains now include acme.com"),
        ({"scope": Scope(frozenset({"beta.com"}))}, {}, subject("ada"),
         "1 person becomes a member, because email_domains now include acme.com"),
        ({"scope": Scope(frozenset({"beta.com"}))}, {}, subject("ada", member=member("ada", active=False)),
         "1 person comes back, because email_domains now include acme.com"),
        ({}, {"scope": Scope(frozenset({"beta.com"}))}, subject("ada", member=member("ada", active=False)),
         "1 person does not come back, because email_domains now exclude acme.com"),
        ({}, {"scope": Scope(frozenset({"beta.com"}))}, subject("ada"),
         "1 person is not added, because email_domains now exclude acme.com"),
        ({"scope": Scope(guests=True)}, {}, subject("ada", member=ADA, user=user("ada", guest=True)),
         "1 person loses access, because guest accounts are no longer synced"),
        ({}, {"scope": Scope(guests=True)}, subject("ada", user=user("ada", guest=True)),
         "1 person becomes a member, because guest accounts are synced now"),
        ({}, {"scope": Scope(groups=("Staff",))}, subject("ada", member=ADA),
         "1 person loses access, because only members of Staff are synced now"),
        ({"scope": Scope(groups=("Staff",))}, {}, subject("ada"),
         "1 person becomes a member, because scope_groups is gone: everybody is synced now"),
        ({"scope": Scope(groups=("Staff",))}, {"scope": Scope(groups=("Staff", "Ops"))}, subject("ada", "Ops"),
         "1 person becomes a member, because group Ops is now one of scope_groups"),
        ({"scope": Scope(groups=("Staff", "Ops"))}, {"scope": Scope(groups=("Staff",))},
         subject("ada", "Ops", member=ADA),
         "1 person loses access, because group Ops is no longer one of scope_groups"),
        ({}, {"scope": Scope(exclude=("ad*",))}, subject("ada", member=ADA),
         '1 person loses access, because exclude now has "ad*"'),
        ({"scope": Scope(exclude=("ad*",))}, {}, subject("ada"),
         '1 person becomes a member, because exclude no longer has "ad*"'),
        ({}, {"protected": frozenset({"ada@acme.com"})},
         subject("ada", member=ADA, user=user("ada", UserState.SUSPENDED)),
         "1 person keeps access, because they are protected now"),
        ({"protected": frozenset({"ada@acme.com"})}, {},
         subject("ada", member=ADA, user=user("ada", UserState.GONE)),
         "1 person loses access, because they are protected no longer"),
    ],
)  # fmt: skip
def test_access(one: dict[str, Any], other: dict[str, Any], who: Subject, sentence: str) -> None:
    assert found(one, other, who) == [sentence]


def test_an_admin_by_hand_who_is_no_longer_in_scope_is_not_adopted() -> None:
    who = subject("ada", other=by_hand("ada", "admin"))
    assert found({}, {"scope": Scope(frozenset({"beta.com"}))}, who) == [
        "1 person is not adopted by the directory, because email_domains now exclude acme.com",
        "1 person becomes admin, because email_domains now exclude acme.com",
        "1 person gets another display_name, because email_domains now exclude acme.com",
        "1 person gets another family_name, because email_domains now exclude acme.com",
        "1 person gets another given_name, because email_domains now exclude acme.com",
        "1 person gets another user_name, because email_domains now exclude acme.com",
    ]


MAPPED = (TeamMapping("Eng", "Engineering"), TeamMapping("Ops", "Engineering"))


@pytest.mark.parametrize(
    ("one", "other", "who", "sentence"),
    [
        ({}, {"teams": MAPPED}, subject("ada", "Ops", member=ADA),
         "1 person joins team Engineering, because group Ops is now mapped to team Engineering"),
        ({"teams": MAPPED}, {}, subject("ada", "Ops", member=ADA),
         "1 person does not join team Engineering, because group Ops is no longer mapped to team Engineering"),
        ({"teams": MAPPED}, {}, subject("bob", "Admins", "Ops", member=BOB),
         "1 person leaves team Engineering, because group Ops is no longer mapped to team Engineering"),
        ({}, {"teams": MAPPED}, subject("bob", "Admins", "Ops", member=BOB),
         "1 person stays in team Engineering, because group Ops is now mapped to team Engineering"),
    ],
)  # fmt: skip
def test_a_team(one: dict[str, Any], other: dict[str, Any], who: Subject, sentence: str) -> None:
    assert found(one, other, who) == [sentence]


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        ({}, {"attributes": (TITLE,)}, "1 person gets another title, because title is now attribute position"),
        ({"attributes": (TITLE,)}, {}, "1 person gets another title, because title is no longer attribute position"),
        ({}, {"attributes": (CENTER,)},
         "1 person gets another cost_center, because cost_center is now attribute costCenter"),
    ],
)  # fmt: skip
def test_a_field(one: dict[str, Any], other: dict[str, Any], sentence: str) -> None:
    assert found(one, other, sent(position="Chief", costCenter="42")) == [sentence]


def test_nested_groups() -> None:
    deep = view("Admins", "Eng", Sub=["Eng"])
    assert found({}, {"nested": False}, subject("ada", "Sub", member=ADA), before=deep) == [
        "1 person does not join team Engineering, because members of groups inside a group no longer count"
    ]
    admins = view("Admins", "Eng", Sub=["Admins"])
    assert found({"nested": False}, {}, subject("ada", "Sub", member=ADA), after=admins) == [
        "1 person becomes admin, because members of groups inside a group count now"
    ]


def test_another_key_to_match_by() -> None:
    one, other = Context(policy(), ALL), Context(policy(match="user_name"), ALL)
    hand = by_hand("ada")
    pair = outcome(one, subject("ada", other=hand)), outcome(other, subject("ada"))
    assert [*differing(*pair)] == [
        ("link", "are another member", "people are matched by user_name now instead of email")
    ]
    rival = outcome(other, subject("ada", rivals=("eve",)))
    assert [*differing(outcome(one, subject("ada")), rival)] == [
        ("standing", "are not added", "people are matched by user_name now instead of email")
    ]


def test_somebody_else_has_the_address_that_is_matched_by() -> None:
    one, other = Context(policy(), ALL), Context(policy(teams=()), ALL)
    pair = outcome(one, subject("ada", other=by_hand("ada"))), outcome(other, subject("ada"))
    assert [*differing(*pair)] == [("link", "are another member", "another member has what they are matched by")]


@pytest.mark.parametrize(
    ("after", "because"),
    [
        (subject("ada", member=ADA, user=user("ada", UserState.SUSPENDED)), "they are suspended"),
        (subject("ada", member=ADA, user=user("ada", UserState.GONE)), "they are gone"),
        (subject("ada", member=ADA, user=None), "a group could not be read whole"),
        (subject("ada", member=member("ada", active=False)), "they are in scope"),
    ],
)
def test_what_the_second_policy_goes_by_where_no_configuration_accounts_for_it(after: Subject, because: str) -> None:
    here, there = Context(policy(), ALL), Context(policy(teams=()), ALL)
    assert standing_reason(outcome(here, subject("ada", member=ADA)), outcome(there, after)) == because


def test_a_group_that_was_not_read_whole_under_one_of_the_policies() -> None:
    short = view("Admins", "Eng", unknown=("Eng",))
    assert found({}, {}, subject("bob", "Admins", member=BOB), before=short) == [
        "1 person leaves team Engineering, because a group mapped to it could not be read whole"
    ]


def test_the_last_holder() -> None:
    one = context(ALL)
    other = msgspec.structs.replace(context(ALL), stays={BOB.id: frozenset({"role"})})
    pair = (subject("bob", "Eng", member=BOB),) * 2
    (found,) = differences(one, other, [pair]).all(((), ()))
    assert found.sentence == "1 person becomes admin, because nobody else would be left"


# -- folding -------------------------------------------------------------------------------------------------------


def test_people_are_counted_by_what_changes_and_why_with_some_examples() -> None:
    names = [f"p{number:02d}" for number in range(15)]
    people = [subject(name, "Ops", member=member(name)) for name in names]
    people.append(subject("zoe", member=member("zoe"), user=user("zoe", email="zoe@beta.com")))
    one, other = policy(), policy(sources=(OPS,), scope=Scope(frozenset({"acme.com"})))
    folded = differences(Context(one, ALL), Context(other, ALL), ((who, who) for who in people))
    first, second = folded.all(((), ()))
    assert (first.kind, first.change, first.count, first.people) == ("standing", "lose access", 1, ("zoe@acme.com",))
    assert second.sentence == "15 people become admin, because group Ops is now mapped to admin"
    assert second.people == tuple(f"{name}@acme.com" for name in names[:EXAMPLES])
    assert folded.unchanged == 0


def test_what_only_one_of_the_policies_limits() -> None:
    people = [subject(name, member=member(name), user=user(name, UserState.GONE)) for name in ("ada", "bob", "cyd")]
    tight = policy(limits={"deactivate": Limit(count=2)})

    def held(one: Policy, other: Policy) -> list[str]:
        folded = differences(Context(one, ALL), Context(other, ALL), ((who, who) for who in people))
        holds = [
            judge(asked, tally, Gauges(10)).holds for asked, tally in zip((one, other), folded.tallies, strict=True)
        ]
        return [each.sentence for each in folded.all((holds[0], holds[1]))]

    assert held(policy(), policy()) == held(tight, tight) == []
    (more,) = held(policy(), tight)
    assert more.startswith("3 deactivations would be held: 3 deactivations, 1 cause: no longer in the directory; 3 rea")
    assert held(tight, policy()) == [
        "3 deactivations would no longer be held: no limit stops them: no longer in the directory"
    ]


# -- laws ----------------------------------------------------------------------------------------------------------

POLICIES = st.sampled_from(
    [
        policy(),
        policy(scope=Scope(groups=("Staff",))),
        policy(protected=frozenset({"ada@acme.com"})),
        policy(sources=(RoleSource("role", groups=(("Eng", "admin"),)),)),
        policy(sources=(), teams=(*policy().teams, TeamMapping("Staff", "Everybody"))),
        policy(axes=(msgspec.structs.replace(ROLE, when_absent="keep", protect_last=""),), nested=False),
        policy(attributes=(TITLE,), match="user_name"),
    ]
)


def outcomes(asked: Policy, world: World, workspace: Workspace) -> list[Outcome]:
    """Everybody under a policy."""
    crowd = workspace.subjects(asked, world)
    known = Context(asked, world.view(asked))
    known = with_stays(known, lambda axis: workspace.holders(axis, crowd), lambda: crowd)
    return [outcome(known, who) for who in crowd]


@LAWS
@given(POLICIES, worlds(unread=True), workspaces())
def test_a_policy_differs_in_nothing_from_itself(asked: Policy, world: World, members: list[Member]) -> None:
    folded = Differences()
    same = outcomes(asked, world, Workspace(members))
    for one, other in zip(same, outcomes(asked, world, Workspace(members)), strict=True):
        folded.add(one, other)
    assert folded.all(((), ())) == ()
    assert folded.unchanged == len(same)


def roster(workspace: Workspace) -> dict[str, Any]:
    """The active members, as the application sees them."""
    return {
        each.id: (each.profile, each.roles, each.teams, each.managed)
        for each in workspace.members.values()
        if each.active
    }


@LAWS
@given(POLICIES, POLICIES, worlds(unread=True), workspaces())
def test_who_differs_is_who_would_after_applying_either_plan(
    one: Policy, other: Policy, world: World, members: list[Member]
) -> None:
    """Apart from a leaver whose member their new account takes over in the same plan: two people, decided one by one,
    are told about, and one member is what comes of it."""
    applied = []
    taken_over = set()
    for asked in (one, other):
        workspace = Workspace(members)
        for action in workspace.plan(asked, world).actions:
            workspace.apply(asked, action)
            taken_over |= {action.member} if action.kind == "adopt" and action.before["managed"] else set()
        applied.append(roster(workspace))
    first, second = applied
    real = {who for who in first.keys() | second.keys() if first.get(who) != second.get(who)}
    told = set()
    before = outcomes(one, world, Workspace(members))
    for pair in zip(before, outcomes(other, world, Workspace(members)), strict=True):
        reasons = [*differing(*pair)]
        assert all(because for _, _, because in reasons)
        if reasons:
            told |= {each.member.id for each in aligned(*pair) if each.member is not None and each.active}
    assert told - taken_over == real - taken_over
