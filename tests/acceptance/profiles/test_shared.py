"""What every profile shares, over every kind of directory: Okta, Entra and Google read by their connectors, SCIM told.

The configuration is examples/profiles/workos.toml, which has one directory of each kind.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rosterd.cli.app import run as command
from tests.acceptance.profiles.customers import PROFILES, Customer, Read, Told, customer, load
from tests.builders import by_hand
from tests.store.workspaces import add

pytestmark = pytest.mark.acceptance
KINDS = {"okta": "acme-okta", "entra": "acme-entra", "google": "acme-google", "scim": "acme-jumpcloud"}
SECRETS = ("ACME_GOOGLE_KEY", "ACME_ENTRA_SECRET", "ACME_OKTA_TOKEN", "INITECH_OKTA_TOKEN")


@pytest.fixture(params=KINDS)
def anyone(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("workos", KINDS[request.param], sqlite_url, tmp_path) as found:
        yield found


@pytest.mark.parametrize("profile", ["jamie", "jiminny", "navattic", "workos"])
def test_every_profile_is_configuration_alone(
    profile: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "x")
    assert command(["--config", str(PROFILES / f"{profile}.toml"), "config", "check"]) == 0
    assert "nothing is wrong with it" in capsys.readouterr().out
    kinds = {each.kind for each in load(profile).directory}
    assert "scim" in kinds
    assert kinds - {"scim"}


def test_people_have_all_their_fields(anyone: Customer) -> None:
    """People: given name, family name, display name, primary email, user name, title, department, manager, any mapped
    attribute; status active / suspended / gone."""
    anyone.hire("grace")
    anyone.hire("ada", title="Countess", department="Analytics", manager=of(anyone, "grace"), cost_center="42")
    anyone.hire("sue", status="suspended")
    anyone.sync()
    ada = anyone.member("ada")
    assert (ada.given_name, ada.family_name, ada.display_name) == ("Ada", "Doe", "Ada Doe")
    assert (ada.email, ada.user_name) == ("ada@acme.com", "ada@acme.com")
    assert (ada.title, ada.department) == ("Countess", "Analytics")
    assert ada.manager == ("grace@acme.com" if anyone.policy.directory == "acme-google" else "Grace Doe")
    assert ada.attributes == {"cost_center": "42"}
    assert anyone.active() == {"grace", "ada"}
    anyone.again()


def of(customer: Customer, name: str) -> str:
    """A manager, as this customer's directory refers to people."""
    return customer.ids[name] if isinstance(customer, Read) else name


def test_a_cleared_field_is_cleared_in_the_workspace(anyone: Customer) -> None:
    """A cleared field is cleared in the workspace."""
    anyone.hire("grace")
    anyone.hire("ada", title="Countess", department="Analytics", manager=of(anyone, "grace"), cost_center="42")
    anyone.sync()
    anyone.change("ada", title="", department="", manager="", cost_center="")
    (cleared,) = anyone.sync()
    assert (cleared.kind, set(cleared.after.values())) == ("update", {""})
    assert set(cleared.after) == {"title", "department", "manager", "cost_center"}
    ada = anyone.member("ada")
    assert (ada.title, ada.department, ada.manager, ada.attributes) == ("", "", "", {})
    anyone.again()


def test_a_rename_is_an_update_of_the_same_member(anyone: Customer) -> None:
    """A rename (email or user name changes, same external id) is an update of the same member, never a leaver and a
    joiner."""
    anyone.hire("ada", groups=("Admins", "Engineering"))
    anyone.sync()
    before = anyone.member("ada")
    anyone.change("ada", email="lovelace@acme.com", family_name="Lovelace")
    assert anyone.kinds() == ["update"]
    after = anyone.member("ada")
    assert (after.id, after.email, after.user_name) == (before.id, "lovelace@acme.com", "lovelace@acme.com")
    assert (after.roles, after.teams) == (before.roles, before.teams)
    anyone.again()


