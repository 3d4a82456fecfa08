"""The listener over the store answers as it does over resources in memory, whatever is asked in whatever order."""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.scim.dialects import dialect as dialect_of
from connectors.scim.exchange import Request, Response
from connectors.scim.listener import Listener
from connectors.scim.ports import Resources
from reconciler.policy import Policy
from store import Store
from store.scim.statements import Statements
from tests.builders import policy
from tests.connectors.scim.client import Client
from tests.connectors.scim.test_laws import IDS, JSON, METHOD, PATHS, QUERIES, STEPS
from tests.store.scim.endpoints import request

NUMBERS = count(1)

QUESTIONS = st.one_of(
    IDS.map("/Users/{}".format),
    IDS.map("/Groups/{}".format),
    st.sampled_from([
        "/Users", "/Groups", "/", "/Users?count=2&startIndex=2", "/?startIndex=3&count=2", "/Groups?count=0",
        '/Users?filter=userName eq "ADA@acme.com"', '/Groups?filter=displayName eq "bob"', "/Users?sortBy=userName",
        '/Users?filter=emails[type eq "work"].value eq "ada"', '/Users?filter=active eq false or title pr',
        '/Groups?filter=members.value eq "00000001-scim"&attributes=id', "/Groups?excludedAttributes=members",
        '/?filter=meta.resourceType eq "Group" and displayName sw "a"', "/Users?attributes=groups",
    ]),
)  # fmt: skip


class Refused(Exception):
    """Rolls back what was refused."""


class OverStore(Client):
    """The same client, of a directory in a store: each request is a transaction, a refused one is rolled back."""

    def __init__(self, opened: Store, asked: Policy, dialect: str, *, strict: bool) -> None:
        super().__init__(dialect, strict=strict)
        unique = dialect_of(dialect, strict=strict).unique_groups
        self.listener = _InStore(self.listener, opened, asked, unique_groups=unique)


class _InStore(Listener):
    def __init__(self, inner: Listener, opened: Store, asked: Policy, *, unique_groups: bool) -> None:
        super().__init__(inner.endpoint, inner._new_id)
        self._store, self._asked, self._unique = opened, asked, unique_groups

    def answer(self, asked: Request, resources: Resources, now: str) -> Response:  # noqa: ARG002 - over the store
        try:
            with request(self._store, self._asked, now=now, unique_groups=self._unique) as told:
                response = super().answer(asked, told, now)
                if response.status >= 400:
                    raise Refused
        except Refused:
            pass
        return response


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.booleans(), st.sampled_from(["generic", "entra"]),
    st.lists(st.one_of(STEPS, QUESTIONS.map(lambda target: ("GET", target, None))), max_size=14),
)  # fmt: skip
def test_over_the_store_as_in_memory(
    store: Store, strict: bool, dialect: str, steps: list[tuple[str, str, Any]]
) -> None:
    asked = policy(directory=f"listened-{next(NUMBERS)}")
    clients = Client(dialect, strict=strict), OverStore(store, asked, dialect, strict=strict)
    for method, target, sent in steps:
        answers = [
            each.patch(target, *sent) if method == "PATCH" else each.ask(method, target, sent) for each in clients
        ]
        seen = [(each.status, each.json, each.headers, each.changed, each.leniencies) for each in answers]
        assert seen[1] == seen[0], (method, target, sent)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(METHOD, PATHS, QUERIES, JSON)
def test_any_request_has_an_answer_over_the_store(
    store: Store, method: str, path: str, query: list[tuple[str, str]], sent: Any
) -> None:
    """No text, number or depth that a client can send is more than a database can be asked."""
    client = OverStore(store, policy(directory=f"listened-{next(NUMBERS)}"), "generic", strict=False)
    client.group("Eng", client.user("ada"))
    for named, body in ((query, None), ([], sent)):
        encoded = b"" if body is None else msgspec.json.encode(body)
        asked = Request(method, path, tuple(named), {"content-type": "application/json"}, encoded)
        assert client.listener.answer(asked, client.memory, "2026-11-21T09:00:00.000Z").status in range(200, 502)


def test_a_group_without_its_members_is_found_without_reading_memberships(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entra asks so before every change of a group (E13): what it costs does not follow the group's size."""
    client = OverStore(store, policy(directory="counted"), "entra", strict=False)
    made = [client.ask("POST", "/Users", {"userName": name}).json["id"] for name in ("ada", "bob")]
    members = [{"value": one} for one in made]
    group = client.ask("POST", "/Groups", {"displayName": "eng", "members": members}).json["id"]
    asked: list[str] = []
    run = Statements._run

    def watched(self: Statements, sql: str, given: tuple[Any, ...]) -> Any:
        asked.append(sql)
        return run(self, sql, given)

    monkeypatch.setattr(Statements, "_run", watched)
    for target in (f"/Groups/{group}", '/Groups?filter=displayName eq "eng"', "/Groups"):
        more = "&" if "?" in target else "?"
        answer = client.ask("GET", f"{target}{more}excludedAttributes=members", None)
        assert answer.status == 200
        assert "members" not in str(answer.json)
    assert len(asked) == 3
    assert not [sql for sql in asked if "scim_member" in sql]
