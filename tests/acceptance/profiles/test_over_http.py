"""The profiles a third way: real SCIM requests to `rosterd serve`, which runs by itself. What the sentences that
concern SCIM say has to be in the workspace, soon; how a run gets there is the business of the other modules.
"""

from collections.abc import Callable, Iterator

import pytest

from reconciler.errors import ChangeRefused
from reconciler.model import JSON
from tests.acceptance.daemon import eventually
from tests.acceptance.profiles.customers import Customer
from tests.acceptance.profiles.over_http import House, Wired, house
from tests.acceptance.profiles.test_jamie import EITHER
from tests.acceptance.profiles.test_jiminny import CREATE, UPDATE, roles
from tests.builders import by_hand
from tests.store.workspaces import add

pytestmark = pytest.mark.acceptance

SERVED = {
    "jiminny": ("jiminny", "acme-entra", 50),
    "jamie": ("jamie", "globex-scim", 40),
    "navattic": ("navattic", "globex-scim", 10),
    "workos": ("workos", "acme-jumpcloud", 15),
}
Make = Callable[[str], House]


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """A daemon for each profile that is asked for."""
    running: dict[str, House] = {}
    opened = []

    def of(profile: str) -> House:
        if profile not in running:
            name, directory, many = SERVED[profile]
            context = house(name, directory, tmp_path_factory.mktemp(profile), many)
            running[profile] = context.__enter__()
            opened.append(context)
        return running[profile]

    yield of
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def jiminny(houses: Make) -> Wired:
    return houses("jiminny").customer()


@pytest.fixture
def jamie(houses: Make) -> Wired:
    return houses("jamie").customer()


@pytest.fixture
def navattic(houses: Make) -> Wired:
    return houses("navattic").customer()


@pytest.fixture
def workos(houses: Make) -> Wired:
    return houses("workos").customer()


# -- Jiminny ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "after"), CREATE)
def test_jiminny_rows_of_create(jiminny: Wired, sent: JSON, after: str) -> None:
    jiminny.hire("ada", said=sent)
    jiminny.sync()
    assert roles(jiminny) == after


@pytest.mark.parametrize(("sent", "before", "after"), UPDATE)
def test_jiminny_rows_of_update(jiminny: Wired, sent: JSON, before: str, after: str) -> None:
    update(jiminny, sent, before, after)


@pytest.mark.parametrize(
    "sent",
    [
        [{"value": "recorder"}, {"value": "admin"}],
        [{"value": "admin"}, {"value": "recorder"}],
        ["recorder", "admin"],
        ["admin", "recorder"],
    ],
)
def test_jiminny_roles_are_objects_or_texts_in_any_order(jiminny: Wired, sent: JSON) -> None:
    jiminny.hire("ada", said=sent)
    jiminny.sync()
    assert roles(jiminny) == "recorder / admin"


@pytest.mark.parametrize(
    ("sent", "before", "after"),
    [
        (["manager"], "recorder / admin", "recorder / manager"),
        (["analyst"], "recorder / admin", "analyst / admin"),
        (["user"], "recorder / manager", "recorder / user"),
        (["listener"], "recorder / manager", "listener / user"),
        (["pilot", "recorder_and_voice", "manager"], "analyst / user", "analyst / manager"),
    ],
)
def test_jiminny_axes_are_independent(jiminny: Wired, sent: JSON, before: str, after: str) -> None:
    """Only a permission sent → the primary role stays; to remove `manager`, `user` is sent; listener clears it."""
    update(jiminny, sent, before, after)


def update(of: Wired, sent: JSON, before: str, after: str) -> None:
    """Somebody with these roles, of whom the directory then sends others."""
    of.hire("ada", said=before.split(" / "))
    of.sync()
    assert roles(of) == before
    of.say("ada", sent)
    of.sync()
    assert roles(of) == after
    of.say("ada", sent)
    assert of.sync() == [], "the same twice"


