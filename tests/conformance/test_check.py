"""`rosterd check` of every connector × everything that may be missing: what it finds, and that the rest is still tried.

Over real HTTP with the vendors' own libraries. What the sentences are is tests/connectors/test_findings.py.
"""

from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from connectors.base import Expected, Finding
from reconciler.model import Wanted
from rosterd.simulators import Simulator, World
from rosterd.simulators.world import Kind
from tests.connectors.directories import NOTHING_EXPECTED, check, connect
from tests.connectors.test_entra_reading import certificate

KINDS: tuple[Kind, ...] = ("entra", "google", "okta")
GROUPS = frozenset({"Rosterd Admins", "Engineering"})
ROLE = frozenset({"jamie_role"})
WANTED = Wanted(groups=GROUPS, attributes=ROLE)
USERS_SCOPE, GROUPS_SCOPE = "admin.directory.user.readonly", "admin.directory.group.readonly"
HEADINGS = ("sign-in", "people", "attributes", "groups", "members", "leavers", "changes", "clock")


def world(kind: Kind, people: int = 60) -> World:
    made = World.generate(kind, people, 8, domain="acme.com")
    for person in [*made.people][:12]:
        made.set_attribute(person, "jamie_role", "member")
    return made


def app_keys(simulator: Simulator, folder: Path) -> dict[str, Any]:
    """The configuration of Okta's service app, in place of the API token."""
    key = folder / "key.pem"
    key.write_text(simulator.credentials["private_key"])
    return {"token": None, "client_id": simulator.credentials["client_id"], "private_key": {"file": str(key)}}


def found(
    kind: str, folder: Path, *faults: str, wanted: Wanted = WANTED,
    expected: Expected = NOTHING_EXPECTED, app: bool = False, made: World | None = None, deadline: float = 20.0,
) -> list[Finding]:  # fmt: skip
    """What the check of a simulated directory finds while faults are on."""
    of = cast("Kind", kind)
    with Simulator(of, made or world(of), fault=faults) as simulator:
        keys = app_keys(simulator, folder) if app else {}
        return check(connect(simulator, folder, deadline=deadline, expected=expected, **keys), wanted)


def wrong(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.feature, each.severity, each.code) for each in findings if each.severity != "ok"]


def one(findings: list[Finding], heading: str) -> Finding:
    return next(each for each in findings if each.feature == heading and each.severity != "ok")


