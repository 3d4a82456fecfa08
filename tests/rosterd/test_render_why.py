"""The explanation of a person as text."""

from typing import Any

import msgspec
import pytest

from reconciler.explanation import Change, Event, Explanation, Group, Matching, Person, Place, ProfileField, Role, Scope
from reconciler.explanation import TeamLine as Line
from reconciler.roles import Lost, Offer
from rosterd.render.why import why_text
from tests.rosterd.test_render_text import printed

USER = {"given_name": "Ada", "family_name": "Doe", "email": "ada@acme.com"}
PLACE = Place(
    "okta",
    "run1",
    "2026-11-21T14:02:00.000Z",
    "00u1",
    "active",
    None,
    dict(USER),
    (),
    True,
    scope=Scope(True, "everybody in the directory is"),
    matching=Matching("external_id", "linked"),
)
MEMBER = Person("m", "ada@acme.com", True, True, "okta", "00u1", {}, (), (), {})


def text(place: Place | None = None, **fields: Any) -> list[str]:
    """The lines of an explanation."""
    shown = {"asked": "ada", "workspace": "acme", "at": None, "member": MEMBER, "history": (), "notes": ()}
    places = (PLACE if place is None else place,)
    made = Explanation(**{**shown, "answer": "The answer.", "directories": places, **fields})
    return [line.rstrip() for line in printed(why_text(made), width=160).splitlines()]


def lines(**fields: Any) -> list[str]:
    return text(msgspec.structs.replace(PLACE, **fields))


def change(state: str = "planned", **fields: Any) -> Change:
    made = Change("deactivate", {"active": True}, {"active": False}, "suspended", "status", state, state, "")
    return msgspec.structs.replace(made, **fields)


def test_the_answer_comes_first_and_then_what_it_rests_on() -> None:
    found = text()
    assert found[:2] == ["The answer.", ""]
    assert found[2].startswith("okta · as of run run1, 2026-11-21 14:02:00 UTC ──")
    assert found[3:] == [
        "  account    active · Ada Doe · ada@acme.com · 00u1",
        "  scope      in: everybody in the directory is",
        "  matched    linked",
    ]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"user": None, "state": None}, "  account    00u1: the directory has not described it"),
        (
            {"state": "gone", "evidence": "tombstone"},
            "  account    gone · Ada Doe · ada@acme.com · 00u1 · the directory says that the account was deleted",
        ),
        ({"scope": Scope(False, "a guest")}, "  scope      out: a guest"),
        ({"scope": Scope(None, "not known")}, "  scope      unknown: not known"),
        ({"matching": Matching("conflict", "two", "email_conflict")}, "  matched    two (email_conflict)"),
        (
            {"groups": (Group("1", "Eng", False, ("Sub", "Eng"), True), Group("2", "Ops", True, ("Ops",), False))},
            "  groups     Sub in Eng, Ops",
        ),
        ({"incomplete": ("groups", "members of group Eng")}, "  not whole  groups, members of group Eng"),
        (
            {"teams": (Line("Eng", True, (("Sub", "E"), ("F",)), "mapped"),)},
            "  team       Eng: because of group Sub in E, F",
        ),
        ({"teams": (Line("Eng", False, (("E",),), "to_join"),)}, "  team       Eng: not yet: because of group E"),
        (
            {"teams": (Line("Eng", True, (), "to_leave"),)},
            "  team       Eng: until the next sync: in no group that is mapped to it any more",
        ),
        (
            {"teams": (Line("Eng", True, (), "by_hand"),)},
            "  team       Eng: added by hand: no directory takes them out",
        ),
        (
            {"teams": (Line("Eng", True, (), "kept"),)},
            "  team       Eng: put there by the directory, and by no group any more",
        ),
        (
            {"profile": (ProfileField("title", "Boss", "", "title"),)},
            "  profile    title: Boss; the directory says –",
        ),
        (
            {"waiting": (change("held", sentence="too many"),)},
            "  held       deactivate: active → inactive: too many",
        ),
        ({"next": (change(),)}, "  next sync  deactivate: active → inactive (suspended)"),
        ({"ways": ("to become admin: join group Ops",)}, "  way        to become admin: join group Ops"),
    ],
)
def test_what_it_rests_on(fields: dict[str, Any], line: str) -> None:
    assert line in lines(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"profile": (ProfileField("title", "Boss", "Boss", "title"),)},
        {"profile": (ProfileField("title", None, "Boss", "title"),), "linked": False},
        {"roles": (Role("role", None, "", "member", "default", ()),), "state": "suspended"},
    ],
)
def test_what_differs_in_nothing_is_not_shown(fields: dict[str, Any]) -> None:
    assert len(lines(**fields)) == 6


def test_what_waits_is_not_told_as_coming_too() -> None:
    found = lines(waiting=(change("held", sentence="too many"),), next=(change(),))
    assert sum("deactivate" in line for line in found) == 1


@pytest.mark.parametrize(
    ("value", "wanted", "line"),
    [
        ("admin", "admin", "  role       role: admin (why)"),
        (None, "admin", "  role       role: would be admin (whence)"),
        ("member", "admin", "  role       role: member (why); the directory gives admin (whence)"),
    ],
)
def test_a_role(value: str | None, wanted: str, line: str) -> None:
    assert line in lines(roles=(Role("role", value, "why", wanted, "whence", ()),))


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("", "group Ops → admin"),
        ("lower", "group Ops → admin: lower"),
        ("not_a_member", "group Ops → admin: not a member"),
        ("switched_off", "group Ops → admin: switched off (disabled_values)"),
        ("absent", "group Ops: not set"),
    ],
)
def test_what_was_considered(lost: Lost, said: str) -> None:
    role = Role("role", "admin", "", "admin", "", (Offer("group Ops", "admin", "admin", lost),))
    assert f"               {said}" in lines(roles=(role,))


def test_a_value_that_is_none_is_quoted() -> None:
    role = Role("role", "member", "", "member", "", (Offer("attribute r", "boss", "", "not_a_value"),))
    assert '               attribute r → "boss": no value of this axis' in lines(roles=(role,))


def event(**fields: Any) -> Event:
    made = Event(
        "run1", "2026-11-21T14:02:00.000Z", "okta", "deactivate", "", {"active": True}, {"active": False}, "suspended",
        "status", "applied", "applied", "", 1, "2026-11-20T14:02:00.000Z",
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "deactivate: active → inactive (suspended, status) · okta · run run1"),
        (
            {"state": "held", "sentence": "too many", "times": 3},
            (
                "deactivate: active → inactive (suspended, status); held: too many"
                " (3 runs since 2026-11-20 14:02:00 UTC) · okta · run run1"
            ),
        ),
        (
            {
                "kind": "create",
                "after": {},
                "cause": "conflict",
                "evidence": None,
                "state": "skipped",
                "code": "no_email",
            },
            "create (conflict); skipped: no_email · okta · run run1",
        ),
    ],
)
def test_an_event(fields: dict[str, Any], said: str) -> None:
    assert text(history=(event(**fields),))[-1] == f"  2026-11-21 14:02:00 UTC  {said}"


def test_a_long_history_is_cut_and_says_so() -> None:
    assert text(history=(event(),) * 23)[-1] == "  … and 3 more: --json"


def test_notes_come_last_and_nothing_steers_the_terminal() -> None:
    found = text(notes=("careful \x1b[2J",), answer="\x1b[31mred")
    assert found[0] == "\ufffd[31mred"
    assert found[-1] == "  note       careful \ufffd[2J"
