"""Jiminny, sentence by sentence and row by row: SCIM from Entra (a plan without recorder_and_voice) and from Okta (a
plan with everything) by what they tell, and an Okta org that is read.

Elsewhere: the same by real requests to a daemon, test_over_http.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model import JSON
from tests.acceptance.profiles.customers import Customer, customer
from tests.builders import by_hand
from tests.store.workspaces import add

pytestmark = pytest.mark.acceptance

WITHOUT_VOICE = ["acme-entra", "initech-okta"]
ABSENT: JSON = None


@pytest.fixture(params=WITHOUT_VOICE)
def jiminny(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    with customer("jiminny", request.param, sqlite_url, tmp_path) as found:
        yield found


@pytest.fixture
def with_voice(sqlite_url: str, tmp_path: Path) -> Iterator[Customer]:
    """A customer whose plan has every role."""
    with customer("jiminny", "globex-okta", sqlite_url, tmp_path) as found:
        yield found


def roles(of: Customer, name: str = "ada") -> str:
    found = of.member(name).roles
    return f"{found['primary']} / {found['permission']}"


def update(of: Customer, before: str, sent: JSON) -> str:
    """What somebody with these roles has after the directory sent others."""
    of.hire("ada", said=before.split(" / "))
    of.sync()
    assert roles(of) == before
    of.say("ada", sent)
    of.sync()
    after = roles(of)
    of.again()
    return after


# -- the table ----------------------------------------------------------------------------------------------------


CREATE = [
    pytest.param(ABSENT, "analyst / user", id="create | none"),
    pytest.param(["recorder", "admin"], "recorder / admin", id="create | recorder, admin"),
    pytest.param(["pilot"], "analyst / user", id="create | pilot"),
]
UPDATE = [
    pytest.param(["manager"], "recorder / user", "recorder / manager", id="manager"),
    pytest.param(["listener"], "recorder / admin", "listener / user", id="listener"),
    pytest.param(["listener", "admin"], "recorder / user", "listener / user", id="listener, admin"),
    pytest.param(["user"], "recorder / admin", "recorder / user", id="user"),
    pytest.param(["pilot", "navigator"], "recorder / admin", "recorder / admin", id="pilot, navigator"),
    pytest.param(["ADMIN"], "recorder / user", "recorder / admin", id="ADMIN"),
    pytest.param(ABSENT, "recorder / admin", "recorder / admin", id="none (attribute absent)"),
    pytest.param(["recorder_and_voice"], "analyst / user", "analyst / user", id="plan without recorder_and_voice"),
]


@pytest.mark.parametrize(("sent", "after"), CREATE)
def test_rows_of_create(jiminny: Customer, sent: JSON, after: str) -> None:
    jiminny.hire("ada", said=sent)
    jiminny.sync()
    assert roles(jiminny) == after
    jiminny.again()


@pytest.mark.parametrize(("sent", "before", "after"), UPDATE)
def test_rows_of_update(jiminny: Customer, sent: JSON, before: str, after: str) -> None:
    assert update(jiminny, before, sent) == after


# -- the sentences ------------------------------------------------------------------------------------------------


def test_new_users_updates_deactivation_reactivation_groups_and_memberships(jiminny: Customer) -> None:
    """Push new users, updates, deactivation, reactivation, groups and their memberships. Groups are managed by the
    directory."""
    jiminny.hire("ada", "bob", groups=("Sales",))
    assert sorted(jiminny.kinds())[-2:] == ["join_team", "join_team"]
    assert jiminny.member("ada").teams == ("Sales",)
    jiminny.change("ada", title="Countess")
    jiminny.leave("Sales", "bob")
    assert sorted(jiminny.kinds()) == ["leave_team", "update"]
    assert (jiminny.member("ada").title, jiminny.member("bob").teams) == ("Countess", ())
    jiminny.suspend("ada")
    assert jiminny.kinds() == ["deactivate"]
    assert jiminny.member("ada").sessions_valid_after is not None
    jiminny.restore("ada")
    assert jiminny.kinds() == ["reactivate"]
    assert jiminny.member("ada").teams == ("Sales",)
    jiminny.again()


@pytest.mark.parametrize(
    "sent",
    [
        [{"value": "recorder"}, {"value": "admin"}],
        [{"value": "admin"}, {"value": "recorder"}],
        [{"value": "admin", "primary": True}, {"value": "recorder", "primary": False}],
        ["recorder", "admin"],
        ["admin", "recorder"],
    ],
)
def test_roles_are_objects_or_texts_in_any_order(jiminny: Customer, sent: JSON) -> None:
    """Roles from the standard SCIM `roles` attribute, as `[{"value": "recorder"}, {"value": "admin"}]` or
    `["recorder", "admin"]`, in any order."""
    jiminny.hire("ada", said=sent)
    jiminny.sync()
    assert roles(jiminny) == "recorder / admin"


def test_two_axes_and_their_defaults(with_voice: Customer) -> None:
    """Two axes. Primary: `recorder`, `recorder_and_voice` (if the plan has it), `analyst` (default for new users),
    `listener` (if the plan has it). Permission: `user` (default), `manager`, `admin`."""
    for number, value in enumerate(
        ("recorder", "recorder_and_voice", "analyst", "listener", "user", "manager", "admin")
    ):
        with_voice.hire(f"p{number}", said=[value])
    with_voice.hire("new")
    with_voice.sync()
    assert [roles(with_voice, f"p{number}") for number in range(7)] == [
        "recorder / user", "recorder_and_voice / user", "analyst / user", "listener / user", "analyst / user",
        "analyst / manager", "analyst / admin",
    ]  # fmt: skip
    assert roles(with_voice, "new") == "analyst / user"


def test_a_plan_that_has_it_recognises_recorder_and_voice(with_voice: Customer) -> None:
    assert update(with_voice, "analyst / manager", ["recorder_and_voice"]) == "recorder_and_voice / manager"


@pytest.mark.parametrize(
    ("sent", "after"),
    [(["manager"], "recorder / manager"), (["analyst"], "analyst / admin"), (["recorder"], "recorder / admin")],
)
def test_the_axes_are_independent(jiminny: Customer, sent: JSON, after: str) -> None:
    """The axes are independent: only a permission sent → the primary role stays; only a primary role sent → the
    permission stays."""
    assert update(jiminny, "recorder / admin", sent) == after


@pytest.mark.parametrize("held", ["manager", "admin"])
def test_to_remove_manager_or_admin_user_is_sent(jiminny: Customer, held: str) -> None:
    """To remove `manager` or `admin`, `user` is sent."""
    assert update(jiminny, f"recorder / {held}", ["user"]) == "recorder / user"


@pytest.mark.parametrize("held", ["manager", "admin"])
def test_switching_to_listener_clears_manager_and_admin(jiminny: Customer, held: str) -> None:
    """`listener` excludes `manager` and `admin`: switching to listener clears them."""
    assert update(jiminny, f"recorder / {held}", ["listener"]) == "listener / user"


def test_leaving_listener_does_not_bring_the_permission_back(jiminny: Customer) -> None:
    assert update(jiminny, "recorder / admin", ["listener"]) == "listener / user"
    jiminny.say("ada", ["recorder"])
    jiminny.sync()
    assert roles(jiminny) == "recorder / user"


def test_unrecognised_values_are_ignored_beside_recognised_ones(jiminny: Customer) -> None:
    """Unrecognised values are ignored (a value that the plan does not have is unrecognised)."""
    assert update(jiminny, "analyst / user", ["pilot", "recorder_and_voice", "manager"]) == "analyst / manager"


def test_all_unrecognised_keeps_both_for_an_existing_user_and_gives_a_new_one_the_defaults(jiminny: Customer) -> None:
    """All unrecognised: an existing user keeps both, a new user gets `analyst` and no permission."""
    jiminny.hire("bob", said=["pilot", "navigator"])
    assert update(jiminny, "recorder / manager", ["pilot", "navigator"]) == "recorder / manager"
    assert roles(jiminny, "bob") == "analyst / user"


def test_people_are_matched_by_primary_work_email_not_by_user_name(jiminny: Customer) -> None:
    """People are matched by primary work email, not by `userName`."""
    add(jiminny.store, by_hand("ada"), by_hand("bob"), workspace=jiminny.policy.workspace)
    jiminny.hire("lovelace", email="Ada@acme.com", user_name="bob@acme.com")
    first = {each.external_id: each.kind for each in jiminny.sync() if each.kind in ("adopt", "create")}
    assert first[jiminny.ids["lovelace"]] == "adopt"
    assert jiminny.member("lovelace").id == "hand-ada"
    assert not jiminny.roster()["bob@acme.com"].managed


def test_of_several_addresses_the_primary_work_one_counts(sqlite_url: str, tmp_path: Path) -> None:
    with customer("jiminny", "acme-entra", sqlite_url, tmp_path) as jiminny:
        jiminny.hire("ada", user_name="ada.home@example.com")
        resource = jiminny.endpoint.users[jiminny.ids["ada"]]  # type: ignore[attr-defined]  # it is Told
        resource["emails"] = [
            {"value": "ada.home@example.com", "type": "home", "primary": True},
            {"value": "ada.old@acme.com", "type": "work"},
            {"value": "ada.lovelace@acme.com", "type": "work", "primary": True},
        ]
        jiminny.sync()
        assert set(jiminny.roster()) == {"ada.lovelace@acme.com"}
