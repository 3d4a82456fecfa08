"""A filter as SQL finds whom it matches as JSON (connectors/scim/matching.py), in order, on both databases."""

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection

from connectors.scim import names
from connectors.scim import unregistered as own
from connectors.scim.filters import parse_filter, parse_sort
from connectors.scim.matching import matches, values
from reconciler.model import folded
from reconciler.query import And, Attr, Compare, Filter, Has, Kind, Never, Not, Or, Present, Query
from reconciler.resources import Resource, VoidCursor
from store import Store, open_store
from store.scim.pages import Page
from store.scim.resources import DirectoryResources
from store.scim.statements import Statements
from tests.builders import policy
from tests.databases import database
from tests.store.scim.endpoints import person, request

OWN = "urn:acme:params:scim:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TIMES = ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.500Z", "2026-02-01T10:00:00.000Z")
NUMBERS = itertools.count()
# PostgreSQL's own folding of what is in a body knows the letters of its locale only.
PLAIN = (
    "ada",
    "Ada",
    "ADA lovelace",
    " ada",
    "a%",
    "_d_",
    "%",
    "",
    "work",
    "Work",
    "home",
    "bob@x.com",
    "[]",
    "{}",
    "0",
)
UNICODE = (*PLAIN, "Åsa", "åsa", "Straße", "STRASSE", "ﬁn", "İ", "ı", "😀")
IDS = ("u0", "u1", "u2", "u3", "g0", "g1", "g2")

USER = [
    "id", "externalId", "userName", "displayName", "title", "active", "name", "name.familyName", "emails",
    "emails.value", "emails.type", "emails.primary", "emails.display", "phoneNumbers.value", "roles.value",
    "roles.primary", "groups", "groups.value", "groups.display", "groups.type", "meta.created", "meta.lastModified",
    "meta.resourceType", "meta.version", "schemas", f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager.value", "meta",
]  # fmt: skip
GROUP = [
    "id", "externalId", "displayName", "members", "members.value", "members.type", "members.display", "meta.created",
    "schemas",
]  # fmt: skip
TEXT_OPS = ("eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")


def bound(name: str, kind: Kind) -> Attr:
    found = parse_filter(f"{name} pr", kind, strict=True)
    assert isinstance(found, Present)
    return found.attr


ATTRS: dict[Kind, list[Attr]] = {"User": [bound(name, "User") for name in USER],
                                 "Group": [bound(name, "Group") for name in GROUP]}  # fmt: skip


def terms(kind: Kind, texts: tuple[str, ...]) -> st.SearchStrategy[Filter]:
    """Filters on resources of a kind, as the listener binds them."""
    attrs = ATTRS[kind]
    flat = st.sampled_from(attrs).flatmap(lambda attr: _on(attr, texts))
    several = [attr for attr in attrs if attr.many == 0 and attr.type == "complex"]
    parts = {attr.keys: [Attr(a.keys[1:], a.type, a.exact) for a in attrs if a.keys[:1] == attr.keys and a != attr]
             for attr in several}  # fmt: skip
    inner = st.sampled_from(several).flatmap(
        lambda attr: st.builds(
            Has, st.just(attr), _joined(st.sampled_from(parts[attr.keys]).flatmap(lambda part: _on(part, texts)))
        )
    )
    return _joined(st.one_of(flat, flat, inner, unregistered_terms(texts), st.just(Never())))


def unregistered_terms(texts: tuple[str, ...]) -> st.SearchStrategy[Filter]:
    """Filters on what no schema knows, as lenient mode binds them."""
    said = st.sampled_from(["badge", "badge", "badge.colour", "Badge"])
    places = said.map(lambda name: own.unregistered(f"{OWN}:{name}", "User", frozenset()) or names.Place())
    literals = st.one_of(
        st.tuples(st.sampled_from(TEXT_OPS), st.sampled_from((*texts, "true"))),
        st.tuples(st.sampled_from(["eq", "ne"]), st.one_of(st.booleans(), st.none())),
        st.tuples(st.sampled_from(["eq", "ne", "gt", "le"]), st.sampled_from([0, 1, 2.5])),
    )
    compares = st.builds(lambda place, said: own.compared(place, *said), places, literals)
    return st.one_of(compares, compares, st.builds(lambda place: Present(names.attr(place)), places))