def test_an_address_that_moves_from_one_person_to_another(anyone: Customer) -> None:
    """… also when somebody else gets the address that was given up."""
    anyone.hire("ada")
    anyone.sync()
    before = anyone.member("ada")
    anyone.change("ada", email="lovelace@acme.com")
    if isinstance(anyone, Read) and anyone.simulator.kind == "google":
        anyone.world.person(anyone.ids["ada"]).aliases.clear()  # Google keeps the old address for its owner
        anyone.world._keys.pop("ada@acme.com")
    anyone.hire("other", email="ada@acme.com")
    anyone.sync()
    assert (anyone.member("ada").id, anyone.member("ada").email) == (before.id, "lovelace@acme.com")
    assert anyone.member("other").email == "ada@acme.com"
    anyone.again()


def shared_address(of_all: Customer, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    if isinstance(of_all, Read):  # simulators keep addresses apart, as most vendors do
        monkeypatch.setattr(of_all.world, "_check_free", lambda *_, **__: None)
    of_all.hire("twin", **fields)


def test_two_directory_people_with_one_email_are_a_reported_conflict(
    anyone: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two directory people with one email …: a reported conflict, no action."""
    anyone.hire("ada")
    anyone.sync()
    shared_address(anyone, monkeypatch, email="Ada@acme.com", user_name="twin")
    (conflict,) = anyone.sync()
    assert (conflict.kind, conflict.state, conflict.code) == ("create", "skipped", "email_conflict")
    assert {anyone.ids["ada"], anyone.ids["twin"]} <= {*str(conflict.error).replace(",", "").split()}
    assert anyone.kinds() == ["create: email_conflict"]
    assert anyone.active() == {"ada"}
    anyone.delete("twin")
    anyone.again()


def test_an_email_already_linked_to_another_directory_is_a_reported_conflict(anyone: Customer) -> None:
    """… or an email already linked to another directory: a reported conflict, no action."""
    others = Told(load("workos"), "acme-contractors", anyone.store)
    others.hire("ada")
    others.sync()
    anyone.hire("ada")
    conflicts = [each for each in anyone.sync() if each.state == "skipped"]
    assert [(each.kind, each.code) for each in conflicts] == [("create", "linked_elsewhere")]
    assert f"acme-contractors/{others.ids['ada']}" in str(conflicts[0].error)
    assert anyone.roster()["ada@acme.com"].directory == "acme-contractors"
    anyone.suspend("ada")
    anyone.again()
    assert "ada" in anyone.active(), "whose suspension is not theirs to say"


def test_a_returning_person_is_the_same_member_with_roles_and_teams_of_now(anyone: Customer) -> None:
    """A returning person is the same member, reactivated, with roles and teams recomputed from the directory."""
    add(anyone.store, by_hand("owner", "admin"), workspace="acme")
    anyone.hire("ada", groups=("Admins",))
    anyone.sync()
    before = anyone.member("ada")
    anyone.suspend("ada")
    anyone.sync()
    anyone.leave("Admins", "ada")
    anyone.join("Engineering", "ada")
    assert anyone.kinds() == [], "somebody who is gone has nothing to gain or lose"
    anyone.restore("ada")
    assert sorted(anyone.kinds()) == ["join_team", "reactivate", "set_role"]
    after = anyone.member("ada")
    assert (after.id, after.active, after.roles, after.teams) == (
        before.id, True, {"role": "member"}, ("Engineering",),
    )  # fmt: skip
    anyone.again()


def test_the_same_input_twice_changes_nothing_the_second_time(anyone: Customer) -> None:
    """Everything is idempotent: the same input twice changes nothing the second time."""
    anyone.hire("ada", title="Countess", cost_center="42", groups=("Admins", "Engineering"))
    anyone.hire("bob", groups=("Engineering",))
    anyone.sync()
    before = anyone.roster()
    anyone.change("ada", title="Countess", cost_center="42")
    anyone.join("Engineering", "ada", "bob")
    anyone.again()
    assert anyone.roster() == before
