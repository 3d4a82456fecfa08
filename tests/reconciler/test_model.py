"""Values: the one normal form, and frozen shapes."""

import msgspec
import pytest

from reconciler.model import FIELDS, Profile, edited, fields_of, key, profile_of
from reconciler.policy import address, desired_profile, match_key
from tests.builders import policy, user


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ada@Acme.COM", "ada@acme.com"),
        ("  ada@acme.com\t", "ada@acme.com"),
        ("STRASSE@acme.com", "strasse@acme.com"),
        ("straße@acme.com", "strasse@acme.com"),
        ("ＡＤＡ@acme.com", "ada@acme.com"),
        ("E\u0301va@acme.com", "\u00e9va@acme.com"),
        ("ΑΝΝΑΣ@acme.gr", "αννασ@acme.gr"),
        ("ﬁn@acme.com", "fin@acme.com"),
        ("", ""),
    ],
)
def test_the_normal_form_of_addresses_and_names(text: str, normal: str) -> None:
    assert key(text) == normal
    assert key(key(text)) == normal


def test_values_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        user("ada").email = "eve@acme.com"  # type: ignore[misc]


def test_a_display_name_is_made_up_where_the_directory_keeps_none() -> None:
    assert profile_of(user("ada", display_name="")).display_name == "Ada Doe"
    assert profile_of(user("ada", display_name="", given_name="", family_name="")).display_name == ""
    assert profile_of(user("ada", display_name="Countess")).display_name == "Countess"


def test_fields_of_a_profile_are_all_of_them() -> None:
    assert {*fields_of(Profile("a@b.c")), "attributes"} == {*Profile.__struct_fields__}
    assert set(fields_of(Profile("a@b.c", attributes=(("cost_center", "42"),)))) == {*FIELDS, "cost_center"}


def test_an_edited_profile_has_what_its_fields_say_and_no_cleared_ones() -> None:
    made = edited(Profile("a@b.c"), {"title": "Engineer", "cost_center": "42", "badge": "7"})
    assert made == Profile("a@b.c", title="Engineer", attributes=(("badge", "7"), ("cost_center", "42")))
    assert edited(made, {"badge": "", "title": ""}) == Profile("a@b.c", attributes=(("cost_center", "42"),))
    assert edited(Profile(""), fields_of(made)) == made


def test_people_are_matched_by_address_or_user_name() -> None:
    who = user("ada", email="Ada@Acme.com", user_name="DOMAIN\\ada")
    assert (match_key("email", who), match_key("user_name", who)) == ("ada@acme.com", "domain\\ada")


@pytest.mark.parametrize(
    ("email", "user_name", "expected"),
    [("a@b.c", "x@y.z", "a@b.c"), ("", "x@y.z", "x@y.z"), ("", "ada", ""), ("", "", "")],
)
def test_the_address_of_a_person(email: str, user_name: str, expected: str) -> None:
    who = user("ada", email=email, user_name=user_name)
    assert (address(who), desired_profile(policy(), who).email) == (expected, expected)


def test_users_survive_json() -> None:
    who = user("ada", attributes={"jamie_role": ["admin", {"value": "x"}]}, guest=True)
    assert msgspec.json.decode(msgspec.json.encode(who), type=type(who)) == who
