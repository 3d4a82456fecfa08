"""The pages on connecting a directory, held against the connectors: keys, permissions, errors, output, requests.

What does not live here: links, commands and places in the code, which test_docs.py checks on every page; the pages on
SCIM clients (test_scim_docs.py).
"""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from connectors import CONNECTORS, okta
from rosterd import settings
from rosterd.settings.kinds import config, own_keys
from rosterd.simulators import World
from rosterd.simulators.world import Kind
from tests.acceptance.command import Rehearsal
from tests.test_docs import ROOT, blocks, load, section, table

FOLDER = ROOT / "docs" / "providers"
KINDS: tuple[Kind, ...] = get_args(Kind)
PAGES: dict[Kind, str] = {kind: (FOLDER / f"{kind}.md").read_text(encoding="utf-8") for kind in KINDS}
TOML = {kind: blocks(page, "toml")[0] for kind, page in PAGES.items()}
every_kind = pytest.mark.parametrize("kind", KINDS)


def test_every_connector_has_a_page_and_every_page_a_connector() -> None:
    pages = {page.stem for page in FOLDER.glob("*.md") if not page.stem.startswith("scim-")} - {"README"}
    assert pages == set(CONNECTORS) == set(KINDS)


def test_the_pages_have_the_same_headings_in_the_same_order() -> None:
    headings = {kind: re.findall(r"^##+ .*$", page, re.MULTILINE) for kind, page in PAGES.items()}
    assert len(headings["okta"]) > 8
    assert headings["google"] == headings["entra"] == headings["okta"]


@every_kind
def test_a_page_can_be_read_in_one_sitting(kind: Kind) -> None:
    assert len(PAGES[kind].splitlines()) < 220


# -- configuration ------------------------------------------------------------------------------------------------

OPTIONAL = re.compile(r"^# (\w+) = ", re.MULTILINE)
# What has to go when an alternative is written, and what has to come with it.
INSTEAD = {
    "client_secret": ("certificate",),
    "federated_token_file": ("certificate",),
    "managed_identity": ("certificate",),
    "client_id": ("token",),
    "private_key": ("token",),
}
TOGETHER = {"client_id": "private_key", "private_key": "client_id"}
EXAMPLES = {"customer": "my_customer", "dpop": False, "scopes": ("okta.users.read", "okta.groups.read"),
            "nested_groups": True, "guests": False}  # fmt: skip


def with_keys(kind: Kind, *names: str) -> str:
    """The page's file with lines that are commented out there, and without those that they stand instead of."""
    text = TOML[kind]
    for name in names:
        text = re.sub(rf"^# {name} = ", f"{name} = ", text, flags=re.MULTILINE)
    for name in {gone for written in names for gone in INSTEAD.get(written, ())}:
        text = re.sub(rf"^{name} = ", f"# {name} = ", text, flags=re.MULTILINE)
    return text


@every_kind
def test_the_file_of_a_page_loads(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory,) = load(tmp_path, TOML[kind], monkeypatch).directory
    assert type(settings.connector_config(directory)) is config(kind)


@every_kind
def test_every_key_of_a_connector_is_in_the_file_of_its_page(kind: Kind) -> None:
    assert {*own_keys(kind)} <= {*re.findall(r"^(?:# )?(\w+) = ", TOML[kind], re.MULTILINE)}


def optional_keys() -> Iterator[tuple[Kind, str]]:
    yield from ((kind, name) for kind in KINDS for name in OPTIONAL.findall(TOML[kind]))


@pytest.mark.parametrize(("kind", "name"), [*optional_keys()])
def test_an_optional_line_can_be_written(
    kind: Kind, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = with_keys(kind, name, *([TOGETHER[name]] if name in TOGETHER and kind == "okta" else []))
    (directory,) = load(tmp_path, text, monkeypatch).directory
    assert name in directory.model_fields_set
    if name in EXAMPLES:
        assert getattr(directory, name) == EXAMPLES[name] == type(directory).model_fields[name].get_default()


# -- permissions and errors ---------------------------------------------------------------------------------------

PERMISSION = {
    "google": r"https://www\.googleapis\.com/auth/[\w.]+\w",
    "entra": r"\b[A-Z]\w+\.Read\.\w+",
    "okta": r"\bokta\.\w+\.(?:read|manage)\b",
}


@every_kind
def test_every_permission_that_a_connector_names_is_in_the_table(kind: Kind) -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "connectors").glob(f"{kind}*.py"))
    named = set(re.findall(PERMISSION[kind], code))
    listed = {row[0].strip("`") for row in table(section(PAGES[kind], "Permissions"))}
    assert len(named) >= 2
    assert named <= listed


