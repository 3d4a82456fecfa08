"""Which group a configured reference means."""

import random

import pytest

from reconciler.groups import Resolution, resolve
from reconciler.model import DirectoryGroup

LISTED = (
    DirectoryGroup("g1", "Design", "design@acme.com"),
    DirectoryGroup("g2", "Jamie Admins"),
    DirectoryGroup("g3", "Twins"),
    DirectoryGroup("g4", "twins "),
    DirectoryGroup("g5", "g1"),  # named like another one's id
    DirectoryGroup("g6", "", ""),
)


@pytest.mark.parametrize(
    ("ref", "bound", "meant"),
    [
        ("g2", {}, "g2"),
        ("g1", {}, "g1"),  # the id wins over the name
        ("Design", {}, "g1"),
        (" dESIGN ", {}, "g1"),
        ("Design@Acme.com", {}, "g1"),
        ("\uff2aamie Admins", {}, "g2"),  # full-width J: one name by NFKC
        ("Old name", {"Old name": "g2"}, "g2"),
        ("Twins", {"Twins": "g4"}, "g4"),  # a newcomer of the same name takes nothing over
        ("Design", {"Design": "g2"}, "g1"),  # the name was given to another group since
        ("Design", {"Design": "gone"}, "g1"),
    ],
)
def test_one_group(ref: str, bound: dict[str, str], meant: str) -> None:
    assert resolve([ref], LISTED, bound) == Resolution({ref: meant})


@pytest.mark.parametrize(
    ("ref", "bound", "resolution"),
    [
        ("Nobody", {}, Resolution(missing=("Nobody",))),
        ("Nobody", {"Nobody": "gone"}, Resolution(missing=("Nobody",))),
        ("G1 ", {}, Resolution({"G1 ": "g5"})),  # ids are exact, names are not
        ("Twins", {}, Resolution(ambiguous={"Twins": ("g3", "g4")})),
        ("Twins", {"Twins": "g1"}, Resolution(ambiguous={"Twins": ("g3", "g4")})),
        ("", {}, Resolution(missing=("",))),
    ],
)
def test_none_or_several(ref: str, bound: dict[str, str], resolution: Resolution) -> None:
    assert resolve([ref], LISTED, bound) == resolution


def test_neither_order_nor_repetition_matters() -> None:
    refs = ["Nobody", "Design", "Twins", "Absent", "Design"]
    shuffled = random.Random(1).sample(LISTED, len(LISTED))
    assert resolve(refs, LISTED, {}) == resolve(list(reversed(refs)), shuffled, {})
    assert resolve(refs, LISTED, {}).missing == ("Absent", "Nobody")
