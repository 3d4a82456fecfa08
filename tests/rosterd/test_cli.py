"""The command's parts that need no directory: codes, streams, errors, words on the command line."""

import datetime as dt
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
import typer

from reconciler.errors import RunError
from rosterd.cli import check, members, output, runs
from rosterd.cli.app import flowing, run
from rosterd.cli.errors import Unknown, describe
from rosterd.cli.progress import EVERY, _Lines, line, titled
from rosterd.settings import ConfigError, Problem
from rosterd.simulators import Simulator, World
from store.leases import WorkspaceBusy
from store.workspace import RosterMember
from tests.rosterd.files import WORKSPACE, directory, write
from tests.rosterd.reports import counts, report

PROBLEMS = (
    Problem("unknown_key", 'unknown key "ulr"', "rosterd.toml", 7, "directory[0].ulr", 'did you mean "url"?'),
    Problem("missing_key", 'the key "url" is missing', "rosterd.toml", 5),
)


# -- exit codes ---------------------------------------------------------------------------------------------------


def failed(error: RunError) -> runs.Failed:
    return runs.Failed(error, report(state="failed"))


HELD = report(state="held", counts=counts(held=1))
BLOCKED, DONE = report(state="blocked"), report(counts=counts(create=1))
BUSY, BROKEN = failed(WorkspaceBusy("busy")), failed(RunError("broken"))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([DONE], 0),
        ([DONE, HELD], 3),
        ([HELD, BUSY], 4),
        ([BUSY, BLOCKED, HELD], 1),
        ([BUSY, BROKEN], 1),
        ([report(state="partial", counts=counts(failed=1)), DONE], 1),
        ([report(state="failed")], 1),
    ],
)
def test_the_gravest_run_decides_the_code_of_sync(results: list[Any], code: int) -> None:
    assert runs.sync_code(results) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 0),
        ({"counts": counts(create=1)}, 2),
        ({"counts": counts(create=1, held=1), "state": "held"}, 3),
        ({"counts": counts(create=1), "state": "blocked"}, 1),
    ],
)
def test_the_code_of_plan(fields: dict[str, Any], code: int) -> None:
    assert runs.plan_code(report(planned_only=True, **fields)) == code


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "described"),
    [
        (Unknown("workspace", "acne", ["acme", "globex"]), ("unknown_workspace", "", 'did you mean "acme"?')),
        (Unknown("workspace", "zzz", ["acme", "globex"]), ("unknown_workspace", "", "there is: acme, globex")),
        (Unknown("run", "1", []), ("unknown_run", "", "there is no run yet")),
        (RunError("no", where="GET /users", fix="ask"), ("error", "GET /users", "ask")),
        (PermissionError(13, "Permission denied", "rosterd.db"), ("system", "rosterd.db", "")),
        (typer.BadParameter("no"), ("usage", "", "see: rosterd --help")),
        (ConfigError(PROBLEMS), ("unknown_key", "rosterd.toml:7: directory[0].ulr", 'did you mean "url"?')),
    ],
)
def test_every_expected_error_has_the_object_of_the_contract(error: Exception, described: tuple[str, ...]) -> None:
    found = describe(error)
    assert (found["code"], found["where"], found["fix"]) == described
    assert found["message"]


def test_a_configuration_error_lists_all_problems() -> None:
    assert [each["code"] for each in describe(ConfigError(PROBLEMS))["problems"]] == ["unknown_key", "missing_key"]


def test_what_nobody_expected_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        describe(ZeroDivisionError())


# -- streams ------------------------------------------------------------------------------------------------------


def someone(number: int, **fields: Any) -> RosterMember:
    email = f"p{number:04d}@acme.com"
    shown: dict[str, Any] = {"given_name": "Ada", "family_name": "L", "roles": {"role": "admin"}, "teams": ("A", "B")}
    rest = {"active": True, "managed": True, "directory": "okta", "external_id": "x"}
    return RosterMember(**{"id": f"m{number}", "email": email, **shown, **rest, **fields})