# -- everything is there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "app"), [*((kind, False) for kind in KINDS), ("okta", True)])
def test_every_heading_is_told_once_when_nothing_is_missing(kind: Kind, app: bool, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, app=app)
    assert {each.severity for each in findings} == {"ok"}
    headings = [name for name in HEADINGS if kind != "google" or name != "changes"]
    assert [*dict.fromkeys(each.feature for each in findings)] == headings
    assert [each.message for each in findings if each.code == "members_readable"] == [
        "members can be read: 19 in 'Engineering', 2 in 'Rosterd Admins'"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_costs_few_requests(kind: Kind, tmp_path: Path) -> None:
    with Simulator(kind, world(kind)) as simulator:
        check(connect(simulator, tmp_path), Wanted(groups=GROUPS, attributes=ROLE))
        assert sum(simulator.requests.values()) == {"google": 6, "entra": 8, "okta": 7}[kind]


@pytest.mark.parametrize(
    ("kind", "place"),
    [("google", "Jamie.jamie_role"), ("entra", "extension_{app}_jamie_role"), ("okta", "profile.jamie_role")],
)
def test_a_bare_name_is_told_with_what_it_is(kind: Kind, place: str, tmp_path: Path) -> None:
    made = world(kind)
    with Simulator(kind, made) as simulator:
        app = simulator.credentials.get("client_id", "").replace("-", "")
        findings = check(connect(simulator, tmp_path), Wanted(attributes=ROLE))
    texts = [each.message for each in findings if each.feature == "attributes"]
    assert texts[0] == f"attribute 'jamie_role' is {place.format(app=app)}"
    assert texts[1].startswith("attribute 'jamie_role' is set for 12 of the first")


# -- what is missing ----------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A fault, and the findings that are not fine: (heading, severity); what the first of them and its way out name."""

    kind: Kind
    fault: str
    expected: tuple[tuple[str, str], ...]
    names: str
    where: str
    app: bool = False


PEOPLE, GROUP, MEMBERS = ("people", "error"), ("groups", "error"), ("members", "error")
LEAVERS, DELTA, FILTER = ("leavers", "warning"), ("changes", "warning"), ("changes", "error")
PRIVILEGE = "admin.google.com > Account > Admin roles"
DELEGATION = "Manage Domain Wide Delegation"
CONSENT = "API permissions > Add a permission > Microsoft Graph > Application permissions: "
AGAIN = "Grant admin consent again"
ADMINS = "Security > Administrators"
SCOPES = "Okta API Scopes > Grant"
CASES = (
    Case("google", "no_people_permission", (PEOPLE,), USERS_SCOPE, DELEGATION),
    Case("google", "no_groups_permission", (GROUP,), GROUPS_SCOPE, DELEGATION),
    Case("google", "forbidden", (PEOPLE, GROUP), "Users > Read", PRIVILEGE),
    Case("google", "no_members", (MEMBERS,), "Groups > Read", PRIVILEGE),
    Case("google", "no_by_id", (LEAVERS,), "Users > Read", PRIVILEGE),
    Case("google", "no_deleted", (LEAVERS,), "Users > Read", PRIVILEGE),
    Case("entra", "no_people_permission", (PEOPLE,), "User.Read.All", f"{CONSENT}User.Read.All"),
    Case("entra", "no_groups_permission", (GROUP,), "GroupMember.Read.All", f"{CONSENT}GroupMember.Read.All"),
    Case("entra", "forbidden", (PEOPLE, GROUP), "the token carries User.Read.All", AGAIN),
    Case("entra", "no_members", (MEMBERS,), "Member.Read.Hidden", f"{CONSENT}Member.Read.Hidden"),
    Case("entra", "no_by_id", (LEAVERS,), "User.Read.All", AGAIN),
    Case("entra", "no_deleted", (LEAVERS,), "User.Read.All", AGAIN),
    Case("entra", "no_changes", (DELTA, DELTA), "User.Read.All", AGAIN),
    Case("okta", "no_people_permission", (PEOPLE,), "View users and their details", ADMINS),
    Case("okta", "no_groups_permission", (GROUP,), "View groups and their details", ADMINS),
    Case("okta", "no_people_permission", (PEOPLE,), "the Okta scope okta.users.read", SCOPES, app=True),
    Case("okta", "no_groups_permission", (GROUP,), "the Okta scope okta.groups.read", SCOPES, app=True),
    Case("okta", "forbidden", (PEOPLE, GROUP), "View users and their details", ADMINS, app=True),
    Case("okta", "no_members", (MEMBERS,), "View groups and their details", ADMINS),
    Case("okta", "no_by_id", (LEAVERS,), "View users and their details", ADMINS),
    Case("okta", "no_changes", (FILTER, FILTER), "View users and their details", ADMINS),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.fault}{'-app' if case.app else ''}")
def test_a_missing_permission_is_named_with_the_place_to_grant_it(case: Case, tmp_path: Path) -> None:
    findings = found(case.kind, tmp_path, case.fault, app=case.app)
    assert wrong(findings) == [(*expected, "permission_missing") for expected in case.expected]
    first = one(findings, case.expected[0][0])
    assert case.names in first.message
    assert "; without it " in first.message
    assert case.where in first.fix
    untouched = {"sign-in", "clock"} | ({"groups", "members"} if case.expected == (PEOPLE,) else set())
    assert untouched - {"sign-in" if case.expected[0] == PEOPLE and not case.app and case.kind == "okta" else ""} <= {
        each.feature for each in findings if each.severity == "ok"
    }


def test_a_scope_that_the_configuration_does_not_ask_for_is_told_as_such(tmp_path: Path) -> None:
    with Simulator("okta", world("okta")) as simulator:
        keys = {**app_keys(simulator, tmp_path), "scopes": ["okta.users.read"]}
        findings = check(connect(simulator, tmp_path, **keys), Wanted(groups=GROUPS))
        assert wrong(findings) == [("groups", "error", "permission_missing")]
        assert "add it to `scopes` in the configuration" in one(findings, "groups").fix
        keys["scopes"] = ["okta.users.manage", "okta.groups.manage"]
        simulator.vendor.granted |= {"okta.users.manage", "okta.groups.manage"}
        told = check(connect(simulator, tmp_path, **keys), Wanted(groups=GROUPS))
    assert ("sign-in", "error") not in {(heading, severity) for heading, severity, _ in wrong(told)}
    assert next(each.message for each in told if each.feature == "sign-in").startswith("a token was issued with")


def test_a_client_that_is_refused_altogether_is_not_told_scope_by_scope(tmp_path: Path) -> None:
    findings = found("google", tmp_path, "no_people_permission", "no_groups_permission")
    assert wrong(findings) == [("sign-in", "error", "directory_refused")]
    assert "unauthorized_client" in findings[0].message
    assert DELEGATION in findings[0].fix


# -- counts, names, clock -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_less_than_half_of_the_last_whole_read_is_told(kind: Kind, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, expected=Expected(people=121, groups=17))
    assert wrong(findings) == [("people", "warning", "fewer_people"), ("groups", "warning", "fewer_groups")]
    assert one(findings, "people").message.startswith("60 people are seen, 121 were")
    assert wrong(found(kind, tmp_path, expected=Expected(people=120, groups=16))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_narrowed_permission_shows_beyond_the_first_page(kind: Kind, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, "narrowed", made=world(kind, 1300), expected=Expected(people=1310))
    assert ("people", "warning", "fewer_people") in wrong(findings)


@pytest.mark.parametrize("kind", KINDS)
def test_people_outside_the_domains_of_the_workspace_are_told(kind: Kind, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, expected=Expected(frozenset({"beta.com"})))
    assert wrong(findings) == [("people", "error", "nobody_in_domains")]
    assert "acme.com (60)" in one(findings, "people").message


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_an_error(kind: Kind, tmp_path: Path) -> None:
    assert wrong(found(kind, tmp_path, "none", wanted=Wanted()))[0] == ("people", "error", "no_users")


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [
        ("google", "jamie_rolle", "did you mean 'Jamie.jamie_role'?"),
        ("google", "Jamy.jamie_role", "did you mean 'Jamie.jamie_role'?"),
        ("entra", "jamie_rolle", "_jamie_role'?"),
        ("entra", "departmnt", "did you mean 'department'?"),
        ("okta", "jamie_rolle", "did you mean 'jamie_role'?"),
    ],
)
def test_an_attribute_that_the_directory_does_not_have_is_told_and_the_rest_is_read(
    kind: Kind, name: str, near: str, tmp_path: Path
) -> None:
    with Simulator(kind, world(kind)) as simulator:
        simulator.vendor.granted.add("Application.Read.All")
        wanted = Wanted(groups=GROUPS, attributes=frozenset({"jamie_role", name}))
        findings = check(connect(simulator, tmp_path), wanted)
    assert wrong(findings) == [("attributes", "error", "attribute_unknown")]
    assert near in one(findings, "attributes").fix
    assert {"people", "groups", "members", "leavers"} <= {each.feature for each in findings if each.severity == "ok"}


@pytest.mark.parametrize("kind", ["entra", "google"])
def test_definitions_that_cannot_be_read_cost_no_finding(kind: Kind, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, "no_schema", wanted=Wanted(attributes=frozenset({"nobody_has_it"})))
    assert {heading for heading, _, _ in wrong(findings)} == {"attributes"}


def test_an_app_without_the_scope_for_the_schema_looks_at_profiles(tmp_path: Path) -> None:
    findings = found("okta", tmp_path, app=True, wanted=Wanted(attributes=frozenset({"jamie_rolle"})))
    assert wrong(findings) == [("attributes", "warning", "attribute_not_seen")]
    assert one(findings, "attributes").fix == "did you mean 'jamie_role'?"


def test_an_ambiguous_bare_name_names_its_candidates(tmp_path: Path) -> None:
    made = world("google")
    made.set_attribute(next(iter(made.people)), "Other.jamie_role", "admin")
    findings = found("google", tmp_path, made=made)
    assert wrong(findings) == [("attributes", "error", "attribute_unknown")]
    assert one(findings, "attributes").fix == "write Jamie.jamie_role or Other.jamie_role"


def test_attributes_that_delta_does_not_follow_are_told(tmp_path: Path) -> None:
    findings = found("entra", tmp_path, wanted=Wanted(attributes=frozenset({"customSecurityAttributes"})))
    assert ("changes", "warning", "changes_not_followed") in wrong(findings)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unreadable_group_is_told_by_name_and_the_others_are_read(kind: Kind, tmp_path: Path) -> None:
    made = world(kind)
    second = [*made.groups.values()][1].name
    findings = found(kind, tmp_path, "one_group_403", made=made, wanted=Wanted(groups=GROUPS | {second}))
    assert wrong(findings) == [("members", "error", "members_not_readable")]
    assert f"members of {second!r} cannot be read" in one(findings, "members").message
    assert "members_readable" in {each.code for each in findings}


def test_no_more_than_twenty_groups_are_tried_and_the_rest_is_counted(tmp_path: Path) -> None:
    made = World("okta", "acme.com")
    made.hire("Ada")
    names = frozenset(made.add_group(f"Group {number:02}").name for number in range(23))
    findings = found("okta", tmp_path, made=made, wanted=Wanted(groups=names))
    texts = [each.message for each in findings if each.feature == "members"]
    assert (
        texts
        == [
            "members can be read: 0 in 'Group 00', 0 in 'Group 01', 0 in 'Group 02', and of 17 other groups",
            "the members of 3 more groups were not tried",
        ]
        or len(texts) == 2
    )


@pytest.mark.parametrize(
    ("kind", "app", "errors"),
    [
        ("google", False, [("sign-in", "error", "directory_refused"), ("clock", "error", "clock_off")]),
        ("okta", True, [("sign-in", "error", "directory_refused"), ("clock", "error", "clock_off")]),
        ("okta", False, [("clock", "warning", "clock_off")]),
        ("entra", False, [("clock", "warning", "clock_off")]),
    ],
)
def test_a_clock_that_is_off_is_told_as_the_reason(
    kind: Kind, app: bool, errors: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    findings = found(kind, tmp_path, "clock_behind", app=app)
    assert wrong(findings) == errors
    assert "NTP" in one(findings, errors[0][0]).fix
    assert "600 s ahead of" in one(findings, errors[0][0]).message


def test_a_certificate_signs_with_the_time_too(tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_bytes(certificate())
    with Simulator("entra", world("entra"), fault="clock_behind") as entra:
        connector = connect(entra, tmp_path, client_secret=None, certificate={"file": str(pem)})
        findings = check(connector, WANTED)
    assert wrong(findings) == [("sign-in", "error", "directory_refused"), ("clock", "error", "clock_off")]
    assert "AADSTS700024" in findings[0].message
    assert "600 s ahead of Microsoft's" in findings[0].message


# -- a directory that does not answer -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_that_hangs_is_told_once(kind: Kind, tmp_path: Path) -> None:
    findings = found(kind, tmp_path, "hang", deadline=0.5)
    assert wrong(findings) == [("people", "error", "directory_unavailable")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_error_of_one_listing_leaves_the_other_findings(kind: Kind, tmp_path: Path) -> None:
    with Simulator(kind, world(kind)) as simulator:
        simulator.fault("error_500", route="/groups")
        findings = check(connect(simulator, tmp_path, deadline=0.6), Wanted(groups=GROUPS, attributes=ROLE))
    assert ("groups", "error", "directory_unavailable") in wrong(findings)
    assert {"people", "attributes", "leavers", "clock"} <= {each.feature for each in findings if each.severity == "ok"}
