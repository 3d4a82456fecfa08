"""Roles, as product.md tables them: Jamie's one axis, Jiminny's two."""

from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from reconciler.model import JSON, DirectoryUser
from reconciler.policy import GroupView, Policy, RoleAxis, RoleRule, RoleSource
from reconciler.roles import Lost, Offer, considered, desired_roles, recognised, values_of
from tests.builders import ROLE, policy, user, view

ABSENT: JSON = object()


def role(attribute: JSON = ABSENT, groups: tuple[str, ...] = (), *, current: str = "", **fields: Any) -> str:
    """The value on Jamie's axis for these inputs."""
    seen = fields.pop("view", view())
    who = person("jamie_role", attribute)
    return desired_roles(
        policy(**fields), who, seen.refs_of(groups), view=seen, current={"role": current} if current else {}
    )["role"].value


def person(attribute: str, value: JSON) -> DirectoryUser:
    return user("ada", attributes={} if value is ABSENT else {attribute: value})


@pytest.mark.parametrize(
    ("attribute", "groups", "expected"),
    [
        pytest.param(ABSENT, (), "member", id="nothing says anything"),
        pytest.param(ABSENT, ("Admins",), "admin", id="group alone"),
        pytest.param("admin", (), "admin", id="attribute alone"),
        pytest.param("member", ("Admins",), "admin", id="group wins over attribute"),
        pytest.param("admin", ("Eng",), "admin", id="attribute wins over group"),
        pytest.param("ADMIN", (), "admin", id="case does not matter"),
        pytest.param("  Admin ", (), "admin", id="nor does space"),
        pytest.param("ａｄｍｉｎ", (), "admin", id="nor does width"),
        pytest.param("", (), "member", id="empty"),
        pytest.param(None, (), "member", id="null"),
        pytest.param("superuser", (), "member", id="unrecognised"),
        pytest.param("admin; drop", (), "member", id="no part of a text counts"),
        pytest.param(True, (), "member", id="a directory's own flag is no role"),
        pytest.param(1, (), "member", id="a number is no role"),
        pytest.param(["member", "admin"], (), "admin", id="highest of a list"),
        pytest.param([{"value": "admin", "primary": True}], (), "admin", id="SCIM objects"),
        pytest.param([{"display": "admin"}], (), "member", id="only value counts in a SCIM object"),
        pytest.param({"value": ["x", {"value": "admin"}]}, (), "admin", id="nested lists"),
    ],
)
def test_admin_comes_from_the_group_or_the_attribute(attribute: JSON, groups: tuple[str, ...], expected: str) -> None:
    assert role(attribute, groups) == expected
    # "Leaving the group: member on the next sync": what the member has now makes no difference.
    assert role(attribute, groups, current="admin") == expected


def test_without_any_source_everyone_has_the_default() -> None:
    assert role("admin", ("Admins",), sources=()) == "member"


def test_a_value_that_the_axis_does_not_have_never_grants_even_from_a_group() -> None:
    wrong = RoleSource("role", groups=(("Admins", "owner"),))
    assert role(groups=("Admins",), sources=(wrong,)) == "member"


@pytest.mark.parametrize("attribute", ["admin", ABSENT])
def test_a_disabled_value_is_as_if_it_had_not_been_sent(attribute: JSON) -> None:
    axis = msgspec.structs.replace(ROLE, disabled=frozenset({"admin"}))
    assert role(attribute, ("Admins",), axes=(axis,)) == "member"


def test_a_mapped_group_that_was_not_read_whole_takes_nothing_away_and_may_give() -> None:
    unread = view(unknown=("Admins",))
    assert role(current="admin", view=unread) == "admin"
    assert role(current="member", view=unread) == "member"
    assert role(groups=("Admins",), current="member", view=unread) == "admin"


def test_another_group_that_was_not_read_whole_keeps_nothing() -> None:
    assert role(current="admin", view=view(unknown=("Eng",))) == "member"


def test_the_source_of_a_value_is_a_sentence() -> None:
    def source(attribute: JSON, *groups: str) -> str:
        asked = policy()
        return desired_roles(asked, person("jamie_role", attribute), frozenset(groups), view=view(), current={})[
            "role"
        ].source

    assert source("admin") == "attribute jamie_role"
    assert source(ABSENT, "Admins") == "group Admins"
    assert source(ABSENT) == "default: no source grants more"


# -- Jiminny ------------------------------------------------------------------------------------------------------

