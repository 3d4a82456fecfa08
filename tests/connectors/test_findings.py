"""What `rosterd check` says about what it could read."""

import pytest

from connectors import findings
from connectors.base import Finding, Refused
from reconciler.model import DirectoryGroup, DirectoryUser, UserState, Wanted

ACTIVE, UNKNOWN = UserState.ACTIVE, UserState.UNKNOWN
GROUPS = (
    DirectoryGroup("g1", "Design"),
    DirectoryGroup("g2", "Sales", "sales@acme.com"),
    DirectoryGroup("g3", "SALES"),
)


def user(state: UserState = ACTIVE, **attributes: str) -> DirectoryUser:
    return DirectoryUser("u", state, attributes=dict(attributes))


@pytest.mark.parametrize(
    ("users", "more", "message"),
    [
        ([user()], False, "people can be read: 1 person"),
        ([user()] * 2, False, "people can be read: 2 people"),
        ([user()] * 200, True, "people can be read: more than 200 people"),
    ],
)
def test_how_many_people(users: list[DirectoryUser], more: bool, message: str) -> None:
    assert findings.of_users(users, Wanted(), more=more) == [Finding("ok", "users_readable", message)]


def test_nobody_is_an_error() -> None:
    (finding,) = findings.of_users([], Wanted(attributes=frozenset({"role"})), more=False)
    assert (finding.severity, finding.code) == ("error", "no_users")


def test_people_without_a_status_are_told() -> None:
    found = findings.of_users([user(), user(UNKNOWN)], Wanted(), more=False)
    assert [(each.severity, each.code) for each in found] == [("ok", "users_readable"), ("warning", "unknown_status")]
    assert found[1].message.startswith("1 of the first 2")


def test_attributes_that_nobody_has_are_told() -> None:
    found = findings.of_users([user(role="x"), user()], Wanted(attributes=frozenset({"role", "rolle"})), more=False)
    assert [(each.severity, each.code) for each in found[1:]] == [
        ("ok", "attribute_seen"),
        ("warning", "attribute_not_seen"),
    ]


@pytest.mark.parametrize(
    ("ref", "code", "words"),
    [
        ("Desing", "group_not_found", "'Design'"),
        ("salez@acme.com", "group_not_found", "'sales@acme.com'"),
        ("zzzz", "group_not_found", "name or id"),
        ("sales", "group_ambiguous", "g2, g3"),
    ],
)
def test_groups_that_are_not_one_group(ref: str, code: str, words: str) -> None:
    count, finding = findings.of_groups(GROUPS, Wanted(groups=frozenset({ref})))
    assert (count.message, count.severity) == ("groups can be read: 3, 0 of them used", "ok")
    assert (finding.severity, finding.code, words in finding.fix) == ("error", code, True)


def test_groups_that_are_there_need_no_words() -> None:
    (count,) = findings.of_groups(GROUPS, Wanted(groups=frozenset({"design", "sales@acme.com"})))
    assert count.message == "groups can be read: 3, 2 of them used"


def test_an_error_keeps_its_code_and_its_way_out() -> None:
    error = Refused("acme: no", request="GET /users", fix="ask")
    assert findings.of_error(error) == Finding("error", "directory_refused", "acme: no (GET /users)", "ask")
