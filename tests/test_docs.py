"""What the documents say, held against the program: commands, keys, defaults, examples, links, places in the code."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.base import SecretRef
from reconciler.model import Evidence
from reconciler.plan import Step
from rosterd import settings
from rosterd.cli import errors
from rosterd.cli.app import app
from rosterd.settings import model
from rosterd.settings.kinds import config, own_keys
from rosterd.settings.limits import Limits
from rosterd.settings.model import KINDS
from rosterd.settings.values import Flap, Limit, keys_of, toml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
LIFECYCLE = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *(ROOT / "docs").rglob("*.md")])
EVERYTHING = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
NOT_THERE = frozenset[str]()  # commands that documents name to say that they are not there yet


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands under a heading, down to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading {title!r}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of the first table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def called(page: Path) -> str:
    """Its name in the repository."""
    return page.relative_to(ROOT).as_posix()


# -- commands -----------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """Every command as it is typed: "sync", "config check"."""
    for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})
        yield from (f"{name} {each}" for each in inner) if inner else (name,)


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"(?:`|\brosterd ){command}\b", EVERYTHING)


def test_every_command_that_is_documented_is_there() -> None:
    known = {command.split()[0] for command in commands()}
    code = re.findall(r"`([^`\n]+)`", EVERYTHING) + "".join(blocks(EVERYTHING, "sh")).splitlines()
    named = {found for text in code for found in re.findall(r"\brosterd (?:--config \S+ )?([a-z]+(?:-[a-z]+)*)", text)}
    assert len(named) > 5
    assert named - known == NOT_THERE
    assert not known & NOT_THERE, "it is there now: say so"


def test_the_readmes_exit_codes_are_those_of_the_command() -> None:
    known = {0, errors.ERROR, errors.CHANGES, errors.HELD, errors.BUSY, errors.INTERRUPTED}
    assert {int(row[0]) for row in table(section(README, "Exit codes"))} == known


def test_what_is_typed_at_make_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = {name for page in blocks(EVERYTHING, "sh") for name in re.findall(r"^make ([a-z]+)", page, re.MULTILINE)}
    assert {"demo", "test"} <= typed <= targets


def test_ci_runs_the_readmes_test_command() -> None:
    assert re.search(r"^make test\b", blocks(README, "sh")[0], re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


# -- configuration ------------------------------------------------------------------------------------------------


def load(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    """The settings of a text whose secrets are all there."""
    for name in re.findall(r'env = "(\w+)"', text):
        monkeypatch.setenv(name, "hunter2")
    for name in re.findall(r'file = "([\w.-]+)"', text):
        (folder / name).write_text("hunter2", encoding="utf-8")
    file = folder / "rosterd.toml"
    file.write_text(text, encoding="utf-8")
    loaded = settings.load(file)
    settings.check_secrets(loaded)
    return loaded


WORKSPACE, *DIRECTORIES = blocks(README, "toml")


@pytest.mark.parametrize("block", DIRECTORIES, ids=lambda block: re.findall(r'id = "([\w-]+)"', block)[0])
def test_a_configuration_of_the_readme_loads(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory,) = load(tmp_path, WORKSPACE + block, monkeypatch).directory
    assert type(settings.connector_config(directory)) is config(directory.kind)


def test_the_readmes_configurations_load_together_and_show_every_kind_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(tmp_path, WORKSPACE + "".join(DIRECTORIES), monkeypatch)
    assert {each.kind for each in loaded.directory} == set(KINDS) - {"scim"}


def own_fields(kind: str) -> dict[str, FieldInfo]:
    return {name: config(kind).model_fields[name] for name in own_keys(kind)}


DOCUMENTED: dict[str, dict[str, FieldInfo]] = {
    "`[store]`": model.StoreSettings.model_fields,
    "`[http]`": model.HttpSettings.model_fields,
    "`[daemon]`": model.DaemonSettings.model_fields,
    "`[retention]`": model.RetentionSettings.model_fields,
    "`[log]`": model.LogSettings.model_fields,
    "`[trace]`": model.TraceSettings.model_fields,
    "`[[notify]]`": model.NotifySettings.model_fields,
    "`[[workspace]]`": model.WorkspaceSettings.model_fields,
    "`[[workspace.role]]`": model.RoleAxis.model_fields,
    "`[[workspace.role_rule]]`": model.RoleRule.model_fields,
    "`[workspace.limits]`": Limits.model_fields,
    "One limit": Limit.model_fields,
    "`flap`": Flap.model_fields,
    "`[[directory]]`": model.DirectorySettings.model_fields,
    **{f'`kind = "{kind}"`': own_fields(kind) for kind in KINDS},
    "`[[directory.attribute]]`": keys_of(model.DirectoryAttribute),
    "`[[directory.role]]`": model.DirectoryRole.model_fields,
    "`[[directory.team]]`": model.DirectoryTeam.model_fields,
    "Secrets": SecretRef.model_fields,
}
# Defaults that a validator works out from other keys.
WORKED_OUT = {("`[[workspace]]`", "name"): "the id", ("`[[workspace.role]]`", "default"): "the lowest value"}
TABLES = {"attribute", "role", "role_rule", "limits", "team"}


def documented(title: str) -> dict[str, str]:
    """The keys of a section with their defaults as written."""
    rows = table(section(CONFIGURATION, title))
    return {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}


def default_of(title: str, name: str, info: FieldInfo) -> str:
    """How the page writes the default of a key."""
    if (title, name) in WORKED_OUT:
        return WORKED_OUT[title, name]
    if name in TABLES and not isinstance(info.default, str | None) and not info.is_required():
        return "below"
    default: Any = info.get_default()
    return "required" if info.is_required() else "none" if default is None else f"`{toml(default)}`"


@pytest.mark.parametrize("title", DOCUMENTED)
def test_every_key_is_documented_with_its_default(title: str) -> None:
    expected = {name: default_of(title, name, info) for name, info in DOCUMENTED[title].items()}
    assert documented(title) == expected


def test_every_table_of_the_settings_has_a_section() -> None:
    """A new table, a new kind of directory: the list above would not know it."""

    def tables_of(model: type[BaseModel]) -> Iterator[int]:
        for info in model.model_fields.values():
            for part in settings_parts(info.annotation):
                yield from map(id, part.model_fields.values())
                yield from tables_of(part)

    known = {id(info) for fields in DOCUMENTED.values() for info in fields.values()}
    found = {*tables_of(settings.Settings)}
    assert len(found) > 5
    assert found <= known


def settings_parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from settings_parts(part)


# -- the life of a run --------------------------------------------------------------------------------------------


def source(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def test_the_reason_codes_are_those_of_the_program() -> None:
    listed = {code for row in table(section(LIFECYCLE, "States")) for code in re.findall(r"`(\w+)`", row[0])}
    names = ("plan", "decide", "match", "lasting")
    text = source(*(f"reconciler/{name}.py" for name in names), "store/apply.py")
    made = set(re.findall(r'(?:Conflict\(|Outcome\("(?:failed|skipped)", )"(\w+)"', text))
    assert len(made) > 5
    assert made <= listed
    assert {code for code in listed if f'"{code}"' not in text} == set()


def test_every_kind_of_evidence_is_explained() -> None:
    rows = table(section(LIFECYCLE, "Why a removal is believed"))
    assert {row[0].strip("`") for row in rows} == {each.value for each in Evidence}


def test_the_order_of_applying_is_that_of_the_plan() -> None:
    order = ", ".join(step.change.replace("_", " ") for step in Step)
    assert order in " ".join(LIFECYCLE.split())


PLACE = re.compile(r"`((?:connectors|reconciler|rosterd|store|tests|bench|docs)/[\w./]+?)(?:: ([\w.]+))?`")
PLACEHOLDERS = ("KIND", "NNNN")


@pytest.mark.parametrize("page", PAGES, ids=called)
def test_every_place_in_the_code_that_is_named_is_there(page: Path) -> None:
    for path, name in PLACE.findall(page.read_text(encoding="utf-8")):
        if any(word in path for word in PLACEHOLDERS):
            continue
        assert (ROOT / path).exists(), path
        for part in name.split(".") if name else ():
            assert re.search(rf"^\s*(?:class|def|async def) {part}\b", source(path), re.MULTILINE), f"{path}: {name}"


def test_the_table_of_places_is_checked() -> None:
    found = PLACE.findall(LIFECYCLE)
    assert ("store/runs.py", "RunTasks.open") in found
    assert len(found) > 15


# -- links and what may not be there ------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=called)
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


# Written in two parts, so that this file does not hold what it looks for.
UNWANTED = (
    *(re.escape(f"{name}.{end}") for name, end in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("proxy.golang", "org"),
        ("crates", "io"), ("conda.anaconda", "org"),
    )),
    r"(?<!no-emit-)(?<!extra-)(?:extra-)?" + "index" + "-url",
    r"(?<!no-emit-)" + "find" + "-links",
    r"(?<![\w.:/-])/(?:" + "work|tmp|root|home" + r")/\w",
    r"(?<![\w.:/-])/" + "Users" + r"/[\w.-]+/\w",  # a home has something below it, a SCIM user has not
)  # fmt: skip


def files() -> list[Path]:
    """Every file that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def unwanted(text: str) -> list[str]:
    return [found[0] for pattern in UNWANTED for found in re.finditer(pattern, text)]


def test_no_file_names_a_package_registry_or_a_path_of_somebodys_machine() -> None:
    found = {called(file): unwanted(file.read_bytes().decode("utf-8", "replace")) for file in files()}
    assert len(found) > 100
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("text", [
    "https://" + "pypi" + ".org/simple", "--" + "index" + "-url http://x", "--extra-" + "index" + "-url http://x",
    "PYTHONPATH=" + "/" + "home/ada", '"' + "/" + "tmp/x", "/" + "Users/ada/rosterd"],
)  # fmt: skip
def test_what_is_unwanted_would_be_found(text: str) -> None:
    assert unwanted(text)
    assert not unwanted("uv pip compile --no-emit-index-url https://example.com/home/x")
    assert not unwanted("GET /Users/2819c223")
