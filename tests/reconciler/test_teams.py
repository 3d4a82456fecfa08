"""Groups to teams, and what nesting makes of them."""

import pytest

from reconciler.policy import TeamMapping
from reconciler.teams import MAX_DEPTH, desired_teams, route, undecided_teams, view_of
from tests.builders import policy, view

MAPPED = policy(
    teams=(
        TeamMapping("Design", "Product"),
        TeamMapping("Research", "Product"),
        TeamMapping("Design", "Brand"),
        TeamMapping("Eng", "Engineering"),
    )
)


@pytest.mark.parametrize(
    ("refs", "teams"),
    [
        ((), set()),
        (("Design",), {"Product", "Brand"}),
        (("Research",), {"Product"}),
        (("Design", "Research"), {"Product", "Brand"}),
        (("Eng", "Admins"), {"Engineering"}),
        (("Unmapped",), set()),
    ],
)
def test_several_groups_to_a_team_and_several_teams_to_a_group(refs: tuple[str, ...], teams: set[str]) -> None:
    assert desired_teams(MAPPED, frozenset(refs)) == teams


def test_nobody_leaves_a_team_while_one_of_its_groups_is_not_read_whole() -> None:
    assert undecided_teams(MAPPED, view(unknown=("Research",))) == {"Product"}
    assert undecided_teams(MAPPED, view()) == set()


def reach(*edges: tuple[str, str], **ids: str) -> dict[str, set[str]]:
    found = view_of(ids or {"Eng": "g1"}, nested=edges, names={})
    return {group: set(refs) for group, refs in found.reach.items()}


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ((), {"g1"}),
        ((("g1", "g2"), ("g2", "g3")), {"g1", "g2", "g3"}),
        ((("g2", "g1"),), {"g1"}),
        ((("g1", "g2"), ("g2", "g1")), {"g1", "g2"}),
        ((("g1", "g1"),), {"g1"}),
        ((("g1", "g2"), ("g1", "g3"), ("g2", "g4"), ("g3", "g4")), {"g1", "g2", "g3", "g4"}),
    ],
    ids=["alone", "chain", "above does not count", "circle", "in itself", "diamond"],
)
def test_a_nested_group_counts_for_the_group_above(edges: tuple[tuple[str, str], ...], expected: set[str]) -> None:
    assert set(reach(*edges)) == expected


def test_a_group_counts_for_every_configured_group_above_it() -> None:
    found = reach(("g1", "g3"), ("g2", "g3"), Eng="g1", Staff="g2", Sub="g3")
    assert found == {"g1": {"Eng"}, "g2": {"Staff"}, "g3": {"Eng", "Staff", "Sub"}}


def test_depth_is_bounded() -> None:
    chain = [(f"g{n}", f"g{n + 1}") for n in range(1, MAX_DEPTH + 10)]
    assert len(reach(*chain)) == MAX_DEPTH + 1


def test_many_paths_to_a_group_are_walked_once() -> None:
    """Regression: each path was walked by itself, three to the power of the depth."""
    layers = [(f"{deep}-{a}", f"{deep + 1}-{b}") for deep in range(MAX_DEPTH) for a in range(3) for b in range(3)]
    found = reach(*[("g1", "0-0"), *layers])
    assert len(found) == 2 + 3 * (MAX_DEPTH - 1)


def test_a_group_that_was_never_read_makes_every_name_above_it_unknown() -> None:
    found = view_of(
        {"Eng": "g1", "Ops": "g2"}, nested=[("g1", "g3")], unknown=["Twins"], never=["g3", "elsewhere"], names={}
    )
    assert found.unknown == {"Eng", "Twins"}


def test_a_person_counts_for_all_their_groups() -> None:
    found = view_of({"Eng": "g1", "Ops": "g2"}, nested=[("g1", "g3")], names={"Eng": "Engineers"})
    assert found.refs_of(("g3", "g2", "other")) == {"Eng", "Ops"}
    assert found.refs_of(()) == frozenset()


@pytest.mark.parametrize(
    ("direct", "goal", "way"),
    [
        (("a",), "a", ("a",)),
        (("a",), "c", ("a", "b", "c")),
        (("a", "b"), "c", ("b", "c")),
        (("a",), "x", ()),
        ((), "a", ()),
        (("d",), "c", ("d", "c")),
        (("e",), "f", ("e", "f")),
    ],
)
def test_the_shortest_way_up_to_a_group(direct: tuple[str, ...], goal: str, way: tuple[str, ...]) -> None:
    parents = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a", "c"], "e": ["f"], "f": ["e"]}
    assert route(direct, goal, parents) == way