def _on(attr: Attr, texts: tuple[str, ...]) -> st.SearchStrategy[Filter]:
    present: st.SearchStrategy[Filter] = st.just(Present(attr))
    if attr.type == "complex":
        return present
    nothing = st.builds(Compare, st.just(attr), st.sampled_from(["eq", "ne"]), st.none())
    if attr.type == "boolean":
        compared = st.builds(Compare, st.just(attr), st.sampled_from(["eq", "ne"]), st.booleans())
    elif attr.type == "dateTime":
        ops = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
        compared = st.builds(Compare, st.just(attr), ops, st.sampled_from(TIMES))
    else:
        pool = (*texts, *IDS, "User", "direct", 'W/"1"', ENTERPRISE)
        compared = st.builds(Compare, st.just(attr), st.sampled_from(TEXT_OPS), st.sampled_from(pool))
    return st.one_of(present, nothing, compared, compared, compared)


def _joined(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaves,
        lambda below: st.one_of(
            st.builds(Not, below),
            st.builds(lambda found: And(tuple(found)), st.lists(below, min_size=1, max_size=3)),
            st.builds(lambda found: Or(tuple(found)), st.lists(below, min_size=1, max_size=3)),
        ),
        max_leaves=5,
    )


def bodies(kind: Kind, texts: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    text, maybe = st.sampled_from(texts), st.sampled_from([*texts, None])
    value = st.fixed_dictionaries(
        {}, optional={"value": text, "type": st.sampled_from(["work", "home", "Work"]), "primary": st.booleans(),
                      "display": text}
    )  # fmt: skip
    several = st.lists(value, max_size=3)
    if kind == "Group":
        return st.fixed_dictionaries({"displayName": text}, optional={"externalId": text})
    return st.fixed_dictionaries(
        {},
        optional={
            "externalId": text, "displayName": maybe, "title": maybe, "active": st.booleans(),
            "name": st.fixed_dictionaries({}, optional={"familyName": maybe}),
            "emails": several, "phoneNumbers": several, "roles": several,
            ENTERPRISE: st.fixed_dictionaries(
                {}, optional={"department": text, "manager": st.fixed_dictionaries({}, optional={"value": text})}
            ),
            OWN: st.fixed_dictionaries({}, optional={"badge": _anything(text), "Badge": text}),
        },
    )  # fmt: skip


def _anything(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """What a client may keep under a name of its own."""
    one = st.one_of(text, st.booleans(), st.sampled_from([0, 1, 2.5, "true"]), st.fixed_dictionaries({"colour": text}))
    return st.one_of(one, st.lists(one, max_size=3))


@st.composite
def worlds(draw: st.DrawFn, texts: tuple[str, ...]) -> tuple[list[Resource], dict[str, list[str]]]:
    """Users and groups, and who is in which group."""
    made: list[Resource] = []
    for number in range(draw(st.integers(0, 4))):
        body = draw(bodies("User", texts)) | {"userName": f"{draw(st.sampled_from(texts))}{number}"}
        made.append(_made("User", f"u{number}", body, draw(st.sampled_from(TIMES))))
    made += [
        _made("Group", f"g{number}", draw(bodies("Group", texts)), draw(st.sampled_from(TIMES)))
        for number in range(draw(st.integers(0, 3)))
    ]
    ids = [one.id for one in made]
    inside = {
        one.id: draw(st.lists(st.sampled_from(ids), unique=True, max_size=3)) for one in made if one.kind == "Group"
    }
    return made, inside


def _made(kind: Kind, name: str, body: dict[str, Any], created: str) -> Resource:
    return Resource(kind, name, body, created, TIMES[-1], 1 + len(body) % 2)


def whole(resource: Resource, told: DirectoryResources) -> dict[str, Any]:
    """The resource as its clients see it, but for addresses."""
    links = told.members(resource.id) if resource.kind == "Group" else told.groups_of([resource.id])[resource.id]
    shown = [
        {"value": link.id, "type": link.kind if resource.kind == "Group" else "direct" if link.direct else "indirect"}
        | ({"display": link.display} if link.display else {})
        for link in links
    ]
    core = f"urn:ietf:params:scim:schemas:core:2.0:{resource.kind}"
    return {
        **resource.body,
        "id": resource.id,
        "schemas": [core, *(name for name in resource.body if name.startswith("urn:"))],
        "meta": {"resourceType": resource.kind, "created": resource.created, "lastModified": resource.modified,
                 "version": f'W/"{resource.version}"'},
        **({"members" if resource.kind == "Group" else "groups": shown} if shown else {}),
    }  # fmt: skip


@pytest.fixture
def texts(store: Store) -> tuple[str, ...]:
    return UNICODE if store.sqlite else PLAIN


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_sql_finds_whom_a_filter_matches(store: Store, texts: tuple[str, ...], data: st.DataObject) -> None:
    resources, inside = data.draw(worlds(texts))
    kind: Kind = data.draw(st.sampled_from(["User", "User", "Group"]))
    asked = data.draw(st.lists(terms(kind, texts), min_size=1, max_size=6))
    with request(store, policy(directory=f"d{next(NUMBERS)}")) as told:
        for resource in resources:
            told.insert(resource)
        for group, members in inside.items():
            told.add_members(group, members)
        shown = {one.id: whole(one, told) for one in resources if one.kind == kind}
        for term in asked:
            found = told.find(Query(kind, 100, term))
            assert [one.id for one in found.resources] == [one for one in shown if matches(term, shown[one])], term
            assert found.total == len(found.resources)


SORTS = ["id", "userName", "displayName", "title", "active", "name.familyName", "emails", "emails.value",
         "roles.value", "phoneNumbers.type", "meta.created", f"{ENTERPRISE}:department"]  # fmt: skip


def sorted_by(attr: Attr, shown: dict[str, dict[str, Any]], *, descending: bool) -> list[str]:
    """In order of the primary or else first value, those without any last, equal ones in order of creation."""

    def key(one: str) -> Any:
        items = values(Attr(attr.keys[:1], many=0), shown[one]) if attr.many is not None else [shown[one]]
        keys = attr.keys[1:] if attr.many is not None else attr.keys
        held = [(item.get("primary") is True, values(Attr(keys), item)) for item in items]
        there = [(main, found[0]) for main, found in held if found]
        first = next((value for main, value in there if main), there[0][1] if there else None)
        return folded(first) if isinstance(first, str) and not attr.exact else first

    with_one = [one for one in shown if key(one) is not None]
    return sorted(with_one, key=key, reverse=descending) + [one for one in shown if key(one) is None]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_pages_are_sorted_and_follow_one_another(store: Store, texts: tuple[str, ...], data: st.DataObject) -> None:
    resources, _ = data.draw(worlds(texts))
    attr = data.draw(st.sampled_from(SORTS).map(lambda name: parse_sort(name, "User", strict=True)))
    descending, count = data.draw(st.booleans()), data.draw(st.integers(1, 3))
    query = Query("User", 100, sort=attr, descending=descending)
    with request(store, policy(directory=f"d{next(NUMBERS)}")) as told:
        for resource in resources:
            told.insert(resource)
        expected = sorted_by(attr, {one.id: whole(one, told) for one in resources if one.kind == "User"},
                             descending=descending)  # fmt: skip
        assert [one.id for one in told.find(query).resources] == expected
        for cursors in (True, False):
            assert list(pages(told, msgspec.structs.replace(query, count=count), cursors=cursors)) == expected


def pages(told: DirectoryResources, query: Query, *, cursors: bool) -> Iterator[str]:
    """The ids of all pages, one after the other."""
    after: str | None = "" if cursors else None
    start = 1
    total = told.find(msgspec.structs.replace(query, count=0)).total
    while True:
        page = told.find(msgspec.structs.replace(query, after=after, start=start))
        assert page.total == total
        yield from (one.id for one in page.resources)
        start += len(page.resources)
        after = page.next if cursors else None
        if (page.next is None) if cursors else (start > total):
            return


def test_who_comes_and_goes_between_two_pages_shifts_nobody(store: Store) -> None:
    with request(store) as told:
        for name in "abcd":
            told.insert(person(name))
        first = told.find(Query("User", 2, after=""))
        told.delete("User", "a")
        told.delete("User", "d")
        told.insert(person("e"))
        second = told.find(Query("User", 2, after=first.next))
        assert [one.id for one in (*first.resources, *second.resources)] == ["a", "b", "c", "e"]
        assert second.next is None


@pytest.mark.parametrize("cursor", ["x", "ä", "WyJ4IiwxXQ", "W10", "bnVsbA"])
def test_what_is_no_cursor_of_the_query_is_refused(store: Store, cursor: str) -> None:
    with request(store) as told:
        with pytest.raises(VoidCursor):
            told.find(Query("User", 2, after=cursor))
        for name in "abc":
            told.insert(person(name))
        page = told.find(Query("User", 1, after=""))
        with pytest.raises(VoidCursor):
            told.find(Query("User", 1, sort=ATTRS["User"][0], after=page.next))


LOOK_UPS = [
    ("User", 'userName eq "u7@acme.com"', "scim_resource_user_name"),
    ("User", 'externalId eq "7"', "scim_resource_external_id"),
    ("User", 'displayName eq "u7"', "scim_resource_display_name"),
    ("User", 'id eq "u7"', "scim_resource_id"),
    ("User", 'emails.value eq "u7@acme.com"', "scim_email_value"),
    ("User", 'emails[type eq "work" and value eq "u7@acme.com"]', "scim_email_value"),
    ("User", 'emails[type eq "work"].value eq "u7@acme.com"', "scim_email_value"),
    ("User", 'groups.value eq "g7"', "scim_resource_id"),
    ("User", 'userName eq "u7@acme.com" and active eq true', "scim_resource_user_name"),
    ("Group", 'displayName eq "g7"', "scim_resource_display_name"),
    ("Group", 'members eq "u7"', "scim_member_member"),
    ("Group", 'id eq "g7" and members eq "u7"', "scim_resource_id"),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of its own with many of everything, to be looked at."""
    with (
        database(request) as url,
        closing(open_store(url or f"sqlite:///{tmp_path_factory.mktemp('many')}/db")) as made,
    ):
        with made.write() as connection:
            _many(connection)
        yield made


@pytest.mark.parametrize(("kind", "text", "index"), LOOK_UPS)
def test_the_filters_that_providers_send_are_looked_up_by_index(
    filled: Store, kind: Kind, text: str, index: str
) -> None:
    """Nothing is walked, neither resources nor addresses nor memberships; what is found is put in order."""
    with filled.read() as connection:
        term = parse_filter(text, kind, strict=False)
        page = Page(Statements(connection), "okta", Query(kind, 100, term))
        sql, given = page.statement(100, 0)
        explain = "EXPLAIN QUERY PLAN " if filled.sqlite else "EXPLAIN "
        plan = "\n".join(str(row) for row in Statements(connection).all(explain + sql, *given))
        assert index in plan, plan
        assert "SCAN r" not in plan, plan
        assert "Seq Scan" not in plan, plan
        assert not re.search(_ALL_OF_A_KIND[filled.sqlite], plan), plan


_ALL_OF_A_KIND = {True: r"\(directory=\? AND kind=\?\)", False: r"AND \(\(kind\)::text = '\w+'::text\)\)'"}


def _many(connection: Connection) -> None:
    """Enough of everything for a database to find an index worth its while, and what it then knows of it."""
    many = "2000" if connection.dialect.name == "sqlite" else "20000"
    for sql in _FILLING.replace("MANY", many).split(";"):
        connection.exec_driver_sql(sql)


_FILLING = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < MANY)
INSERT INTO scim_resource (directory, kind, id, user_name_key, user_name, display_key, display, external_id, version,
  created, modified, body) SELECT 'okta', 'User', 'u' || n, 'u' || n || '@acme.com', 'u' || n || '@acme.com', 'u' || n,
  'u' || n, '' || n, 1, '', '', '{}' FROM numbers;
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < MANY)
INSERT INTO scim_resource (directory, kind, id, display_key, display, version, created, modified, body)
  SELECT 'okta', 'Group', 'g' || n, 'g' || n, 'g' || n, 1, '', '', '{}' FROM numbers;
INSERT INTO scim_email (resource_no, place, directory, value, type)
  SELECT no, 0, 'okta', user_name, 'work' FROM scim_resource WHERE kind = 'User';
INSERT INTO scim_member (group_no, joined, member_no) SELECT g.no, 1, u.no FROM scim_resource g
  JOIN scim_resource u ON substr(g.id, 2) = substr(u.id, 2) WHERE g.kind = 'Group' AND u.kind = 'User';
ANALYZE scim_resource; ANALYZE scim_email; ANALYZE scim_member
"""