def test_jiminny_people_are_matched_by_primary_work_email_not_by_user_name(jiminny: Wired) -> None:
    add(jiminny.store, by_hand("ada"), by_hand("bob"), workspace=jiminny.policy.workspace)
    jiminny.hire("lovelace", email="Ada@acme.com", user_name="bob@acme.com")
    jiminny.sync()
    assert jiminny.member("lovelace").id == "hand-ada"
    assert not jiminny.roster()["bob@acme.com"].managed


def test_jiminny_push_new_users_updates_deactivation_reactivation_groups_and_memberships(jiminny: Wired) -> None:
    jiminny.hire("ada", "bob", groups=("Sales",))
    jiminny.sync()
    assert jiminny.member("ada").teams == jiminny.member("bob").teams == ("Sales",)
    jiminny.change("ada", title="Countess")
    jiminny.leave("Sales", "bob")
    jiminny.sync()
    assert (jiminny.member("ada").title, jiminny.member("bob").teams) == ("Countess", ())
    jiminny.suspend("ada")
    jiminny.sync()
    assert jiminny.active() == {"bob"}
    assert jiminny.member("ada").sessions_valid_after is not None
    jiminny.restore("ada")
    jiminny.sync()
    assert jiminny.active() == {"ada", "bob"}
    assert jiminny.member("ada").teams == ("Sales",)


# -- Jamie --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "in_group", "role"), EITHER)
def test_jamie_admin_from_either_source_wins(jamie: Wired, said: JSON, in_group: bool, role: str) -> None:
    jamie.hire("ada", said=said, groups=("Jamie Admins",) if in_group else ("Others",))
    jamie.sync()
    assert jamie.role("ada") == role


def test_jamie_new_people_are_added_changes_sync_and_invites_are_refused(jamie: Wired) -> None:
    add(jamie.store, by_hand("bob"), workspace=jamie.policy.workspace)
    jamie.hire("ada", "bob")
    jamie.sync()
    assert jamie.member("bob").id == "hand-bob"
    jamie.change("ada", given_name="Augusta", family_name="Lovelace")
    jamie.sync()
    assert (jamie.member("ada").given_name, jamie.member("ada").family_name) == ("Augusta", "Lovelace")
    with pytest.raises(ChangeRefused, match="cannot be invited by hand"):
        jamie.by_hand.invite("eve@acme.com", {}, {})


@pytest.mark.parametrize("leaving", ["suspend", "delete"])
def test_jamie_who_is_removed_or_deactivated_is_signed_out_and_may_come_back(jamie: Wired, leaving: str) -> None:
    jamie.hire("ada", "bob")
    jamie.sync()
    before = jamie.member("ada")
    getattr(jamie, leaving)("ada")
    jamie.sync()
    left = jamie.roster()["ada@acme.com"]
    assert (left.active, left.sessions_valid_after is not None) == (False, True)
    if leaving == "suspend":
        jamie.restore("ada")
    else:
        jamie.hire("ada")
    jamie.sync()
    assert (jamie.member("ada").id, jamie.member("ada").active) == (before.id, True)


def test_jamie_leaving_the_group_means_member_and_administrators_of_the_directory_are_none(jamie: Wired) -> None:
    jamie.hire("ada", "boss", groups=("Jamie Admins",))
    jamie.hire("cyd")
    jamie.endpoint.patch_user(jamie.ids["cyd"], "userType", "admin")
    jamie.endpoint.patch_user(jamie.ids["cyd"], "roles", [{"value": "admin", "primary": True}])
    jamie.sync()
    assert [jamie.role(name) for name in ("ada", "boss", "cyd")] == ["admin", "admin", "member"]
    jamie.leave("Jamie Admins", "ada")
    jamie.sync()
    assert [jamie.role(name) for name in ("ada", "boss", "cyd")] == ["member", "admin", "member"]


