"""Drills that end, repeat or shorten pages."""

import httpx
import pytest

from rosterd.simulators import Simulator
from rosterd.simulators.answers import NEXT
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.breaking import KEYS, LISTS, PEOPLE, broken, code, fitting, flat, following, items, listing

# -- paging -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_page_in_the_middle(kind: Kind) -> None:
    with broken(kind, "empty_page") as (simulator, http):
        pages = listing(kind, http)
        assert [len(page) for page in pages] == [3, 0, 3, 3]
        assert flat(pages) == list(simulator.world.people)
        assert len(listing(kind, http, "groups")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_page_does_not_lead_on(kind: Kind) -> None:
    with broken(kind, "missing_next") as (simulator, http):
        assert flat(listing(kind, http)) == list(simulator.world.people)[:6]


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_page_leads_to_itself(kind: Kind) -> None:
    with broken(kind, "repeated_token") as (_, http):
        pages = listing(kind, http, cap=6)
        assert len(pages) == 6
        assert pages[1] == pages[2] == pages[5] != pages[0]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_overlap(kind: Kind) -> None:
    with broken(kind, "overlapping_pages") as (simulator, http):
        first, second, third = listing(kind, http)
        assert (second[0], third[0]) == (first[-1], second[-1])
        assert [*first, *second[1:], *third[1:]] == list(simulator.world.people)


@pytest.mark.parametrize(("kind", "name"), fitting("expired_page_token"))
def test_a_page_token_expires_once(kind: Kind, name: str) -> None:
    with broken(kind, name) as (simulator, http):
        first = http.get(LISTS[kind]["users"])
        second = str(following(kind, first))
        refused = http.get(second)
        assert (refused.status_code, code(refused)) == (
            400, {"google": "invalid", "entra": "Directory_ExpiredPageToken"}[kind])  # fmt: skip
        assert flat(listing(kind, http)) == list(simulator.world.people)


@pytest.mark.parametrize("kind", KINDS)
def test_the_directory_changes_while_it_is_read(kind: Kind) -> None:
    with broken(kind, "changes_mid_read") as (simulator, http):
        before = list(simulator.world.people)
        found = flat(listing(kind, http))
        (active,) = simulator.vendor.faults
        leaver, newcomer = active.memory["leaver"], active.memory["newcomer"]
        assert (leaver, leaver in found, newcomer in found) == (before[-1], False, True)
        assert flat(listing(kind, http)) == found
        assert KEYS == NEXT


# -- short answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_directory(kind: Kind) -> None:
    with broken(kind, "half") as (simulator, http):
        everybody, everyone = list(simulator.world.people), next(iter(simulator.world.groups))
        assert flat(listing(kind, http)) == everybody[::2]
        assert http.get(LISTS[kind]["user"].format(everybody[1])).status_code == 200
        assert flat(listing(kind, http, "members", everyone)) == everybody
        later = simulator.world.hire("Later").id
        assert flat(listing(kind, http)) == [*everybody[::2], later]


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_members(kind: Kind) -> None:
    with broken(kind, "half_members") as (simulator, http):
        everybody = list(simulator.world.people)
        assert flat(listing(kind, http)) == everybody
        for group in simulator.world.groups:
            assert flat(listing(kind, http, "members", group)) == everybody[::2]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody(kind: Kind) -> None:
    with broken(kind, "none") as (_, http):
        assert listing(kind, http) == [[]]
        assert ("users" in http.get(LISTS[kind]["users"]).json()) is False
    with broken(kind, "none", route="/groups") as (_, http):
        assert (len(flat(listing(kind, http))), listing(kind, http, "groups")) == (PEOPLE, [[]])


@pytest.mark.parametrize(
    ("kind", "names"), [("google", {"suspended", "archived"}), ("entra", {"accountEnabled"}), ("okta", {"status"})]
)
def test_newcomers_without_a_status(kind: Kind, names: set[str]) -> None:
    with broken(kind, "missing_status") as (simulator, http):
        people = items(kind, "users", http.get(LISTS[kind]["users"]))
        newest = list(simulator.world.people)[-1]
        assert [names <= set(person) for person in people] == [True] * (PEOPLE - 1) + [False]
        assert people[-1]["id"] == newest
        assert not names & set(people[-1])
        assert not names & set(http.get(LISTS[kind]["user"].format(newest)).json())


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_without_its_list(kind: Kind) -> None:
    with broken(kind, "missing_list_key") as (_, http):
        body = http.get(LISTS[kind]["users"]).raise_for_status().json()
        assert isinstance(body, dict)
        assert not {"users", "value", "nextPageToken", "@odata.nextLink"} & set(body)


@pytest.mark.parametrize(("name", "refused"), [("narrowed", 403), ("narrowed_404", 404)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_narrowed_permission(kind: Kind, name: str, refused: int) -> None:
    with broken(kind, name) as (simulator, http):
        people, groups = list(simulator.world.people), list(simulator.world.groups)
        assert flat(listing(kind, http)) == people[::2]
        assert flat(listing(kind, http, "groups")) == groups[::2]
        assert flat(listing(kind, http, "members", groups[0])) == people[::2]
        hidden = (("user", people[1], refused), ("members", groups[1], refused))
        for holds, key, status in (("user", people[0], 200), *hidden):
            assert http.get(LISTS[kind][holds].format(key)).status_code == status


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_hidden(kind: Kind) -> None:
    with broken(kind, "hidden_groups") as (simulator, http):
        assert flat(listing(kind, http, "groups")) == list(simulator.world.groups)[::2]
        assert len(flat(listing(kind, http))) == PEOPLE


@pytest.mark.parametrize(("name", "status"), [("one_group_403", 403), ("one_group_404", 404)])
@pytest.mark.parametrize("kind", KINDS)
def test_one_group_cannot_be_read(kind: Kind, name: str, status: int) -> None:
    def statuses(simulator: Simulator, http: httpx.Client) -> list[int]:
        return [http.get(LISTS[kind]["members"].format(group)).status_code for group in simulator.world.groups]

    with broken(kind, name) as (simulator, http):
        assert statuses(simulator, http) == [200, status, 200, 200]
        groups = list(simulator.world.groups)
        assert flat(listing(kind, http, "groups")) == groups
        simulator.no_fault()
        simulator.fault(name, route=groups[3])
        assert statuses(simulator, http) == [200, 200, 200, status]


@pytest.mark.parametrize("kind", KINDS)
def test_one_group_looks_empty(kind: Kind) -> None:
    with broken(kind, "group_members_empty") as (simulator, http):
        sizes = [len(flat(listing(kind, http, "members", group))) for group in simulator.world.groups]
        assert sizes == [PEOPLE, 0, PEOPLE, PEOPLE]
