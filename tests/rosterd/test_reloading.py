"""A configuration that is read again: what is said of it, and which keys wait for the next start."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from rosterd.reloading import AT_START, at_next_start, differences
from rosterd.settings.model import Settings
from tests.rosterd.files import WORKSPACE, directory, loaded

DAEMON = (Path(__file__).parents[2] / "docs" / "daemon.md").read_text(encoding="utf-8")
LATER = "at the next start"
SMALL = ("store", "http", "daemon", "retention", "log", "trace")
"""Tables that a process has once; [[workspace]], [[directory]] and [[notify]] are followed as they are."""
KEYS = [
    (name, key) for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for key in field.annotation.model_fields
]  # fmt: skip
OTHER: dict[tuple[str, str], str] = {
    ("store", "url"): '"sqlite:///other.db"', ("http", "listen"): '"127.0.0.1:1"', ("http", "metrics"): '"off"',
    ("http", "metrics_token"): '{ env = "OTHER" }', ("http", "public_url"): '"https://other.example"',
    ("daemon", "queue"): '"embedded"', ("daemon", "lease"): '"2m"', ("daemon", "workers"): "9",
    ("daemon", "stop_within"): '"1s"', ("retention", "actions"): '"30d"', ("retention", "quiet"): '"8d"',
    ("log", "format"): '"json"', ("log", "level"): '"debug"', ("trace", "endpoint"): '"http://127.0.0.1:1"',
}  # fmt: skip


def settings(folder: Path, more: str = "", *names: str) -> Settings:
    text = WORKSPACE + "".join(directory("okta", name=name) for name in names or ("okta",))
    return loaded(folder, more + text)


def changed(folder: Path, *keys: tuple[str, str]) -> Settings:
    """A configuration in which these keys are other ones."""
    parts = [f"[{name}]\n{key} = {OTHER[name, key]}\n" for name, key in keys]
    return settings(folder, "".join(parts))


def test_every_key_is_tried() -> None:
    assert {name for name, _ in KEYS} == {*SMALL}
    assert set(KEYS) == OTHER.keys()


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_a_key_that_is_read_at_a_start_is_named_and_no_other(tmp_path: Path, name: str, key: str) -> None:
    if (name, key) == ("http", "metrics_token"):
        pair = [f'[http]\nmetrics = "token"\nmetrics_token = {{ env = "{env}" }}\n' for env in ("ONE", "OTHER")]
        before, after = (settings(tmp_path, text) for text in pair)
    else:
        before, after = settings(tmp_path), changed(tmp_path, (name, key))
    assert before != after
    expected = [f"[{name}] {key}"] if (name, key) in AT_START else []
    assert [*at_next_start(before, after)] == expected
    assert [*at_next_start(after, after)] == []


def test_who_listens_on_nothing_has_nothing_to_wait_for_there(tmp_path: Path) -> None:
    before, after = settings(tmp_path), changed(tmp_path, ("http", "listen"), ("trace", "endpoint"))
    assert [*at_next_start(before, after, listens=False)] == ["[trace] endpoint"]


def test_the_table_of_the_documents_is_that_of_the_program() -> None:
    documented: dict[tuple[str, str], str] = {}
    reload = DAEMON.partition("## Reload")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (`\[\w+\].*?) \| (.*?) \|$", reload, re.MULTILINE):
        (name,) = re.findall(r"\[(\w+)\]", row[0])
        for key in re.findall(r"[`\s](\w+)`", row[0]):
            documented[name, key] = row[1]
    assert documented.keys() == set(KEYS)
    assert {key for key, effect in documented.items() if effect == LATER} == {*AT_START}
    whole: Any = {name for name in Settings.model_fields if name not in SMALL}
    assert {*re.findall(r"\[\[(\w+)\]\]", reload)} == whole


def test_what_is_said_of_directories(tmp_path: Path) -> None:
    before, after = settings(tmp_path, "", "one", "two"), settings(tmp_path, "", "two", "three")
    assert differences(before, after)[1:] == ["directory three is new", "directory one is not run any more"]
