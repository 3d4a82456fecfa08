"""One directory's resources: unique names, memberships both ways, nothing of another directory."""

import pytest
from sqlalchemy.exc import IntegrityError

from reconciler.errors import StoreError
from reconciler.policy import Policy
from reconciler.query import Query
from reconciler.resources import Link, Resource, Taken
from store import Store
from store.database import scalar
from store.scim.statements import Statements
from tests.builders import policy
from tests.store.scim.endpoints import LATER, person, request, team


def fill(opened: Store, *resources: Resource, asked: Policy | None = None) -> None:
    with request(opened, asked) as told:
        for resource in resources:
            told.insert(resource)


def test_a_resource_comes_back_as_it_was_sent(store: Store) -> None:
    ada = person("ada", name={"familyName": "Löv\\u0000e"}, emails=[{"value": "A@x.com", "primary": True}], n=1.5)
    fill(store, ada, team("eng"))
    with request(store) as told:
        assert told.get("User", "ada") == ada
        assert told.get("Group", "eng") == team("eng")
        assert told.get("Group", "ada") is None
        assert told.get("User", "ad\0a") is None
        assert told.get("User", "\ud800") is None


def test_an_update_replaces_the_body_and_keeps_the_place_in_the_order(store: Store) -> None:
    fill(store, person("ada"), person("bob"))
    changed = Resource("User", "ada", {"userName": "ada", "active": False}, person("ada").created, LATER, 2)
    with request(store) as told:
        told.update(changed)
        assert told.find(Query("User", 10)).resources == (changed, person("bob"))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ADA@acme.com", id="case"),
        pytest.param(" ada@acme.com ", id="space"),
        pytest.param("ａｄａ@acme.com", id="width"),
    ],
)
def test_a_user_name_is_taken_however_it_is_written(store: Store, name: str) -> None:
    fill(store, person("ada"), person("bob"))
    with request(store) as told:
        for change in (told.insert, told.update):
            with pytest.raises(Taken) as caught:
                change(person("bob" if change == told.update else "new", userName=name))
            assert (caught.value.attribute, caught.value.holder) == ("userName", "ada")
        told.update(person("ada", userName=name))


def test_a_user_name_is_free_when_its_holder_is_deleted(store: Store) -> None:
    fill(store, person("ada"))
    with request(store) as told:
        assert told.delete("User", "ada")
        assert not told.delete("User", "ada")
        told.insert(person("new", userName="ada@acme.com"))


def test_display_names_of_groups_are_unique_where_that_is_asked_for(store: Store) -> None:
    fill(store, team("eng"), person("ada", displayName="ops"))
    with request(store) as told:
        told.insert(team("also", displayName="Eng"))
    with request(store, unique_groups=True) as told:
        told.insert(team("ops"))  # a person's name is nobody's but theirs
        with pytest.raises(Taken, match="displayName is taken by ops"):
            told.insert(team("fourth", displayName="OPS"))


def test_members_are_listed_in_order_of_joining_and_known_both_ways(store: Store) -> None:
    fill(store, team("eng"), team("sub"), person("ada", displayName="Ada"), person("bob"), person("cyd"))
    with request(store) as told:
        assert told.add_members("eng", ["bob", "nobody", "ada", "bob", "sub"]) == ("bob", "ada", "sub")
        assert told.add_members("eng", ["cyd", "ada"]) == ("cyd",)
        listed = told.members("eng")
        assert listed == (Link("User", "bob", "bob@acme.com"), Link("User", "ada", "Ada"), Link("Group", "sub", "sub"),
                          Link("User", "cyd", "cyd@acme.com"))  # fmt: skip
        assert told.members("eng", most=2) == listed[:2]
        assert told.has_member("eng", "ada")
        assert not told.has_member("sub", "ada")
        assert told.remove_members("eng", ["ada", "nobody"]) == ("ada",)
        assert told.set_members("eng", ["ada", "cyd"]) == (("ada",), ("bob", "sub"))
        assert [link.id for link in told.members("eng")] == ["cyd", "ada"]
        assert told.remove_members("eng", None) == ("cyd", "ada")
        assert told.members("eng") == told.members("nothing") == ()
        assert told.add_members("nothing", ["ada"]) == told.add_members("ada", ["bob"]) == ()


