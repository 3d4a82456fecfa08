"""A new kind of directory is a module and a line of the registry: the whole command knows it then."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.command import SECONDS, WORKSPACE, Result

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
# In a process of its own: the registry is read once. Each line of standard input is one command line.
REGISTERED = """
import contextlib, io, json, sys
import connectors
connectors.CONNECTORS["toy"] = "tests.acceptance.toy"
from rosterd.cli.app import run
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
DIRECTORY = """
[[directory]]
id = "toys"
workspace = "acme"
kind = "toy"
roster = "toys.json"
password = { env = "TOY_PASSWORD" }
[[directory.role]]
axis = "role"
groups = { "Admins" = "admin" }
"""


def commands(folder: Path, *lines: list[str], text: str = DIRECTORY) -> list[Result]:
    """What these command lines end with where the toy is registered."""
    (folder / "rosterd.toml").write_text(WORKSPACE.format(id="acme", limits="") + text, encoding="utf-8")
    listed = {"people": ["ada", "bob"], "groups": {"Admins": ["ada"]}}
    (folder / "toys.json").write_text(json.dumps(listed), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", REGISTERED], input="\n".join(map(json.dumps, lines)),
        cwd=folder, env={"PYTHONPATH": str(ROOT), "TOY_PASSWORD": "x"}, capture_output=True, text=True,
        timeout=SECONDS, check=True,
    )  # fmt: skip
    return [Result(*json.loads(line)) for line in done.stdout.splitlines()]


def test_settings_know_the_keys_of_a_new_connector_from_its_config(tmp_path: Path) -> None:
    example, schema, checked = commands(tmp_path, ["config", "example"], ["config", "schema"], ["config", "check"])
    _, block = example.out.split('# Only for kind = "toy":')
    for line in ('roster = "toys.json"', 'password = { env = "TOY_PASSWORD" }', '# certificate = { file = "toy.pem" }',
                 '# server = "http://127.0.0.1:8479"', 'attribute = "toy_role"', "# opens the toy box"):  # fmt: skip
        assert f"\n{line}\n" in block
    assert set(_branch(schema.json, "toy")) >= {"roster", "password", "certificate", "server", "every", "guests"}
    Draft202012Validator.check_schema(schema.json)
    assert (checked.code, checked.err) == (0, "")


def _branch(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    name = schema["properties"]["directory"]["items"]["discriminator"]["mapping"][kind].rpartition("/")[2]
    properties: dict[str, Any] = schema["$defs"][name]["properties"]
    return properties


@pytest.mark.parametrize(
    ("wrong", "code", "fix"),
    [
        ('pasword = "x"', "unknown_key", 'did you mean "password"?'),
        ('server = "http://toys.example"', "insecure_url", "https://"),
        ('token = { env = "T" }', "unknown_key", "it is a key of kind okta"),
    ],
)
def test_what_is_wrong_with_its_keys_is_said_as_of_every_kind(wrong: str, code: str, fix: str, tmp_path: Path) -> None:
    text = DIRECTORY.replace("[[directory.role]]", f"{wrong}\n[[directory.role]]")
    (checked,) = commands(tmp_path, ["config", "check", "--json"], text=text)
    (problem,) = checked.json["error"]["problems"]
    assert (problem["code"], fix in problem["fix"]) == (code, True)


def test_it_is_checked_and_synced_like_every_other(tmp_path: Path) -> None:
    checked, synced, again, members = commands(
        tmp_path, ["check", "toys"], ["sync", "--json"], ["plan", "toys"], ["members", "acme", "--json"]
    )
    assert [each.code for each in (checked, synced, again, members)] == [0, 0, 0, 0]
    assert (synced.json["counts"]["seen"], synced.json["counts"]["create"]) == (2, 2)
    assert {each["email"]: each["roles"] for each in members.json} == {
        "ada@acme.com": {"role": "admin"},
        "bob@acme.com": {"role": "member"},
    }
