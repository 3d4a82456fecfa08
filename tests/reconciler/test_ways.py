"""What would have to change, from values."""

import msgspec
import pytest

from reconciler.known import Standing
from reconciler.model import UserState
from reconciler.policy import GroupView, RoleAxis, RoleSource, Scope
from reconciler.report import Complete
from tests.builders import ROLE, gone, member, policy, suspended, user, view
from tests.reconciler.standings import ADA, KEEPING, LATER, RULED, SCOPED, place, recorded, standing, told

# -- what would have to change ------------------------------------------------------------------------------------

TWO = policy(sources=(RoleSource("role", "jamie_role", (("Admins", "admin"), ("Leads", "admin"))),))


@pytest.mark.parametrize(
    ("one", "ways"),
    [
        pytest.param(
            standing(asked=TWO),
            ["to become admin: join group Admins, join group Leads or set attribute jamie_role to admin"],
            id="up",
        ),
        pytest.param(
            standing("Admins", "Leads", asked=TWO, who=user("ada", attributes={"jamie_role": "admin"})),
            ["to become member: leave group Admins and leave group Leads and clear attribute jamie_role"],
            id="down",
        ),
        pytest.param(
            standing(asked=TWO, ids={"Admins": "Admins"}),
            [
                (
                    "to become admin: join group Admins, join group Leads (which the directory does not list)"
                    " or set attribute jamie_role to admin"
                )
            ],
            id="not listed",
        ),
        pytest.param(
            standing(asked=policy(sources=())),
            ["to become admin: no group or attribute of okta gives admin to them; see [[directory.role]]"],
            id="no source",
        ),
        pytest.param(
            standing(asked=policy(axes=(msgspec.structs.replace(ROLE, disabled=frozenset({"admin"})),))), [], id="off"
        ),
        pytest.param(
            standing(asked=KEEPING, who=user("ada", attributes={"r": "recorder"}), linked=member("ada", "recorder")),
            ["to stop being recorder: set attribute r to a lower value, since silence keeps it"],
            id="silence keeps",
        ),
        pytest.param(
            standing("Admins", asked=RULED),
            ["to become member: leave group Admins"],
            id="ruled",
        ),
        pytest.param(
            standing(who=user("ada", guest=True)),
            ["to come into scope: set guests = true in [[directory]] okta"],
            id="guest",
        ),
        pytest.param(
            standing(asked=SCOPED, who=user("svc-1", email="svc-1@x.org")),
            [
                (
                    'to come into scope: drop pattern "svc-*" from exclude in [[directory]] okta;'
                    " and an address in acme.com, or one more domain in email_domains; and join group Ops or Leads"
                )
            ],
            id="everything against them",
        ),
        pytest.param(
            standing(asked=SCOPED, view=view("Ops", "Leads", unknown=["Ops"])),
            [
                (
                    "to know: let okta be read whole (the collections that were read short); rosterd check okta"
                    " says what is in the way"
                )
            ],
            id="not known",
        ),
        pytest.param(standing(who=suspended("ada")), ["to get access: enable the account in okta"], id="suspended"),
        pytest.param(
            standing(who=suspended("ada"), linked=ADA), ["to keep access: enable the account in okta"], id="still in"
        ),
        pytest.param(
            standing(who=gone("ada")),
            ["to get access: restore the account in okta, or make a new one with the address ada@acme.com"],
            id="gone",
        ),
        pytest.param(
            standing(who=user("ada", UserState.PENDING)), ["to get access: activate the account in okta"], id="pending"
        ),
        pytest.param(
            standing(who=user("ada", UserState.UNKNOWN)),
            ["to get access: give the account a status in okta that is documented"],
            id="unknown",
        ),
        pytest.param(
            standing(about={"rivals": ("eve",)}),
            ["to let the create through: leave the address ada@acme.com to one of the accounts in okta"],
            id="rivals",
        ),
        pytest.param(
            standing(about={"other": member("eve", directory="entra")}),
            [
                (
                    "to let the create through: give one of the two another address, or take the member out of the"
                    " other's hands"
                )
            ],
            id="elsewhere",
        ),
        pytest.param(
            standing(who=user("ada", email="", user_name="ada")),
            ["to let the create through: give the account an address in okta"],
            id="no address",
        ),
    ],
)
def test_what_would_have_to_change(one: Standing, ways: list[str]) -> None:
    assert [*told(one).directories[0].ways] == ways


TWO_SEATS = RoleAxis("role", ("viewer", "recorder", "admin"), "viewer", when_absent="keep")


