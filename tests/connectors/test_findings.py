"""What `rosterd check` says about what it could read."""

from collections.abc import Sequence

import pytest

from connectors import findings
from connectors.base import Expected, Finding, NotReadable, Refused
from connectors.clocks import FIX, Clock
from connectors.permissions import Grant, Need
from reconciler.model import DirectoryGroup, DirectoryUser, UserState, Wanted

ACTIVE, UNKNOWN = UserState.ACTIVE, UserState.UNKNOWN
GROUPS = (
    DirectoryGroup("g1", "Design"),
    DirectoryGroup("g2", "Sales", "sales@acme.com"),
    DirectoryGroup("g3", "SALES"),
)
NEED = Need(
    "people", "people cannot be read", "nobody", Grant("scope", "grant"), Grant("role", "assign"), narrowed="look"
)


def user(state: UserState = ACTIVE, email: str = "", *, guest: bool = False, **attributes: str) -> DirectoryUser:
    return DirectoryUser("u", state, email=email, guest=guest, attributes=dict(attributes))


def of_people(users: Sequence[DirectoryUser], expected: Expected | None = None, *, more: bool = False) -> list[Finding]:
    return [*findings.of_people(users, expected or Expected(), more=more, narrowed="look")]


OUTSIDE = "1 of 3 people has addresses outside acme.com: beta.com (1)"

# -- people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("users", "more", "message"),
    [
        ([user()], False, "people can be read: 1 person"),
        ([user()] * 2, False, "people can be read: 2 people"),
        ([user()] * 200, True, "people can be read: more than 200 people"),
    ],
)
def test_how_many_people(users: list[DirectoryUser], more: bool, message: str) -> None:
    assert of_people(users, more=more) == [Finding("ok", "users_readable", message)]


def test_nobody_is_an_error() -> None:
    assert of_people([]) == [Finding("error", "no_users", "no people can be read", "look")]


def test_people_without_a_status_are_told() -> None:
    found = of_people([user(), user(UNKNOWN)])
    assert [(each.severity, each.code) for each in found] == [("ok", "users_readable"), ("warning", "unknown_status")]
    assert found[1].message.startswith("1 of 2 people")


@pytest.mark.parametrize(
    ("seen", "more", "known", "told"),
    [(4, False, 9, True), (5, False, 10, False), (4, True, 9, False), (4, False, None, False)],
)
def test_less_than_half_of_what_was_known_is_told(seen: int, more: bool, known: int | None, told: bool) -> None:
    found = [each for each in of_people([user()] * seen, Expected(people=known), more=more) if each.severity != "ok"]
    assert [(each.severity, each.code, each.fix) for each in found] == [
        ("warning", "fewer_people", "unless they really went: look")
    ] * told
    if told:
        assert found[0].message.startswith("4 people are seen, 9 were at the last whole read")


@pytest.mark.parametrize(
    ("emails", "severity", "message"),
    [
        (["a@acme.com"], "", ""),
        (
            ["a@ACME.com", "b@beta.com", "c@acme.com"],
            "ok",
            OUTSIDE,
        ),
        (
            ["a@acme.com", "b@beta.com", "c@beta.com", "d@x.org", ""],
            "warning",
            "4 of 5 people have addresses outside acme.com: beta.com (2), x.org (1), no address (1)",
        ),
        (["b@beta.com"], "error", "1 of 1 person has addresses outside acme.com: beta.com (1): nobody is in scope"),
    ],
)
def test_people_outside_the_domains_of_the_workspace(emails: list[str], severity: str, message: str) -> None:
    found = of_people([user(email=email) for email in emails], Expected(frozenset({"acme.com"})))[1:]
    assert [(each.severity, each.message) for each in found] == ([(severity, message)] if severity else [])


def test_the_first_domains_are_named_and_the_others_counted() -> None:
    people = [user(email=f"a@d{number}.com") for number in range(5)] + [user(email="a@acme.com")] * 5
    text = of_people(people, Expected(frozenset({"acme.com"})), more=True)[1].message
    assert text.startswith("5 of the first 10 people have addresses outside acme.com: d0.com (1), d1.com (1), ")
    assert text.endswith("d2.com (1) and 2 other domains")


def test_guests_who_are_out_of_scope_are_counted_and_not_held_against_the_domains() -> None:
    people = [user(email="a@acme.com"), user(email="x@beta.com", guest=True)]
    domains = frozenset({"acme.com"})
    assert [each.code for each in of_people(people, Expected(domains, guests=False))] == [
        "users_readable",
        "guests_left_out",
    ]
    assert [each.code for each in of_people(people, Expected(domains))] == ["users_readable", "outside_domains"]


def test_a_connector_that_reads_all_in_one_go_tells_people_and_attributes() -> None:
    wanted = Wanted(attributes=frozenset({"role", "rolle"}))
    codes = [each.code for each in findings.of_users([user(role="x"), user()], wanted, more=False)]
    assert codes == ["users_readable", "attribute_seen", "attribute_not_seen"]
    assert [each.code for each in findings.of_users([], wanted, more=False)] == ["no_users"]


