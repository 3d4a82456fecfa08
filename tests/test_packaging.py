"""What is installed is ours, and the wheel holds every file of the packages and nothing else."""

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("connectors", "reconciler", "store", "rosterd", "scheduler")


@pytest.fixture(scope="module")
def distributions() -> Mapping[str, list[str]]:
    """Which installed distributions hold which top-level name."""
    return packages_distributions()


@pytest.mark.parametrize("name", OURS)
def test_no_other_distribution_holds_one_of_our_names(name: str, distributions: Mapping[str, list[str]]) -> None:
    """PyPI has distributions of most of these names; one installed beside ours could be imported in its place.

    An editable installation lists no modules, so only others would show here; the wheel is asked below.
    """
    assert set(distributions.get(name, [])) <= {"rosterd"}
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(ROOT)


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="rosterd")
    assert command.value == "rosterd.cli:main"


def _tracked() -> set[str]:
    """Every file of the packages that git knows, as paths in the wheel."""
    paths = [f"{name}.py" if (ROOT / f"{name}.py").is_file() else f"{name}/" for name in OURS]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree without a network, and unpacked, which is how one is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("rosterd-*.whl")
    with ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> set[str]:
    """The names of the files in it."""
    return {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}


def test_installed_from_the_wheel_the_names_are_known_to_be_ours(unpacked: Path) -> None:
    code = "import json; from importlib.metadata import packages_distributions as d; print(json.dumps(dict(d())))"
    env = {"PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=unpacked, env=env, capture_output=True, text=True, check=True)
    assert {name: set(json.loads(done.stdout)[name]) for name in OURS} == {name: {"rosterd"} for name in OURS}


def test_the_wheel_holds_every_file_of_the_packages(wheel: set[str]) -> None:
    tracked = _tracked()
    assert {"scheduler.py", "reconciler/model.py"} <= tracked
    assert tracked - wheel == set()


def test_the_wheel_holds_what_is_no_module_too(wheel: set[str]) -> None:
    """Packagers lose these first: what Alembic reads, what Jinja reads."""
    beside = {path for path in _tracked() if not path.endswith(".py")}
    assert beside - wheel == set()
    assert any(path.startswith("store/migrations/") for path in wheel)


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {*OURS, "scheduler.py"} - {"scheduler"}
    assert [name for name in wheel if "__pycache__" in name or "tests" in Path(name).parts] == []
