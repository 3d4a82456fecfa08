"""Laws of lists: whatever the page size, pages join to the whole, each thing once, in order; filters choose of it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosterd.http.api.pages import cursor_of, place_of
from rosterd.http.api.problems import Refusal
from store import open_store
from store.runs import actions_of, actions_page, reports
from store.workspace import roster, roster_page
from tests.databases import SHARED, Postgres
from tests.rosterd.http.api import Acme

SIZES = st.integers(1, 25)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def acme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """Twenty people, who came in five runs and left in a sixth; twelve who were invited, into another workspace."""
    folder = tmp_path_factory.mktemp("pages")
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    opened = open_store(server.url(SHARED) if server else f"sqlite:///{folder}/rosterd.db")
    made = Acme(opened, folder)
    for number in range(5):
        made.people.hire(*(f"p{number}{letter}" for letter in "a_%B"))
        made.sync()
    made.people.suspend("p0a", "p1a")
    made.people.change("p2a", given_name="Ada")
    made.run = made.sync().run
    yield made
    opened.close()
    if server:
        server.empty()


def joined(page: Any, limit: int, start: Any) -> list[Any]:
    """Every page, one after the other."""
    listed: list[Any] = []
    place = start
    while found := page(place, limit):
        assert len(found) <= limit
        listed += [value for _, value in found]
        place = found[-1][0]
    return listed


@given(limit=SIZES)
@settings(deadline=None, max_examples=30)
def test_pages_of_members_join_to_the_roster(acme: Acme, limit: int) -> None:
    pages = joined(lambda place, size: roster_page(acme.store, "acme", place, size), limit, ("", 0))
    assert pages == [*roster(acme.store, "acme")]


@given(limit=SIZES, part=st.sampled_from(["a", "A@", "p1", "_", "%", "!", "acme.com", "zzz", ""]))
@settings(deadline=None, max_examples=40)
def test_a_search_finds_the_addresses_with_this_in_them(acme: Acme, limit: int, part: str) -> None:
    pages = joined(lambda place, size: roster_page(acme.store, "acme", place, size, like=part), limit, ("", 0))
    assert pages == [each for each in roster(acme.store, "acme") if part.lower() in each.email.lower()]


def test_who_has_no_address_just_now_comes_last_in_pages_too(acme: Acme) -> None:
    with acme.store.write() as connection:
        connection.exec_driver_sql("UPDATE member SET email_key = NULL WHERE external_id IN ('p0a', 'p3a')")
    try:
        for limit in (1, 3, 18, 19, 20, 21):
            pages = joined(lambda place, size: roster_page(acme.store, "acme", place, size), limit, ("", 0))
            assert pages[:-2] == [*roster(acme.store, "acme")][:-2]
            assert {each.external_id for each in pages[-2:]} == {"p0a", "p3a"}
    finally:
        with acme.store.write() as connection:
            connection.exec_driver_sql("UPDATE member SET email_key = email WHERE email_key IS NULL")


@given(limit=SIZES, state=st.sampled_from(["applied", "held", "failed", None]))
@settings(deadline=None, max_examples=30)
def test_pages_of_actions_join_to_the_plan(acme: Acme, limit: int, state: str | None) -> None:
    for run in (acme.run, reports(acme.store)[-1].run):
        pages = joined(lambda place, size: actions_page(acme.store, run, place, size, state=state), limit, (0, 0))  # noqa: B023
        assert pages == [row for row in actions_of(acme.store, run) if state in (None, row.state)]


def test_actions_are_numbered_in_the_order_of_the_plan(acme: Acme) -> None:
    """Regression for the page: numbers run through the steps, whatever a page begins with."""
    for run in reports(acme.store):
        numbers = [row.seq for row in actions_of(acme.store, run.run)]
        assert numbers == [*range(1, len(numbers) + 1)]


@given(limit=SIZES, state=st.sampled_from(["succeeded", "held", None]), directory=st.sampled_from(["okta", "x", None]))
@settings(deadline=None, max_examples=40)
def test_pages_of_runs_join_to_all_of_them(acme: Acme, limit: int, state: str | None, directory: str | None) -> None:
    def page(before: Any, size: int) -> list[Any]:
        found = reports(acme.store, directory=directory, state=state, before=before, limit=size)
        return [((each.began, each.run), each) for each in found]

    everything = reports(acme.store, limit=100)
    chosen = [one for one in everything if state in (None, one.state) and directory in (None, one.directory)]
    assert joined(page, limit, None) == chosen
    since = everything[2].began
    assert reports(acme.store, since=since) == [one for one in everything if one.began >= since]


@given(place=st.tuples(st.text(), st.integers(0, 1 << 30)))
def test_a_cursor_says_what_it_was_made_of(place: tuple[str, int]) -> None:
    made = cursor_of(place)
    assert made.isascii()
    assert place_of(made, tuple[str, int], None) == place


@given(text=st.text(min_size=1))
def test_any_other_text_is_refused_or_a_place(text: str) -> None:
    with suppress(Refusal):
        assert isinstance(place_of(text, tuple[str, int], None), tuple)


@pytest.mark.parametrize("path", [
    "/workspaces/acme/members", "/runs", "/directories", "/workspaces", "/runs/{run}/actions",
])  # fmt: skip
def test_pages_over_http_join_too(acme: Acme, path: str) -> None:
    asked = path.replace("{run}", reports(acme.store, limit=10)[-1].run)
    with acme.served(), acme.client() as client:
        whole = client.get(asked, params={"limit": 500}).json()
        assert whole["next"] is None
        listed: list[Any] = []
        cursor = ""
        for _ in range(len(whole["items"]) + 1):
            page = client.get(asked, params={"limit": 1, "cursor": cursor}).json()
            listed += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    assert listed == whole["items"]
    assert len(listed) > 1