PRIMARY = RoleAxis(
    "primary",
    ("listener", "analyst", "recorder", "recorder_and_voice"),
    "analyst",
    when_absent="keep",
    disabled=frozenset({"recorder_and_voice"}),
)
PERMISSION = RoleAxis("permission", ("user", "manager", "admin"), "user", when_absent="keep")
JIMINNY = Policy(
    "acme",
    "entra",
    axes=(PRIMARY, PERMISSION),
    sources=(RoleSource("primary", attribute="roles"), RoleSource("permission", attribute="roles")),
    rules=(RoleRule((("primary", "listener"),), (("permission", "user"),)),),
)


@pytest.mark.parametrize(
    ("sent", "before", "after"),
    [
        pytest.param(ABSENT, None, "analyst / user", id="create, none"),
        pytest.param(["recorder", "admin"], None, "recorder / admin", id="create, both"),
        pytest.param(["pilot"], None, "analyst / user", id="create, unrecognised"),
        pytest.param(["manager"], "recorder / user", "recorder / manager", id="only a permission"),
        pytest.param(["listener"], "recorder / admin", "listener / user", id="listener clears the permission"),
        pytest.param(["listener", "admin"], "recorder / user", "listener / user", id="listener excludes admin"),
        pytest.param(["user"], "recorder / admin", "recorder / user", id="user removes admin"),
        pytest.param(["pilot", "navigator"], "recorder / admin", "recorder / admin", id="all unrecognised keeps both"),
        pytest.param(["ADMIN"], "recorder / user", "recorder / admin", id="case"),
        pytest.param(ABSENT, "recorder / admin", "recorder / admin", id="absent keeps both"),
        pytest.param(["recorder_and_voice"], "analyst / user", "analyst / user", id="not in the plan"),
        pytest.param(["recorder"], "analyst / admin", "recorder / admin", id="only a primary role"),
        pytest.param(
            [{"value": "admin"}, {"value": "recorder"}], "analyst / user", "recorder / admin", id="objects, any order"
        ),
    ],
)
def test_two_axes_from_one_attribute(sent: JSON, before: str | None, after: str) -> None:
    names = ("primary", "permission")
    current = dict(zip(names, before.split(" / "), strict=True)) if before else {}
    found = desired_roles(JIMINNY, person("roles", sent), frozenset(), view=GroupView(), current=current)
    assert " / ".join(found[name].value for name in names) == after


def test_keep_does_not_outlive_a_group() -> None:
    """Navattic-like: the group gave it, so leaving the group is a statement and not a silence."""
    axis = RoleAxis("role", ("viewer", "builder"), "viewer", when_absent="keep")
    source = RoleSource("role", groups=(("Marketing", "builder"),))
    asked = policy(axes=(axis,), sources=(source,))
    given = desired_roles(asked, user("ada"), frozenset({"Marketing"}), view=view("Marketing"), current={})
    left = desired_roles(asked, user("ada"), frozenset(), view=view("Marketing"), current={"role": "builder"})
    assert (given["role"].value, left["role"].value) == ("builder", "viewer")


@pytest.mark.parametrize(
    ("attribute", "current", "expected"),
    [
        pytest.param("", "editor", "viewer", id="groups alone say something by what they do not hold"),
        pytest.param("site_role", "editor", "editor", id="an absent attribute is silence"),
        pytest.param("site_role", "builder", "viewer", id="but not about what only a group gives"),
    ],
)
def test_what_silence_keeps(attribute: str, current: str, expected: str) -> None:
    axis = RoleAxis("role", ("viewer", "editor", "builder"), "viewer", when_absent="keep")
    asked = policy(axes=(axis,), sources=(RoleSource("role", attribute, (("Marketing", "builder"),)),))
    found = desired_roles(asked, user("ada"), frozenset(), view=view("Marketing"), current={"role": current})
    assert found["role"].value == expected


def test_a_value_that_something_else_still_gives_is_not_kept_for_a_group_that_was_read_short() -> None:
    short = view("Admins", unknown=["Admins"])
    found = desired_roles(policy(), person("jamie_role", "admin"), frozenset(), view=short, current={"role": "admin"})[
        "role"
    ]
    assert (found.value, found.source, found.withheld) == ("admin", "attribute jamie_role", "")


def test_keep_keeps_no_value_that_the_axis_no_longer_has() -> None:
    found = desired_roles(
        JIMINNY, person("roles", ABSENT), frozenset(), view=GroupView(), current={"permission": "emperor"}
    )
    assert found["permission"].value == "user"


def without(*disabled: str) -> Policy:
    """Jiminny on a plan that lacks these primary roles."""
    primary = msgspec.structs.replace(PRIMARY, disabled=frozenset(disabled))
    return msgspec.structs.replace(JIMINNY, axes=(primary, PERMISSION))