# -- attributes ---------------------------------------------------------------------------------------------------

EXTENSION = f"extension_{'a' * 32}_jamie_role"


@pytest.mark.parametrize(
    ("name", "known", "whole", "severity", "code", "fix"),
    [
        ("role", (), False, "ok", "attribute_seen", ""),
        ("rolle", (), False, "warning", "attribute_not_seen", "compare it with the directory's attribute names"),
        ("rolle", ("role", "title"), False, "warning", "attribute_not_seen", "did you mean 'role'?"),
        ("rolle", ("role", "title"), True, "error", "attribute_unknown", "did you mean 'role'?"),
        ("zzz", ("role",), True, "error", "attribute_unknown", "compare it with the directory's attribute names"),
        ("other", ("other",), True, "warning", "attribute_not_seen", "compare it with the directory's attribute names"),
        ("jamie_rolle", (EXTENSION,), False, "warning", "attribute_not_seen", f"did you mean {EXTENSION!r}?"),
        ("Jamy.jamie_role", ("Jamie.jamie_role",), True, "error", "attribute_unknown",
         "did you mean 'Jamie.jamie_role'?"),
        ("jamie_role", ("Jamie.jamie_role",), True, "warning", "attribute_not_seen",
         "compare it with the directory's attribute names"),
        ("phones.type", ("phones",), True, "warning", "attribute_not_seen",
         "compare it with the directory's attribute names"),
    ],
)  # fmt: skip
def test_attributes(name: str, known: tuple[str, ...], whole: bool, severity: str, code: str, fix: str) -> None:
    (found,) = findings.of_attributes([user(role="x"), user()], [name], {}, known, whole=whole)
    assert (found.severity, found.code, found.fix) == (severity, code, fix)
    assert repr(name) in found.message


def test_an_attribute_that_was_refused_is_an_error_with_what_was_said() -> None:
    ours, theirs = Refused("acme: it said no", fix="ask"), Refused("acme: it said no", fix="ask", status=400)
    for error, known, fix in (
        (ours, ("xx", "x1"), "ask"),
        (theirs, (), "ask"),
        (theirs, ("xyz1",), "did you mean 'xyz1'?"),
    ):
        (found,) = findings.of_attributes([user()], ["xyz"], {"xyz": error}, known, whole=False)
        assert found == Finding("error", "attribute_unknown", "attribute 'xyz' cannot be read: it said no", fix)


def test_where_attributes_are() -> None:
    assert [*findings.of_places([("a", "Jamie.a"), ("b", "Jamie.b")], {"a"})] == [
        Finding("ok", "attribute_resolved", "attribute 'a' is Jamie.a")
    ]


# -- groups -------------------------------------------------------------------------------------------------------


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


def test_groups_are_called_by_name_and_by_id_where_two_have_one_name() -> None:
    assert findings.group_names(GROUPS) == {"g1": "'Design'", "g2": "'Sales' (g2)", "g3": "'SALES' (g3)"}
    assert findings.group_names([DirectoryGroup("g4", "")]) == {"g4": "g4"}


def test_members_in_one_line_and_what_failed_in_its_own() -> None:
    counts = {f"'G{number}'": str(number) for number in range(5)}
    error = NotReadable("acme: no such group", request="GET /groups/g9?x=1", fix="look")
    line, failed, left = findings.of_members(counts, {"'G9'": error}, left=2)
    assert line == Finding(
        "ok", "members_readable", "members can be read: 0 in 'G0', 1 in 'G1', 2 in 'G2', and of 2 other groups"
    )
    text = "members of 'G9' cannot be read: no such group; GET /groups/g9"
    assert failed == Finding("error", "members_not_readable", text, "look")
    assert left == Finding("ok", "members_not_tried", "the members of 2 more groups were not tried")


# -- what failed --------------------------------------------------------------------------------------------------


def test_an_error_keeps_its_code_and_its_way_out() -> None:
    broken = Refused("acme: no", request="GET /users", fix="ask")
    assert findings.of_error(broken) == Finding("error", "directory_refused", "acme: no (GET /users)", "ask")
    error = Refused("acme: no", request="GET /users?x=1", fix="ask")
    text = "people cannot be read: no; GET /users"
    assert findings.of_failure(NEED, error) == Finding("error", "directory_refused", text, "ask", "people")


class Asked:
    def __init__(self, *, signed: bool) -> None:
        self.vendor, self.signed = "Okta", signed


@pytest.mark.parametrize(("signed", "ahead", "told"), [(True, 600, True), (False, 600, False), (True, 5, False)])
def test_a_refused_token_is_put_down_to_the_clock_when_it_is_off(signed: bool, ahead: int, told: bool) -> None:
    clock = Clock(lambda: 1_700_000_000 + ahead)
    clock.note({"date": "Tue, 14 Nov 2023 22:13:20 GMT"})
    found = findings.of_sign_in(
        Refused("acme: invalid_client", request="POST /token", fix="key"), clock, Asked(signed=signed)
    )
    assert (found.code, found.fix) == ("directory_refused", FIX if told else "key")
    assert ("600 s ahead of Okta's" in found.message) is told
