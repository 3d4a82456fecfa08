"""From what pydantic and the rules found to problems a person can act on: the key, its line, the nearest known key.

No text made here holds a value from the file, save the ones that have to be one of a few words.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rosterd.settings.errors import Problem
from rosterd.settings.kinds import directory_model, own_keys
from rosterd.settings.lines import Lines, Path
from rosterd.settings.model import FROM_ENVIRONMENT, KINDS, PREFIX, Settings
from rosterd.settings.rules import Found, Table, nearest
from rosterd.settings.values import keys_of

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "an array",
    "list_type": "an array",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a path",
}
_TOML_NAMES: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text",
                                list: "an array", dict: "a table"}  # fmt: skip


class Place:
    """Where a path stands: in which file and line, and what the table around it is called."""

    def __init__(self, file: str, raw: Table, text: str) -> None:
        self._file = file
        self._raw = raw
        self._lines = Lines(text)

    def problem(self, found: Found) -> Problem:
        """The finding with its place."""
        if (name := _variable(found.path)) is not None:
            file = f"environment variable {name}"
            return Problem(found.code, found.message, file, key=dotted(found.path), fix=found.fix)
        return Problem(
            code=found.code,
            message=found.message,
            file=self._file,
            line=self._lines.of(found.path),
            key=dotted(found.path),
            fix=found.fix,
            table=self._table(found.path),
        )

    def _table(self, path: Path) -> str:
        if not path:
            return ""
        if len(path) == 1 or not isinstance(path[1], int):
            return f"[{path[0]}]" if len(path) > 1 else ""
        row = at(self._raw, path[:2])
        name = row.get("id") if isinstance(row, Mapping) else None
        return f"[[{path[0]}]] {name}" if isinstance(name, str) else f"[[{path[0]}]]"


def _variable(path: Path) -> str | None:
    """The environment variable that this key was read from, if it was."""
    name = (PREFIX + "__".join(str(step) for step in path)).upper()
    return name if len(path) > 1 and path[0] in FROM_ENVIRONMENT and name in os.environ else None


def dotted(path: Path) -> str:
    """`directory[1].role[0].groups."Jamie Admins"`: a path as people write it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = step.replace("_", "").replace("-", "").isalnum()
            text += ("." if text else "") + (step if plain else f'"{step}"')
    return text


def at(raw: object, path: Path) -> object:
    """What stands at this path of the decoded file; None where nothing does."""
    for step in path:
        if isinstance(raw, Mapping):
            raw = raw.get(step)
        elif isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
        else:
            return None
    return raw


def ordered(place: Place, rules: Iterable[Found], error: ValidationError | None, raw: Table) -> tuple[Problem, ...]:
    """All problems in the order of the file, one for each key; a rule's words go before pydantic's."""
    errors = error.errors(include_url=False) if error is not None else []
    found = [*rules, *(_found(each, raw) for each in errors if not _echo(each))]
    first: dict[Path, Found] = {}
    for each in found:
        first.setdefault(each.path, each)
    problems = [place.problem(each) for each in first.values()]
    return tuple(sorted(problems, key=lambda each: (each.line is None, each.line or 0)))


def _echo(error: ErrorDetails) -> bool:
    """An array whose items were refused is also reported as too short."""
    return error["type"] == "too_short" and bool(error["input"])


def _found(error: ErrorDetails, raw: Table) -> Found:
    path = _path(error["loc"])
    kind = error["type"]
    if kind in _SPOKEN:
        return _SPOKEN[kind](error, path, raw)
    if kind in _EXPECTED:
        return _wrong_type(error, path)
    message = error["msg"]
    return Found("bad_value", path, message[:1].lower() + message[1:], _about(path, raw))


def _path(loc: tuple[int | str, ...]) -> Path:
    """pydantic's location without the name of the directory's kind and without its mark for keys."""
    tagged = len(loc) > 2 and loc[0] == "directory" and loc[2] in KINDS
    steps = (*loc[:2], *loc[3:]) if tagged else loc
    return tuple(step for step in steps if step != "[key]")


def _wrong_type(error: ErrorDetails, path: Path) -> Found:
    expected, given = _EXPECTED[error["type"]], _TOML_NAMES.get(type(error["input"]), "a date or time")
    fix = ""
    if expected == "an array" and given == "a table":
        fix = f"write {_header((*path, 0))}, with two brackets"
    return Found("wrong_type", path, f"this is {given} where {expected} is expected", fix)


def _ours(error: ErrorDetails, path: Path, raw: Table) -> Found:  # noqa: ARG001 -- one signature for the table
    said = error["ctx"]
    return Found(said["code"], path, said["message"], said["fix"])


def _unknown_key(error: ErrorDetails, path: Path, raw: Table) -> Found:  # noqa: ARG001
    return unknown_key(path, raw)


