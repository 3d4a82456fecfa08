"""Filters and paths as text: the grammar, what names are bound to, and what is refused where."""
# ruff: noqa: N802

from typing import Any

import pytest
from hypothesis import given

from connectors.scim.errors import ScimError
from connectors.scim.filters import Path, parse_filter, parse_path, parse_sort
from connectors.scim.leniencies import LENIENCIES
from connectors.scim.names import Place
from connectors.scim.schema import ENTERPRISE, SCHEMAS, USER
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Never, Not, Or, Present
from tests.connectors.scim.printing import FILTERS, printed

USER_NAME, TITLE, ACTIVE = Attr(("userName",)), Attr(("title",)), Attr(("active",), "boolean")
EMAILS, VALUE, TYPE = Attr(("emails",), "complex", many=0), Attr(("value",)), Attr(("type",))
EMAIL = Attr(("emails", "value"), many=0)
A, B, C = (Compare(TITLE, "eq", letter) for letter in "abc")
BOTH = pytest.mark.parametrize("strict", [True, False])


def leniently(text: str, kind: Kind = "User") -> tuple[Filter, set[str]]:
    codes: set[str] = set()
    found = parse_filter(text, kind, strict=False, note=codes.add)
    assert codes <= set(LENIENCIES)
    return found, codes


def refusal(text: str, kind: Kind = "User", *, strict: bool = False) -> ScimError:
    with pytest.raises(ScimError) as caught:
        parse_filter(text, kind, strict=strict)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")
    return caught.value


@BOTH
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('userName eq "bjensen"', Compare(USER_NAME, "eq", "bjensen")),
        ('USERNAME EQ "bjensen"', Compare(USER_NAME, "eq", "bjensen")),
        ('name.familyName co "O\'Malley"', Compare(Attr(("name", "familyName")), "co", "O'Malley")),
        (f'{USER}:userName sw "J"', Compare(USER_NAME, "sw", "J")),
        ("title pr", Present(TITLE)),
        ("emails pr", Present(EMAILS)),
        ("title eq null", Compare(TITLE, "eq", None)),
        ("active eq true", Compare(ACTIVE, "eq", True)),
        ('emails co "example.com"', Compare(EMAIL, "co", "example.com")),
        ('emails.value co "example.com"', Compare(EMAIL, "co", "example.com")),
        (f'{ENTERPRISE}:manager eq "m"', Compare(Attr((ENTERPRISE, "manager", "value"), exact=True), "eq", "m")),
        ('meta.lastModified gt "2011-05-13T04:42:34Z"',
         Compare(Attr(("meta", "lastModified"), "dateTime"), "gt", "2011-05-13T04:42:34.000Z")),
        ('meta.created le "2011-05-13T06:42:34.5+02:00"',
         Compare(Attr(("meta", "created"), "dateTime"), "le", "2011-05-13T04:42:34.500Z")),
        ('userName eq "a\\"b\\\\c\\u00e4\\ud83d\\ude00"', Compare(USER_NAME, "eq", 'a"b\\cä😀')),
        ('userName eq "50%_a [x] (y)"', Compare(USER_NAME, "eq", "50%_a [x] (y)")),
        # and before or, not before both (RFC 7644 §3.4.2.2 table 5)
        ('title eq "a" or title eq "b" and title eq "c"', Or((A, And((B, C))))),
        ('title eq "a" and title eq "b" or title eq "c"', Or((And((A, B)), C))),
        ('(title eq "a" or title eq "b") and title eq "c"', And((Or((A, B)), C))),
        ('not (title eq "a") and title eq "b"', And((Not(A), B))),
        ('not(title eq "a" and title eq "b")', Not(And((A, B)))),
        ('((title eq "a"))', A),
        ('title eq "a" AND title eq "b" Or title eq "c"', Or((And((A, B)), C))),
        ('emails[type eq "work" and value co "@example.com"]',
         Has(EMAILS, And((Compare(TYPE, "eq", "work"), Compare(VALUE, "co", "@example.com"))))),
        ('emails[not (type eq "work") or (value pr and primary eq true)]',
         Has(EMAILS, Or((Not(Compare(TYPE, "eq", "work")),
                         And((Present(VALUE), Compare(Attr(("primary",), "boolean"), "eq", True))))))),
        ('title pr and emails[type eq "work"] or title eq "a"',
         Or((And((Present(TITLE), Has(EMAILS, Compare(TYPE, "eq", "work")))), A))),
    ],
)  # fmt: skip
def test_what_a_filter_means(text: str, meant: Filter, strict: bool) -> None:
    assert parse_filter(text, "User", strict=strict) == meant


