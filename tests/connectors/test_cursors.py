"""What a cursor remembers, and when it is void."""

import pytest

from connectors import cursors
from connectors.base import Resync
from connectors.cursors import Place
from reconciler.model import CollectionEnd, Completeness, DirectoryGroup, Wanted

WANTED = Wanted(groups=frozenset({"Eng", "Ops"}), attributes=frozenset({"role"}))
PLACE = Place(cursors.digest(WANTED), {"since": "then"}, read=frozenset({"g1", "g2"}), again=frozenset({"g3"}))


def ended(group: str, completeness: Completeness) -> CollectionEnd:
    return CollectionEnd("members", completeness, group)


def test_what_is_written_is_read() -> None:
    assert cursors.opened(cursors.written(PLACE).text, PLACE.digest) == PLACE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"digest": 1}', "null"])
def test_nonsense_is_void(text: str) -> None:
    with pytest.raises(Resync):
        cursors.opened(text, PLACE.digest)


@pytest.mark.parametrize(
    "other",
    [
        Wanted(groups=WANTED.groups),
        Wanted(groups=WANTED.groups, attributes=frozenset({"role"}), nested=False),
    ],
)
def test_another_selection_voids_the_cursor(other: Wanted) -> None:
    with pytest.raises(Resync, match="changed since the last read"):
        cursors.opened(cursors.written(PLACE).text, cursors.digest(other))


@pytest.mark.parametrize("groups", [WANTED.groups, frozenset({"Eng"}), frozenset({"Eng", "Ops", "Sales"})])
def test_what_the_mirror_resolved_and_other_groups_void_nothing(groups: frozenset[str]) -> None:
    bound = Wanted(groups=groups, attributes=WANTED.attributes, bound={"Eng": "g1"}, cursor="x")
    assert cursors.digest(bound) == PLACE.digest


@pytest.mark.parametrize(
    ("bound", "changed", "gone", "expected"),
    [
        ({}, (), (), {"g3"}),  # could not be read the last time
        ({"Eng": "g1"}, (), (), {"g3"}),
        ({"Eng": "g4"}, (), (), {"g3", "g4"}),
        ({"Eng": "g4"}, (), ("g4",), {"g3"}),
        ({"Old": "g4"}, (), (), {"g3"}),
        ({}, (("g5", "ops"), ("g6", "Sales")), (), {"g3", "g5"}),
        ({}, (("g5", "ops"), ("g6", "OPS")), (), {"g3", "g5", "g6"}),  # which is meant, the mirror says later
        ({}, (("g1", "Eng"),), (), {"g3"}),
    ],
)
def test_which_groups_are_read_whole(
    bound: dict[str, str], changed: tuple[tuple[str, str], ...], gone: tuple[str, ...], expected: set[str]
) -> None:
    wanted = Wanted(groups=WANTED.groups, bound=bound)
    assert cursors.to_read(wanted, [DirectoryGroup(*each) for each in changed], PLACE, gone) == expected


def test_a_cursor_follows_what_was_read() -> None:
    ends = [ended("g3", Completeness.COMPLETE), ended("g2", Completeness.PARTIAL), ended("g1", Completeness.DELTA)]
    text = cursors.after(PLACE, {"since": "now"}, ends, gone={"g9"}, stamps={"g3": "t", "other": "t"}).text
    place = cursors.opened(text, PLACE.digest)
    assert (sorted(place.read), sorted(place.again), sorted(place.gone)) == (["g1", "g3"], ["g2"], ["g9"])
    assert (place.marks, place.stamps) == ({"since": "now"}, {"g3": "t"})