@pytest.mark.parametrize(
    ("one", "ways"),
    [
        pytest.param(
            standing(linked=member("ada", "admin"), stays=frozenset({"role"})),
            [
                "to let the set role through: give somebody else the protected role first",
                "to stay admin: join group Admins or set attribute jamie_role to admin",
            ],
            id="what they have and would lose",
        ),
        pytest.param(
            standing("Admins", "Leads", asked=TWO),
            ["to become member: leave group Admins and leave group Leads"],
            id="several groups",
        ),
        pytest.param(
            standing("Admins", asked=TWO, who=user("ada", attributes={"jamie_role": "member"})),
            ["to become member: leave group Admins"],
            id="an attribute that gives less is left",
        ),
        pytest.param(
            standing("Leads", asked=policy(sources=(RoleSource("role", groups=(("Admins", "admin"),)),))),
            ["to become admin: join group Admins"],
            id="a group that gives nothing is left",
        ),
        pytest.param(
            standing(
                asked=policy(axes=(TWO_SEATS,), sources=(RoleSource("role", groups=(("Ops", "recorder"),)),)),
                linked=member("ada", "viewer"),
            ),
            [
                "to become recorder: join group Ops",
                "to become admin: no group or attribute of okta gives admin to them; see [[directory.role]]",
            ],
            id="a group gives only its own value",
        ),
        pytest.param(
            standing(asked=KEEPING, who=user("ada", attributes={"r": "viewer"}), linked=member("ada", "viewer")),
            ["to become recorder: set attribute r to recorder"],
            id="nothing is lower than the lowest",
        ),
        pytest.param(
            standing(asked=KEEPING, who=user("ada", attributes={"r": "recorder"}), linked=member("ada", "viewer")),
            ["to stop being recorder: set attribute r to a lower value, since silence keeps it"],
            id="silence will keep what comes with the next sync",
        ),
        pytest.param(
            standing(asked=KEEPING, linked=member("ada", "recorder")),
            ["to stop being recorder: set attribute r to a lower value, since silence keeps it"],
            id="kept by silence, not given",
        ),
        pytest.param(
            standing(
                asked=policy(axes=(msgspec.structs.replace(TWO_SEATS, default="recorder"),), sources=KEEPING.sources),
                linked=member("ada", "recorder"),
            ),
            ["to become admin: set attribute r to admin"],
            id="the default is what silence means",
        ),
        pytest.param(
            standing("Ops", asked=SCOPED, who=user("ada", email="Ada@ACME.com", attributes={"jamie_role": "admin"})),
            ["to become member: clear attribute jamie_role"],
            id="capital letters in a domain",
        ),
        pytest.param(
            standing(asked=SCOPED, who=user("ada", email="Ada@ACME.com")),
            ["to come into scope: join group Ops or Leads"],
            id="only what is in the way is named",
        ),
        pytest.param(
            standing(asked=SCOPED, who=user("ada", email='"ada@home"@acme.com')),
            ["to come into scope: join group Ops or Leads"],
            id="a domain begins after the last at-sign",
        ),
        pytest.param(
            standing(
                asked=SCOPED, view=view("Ops", "Leads", unknown=["Ops"]),
                complete=Complete(users=False, groups=True, memberships=False, incomplete_groups=("Ops",)),
            ),
            [
                (
                    "to know: let okta be read whole (people, members of group Ops);"
                    " rosterd check okta says what is in the way"
                )
            ],
            id="what was not read is named",
        ),
    ],
)  # fmt: skip
def test_the_ways_that_lead_somewhere_and_no_others(one: Standing, ways: list[str]) -> None:
    assert [*told(one).directories[0].ways] == ways


def test_what_is_held_and_in_the_way_comes_before_what_else_would_help() -> None:
    held = recorded(
        "create", "held", LATER, after=place(who=user("ada", guest=True), asked=policy(scope=Scope(guests=True)))
        .next[0].after, sentence="9 new members", limit="create", cluster="create-1f",
    )  # fmt: skip
    one = standing(who=user("ada", guest=True), asked=policy(scope=Scope(guests=True)), recorded=(held,))
    assert told(one).directories[0].ways == (
        "to let the create through: rosterd approve run2 --only create-1f, or raise create in [workspace.limits]",
        "to become admin: join group Admins or set attribute jamie_role to admin",
    )
    out = standing(
        who=user("ada", guest=True), recorded=(held,), linked=ADA, asked=policy(protected=frozenset({"ada@acme.com"}))
    )
    assert told(out).directories[0].ways == (
        "to let the deactivate through: take the address off protected in [[workspace]] acme",
        "to come into scope: set guests = true in [[directory]] okta",
    )


def test_what_failed_by_a_limit_of_the_store_is_not_approved() -> None:
    failed = recorded("update", "failed", LATER, code="refused_by_store", error="too long", limit="update")
    coming = place(who=user("ada", title="x"), linked=ADA).next[0]
    again = msgspec.structs.replace(
        failed, action=msgspec.structs.replace(failed.action, before=coming.before, after=coming.after)
    )
    assert place(who=user("ada", title="x"), linked=ADA, recorded=(again,)).ways[0] == (
        "to let the update through: correct the value in okta"
    )


def test_a_group_whose_name_is_not_known_is_called_as_it_is_configured() -> None:
    nameless = GroupView({name: frozenset({name}) for name in ("Admins", "Ops")})
    assert place("Admins", view=nameless).ways == ("to become member: leave group Admins",)
    assert place(view=nameless).ways[0].startswith("to become admin: join group Admins or set")
    scoped = place(view=nameless, asked=policy(scope=Scope(groups=("Ops",))))
    assert scoped.ways == ("to come into scope: join group Ops",)
    inside = place("Ops", view=nameless, asked=policy(scope=Scope(groups=("Ops",))))
    assert inside.scope is not None
    assert inside.scope.sentence == "in synced group Ops"