@BOTH
@given(FILTERS)
def test_a_printed_filter_means_the_same(strict: bool, filter: Filter) -> None:  # noqa: A002
    assert parse_filter(printed(filter), "User", strict=strict) == filter


@BOTH
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("   ", 1),
        ("userName", 9),
        ("userName eq", 12),
        ('userName eq "a', 12),
        ('userName is "a"', 10),
        ('eq "a"', 1),
        ('userName eq "a" and', 20),
        ('userName eq "a" userName eq "b"', 17),
        ('userName eq "a")', 16),
        ('(userName eq "a"', 17),
        ('not userName eq "a"', 1),
        ('emails[type eq "work"', 22),
        ("emails[]", 8),
        ('emails[type eq "work"] eq "x"', 24),
        ('emails[emails[type eq "x"]]', 8),
        ('emails[emails.type eq "x"]', 8),
        ('emails.value[type eq "x"]', 1),
        ('name[familyName eq "x"]', 1),
        ('title[value eq "x"]', 1),
        ("(((", 4),
        ('"userName" eq "a"', 1),
        ('nick eq "a"', 1),
        ('name.nick eq "a"', 1),
        ('jamie_role eq "a"', 1),
        ('name eq "a"', 1),
        ('addresses eq "a"', 1),
        ('members eq "a"', 1),
        ('password eq "a"', 1),
        ('active co "t"', 11),
        ("active gt true", 11),
        ('active eq "yes"', 11),
        ("active eq 1", 11),
        ('x509Certificates.value sw "M"', 27),
        ('meta.lastModified co "2011"', 22),
        ('meta.lastModified gt "yesterday"', 22),
        ('meta.lastModified gt "2011-05-13"', 22),
        ("title gt null", 10),
        ("title co null", 10),
        ('userName eq "\\ud800"', 13),
        ('userName eq "\\u0000"', 13),
        ('userName eq "\\x"', 13),
        ('userName eq "\ud800"', 13),
        ('userName eq "a\nb"', 13),
        ("userName eq 1e400", 13),
        (f"userName eq {'9' * 5000}", 13),
    ],
)
def test_what_is_refused_and_where(text: str, at: int, strict: bool) -> None:
    assert f"(character {at} " in refusal(text, strict=strict).detail


@pytest.mark.parametrize(
    "text",
    [
        "userName eq " + '"' + "x" * 8200 + '"',
        "(" * 33 + "title pr" + ")" * 33,
        "not (" * 33 + "title pr" + ")" * 33,
        "(" * 4000 + ")" * 4000,
        " or ".join(["title pr"] * 501),
    ],
)
def test_filters_are_bounded(text: str) -> None:
    assert " most " in refusal(text).detail


def test_filters_within_the_bounds() -> None:
    parse_filter("(" * 31 + "title pr" + ")" * 31, "User", strict=True)
    parse_filter(" or ".join(["title pr"] * 500), "User", strict=True)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "a"',
        "emails pr",
        'emails[type eq "work"]',
        'emails[emails[x]].value eq "x"',
        'nothing[like eq "it"]',
    ],
)
def test_an_attribute_of_another_kind_holds_for_none(text: str) -> None:
    """RFC 7644 §3.4.2.1"""
    shared = Compare(Attr(("displayName",)), "eq", "x")
    assert parse_filter(text, "Group", strict=False, several=True) == Never()
    assert parse_filter(f'displayName eq "x" or {text}', "Group", strict=False, several=True) == Or((shared, Never()))
    refusal(text, "Group")
    with pytest.raises(ScimError):
        parse_filter("userName eq", "Group", strict=True, several=True)


