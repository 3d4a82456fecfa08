"""config.example.toml is what the model says, loads as it is, and names every key; so does the JSON Schema."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from rosterd import settings
from rosterd.settings.kinds import settings_model
from rosterd.settings.limits import Limits
from rosterd.settings.model import KINDS
from rosterd.settings.problems import _models
from rosterd.settings.values import Limit, keys_of
from tests.rosterd.files import WORKSPACE, directory, problems

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")


def test_the_file_in_the_repository_is_the_generated_one() -> None:
    assert settings.example() == EXAMPLE, "write it anew: rosterd config example > config.example.toml"


def test_it_loads_and_only_its_secrets_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rosterd.toml"
    file.write_text(EXAMPLE, encoding="utf-8")
    loaded = settings.load(file)
    assert {each.kind for each in loaded.directory} == set(KINDS)
    for name in re.findall(r'^[a-z_]+ = \{ env = "([A-Z_]+)" \}', EXAMPLE, re.MULTILINE):
        monkeypatch.setenv(name, "x")
    (tmp_path / "google-service-account.json").write_text("{}")
    settings.check_secrets(loaded)


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, info in keys_of(model).items():
        yield name, info.description or ""
        for inner in _models(info.annotation):
            yield from _fields(inner)


def _all_fields() -> list[tuple[str, str]]:
    of_kinds = [each for kind in KINDS for each in _fields(settings.kinds.directory_model(kind))]
    return sorted({*_fields(settings.Settings), *of_kinds})


@pytest.mark.parametrize(("name", "description"), _all_fields())
def test_every_key_is_named_and_described(name: str, description: str) -> None:
    assert description
    assert re.search(rf"^(# )?(\[+(\w+\.)?{name}\]+$|{name} = )|[{{,] {name} = ", EXAMPLE, re.MULTILINE), name


def test_every_commented_line_is_a_key_that_could_be_written(tmp_path: Path) -> None:
    """With every comment mark before a key removed, only alternatives, undeclared axes, and the mappings
    of one that would audit are complained about."""
    text = re.sub(r"^# (?=\[\[|[a-z_0-9]+ = [^,]*$)", "", EXAMPLE, flags=re.MULTILINE)
    tomllib.loads(text)
    codes = {problem.code for problem in problems(tmp_path, text)}
    assert codes <= {"two_schedules", "unknown_axis", "bad_value", "only_feeding"}


def test_a_limits_example_is_a_limit() -> None:
    for info in Limits.model_fields.values():
        assert all(isinstance(example, Limit) for example in info.examples or ())


# -- schema -------------------------------------------------------------------------------------------------------


def _valid(text: str) -> bool:
    return Draft202012Validator(settings.schema()).is_valid(tomllib.loads(text))


def test_the_schema_is_json_and_a_schema() -> None:
    schema = settings.schema()
    assert json.loads(json.dumps(schema)) == schema
    Draft202012Validator.check_schema(schema)


def test_the_schema_accepts_what_loads_and_refuses_what_does_not() -> None:
    assert _valid(EXAMPLE)
    assert _valid(WORKSPACE + "".join(directory(kind) for kind in KINDS))
    assert _valid(WORKSPACE + "[workspace.limits]\nupdate = false\ndeactivate_24h = { count = 3 }")
    assert not _valid("")
    assert not _valid("stor = 1\n" + WORKSPACE)
    assert not _valid(WORKSPACE + directory("okta", "tokn = 1"))
    assert not _valid(WORKSPACE + directory("okta").replace('"okta"', '"gogle"'))
    assert not _valid(WORKSPACE + directory("okta").replace('{ env = "OKTA_TOKEN" }', '"literal"'))


def test_every_kind_is_one_branch_told_apart_by_its_kind() -> None:
    rows = settings.schema()["properties"]["directory"]["items"]
    assert set(rows["discriminator"]["mapping"]) == set(KINDS)
    assert len(rows["oneOf"]) == len(KINDS)


def test_defaults_in_the_schema_are_written_as_in_the_file() -> None:
    definitions: dict[str, Any] = settings.schema()["$defs"]
    okta, limits = definitions["OktaDirectory"]["properties"], definitions["Limits"]["properties"]
    assert (okta["every"]["default"], okta["verify_every"]["default"]) == ("15m", "24h")
    assert limits["deactivate"]["default"] == {"count": 500, "percent": 10, "floor": 5}
    assert limits["create"]["default"] is False


# -- what loading costs -------------------------------------------------------------------------------------------


def test_importing_the_package_imports_no_pydantic_and_loading_no_sdk_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "rosterd.toml").write_text(WORKSPACE + directory("okta"))
    code = (
        "import sys; from rosterd import settings; assert 'pydantic' not in sys.modules; settings.load();"
        "print(*[name for name in sys.modules if name.split('.')[0] in ('okta', 'msgraph', 'googleapiclient', 'google')"
        " or name in ('connectors.entra', 'connectors.google')])"
    )
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_class_of_a_file_holds_only_the_kinds_it_mentions() -> None:
    assert settings_model(frozenset({"okta"})) is settings_model(frozenset({"okta"}))


def test_every_public_name_is_there() -> None:
    assert [name for name in settings.__all__ if getattr(settings, name) is None] == []
    with pytest.raises(AttributeError):
        settings.nothing  # noqa: B018
