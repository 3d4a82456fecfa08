"""Lines of keys in every way that TOML can write them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rosterd.settings import lines
from rosterd.settings.lines import Lines

DOCUMENT = '''\
# [[directory]] in a comment
title = "a # no comment" # one
"quoted key" = 1
dotted.'a.b'.c = 2
multi = """
[[directory]]
id = "not a key"
\\""" still inside ""\\
"""
literal = \'\'\'
[store]
\'\'\'\'
array = [ # items
  1, [2, 3],
  { a = "}", b = { c = [4] } },
]
when = 1979-05-27 07:32:00
empty = []
nothing = {}
[store]
url = "x"
[[directory]]
id = "one"
[[directory.role]]
axis = "r"
groups = { "J. A\\u00e9" = "admin", plain = 'p' }
[[ directory . "role" ]]
axis = "s"
[[directory]]
id = "two"
  [directory.limits]
  deactivate.count = 3
[[directory.role]]
axis = "t"
[a.b.c]
d = 1
[a]
e = 2
'''

CASES: list[tuple[lines.Path, int]] = [
    (("title",), 2),
    (("quoted key",), 3),
    (("dotted",), 4),
    (("dotted", "a.b", "c"), 4),
    (("multi",), 5),
    (("literal",), 10),
    (("array",), 13),
    (("array", 0), 14),
    (("array", 1, 1), 14),
    (("array", 2, "a"), 15),
    (("array", 2, "b", "c", 0), 15),
    (("when",), 17),
    (("store",), 20),
    (("store", "url"), 21),
    (("directory", 0), 22),
    (("directory", 0, "id"), 23),
    (("directory", 0, "role", 0), 24),
    (("directory", 0, "role", 0, "groups", "J. Aé"), 26),
    (("directory", 0, "role", 0, "groups", "plain"), 26),
    (("directory", 0, "role", 1), 27),
    (("directory", 0, "role", 1, "axis"), 28),
    (("directory", 1, "id"), 30),
    (("directory", 1, "limits"), 31),
    (("directory", 1, "limits", "deactivate", "count"), 32),
    (("directory", 1, "role", 0, "axis"), 34),
    (("a", "b", "c", "d"), 36),
    (("a", "e"), 38),
]


@pytest.mark.parametrize(("path", "line"), CASES)
def test_a_key_is_found_on_its_line(path: lines.Path, line: int) -> None:
    assert Lines(DOCUMENT).of(path) == line
    assert Lines(DOCUMENT.replace("\n", "\r\n")).of(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("directory", 0, "token"), 22),
        (("directory", 1, "role", 0, "attribute"), 33),
        (("store", "nothing", "here"), 20),
        (("workspace",), None),
        ((), None),
    ],
)
def test_a_missing_key_is_said_of_the_table_that_lacks_it(path: lines.Path, line: int | None) -> None:
    assert Lines(DOCUMENT).of(path) == line


@pytest.mark.parametrize("text", [DOCUMENT, (Path(__file__).parents[2] / "config.example.toml").read_text()])
def test_no_key_that_tomllib_reads_is_overlooked(text: str) -> None:
    known = Lines(text)._found
    assert [path for path in _paths(tomllib.loads(text)) if path not in known] == []


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "a = 1"])
def test_small_documents(text: str) -> None:
    assert Lines(text).of(("a",)) == (1 if "=" in text else None)


@pytest.mark.parametrize("value", ['""""a"""""', '"""a\\""""', "'''a'''''", '""', "''", '"\\""', '"""\\\\"""'])
def test_strings_end_where_tomllib_ends_them(value: str) -> None:
    text = f"a = {value} # x\nb = 1"
    tomllib.loads(text)
    assert Lines(text).of(("b",)) == 2


def _paths(value: Any, path: lines.Path = ()) -> Iterator[lines.Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _paths(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))