# -- the quirk sheet --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('active eq "True"', "active eq true"),
        ('active eq "false"', "active eq false"),
        ("active eq True", "active eq true"),
        ('roles[primary eq "True"]', "roles[primary eq true]"),
    ],
)
def test_E2_booleans_as_text_in_filters(text: str, plain: str) -> None:
    assert leniently(text) == (parse_filter(plain, "User", strict=True), {"boolean-text"})
    refusal(text, strict=True)


def test_E12_email_by_type() -> None:
    text = 'emails[type eq "work"].value eq "x"'
    meant = Has(EMAILS, And((Compare(TYPE, "eq", "work"), Compare(VALUE, "eq", "x"))))
    assert leniently(text) == (meant, {"selection-compared"})
    assert leniently(f'externalId eq "e" and {text}')[0] == And(
        (Compare(Attr(("externalId",), exact=True), "eq", "e"), meant)
    )
    refusal(text, strict=True)


def test_E12_references() -> None:
    found, codes = leniently('id eq "x" and manager eq "y"')
    manager = Attr((ENTERPRISE, "manager", "value"), exact=True)
    own = Attr(("id",), exact=True)
    assert found == And((Compare(own, "eq", "x"), Compare(manager, "eq", "y")))
    assert codes == {"unqualified-extension"}
    member = Attr(("members", "value"), exact=True, many=0)
    found, codes = leniently('id eq "x" and members eq "y"', "Group")
    assert (found, codes) == (And((Compare(own, "eq", "x"), Compare(member, "eq", "y"))), set())


@pytest.mark.parametrize(("literal", "meant"), [("jyoung", "jyoung"), ("42", "42"), ("007", "007"), ("true", "true")])
def test_E12_literals_without_quotes(literal: str, meant: str) -> None:
    found, codes = leniently(f"externalId eq {literal}")
    assert found == Compare(Attr(("externalId",), exact=True), "eq", meant)
    assert codes == {"unquoted-filter"}
    refusal(f"externalId eq {literal}", strict=True)


def test_O3_lookup_before_create() -> None:
    assert leniently('userName eq "ada@example.com"') == (Compare(USER_NAME, "eq", "ada@example.com"), set())


def test_O10_group_lookup() -> None:
    assert leniently('displayName eq "Ops"', "Group") == (Compare(Attr(("displayName",)), "eq", "Ops"), set())


def test_E6_display_name_in_filters() -> None:
    assert leniently('roles[displayName eq "x"]')[1] == {"display-name"}
    assert leniently('roles.displayName eq "x"')[1] == {"display-name"}


def test_leniencies_are_told_from_the_cache_too() -> None:
    for _ in range(2):
        assert leniently('active eq "True"')[1] == {"boolean-text"}


# -- paths and sorting ------------------------------------------------------------------------------------------------


def place(name: str, sub: str = "", urn: str = "") -> Place:
    attribute = SCHEMAS[urn or USER].attributes[name.lower()]
    return Place(urn, attribute, attribute.sub[sub.lower()] if sub else None)


@BOTH
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("userName", Path(place("userName"))),
        ("name.familyName", Path(place("name", "familyName"))),
        (f"{USER}:NAME.familyname", Path(place("name", "familyName"))),
        (f"{ENTERPRISE}:manager.value", Path(place("manager", "value", ENTERPRISE))),
        (ENTERPRISE, Path(Place(ENTERPRISE))),
        ('emails[type eq "work"]', Path(place("emails"), Compare(TYPE, "eq", "work"))),
        ('emails[type eq "work"].value', Path(place("emails", "value"), Compare(TYPE, "eq", "work"))),
        ('Emails[ Type EQ "work" ].Value', Path(place("emails", "value"), Compare(TYPE, "eq", "work"))),
        (f'{USER}:emails[type eq "work"].value', Path(place("emails", "value"), Compare(TYPE, "eq", "work"))),
    ],
)
def test_what_a_path_means(text: str, meant: Path, strict: bool) -> None:
    assert parse_path(text, "User", strict=strict) == meant


