"""Google: what records mean, and what a pull makes of odd answers."""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from connectors.answer import Answer
from connectors.base import Malformed, Opened, Refused
from connectors.google import Google, to_group, to_user
from connectors.google_sdk import SCOPES
from connectors.google_wire import STANDARD, Group, Reading, User
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    MembersSeen,
    Observation,
    UsersSeen,
    UserState,
    Wanted,
)
from tests.connectors.google_answers import error, ok, record, recorded

# -- what records mean --------------------------------------------------------------------------------------------


def test_a_whole_person() -> None:
    assert to_user(record("101"), frozenset({"Jamie.jamie_role", "sites", "orgUnitPath", "name.fullName"})) == (
        DirectoryUser(
            external_id="101",
            state=UserState.ACTIVE,
            user_name="ada@acme.com",
            email="ada@acme.com",
            given_name="Ada",
            family_name="Lovelace",
            display_name="Ada Lovelace",
            title="Engineer",
            department="Analytical Engines",
            manager="charles@acme.com",
            attributes={"Jamie.jamie_role": "admin", "sites": ["London", "Turin"], "name.fullName": "Ada Lovelace"},
        )
    )


@pytest.mark.parametrize(
    ("person", "state"),
    [
        ("102", UserState.SUSPENDED),
        ("103", UserState.SUSPENDED),
        ("104", UserState.UNKNOWN),
        ("106", UserState.ACTIVE),
        ("107", UserState.GONE),
    ],
)
def test_states(person: str, state: UserState) -> None:
    assert to_user(record(person)).state is state


@pytest.mark.parametrize(
    ("person", "off_since"),
    [
        ("102", "2026-06-01T08:00:00.000Z"),
        ("103", "2026-07-01T08:00:00.000Z"),
        ("106", ""),
        ("107", "2026-11-01T08:00:00.000Z"),
    ],
)
def test_since_when_somebody_is_off(person: str, off_since: str) -> None:
    assert to_user(record(person)).off_since == off_since


def test_who_was_suspended_and_then_archived_is_off_since_the_first() -> None:
    fields = {"suspended": True, "archived": True, "suspensionTime": "2026-06-01", "archivalTime": "2026-07-01"}
    assert to_user(msgspec.convert({"id": "1", **fields}, User)).off_since == "2026-06-01"
    back = {**fields, "suspended": False, "archived": False}
    assert to_user(msgspec.convert({"id": "1", **back}, User)).off_since == ""


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"suspended": True}, UserState.SUSPENDED),
        ({"archived": True, "suspended": None}, UserState.SUSPENDED),
        ({"suspended": False}, UserState.UNKNOWN),
        ({"archived": False}, UserState.UNKNOWN),
        ({"suspended": "false", "archived": "false"}, UserState.UNKNOWN),
    ],
)
def test_a_missing_status_is_not_active(fields: dict[str, Any], state: UserState) -> None:
    assert to_user(msgspec.convert({"id": "1", **fields}, User)).state is state


def test_a_person_with_next_to_nothing() -> None:
    assert to_user(record("106")) == DirectoryUser(
        "106", UserState.ACTIVE, user_name="donald@acme.com", email="donald@acme.com"
    )


def test_guests_are_marked() -> None:
    assert [to_user(record(person)).guest for person in ("101", "105")] == [False, True]


def test_an_odd_text_costs_only_itself() -> None:
    odd = {
        "id": "1",
        "suspended": False,
        "archived": False,
        "name": {"givenName": 7},
        "organizations": [{"title": None}],
    }
    assert to_user(msgspec.convert(odd, User)) == DirectoryUser("1", UserState.ACTIVE)


def test_groups() -> None:
    assert [to_group(msgspec.convert(raw, Group)) for raw in recorded("groups.json")["groups"]] == [
        DirectoryGroup("01admins", "Jamie Admins", "jamie-admins@acme.com"),
        DirectoryGroup("02design", "Design", "design@acme.com"),
    ]


@pytest.mark.parametrize(
    ("attributes", "projection", "schemas"),
    [
        ((), "basic", None),
        (("orgUnitPath", "organizations.department"), "basic", None),
        (("Jamie.jamie_role", "HR.grade", "Jamie.sites"), "custom", "HR,Jamie"),
        (("customSchemas.Jamie.jamie_role",), "custom", "Jamie"),
        (("jamie_role", "Jamie.sites"), "full", None),
    ],
)
def test_only_what_is_needed_is_asked_for(attributes: tuple[str, ...], projection: str, schemas: str | None) -> None:
    query = Reading(frozenset(attributes)).query
    assert (query["projection"], query.get("customFieldMask")) == (projection, schemas)
    assert ("customSchemas" in query["fields"]) is (projection != "basic")
    assert ("orgUnitPath" in query["fields"]) is ("orgUnitPath" in attributes)


def test_standard_attributes_are_read() -> None:
    attributes = frozenset({"orgUnitPath", "organizations.department", "isAdmin", "phones"})
    raw = recorded("users.json")["users"][0]
    assert to_user(Reading(attributes).one.decode(json.dumps(raw)), attributes).attributes == {
        "orgUnitPath": "/Engineering",
        "organizations.department": "Analytical Engines",
        "isAdmin": False,
    }


