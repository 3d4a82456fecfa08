"""The pages on SCIM clients, held against the program: configuration, the command that makes tokens, codes, the index.

What does not live here: links and commands, which test_docs.py checks on every page. That the requests of these clients
come to the right members with the very configuration of their page is tests/acceptance/scim/test_conversations.py.
"""

import re
from pathlib import Path
from typing import get_args

import pytest

from connectors.scim.dialects import DIALECTS
from connectors.scim.errors import SCIM_TYPES
from connectors.scim.leniencies import LENIENCIES
from rosterd.settings.kinds import ScimConfig
from tests.acceptance.scim.indoors import leniencies
from tests.test_docs import ROOT, blocks, load, section, table

FOLDER = ROOT / "docs" / "providers"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = {page.stem.removeprefix("scim-"): page.read_text(encoding="utf-8") for page in FOLDER.glob("scim-*.md")}
HEADINGS = [
    "What it does", "What you need", "Configuration", "Endpoint and token", "Steps", "Attributes and roles", "Test",
    "Habits", "When it fails", "Rotating the token",
]  # fmt: skip
every_page = pytest.mark.parametrize("name", sorted(PAGES))


def test_every_dialect_has_a_page() -> None:
    assert set(PAGES) == set(DIALECTS) == set(get_args(ScimConfig.model_fields["dialect"].annotation))


@every_page
def test_a_page_has_the_headings_in_their_order_and_can_be_read_in_one_sitting(name: str) -> None:
    assert re.findall(r"^##+ (.*)$", PAGES[name], re.MULTILINE)[: len(HEADINGS)] == HEADINGS
    assert len(PAGES[name].splitlines()) < 160


@every_page
def test_the_file_of_a_page_loads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory,) = load(tmp_path, blocks(PAGES[name], "toml")[0], monkeypatch).directory
    assert (directory.kind, getattr(directory, "dialect", "")) == ("scim", name)


@every_page
def test_a_page_makes_a_token_for_its_own_directory(name: str) -> None:
    (directory,) = re.findall(r'^id = "([\w-]+)"\nworkspace', PAGES[name], re.MULTILINE)
    assert f"rosterd token create {directory}\n" in blocks(section(PAGES[name], "Endpoint and token"), "sh")[0]
    named = set(re.findall(r"rosterd token create ([\w-]+)", PAGES[name]))
    assert named == {directory}


@every_page
def test_a_page_says_what_is_not_the_vendors_word(name: str) -> None:
    if name != "generic":
        assert "*Not confirmed* means" in PAGES[name]
    for label in re.findall(r"\*\*([^*]+)\*\*", section(PAGES[name], "Endpoint and token")):
        assert "`" not in label


@every_page
def test_every_field_to_paste_into_is_in_the_index(name: str) -> None:
    fields = {field for row in table(section(INDEX, "SCIM")) for field in re.findall(r"\*\*([^*]+)\*\*", "".join(row))}
    pasted = [row for row in table(section(PAGES[name], "Endpoint and token")) if "endpoint" in row[1]]
    assert pasted or name == "okta"
    for row in pasted:
        assert set(re.findall(r"\*\*([^*]+)\*\*", row[0])) <= fields


CODE = re.compile(r"\(`[a-z-]+`(?:, `[a-z-]+`)*\)")


@every_page
def test_the_habits_of_a_page_are_those_that_its_conversations_show(name: str) -> None:
    """Each leniency that is counted while the client's conversations are played is named, and no other."""
    rows = table(section(PAGES[name], "Habits"))
    named = {code for row in rows for group in CODE.findall(row[1]) for code in re.findall(r"`([a-z-]+)`", group)}
    assert len(rows) >= 3
    assert named == leniencies(f"scim-{name}")


def test_the_index_names_every_leniency() -> None:
    assert {row[0].strip("`") for row in table(section(INDEX, "Habits"))} == set(LENIENCIES)


def test_the_index_names_the_errors_of_scim() -> None:
    named = {code for row in table(section(INDEX, "Errors")) for code in re.findall(r"`(\w+)`", row[0])}
    assert named <= SCIM_TYPES
    assert len(named) > 5


def test_the_index_leads_to_every_page() -> None:
    linked = set(re.findall(r"\(([\w-]+)\.md\)", section(INDEX, "Connecting a directory")))
    assert linked == {page.stem for page in FOLDER.glob("*.md")} - {"README"}
