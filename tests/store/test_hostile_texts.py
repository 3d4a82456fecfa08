"""Whatever texts a directory holds, they go from the connector into the mirror and come out again."""

import asyncio
import itertools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.answer import Answer, kept_text
from connectors.base import Opened
from connectors.okta import Config, open  # noqa: A004
from reconciler.policy import Policy, RoleSource, TeamMapping
from store import Store
from store.snapshot import View
from store.staging import Staging
from tests.builders import policy

NASTY = "\0\x1d\x1e\x1f\ud800\udc00\ud83d\ude00=/?#%\\\"'\n"
HOSTILE = st.text(st.characters(exclude_characters="\U0010ffff") | st.sampled_from(NASTY), max_size=12)
ODD = st.recursive(
    HOSTILE | st.none() | st.booleans() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("login", "email", "firstName", "lastName", "displayName", "title", "department", "manager")
STATUSES = st.sampled_from(["ACTIVE", "SUSPENDED", "STAGED", "\0ACTIVE\0"])


def kept(text: str) -> str:
    """As JSON says it, without what cannot be kept."""
    return kept_text(text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))


def ids(prefix: str) -> st.SearchStrategy[list[str]]:
    """Different ones, also when only what can be kept of them is looked at."""
    return st.lists(HOSTILE.map(lambda text: prefix + text), min_size=1, max_size=4, unique_by=kept)


def _id(record: Mapping[str, Any]) -> str:
    return str(record["id"])


def kept_value(value: Any) -> Any:
    """The same of what is nested; of names that become one, the last counts, as in any JSON."""
    if isinstance(value, str):
        return kept(value)
    if isinstance(value, list):
        return [kept_value(each) for each in value]
    return {kept(name): kept_value(each) for name, each in value.items()} if isinstance(value, dict) else value


@st.composite
def directories(draw: st.DrawFn) -> dict[str, Any]:
    """The bodies of an Okta org's answers, before they are JSON."""
    people = [
        {
            "id": external_id,
            "status": draw(STATUSES),
            "profile": {name: draw(HOSTILE) for name in FIELDS} | {"jamie_role": draw(ODD)},
        }
        for external_id in draw(ids("00u"))
    ]
    groups = [{"id": group, "profile": {"name": draw(HOSTILE)}} for group in draw(ids("00g"))]
    some = st.lists(st.sampled_from(people), unique_by=_id)
    members = {group["id"]: draw(some) for group in groups}
    return {"people": people, "groups": groups, "members": members}


class Org:
    """In place of the connector's session: answers from what hypothesis made up."""

    def __init__(self, directory: Mapping[str, Any]) -> None:
        self._directory = directory

    async def get(self, url: str) -> Answer:
        path = url.removeprefix("https://acme.okta.com/api/v1/").partition("?")[0].split("/")
        if path[0] == "users":
            found = self._directory["people"]
        elif len(path) == 1:
            found = self._directory["groups"]
        else:
            found = next(who for group, who in self._directory["members"].items() if kept(group) == unquote(path[1]))
        return Answer(200, {}, json.dumps(found).encode())  # as ASCII: surrogates are escaped

    async def close(self) -> None:
        """Nothing is open."""


async def absorb(store: Store, asked: Policy, directory: Mapping[str, Any]) -> None:
    config = Config.model_validate({"url": "https://acme.okta.com", "token": {"env": "OKTA"}})
    connector: Any = open(config, Opened("okta"))
    connector._session = Org(directory)
    staging = Staging(store, asked, lambda: "2026-01-01T00:00:00.000Z")
    try:
        async for observation in connector.pull(asked.wanted({}, "")):
            staging.take(observation)
        complete = staging.promote()
        assert complete.whole, complete
    finally:
        staging.discard()


NUMBERS = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(directory=directories())
def test_whatever_a_directory_says_is_kept_as_far_as_it_can_be(
    store: Store, monkeypatch: pytest.MonkeyPatch, directory: dict[str, Any]
) -> None:
    monkeypatch.setenv("OKTA", "00token")
    groups = {kept(group["id"]) for group in directory["groups"]}
    teams = tuple(TeamMapping(group, f"Team {number}") for number, group in enumerate(sorted(groups)))
    asked = policy(
        directory=f"okta-{next(NUMBERS)}", sources=(RoleSource("role", attribute="jamie_role"),), teams=teams
    )
    asyncio.run(absorb(store, asked, directory))
    view = View(store, asked)
    try:
        found = {one.external_id: one for chunk in view.everyone() for one in chunk}
    finally:
        view.close()
    assert found.keys() == {kept(person["id"]) for person in directory["people"]}
    for person in directory["people"]:
        one = found[kept(person["id"])]
        inside = {kept(group) for group, members in directory["members"].items() if person in members}
        assert set(one.groups) == inside
        assert one.user is not None
        assert one.user.title == kept(person["profile"]["title"]).strip()
        said = person["profile"]["jamie_role"]
        assert one.user.attributes == ({} if said is None else {"jamie_role": kept_value(said)})
