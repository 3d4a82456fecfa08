"""Mapped fields from a directory to the roster, on both databases."""

import msgspec

from reconciler.policy import AttributeMapping
from store import Store
from store.workspace import RosterMember, roster
from tests.builders import Directory, changes, people, policy, sync
from tests.store.stories import settled

MAPPED = policy(
    attributes=(
        AttributeMapping("costCenter", "cost_center"),
        AttributeMapping("badge", "badge"),
        AttributeMapping("alias", "display_name"),
    )
)


def ada(store: Store) -> RosterMember:
    return people(store)["ada@acme.com"]


def test_a_mapped_field_is_set_changed_and_cleared(store: Store) -> None:
    directory = Directory("ada", "bob")
    directory.change("ada", attributes={"costCenter": 42, "alias": "Countess", "badge": "7"}, manager="Grace")
    sync(store, directory, MAPPED)
    assert (ada(store).attributes, ada(store).display_name) == ({"badge": "7", "cost_center": "42"}, "Countess")
    assert (ada(store).user_name, ada(store).manager) == ("ada@acme.com", "Grace")
    assert people(store)["bob@acme.com"].attributes == {}
    settled(store, directory, asked=MAPPED)

    directory.change("ada", attributes={"costCenter": "43", "badge": "7"})
    report = sync(store, directory, MAPPED)
    assert changes(store, report) == [("update", "ada", "43", "Ada Doe")]
    assert ada(store).attributes == {"badge": "7", "cost_center": "43"}

    directory.change("ada", attributes={})
    sync(store, directory, MAPPED)
    assert ada(store).attributes == {}
    settled(store, directory, asked=MAPPED)


def test_a_mapping_that_comes_fills_the_field_and_one_that_goes_clears_it(store: Store) -> None:
    directory = Directory("ada")
    directory.change("ada", attributes={"costCenter": "42"}, title="Engineer")
    sync(store, directory)
    assert (ada(store).attributes, ada(store).title) == ({}, "Engineer")
    asked = policy(attributes=(AttributeMapping("costCenter", "cost_center"), AttributeMapping("none", "title")))
    assert changes(store, sync(store, directory, asked)) == [("update", "ada", "42", "")]
    assert (ada(store).attributes, ada(store).title) == ({"cost_center": "42"}, "")
    assert changes(store, sync(store, directory)) == [("update", "ada", "", "Engineer")]
    assert (ada(store).attributes, ada(store).title) == ({}, "Engineer")
    settled(store, directory)


def test_the_roster_shows_them_as_json(store: Store) -> None:
    directory = Directory("ada")
    directory.change("ada", attributes={"costCenter": "4é2"})
    sync(store, directory, MAPPED)
    (line,) = [msgspec.json.decode(msgspec.json.encode(each)) for each in roster(store, "acme")]
    assert line["attributes"] == {"cost_center": "4é2"}


def test_people_are_matched_by_a_mapped_address(store: Store) -> None:
    """The address in the mirror's index is the mapped one, and follows when the mapping changes."""
    directory = Directory("ada")
    directory.change("ada", attributes={"upn": "lovelace@acme.com"})
    by_upn = policy(attributes=(AttributeMapping("upn", "email"),))
    sync(store, directory)
    assert set(people(store)) == {"ada@acme.com"}
    sync(store, directory, by_upn)
    assert set(people(store)) == {"lovelace@acme.com"}
    directory.hire("bob", attributes={"upn": "Lovelace@acme.com"})
    assert changes(store, sync(store, directory, by_upn)) == [("create", "bob", "email_conflict")]
    sync(store, directory)
    assert set(people(store)) == {"ada@acme.com", "bob@acme.com"}
