"""Fields of members that configuration takes from attributes of the directory."""

from typing import Any

import pytest

from reconciler.decide import actions_for
from reconciler.match import Subject
from reconciler.model import JSON, Member
from reconciler.policy import AttributeMapping, Policy, RoleSource, Scope, described, desired_profile, text_of
from tests.builders import brief, context, member, policy, subject, user, view
from tests.reconciler.memory import Workspace, World

TITLE, COST = AttributeMapping("jobTitle", "title"), AttributeMapping("urn:x:User:costCenter", "cost_center")
MAPPED: dict[str, Any] = {"attributes": (TITLE, COST)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Engineer", "Engineer"),
        ("  Engineer\t", "Engineer"),
        ("", ""),
        (None, ""),
        (42, "42"),
        (1.5, "1.5"),
        (0, "0"),
        (True, "true"),
        (False, "false"),
        ({"value": "42", "type": "work"}, "42"),
        ({"value": None}, ""),
        ({"displayName": "Grace Hopper", "id": "u7"}, "Grace Hopper"),
        ({"value": "u7", "displayName": "Grace Hopper"}, "u7"),
        ({"city": "London"}, ""),
        ([], ""),
        (["first", "second"], "first"),
        ([{"value": "first"}, {"value": "second", "primary": True}], "second"),
        ([{"value": "first", "primary": False}, {"value": "second"}], "first"),
        ([["odd"]], "odd"),
    ],
)
def test_a_field_holds_one_text(value: JSON, text: str) -> None:
    assert text_of(value) == text


FIELDS = ("user_name", "given_name", "family_name", "display_name", "title", "department", "manager", "email", "badge")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_can_be_filled_and_an_absent_attribute_clears_it(field: str) -> None:
    asked = policy(attributes=(AttributeMapping("x", field),))
    filled = described(asked, user("ada", attributes={"x": " Given by x "}))
    empty = described(asked, user("ada", title="Engineer", department="R&D", manager="Grace"))

    def shown(of: Any) -> str:
        profile = desired_profile(asked, of)
        return str(dict(profile.attributes).get(field, "") if field == "badge" else getattr(profile, field))

    # A cleared display name is made of the names; a cleared address is the user name, if that is one.
    cleared = {"display_name": "Ada Doe", "email": "ada@acme.com"}.get(field, "")
    assert (shown(filled), shown(empty)) == ("Given by x", cleared)


def test_a_policy_without_mappings_leaves_people_as_they_are() -> None:
    who = user("ada", attributes={"jobTitle": "Engineer"})
    assert described(policy(), who) is who
    assert desired_profile(policy(), who).attributes == ()


def test_directories_are_asked_for_the_attributes_of_fields_and_of_roles() -> None:
    asked = policy(**MAPPED, sources=(RoleSource("role", attribute="jamie_role"),))
    assert asked.wanted({}).attributes == {"jobTitle", "urn:x:User:costCenter", "jamie_role"}
    assert asked.role_attributes == ("jamie_role",)
    assert len({policy().digest, asked.digest, policy(attributes=(TITLE,)).digest}) == 3


def decided(who: Subject) -> list[tuple[Any, ...]]:
    return [(action.kind, action.before, action.after, action.cause) for action in actions_for(context(**MAPPED), who)]


def known(**fields: Any) -> Member:
    """Ada as a member with a title and a cost center."""
    who = user("ada", attributes={"jobTitle": "Engineer", "urn:x:User:costCenter": 42})
    asked = policy(**MAPPED)
    return member("ada", profile=desired_profile(asked, described(asked, who)), **fields)


def test_a_newcomer_is_created_with_them() -> None:
    who = user("ada", title="not this one", attributes={"jobTitle": "Engineer", "urn:x:User:costCenter": 42})
    ((kind, _, after, _),) = decided(subject("ada", user=who))
    assert (kind, after["title"], after["cost_center"]) == ("create", "Engineer", "42")
    ((_, _, after, _),) = decided(subject("ada"))
    assert {"title", "cost_center"} & set(after) == set()


@pytest.mark.parametrize(
    ("attributes", "before", "after"),
    [
        ({"jobTitle": "Engineer", "urn:x:User:costCenter": "42"}, None, None),
        ({"jobTitle": "CTO", "urn:x:User:costCenter": "42"}, {"title": "Engineer"}, {"title": "CTO"}),
        ({"jobTitle": "Engineer", "urn:x:User:costCenter": "7"}, {"cost_center": "42"}, {"cost_center": "7"}),
        ({"jobTitle": "Engineer"}, {"cost_center": "42"}, {"cost_center": ""}),
        ({}, {"title": "Engineer", "cost_center": "42"}, {"title": "", "cost_center": ""}),
    ],
)
def test_a_change_is_an_update_that_names_the_field(
    attributes: dict[str, JSON], before: dict[str, str] | None, after: dict[str, str]
) -> None:
    found = decided(subject("ada", user=user("ada", attributes=attributes), member=known()))
    expected = [] if before is None else [("update", before, after, f"changed in the directory: {', '.join(before)}")]
    assert found == expected


def test_a_field_that_is_not_mapped_any_more_is_cleared() -> None:
    (action,) = actions_for(context(), subject("ada", member=known()))
    assert (action.before, action.after) == (
        {"title": "Engineer", "cost_center": "42"}, {"title": "", "cost_center": ""},
    )  # fmt: skip


def test_a_mapped_address_is_the_one_that_scope_and_matching_go_by() -> None:
    asked: dict[str, Any] = {
        "attributes": (AttributeMapping("upn", "email"),), "scope": Scope(domains=frozenset({"acme.com"})),
    }  # fmt: skip
    outside = subject("ada", user=user("ada", attributes={"upn": "ada@elsewhere.com"}), member=member("ada"))
    assert [brief(action) for action in actions_for(context(**asked), outside)] == [("deactivate", "ada", False)]
    inside = subject("ada", user=user("ada", email="x@y.z", attributes={"upn": "ada@acme.com"}))
    (action,) = actions_for(context(**asked), inside)
    assert (action.kind, action.after["email"]) == ("create", "ada@acme.com")


def test_two_people_of_one_mapped_address_are_a_conflict() -> None:
    asked = policy(attributes=(AttributeMapping("upn", "email"),))
    twins = {name: user(name, attributes={"upn": "One@acme.com"}) for name in ("ada", "bob")}
    found = Workspace(()).plan(asked, World(twins, {}))
    assert [brief(action) for action in found.actions] == [
        ("create", "ada", "email_conflict"), ("create", "bob", "email_conflict"),
    ]  # fmt: skip


@pytest.mark.parametrize("asked", [policy(**MAPPED), policy()], ids=["mapped", "not mapped any more"])
def test_what_was_applied_needs_nothing_more(asked: Policy) -> None:
    workspace = Workspace([known()])
    world = World({"ada": user("ada", attributes={"urn:x:User:costCenter": {"value": "7"}}), "bob": user("bob")}, {})
    for action in workspace.plan(asked, world).actions:
        workspace.apply(asked, action)
    assert workspace.plan(asked, world).actions == ()


def test_attributes_of_one_person_each_do_not_keep_roles_from_being_remembered() -> None:
    """Roles are worked out once for many people; only the attributes that give roles tell them apart."""
    asked = context(view(), attributes=(AttributeMapping("badge", "badge"),))
    for number in range(5):
        who = user("ada", attributes={"badge": number, "jamie_role": "admin" if number == 4 else "member"})
        assert asked.roles(who, frozenset(), {}).grants["role"].value == ("admin" if number == 4 else "member")
    assert len(asked.granted) == 2
