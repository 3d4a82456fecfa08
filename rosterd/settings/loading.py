"""Finding, reading and checking a configuration file. Opens no connection and starts nothing."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from connectors.base import Refused, SecretRef
from rosterd.settings.errors import ConfigError, Problem
from rosterd.settings.kinds import settings_model
from rosterd.settings.lines import Path as Keys
from rosterd.settings.model import KINDS, Settings
from rosterd.settings.problems import Place, ordered, unknown_key
from rosterd.settings.rules import Found, broken, tables

NAME = "rosterd.toml"
VARIABLE = "ROSTERD_CONFIG"

_MODEL = TypeVar("_MODEL", bound=BaseModel)
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def find(path: str | Path | None, env: Mapping[str, str], cwd: Path) -> Path:
    """The configuration file: `path` (from `--config`), else what ROSTERD_CONFIG names, else rosterd.toml in `cwd`.

    Raises:
        ConfigError: there is no such file.
    """
    given = path or env.get(VARIABLE) or NAME
    file = cwd / given
    if file.is_file():
        return file
    source = "--config" if path else VARIABLE if env.get(VARIABLE) else ""
    message = f"there is no configuration file {given}" + (f" (named by {source})" if source else "")
    fix = f"write one with: rosterd config example > {NAME}; or name yours with --config FILE or {VARIABLE}"
    raise ConfigError((Problem("no_file", message, file=str(given), fix=fix),))


def load(path: str | Path | None = None) -> Settings:
    """The settings of the file that `find` finds, relative paths in it made absolute from its folder.

    Secrets are not looked at: `check_secrets` does that for commands that will need them.

    Raises:
        ConfigError: no file, not readable, not TOML, or anything in it is wrong; it lists everything.
    """
    file = find(path, os.environ, Path.cwd())
    shown = _shown(file)
    text = _read(file, shown)
    raw = _parse(text, shown)
    return _rebased(_validated(raw, text, shown), file.resolve().parent).at(file)


def _shown(file: Path) -> str:
    """The file as a person at this terminal would name it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _read(file: Path, shown: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise ConfigError((Problem("unreadable", f"the configuration file cannot be read: {reason}", shown),)) from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        message = "the configuration file is not UTF-8 text"
        raise ConfigError((Problem("unreadable", message, shown, line, fix="save it as UTF-8"),)) from exc


def _parse(text: str, shown: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        said = str(exc)
        at = _AT_LINE.search(said)
        last = len(text.rstrip("\n").split("\n"))
        line = int(at[1]) if at is not None and at[1] else last
        fix = "strings need quotes, a table name is [name] or [[name]], each key stands once (https://toml.io)"
        message = f"this is not TOML: {_AT_LINE.sub('', said)}"
        raise ConfigError((Problem("toml_syntax", message, shown, line, fix=fix),)) from exc


def _validated(raw: dict[str, Any], text: str, shown: str) -> Settings:
    kinds = frozenset(str(each.get("kind")) for _, each in tables(raw, "directory")) & frozenset(KINDS)
    # BaseSettings takes options of its own as arguments that begin with an underscore; none of them is a key.
    own = {name: value for name, value in raw.items() if not name.startswith("_")}
    rules: list[Found] = [*broken(raw), *(unknown_key((name,), raw) for name in raw if name not in own)]
    try:
        settings = settings_model(kinds)(**own)
    except ValidationError as exc:
        raise ConfigError(ordered(Place(shown, raw, text), rules, exc, raw)) from None  # its text repeats values
    if rules:
        raise ConfigError(ordered(Place(shown, raw, text), rules, None, raw))
    return settings


# -- paths --------------------------------------------------------------------------------------------------------


def _rebased(settings: Settings, folder: Path) -> Settings:
    store = settings.store.model_copy(update={"url": _sqlite_in(settings.store.url, folder)})
    return _absolute(settings, folder).model_copy(update={"store": store})


def _sqlite_in(url: str, folder: Path) -> str:
    """`sqlite:///rosterd.db` with the path made absolute; other databases, memory and `file:` names stay."""
    scheme, separator, path = url.partition(":///")
    if not scheme.startswith("sqlite") or not path or path.startswith(("/", ":memory:", "file:", "?")):
        return url
    return f"{scheme}{separator}{folder / path}"


def _absolute(model: _MODEL, folder: Path) -> _MODEL:
    """The same values with every relative path absolute."""
    changed = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        moved = _moved(value, folder)
        if moved is not value:
            changed[name] = moved
    return model.model_copy(update=changed) if changed else model


def _moved(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        return _absolute(value, folder)
    if isinstance(value, tuple):
        return tuple(_moved(each, folder) for each in value)
    return value


# -- secrets ------------------------------------------------------------------------------------------------------


def check_secrets(settings: Settings, directories: tuple[str, ...] = ()) -> None:
    """Looks every secret up once and forgets it, for these directories or for all.

    Raises:
        ConfigError: a variable is not set, a file cannot be read, or either is empty; it lists all of them.
    """
    missing = [
        found
        for index, directory in enumerate(settings.directory)
        if not directories or directory.id in directories
        for path, secret in _secrets(directory, ("directory", index))
        for found in _unresolved(path, secret)
    ]
    if missing:
        place = _place_of(settings)
        raise ConfigError(tuple(place.problem(found) for found in missing))


def _unresolved(path: Keys, secret: SecretRef) -> Iterator[Found]:
    try:
        secret.reveal()
    except Refused as exc:
        yield Found("missing_secret", path, exc.message, exc.fix)


def _place_of(settings: Settings) -> Place:
    """The places of a file that was loaded a moment ago; read again, since only errors need them."""
    if settings.file is None:
        return Place("", {}, "")
    text = _read(settings.file, _shown(settings.file))
    return Place(_shown(settings.file), _parse(text, _shown(settings.file)), text)


def _secrets(value: object, path: Keys) -> Iterator[tuple[Keys, SecretRef]]:
    if isinstance(value, SecretRef):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _secrets(each, (*path, index))