def unknown_key(path: Path, raw: Table) -> Found:
    """An unknown key, with the place where it is known or the nearest known one."""
    name = str(path[-1])
    model = model_at(path[:-1], raw)
    known = tuple(keys_of(model)) if model is not None else ()
    fix = _belongs(path, raw)
    if not fix and (near := nearest(name, known)) is not None:
        fix = f'did you mean "{near}"?'
    return Found("unknown_key", path, f'unknown key "{name}"', fix or f"known here: {', '.join(known)}")


def _belongs(path: Path, raw: Table) -> str:
    """Where a key of exactly this name is known: with another kind, or in a table that this one stands inside."""
    name = str(path[-1])
    if path[0] == "directory" and len(path) == 3 and (kinds := [kind for kind in KINDS if name in own_keys(kind)]):
        return f"it is a key of kind {' and '.join(kinds)}"
    for length in range(len(path) - 2, 0, -1):
        model = model_at(path[:length], raw)
        if isinstance(path[length - 1], int) and model is not None and name in keys_of(model):
            outer, inner = _header(path[:length]), _header(path[:-1])
            return f"it is a key of {outer}: move it above {inner}, where that table still goes on"
    return ""


def _header(path: Path) -> str:
    name = ".".join(step for step in path if isinstance(step, str))
    return f"[[{name}]]" if isinstance(path[-1], int) else f"[{name}]"


def _missing(error: ErrorDetails, path: Path, raw: Table) -> Found:
    if path == ("workspace",):
        return Found("no_workspace", path, "the file declares no workspace", "add a [[workspace]] with an id")
    if error["type"] == "union_tag_not_found":
        path = (*path, "kind")
        return Found("missing_key", path, 'the key "kind" is missing', f"one of: {', '.join(KINDS)}")
    return Found("missing_key", path, f'the key "{path[-1]}" is missing', _about(path, raw))


def _unknown_kind(error: ErrorDetails, path: Path, raw: Table) -> Found:
    given = at(raw, (*path, "kind"))
    if not isinstance(given, str):
        return _wrong_type({**error, "type": "string_type", "input": given}, (*path, "kind"))
    near = nearest(given, KINDS)
    fix = f'did you mean "{near}"?' if near else f"one of: {', '.join(KINDS)}"
    return Found("unknown_kind", (*path, "kind"), f'there is no kind "{given[:40]}"', fix)


def _not_one_of(error: ErrorDetails, path: Path, raw: Table) -> Found:  # noqa: ARG001
    given, expected = error["input"], str(error["ctx"]["expected"])
    words = tuple(word.strip("'") for word in expected.replace(" or ", ", ").split(", "))
    near = nearest(given, words) if isinstance(given, str) else None
    shown = f'"{given[:40]}"' if isinstance(given, str) else "this"
    fix = f'did you mean "{near}"?' if near else f"one of: {', '.join(words)}"
    return Found("bad_value", path, f"{shown} is none of the possible values", fix)


def _said(error: ErrorDetails, path: Path, raw: Table) -> Found:
    """A ValueError of a model; SecretRef's sentence about literals gets a code of its own (connectors/base.py)."""
    message = str(error["ctx"]["error"])
    if "never a literal" in message:
        fix = f'write {path[-1]} = {{ env = "NAME" }} and put the secret into that environment variable'
        return Found("literal_secret", path, message, fix)
    return Found("bad_value", path, message, _about(path, raw))


def _empty(error: ErrorDetails, path: Path, raw: Table) -> Found:
    if path == ("workspace",):
        return _missing(error, path, raw)
    return Found("empty_value", path, "this must not be empty", _about(path, raw))


_SPOKEN: dict[str, Callable[[ErrorDetails, Path, Table], Found]] = {
    "rosterd": _ours,
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_not_found": _missing,
    "union_tag_invalid": _unknown_kind,
    "literal_error": _not_one_of,
    "value_error": _said,
    "too_short": _empty,
    "string_too_short": _empty,
}


def _about(path: Path, raw: Table) -> str:
    """What the key is for, in the words of its description."""
    model = model_at(path[:-1], raw) if path else None
    field = keys_of(model).get(str(path[-1])) if model is not None else None
    if field is None or not field.description:
        return ""
    return f"{path[-1]}: {field.description}"


def model_at(path: Path, raw: Table) -> type[BaseModel] | None:
    """The class of the table at this path; None where there is no table of ours."""
    model: type[BaseModel] | None = Settings
    for index, step in enumerate(path):
        if isinstance(step, int) or model is None:
            continue
        if index == 0 and step == "directory":
            kind = at(raw, (*path[:2], "kind"))
            model = directory_model(kind) if isinstance(kind, str) and kind in KINDS else None
        else:
            field = keys_of(model).get(step)
            model = next(_models(field.annotation), None) if field is not None else None
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
