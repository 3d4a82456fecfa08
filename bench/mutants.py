"""How many mutants of the core its tests kill: mutmut over a copy of the repository, and a table by module.

Not a benchmark of time, and not part of `make test`: a whole run takes about an hour of one core. mutmut is no part of
the environment; `make mutants` fetches it into .mutants/tool. It passes over decorated functions, so properties are
written as plain methods in the copy. What it cannot see: values of classes and modules (defaults, tables).

A mutant counts as killed when a test fails or the time limit ends it, and as survived when no test notices, or none
runs the function at all.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".mutants"
TOOL, TREE = FOLDER / "tool", FOLDER / "tree"
CODE, TESTS = "reconciler", "tests/reconciler"
KILLED = {1, 3, 24, -24, 36, 152, 255}  # exit codes: a test failed, or one of those by which mutmut says: out of time
SURVIVED = {0, 5, 33}  # no test failed; pytest and mutmut say: no test at all
SETTINGS = f"""
[tool.mutmut]
source_paths = ["{CODE}"]
tests_dir = ["{TESTS}"]
also_copy = ["connectors", "store", "rosterd", "scheduler.py", "tests", "bench"]
"""
RUN = """
import sys
tool, *arguments = sys.argv[1:]
sys.path.append(tool)  # after the environment, whose libraries are meant
from mutmut.__main__ import cli
cli(arguments)
"""


def copied() -> None:
    """Makes the copy that is mutated, keeping what mutmut has found so far."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)
    (TREE / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)  # which test reaches what is looked at anew
    with (TREE / "pyproject.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    for module in (TREE / CODE).glob("*.py"):
        module.write_text(plain(module.read_text(encoding="utf-8")), encoding="utf-8")


def plain(source: str) -> str:
    """A module with properties as methods and `name = property(method)` after each; enumerations stay as they are."""
    lines = source.splitlines()
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    found = [
        each
        for node in classes
        if not any(isinstance(base, ast.Name) and base.id.endswith("Enum") for base in node.bases)
        for each in node.body
        if isinstance(each, ast.FunctionDef) and [ast.unparse(one) for one in each.decorator_list] == ["property"]
    ]
    for each in sorted(found, key=lambda each: -each.lineno):
        assert each.end_lineno is not None
        at = " " * each.col_offset
        lines.insert(each.end_lineno, f"\n{at}{each.name} = property(_of_{each.name})")
        lines[each.lineno - 1] = lines[each.lineno - 1].replace(f"def {each.name}(", f"def _of_{each.name}(", 1)
        del lines[each.lineno - 2]
    return "\n".join(lines) + "\n"


def sample(count: int) -> list[str]:
    """So many of each module that were not run yet, or all there are; the same ones each time."""
    chosen: list[str] = []
    for meta in sorted((TREE / "mutants" / CODE).glob("*.py.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        left = sorted(name for name, code in codes.items() if code is None)
        chosen += random.Random(meta.name).sample(left, min(count, len(left)))
    return chosen


def outcomes() -> dict[str, Counter[str]]:
    """Killed, survived and not run, by module."""
    found: dict[str, Counter[str]] = {}
    for meta in sorted((TREE / "mutants" / CODE).glob("*.py.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        named = ("killed" if code in KILLED else "survived" if code in SURVIVED else "not run" for code in codes)
        found[meta.name.removesuffix(".py.meta")] = Counter(named)
    return {module: counts for module, counts in found.items() if counts}


def main() -> None:
    """Runs what was not run yet, of all modules or of those named, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="of reconciler/, without .py")
    parser.add_argument("--anew", action="store_true", help="forget what was found before")
    parser.add_argument("--sample", type=int, metavar="N", help="go on with so many of each module")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not TOOL.is_dir():
        parser.error("mutmut is missing: make mutants")
    if given.anew:
        shutil.rmtree(TREE, ignore_errors=True)
    copied()
    wanted = [f"{CODE}.{module}.*" for module in given.modules] + (sample(given.sample) if given.sample else [])
    limits = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", RUN, str(TOOL), "run", "--max-children", "1", *wanted]
    subprocess.run(command, cwd=TREE, env=limits, check=False, stdout=sys.stderr)
    table = outcomes()
    total = sum(table.values(), Counter[str]())
    if given.json:
        print(json.dumps({"name": "mutants", "modules": table, "total": total}))
        return
    for module, counts in [*table.items(), ("together", total)]:
        tried = counts["killed"] + counts["survived"]
        share = f"{100 * counts['killed'] / tried:5.1f} %" if tried else "      –"
        left = f"  ({counts['not run']} not run)" if counts["not run"] else ""
        print(f"{module:<12} {counts['killed']:>5} of {tried:>5} killed {share}{left}")


if __name__ == "__main__":
    main()