def known_errors(kind: Kind) -> set[str]:
    """The vendor's codes in the tables of a connector's modules: `_BY_CODE`, `_BY_REASON`, `_ADVICE`."""
    tables = [
        value
        for file in (ROOT / "connectors").glob(f"{kind}*.py")
        for name, value in vars(import_module(f"connectors.{file.stem}")).items()
        if re.fullmatch(r"_?(BY_[A-Z_]+|ADVICE)", name)
    ]
    return {code.casefold() for table in tables for code in table if isinstance(code, str)}


@every_kind
def test_every_error_that_a_connector_knows_is_on_its_page(kind: Kind) -> None:
    quoted = {code.casefold() for code in re.findall(r"`(\w+)`", PAGES[kind])}
    assert len(known_errors(kind)) > 8
    assert known_errors(kind) - quoted == set()


@every_kind
def test_the_words_of_errors_are_those_of_the_program(kind: Kind) -> None:
    """What the table quotes without a code of the vendor is a text of ours."""
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "connectors").glob("*.py"))
    texts = [text for row in table(section(PAGES[kind], "When it fails")) for text in re.findall(r"`([^`]+)`", row[0])]
    ours = [part.strip(" '…") for text in texts if " " in text or "…" in text for part in text.split("…")]
    assert len(ours) > 3
    assert [part for part in ours if part and part not in code and "gave up after" not in part] == []


@pytest.mark.parametrize("status", okta.STATES)
def test_every_status_of_okta_is_explained(status: str) -> None:
    rows = {name: row[1] for row in statuses() for name in re.findall(r"[A-Z_]{6,}", row[0])}
    words = {"active": "active", "suspended": "deactivated", "pending": "not there yet", "gone": "deactivated"}
    assert rows[status].startswith(words[okta.STATES[status].value])


def statuses() -> list[list[str]]:
    return table("| status |" + PAGES["okta"].partition("| status |")[2])


# -- what the command says ----------------------------------------------------------------------------------------

ATTRIBUTE = {"google": "jamie_role", "entra": "extensionAttribute1", "okta": "jamie_role"}


def example(kind: Kind, folder: Path) -> Rehearsal:
    """The page's own file over a simulated directory of 300 people and 14 groups."""
    world = World.generate(kind, 300, 14, domain="acme.com")
    for person in [*world.people][:12]:
        world.set_attribute(person, ATTRIBUTE[kind], "member")
    world.save(folder / "world.json")
    made = Rehearsal(folder)
    made.file.write_text(TOML[kind].replace(f'kind = "{kind}"', f'kind = "{kind}"\nsimulate = "world.json"'), "utf-8")
    return made


@every_kind
def test_check_says_what_the_page_shows(kind: Kind, tmp_path: Path) -> None:
    result = example(kind, tmp_path).here("check", f"acme-{kind}")
    assert result.code == 0
    assert result.out == blocks(section(PAGES[kind], "Check"), "text")[0]


def requests(kind: Kind) -> list[int]:
    return [int(row[1]) for row in table(section(PAGES[kind], "Requests and limits"))]


@every_kind
def test_a_run_sends_as_many_requests_as_the_page_says(kind: Kind, tmp_path: Path) -> None:
    result = example(kind, tmp_path).here("sync", f"acme-{kind}", "--json")
    assert result.code == 0, result.out
    assert result.json["transport"]["requests"] == requests(kind)[0]


def ceil(many: int, page: int) -> int:
    return max(1, -(-many // page))


@every_kind
def test_the_example_follows_from_the_formula(kind: Kind) -> None:
    text = re.sub(r"\s", "", section(PAGES[kind], "Requests and limits"))
    users, groups, members = (int(page) for page in re.findall(r"⌈[UGm]/(\d+)⌉", text))
    places = 2 if kind == "entra" else 0  # of the delta queries for people and for groups
    assert requests(kind)[1] == places + ceil(10_000, users) + ceil(200, groups) + 200 * ceil(100, members)
