"""Groups to teams, and what nesting makes of them."""

import pytest

from reconciler.policy import GroupView, OnRemove, TeamMapping
from reconciler.teams import (
    MAX_DEPTH,
    Claim,
    claim_of,
    desired_teams,
    kept_teams,
    route,
    undecided_teams,
    view_of,
    why_leaving,
)
from tests.builders import policy, view

MAPPED = policy(
    teams=(
        TeamMapping("Design", "Product"),
        TeamMapping("Research", "Product"),
        TeamMapping("Design", "Brand"),
        TeamMapping("Eng", "Engineering"),
    )
)


@pytest.mark.parametrize(("on_remove", "named"), [("remove", True), ("keep", False), (None, False)])
def test_only_a_mapping_that_takes_its_members_along_is_a_cause_of_leaving(
    on_remove: OnRemove | None, named: bool
) -> None:
    asked = policy(teams=(), retired=(TeamMapping("Eng", "Engineering", on_remove),))
    assert ("was removed" in why_leaving(asked, view("Eng"), frozenset({"Eng"}), "Engineering")) is named


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


# -- retired mappings ---------------------------------------------------------------------------------------------

KEEP, REMOVE = TeamMapping("Writers", "Product", "keep"), TeamMapping("Painters", "Product", "remove")
OPEN, GONE = TeamMapping("Sales", "Market"), TeamMapping("Ghosts", "Ghosts", "keep")
DROPPED = policy(teams=MAPPED.teams, retired=(KEEP, REMOVE, OPEN, GONE))
SEEN = GroupView(
    {name: frozenset({name}) for name in ("Design", "Research", "Writers", "Painters", "Sales")},
    gone=frozenset({"Ghosts"}),
)


def test_a_retired_mapping_puts_nobody_into_a_team_and_its_group_is_still_read() -> None:
    assert desired_teams(DROPPED, frozenset({"Writers", "Painters", "Sales"})) == set()
    assert {"Writers", "Painters", "Sales", "Ghosts"} <= set(DROPPED.refs)
    assert DROPPED.configured == MAPPED.configured


@pytest.mark.parametrize(
    ("refs", "kept"),
    [
        ((), {"Ghosts"}),
        (("Writers",), {"Product", "Ghosts"}),
        (("Painters",), {"Ghosts"}),
        (("Sales",), {"Market", "Ghosts"}),
        (("Painters", "Writers"), {"Product", "Ghosts"}),
    ],
    ids=["whose group is deleted", "keep", "remove", "nobody decided", "keep is stronger"],
)
def test_who_stays_in_a_team_without_a_mapping(refs: tuple[str, ...], kept: set[str]) -> None:
    assert kept_teams(DROPPED, SEEN, frozenset(refs)) == kept


def test_why_somebody_leaves_a_team() -> None:
    removed = "the mapping of group Painters to team Product was removed"
    assert why_leaving(DROPPED, SEEN, frozenset({"Painters"}), "Product") == removed
    assert why_leaving(DROPPED, SEEN, frozenset(), "Product") == "no longer in a group mapped to team Product"
    assert why_leaving(DROPPED, SEEN, frozenset({"Painters"}), "Market") == "no longer in a group mapped to team Market"


def test_nobody_leaves_while_a_retired_group_that_keeps_is_not_read_whole() -> None:
    short = GroupView(SEEN.reach, frozenset({"Sales"}))
    assert undecided_teams(DROPPED, short) == {"Market"}
    assert undecided_teams(DROPPED, GroupView(SEEN.reach, frozenset({"Painters"}))) == set()
    assert claim_of(DROPPED, short, OPEN) is None
    assert claim_of(DROPPED, GroupView(SEEN.reach, frozenset({"Design"})), KEEP) is None


@pytest.mark.parametrize(
    ("mapping", "claim"),
    [
        (MAPPED.teams[0], Claim(frozenset({"Design"}), frozenset())),
        (KEEP, Claim(frozenset({"Writers"}), frozenset({"Design", "Research"}))),
        (REMOVE, Claim(frozenset({"Painters"}), frozenset({"Design", "Research", "Writers"}))),
        (OPEN, Claim(frozenset({"Sales"}), frozenset())),
        (GONE, Claim(frozenset(), frozenset(), everybody=True)),
    ],
)
def test_whom_a_mapping_alone_has_put_into_its_team(mapping: TeamMapping, claim: Claim) -> None:
    assert claim_of(DROPPED, SEEN, mapping) == claim


UNDECIDED, GOES = TeamMapping("Poets", "Product"), TeamMapping("Clowns", "Product", "remove")


@pytest.mark.parametrize(
    ("mapping", "spared"),
    [
        (KEEP, {"Design", "Research"}),
        (UNDECIDED, {"Design", "Research", "Writers", "Writers 2"}),
        (REMOVE, {"Design", "Research", "Writers", "Writers 2", "Poets"}),
        (GOES, {"Design", "Research", "Writers", "Writers 2", "Poets"}),
    ],
)
def test_of_retired_mappings_those_that_keep_are_stronger_than_undecided_ones_and_those_than_the_rest(
    mapping: TeamMapping, spared: set[str]
) -> None:
    """A person whom a stronger mapping put into the team, too, is spared; one that is as strong spares nobody."""
    twin = TeamMapping("Writers 2", "Product", "keep")
    asked = policy(teams=MAPPED.teams, retired=(twin, KEEP, UNDECIDED, REMOVE, GOES))
    groups = ("Design", "Research", "Writers", "Writers 2", "Poets", "Painters", "Clowns")
    claim = claim_of(asked, GroupView({name: frozenset({name}) for name in groups}), mapping)
    assert claim is not None
    assert claim.spared == spared
