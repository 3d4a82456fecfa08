"""Requests by chance, made from the description: none is a fault, every answer is as it is described."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from store import open_store
from tests.databases import SHARED, Postgres
from tests.rosterd.http.api import Acme
from tests.rosterd.http.test_api import DESCRIPTION

WORDS = st.sampled_from(["acme", "hand", "okta", "told", "ada@acme.com", "role", "admin", "held", "true", "0", "-1", "",
                         "9" * 30, "2026-11-21T10:00:00Z", "0001-01-01T00:00:00Z", "WyJhIiwiYiJd"])  # fmt: skip
TEXTS = st.one_of(WORDS, st.text(max_size=20))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
OPERATIONS = [(path, method, each) for path, known in DESCRIPTION["paths"].items() for method, each in known.items()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def acme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """Served; a run holds that three left. The gate lets everything through that comes often."""
    folder = tmp_path_factory.mktemp("chance")
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    opened = open_store(server.url(SHARED) if server else f"sqlite:///{folder}/rosterd.db")
    made = Acme(opened, folder, "ada", "bob", "cyd", "dan")
    made.run = made.hold().run
    with made.served(rate=10_000.0):
        yield made
    opened.close()
    if server:
        server.empty()


def body_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Bodies with the right keys and values of any kind, and any values at all."""
    found = schema.get("anyOf", [schema])[0]
    named = DESCRIPTION["components"]["schemas"][found["$ref"].rpartition("/")[2]]["properties"]
    likely = st.one_of(VALUES, st.dictionaries(TEXTS, TEXTS, max_size=2), st.lists(TEXTS, max_size=2))
    near = dict.fromkeys(named, likely)
    return st.one_of(VALUES, st.fixed_dictionaries(near), st.fixed_dictionaries({}, optional=near))


@given(chance=st.data())
@settings(deadline=None, max_examples=150)
def test_no_request_is_a_fault(acme: Acme, chance: st.DataObject) -> None:
    path, method, described = chance.draw(st.sampled_from(OPERATIONS))
    names = st.one_of(st.just(acme.run), TEXTS)
    given_path, query = path, {}
    for each in described.get("parameters", ()):
        if each["in"] == "query":
            if chance.draw(st.booleans()) and each["name"] != "wait":
                query[each["name"]] = chance.draw(names)
            continue
        given_path = given_path.replace(f"{{{each['name']}}}", quoted(chance.draw(names)))
    body: dict[str, Any] = {}
    if "requestBody" in described and chance.draw(st.booleans()):
        drawn = chance.draw(body_of(described["requestBody"]["content"]["application/json"]["schema"]))
        # Python writes NaN and Infinity too, which are no JSON (RFC 8259 section 6); others may send them as well.
        body = {"content": json.dumps(drawn), "headers": {"content-type": "application/json"}}
    with acme.client() as client:
        answer = client.request(method.upper(), given_path.removeprefix("/v1"), params=query, **body)
    assert answer.status_code < 500, answer.text
    found = described["responses"].get(str(answer.status_code), described["responses"]["default"])
    media = answer.headers["content-type"]
    if answer.status_code in (404, 405):  # a name that is none may lead elsewhere
        assert media == "application/problem+json"
    elif media in found["content"]:
        schema = {**found["content"][media]["schema"], "components": DESCRIPTION["components"]}
        Draft202012Validator(schema).validate(answer.json())
    else:
        assert given_path != path  # it led to another route


def quoted(text: str) -> str:
    """As part of a path; "." and ".." would be taken out of it by the client."""
    return quote(text, safe="").replace(".", "%2E") or "-"