@pytest.mark.parametrize("way", ["demotion", "deactivation", "deletion"])
def test_jamie_the_last_remaining_admin_is_never_removed(jamie: Wired, way: str) -> None:
    jamie.hire("ada", "bob", said="admin")
    jamie.sync()

    def remove(who: str) -> None:
        {"demotion": lambda: jamie.say(who, None), "deactivation": lambda: jamie.suspend(who),
         "deletion": lambda: jamie.delete(who)}[way]()  # fmt: skip

    remove("ada")
    jamie.sync()
    assert admins(jamie) == {"bob@acme.com"}
    remove("bob")
    jamie.hire("eve")
    eventually(lambda: "eve@acme.com" in jamie.roster())
    assert admins(jamie) == {"bob@acme.com"}, "everybody was looked at, and Bob stays"
    jamie.hire("cyd", said="admin")
    eventually(lambda: admins(jamie) == {"cyd@acme.com"})


def admins(of: Customer) -> set[str]:
    """The addresses of active admins."""
    return {email for email, each in of.roster().items() if each.active and each.roles["role"] == "admin"}


# -- Navattic -----------------------------------------------------------------------------------------------------


def test_navattic_provision_update_name_and_email_deprovision(navattic: Wired) -> None:
    navattic.hire("ada", "bob")
    navattic.sync()
    before = navattic.member("ada").id
    navattic.change("ada", family_name="Lovelace", email="ada.lovelace@acme.com")
    navattic.sync()
    renamed = navattic.member("ada")
    assert (renamed.id, renamed.family_name, renamed.email) == (before, "Lovelace", "ada.lovelace@acme.com")
    navattic.delete("ada")
    navattic.sync()
    assert navattic.active() == {"bob"}
    owner = navattic.policy.directory
    assert {(each.managed, each.directory) for each in navattic.roster().values()} == {(True, owner)}


def test_navattic_groups_give_roles_and_teams(navattic: Wired) -> None:
    """Group → role. Group → team: membership follows; several groups for a team, several teams for a group."""
    navattic.hire("ada", groups=("Marketing Operations", "Design", "Video"))
    navattic.hire("bob")
    navattic.sync()
    assert (navattic.role("ada"), navattic.role("bob")) == ("builder", "viewer")
    assert navattic.member("ada").teams == ("Brand", "Creative")
    navattic.leave("Design", "ada")
    navattic.sync()
    assert navattic.member("ada").teams == ("Creative",), "Video is mapped to it, too"
    navattic.leave("Video", "ada")
    navattic.leave("Marketing Operations", "ada")
    navattic.join("Marketing Operations", "bob")
    navattic.join("Navattic Admins", "bob")
    navattic.sync()
    assert navattic.member("ada").teams == ()
    assert (navattic.role("ada"), navattic.role("bob")) == ("viewer", "admin"), "the highest role counts"


# -- WorkOS, with JumpCloud ---------------------------------------------------------------------------------------


def test_workos_endpoint_and_token_are_shown_at_creation_and_work(houses: Make, workos: Wired) -> None:
    """Each has an endpoint URL and a bearer token, both shown at creation. Endpoints may carry a label of the
    customer's choice. The identity provider tests the connection."""
    daemon, directory = houses("workos").daemon, workos.policy.directory
    shown = daemon.rehearsal.here("token", "create", directory, "--label", "hq", "--json").json
    assert shown["endpoint"].endswith(f"/scim/v2/{directory}/hq")
    assert (shown["directory"], shown["label"]) == (directory, "hq")
    client = daemon.client(directory, shown["token"])
    for path in ("/hq/Users", "/hq/Groups", "/Users"):
        found = client.get(path, params={"filter": 'displayName eq "nobody"', "count": 1})
        assert (found.status_code, found.json()["Resources"]) == (200, []), path
    made = client.post("/hq/Users", json={"userName": "ada@acme.com", "emails": [{"value": "ada@acme.com"}]})
    assert made.headers["Location"] == made.json()["meta"]["location"]
    assert f"/scim/v2/{directory}/hq/Users/" in made.headers["Location"]
    other = houses("workos").customer()
    stranger = daemon.client(other.policy.directory, shown["token"])
    assert stranger.get("/Users").status_code == 401, "a token opens one directory"
    assert shown["token"] not in daemon.rehearsal.here("token", "list", directory).out, "it is shown once"