def test_what_a_job_or_a_list_holds_is_read_of_the_primary_one() -> None:
    """Regression: of a job only title and department were read, of lists without a class nothing."""
    attributes = frozenset({"organizations.costCenter", "organizations.title", "externalIds.value", "name.displayName"})
    raw = {
        "id": "1",
        "name": {"givenName": "Ada", "displayName": "Countess"},
        "organizations": [{"title": "Old", "costCenter": "1"}, {"title": "New", "costCenter": "42", "primary": True}],
        "externalIds": [{"value": "E7", "type": "organization"}, {"value": "X", "type": "custom"}],
    }
    reading = Reading(attributes)
    found = to_user(reading.one.decode(json.dumps(raw)), attributes)
    assert found.attributes == {
        "organizations.costCenter": "42", "organizations.title": "New", "externalIds.value": "E7",
        "name.displayName": "Countess",
    }  # fmt: skip
    assert (found.title, found.given_name) == ("New", "Ada")
    assert "name(givenName,familyName,fullName,displayName)" in reading.query["fields"]


def test_the_discovery_document_knows_all_this() -> None:
    text = (files("googleapiclient.discovery_cache.documents") / "admin.directory_v1.json").read_text(encoding="utf-8")
    api = json.loads(text)
    assert set(api["schemas"]["User"]["properties"]) >= STANDARD
    for resource, scope in (("users", SCOPES[0]), ("groups", SCOPES[1]), ("members", SCOPES[1])):
        assert scope in api["resources"][resource]["methods"]["list"]["scopes"]


# -- a pull, of scripted answers ----------------------------------------------------------------------------------

Script = dict[str, list[Answer]]  # "users", "users/104", "groups", "01admins" → answers in order, the last one repeats


class ScriptedSdk:
    """Stands in for the SDK: requests are (key, parameters), answers come from a script."""

    def __init__(self, script: Script) -> None:
        self.script = {key: list(answers) for key, answers in script.items()}
        self.asked: list[str] = []
        ask: Callable[[str, str], Callable[..., str]] = lambda key, by: lambda **query: key + query.get(by, "")  # noqa: E731
        self.users = SimpleNamespace(list=ask("users", ""), get=ask("users/", "userKey"))
        self.groups = SimpleNamespace(list=ask("groups", ""))
        self.members = SimpleNamespace(list=ask("", "groupKey"))

    async def send(self, request: str) -> Answer:
        self.asked.append(request)
        answers = self.script[request]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def renew(self) -> None: ...

    async def close(self) -> None: ...


def pulled(script: Mapping[str, Answer | list[Answer]], *groups: str, **wanted: Any) -> list[Observation]:
    given = {"users": ok(recorded("users.json")), "groups": ok(recorded("groups.json")), **script}
    sdk: Any = ScriptedSdk({key: found if isinstance(found, list) else [found] for key, found in given.items()})

    async def walk() -> list[Observation]:
        google = Google("my_customer", sdk, Opened("acme"))
        return [found async for found in google.pull(Wanted(groups=frozenset(groups), **wanted))]

    return asyncio.run(walk())


def end(observations: list[Observation], collection: str, group: str = "") -> CollectionEnd:
    ends = [found for found in observations if isinstance(found, CollectionEnd)]
    return next(found for found in ends if (found.collection, found.group) == (collection, group))


STILL_UNKNOWN = ok({"id": "104", "primaryEmail": "edsger@acme.com"})
NOW_KNOWN = ok({"id": "104", "primaryEmail": "edsger@acme.com", "suspended": False, "archived": False})


@pytest.mark.parametrize(
    ("again", "state", "complete"),
    [
        (NOW_KNOWN, UserState.ACTIVE, True),
        (STILL_UNKNOWN, UserState.UNKNOWN, False),
        (error("group gone"), UserState.UNKNOWN, False),
    ],
)
def test_people_without_a_status_are_asked_for_again(again: Answer, state: UserState, complete: bool) -> None:
    seen = pulled({"users/104": again})
    (page,) = [found for found in seen if isinstance(found, UsersSeen)]
    assert next(user.state for user in page.users if user.external_id == "104") is state
    users = end(seen, "users")
    assert users.completeness is (Completeness.COMPLETE if complete else Completeness.PARTIAL)
    assert ("104" in users.reason) is not complete


def test_many_people_without_a_status_are_not_all_asked_for_again() -> None:
    people = [{"id": str(number)} for number in range(500)]
    unknown = {f"users/{person['id']}": ok(person) for person in people}
    users = end(pulled({"users": ok({"users": people}), **unknown}), "users")
    assert users.completeness is Completeness.PARTIAL
    assert users.reason == "no status for 500 people: 0, 1, 2, 3, 4, …"


def empty(kind: str, **more: str) -> Answer:
    return ok({"kind": f"admin#directory#{kind}", **more})


def test_a_directory_without_people_is_not_believed() -> None:
    users = end(pulled({"users": empty("users")}), "users")
    assert (users.completeness, users.reason) == (Completeness.PARTIAL, "Google lists no people at all")


