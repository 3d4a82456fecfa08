"""The vendors' own descriptions, and checks of JSON against them: what is wrong comes back as sentences.

Okta's OpenAPI document and Graph's types lie outside this repository (in `ROSTERD_SPECS`, else in `../shared/specs`
beside it); Google's discovery document comes with its SDK. A check is strict both ways: a property that the vendor
does not document is wrong too.
"""

import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "specs"
Json = Any


def spec(name: str) -> Path:
    """A description that is not in the repository; the test is skipped where it is not at hand."""
    path = Path(os.environ.get("ROSTERD_SPECS") or _BESIDE) / name
    if not path.is_file():
        pytest.skip(f"the vendor's description {name} is neither in ROSTERD_SPECS nor in ../shared/specs")
    return path


# -- Okta: OpenAPI 3.0 --------------------------------------------------------------------------------------------

_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("date-time")
def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


@cache
def _okta() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(spec("okta-directory.openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    return document


def _as_json_schema(part: Json) -> Json:
    """OpenAPI 3.0 → JSON Schema: `nullable` becomes the type null (enumerations get null too)."""
    if isinstance(part, list):
        return [_as_json_schema(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _as_json_schema(value) for key, value in part.items()}
    if made.pop("nullable", False) is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


@cache
def _okta_validator(name: str, array: bool) -> jsonschema.Draft202012Validator:
    item = {"$ref": f"#/components/schemas/{name}"}
    root = {"type": "array", "items": item} if array else item
    whole = {**root, "components": _as_json_schema(_okta()["components"])}
    return jsonschema.Draft202012Validator(whole, format_checker=_formats)


def okta_problems(value: Json, name: str) -> list[str]:
    """What in `value`, an object of schema `name` or a list of such, Okta's document does not allow."""
    wrong = [f"{e.json_path}: {e.message}" for e in _okta_validator(name, isinstance(value, list)).iter_errors(value)]
    items = value if isinstance(value, list) else [value]
    return wrong + [
        found for item in items for found in _undocumented(item, {"$ref": f"#/components/schemas/{name}"}, name)
    ]


def _undocumented(value: Json, schema: dict[str, Any], where: str) -> Iterator[str]:
    if isinstance(value, list):
        for schema_part in _parts(schema):
            if "items" in schema_part:
                for item in value:
                    yield from _undocumented(item, schema_part["items"], where)
    if not isinstance(value, dict):
        return
    parts = list(_parts(schema))
    if any(part.get("additionalProperties") for part in parts):
        return
    for name, below in value.items():
        known = [part["properties"][name] for part in parts if name in part.get("properties", {})]
        if not known:
            yield f"{where}.{name} is not documented"
        else:
            yield from _undocumented(below, {"allOf": known}, f"{where}.{name}")


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and all that it is composed of."""
    if "$ref" in schema:
        yield from _parts(_okta()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return
    yield schema
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            yield from _parts(part)


# -- Graph: EDM types ---------------------------------------------------------------------------------------------


@cache
def graph_types() -> dict[str, Any]:
    types: dict[str, Any] = json.loads(spec("graph-directory.types.json").read_text())["types"]
    return types


def graph_properties(name: str) -> dict[str, str]:
    """Property → type of a type and its bases."""
    found: dict[str, str] = {}
    base: str | None = name
    while base:
        described = graph_types()[base]
        found = {**described["properties"], **found}
        base = (described["base"] or "").replace("graph.", "microsoft.graph.", 1) or None
    return found


def graph_problems(value: dict[str, Any], name: str) -> list[str]:
    """What in one object Graph's metadata does not allow."""
    properties = graph_properties(name)
    found: list[str] = []
    for key, content in value.items():
        if key.startswith(("@odata.", "extension_")):
            continue
        if key in graph_types()[name]["navigation"]:
            continue
        if key not in properties:
            found.append(f"{name}.{key} is not documented")
        else:
            found += _edm_problems(content, properties[key], f"{name}.{key}")
    return found


def _edm_problems(value: Json, edm: str, where: str) -> list[str]:
    edm, _, required = edm.partition(" ")
    if value is None:
        return [f"{where} must not be null"] if required else []
    if edm.startswith("Collection("):
        inner = edm[len("Collection(") : -1]
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [found for item in value for found in _edm_problems(item, inner, where)]
    if edm.startswith("graph."):
        known = edm.replace("graph.", "microsoft.graph.", 1)
        return graph_problems(value, known) if known in graph_types() and isinstance(value, dict) else []
    return [] if _is_edm(value, edm) else [f"{where}: {value!r} is no {edm}"]


def _is_edm(value: Json, edm: str) -> bool:
    match edm:
        case "Edm.String":
            return isinstance(value, str)
        case "Edm.Boolean":
            return isinstance(value, bool)
        case "Edm.Int32":
            return isinstance(value, int) and not isinstance(value, bool)
        case "Edm.DateTimeOffset":
            return isinstance(value, str) and dt.datetime.fromisoformat(value).tzinfo is not None
        case "Edm.Guid":
            return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(value)) is not None
    raise AssertionError(f"the check does not know {edm}")


# -- Google: discovery document -----------------------------------------------------------------------------------


@cache
def google_document() -> dict[str, Any]:
    package = find_spec("googleapiclient")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "discovery_cache" / "documents" / "admin.directory_v1.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def google_problems(value: Json, name: str) -> list[str]:
    """What in an object of schema `name` the discovery document does not allow."""
    return _discovery_problems(value, {"$ref": name}, name)


def _discovery_problems(value: Json, schema: dict[str, Any], where: str) -> list[str]:
    if "$ref" in schema:
        schema = google_document()["schemas"][schema["$ref"]]
    match schema["type"]:
        case "any":
            return []
        case "object":
            return _discovery_object(value, schema, where) if isinstance(value, dict) else [f"{where} is no object"]
        case "array":
            if not isinstance(value, list):
                return [f"{where} is no list"]
            return [found for item in value for found in _discovery_problems(item, schema["items"], where)]
        case "boolean":
            return [] if isinstance(value, bool) else [f"{where}: {value!r} is no boolean"]
        case "string":
            return _discovery_string(value, schema, where)
    raise AssertionError(f"the check does not know {schema['type']}")


def _discovery_object(value: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
    found: list[str] = []
    properties, more = schema.get("properties", {}), schema.get("additionalProperties")
    for key, content in value.items():
        known = properties.get(key, more)
        if known is None:
            found.append(f"{where}.{key} is not documented")
        else:
            found += _discovery_problems(content, known, f"{where}.{key}")
    return found


def _discovery_string(value: Json, schema: dict[str, Any], where: str) -> list[str]:
    if not isinstance(value, str):
        return [f"{where}: {value!r} is no string"]
    match schema.get("format"):
        case "int64":
            return [] if value.isdecimal() else [f"{where}: {value!r} is no int64"]
        case "date-time":
            return [] if _is_time(value) else [f"{where}: {value!r} is no date-time"]
    return []