@BOTH
@pytest.mark.parametrize(
    ("text", "scim_type"),
    [
        ("", "invalidPath"),
        ("a b[c", "invalidPath"),
        ("emails.value.x", "invalidPath"),
        ("a.b.c", "invalidPath"),
        ("emails]", "invalidPath"),
        ('emails[type eq "work"]value', "invalidFilter"),
        ('emails[type eq "work"].', "invalidPath"),
        ('emails[type eq "work"].value.x', "invalidPath"),
        ("emails[type]", "invalidFilter"),
        ("x" * 600, "invalidPath"),
        ("\ud800", "invalidPath"),
        ("a\0", "invalidPath"),
    ],
)
def test_what_is_no_path(text: str, scim_type: str, strict: bool) -> None:
    with pytest.raises(ScimError) as caught:
        parse_path(text, "User", strict=strict)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("userName", USER_NAME),
        ("NAME.familyName", Attr(("name", "familyName"))),
        ("emails", EMAIL),
        ("meta.lastModified", Attr(("meta", "lastModified"), "dateTime")),
        ("name", None),
        ("nick", None),
        ("", None),
        (ENTERPRISE, None),
    ],
)
def test_sorting(name: str, meant: Any) -> None:
    if meant is not None:
        assert parse_sort(name, "User", strict=True) == meant
        return
    with pytest.raises(ScimError) as caught:
        parse_sort(name, "User", strict=False)
    assert caught.value.scim_type == "invalidPath"


OWN = "urn:acme:params:scim:2.0:User"
BADGE, BADGES = Attr((OWN, "badge")), Attr((OWN, "badge"), many=1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f'{OWN}:badge eq "7"', Or((Compare(BADGE, "eq", "7"), Compare(BADGES, "eq", "7")))),
        (f'{OWN}:badge ne "7"', Not(Or((Compare(BADGE, "eq", "7"), Compare(BADGES, "eq", "7"))))),
        (f"{OWN}:badge pr", Present(BADGE)),
        (f"{OWN} pr", Present(Attr((OWN,), "complex"))),
        (f"{OWN}:badge eq null", Compare(BADGE, "eq", None)),
        (f'{OWN}:badge eq 7', Or((Compare(Attr((OWN, "badge"), "decimal"), "eq", 7),
                                  Compare(Attr((OWN, "badge"), "decimal", many=1), "eq", 7)))),
    ],
)  # fmt: skip
def test_an_attribute_of_an_extension_of_the_clients_own(text: str, meant: Filter) -> None:
    """Entra's Test Connection filters on the attribute that people are matched by, which may be a custom one (E14)."""
    assert leniently(text) == (meant, {"unregistered-filter"})
    refusal(text, strict=True)


@pytest.mark.parametrize("mapped", ["jamie_role", f"{OWN}:jamie_role"])
def test_a_bare_name_that_configuration_maps(mapped: str) -> None:
    keys = (OWN, "jamie_role") if ":" in mapped else ("jamie_role",)
    found = parse_filter('jamie_role eq "admin"', "User", strict=False, mapped=frozenset({mapped, "roles"}))
    assert isinstance(found, Or)
    assert found.terms[0] == Compare(Attr(keys), "eq", "admin")
    refusal('jamie_role eq "admin"')


@pytest.mark.parametrize(
    "text",
    ["badge eq 1", f"{OWN}:badge gt true", f"{OWN}:badge le null", f"{OWN} eq 1", f"{OWN}: eq 1", "urn: pr",
     f'{OWN}:badge[type eq "x"]', f"{OWN}:a.b.c eq 1"],
)  # fmt: skip
def test_what_no_name_of_an_extension_can_mean(text: str) -> None:
    refusal(text)