@pytest.mark.parametrize(
    ("sent", "before", "after"),
    [
        (["recorder_and_voice"], "analyst", "recorder_and_voice"),
        (["recorder_and_voice"], "listener", "recorder_and_voice"),
        (["listener"], "recorder", "listener"),
        (ABSENT, "listener", "listener"),
    ],
)
def test_a_value_that_the_plan_has_is_recognised_and_one_it_lost_is_not(sent: JSON, before: str, after: str) -> None:
    """Regression: a value that was switched off stayed with whoever had it, for as long as nothing else was sent."""

    def primary(asked: Policy) -> str:
        who, current = person("roles", sent), {"primary": before, "permission": "user"}
        return desired_roles(asked, who, frozenset(), view=GroupView(), current=current)["primary"].value

    assert primary(without()) == after
    assert primary(without("recorder_and_voice", "listener")) == ("analyst" if before == "listener" else before)


def test_a_group_that_gives_a_disabled_value_gives_nothing_and_is_not_needed_to_take_it() -> None:
    axis = RoleAxis("role", ("member", "admin", "owner"), "member", disabled=frozenset({"owner"}))
    sources = (RoleSource("role", groups=(("Owners", "owner"), ("Admins", "admin"))),)
    asked: dict[str, Any] = {"axes": (axis,), "sources": sources}
    both = view("Owners", "Admins")
    assert role(groups=("Owners",), view=both, **asked) == "member"
    assert role(groups=("Owners", "Admins"), view=both, **asked) == "admin"
    unread = view("Owners", "Admins", unknown=("Owners",))
    assert role(current="owner", view=unread, **asked) == "member"


@pytest.mark.parametrize(
    "sent",
    [
        ["recorder", "admin"],
        ["admin", "recorder"],
        [{"value": "recorder"}, "ADMIN"],
        [{"value": "admin", "primary": True}, {"value": "recorder", "primary": False}],
        [{"value": "Recorder", "display": "listener"}, {"value": "admin", "type": "x"}, {"value": "pilot"}, None, 7],
    ],
)
def test_roles_are_objects_or_texts_in_any_order_with_anything_beside(sent: JSON) -> None:
    found = desired_roles(JIMINNY, person("roles", sent), frozenset(), view=GroupView(), current={})
    assert (found["primary"].value, found["permission"].value) == ("recorder", "admin")


def test_the_highest_value_of_all_sources_of_an_axis_wins() -> None:
    sources = (
        RoleSource("permission", attribute="roles"),
        RoleSource("permission", attribute="level", groups=(("Managers", "manager"),)),
        RoleSource("permission", groups=(("Board", "admin"), ("Staff", "user"))),
    )
    asked = msgspec.structs.replace(JIMINNY, sources=sources)
    groups = view("Managers", "Board", "Staff")

    def permission(attributes: dict[str, JSON], *refs: str) -> str:
        who = user("ada", attributes=attributes)
        return desired_roles(asked, who, frozenset(refs), view=groups, current={})["permission"].value

    assert permission({}, "Staff") == "user"
    assert permission({"roles": "user"}, "Staff", "Managers") == "manager"
    assert permission({"roles": "user", "level": "admin"}, "Managers") == "admin"
    assert permission({"roles": "manager"}, "Staff", "Board") == "admin"


def test_rules_hold_in_their_order_and_one_may_set_off_the_next() -> None:
    first = RoleRule((("primary", "listener"),), (("permission", "user"),))
    second = RoleRule((("permission", "user"),), (("seat", "free"),))
    seat = RoleAxis("seat", ("free", "paid"), "paid")

    def seated(*rules: RoleRule) -> str:
        asked = msgspec.structs.replace(JIMINNY, axes=(PRIMARY, PERMISSION, seat), rules=rules)
        who = person("roles", ["listener", "admin"])
        return desired_roles(asked, who, frozenset(), view=GroupView(), current={})["seat"].value

    assert (seated(first, second), seated(second, first), seated(first)) == ("free", "paid", "paid")


def test_a_rule_does_not_follow_from_a_value_that_only_a_short_read_shows() -> None:
    """Recorders were not read whole: who seems to be a listener now may still be one, and keeps the permission."""
    sources = (RoleSource("primary", "roles", (("Recorders", "recorder"),)), RoleSource("permission", "roles"))
    asked = msgspec.structs.replace(JIMINNY, sources=sources)
    current = {"primary": "recorder", "permission": "admin"}
    who = person("roles", ["listener", "admin"])
    short = desired_roles(asked, who, frozenset(), view=view("Recorders", unknown=("Recorders",)), current=current)
    assert {axis: grant.value for axis, grant in short.items()} == current
    whole = desired_roles(asked, who, frozenset(), view=view("Recorders"), current=current)
    assert {axis: grant.value for axis, grant in whole.items()} == {"primary": "listener", "permission": "user"}