def test_the_groups_of_users_are_direct_or_reached_through_nested_ones_even_in_a_circle(store: Store) -> None:
    fill(store, *(team(name) for name in ("top", "mid", "low", "other")), person("ada"), person("bob"))
    with request(store) as told:
        for group, members in (("top", ["mid"]), ("mid", ["low", "top"]), ("low", ["ada"]), ("other", ["ada"])):
            told.add_members(group, members)
        direct = (Link("Group", "low", "low"), Link("Group", "other", "other"))
        above = (Link("Group", "mid", "mid", direct=False), Link("Group", "top", "top", direct=False))
        assert told.groups_of(["ada", "bob"]) == {"ada": direct + above, "bob": ()}


def test_a_deleted_resource_leaves_its_groups_and_a_deleted_group_its_members(store: Store) -> None:
    fill(store, team("eng"), team("sub"), person("ada", emails=[{"value": "a@x"}]))
    with request(store) as told:
        told.add_members("eng", ["sub", "ada"])
        told.add_members("sub", ["ada"])
        told.delete("Group", "sub")
        assert told.members("eng") == (Link("User", "ada", "ada@acme.com"),)
        told.delete("User", "ada")
        assert told.members("eng") == ()
    with store.read() as connection:
        assert scalar(connection, "SELECT count(*) FROM scim_member") == 0
        assert scalar(connection, "SELECT count(*) FROM scim_email") == 0


def test_known_says_what_there_is(store: Store) -> None:
    fill(store, team("eng"), person("ada"))
    with request(store) as told:
        assert told.known(["ada", "eng", "x", "\0"]) == {"ada": "User", "eng": "Group"}


def test_another_directory_has_none_of_it(store: Store) -> None:
    fill(store, team("eng"), person("ada", externalId="7"))
    other = policy(directory="entra")
    with request(store) as told:
        told.add_members("eng", ["ada"])
    with request(store, other) as told:
        assert told.get("User", "ada") is None
        assert told.known(["ada", "eng"]) == {}
        assert told.members("eng") == ()
        assert told.groups_of(["ada"]) == {"ada": ()}
        assert told.find(Query("User", 10)).total == 0
        assert not told.delete("User", "ada")
        told.insert(person("other"))
        assert told.add_members("eng", ["other"]) == ()
        told.insert(person("namesake", userName="ada@acme.com"))


@pytest.mark.parametrize("body", [{"title": "a\0b"}, {"title": "\ud800"}, {"x": {"\0": 1}}, {"userName": "a\0"}])
def test_a_text_that_no_database_keeps_is_refused(store: Store, body: dict[str, object]) -> None:
    with request(store) as told, pytest.raises(StoreError) as caught:
        told.insert(person("ada", **body))
    assert caught.value.code == "refused_value"


def test_what_the_database_refuses_is_the_same_error_however_it_is_asked(store: Store) -> None:
    """On SQLite the driver is called without SQLAlchemy around it."""
    with store.write() as connection:
        run = Statements(connection)
        run.run("INSERT INTO binding (directory, ref, group_id) VALUES (?, ?, ?)", "okta", "Eng", "1")
        with pytest.raises(IntegrityError):
            run.run("INSERT INTO binding (directory, ref, group_id) VALUES (?, ?, ?)", "okta", "Eng", "2")


def test_how_many_there_are_is_kept_and_not_counted(store: Store) -> None:
    """Counting them for each page costs more than the page: 5 ms with 100,000 people."""
    asked = [Query("User", 0), Query("Group", 0)]
    with request(store) as told:
        assert [told.find(query).total for query in asked] == [0, 0]
    fill(store, person("ada"), person("bob"), team("eng"))
    fill(store, person("ada"), asked=policy(directory="other"))
    with request(store) as told:
        told.delete("User", "bob")
        told.delete("User", "nobody")
        told.delete("Group", "ada")
        assert [told.find(query).total for query in asked] == [1, 1]