def endless() -> Iterator[RosterMember]:
    return (someone(number) for number in count())


def test_members_stream_as_text_and_as_json() -> None:
    roster = endless()
    assert len(list(islice(members._text(roster), 1000))) == 1000
    assert next(roster).id in {"m999", "m1000", "m1001"}
    assert len(list(islice(members._json(endless()), 1000))) == 1000


def test_the_roster_as_text() -> None:
    inactive = someone(2, active=False, managed=False, given_name="\x1b[2J", roles={}, teams=())
    head, first, second = members._text(iter([someone(1), inactive]))
    assert head.split() == ["EMAIL", "NAME", "STATE", "ROLES", "TEAMS"]
    assert first == "p0001@acme.com  Ada L     active             role: admin  A, B\n"
    assert second.split() == ["p0002@acme.com", "\ufffd[2J", "L", "inactive,", "by", "hand"]
    assert "rosterd sync" in "".join(members._text(iter(())))


@pytest.mark.parametrize("documents", [[], ["{}"], ["{}", '{"a":1}']])
def test_an_array_in_pieces_is_json(documents: list[str]) -> None:
    text = "".join(output.array((document,) for document in documents))
    assert json.loads(text) == [json.loads(document) for document in documents]


def test_a_command_is_printed_as_it_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program = tmp_path / "bin" / "rosterd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    config = tmp_path / "my demo" / "rosterd.toml"
    for argv0, typed in (
        (str(program), "rosterd"),
        (str(tmp_path / ".venv/bin/rosterd"), ".venv/bin/rosterd"),
        ("/opt/x/rosterd", "/opt/x/rosterd"),
        (str(tmp_path / "rosterd/__main__.py"), f"{sys.executable} -m rosterd"),
    ):
        monkeypatch.setattr(sys, "argv", [argv0])
        assert output.command_line("members", "a b") == f"{typed} members 'a b'"
        assert output.command_line("reports", config=config) == f"{typed} --config 'my demo/rosterd.toml' reports"


# -- progress -----------------------------------------------------------------------------------------------------


def test_plain_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    moment = 0.0
    told = _Lines("acme-okta", lambda: moment)
    for step in range(40):
        moment = step * EVERY / 10
        told("pull", step * 1000, None)
    told("apply", 1, 2)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"acme-okta: reading {n:,} people" for n in (10_000, 20_000, 30_000)]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (("pull", 1200, None), "reading 1,200 people"),
        (("plan", 5, None), "comparing 5 people"),
        (("apply", 2000, 5000), "applying 2,000 of 5,000 changes"),
        (("other", 1, None), "other 1"),
    ],
)
def test_progress_says_what_is_done(told: tuple[str, int, int | None], says: str) -> None:
    assert line(*told) == says


@pytest.mark.parametrize(
    ("width", "says"),
    [(77, "acme-okta: reading 12,000 people"), (37, "acme-okta: reading 12,000 people"), (30, "reading 12,000 people")],
)
def test_a_narrow_line_of_progress_leaves_the_name_out_before_the_numbers(width: int, says: str) -> None:
    assert titled("acme-okta", line("pull", 12_000, None), width) == says


# -- the command line itself --------------------------------------------------------------------------------------


def test_paragraphs_of_help_flow_and_examples_stay() -> None:
    text = "One\n    two.\n\n    [bold]Examples[/bold]\n\n      rosterd sync\n      rosterd plan\n    "
    assert flowing(text) == "One two.\n\n[bold]Examples[/bold]\n\n  rosterd sync\n  rosterd plan"


def test_version_and_bare_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["config"], ["limits"], ["--help"], ["sync", "-h"]):
        assert run(arguments) == 0
        assert "Usage: rosterd" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"rosterd {importlib.metadata.version('rosterd')}\n"


@pytest.mark.parametrize("command", ["demo", "simulate", "check", "plan", "sync", "members", "reports", "report"])
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"rosterd {command}" in capsys.readouterr().out.partition("Example")[2]


