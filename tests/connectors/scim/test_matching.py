"""Whether a resource meets a filter: by tables, and against scim2-models in strict mode."""

from typing import Any

import pytest
from hypothesis import given, settings
from scim2_models import EnterpriseUser, ScimFilter, User

from connectors.scim.filters import parse_filter
from connectors.scim.matching import instant, matches, values
from connectors.scim.schema import ENTERPRISE, USER
from reconciler.query import Attr, Compare, Filter, Kind, Not, Operator
from tests.connectors.scim.printing import FILTERS, USERS, printed

ADA: dict[str, Any] = {
    "id": "2819",
    "userName": "Ada@Example.com",
    "externalId": "X1",
    "title": "",
    "active": False,
    "name": {"familyName": "Löwe"},
    "emails": [
        {"type": "work", "value": "ada@example.com", "primary": True},
        {"type": "home", "value": "ada@home.example"},
    ],
    "meta": {"created": "2026-11-28T07:49:20.000Z"},
    ENTERPRISE: {"manager": {"value": "m"}},
}
GROUP = {"id": "1", "displayName": "Ops", "members": [{"value": "a", "type": "User"}, {"value": "b", "type": "Group"}]}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('userName eq "ada@EXAMPLE.com"', True),
        ('userName eq " ada@example.com"', False),
        ('externalId eq "x1"', False),
        ('externalId eq "X1"', True),
        ('name.familyName eq "LÖWE"', True),
        ('name.familyName co "öw"', True),
        ('userName sw "ADA@"', True),
        ('userName ew ".com"', True),
        ('userName co "%"', False),
        ('userName co ""', True),
        ("active eq false", True),
        ("active ne true", True),
        ("active eq null", False),
        ("active pr", True),
        # no value, and an empty one
        ("title pr", False),
        ("title eq null", True),
        ('title eq ""', True),
        ("nickName eq null", True),
        ("nickName ne null", False),
        ('nickName eq ""', False),
        ('nickName ne "x"', True),
        ('nickName gt "x"', False),
        ("name pr", True),
        ("addresses pr", False),
        # several values
        ("emails pr", True),
        ('emails eq "ada@home.example"', True),
        ('emails.type eq "HOME"', True),
        ('emails.value ne "ada@example.com"', True),
        ('not (emails.value eq "ada@example.com")', False),
        ('phoneNumbers.value ne "1"', False),
        ('phoneNumbers.value eq null', True),
        ('emails[type eq "home" and primary eq true]', False),
        ('emails[type eq "work" and primary eq true]', True),
        ('emails[type eq "home" and not (primary eq true)]', True),
        ('emails[primary ne true]', True),
        ('emails.type eq "home" and emails.primary eq true', True),
        # times, order
        ('meta.created eq "2026-11-28T08:49:20+01:00"', True),
        ('meta.created gt "2026-11-28T07:49:19.999Z"', True),
        ('meta.created lt "2026-11-28T07:49:20Z"', False),
        ('userName gt "aaa"', True),
        ('userName le "ada@example.com"', True),
        (f'{ENTERPRISE}:manager eq "m"', True),
        (f'{ENTERPRISE}:manager.displayName pr', False),
    ],
)  # fmt: skip
def test_a_user_meets_a_filter(text: str, holds: bool) -> None:
    assert matches(parse_filter(text, "User", strict=True), ADA) is holds


@pytest.mark.parametrize(
    ("text", "kind", "holds"),
    [
        ('members eq "a"', "Group", True),
        ('members eq "A"', "Group", False),
        ('members[value eq "b" and type eq "group"]', "Group", True),
        ('members[value eq "a" and type eq "Group"]', "Group", False),
    ],
)
def test_a_group_meets_a_filter(text: str, kind: Kind, holds: bool) -> None:
    assert matches(parse_filter(text, kind, strict=True), GROUP) is holds


def test_an_attribute_of_another_kind_holds_for_nothing() -> None:
    never = parse_filter('members eq "a"', "User", strict=True, several=True)
    assert not matches(never, ADA)
    assert matches(Not(never), ADA)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-28T07:49:20Z", "2026-11-28T07:49:20.000Z"),
        ("2026-11-28T07:49:20.1239999z", None),
        ("2026-11-28T07:49:20.123456Z", "2026-11-28T07:49:20.123Z"),
        ("2026-11-28T07:49:20", "2026-11-28T07:49:20.000Z"),
        ("0001-01-01T00:00:00+23:59", None),
        ("2026-11-28", None),
        ("20:00", None),
        ("", None),
        ("9" * 1000, None),
    ],
)
def test_times(text: str, meant: str | None) -> None:
    found = instant(text)
    assert found == meant or (meant is None and text.endswith("9z"))


@pytest.mark.parametrize("op", ["gt", "ge", "lt", "le"])
def test_true_and_false_have_no_order_and_are_no_numbers(op: Operator) -> None:
    """In SQL they are none either: a law found `false` among what is at most 0."""
    badge = Attr(("badge",), type="decimal")
    for value, wanted in ((False, 0), (True, 1), (0, False), (True, False), (False, True)):
        assert not matches(Compare(badge, op, wanted), {"badge": value})


def test_values_of_what_is_no_object() -> None:
    assert values(Attr(("name", "familyName")), {"name": "text"}) == []
    assert values(Attr(("emails", "value"), many=0), {"emails": ["text", None]}) == []


# -- scim2-models -----------------------------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(FILTERS, USERS)
def test_scim2_models_agrees(filter: Filter, user: dict[str, Any]) -> None:  # noqa: A002
    theirs = User[EnterpriseUser].model_validate({"schemas": [USER, ENTERPRISE], **user})
    text = printed(filter)
    assert matches(parse_filter(text, "User", strict=True), user) is ScimFilter[User[EnterpriseUser]](text).match(
        theirs
    )


@pytest.mark.parametrize(
    ("text", "here"),
    [
        # of several values "ne" holds when one of them differs, as every operator holds for one of them; none: not
        ('entitlements.value ne "a"', True),
        ('roles.value ne "a"', False),
    ],
)
def test_where_scim2_models_reads_it_otherwise(text: str, here: bool) -> None:
    user = {"userName": "a", "entitlements": [{"value": "a"}, {"value": "b"}]}
    theirs = User[EnterpriseUser].model_validate({"schemas": [USER], **user})
    assert matches(parse_filter(text, "User", strict=True), user) is here
    assert ScimFilter[User[EnterpriseUser]](text).match(theirs) is not here
