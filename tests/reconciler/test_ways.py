"""What would have to change, from values."""

import msgspec
import pytest

from reconciler.known import Standing
from reconciler.model import UserState
from reconciler.policy import RoleSource
from tests.builders import ROLE, gone, member, policy, suspended, user, view
from tests.reconciler.standings import ADA, KEEPING, RULED, SCOPED, standing, told

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
