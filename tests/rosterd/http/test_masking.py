"""Recorded traffic has no people and no secrets in it, and still makes sense."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.scim.listener import Request, Response
from rosterd.http.masking import REMOVED, Mask
from rosterd.http.recorder import Recorder

MASK = Mask(b"key")
ID = "2819c223-7f76-453a-919d-413861904646"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ADA = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
    "userName": "ada@acme.com", "externalId": "ada.l", "active": True, "id": ID, "password": "hunter2",
    "name": {"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"}, "displayName": "Ada Lovelace",
    "emails": [{"value": "ada@acme.com", "type": "work", "primary": "True"}], "title": "Analyst",
    "roles": [{"value": "admin", "display": "Admins", "primary": True}], "locale": "en-GB",
    "phoneNumbers": [{"value": "+44 20 7946 0000", "type": "mobile"}],
    ENTERPRISE: {"department": "Mathematics", "employeeNumber": "701984",
                 "manager": {"value": ID, "displayName": "Lady B"}},
    "urn:acme:Shoe": {"size": 38, "colour": "crimson"}, "nickName": None,
}  # fmt: skip
PERSONAL = ("ada", "lovelace", "hunter2", "7946", "701984", "lady", "crimson", "38")


def masked(body: Any, *, group: bool = False) -> Any:
    return MASK.body(body, group=group)


def test_nothing_of_a_person_is_left() -> None:
    text = json.dumps(masked(ADA)).lower()
    assert [word for word in PERSONAL if word in text.replace(ID, "")] == []


def test_what_is_nobodys_is_kept() -> None:
    kept = masked(ADA)
    assert [*kept] == [*ADA]
    for name in ("schemas", "active", "id", "roles", "title", "locale", "nickName"):
        assert kept[name] == ADA[name]
    assert kept["password"] == REMOVED
    assert kept["emails"][0]["type"] == "work"
    assert kept["emails"][0]["primary"] == "True"
    assert kept[ENTERPRISE]["department"] == "Mathematics"
    assert kept[ENTERPRISE]["manager"]["value"] == ID


def test_the_same_person_is_the_same_everywhere() -> None:
    kept = masked(ADA)
    assert kept["emails"][0]["value"] == kept["userName"]
    assert kept["userName"].endswith("@example.com")
    (name, value), *_ = MASK.query((("filter", 'userName eq "ADA@ACME.COM"'),))
    assert (name, value) == ("filter", f'userName eq "{kept["userName"].upper()}"')


@pytest.mark.parametrize(("text", "kept"), [
    ('emails[type eq "work"].value', 'emails[type eq "work"].value'),
    (f'members[value eq "{ID}"]', f'members[value eq "{ID}"]'),
    ('roles[primary eq "True"].value', 'roles[primary eq "True"].value'),
    ("active eq true", "active eq true"),
])  # fmt: skip
def test_what_a_filter_says_about_nobody_is_kept(text: str, kept: str) -> None:
    assert MASK.filter(text) == kept


@pytest.mark.parametrize("text", [
    'userName eq "ada"', 'emails[type eq "work" and value eq "ada@acme.com"]', 'name.familyName sw "ada"',
    f'{ENTERPRISE}:employeeNumber eq "ada"', 'externalId eq "a\\"ada"', 'id eq "ada"',
])  # fmt: skip
def test_what_a_filter_says_about_somebody_is_not(text: str) -> None:
    assert "ada" not in MASK.filter(text)


@pytest.mark.parametrize("operation", [
    {"op": "Replace", "path": "name.givenName", "value": "Ada"},
    {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada@acme.com"},
    {"op": "replace", "value": {"name.givenName": "Ada", f"{ENTERPRISE}:employeeNumber": "ada-701984"}},
    {"op": "add", "path": "emails", "value": [{"value": "ada@acme.com"}]},
    {"op": "add", "path": "password", "value": "hunter2"},
    {"op": "Add", "path": "urn:acme:Shoe:colour", "value": "crimson"},
])  # fmt: skip
def test_operations_are_masked_by_their_path(operation: dict[str, Any]) -> None:
    kept = masked({"Operations": [operation]})["Operations"][0]
    assert [word for word in PERSONAL if word in json.dumps(kept).lower()] == []
    assert kept["op"] == operation["op"]
    assert kept.get("path") == operation.get("path")


@pytest.mark.parametrize(
    ("path", "value"), [("active", "False"), ("title", "Analyst"), (f"{ENTERPRISE}:department", "x")]
)
def test_operations_on_what_is_nobodys_keep_their_value(path: str, value: str) -> None:
    operation = {"op": "Replace", "path": path, "value": value}
    assert masked({"Operations": [operation]})["Operations"] == [operation]


def test_the_name_of_a_group_is_kept_and_its_members_are_not() -> None:
    group = {"displayName": "Design", "members": [{"value": ID, "display": "Ada Lovelace"}]}
    kept = masked(group, group=True)
    assert kept["displayName"] == "Design"
    assert kept["members"][0]["value"] == ID
    assert "Ada" not in kept["members"][0]["display"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=10,
)  # fmt: skip


@given(body=JSON)
def test_anything_can_be_masked(body: Any) -> None:
    assert masked(body) == masked(body)


# -- the file -----------------------------------------------------------------------------------------------------

POST = Request("POST", "/Users", headers={"content-type": "application/json"}, body=msgspec.json.encode(ADA))
CREATED = Response(201, msgspec.json.encode(ADA), (("Location", f"https://x/Users/{ID}"), ("Set-Cookie", "a=b")))


def recorded(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_request_and_its_answer_are_a_line(tmp_path: Path) -> None:
    file = tmp_path / "acme.jsonl"
    recorder = Recorder(file)
    recorder.note(POST, CREATED, "2026-11-21T10:00:00.000Z")
    recorder.close()
    (line,) = recorded(file)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/Users", 201)
    assert line["body"] == line["answer"]
    assert "Set-Cookie" not in line["answer_headers"]
    assert "hunter2" not in file.read_text()


def test_a_body_that_is_no_json_is_not_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "acme.jsonl")
    line = json.loads(recorder.line(Request("POST", "/Users", body=b"{hunter2"), Response(400), "now"))
    recorder.close()
    assert line["body"] == {"unreadable_bytes": 8}


def test_it_ends_when_the_file_is_full(tmp_path: Path) -> None:
    file = tmp_path / "acme.jsonl"
    recorder = Recorder(file, most=5000)
    for _ in range(100):
        recorder.note(POST, CREATED, "now")
    recorder.close()
    assert 0 < file.stat().st_size < 10_000
    assert recorded(file)


def test_a_file_that_cannot_be_written_breaks_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(tmp_path / "missing" / "acme.jsonl")
    recorder.note(POST, CREATED, "now")
    recorder.close()
    assert "recording into acme.jsonl ended" in caplog.text