def test_config_check_example_and_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, WORKSPACE + directory("scim", name="told"))
    assert run(["--config", str(file), "config", "check"]) == 0
    assert "told: scim, feeds workspace acme" in capsys.readouterr().out
    assert run(["--config", str(file), "config", "check", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["directories"] == [{"id": "told", "workspace": "acme", "kind": "scim"}]
    assert run(["config", "example"]) == 0
    example = capsys.readouterr().out
    assert example == (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")
    assert run(["config", "example", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"toml": example}
    assert run(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "rosterd configuration"


def test_nothing_to_sync_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, WORKSPACE)
    assert run(["--config", str(file), "sync"]) == 0
    assert "no directory is configured" in capsys.readouterr().err
    assert run(["--config", str(file), "sync", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_directory_that_tells_is_synced_without_being_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, WORKSPACE + directory("scim"))
    assert run(["--config", str(file), "sync", "scim"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_reports_of_an_empty_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, WORKSPACE)
    assert run(["--config", str(file), "reports", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["--config", str(file), "reports"]) == 0
    assert "rosterd sync" in capsys.readouterr().out


# -- packages of the same name ------------------------------------------------------------------------------------


def test_a_package_that_another_distribution_installs_too_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.shadowed() == {}
    claimed = {"store": ["rosterd", "store"], "scheduler": ["rosterd"], "connectors": ["other"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: claimed)
    assert check.shadowed() == {"store": ("store",), "connectors": ("other",)}
    file = write(tmp_path, WORKSPACE + directory("scim"))
    assert run(["--config", str(file), "check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in found["findings"]] == [
        "package_shadowed", "package_shadowed", "told", "never_heard", "no_token",
    ]  # fmt: skip
    assert run(["--config", str(file), "check"]) == 1
    text = capsys.readouterr().out
    assert "the package 'store' of rosterd is also installed by: store" in text
    assert "pip uninstall store; reinstall rosterd" in text


# -- check as text ------------------------------------------------------------------------------------------------


def test_findings_stand_under_their_headings_with_the_way_out_of_what_is_wrong() -> None:
    def finding(feature: str, severity: str, message: str, fix: str = "") -> dict[str, str]:
        return {"feature": feature, "severity": severity, "code": "c", "message": message, "fix": fix}

    found = [
        finding("", "error", "two packages", "remove one"),
        finding("people", "ok", "people can be read", "never shown"),
        finding("groups", "error", "no group", "did you mean?"),
        finding("people", "warning", "few"),
    ]
    shown = [text.plain for text in check.lines({"directory": "acme", "ok": False, "findings": found})]
    assert shown == [
        "acme: not ready",
        "  ✗ two packages",
        "    remove one",
        "  people",
        "    ✓ people can be read",
        "    ! few",
        "  groups",
        "    ✗ no group",
        "      did you mean?",
    ]


@pytest.mark.parametrize(
    ("fault", "code", "shown"),
    [
        ("no_groups_permission", 1, "✗ groups cannot be read: an admin role with 'View groups and their details'"),
        ("no_by_id", 0, "! people cannot be asked for by id"),
        ("", 0, "✓ this machine's clock agrees with Okta's"),
    ],
)
def test_check_exits_with_1_on_what_would_make_a_sync_fail(
    fault: str, code: int, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with Simulator("okta", World.generate("okta", 10, 2), fault=[fault] if fault else ()) as okta:
        okta.world.clock = lambda: dt.datetime.now(dt.UTC)
        monkeypatch.setenv("OKTA_TOKEN", okta.secret)
        file = write(tmp_path, WORKSPACE + okta.configuration("okta", "acme"))
        assert run(["--config", str(file), "check"]) == code
        assert shown in capsys.readouterr().out
        assert run(["--config", str(file), "check", "--json"]) == code
        result = json.loads(capsys.readouterr().out)
    assert set(result) == {"directory", "ok", "findings"}
    assert {*result["findings"][0]} == {"severity", "code", "message", "fix", "feature"}