@pytest.mark.parametrize(("groups", "complete"), [((), True), (("Design",), False)])
def test_no_groups_are_believed_only_when_none_are_used(groups: tuple[str, ...], complete: bool) -> None:
    found = end(pulled({"users/104": NOW_KNOWN, "groups": empty("groups")}, *groups), "groups")
    assert (found.completeness is Completeness.COMPLETE) is complete


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ok({}), "neither a list nor an empty page"),
        (Answer(200, {}, b"<html>Welcome"), "starting '<html>Welcome'"),
        (Answer(200, {}, b'{"users": [{"id": "1"'), "not the JSON"),
        (Answer(200, {}, b"[]"), "not as the API documents"),
        (ok({"users": [{"primaryEmail": "a@acme.com"}]}), "missing required field `id`"),
        (ok({"users": {}}), "Expected `array | null`, got `object`"),
    ],
)
def test_an_answer_that_is_no_answer(answer: Answer, says: str) -> None:
    with pytest.raises(Malformed, match="GET /admin/directory/v1/users") as raised:
        pulled({"users": answer})
    assert says in raised.value.message


@pytest.mark.parametrize("collection", ["users", "groups"])
@pytest.mark.parametrize("name", ["not an admin", "api not enabled", "customer"])
def test_a_collection_that_may_not_be_listed_stops_the_pull(collection: str, name: str) -> None:
    with pytest.raises(Refused) as raised:
        pulled({"users/104": NOW_KNOWN, collection: error(name)})
    assert raised.value.request == f"GET /admin/directory/v1/{collection}"
    assert raised.value.fix


def test_pages_are_read_to_the_end_even_past_an_empty_one() -> None:
    pages = [ok({"users": [{"id": "1", "suspended": True}], "nextPageToken": "a"}),
             empty("users", nextPageToken="b"),
             ok({"users": [{"id": "2", "suspended": True}], "nextPageToken": ""})]  # fmt: skip
    seen = pulled({"users": pages})
    assert [user.external_id for page in seen if isinstance(page, UsersSeen) for user in page.users] == ["1", "2"]
    assert end(seen, "users").completeness is Completeness.COMPLETE


def test_members_are_told_apart() -> None:
    seen = pulled({"users/104": NOW_KNOWN, "01admins": ok(recorded("members.json"))}, "Jamie Admins", nested=False)
    assert MembersSeen("01admins", ("101", "102"), ("02design",)) in seen
    members = end(seen, "members", "01admins")
    assert members.completeness is Completeness.PARTIAL
    assert "every user of the account" in members.reason


def test_a_member_without_an_id_makes_the_group_partial() -> None:
    seen = pulled({"users/104": NOW_KNOWN, "02design": ok(members(members=[{"type": "USER"}]))}, "Design")
    found = end(seen, "members", "02design")
    assert (found.completeness, "no id" in found.reason) == (Completeness.PARTIAL, True)


def test_a_page_token_that_repeats_ends_the_listing_as_partial() -> None:
    users = end(pulled({"users": empty("users", nextPageToken="same")}), "users")
    assert (users.completeness, "in circles" in users.reason) == (Completeness.PARTIAL, True)


members = partial(dict[str, Any], kind="admin#directory#members")


def test_nested_groups_are_read_once_and_circles_end() -> None:
    inner = ok(members(members=[{"type": "GROUP", "id": "01admins"}, {"type": "USER", "id": "101"}]))
    outer = ok(members(members=[{"type": "GROUP", "id": "02design"}, {"type": "GROUP", "id": "foreign"}]))
    seen = pulled(
        {"users/104": NOW_KNOWN, "01admins": outer, "02design": inner, "foreign": error("not an admin")},
        "jamie-admins@acme.com",
    )
    ends = [found for found in seen if isinstance(found, CollectionEnd) and found.collection == "members"]
    assert [(found.group, found.completeness.value) for found in ends] == [
        ("01admins", "complete"),
        ("02design", "complete"),
        ("foreign", "partial"),
    ]


@pytest.mark.parametrize(
    ("group", "answer", "complete"),
    [
        ("02design", empty("members"), True),
        ("01admins", empty("members"), False),  # Google counts two members
        ("02design", error("not an admin"), False),
        ("02design", error("group gone"), False),
    ],
)
def test_when_a_groups_members_are_believed(group: str, answer: Answer, complete: bool) -> None:
    found = end(pulled({"users/104": NOW_KNOWN, group: answer}, group), "members", group)
    assert (found.completeness is Completeness.COMPLETE) is complete
    assert bool(found.reason) is not complete


def test_a_bare_name_in_two_schemas_is_refused() -> None:
    people = [{"id": "1", "suspended": True, "customSchemas": {"Jamie": {"role": "a"}}},
              {"id": "2", "suspended": True, "customSchemas": {"HR": {"role": "b"}}}]  # fmt: skip
    with pytest.raises(Refused, match="'role' is a field of 2 custom schemas") as raised:
        pulled({"users": ok({"users": people})}, attributes=frozenset({"role"}))
    assert raised.value.fix == "write HR.role or Jamie.role"
