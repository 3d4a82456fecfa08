"""What holds for any requests in any order: the directory is what was told of it, what is refused leaves no trace."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.scim.exchange import Request
from connectors.scim.observe import observed
from connectors.scim.routing import METHODS
from reconciler.model import (
    DirectoryUser,
    GroupGone,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    UserGone,
    UsersSeen,
)
from tests.connectors.scim.client import BASE, Client, op, person, team
from tests.connectors.scim.memory import Memory


class Heard:
    """A mirror that knows only what was told."""

    def __init__(self) -> None:
        self.users: dict[str, DirectoryUser] = {}
        self.groups: dict[str, str] = {}
        self.edges: set[tuple[str, str]] = set()

    def hear(self, told: Iterable[Observation]) -> None:
        for each in told:
            if isinstance(each, UsersSeen):
                self.users |= {user.external_id: user for user in each.users}
            elif isinstance(each, GroupsSeen):
                self.groups |= {group.external_id: group.name for group in each.groups}
            elif isinstance(each, MembersSeen):
                self.edges |= {(each.group, member) for member in (*each.users, *each.groups)}
            elif isinstance(each, MembersLeft):
                self.edges -= {(each.group, member) for member in (*each.users, *each.groups)}
            elif isinstance(each, UserGone | GroupGone):
                self.users.pop(each.external_id, None)
                self.groups.pop(each.external_id, None)
                self.edges = {edge for edge in self.edges if each.external_id not in edge}

    def state(self) -> Any:
        return self.users, self.groups, self.edges


def known(memory: Memory) -> Any:
    """The same, from the resources."""
    users = {key: observed(each, frozenset()) for key, each in memory.resources.items() if each.kind == "User"}
    groups = {key: each.body["displayName"] for key, each in memory.resources.items() if each.kind == "Group"}
    edges = {(group, member) for group, members in memory.memberships.items() for member in members}
    return users, groups, edges


def trace(memory: Memory) -> Any:
    """Everything that is kept."""
    return dict(memory.resources), {group: tuple(members) for group, members in memory.memberships.items()}


IDS = st.sampled_from([f"{number:08d}-scim" for number in range(1, 9)] + ["nobody"])
NAMES = st.sampled_from(["ada", "ADA", "bob", "eve", ""])
MEMBERS = st.lists(IDS, max_size=4)
VALUES = MEMBERS.map(lambda ids: [{"value": each} for each in ids])
GROUP_OPS = st.one_of(
    st.builds(op, st.sampled_from(["add", "replace", "remove", "Add"]), st.just("members"), VALUES),
    st.builds(lambda one: op("remove", f'members[value eq "{one}"]'), IDS),
    st.builds(lambda kind: op("remove", f'members[type eq "{kind}"]'), st.sampled_from(["User", "Group"])),
    st.just(op("remove", "members")),
    st.builds(lambda name: op("replace", value={"displayName": name}), NAMES),
    st.builds(lambda one: op("replace", value={"id": one}), IDS),
)
USER_OPS = st.one_of(
    st.builds(lambda value: op("replace", "active", value), st.sampled_from([True, False, "False", "perhaps"])),
    st.builds(lambda name: op("replace", "userName", name), NAMES),
    st.builds(lambda name: op("add", 'emails[type eq "work"].value', name), NAMES),
    st.sampled_from([op("remove", "emails"), op("remove", "userName"), op("remove"), op("add", "title", "x")]),
)
STEPS = st.one_of(
    st.tuples(st.just("POST"), st.just("/Users"), NAMES.map(person)),
    st.tuples(st.just("POST"), st.just("/Groups"), st.builds(lambda name, ids: team(name, *ids), NAMES, MEMBERS)),
    st.tuples(st.just("PUT"), IDS.map("/Users/{}".format), NAMES.map(person)),
    st.tuples(st.just("PUT"), IDS.map("/Groups/{}".format), st.builds(lambda n, ids: team(n, *ids), NAMES, MEMBERS)),
    st.tuples(st.just("DELETE"), st.one_of(IDS.map("/Users/{}".format), IDS.map("/Groups/{}".format)), st.none()),
    st.tuples(st.just("PATCH"), IDS.map("/Users/{}".format), st.lists(USER_OPS, min_size=1, max_size=4)),
    st.tuples(st.just("PATCH"), IDS.map("/Groups/{}".format), st.lists(GROUP_OPS, min_size=1, max_size=4)),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.sampled_from(["generic", "entra"]), st.lists(STEPS, max_size=14))
def test_the_directory_is_what_was_told_of_it(strict: bool, dialect: str, steps: list[tuple[str, str, Any]]) -> None:
    client, heard = Client(dialect, strict=strict), Heard()
    for method, target, sent in steps:
        before = trace(client.memory)
        answer = client.patch(target, *sent) if method == "PATCH" else client.ask(method, target, sent)
        heard.hear(answer.told)
        assert heard.state() == known(client.memory)
        assert (trace(client.memory) != before) is answer.changed
        assert answer.status < 400 or not answer.changed
        assert answer.changed or answer.told == []


@settings(max_examples=100, deadline=None)
@given(st.booleans(), st.lists(STEPS, max_size=8), st.integers(0, 3))
def test_in_bulk_too(strict: bool, steps: list[tuple[str, str, Any]], most: int) -> None:
    client, heard = Client(strict=strict), Heard()
    client.user("kim")
    heard.hear(client.memory.told)
    before = trace(client.memory)
    patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    operations = [
        {"method": method, "path": path, "bulkId": f"{number}",
         "data": {"schemas": [patch], "Operations": sent} if method == "PATCH" else sent}
        for number, (method, path, sent) in enumerate(steps)
    ]  # fmt: skip
    sent = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    answer = client.post("/Bulk", sent | ({"failOnErrors": most} if most else {}))
    assert answer.status == 200
    heard.hear(answer.told)
    assert heard.state() == known(client.memory)
    assert answer.changed or trace(client.memory) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["bulkId:1", "userName", "members", "urn:x:y", "True", "emails[type eq \"work\"]", "a\0b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["schemas", "userName", "displayName", "members", "value", "name", "emails", "op", "path", "id",
                         "Operations", "data", "method", "bulkId", "filter", "count", "meta", "roles", "x.y", ""])
        | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
PATHS = st.sampled_from(["/", "/Users", "/Groups", "/.search", "/Users/.search", "/Bulk", "/Schemas",
    "/Users/00000001-scim", "/Groups/00000002-scim", "/Me", "//", "/Users//x"]) | st.text(max_size=12)  # fmt: skip
QUERIES = st.lists(st.tuples(
    st.sampled_from(["filter", "count", "startIndex", "sortBy", "sortOrder", "cursor", "attributes", "x", "FILTER",
                     "excludedAttributes", ""]),
    st.text(max_size=12) | st.sampled_from(['userName eq "a"', "1", "-1", "name.", "userName,", "emails[", "a\0"]),
), max_size=3)  # fmt: skip
METHOD = st.sampled_from(sorted({each for methods in METHODS.values() for each in methods}))


@settings(max_examples=400, deadline=None)
@given(st.booleans(), METHOD, PATHS, QUERIES, JSON | st.binary(max_size=20), st.text(max_size=10))
def test_any_request_has_an_answer(
    strict: bool, method: str, path: str, query: list[tuple[str, str]], sent: Any, tag: str
) -> None:
    client = Client(strict=strict)
    client.group("Eng", client.user("ada"))
    before = trace(client.memory)
    answer = client.ask(method, path.replace("?", ""), sent)
    assert 200 <= answer.status <= 501
    assert answer.status != 500
    assert answer.changed or trace(client.memory) == before
    asked = Request(method, path, tuple(query), {"if-match": tag, "if-none-match": tag, "accept": tag})
    assert client.listener.answer(asked, client.memory, "2026-11-21T09:00:00.000Z").status != 500
    assert client.listener.endpoint.base == BASE
