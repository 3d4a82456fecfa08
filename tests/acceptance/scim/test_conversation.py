"""The player of conversations: what it would notice. And the conversations themselves, as data."""

import re
from typing import Any

import pytest

from tests.acceptance.scim.conversation import FOLDER, Conversation, differences, part, problems, repeated
from tests.test_docs import ROOT

NAMES = sorted(each.stem for each in FOLDER.glob("*.json"))
every_conversation = pytest.mark.parametrize("name", NAMES)
ADA = {"ada@acme.com": {"active": True, "teams": ["Engineering"], "title": "Analyst"}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, {"a": 1}),
        ({"a": 2}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": []}, {"a": [1]}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
        ({"a": ["x"]}, {"a": {"has": ["y"]}}),
        (None, {"a": 1}),
    ],
)
def test_what_is_missing_or_different_is_noticed(found: Any, expected: Any) -> None:
    assert problems(found, expected, "answer")


def test_what_is_more_than_expected_is_none_of_its_business() -> None:
    assert problems({"a": [{"b": 1, "c": 2}], "d": 3}, {"a": [{"b": 1}]}, "answer") == []
    assert problems({"a": ["x", "y"]}, {"a": {"has": ["y"]}}, "answer") == []


@pytest.mark.parametrize(
    "expected",
    [{}, {"ada@acme.com": {"active": False}}, {"ada@acme.com": {"teams": []}}, {**ADA, "bob@acme.com": {}}],
)
def test_a_roster_is_everybody(expected: dict[str, Any]) -> None:
    assert differences(ADA, expected)


def test_who_may_be_missing_may_be_missing_but_is_looked_at() -> None:
    assert differences(ADA, {**ADA, "?bob@acme.com": {"active": False}}) == []
    assert differences(ADA, {"?ada@acme.com": {"active": True}}) == []
    assert differences(ADA, {"?ada@acme.com": {"active": False}})


def test_parts_by_path() -> None:
    assert part({"meta": {"version": "1"}}, "meta/version") == "1"
    assert part({"meta": {"version": "1"}}, "meta.version") is None
    assert part({"name.familyName": "x"}, "name.familyName") == "x"
    assert part({"urn:x:2.0:User": {}}, "urn:x:2.0:User") == {}
    assert part(None, "meta/version") is None


# -- the conversations as data ------------------------------------------------------------------------------------


def test_there_are_ten_providers_and_more() -> None:
    pages = {Conversation.read(name).page for name in NAMES}
    assert len(pages) == 10
    assert pages == {page.stem for page in (ROOT / "docs" / "providers").glob("scim-*.md")}


@every_conversation
def test_a_conversation_comes_whole(name: str) -> None:
    """Connect, people, groups where there are any, changes, leave, return; and it ends with a roster."""
    found = Conversation.read(name)
    steps = [*found.requests]
    methods = {step["send"].partition(" ")[0] for step in steps}
    assert steps[0]["send"].startswith("GET ")
    assert {"POST"} <= methods
    assert methods & {"PUT", "PATCH"}
    assert sum("roster" in step for step in found.steps) >= 3
    assert "roster" in found.steps[-1]
    assert any("Groups" in step["send"] for step in steps) is (name != "google")
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert re.search(r'"active": ("[Ff]alse"|false)\b|"path": "active", "value": ("[Ff]alse"|false)', text)


@every_conversation
def test_every_row_is_one_of_the_quirk_sheet(name: str) -> None:
    rows = {row for step in Conversation.read(name).requests for row in step.get("rows", ())}
    assert rows
    assert {row for row in rows if not re.fullmatch(r"E([1-9]|1\d|2[0-5])|O([1-9]|1[0-6])|A3 \w+", row)} == set()


@every_conversation
def test_a_name_is_kept_before_it_is_used(name: str) -> None:
    known = {"token"}
    for step in Conversation.read(name).steps:
        assert set(re.findall(r"<(\w+)>", str(step))) <= known | set(step.get("keep", ())), step
        known |= set(step.get("keep", ()))


def test_what_is_repeated() -> None:
    assert repeated({"send": "PATCH /Users/<ada>", "status": 200}) == [200, 204]
    assert repeated({"send": "POST /Users", "status": 201}) == [409]
    assert repeated({"send": "DELETE /Users/<ada>", "status": 204}) == [404]
    for send, status in (("POST /Groups", 201), ("PATCH /Users/<ada>", 404), ("GET /Users", 200)):
        assert repeated({"send": send, "status": status}) == []
