"""Answers of Google as they were recorded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.answer import Answer
from connectors.google_wire import User

FIXTURES = Path(__file__).parent / "fixtures" / "google"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_bytes())


def record(person: str) -> User:
    return next(msgspec.convert(raw, User) for raw in recorded("users.json")["users"] if raw["id"] == person)


def error(name: str, **headers: str) -> Answer:
    found = recorded("errors.json")[name]
    return Answer(found["status"], headers, json.dumps(found["body"]).encode())


def ok(body: Mapping[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps(body).encode())
