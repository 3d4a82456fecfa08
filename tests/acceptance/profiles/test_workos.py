"""A set-up as WorkOS offers it, sentence by sentence: JumpCloud by what it tells, and Okta read by its connector.

Elsewhere, because a running daemon is needed:
* "Each has an endpoint URL and a bearer token, both shown at creation", "endpoints may carry a label of the customer's
  choice", "the identity provider tests the connection" and "in real time" are in test_over_http.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.profiles.customers import Customer, Told, customer, load
from tests.builders import by_hand
from tests.store.workspaces import add

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["acme-jumpcloud", "acme-okta"])
def workos(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("workos", request.param, sqlite_url, tmp_path) as found:
        yield found


@pytest.fixture
def jumpcloud(sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("workos", "acme-jumpcloud", sqlite_url, tmp_path) as found:
        yield found


def test_an_organisation_has_directories(jumpcloud: Customer) -> None:
    """An organisation has directories: each feeds the people whom it names, and none touches another's."""
    contractors = Told(load("workos"), "acme-contractors", jumpcloud.store)
    jumpcloud.hire("ada", "bob")
    jumpcloud.sync()
    contractors.hire("eve")
    contractors.sync()
    assert {email: each.directory for email, each in jumpcloud.roster().items()} == {
        "ada@acme.com": "acme-jumpcloud", "bob@acme.com": "acme-jumpcloud", "eve@acme.com": "acme-contractors",
    }  # fmt: skip
    jumpcloud.delete("bob")
    assert jumpcloud.kinds() == ["deactivate"]
    assert jumpcloud.active() == {"ada", "eve"}
    contractors.again()
    jumpcloud.again()


def test_activation_makes_a_test_user_and_a_test_group_and_takes_them_away_again(jumpcloud: Customer) -> None:
    """The identity provider tests the connection, turns group management on, activates (facts: JumpCloud)."""
    jumpcloud.hire("jumpcloudtest", groups=("Test Group",))
    assert jumpcloud.kinds() == ["create"]
    jumpcloud.delete("jumpcloudtest")
    assert jumpcloud.kinds() == ["deactivate"]
    assert jumpcloud.active() == set()
    jumpcloud.hire("blink")
    jumpcloud.delete("blink")
    assert jumpcloud.kinds() == [], "made and deleted before anybody looked"
    jumpcloud.hire("jumpcloudtest")
    assert set(jumpcloud.kinds()) <= {"adopt", "reactivate", "update"}
    jumpcloud.again()


def test_groups_are_assigned_and_users_and_groups_then_appear(workos: Customer) -> None:
    """… assigns groups; users and groups then appear in real time."""
    workos.hire("ada", "bob", groups=("Engineering",))
    assert sorted({*workos.kinds()}) == ["create", "join_team"]
    workos.hire("cyd")
    workos.join("Engineering", "cyd")
    assert workos.kinds() == ["create", "join_team"]
    assert {name: workos.member(name).teams for name in ("ada", "bob", "cyd")} == {
        "ada": ("Engineering",), "bob": ("Engineering",), "cyd": ("Engineering",),
    }  # fmt: skip
    workos.join("Admins", "ada")
    assert workos.kinds() == ["set_role"]
    assert workos.role("ada") == "admin"
    workos.again()


def test_fields_of_ones_own_and_accounts_that_are_nobodys(workos: Customer) -> None:
    """Custom attributes are mapped, and service accounts are not people."""
    add(workos.store, by_hand("owner", "admin"), workspace="acme")
    workos.hire("ada", cost_center="42")
    workos.hire("svc-backup", "deploy-bot")
    workos.sync()
    assert workos.active() == {"ada", "owner"}
    assert workos.member("ada").attributes == {"cost_center": "42"}
    workos.change("deploy-bot", email="dora@acme.com")
    assert workos.kinds() == ["create"]
    workos.change("deploy-bot", email="deploy-bot@acme.com")
    (left,) = workos.sync()
    assert (left.evidence, left.cause) == ("scope", 'excluded by the pattern "*-bot@*"')
    workos.again()
