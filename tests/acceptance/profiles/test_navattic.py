"""Navattic, sentence by sentence: Okta read by its connector, and SCIM clients by what they tell.

Elsewhere, because it is about other parts:
* The command that asks about a removed mapping is tests/acceptance/test_mappings.py.
* The same by real SCIM requests to a daemon is test_over_http.py; each provider's own requests are
  tests/acceptance/scim.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import ChangeRefused
from reconciler.policy import OnRemove, TeamMapping
from store.mappings import decide
from tests.acceptance.profiles.customers import PROFILES, Customer, customer, load, without
from tests.builders import by_hand
from tests.rosterd.files import loaded
from tests.store.workspaces import add, join

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["acme-okta", "globex-scim"])
def navattic(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("navattic", request.param, sqlite_url, tmp_path) as found:
        yield found


def test_every_provider_can_be_configured(tmp_path: Path) -> None:
    """Navattic (Okta, Entra, Google, JumpCloud, OneLogin, Rippling, CyberArk, PingFederate, generic SCIM)."""
    assert {each.kind for each in load("navattic").directory} == {"okta", "entra", "google", "scim"}
    text = (PROFILES / "navattic.toml").read_text(encoding="utf-8")
    for dialect in (
        "okta",
        "entra",
        "google",
        "onelogin",
        "rippling",
        "cyberark",
        "pingfederate",
        "authentik",
        "generic",
    ):
        settings = loaded(tmp_path, text.replace('dialect = "jumpcloud"', f'dialect = "{dialect}"'))
        assert [getattr(each, "dialect", "") for each in settings.directory][-1] == dialect


def test_provision_update_name_and_email_deprovision(navattic: Customer) -> None:
    """Provision, update name and email, deprovision."""
    navattic.hire("ada", "bob")
    assert {"create"} == set(navattic.kinds())
    before = navattic.member("ada").id
    navattic.change("ada", family_name="Lovelace", email="ada.lovelace@acme.com")
    assert navattic.kinds() == ["update"]
    renamed = navattic.member("ada")
    assert (renamed.id, renamed.family_name, renamed.email) == (before, "Lovelace", "ada.lovelace@acme.com")
    navattic.delete("ada")
    assert navattic.kinds() == ["deactivate"]
    assert navattic.active() == {"bob"}
    navattic.again()


def test_with_directory_sync_on_all_members_are_managed_through_the_directory(navattic: Customer) -> None:
    """With directory sync on, all members are managed through the directory."""
    add(navattic.store, by_hand("bob", "builder"), workspace=navattic.policy.workspace)
    navattic.hire("ada", "bob")
    navattic.sync()
    owner, by = navattic.policy.directory, navattic.by_hand
    assert {(each.managed, each.directory) for each in navattic.roster().values()} == {(True, owner)}
    with pytest.raises(ChangeRefused, match=owner):
        by.invite("eve@acme.com", {}, {})
    with pytest.raises(ChangeRefused, match=owner):
        by.edit("ada@acme.com", {"given_name": "Eve"})
    with pytest.raises(ChangeRefused, match=owner):
        by.set_role("ada@acme.com", "role", "admin")
    with pytest.raises(ChangeRefused, match=owner):
        by.deactivate("bob@acme.com")


def test_a_group_gives_a_role(navattic: Customer) -> None:
    """Group → role (`Marketing Operations` → `builder`)."""
    navattic.hire("ada", "bob", groups=("Marketing Operations",))
    navattic.hire("cyd")
    navattic.sync()
    assert [navattic.role(name) for name in ("ada", "bob", "cyd")] == ["builder", "builder", "viewer"]
    navattic.leave("Marketing Operations", "bob")
    navattic.join("Marketing Operations", "cyd")
    assert navattic.kinds() == ["set_role", "set_role"]
    assert [navattic.role(name) for name in ("ada", "bob", "cyd")] == ["builder", "viewer", "builder"]
    navattic.again()


def test_the_highest_role_of_several_groups_counts(navattic: Customer) -> None:
    navattic.hire("ada", groups=("Marketing Operations", "Navattic Admins"))
    navattic.sync()
    assert navattic.role("ada") == "admin"


def test_team_membership_follows_the_group(navattic: Customer) -> None:
    """Group → team: membership follows the group."""
    navattic.hire("ada", "bob", groups=("Video",))
    navattic.sync()
    assert navattic.member("ada").teams == ("Creative",)
    navattic.leave("Video", "ada")
    assert navattic.kinds() == ["leave_team"]
    assert (navattic.member("ada").teams, navattic.member("bob").teams) == ((), ("Creative",))
    navattic.join("Video", "ada")
    assert navattic.kinds() == ["join_team"]
    navattic.again()


def test_a_team_can_be_mapped_to_several_groups_and_a_group_to_several_teams(navattic: Customer) -> None:
    """A team can be mapped to several groups, a group to several teams."""
    navattic.hire("ada", groups=("Design", "Video"))
    navattic.sync()
    assert navattic.member("ada").teams == ("Brand", "Creative")
    navattic.leave("Design", "ada")
    assert navattic.kinds() == ["leave_team"]
    assert navattic.member("ada").teams == ("Creative",), "Video is mapped to it, too"
    navattic.leave("Video", "ada")
    assert navattic.kinds() == ["leave_team"]
    assert navattic.member("ada").teams == ()
    navattic.again()


def test_people_whom_somebody_put_into_a_team_by_hand_stay(navattic: Customer) -> None:
    navattic.hire("ada", groups=("Video",))
    navattic.sync()
    join(navattic.store, navattic.member("ada").id, "Creative", workspace=navattic.policy.workspace)
    join(navattic.store, navattic.member("ada").id, "Choir", workspace=navattic.policy.workspace)
    navattic.leave("Video", "ada")
    assert navattic.kinds() == ["leave_team"]
    assert navattic.member("ada").teams == ("Choir", "Creative"), "the directory's share of it is gone, theirs is not"
    navattic.again()


@pytest.mark.parametrize(("answer", "left"), [("keep", {"ada", "bob", "cyd", "dan"}), ("remove", {"cyd", "dan"})])
def test_removing_a_mapping_keeps_or_removes_current_members(
    navattic: Customer, answer: OnRemove, left: set[str]
) -> None:
    """Removing a mapping asks: keep current members (they stay) or remove current members (only those whom the mapping
    had added leave; people added by hand or by another mapping stay)."""
    navattic.hire("ada", "bob", "cyd", groups=("Video",))
    navattic.hire("eve")
    navattic.hire("dan", groups=("Video", "Design"))
    navattic.sync()
    join(navattic.store, navattic.member("cyd").id, "Creative", workspace=navattic.policy.workspace)
    teams = tuple(each for each in navattic.policy.teams if (each.group, each.team) != ("Video", "Creative"))
    navattic.policy = without(navattic.policy, teams=teams, limits={})

    def creative() -> set[str]:
        return {name for name in navattic.ids if "Creative" in navattic.member(name).teams}

    report = navattic.run()
    assert (report.changes, creative()) == (0, {"ada", "bob", "cyd", "dan"})
    assert any("say whether they stay or leave: rosterd mappings" in each for each in report.warnings)
    with navattic.store.write() as connection:
        decide(connection, navattic.policy.directory, TeamMapping("Video", "Creative", answer))
    navattic.run()
    assert creative() == left
    navattic.leave("Video", "ada", "bob", "cyd", "dan")
    navattic.again()
    assert creative() == left