def test_workos_activation_makes_a_test_user_and_a_test_group_and_takes_them_away_again(workos: Wired) -> None:
    for _ in range(2):
        workos.hire("jumpcloudtest", groups=("Test Group",))
        workos.delete("jumpcloudtest")
    workos.hire("ada")
    workos.sync()
    assert workos.active() == {"ada"}


def test_workos_users_and_groups_appear_in_real_time(workos: Wired) -> None:
    """… assigns groups; users and groups then appear in real time: nobody calls for a run."""
    workos.hire("ada", "bob", groups=("Engineering",))
    eventually(lambda: {"ada", "bob"} == workos.active())
    eventually(lambda: workos.member("bob").teams == ("Engineering",))
    workos.join("Admins", "ada")
    eventually(lambda: workos.role("ada") == "admin")
    workos.suspend("bob")
    eventually(lambda: workos.active() == {"ada"})
    workos.restore("bob")
    eventually(lambda: workos.member("bob").active and workos.member("bob").teams == ("Engineering",))


def test_workos_fields_of_ones_own_and_accounts_that_are_nobodys(workos: Wired) -> None:
    workos.hire("ada", cost_center="42")
    workos.hire("svc-backup", "deploy-bot")
    workos.sync()
    assert workos.active() == {"ada"}
    assert workos.member("ada").attributes == {"cost_center": "42"}
    workos.change("ada", cost_center="")
    workos.change("deploy-bot", email="dora@acme.com")
    workos.sync()
    assert workos.member("ada").attributes == {}
    assert workos.active() == {"ada", "dora"}


# -- what every profile shares ------------------------------------------------------------------------------------


def test_people_have_all_their_fields_and_what_is_cleared_is_cleared(workos: Wired) -> None:
    workos.hire("grace")
    workos.hire("ada", title="Countess", department="Analytics", manager="grace", cost_center="42")
    workos.hire("sue", status="suspended")
    workos.sync()
    ada = workos.member("ada")
    assert (ada.given_name, ada.family_name, ada.email, ada.user_name) == ("Ada", "Doe", "ada@acme.com", "ada@acme.com")
    assert (ada.title, ada.department, ada.manager) == ("Countess", "Analytics", "Grace Doe")
    assert workos.active() == {"grace", "ada"}
    workos.change("ada", title="", department="", manager="", cost_center="")
    workos.sync()
    ada = workos.member("ada")
    assert (ada.title, ada.department, ada.manager, ada.attributes) == ("", "", "", {})


def test_a_rename_is_the_same_member_and_the_old_address_is_free_for_another(workos: Wired) -> None:
    workos.hire("ada", groups=("Engineering",))
    workos.sync()
    before = workos.member("ada")
    workos.change("ada", email="lovelace@acme.com", family_name="Lovelace")
    workos.hire("other", email="ada@acme.com")
    workos.sync()
    after = workos.member("ada")
    assert (after.id, after.email, after.teams) == (before.id, "lovelace@acme.com", ("Engineering",))
    assert workos.member("other").email == "ada@acme.com"


def test_two_people_with_one_address_are_a_conflict_and_nothing_happens_to_either(workos: Wired) -> None:
    workos.hire("ada")
    workos.sync()
    workos.hire("twin", email="Ada@acme.com", user_name="twin")
    workos.hire("eve")
    eventually(lambda: "eve" in workos.active())
    assert workos.active() == {"ada", "eve"}
    assert workos.member("ada").active


def test_a_returning_person_has_roles_and_teams_of_now(workos: Wired) -> None:
    add(workos.store, by_hand("owner", "admin"), workspace=workos.policy.workspace)
    workos.hire("ada", groups=("Admins",))
    workos.sync()
    before = workos.member("ada")
    workos.suspend("ada")
    workos.leave("Admins", "ada")
    workos.join("Engineering", "ada")
    workos.sync()
    workos.restore("ada")
    workos.sync()
    after = workos.member("ada")
    assert (after.id, after.active, after.roles, after.teams) == (before.id, True, {"role": "member"}, ("Engineering",))
