"""What a command prints where, what it loads, and how it ends when nobody listens."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rosterd.simulators.world import Kind
from tests.acceptance.command import SECONDS, Rehearsal, people, rehearsal, seconds_of

pytestmark = pytest.mark.acceptance

SDKS: dict[Kind, tuple[str, ...]] = {
    "okta": ("msgraph", "kiota_abstractions", "azure", "googleapiclient"),
    "google": ("msgraph", "kiota_abstractions", "azure", "okta"),
    "entra": ("okta", "googleapiclient"),
}
LOADED = """
import json, sys
from rosterd.cli.app import run
code = run(sys.argv[1:])
sys.stderr.write(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize("kind", SDKS)
def test_a_sync_loads_no_other_kinds_sdk(kind: Kind, tmp_path: Path) -> None:
    with rehearsal(tmp_path, kind, world=people(5)) as acme:
        done = subprocess.run(
            [sys.executable, "-c", LOADED, "--config", str(acme.file), "sync", "--json"],
            env={**acme.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert (code, [name for name in SDKS[kind] if name in modules]) == (0, [])


def test_help_is_fast_and_names_every_command(tmp_path: Path) -> None:
    runs = [seconds_of(lambda: Rehearsal(tmp_path).run("--help")) for _ in range(3)]
    result, took = min(runs, key=lambda timed: timed[1])
    assert took < 0.4, runs
    assert (result.code, result.err) == (0, "")
    for command in ("demo", "simulate", "check", "plan", "sync", "members", "reports", "report", "config"):
        assert f"│ {command} " in result.out


def test_help_loads_nothing_that_a_command_needs() -> None:
    needed = ("pydantic", "sqlalchemy", "jinja2", "fastapi")
    code = f"import sys, rosterd.cli.app; print([n for n in {needed} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(2000)) as acme:
        assert acme.here("sync").code == 0
        with acme.start("members", "acme", "--json") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "[\n"
            process.stdout.close()
            assert process.stderr is not None
            said = process.stderr.read()
    assert (process.returncode, said) == (141, "")


def test_a_full_disk_behind_standard_output_is_an_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"{sys.executable} -m rosterd config example > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: No space left on device")


def test_an_unexpected_exception_is_short_and_its_traceback_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys; import rosterd.cli.members as m; from rosterd.cli import app\n"
        "def broken(*_): raise KeyError('s3cret')\n"
        "m.settings_of = broken; app.main()"
    )
    for arguments, shown in (["--json"], ""), ([], "error: unexpected KeyError"), (["--debug"], "Traceback"):
        line = [*(["--debug"] if "--debug" in arguments else []), "members", "acme", *set(arguments) - {"--debug"}]
        done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert shown in done.stderr
        assert ("s3cret" in done.stderr) == ("--debug" in arguments)
        if "--json" in arguments:
            assert json.loads(done.stdout)["error"]["code"] == "unexpected"
            assert done.stderr == ""


def test_shell_completion_knows_commands_and_directories(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        for words, expected in ("rosterd rep", "reports"), ("rosterd sync ", "okta"), ("rosterd members ", "acme"):
            acme.environment.update(
                {
                    "_ROSTERD_COMPLETE": "complete_bash",
                    "COMP_WORDS": words,
                    "COMP_CWORD": str(len(words.split(" ")) - 1),
                }
            )
            assert expected in acme.run().out.split()
