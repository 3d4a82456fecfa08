"""The shape that CONTRIBUTING.md promises: short functions, small files, modules that tell what they are."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("connectors", "reconciler", "store", "rosterd", "bench")
PROGRAM = [ROOT / "scheduler.py", *(path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))]
LONGEST_FILE = 420  # "about 400 lines"
LONGEST_FUNCTION = 60
MOST_BY_PLACE = 5

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def by_place(function: Function) -> int:
    """How many arguments are told apart by their place alone."""
    given = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return len(given) - (given[:1] in (["self"], ["cls"]))


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_is_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_FILE
    assert not tree.body or ast.get_docstring(tree), "no docstring"
    long = [each.name for each in functions(tree) if (each.end_lineno or 0) - each.lineno >= LONGEST_FUNCTION]
    assert long == [], f"over {LONGEST_FUNCTION} lines"
    many = [each.name for each in functions(tree) if by_place(each) > MOST_BY_PLACE]
    assert many == [], f"over {MOST_BY_PLACE} arguments by place"