def test_a_rule_says_so() -> None:
    found = desired_roles(JIMINNY, person("roles", ["listener"]), frozenset(), view=GroupView(), current={})
    assert found["permission"].source == "rule: primary is listener"


def test_a_rule_over_several_axes_needs_all_of_them() -> None:
    rule = RoleRule((("primary", "analyst"), ("permission", "admin")), (("permission", "manager"),))
    asked = msgspec.structs.replace(JIMINNY, rules=(rule,))

    def permission(*sent: str) -> str:
        found = desired_roles(asked, person("roles", list(sent)), frozenset(), view=GroupView(), current={})
        return found["permission"].value

    assert permission("analyst", "admin") == "manager"
    assert permission("recorder", "admin") == "admin"


@pytest.mark.parametrize(
    ("raw", "values"),
    [("a", ("a",)), (["a", "b"], ("a", "b")), ([{"value": "a"}], ("a",)), ({}, ()), (None, ()), (3, ()), ([[]], ())],
)
def test_values_of_an_attribute(raw: JSON, values: tuple[str, ...]) -> None:
    assert values_of(raw) == values


def test_recognised_answers_in_the_axis_own_spelling() -> None:
    axis = RoleAxis("role", ("Viewer", "Builder"), "Viewer", disabled=frozenset({"Builder"}))
    assert (recognised(axis, "VIEWER"), recognised(axis, "builder"), recognised(axis, "")) == ("Viewer", "", "")


# -- what was considered ------------------------------------------------------------------------------------------

LEVELS = RoleAxis("role", ("viewer", "editor", "admin", "owner"), "viewer", disabled=frozenset({"owner"}))
SOURCES = (
    RoleSource("role", "r", (("Ops", "admin"), ("Eng", "editor"), ("Top", "owner"), ("Odd", "emperor"))),
    RoleSource("role", "r2"),
)


def losses(attribute: JSON, *groups: str) -> dict[str, tuple[str, Lost]]:
    """What the sources offered, as value (or what was sent) and why it lost."""
    who = user("ada", attributes={} if attribute is ABSENT else {"r": attribute})
    asked = policy(axes=(LEVELS,), sources=SOURCES)
    found = considered(asked, LEVELS, who, frozenset(groups), view=view())
    return {f"{offer.source}={offer.offered}": (offer.value, offer.lost) for offer in found}


def test_everything_that_was_considered_is_told_with_why_it_lost() -> None:
    assert losses(["editor", "OWNER", "boss"], "Ops", "Top", "Odd") == {
        "group Ops=admin": ("admin", ""),
        "group Eng=editor": ("editor", "not_a_member"),
        "group Top=owner": ("owner", "switched_off"),
        "group Odd=emperor": ("emperor", "not_a_value"),
        "attribute r=editor": ("editor", "lower"),
        "attribute r=OWNER": ("", "switched_off"),
        "attribute r=boss": ("", "not_a_value"),
        "attribute r2=": ("", "absent"),
    }


@pytest.mark.parametrize(("sent", "shown"), [(None, ""), (True, "True"), ([], "[]"), ("", "")])
def test_a_value_that_says_nothing_is_told_as_it_was_sent(sent: JSON, shown: str) -> None:
    assert losses(sent)[f"attribute r={shown}"] == ("", "not_a_value")


@given(
    groups=st.frozensets(st.sampled_from(["Ops", "Eng", "Top", "Odd"])),
    sent=st.lists(st.sampled_from(["viewer", "editor", "ADMIN", "owner", "boss", ""]), max_size=3),
)
def test_what_wins_among_what_was_considered_is_the_role(groups: frozenset[str], sent: list[str]) -> None:
    asked = policy(axes=(LEVELS,), sources=SOURCES)
    who = user("ada", attributes={"r": sent})
    offers = considered(asked, LEVELS, who, groups, view=view())
    granted = desired_roles(asked, who, groups, view=view(), current={})["role"]
    winners = [offer for offer in offers if not offer.lost]
    assert {offer.value for offer in winners} == ({granted.value} if winners else set())
    assert granted.source == (winners[0].source if winners else "default: no source grants more")
    assert all(LEVELS.rank(offer.value) < LEVELS.rank(granted.value) for offer in offers if offer.lost == "lower")


def test_an_offer_is_whole_as_json() -> None:
    assert msgspec.to_builtins(Offer("group Ops", "admin", "admin")) == {
        "source": "group Ops", "offered": "admin", "value": "admin", "lost": "",
    }  # fmt: skip
