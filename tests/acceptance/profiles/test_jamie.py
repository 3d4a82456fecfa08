"""Jamie, sentence by sentence: Google, Entra and Okta read by their connectors, any SCIM 2.0 client by what it tells.

Elsewhere, because they are about other parts:
* "Setup shows the endpoint URL and a bearer token with step-by-step instructions per identity provider, and a
  role-assignment step" is in test_over_http.py as far as the command shows it, and the console's.
* The same by real SCIM requests to a daemon is test_over_http.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import ChangeRefused
from reconciler.model import JSON
from tests.acceptance.profiles.customers import Customer, customer, without
from tests.builders import by_hand
from tests.store.workspaces import add

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["acme-google", "acme-entra", "acme-okta", "globex-scim"])
def jamie(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("jamie", request.param, sqlite_url, tmp_path) as found:
        yield found


def test_new_people_are_added_and_an_account_is_created_if_they_have_none(jamie: Customer) -> None:
    """The directory is the source of truth: new people are added (an account is created if they have none)."""
    add(jamie.store, by_hand("bob"), workspace=jamie.policy.workspace)
    jamie.hire("ada", "bob")
    assert {"create", "adopt"} <= set(jamie.kinds())
    assert jamie.member("bob").id == "hand-bob"
    assert jamie.active() == {"ada", "bob"}
    assert all(each.managed for each in jamie.roster().values())


def test_changes_of_name_and_status_sync(jamie: Customer) -> None:
    """Changes of name and status sync."""
    jamie.hire("ada")
    jamie.sync()
    jamie.change("ada", given_name="Augusta", family_name="Lovelace")
    assert jamie.kinds() == ["update"]
    assert (jamie.member("ada").given_name, jamie.member("ada").family_name) == ("Augusta", "Lovelace")
    jamie.suspend("ada")
    assert jamie.kinds() == ["deactivate"]
    jamie.restore("ada")
    assert jamie.kinds() == ["reactivate"]
    jamie.again()


@pytest.mark.parametrize("leaving", ["suspend", "delete"])
def test_removed_or_deactivated_people_are_deprovisioned_and_signed_out(jamie: Customer, leaving: str) -> None:
    """Removed or deactivated people are deprovisioned and signed out."""
    jamie.hire("ada", "bob")
    jamie.sync()
    assert jamie.member("ada").sessions_valid_after is None
    getattr(jamie, leaving)("ada")
    (gone,) = jamie.sync()
    assert (gone.kind, gone.evidence) == ("deactivate", "status" if leaving == "suspend" else "tombstone")
    left = jamie.member("ada")
    assert not left.active
    assert left.sessions_valid_after is not None
    assert jamie.active() == {"bob"}
    jamie.again()


def test_while_directory_sync_is_active_manual_invites_are_disabled(jamie: Customer) -> None:
    """While directory sync is active, manual invites are disabled (a clear refusal that says why)."""
    with pytest.raises(ChangeRefused) as refused:
        jamie.by_hand.invite("eve@acme.com", {}, {})
    said = f"{refused.value} {refused.value.fix}"
    assert jamie.policy.directory in said
    assert "cannot be invited by hand" in said
    assert jamie.roster() == {}


EITHER = [
    (None, False, "member"),
    ("", False, "member"),
    ("member", False, "member"),
    ("MEMBER", False, "member"),
    ("admin", False, "admin"),
    ("Admin", False, "admin"),
    ("aDMIN ", False, "admin"),
    ("owner", False, "member"),
    (None, True, "admin"),
    ("", True, "admin"),
    ("member", True, "admin"),
    ("admin", True, "admin"),
    ("owner", True, "admin"),
]


@pytest.mark.parametrize(("said", "in_group", "role"), EITHER)
def test_admin_from_either_source_wins(jamie: Customer, said: JSON, in_group: bool, role: str) -> None:
    """Everyone is `member`; `admin` comes from a mapped group or from the attribute `jamie_role` (case-insensitive:
    `admin` → admin; `member`, empty or missing → member). Admin from either source wins."""
    jamie.hire("ada", said=said, groups=("Jamie Admins",) if in_group else ("Others",))
    jamie.sync()
    assert jamie.role("ada") == role


def test_the_directorys_own_administrator_status_never_grants_a_role(jamie: Customer) -> None:
    """The directory's own administrator status never grants a role."""
    jamie.hire("ada")
    if jamie.policy.directory == "globex-scim":
        for attribute, value in (
            ("userType", "admin"),
            ("roles", [{"value": "admin", "primary": True}]),
            ("entitlements", [{"value": "admin"}]),
            ("isAdmin", True),
        ):
            jamie.endpoint.patch_user(jamie.ids["ada"], attribute, value)  # type: ignore[attr-defined]  # it is Told
    jamie.sync()
    # Google shows root, in whose name it is read, with isAdmin: true.
    assert {each.roles["role"] for each in jamie.roster().values()} == {"member"}


def test_nothing_configured_everyone_is_a_member(jamie: Customer) -> None:
    """Nothing configured: everyone is a member."""
    jamie.hire("ada", said="admin", groups=("Jamie Admins",))
    jamie.hire("bob")
    jamie.sync(without(jamie.policy, sources=()))
    assert {jamie.role("ada"), jamie.role("bob")} == {"member"}


@pytest.mark.parametrize("now", ["superhero", "member", "", None])
def test_unrecognised_or_missing_role_means_member(jamie: Customer, now: JSON) -> None:
    """Unrecognised or missing role: member."""
    jamie.hire("ada", "boss", said="admin")
    jamie.sync()
    jamie.say("ada", now)
    assert jamie.kinds() == ["set_role"]
    assert (jamie.role("ada"), jamie.role("boss")) == ("member", "admin")
    jamie.again()


def test_leaving_the_group_means_member_on_the_next_sync(jamie: Customer) -> None:
    """Leaving the group: member on the next sync."""
    jamie.hire("ada", "boss", groups=("Jamie Admins",))
    jamie.sync()
    assert (jamie.role("ada"), jamie.role("boss")) == ("admin", "admin")
    jamie.leave("Jamie Admins", "ada")
    assert jamie.kinds() == ["set_role"]
    assert (jamie.role("ada"), jamie.role("boss")) == ("member", "admin")
    jamie.again()


@pytest.mark.parametrize("way", ["demotion", "deactivation", "deletion"])
def test_the_last_remaining_admin_is_never_removed(jamie: Customer, way: str) -> None:
    """The last remaining admin is never removed, by demotion, deactivation or deletion."""
    jamie.hire("ada", "bob", said="admin")
    jamie.sync()
    for name in ("ada", "bob"):
        {"demotion": lambda who: jamie.say(who, None), "deactivation": jamie.suspend, "deletion": jamie.delete}[way](
            name
        )
    first = jamie.sync()
    refused = [each for each in first if each.code == "last_holder"]
    assert (len(first), len(refused)) == (2, 1)
    assert "last active admin" in str(refused[0].error) or "protected role" in str(refused[0].error)
    left = [each for each in jamie.roster().values() if each.active and each.roles["role"] == "admin"]
    assert len(left) == 1
    assert jamie.kinds() in (["set_role: last_holder"], ["deactivate: last_holder"])
    jamie.hire("cyd", said="admin")
    assert {each.state for each in jamie.sync()} == {"applied"}
    assert [each.email for each in jamie.roster().values() if each.active and each.roles["role"] == "admin"] == [
        "cyd@acme.com"
    ]
    jamie.again()
